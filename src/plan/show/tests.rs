use std::time::Duration;

use serde_json::json;

use super::json::{Document, Exit};
use super::{Header, Look, Reading, SystemLine, World, compare, render};
use crate::address::Address;
use crate::origin::{Origin, Place};
use crate::plan::{
    Action, Cause, Change, Fact, Gap, Holds, Later, Output, Plan, Refusal, Rule, Shown, Untouched, Verb, Wait, What,
    Why,
};
use crate::systems::Request;
use crate::systems::hcp::request::{self, ModeRequest, WorkspaceRequest};
use crate::systems::hcp::{PoolId, WorkspaceId};

#[allow(clippy::unnecessary_wraps)] // A `Why` takes it so.
fn origin(line: u32) -> Option<Origin> {
    Some(Origin::Spec(Place { file: "fleet.yaml".into(), line, column: 3 }))
}

fn why(cause: Cause, line: u32) -> Why {
    Why { cause, origin: origin(line) }
}

fn change(field: &str, old: Shown, new: Shown, cause: Cause) -> Change {
    Change { field: field.to_owned(), old, new, why: why(cause, 12) }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn rename_pool() -> Request {
    Request::Hcp(request::Request::RenamePool {
        id: PoolId("apool-1".to_owned()),
        name: "nas".to_owned(),
        organization_scoped: false,
    })
}

fn action(verb: Verb, changes: Vec<Change>) -> Action {
    Action { verb, changes, why: why(Cause::Spec, 7), request: rename_pool() }
}

fn set(field: &str, value: &serde_json::Value) -> Change {
    change(field, Shown::Nothing, Shown::Value(value.clone()), Cause::Spec)
}

fn header() -> Header {
    Header {
        fleet: "homelab".to_owned(),
        spec: "fleet.yaml".to_owned(),
        profile: Some("laptop".to_owned()),
        world: World::Live,
        organization: "example-house".to_owned(),
        version: "0.1.0".to_owned(),
        systems: vec![SystemLine {
            system: "hcp".to_owned(),
            name: "example-house".to_owned(),
            facts: "app.terraform.io, token from TFE_TOKEN; free: 1 agent, 158/500 resources".to_owned(),
        }],
        reading: Reading { requests: 8, took: Duration::from_millis(1400) },
        unpinned: Vec::new(),
        warnings: Vec::new(),
    }
}

#[test]
fn a_long_first_line_goes_on_in_the_next() {
    let head = |spec: &str| {
        let header = Header { spec: spec.to_owned(), ..header() };
        let text = render(&Plan::empty("homelab".parse().unwrap()), &header, Look::default(), "");
        let head: Vec<String> = text.lines().take_while(|line| !line.contains("  hcp ")).map(str::to_owned).collect();
        assert!(head.iter().all(|line| line.len() <= 100), "{text}");
        head
    };
    assert_eq!(head("fleet.yaml @ 7f3c2e1 (clean)").len(), 1);
    let long = format!("{}.yaml @ 7f3c2e1 (clean)", "x".repeat(60));
    let lines = head(&long);
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with("  ") && lines[1].ends_with("   reconcile 0.1.0"), "{lines:?}");
    assert!(lines.join(" ").contains(&long), "{lines:?}");
}

fn place(workspace: &str, pool: &str) -> Action {
    Action {
        verb: Verb::Create,
        changes: vec![set("runsOn", &json!(format!("pool {pool}")))],
        why: why(Cause::Spec, 7),
        request: Request::Hcp(request::Request::PlaceWorkspace {
            workspace: Later::From(Output { of: address(&format!("hcp/workspace/{workspace}")), what: What::Id }),
            mode: ModeRequest::Agent(Later::Known(PoolId("apool-1".to_owned()))),
            allowed: Later::<Holds>::From(Output {
                of: address("hcp/pool/nas/scope"),
                what: What::Fact(Fact::Allowed(workspace.to_owned())),
            }),
            ready: Vec::new(),
            moves: false,
            locked_by_us: false,
        }),
    }
}

fn first() -> Plan {
    let mut plan = Plan::empty("homelab".parse().unwrap());
    for (name, directory) in [("vault", "tf/vault"), ("grafana", "tf/grafana"), ("core", "tf/core")] {
        let at = format!("hcp/workspace/main-{name}");
        plan.actions.insert(
            address(&at),
            Action {
                request: Request::Hcp(request::Request::CreateWorkspace {
                    workspace: WorkspaceRequest::default(),
                    mode: ModeRequest::Local,
                }),
                ..action(
                    Verb::Create,
                    vec![
                        set("project", &json!("main")),
                        set("runsOn", &json!("pool nas")),
                        set("workingDirectory", &json!(directory)),
                        set("tags", &json!(["main", name])),
                        set("autoApply", &json!(true)),
                    ],
                )
            },
        );
        plan.actions.insert(address(&format!("{at}/placement")), place(&format!("main-{name}"), "nas"));
    }
    plan.actions.insert(
        address("hcp/workspace/main-vault/env/VAULT_TOKEN"),
        action(
            Verb::Create,
            vec![change("value", Shown::Nothing, Shown::Secret("from env VAULT_TOKEN".to_owned()), Cause::Spec)],
        ),
    );
    plan.actions.insert(address("hcp/pool/nas"), action(Verb::Create, Vec::new()));
    plan.actions.insert(
        address("hcp/pool/nas/scope"),
        action(Verb::Create, vec![set("workspaces", &json!(["main-core", "main-grafana", "main-vault"]))]),
    );
    plan
}

fn drifted() -> Plan {
    let mut plan = Plan::empty("homelab".parse().unwrap());
    let version = |old: &str| change("terraformVersion", Shown::text(old), Shown::text("~> 1.14.0"), Cause::Drift);
    plan.actions.insert(
        address("hcp/workspace/main-core"),
        action(Verb::Rename, vec![change("name", Shown::text("main-base"), Shown::text("main-core"), Cause::Spec)]),
    );
    for name in ["main-a", "main-b"] {
        plan.actions.insert(address(&format!("hcp/workspace/{name}")), action(Verb::Change, vec![version("1.12.2")]));
    }
    plan.actions.insert(address("hcp/workspace/main-grafana"), action(Verb::Change, vec![version("1.11.0")]));
    plan.actions.insert(
        address("hcp/workspace/main-vault/env/TF_LOG"),
        Action { why: Why { cause: Cause::Gone, origin: None }, ..action(Verb::Remove, Vec::new()) },
    );
    plan.actions.insert(
        address("hcp/workspace/main-vault/env/ROLE"),
        action(
            Verb::Change,
            vec![change(
                "value",
                Shown::Secret("changed behind our back".to_owned()),
                Shown::Secret("from env ROLE".to_owned()),
                Cause::Drift,
            )],
        ),
    );
    plan.actions.insert(
        address("hcp/workspace/main-scratch"),
        Action {
            verb: Verb::Remove,
            changes: Vec::new(),
            why: Why { cause: Cause::Gone, origin: None },
            request: Request::Hcp(request::Request::DeleteWorkspace {
                id: WorkspaceId("ws-1".to_owned()),
                witnesses: Vec::new(),
            }),
        },
    );
    undone(&mut plan);
    plan.sort();
    plan
}

fn undone(plan: &mut Plan) {
    for name in ["main-grafana", "main-core"] {
        plan.waits.push(Wait {
            address: address(&format!("hcp/workspace/{name}/placement")),
            what: "run-8Kd is planned and not confirmed; a move would make it fail".to_owned(),
            until: "somebody confirms or discards it; the next apply goes on".to_owned(),
        });
    }
    plan.gaps.push(Gap {
        address: address("hcp/pool/nas"),
        doing: "listing the agent pools".to_owned(),
        cause: "GET /organizations/example-house/agent-pools: 404 (missing or forbidden), request 5c1f".to_owned(),
        follows: "no pool is created or scoped".to_owned(),
        hint: "give the token's team the permission to manage agent pools".to_owned(),
        expected: false,
    });
    plan.refusals.push(Refusal {
        rule: Rule::NotOurs,
        address: address("hcp/workspace/main-legacy"),
        cause: "a workspace of that name exists".to_owned(),
    });
    for n in 1..8 {
        plan.untouched.push(Untouched {
            address: address(&format!("hcp/workspace/main-vault/env/OTHER_{n}")),
            note: "not in the spec, not ours".to_owned(),
        });
    }
}

#[test]
fn creations_that_are_alike_stand_in_one_table() {
    insta::assert_snapshot!(render(&first(), &header(), Look::default(), "2: changes"));
}

#[test]
fn everything_is_open_with_full() {
    let look = Look { color: false, full: true };
    insta::assert_snapshot!(render(&first(), &header(), look, "2: changes"));
}

#[test]
fn changes_say_old_new_and_why_and_what_is_not_done_is_said() {
    insta::assert_snapshot!(render(&drifted(), &header(), Look::default(), "1: refused"));
}

#[test]
fn an_empty_plan_says_no_changes_in_its_last_line() {
    let plan = Plan::empty("homelab".parse().unwrap());
    let text = render(&plan, &header(), Look::default(), "0: as the spec says");
    let last = text.lines().last().unwrap();
    assert!(last.contains("no changes") && last.ends_with("(0: as the spec says)"), "{last}");
}

#[test]
fn a_field_that_differs_is_in_the_table_whatever_its_width() {
    let mut plan = first();
    let long = "x".repeat(90);
    let grafana = plan.actions.get_mut(&address("hcp/workspace/main-grafana")).unwrap();
    grafana.changes.push(set("description", &json!(long)));
    let text = render(&plan, &header(), Look::default(), "");
    let joined: String = text.split_whitespace().collect();
    assert!(joined.contains(&format!("description:{long}")), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn colour_leaves_out_the_words_and_nothing_else() {
    let strip = |text: &str| anstream::adapter::strip_str(text).to_string();
    let colored = render(&drifted(), &header(), Look { color: true, full: false }, "");
    let text = strip(&colored);
    assert!(text.contains("  ~ workspace/main-grafana"), "{text}");
    assert_ne!(text, colored);
}

#[test]
fn a_document_reads_back_and_tells_what_changed_since() {
    let exit = || Exit { code: 2, word: "changes".to_owned() };
    let saved = Document::new(&drifted(), &header(), exit());
    let text = serde_json::to_string_pretty(&saved).unwrap();
    assert_eq!(serde_json::from_str::<Document>(&text).unwrap(), saved);
    let mut plan = drifted();
    plan.actions.remove(&address("hcp/workspace/main-scratch"));
    plan.actions.get_mut(&address("hcp/workspace/main-grafana")).unwrap().changes[0].new = Shown::text("~> 1.15.0");
    plan.actions.insert(address("hcp/pool/new"), action(Verb::Create, Vec::new()));
    let now = Document::new(&plan, &header(), exit());
    let text = compare::render(&saved, &now, Look::default());
    insta::with_settings!({filters => vec![(r"[0-9a-f]{12}", "DIGEST")]}, {
        insta::assert_snapshot!(text);
    });
}

#[test]
fn the_document_is_as_it_is_described() {
    let exit = Exit { code: 1, word: "refused".to_owned() };
    let document = Document::new(&drifted(), &header(), exit);
    insta::with_settings!({filters => vec![(r"\b[0-9a-f]{64}\b", "DIGEST"), (r"\b[0-9a-f]{16}\b", "FINGERPRINT")]}, {
        insta::assert_json_snapshot!(document);
    });
}
