//! Files into and out of containers, as tar archives.

use std::io::Read as _;

use jiff::Timestamp;
use serde_json::json;

use super::{
    call::{Answer, Call, Outcome, Payload, Refusal, instant},
    containers, engine, engine_mut,
};
use crate::sandbox::world::{Container, Content, Engine, Node, NodeKind, Tree, World};

/// The bit by which Go marks a folder.
const GO_FOLDER: u32 = 1 << 31;
/// The bit by which Go marks a link.
const GO_LINK: u32 = 1 << 27;

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("PUT", ["containers", name, "archive"]) => put(world, call, name),
        ("GET" | "HEAD", ["containers", name, "archive"]) => get(world, call, name),
        _ => return None,
    };
    Some(outcome)
}

/// Where files lie: in a volume, or in the container itself.
enum Home {
    Volume(String),
    Own,
}

fn wanted(call: &Call) -> Result<String, Refusal> {
    match call.parameter("path") {
        None | Some("") => Err(Refusal::new(400, "bad parameter: pathcannot be empty")),
        Some(path) => Ok(path.to_owned()),
    }
}

/// A path without what changes nothing.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The mount that holds a path, and the path within it.
fn home(container: &Container, path: &str) -> (Home, String) {
    let mut best: Option<(&str, String)> = None;
    for mount in container.mounts.iter().filter(|mount| mount.kind == "volume") {
        let target = clean(&mount.target);
        let rest = if path == target { Some("") } else { path.strip_prefix(&format!("{target}/")) };
        let is_deeper = |rest: &&str| best.as_ref().is_none_or(|(_, other)| other.len() > rest.len());
        if let Some(rest) = rest.filter(is_deeper) {
            best = Some((&mount.source, rest.to_owned()));
        }
    }
    match best {
        Some((volume, rest)) => (Home::Volume(volume.to_owned()), rest),
        None => (Home::Own, path.to_owned()),
    }
}

fn tree<'a>(engine: &'a Engine, id: &str, home: &Home) -> Option<&'a Tree> {
    match home {
        Home::Volume(name) => engine.volumes.get(name).map(|volume| &volume.files),
        Home::Own => engine.containers.get(id).map(|container| &container.files),
    }
}

fn tree_mut<'a>(engine: &'a mut Engine, id: &str, home: &Home) -> Option<&'a mut Tree> {
    match home {
        Home::Volume(name) => engine.volumes.get_mut(name).map(|volume| &mut volume.files),
        Home::Own => engine.containers.get_mut(id).map(|container| &mut container.files),
    }
}

fn put(world: &mut World, call: &Call, name: &str) -> Outcome {
    let path = wanted(call)?;
    let engine = engine_mut(world, call)?;
    let id = containers::find(engine, name)?;
    let Some(container) = engine.containers.get(&id) else {
        return Err(Refusal::new(404, format!("No such container: {name}")));
    };
    let (home, below) = home(container, &clean(&path));
    let is_mount_point = |path: &str| container.mounts.iter().any(|mount| clean(&mount.target) == path);
    let files = tree(engine, &id, &home).cloned().unwrap_or_default();
    match files.0.get(&below).map(|node| &node.kind) {
        Some(NodeKind::Folder) => {}
        Some(NodeKind::File(_) | NodeKind::Link(_)) => {
            return Err(Refusal::new(500, "extraction point is not a directory"));
        }
        None if below.is_empty() || is_mount_point(&below) => {}
        None => return Err(Refusal::new(404, format!("Could not find the file {path} in container {name}"))),
    }
    let new = unpack(&call.body, &below)
        .map_err(|cause| Refusal::new(500, format!("Error processing tar file(exit status 1): {cause}")))?;
    if let Some(tree) = tree_mut(engine, &id, &home) {
        tree.0.extend(new.0);
    }
    Ok(Answer::status(200).into())
}

/// Reads an archive, packed or not.
pub fn unpack(bytes: &[u8], below: &str) -> Result<Tree, String> {
    let mut plain = Vec::new();
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).map_err(|cause| cause.to_string())?;
        &plain
    } else {
        bytes
    };
    if !bytes.is_empty() && bytes.len() < 512 {
        return Err("unexpected EOF".to_owned());
    }
    let mut tree = Tree::default();
    let mut archive = tar::Archive::new(bytes);
    let invalid = |_| "archive/tar: invalid tar header".to_owned();
    for entry in archive.entries().map_err(invalid)? {
        let mut entry = entry.map_err(invalid)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = clean(&format!("{below}/{name}"));
        let header = entry.header();
        let kind = header.entry_type();
        let node = |kind, header: &tar::Header| Node {
            kind,
            mode: header.mode().unwrap_or(0o644) & 0o7777,
            modified: header.mtime().unwrap_or_default(),
        };
        let found = if kind.is_dir() {
            node(NodeKind::Folder, header)
        } else if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
            node(NodeKind::Link(target.unwrap_or_default()), header)
        } else if kind.is_file() {
            let mut node = node(NodeKind::Folder, header);
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(|_| "unexpected EOF".to_owned())?;
            node.kind = NodeKind::File(Content::new(&content));
            node
        } else {
            continue;
        };
        if !path.is_empty() {
            // Folders that an archive does not name are made on the way.
            for (place, _) in path.match_indices('/') {
                let folder = Node { kind: NodeKind::Folder, mode: 0o755, modified: found.modified };
                tree.0.entry(path[..place].to_owned()).or_insert(folder);
            }
            tree.0.insert(path, found);
        }
    }
    tree.0.retain(|path, _| path != below);
    Ok(tree)
}

fn get(world: &World, call: &Call, name: &str) -> Outcome {
    let path = wanted(call)?;
    let engine = engine(world, call)?;
    let id = containers::find(engine, name)?;
    let Some(container) = engine.containers.get(&id) else {
        return Err(Refusal::new(404, format!("No such container: {name}")));
    };
    let (home, below) = home(container, &clean(&path));
    let files = tree(engine, &id, &home).cloned().unwrap_or_default();
    let root = Node { kind: NodeKind::Folder, mode: 0o755, modified: seconds(container.created_at) };
    let node = match files.0.get(&below) {
        Some(node) => node.clone(),
        None if below.is_empty() => root,
        None => {
            return Err(Refusal::new(404, format!("Could not find the file {path} in container {name}")));
        }
    };
    let contents_only = path.ends_with("/.") || clean(&path).is_empty();
    let base = clean(&path).rsplit('/').next().unwrap_or_default().to_owned();
    let base = if contents_only { ".".to_owned() } else { base };
    let stat = stat(&base, &node);
    let mut answer = if call.method == "HEAD" {
        Answer::status(200)
    } else {
        let bytes = pack(&files, &below, &base, &node).map_err(|cause| Refusal::new(500, cause))?;
        Answer::with(200, Payload::Bytes("application/x-tar", bytes))
    };
    answer.headers.push(("x-docker-container-path-stat", stat));
    Ok(answer.into())
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or_default()
}

fn stat(name: &str, node: &Node) -> String {
    let (size, mode, link) = match &node.kind {
        NodeKind::Folder => (4096, node.mode | GO_FOLDER, ""),
        NodeKind::Link(target) => (target.len() as u64, node.mode | GO_LINK, target.as_str()),
        NodeKind::File(content) => (content.size, node.mode, ""),
    };
    let modified = Timestamp::from_second(i64::try_from(node.modified).unwrap_or_default()).ok();
    let document = json!({ "name": name, "size": size, "mode": mode, "mtime": instant(modified), "linkTarget": link });
    data_encoding::BASE64.encode(document.to_string().as_bytes())
}

fn pack(files: &Tree, below: &str, base: &str, top: &Node) -> Result<Vec<u8>, String> {
    let mut builder = tar::Builder::new(Vec::new());
    append(&mut builder, base, top)?;
    let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
    for (path, node) in &files.0 {
        if let Some(rest) = path.strip_prefix(&prefix).filter(|rest| !rest.is_empty()) {
            append(&mut builder, &format!("{base}/{rest}"), node)?;
        }
    }
    builder.into_inner().map_err(|cause| cause.to_string())
}

fn append(builder: &mut tar::Builder<Vec<u8>>, name: &str, node: &Node) -> Result<(), String> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(node.mode);
    header.set_mtime(node.modified);
    header.set_uid(0);
    header.set_gid(0);
    let done = match &node.kind {
        NodeKind::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_size(0);
            builder.append_data(&mut header, format!("{name}/"), std::io::empty())
        }
        NodeKind::Link(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, name, target)
        }
        NodeKind::File(content) => {
            let bytes = content.bytes().ok_or_else(|| {
                format!(
                    "{name} came before the sandbox was started anew, which keeps only size and hash of large files"
                )
            })?;
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(content.size);
            builder.append_data(&mut header, name, bytes.as_slice())
        }
    };
    done.map_err(|cause| cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_comes_out_as_it_went_in() {
        let mut files = Tree::default();
        let file = Node { kind: NodeKind::File(Content::new(b"hello")), mode: 0o640, modified: 7 };
        let folder = Node { kind: NodeKind::Folder, mode: 0o755, modified: 7 };
        files.0.insert("a".into(), folder.clone());
        files.0.insert("a/b".into(), file);
        let bytes = pack(&files, "", ".", &folder).unwrap();
        assert_eq!(unpack(&bytes, "").unwrap(), files);
    }

    #[test]
    fn garbage_is_refused() {
        assert_eq!(unpack(b"garbage", "").unwrap_err(), "unexpected EOF");
        assert!(unpack(&[b'g'; 1024], "").unwrap_err().contains("invalid tar header"));
    }
}
