//! A stand-in for the API server of a Kubernetes cluster: no more of it than the program and the operator use.
//!
//! Status codes and texts are those that a real server (1.36) gave to the same requests; the same suite is run against
//! both.

mod access;
mod apply;
mod call;
mod delete;
mod deployments;
mod kinds;
mod patch;
mod read;
mod select;
pub mod serve;
mod settle;
mod valid;
mod watch;
mod write;

use jiff::Timestamp;

use call::{Answer, Call, Outcome, Refusal, Reply};
use kinds::Resource;
use write::Writing;

use crate::sandbox::world::Cluster;

/// What a path leads to.
#[derive(Debug)]
pub struct Target {
    /// The kind.
    pub resource: Resource,
    /// The namespace; empty is none, or every one.
    pub namespace: String,
    /// The object, if it is one.
    pub name: Option<String>,
    /// The part of the object; empty is the whole.
    pub part: String,
}

/// A path in its words, whether it leads to something or not.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    group: &'a str,
    plural: &'a str,
    namespace: &'a str,
    name: Option<&'a str>,
    part: &'a str,
}

impl Target {
    /// The same in words.
    fn place(&self) -> Place<'_> {
        Place {
            group: &self.resource.group,
            plural: &self.resource.plural,
            namespace: &self.namespace,
            name: self.name.as_deref(),
            part: &self.part,
        }
    }
}

/// Answers one request.
pub fn answer(cluster: &mut Cluster, call: &Call, now: Timestamp) -> Outcome {
    let parts: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return about_kinds(cluster, call, &parts),
    };
    let Some(place) = place(group, rest) else {
        access::authorize_path(cluster, call)?;
        return Ok(Reply::Now(Answer::text(404, "404 page not found\n")));
    };
    access::authorize(cluster, call, &place, access::verb(call, place.name))?;
    let Some(target) = target(cluster, version, &place) else {
        if kinds::is_built_in(group) {
            return Err(Refusal::no_resource());
        }
        return Ok(Reply::Now(Answer::text(404, "404 page not found\n")));
    };
    let outcome = about_objects(cluster, call, &target, now);
    if call.method != "GET" && !call.is_dry_run().unwrap_or(true) {
        settle::settle(cluster, now);
    }
    outcome
}

fn about_kinds(cluster: &Cluster, call: &Call, parts: &[&str]) -> Outcome {
    access::authorize_path(cluster, call)?;
    if let ["readyz" | "livez" | "healthz"] = parts {
        return Ok(Reply::Now(Answer::text(200, "ok")));
    }
    match kinds::discover(cluster, parts) {
        Some(document) => {
            call.wants_metadata()?;
            Ok(Reply::Now(Answer::json(200, document)))
        }
        None if matches!(parts, ["api" | "apis", group, ..] if kinds::is_built_in(group)) => {
            Err(Refusal::no_resource())
        }
        None => Ok(Reply::Now(Answer::text(404, "404 page not found\n"))),
    }
}

/// A path below a group and version, in its words.
fn place<'a>(group: &'a str, rest: &[&'a str]) -> Option<Place<'a>> {
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() && rest != ["status"] => (*namespace, rest),
        rest => ("", rest),
    };
    let (plural, name, part) = match rest {
        [plural] => (*plural, None, ""),
        [plural, name] => (*plural, Some(*name), ""),
        [plural, name, part] => (*plural, Some(*name), *part),
        _ => return None,
    };
    Some(Place { group, plural, namespace, name, part })
}

/// The object or objects of a path.
fn target(cluster: &Cluster, version: &str, place: &Place<'_>) -> Option<Target> {
    let Place { group, plural, namespace, name, part } = *place;
    let resource = kinds::find(cluster, group, version, plural)?;
    let is_there = part.is_empty() || (part == "status" && resource.has_status);
    let is_right_place = resource.is_namespaced || namespace.is_empty();
    let name = name.map(str::to_owned);
    let target = Target { namespace: namespace.to_owned(), name, part: part.to_owned(), resource };
    (is_there && is_right_place).then_some(target)
}

fn about_objects(cluster: &mut Cluster, call: &Call, target: &Target, now: Timestamp) -> Outcome {
    let name = target.name.as_deref();
    if target.resource.is_question() {
        return match (call.method.as_str(), name) {
            ("POST", None) => access::review(cluster, call, target, call.document()?),
            _ => Err(not_allowed()),
        };
    }
    // An object of a namespace has to be asked for there.
    if target.resource.is_namespaced && target.namespace.is_empty() && (name.is_some() || call.method != "GET") {
        return Err(not_allowed());
    }
    match (call.method.as_str(), name) {
        ("GET", None) => read::list(cluster, call, target),
        ("GET", Some(name)) => read::get(cluster, call, target, name),
        ("POST", None) => {
            let writing = Writing::new(call, target, now)?;
            write::create(cluster, &writing, call.document()?)
        }
        ("PUT", Some(name)) => {
            let writing = Writing::new(call, target, now)?;
            write::replace(cluster, &writing, call.document()?, name)
        }
        ("PATCH", Some(name)) => write::change(cluster, &Writing::new(call, target, now)?, name),
        ("DELETE", Some(name)) if target.part.is_empty() => delete::delete(cluster, call, target, name, now),
        _ => Err(not_allowed()),
    }
}

fn not_allowed() -> Refusal {
    let mut refusal =
        Refusal::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
    refusal.details = serde_json::json!({});
    refusal
}
