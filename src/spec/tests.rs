//! What a spec means, by behaviour.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::diff::{Difference, diff, load_revision};
use super::{CheckOptions, Loaded, explain, load_text, load_texts};
use crate::address::Address;
use crate::origin::Origin;
use crate::systems::hcp::desired::{Desired, Placement, Scope, Workspace};
use crate::systems::hcp::{Category, VariableKey};

const HEAD: &str = "fleet: lab\nhcp: { organization: example, tier: standard }\n";

fn loaded(body: &str) -> Loaded {
    load_text("fleet.yaml", &format!("{HEAD}{body}"), &CheckOptions::default())
}

fn sound(loaded: Loaded) -> super::Desired {
    let errors: Vec<_> = loaded.findings.iter().map(|finding| &finding.message).collect();
    loaded.desired.unwrap_or_else(|| panic!("{errors:#?}"))
}

fn meant(body: &str) -> Desired {
    sound(loaded(body)).hcp
}

fn workspace(body: &str) -> Workspace {
    let mut workspaces = meant(body).workspaces;
    assert_eq!(workspaces.len(), 1);
    workspaces.pop_first().unwrap().1
}

fn messages(loaded: &Loaded) -> Vec<String> {
    loaded.findings.iter().map(|finding| finding.message.clone()).collect()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_nearest_level_of_the_cascade_wins() {
    let body = "
defaults: { autoApply: true, queueAllRuns: true, speculativeEnabled: false, tags: [a] }
projects:
  main:
    defaults: { queueAllRuns: false, tags: [b, c] }
    workspaces: { vault: { speculativeEnabled: true } }
";
    let vault = workspace(body);
    assert_eq!(vault.settings.auto_apply, Some(true));
    assert_eq!(vault.settings.queue_all_runs, Some(false));
    assert_eq!(vault.settings.speculative_enabled, Some(true));
    assert_eq!(vault.settings.structured_run_output_enabled, Some(true), "as HCP documents it");
    assert_eq!(vault.settings.terraform_version, None, "left as found");
    assert_eq!(vault.tags.keys().cloned().collect::<BTreeSet<_>>(), names(["b", "c"]), "lists replace");
}

#[test]
fn a_repository_is_merged_key_by_key_and_none_ends_it() {
    let body = |vcs: &str| {
        format!(
            "
defaults: {{ vcs: {{ repository: 'a/{{project}}', branch: main, connection: github }} }}
projects: {{ main: {{ workspaces: {{ vault: {{ vcs: {vcs} }} }} }} }}
"
        )
    };
    let vcs = workspace(&body("{ branch: next }")).vcs.unwrap();
    assert_eq!((vcs.repository.as_str(), vcs.branch.as_str(), vcs.connection.as_str()), ("a/main", "next", "github"));
    for none in ["null", "none", "~"] {
        assert_eq!(workspace(&body(none)).vcs, None, "{none}");
    }
}

#[test]
fn runs_for_tags_turn_runs_for_files_off() {
    let body = "
projects: { main: { workspaces: { vault: { vcs: { repository: a/b, connection: c, tagsRegex: '^v' } } } } }
";
    assert_eq!(workspace(body).settings.file_triggers_enabled, Some(false));
}

#[test]
fn several_files_merge_and_keep_their_places() {
    let base = format!(
        "{HEAD}defaults: {{ autoApply: true, tags: [a, b] }}
projects: {{ main: {{ workspaces: {{ vault: {{ queueAllRuns: true }}, gone: {{}} }} }} }}\n"
    );
    let over = "defaults: { tags: [c] }\nprojects:\n  main:\n    workspaces:\n      vault: { autoApply: false }\n      gone: null\n";
    let texts = [("base.yaml", base), ("prod.yaml", over.to_owned())];
    let desired = sound(load_texts(&texts, &CheckOptions::default()));
    assert_eq!(desired.hcp.workspaces.keys().collect::<Vec<_>>(), ["vault"]);
    let vault = &desired.hcp.workspaces["vault"];
    assert_eq!((vault.settings.auto_apply, vault.settings.queue_all_runs), (Some(false), Some(true)));
    assert_eq!(vault.tags.keys().collect::<Vec<_>>(), ["c"]);
    let address: Address = "hcp/workspace/vault".parse().unwrap();
    let place = |field| match desired.origins.of(&address, field) {
        Some(Origin::Spec(place) | Origin::Default(place)) => format!("{place:#}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(place("autoApply"), "prod.yaml:5:27");
    assert_eq!(place("queueAllRuns"), "base.yaml:4:58");
    assert_eq!(place("tags"), "prod.yaml:1:20");
}

#[test]
fn files_of_different_formats_merge() {
    let texts = [
        ("base.yaml", format!("{HEAD}projects: {{ main: {{ workspaces: {{ vault: {{}} }} }} }}")),
        ("more.json", r#"{ "projects": { "main": { "workspaces": { "vault": { "autoApply": true } } } } }"#.to_owned()),
        ("last.toml", "[projects.main.workspaces.vault]\nrunsOn = \"local\"\n".to_owned()),
    ];
    let desired = sound(load_texts(&texts, &CheckOptions::default())).hcp;
    let vault = &desired.workspaces["vault"];
    assert_eq!((vault.settings.auto_apply, &vault.runs_on), (Some(true), &Placement::Local));
}

#[test]
fn every_broken_file_is_told_in_one_run() {
    let texts = [
        ("a.yaml", "fleet: [".to_owned()),
        ("b.json", "{".to_owned()),
        ("c.toml", "= 1".to_owned()),
        ("d.yaml", String::new()),
    ];
    let loaded = load_texts(&texts, &CheckOptions::default());
    let files: Vec<String> =
        loaded.findings.iter().map(|finding| loaded.findings.place(finding.at).file.to_string()).collect();
    assert_eq!(files, ["a.yaml", "b.json", "c.toml", "d.yaml"]);
    assert!(loaded.spec.is_none() && loaded.desired.is_none());
}

#[test]
fn a_pool_lets_in_who_runs_on_it() {
    let body = "
pools: { shared: {}, wide: { scope: organization }, teams: { scope: { projects: [other] } }, heirs: {} }
projects:
  main:
    workspaces:
      a: { runsOn: shared }
      b: { runsOn: shared }
      c: { runsOn: wide }
      d: { runsOn: teams }
  other:
    defaultRunsOn: heirs
    workspaces: { e: {} }
";
    let desired = meant(body);
    let some = |projects, workspaces| Scope::Some { projects, workspaces };
    assert_eq!(desired.pools["shared"].scope, some(names([]), names(["a", "b"])));
    assert_eq!(desired.pools["wide"].scope, Scope::Organization);
    assert_eq!(desired.pools["teams"].scope, some(names(["other"]), names(["d"])));
    assert_eq!(desired.pools["heirs"].scope, some(names(["other"]), names([])));
    assert_eq!(desired.workspaces["e"].runs_on, Placement::Inherited);
}

#[test]
fn the_default_pool_of_the_organisation_is_open_to_all() {
    let text = "fleet: lab
hcp: { organization: example, organizationDefaults: { runsOn: shared } }
pools: { shared: { name: lab-agents } }
projects: { main: { workspaces: { a: {} } } }
";
    let desired = sound(load_text("fleet.yaml", text, &CheckOptions::default())).hcp;
    assert_eq!(desired.organization.runs_on, Some(Placement::Pool("lab-agents".to_owned())));
    assert_eq!(desired.pools["lab-agents"].scope, Scope::Organization);
}

#[test]
fn values_keep_the_text_they_were_written_with() {
    let body = "
projects:
  main:
    workspaces:
      vault:
        variables:
          env: { VERSION: 1.10, FLAG: true, ZIP: 00420, EMPTY: '' }
          terraform:
            zones: { value: [a, 1.10, null, { \"k\\\"y\": \"${x}\" }] }
            raw: { value: 'toset([1])', hcl: true }
";
    let variables = workspace(body).variables;
    let value = |category, key: &str| {
        let variable = &variables[&VariableKey { category, key: key.to_owned() }];
        let crate::systems::hcp::desired::VariableValue::Plain(value) = &variable.value else { panic!("{key}") };
        (value.as_str(), variable.hcl)
    };
    assert_eq!(value(Category::Env, "VERSION"), ("1.10", false));
    assert_eq!(value(Category::Env, "FLAG"), ("true", false));
    assert_eq!(value(Category::Env, "ZIP"), ("00420", false));
    assert_eq!(value(Category::Env, "EMPTY"), ("", false));
    let list = r#"["a", 1.10, null, { "k\"y" = "$${x}" }]"#;
    assert_eq!(value(Category::Terraform, "zones"), (list, true));
    assert_eq!(value(Category::Terraform, "raw"), ("toset([1])", true));
}

#[test]
fn what_both_would_send_is_left_to_the_project() {
    let body = "
notify:
  all: { type: slack, url: { env: HOOK }, events: ['run:completed', 'run:errored'] }
  more: { type: slack, url: { env: HOOK }, events: ['run:errored', 'run:created'] }
  other: { type: slack, url: { env: OTHER }, events: ['run:errored'] }
projects: { main: { notify: [all], workspaces: { vault: { runsOn: cloud, notify: [all, more, other] } } } }
";
    let notifications = workspace(body).notifications;
    assert_eq!(notifications.keys().collect::<Vec<_>>(), ["more", "other"]);
    assert_eq!(notifications["more"].triggers, names(["run:created"]));
    assert_eq!(notifications["other"].triggers, names(["run:errored"]));
}

#[test]
fn words_of_a_project_hold_for_its_workspaces_unless_they_say_otherwise() {
    let body = "
projects:
  main:
    adopt: true
    delivery: verify
    workspaces: { a: {}, b: { adopt: false, delivery: apply } }
";
    let desired = meant(body);
    let words = |name: &str| (desired.workspaces[name].stewardship.adopt, desired.workspaces[name].stewardship.verify);
    assert_eq!((words("a"), words("b")), ((true, true), (false, false)));
}

#[test]
fn an_accepted_finding_is_a_lasting_warning() {
    let body = |accept: &str| {
        format!(
            "
targets: {{ cluster: {{ kubernetes: {{ operator: {{ version: '2.12.0' }}, token: {{ env: TOKEN }} }} }} }}
pools: {{ cluster: {{ target: cluster, agents: {{ image: 'hashicorp/tfc-agent:1.29.0' }} }} }}
projects: {{ main: {{ workspaces: {{ boot: {{ runsOn: cluster, manages: [targets/cluster] {accept} }} }} }} }}
"
        )
    };
    assert_eq!(loaded(&body("")).findings.errors(), 1);
    for accept in [", accept: { self-management: rebuilt by hand }", ", accept: rebuilt by hand"] {
        let loaded = loaded(&body(accept));
        assert_eq!((loaded.findings.errors(), loaded.findings.warnings()), (0, 1), "{:?}", messages(&loaded));
        assert_eq!(loaded.findings.unaccepted_warnings(), 0);
        assert!(loaded.desired.is_some());
    }
}

#[test]
fn commands_are_refused_only_where_ci_is_set_and_nobody_allowed_them() {
    let text = format!(
        "{HEAD}projects: {{ main: {{ workspaces: {{ a: {{ runsOn: cloud, variables: {{ env: {{ A: {{ sensitive: {{ command: [pass] }} }} }} }} }} }} }} }}"
    );
    for (ci, allow_commands, errors) in [(true, false, 1), (true, true, 0), (false, false, 0)] {
        let loaded = load_text("fleet.yaml", &text, &CheckOptions { ci, allow_commands });
        assert_eq!(loaded.findings.errors(), errors, "{ci} {allow_commands}");
    }
}

#[test]
fn one_cause_is_one_finding() {
    // Every workspace inherits the same wrong word.
    let body = "
defaults: { runsOn: nowhere, directory: 'tf/{nothing}' }
projects: { main: { workspaces: { a: {}, b: {}, c: {} } } }
";
    assert_eq!(loaded(body).findings.errors(), 2, "{:?}", messages(&loaded(body)));
}

#[test]
fn a_thing_that_cannot_be_read_is_no_unknown_reference() {
    let body = "
pools: { shared: [wrong] }
projects: { main: { workspaces: { a: { runsOn: shared }, b: { remoteStateConsumers: [c] }, c: wrong } } }
";
    assert_eq!(
        messages(&loaded(body)),
        ["`pools.shared` must be a map, not a list", "`main/c` must be a map, not text"]
    );
}

#[test]
fn differences_are_of_meaning_and_renames_are_known() {
    let old = sound(loaded(
        "
pools: { shared: {} }
projects: { main: { workspaces: { a: { runsOn: shared, variables: { env: { X: '1' } } }, b: { runsOn: shared }, c: {} } } }
",
    ));
    let new = sound(loaded(
        "
# Written otherwise, and meaning the same where it is not said.
pools:
  shared: {}
projects:
  main:
    workspaces:
      z: { was: a, runsOn: shared, variables: { env: { X: '2' } } }
      b: { runsOn: cloud }
      d: { description: new }
",
    ));
    let differences = diff(&old, &new);
    insta::assert_snapshot!(differences);
    assert!(diff(&old, &old).0.is_empty());
    let address: Address = "hcp/workspace/c".parse().unwrap();
    assert_eq!(differences.0[&address], Difference::Removed);
}

#[test]
fn a_spec_is_read_out_of_a_revision() {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .arg("-C")
            .arg(folder.path())
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let file = folder.path().join("fleet.yaml");
    let write = |body: &str| std::fs::write(&file, format!("{HEAD}{body}")).unwrap();
    git(&["init", "-q"]);
    write("projects: { main: { workspaces: { a: {} } } }");
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    write("projects: { main: { workspaces: { a: { autoApply: true } } } }");
    git(&["commit", "-qam", "two"]);
    let at = |revision: &str| load_revision(revision, std::slice::from_ref(&file), &CheckOptions::default());
    let differences = diff(&sound(at("HEAD~1").unwrap()), &sound(at("HEAD").unwrap()));
    assert_eq!(differences.0.len(), 1);
    let error = at("nowhere").unwrap_err();
    assert!(error.chain().contains("nowhere"), "{}", error.chain());
    assert!(load_revision("HEAD", &[Path::new("/").into()], &CheckOptions::default()).is_err());
}

#[test]
fn an_explanation_names_what_is_left_alone() {
    let desired = sound(loaded("projects: { main: { workspaces: { a: { ignore: [autoApply, vcs] } } } }"));
    let explained = explain::explain(&desired, &[], &"hcp/workspace/a".parse().unwrap()).unwrap().to_string();
    let line = |field: &str| explained.lines().find(|line| line.trim_start().starts_with(field)).unwrap().to_owned();
    assert!(line("autoApply ").ends_with("left as it is found: `ignore`"), "{explained}");
    assert!(line("description").ends_with("(as found)"), "{explained}");
}

#[test]
fn endless_lines_and_lists_take_no_endless_time() {
    // Each of these took time with the square of its length, before it was bounded.
    let many = |piece: &str| piece.repeat(20_000);
    let numbered = |name: &str| (0..20_000).map(|n| format!("{name}{n}")).collect::<Vec<_>>().join(", ");
    for (name, text) in [
        (
            "one-line.toml",
            format!(
                "fleet = \"x\"\nhcp = {{ organization = \"e\" }}\nprojects = {{ main = {{ tags = [{}] }} }}",
                many("\"a\", ")
            ),
        ),
        ("tags.yaml", format!("{HEAD}projects: {{ main: {{ tags: [{}] }} }}", numbered("t"))),
        (
            "long-names.yaml",
            format!(
                "{HEAD}projects: {{ main: {{ workspaces: {{ a: {{ runsOn: {} }} }} }} }}\npools: {{ {}: {{}} }}",
                many("ab"),
                "ba".repeat(500)
            ),
        ),
        (
            "references.yaml",
            format!(
                "{HEAD}projects: {{ main: {{ workspaces: {{ a: {{ remoteStateConsumers: [{}] }} }} }} }}",
                numbered("w")
            ),
        ),
    ] {
        let loaded = load_text(name, &text, &CheckOptions::default());
        let text = super::check::render(&loaded.findings, &loaded.unchecked, super::check::Style::plain());
        assert!(loaded.findings.errors() > 0 || name == "one-line.toml", "{name}: {text}");
    }
}
