//! A server that answers wrongly, by every name that a fault has, on every endpoint that a plan or an apply asks: never a
//! wrong action, nothing twice, and words that help.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "bad_server/lists.rs"]
mod lists;
#[path = "bad_server/reads.rs"]
mod reads;
mod stage;
#[path = "bad_server/wires.rs"]
mod wires;
#[path = "bad_server/worlds.rs"]
mod worlds;
#[path = "bad_server/writes.rs"]
mod writes;

use std::collections::BTreeSet;
use std::time::Duration;

use reconcile::http::Policy;
use reconcile::sandbox::RequestRecord;
use reconcile::sandbox::faults::{Faults, Rule, names};
use stage::Stage;

/// What becomes of an answer with a fault that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It cannot be used, and the message says this.
    Useless(&'static str),
    /// It is as good as any.
    Fine,
    /// That depends on what it says.
    Depends,
}

/// The fate of every name; one that is missing here fails.
fn fate(name: &str) -> Fate {
    use Fate::{Depends, Fine, Useless};
    match name {
        "too-many-requests"
        | "too-many-requests-retry-after"
        | "too-many-requests-retry-date"
        | "too-many-requests-reset" => Useless("(429)"),
        "internal-error" => Useless("(500)"),
        "bad-gateway" => Useless("(502)"),
        "unavailable" | "unavailable-retry-after" => Useless("(503)"),
        "gateway-timeout" => Useless("(504)"),
        "unauthorized" => Useless("(401)"),
        "forbidden" => Useless("(403)"),
        "not-found" | "not-found-texts" => Useless("(404: missing or forbidden)"),
        "invalid" => Useless("(422)"),
        "not-found-page" | "login-page" => Useless("a web page"),
        "no-json" => Useless("the answer is no JSON"),
        "half-json" | "no-body" | "truncated-body" => Useless("the answer ends in the middle"),
        "other-json" => Useless("the answer has another form than documented"),
        "redirect" => Useless("the server sends us on to elsewhere.example, which is not followed"),
        "timeout" | "dribble" => Useless("no answer within"),
        "reset" | "lost-answer" | "cut-body" => Useless("the connection broke"),
        "huge" => Useless("the answer is larger than"),
        "gzip" => Useless("the answer is compressed"),
        "slow" | "wrong-type" | "http-1.0" | "close-idle" | "stale-connection" => Fine,
        "unknown-words" | "move-pages" | "repeat-pages" | "wrong-total" | "duplicate-items" => Depends,
        other => panic!("{other} is a name without a fate"),
    }
}

/// Misbehaves by name from now on; some requests only, or all of them.
fn misbehave(stage: &Stage, on: &str, name: &str, times: Option<u64>) {
    let fault = names::named(name).unwrap_or_else(|| panic!("{name} is no name"));
    let rule = Rule { times, ..Rule::short(on, fault) };
    stage.sandbox.script(Faults { seed: 1, rules: vec![rule] }).unwrap();
}

fn behave(stage: &Stage) {
    stage.sandbox.script(Faults::default()).unwrap();
}

/// Limits under which a fault shows in milliseconds.
fn impatient(name: &str) -> Policy {
    let short = matches!(name, "timeout" | "dribble");
    Policy {
        request_timeout: if short { Duration::from_millis(150) } else { Policy::test().request_timeout },
        attempts: if short { 1 } else { Policy::test().attempts },
        limited_attempts: 2,
        longest_hold: Duration::from_millis(2),
        body_limit: 4 << 20,
        ..Policy::test()
    }
}

/// What was asked, ids left out.
fn endpoints(requests: &[RequestRecord]) -> BTreeSet<String> {
    let kinds = ["workspaces", "projects", "varsets", "agent-pools", "notification-configurations", "vars"];
    let pattern = |path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        let mut parts: Vec<&str> = path.split('/').collect();
        let within = parts[0] == "organizations";
        for place in 1..parts.len() {
            // Below the organisation, what follows a kind is a name and no id.
            let follows = kinds.contains(&parts[place - 1]) && (!within || place == 3);
            let word = matches!(parts[place], "notification-configurations" | "vars" | "workspaces");
            if follows && !word {
                parts[place] = "*";
            }
        }
        parts.join("/")
    };
    requests.iter().map(|request| format!("{} {}", request.method, pattern(&request.path))).collect()
}

/// A message must say which request it was, what came, and what to do.
fn complaint(text: &str, endpoint: Option<&str>, says: Option<&str>, remedy: &str) -> Option<&'static str> {
    let unanswered = ["the connection broke", "no answer within", "cannot connect"];
    let has_request = ["GET ", "POST ", "PATCH ", "DELETE "].iter().any(|method| text.contains(method));
    if !has_request || endpoint.is_some_and(|endpoint| !text.contains(endpoint)) {
        Some("which endpoint?")
    } else if says.is_some_and(|says| !text.contains(says)) {
        Some("what happened?")
    } else if !text.contains(", request ") && !unanswered.iter().any(|words| text.contains(words)) {
        Some("which request?")
    } else if remedy.is_empty() {
        Some("what to do?")
    } else {
        None
    }
}

#[test]
fn every_name_has_a_fate() {
    for known in &names::NAMES {
        fate(known.name);
    }
}

#[test]
fn every_name_stands_in_the_guide_with_what_it_does_and_its_detailed_form() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/sandbox.md")).unwrap();
    let row = |known: &names::Name| {
        let detailed = serde_json::to_string(&known.fault()).unwrap();
        format!("| `{}` | {} | `{detailed}` |", known.name, known.does)
    };
    let table: Vec<String> = names::NAMES.iter().map(row).collect();
    let missing = table.iter().any(|row| !guide.contains(row.as_str()));
    assert!(!missing, "docs/guide/sandbox.md should have this table:\n{}", table.join("\n"));
}

#[test]
fn the_guides_script_is_one() {
    use figment::providers::{Format as _, Yaml};
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/sandbox.md")).unwrap();
    let (_, rest) = guide.split_once("```yaml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let value: serde_json::Value = Yaml::from_str(text).unwrap();
    let faults: Faults = serde_json::from_value(value).unwrap();
    assert_eq!(faults.rules.len(), 4);
    reconcile::sandbox::faults::Script::new(faults).unwrap();
}
