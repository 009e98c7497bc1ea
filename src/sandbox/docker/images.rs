//! Images: what is there, and what is pulled.

use std::collections::BTreeSet;

use globset::GlobBuilder;
use serde_json::{Value, json};

use super::{
    call::{Answer, Call, Filters, Outcome, Payload, Refusal, instant, words},
    engine, engine_mut, events,
    registry::Missing,
};
use crate::sandbox::world::{Engine, Image, World};

/// Answers what is this kind's. Names hold slashes.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["images", "json"]) => list(world, call),
        ("POST", ["images", "create"]) => pull(world, call),
        ("GET", ["images", name @ .., "json"]) => inspect(world, call, &name.join("/")),
        ("GET", ["distribution", name @ .., "json"]) if !name.is_empty() => distribution(world, &name.join("/")),
        ("POST", ["images", name @ .., "tag"]) => tag(world, call, &name.join("/")),
        ("DELETE", ["images", name @ ..]) if !name.is_empty() => remove(world, call, &name.join("/")),
        _ => return None,
    };
    Some(outcome)
}

/// A reference in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    /// The name as the engine shows it: without Docker Hub's host.
    familiar: String,
    /// The repository in its registry.
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    fn parse(text: &str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        // A colon before the last slash belongs to a port.
        let place = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[place..].split_once(':') {
            Some((_, tag)) => (&rest[..rest.len() - tag.len() - 1], Some(tag.to_owned())),
            None => (rest, None),
        };
        let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
        let (host, path) = match name.split_once('/') {
            Some((first, path)) if is_host(first) => (first, path),
            _ => ("docker.io", name),
        };
        let is_hub = ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(&host);
        let path = if is_hub { path.strip_prefix("library/").unwrap_or(path) } else { path };
        let familiar = if is_hub { path.to_owned() } else { format!("{host}/{path}") };
        Self { familiar, repository: path.to_owned(), tag, digest }
    }

    /// Whether it is Docker Hub's.
    fn is_hub(&self) -> bool {
        self.familiar == self.repository
    }

    /// As images are listed.
    fn shown(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("{}@{digest}", self.familiar),
            (None, Some(tag)) => format!("{}:{tag}", self.familiar),
            (None, None) => format!("{}:latest", self.familiar),
        }
    }
}

/// The id of an image: by id or its beginning, by tag, or by digest.
pub fn find(engine: &Engine, name: &str) -> Result<String, Refusal> {
    let bare = name.strip_prefix("sha256:").unwrap_or(name);
    let shown = Reference::parse(name).shown();
    let named = engine
        .images
        .iter()
        .find(|(_, image)| image.tags.contains(&shown) || image.digests.contains(&shown))
        .map(|(id, _)| id.clone());
    let is_hexadecimal = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    let begins = |id: &&String| is_hexadecimal && id.strip_prefix("sha256:").is_some_and(|id| id.starts_with(bare));
    named
        .or_else(|| engine.images.keys().find(begins).cloned())
        .ok_or_else(|| Refusal::new(404, format!("No such image: {shown}")))
}

fn list(world: &World, call: &Call) -> Outcome {
    let filters = call.filters(&["before", "dangling", "label", "reference", "since"])?;
    let engine = engine(world, call)?;
    let shown = engine.images.iter().filter_map(|(id, image)| {
        let (tags, digests) = (fitting(&image.tags, &filters), fitting(&image.digests, &filters));
        let fits = filters.labels(&words(&image.config["Labels"]))
            && filters.any("dangling", |word| matches!(word, "true" | "1") == image.tags.is_empty())
            && (!filters.has("reference") || !tags.is_empty() || !digests.is_empty());
        fits.then(|| {
            json!({
                "Containers": -1,
                "Created": image.created_at.as_second(),
                "Id": id,
                "Labels": image.config["Labels"],
                "ParentId": "",
                "RepoDigests": some(&digests, "<none>@<none>", &tags),
                "RepoTags": some(&tags, "<none>:<none>", &digests),
                "SharedSize": -1,
                "Size": image.size,
                "VirtualSize": image.size,
            })
        })
    });
    Ok(Answer::json(json!(shown.collect::<Vec<Value>>())).into())
}

/// The names that a filter asks for, with or without their tag.
fn fitting(names: &BTreeSet<String>, filters: &Filters) -> BTreeSet<String> {
    let fits = |name: &str, word: &str| {
        let glob = GlobBuilder::new(word).literal_separator(true).build().map(|glob| glob.compile_matcher());
        let reference = Reference::parse(name);
        glob.is_ok_and(|glob| glob.is_match(name) || glob.is_match(&reference.familiar))
    };
    names.iter().filter(|name| filters.any("reference", |word| fits(name, word))).cloned().collect()
}

/// Names, or null; an image without any name is shown with a placeholder.
fn some(names: &BTreeSet<String>, placeholder: &str, others: &BTreeSet<String>) -> Value {
    match (names.is_empty(), others.is_empty()) {
        (false, _) => json!(names),
        (true, true) => json!([placeholder]),
        (true, false) => Value::Null,
    }
}

fn inspect(world: &World, call: &Call, name: &str) -> Outcome {
    let engine = engine(world, call)?;
    let missing = |refusal: Refusal| {
        let shown = refusal.message.trim_start_matches("No such image: ").to_owned();
        Refusal::new(404, format!("no such image: {name}: No such image: {shown}"))
    };
    let id = find(engine, name).map_err(missing)?;
    let Some(image) = engine.images.get(&id) else {
        return Err(Refusal::new(404, format!("No such image: {name}")));
    };
    let mut config = json!({
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false, "AttachStderr": false,
        "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": null, "Cmd": null, "Image": "", "Volumes": null,
        "WorkingDir": "", "Entrypoint": null, "OnBuild": null, "Labels": null,
    });
    for (name, value) in image.config.as_object().into_iter().flatten() {
        config[name] = value.clone();
    }
    let body = json!({
        "Id": id,
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Parent": "",
        "Comment": "",
        "Created": instant(Some(image.created_at)),
        "Container": "",
        "DockerVersion": "",
        "Author": "",
        "Config": config,
        "Architecture": image.architecture,
        "Os": "linux",
        "Size": image.size,
        "VirtualSize": image.size,
        "GraphDriver": { "Data": null, "Name": "overlay2" },
        "RootFS": { "Type": "layers", "Layers": image.layers },
        "Metadata": { "LastTagTime": "0001-01-01T00:00:00Z" },
    });
    Ok(Answer::json(body).into())
}

/// What a registry says of a name, asked by the engine.
fn distribution(world: &World, name: &str) -> Outcome {
    let reference = Reference::parse(name);
    let asked = reference.digest.as_deref().or(reference.tag.as_deref()).unwrap_or("latest");
    let described = world.registry.describe(&reference.repository, asked).map_err(|missing| match missing {
        Missing::Repository => Refusal::new(
            403,
            "errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n",
        ),
        Missing::Manifest | Missing::Platform => Refusal::new(404, "manifest unknown: manifest unknown"),
    })?;
    Ok(Answer::json(described).into())
}

/// Pulls from the registry of this world, whatever host the name has.
fn pull(world: &mut World, call: &Call) -> Outcome {
    let name = call.parameter("fromImage").unwrap_or_default();
    if name.is_empty() {
        return Err(Refusal::new(500, "the sandbox imports no images; give fromImage"));
    }
    if name.contains(|letter: char| letter.is_ascii_uppercase()) {
        return Err(Refusal::new(400, "invalid reference format: repository name must be lowercase"));
    }
    let mut reference = Reference::parse(name);
    match call.parameter("tag") {
        Some(digest) if digest.contains(':') => reference.digest = Some(digest.to_owned()),
        Some(tag) if !tag.is_empty() => reference.tag = Some(tag.to_owned()),
        Some(_) | None => {}
    }
    let tags = match (&reference.digest, &reference.tag) {
        (Some(digest), _) => vec![digest.clone()],
        (None, Some(tag)) => vec![tag.clone()],
        (None, None) => world.registry.tags(&reference.repository),
    };
    if tags.is_empty() {
        return Err(denied(&reference));
    }
    let platform = call.parameter("platform").filter(|platform| !platform.is_empty()).map(str::to_owned);
    let mut lines = Vec::new();
    for tag in tags {
        lines.extend(pull_one(world, call, &reference, &tag, platform.as_deref())?);
    }
    Ok(Answer::with(200, Payload::Lines(lines)).into())
}

fn denied(reference: &Reference) -> Refusal {
    let name = &reference.familiar;
    Refusal::new(
        404,
        format!(
            "pull access denied for {name}, repository does not exist or may require 'docker login': denied: requested access to \
             the resource is denied"
        ),
    )
}

fn pull_one(
    world: &mut World,
    call: &Call,
    reference: &Reference,
    tag: &str,
    platform: Option<&str>,
) -> Result<Vec<Value>, Refusal> {
    let now = world.now;
    let architecture = match platform {
        None => engine(world, call)?.platform().to_owned(),
        Some(platform) => platform.split('/').nth(1).unwrap_or(platform).to_owned(),
    };
    let is_digest = tag.contains(':');
    let shown =
        if is_digest { format!("{}@{tag}", reference.familiar) } else { format!("{}:{tag}", reference.familiar) };
    let id = if is_digest { &shown } else { tag };
    let mut lines = vec![json!({ "status": format!("Pulling from {}", reference.repository), "id": id })];
    let found = match world.registry.find(&reference.repository, tag, &architecture) {
        Ok(found) => found,
        // Docker Hub hides what is not public, a registry without accounts has nothing to hide.
        Err(Missing::Repository) if reference.is_hub() => return Err(denied(reference)),
        Err(Missing::Repository | Missing::Manifest) => {
            return Err(Refusal::new(
                404,
                format!("manifest for {shown} not found: manifest unknown: manifest unknown"),
            ));
        }
        Err(Missing::Platform) => {
            let message = format!("no matching manifest for linux/{architecture} in the manifest list entries");
            lines.push(json!({ "errorDetail": { "message": message }, "error": message }));
            return Ok(lines);
        }
    };
    let engine = engine_mut(world, call)?;
    let is_new = !engine.images.contains_key(&found.id);
    for (layer, size) in found.layers.iter().filter(|_| is_new) {
        let id = &layer["sha256:".len()..][..12];
        let step = |status: &str, detail: Value| json!({ "status": status, "progressDetail": detail, "id": id });
        lines.push(step("Pulling fs layer", json!({})));
        lines.push(step("Downloading", json!({ "current": size, "total": size })));
        lines.push(step("Verifying Checksum", json!({})));
        lines.push(step("Download complete", json!({})));
        lines.push(step("Extracting", json!({ "current": size, "total": size })));
        lines.push(step("Pull complete", json!({})));
    }
    let digest_name = format!("{}@{}", reference.familiar, found.digest);
    // The tag leaves the image that had it.
    for (_, other) in engine.images.iter_mut().filter(|(id, _)| **id != found.id) {
        other.tags.remove(&shown);
    }
    let image = engine.images.entry(found.id.clone()).or_insert_with(|| Image {
        tags: BTreeSet::new(),
        digests: BTreeSet::new(),
        architecture: found.architecture,
        size: found.size,
        config: found.config,
        layers: found.hashes,
        files: found.files,
        created_at: now,
    });
    let is_known = image.tags.contains(&shown) || is_digest && image.digests.contains(&digest_name);
    image.digests.insert(digest_name);
    if !is_digest {
        image.tags.insert(shown.clone());
    }
    lines.push(json!({ "status": format!("Digest: {}", found.digest) }));
    let outcome = if is_new || !is_known { "Downloaded newer image" } else { "Image is up to date" };
    lines.push(json!({ "status": format!("Status: {outcome} for {shown}") }));
    events::note(world, &call.engine, "image", "pull", &shown, &[("name", &reference.familiar)], now);
    Ok(lines)
}

fn tag(world: &mut World, call: &Call, name: &str) -> Outcome {
    let now = world.now;
    let reference = Reference::parse(&format!(
        "{}:{}",
        call.parameter("repo").unwrap_or_default(),
        call.parameter("tag").filter(|tag| !tag.is_empty()).unwrap_or("latest")
    ));
    let engine = engine_mut(world, call)?;
    let id = find(engine, name)?;
    for image in engine.images.values_mut() {
        image.tags.remove(&reference.shown());
    }
    if let Some(image) = engine.images.get_mut(&id) {
        image.tags.insert(reference.shown());
    }
    events::note(world, &call.engine, "image", "tag", &id, &[("name", &reference.shown())], now);
    Ok(Answer::with(201, Payload::None).into())
}

/// Takes a name away, and the image with its last one.
fn remove(world: &mut World, call: &Call, name: &str) -> Outcome {
    let now = world.now;
    let force = call.flag("force");
    let engine = engine_mut(world, call)?;
    let id = find(engine, name)?;
    let short = &id["sha256:".len()..][..12];
    let shown = Reference::parse(name).shown();
    let Some(image) = engine.images.get_mut(&id) else {
        return Err(Refusal::new(404, format!("No such image: {shown}")));
    };
    let by_name = image.tags.contains(&shown) || image.digests.contains(&shown);
    let is_last = by_name && image.tags.iter().filter(|tag| **tag != shown).count() == 0;
    let user = engine.containers.iter().find(|(_, container)| container.image_id == id);
    if let Some((container, state)) = user.filter(|_| !by_name || is_last) {
        let container = &container[..12];
        let running = state.status.is_alive();
        let message = match (by_name, running) {
            (true, _) => format!(
                "conflict: unable to remove repository reference \"{name}\" (must force) - container {container} is using its \
                 referenced image {short}"
            ),
            (false, true) => format!(
                "conflict: unable to delete {short} (cannot be forced) - image is being used by running container {container}"
            ),
            (false, false) => format!(
                "conflict: unable to delete {short} (must be forced) - image is being used by stopped container {container}"
            ),
        };
        let is_forced = force && (by_name || !running);
        if !is_forced {
            return Err(Refusal::new(409, message));
        }
    }
    let is_used = user.is_some();
    let mut done = Vec::new();
    if by_name && !is_last {
        image.tags.remove(&shown);
        done.push(json!({ "Untagged": shown }));
    } else {
        let names = std::mem::take(&mut image.tags).into_iter().chain(std::mem::take(&mut image.digests));
        done.extend(names.map(|name| json!({ "Untagged": name })));
        if !is_used {
            engine.images.remove(&id);
            done.push(json!({ "Deleted": id }));
        }
    }
    events::note(world, &call.engine, "image", "delete", &id, &[("name", &id)], now);
    Ok(Answer::json(json!(done)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_shown_in_their_familiar_form() {
        let shown = |text| Reference::parse(text).shown();
        assert_eq!(shown("busybox"), "busybox:latest");
        assert_eq!(shown("docker.io/library/busybox:1"), "busybox:1");
        assert_eq!(shown("127.0.0.1:5000/a/b:1"), "127.0.0.1:5000/a/b:1");
        assert_eq!(shown("a/b:1@sha256:00"), "a/b@sha256:00");
        assert_eq!(Reference::parse("127.0.0.1:5000/a/b").repository, "a/b");
    }
}
