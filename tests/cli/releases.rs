//! Letting go, and the removals that nobody meant.

use super::stage::Stage;
use crate::assert_output;

#[test]
fn a_thing_is_let_go_and_the_spec_has_to_follow() {
    let stage = Stage::new();
    assert_eq!(stage.run("apply --yes --sandbox=box").code, 0);
    let ran = stage.run("release hcp/workspace/main-dns --sandbox=box");
    assert_eq!(ran.code, 1, "nobody was there to ask");
    assert_output!(stage.steady(&ran.out));
    assert!(ran.err.contains("standard input is not a terminal"), "{}", ran.err);
    assert_eq!(stage.run("plan --sandbox=box").code, 0, "nothing was written");
    let ran = stage.run("release hcp/workspace/main-dns --sandbox=box --yes --only-if 0123456789ab");
    assert_eq!(ran.code, 1, "another plan: {}", ran.out);
    let ran = stage.run("release hcp/workspace/main-dns --sandbox=box --yes");
    assert_eq!(ran.code, 2, "the spec still names it: {}{}", ran.out, ran.err);
    let ran = stage.run("apply --yes --sandbox=box");
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("exists without our mark"), "{}", ran.out);
    stage.edit("dns: { runsOn: cloud,", "dns: { released: true, runsOn: cloud,");
    assert_eq!(stage.run("plan --sandbox=box").code, 0);
}

#[test]
fn a_release_as_json_says_what_came_of_it() {
    let stage = Stage::new();
    assert_eq!(stage.run("apply --yes --sandbox=box").code, 0);
    let ran = stage.run("release --all --spec fleet.yaml --sandbox=box --yes --format json");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["exit"]["code"], 0);
    assert_eq!(document["report"]["tally"]["failed"], 0);
    let ran = stage.run("release --all --sandbox=box --yes");
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("no changes"), "{}", ran.out);
}

#[test]
fn what_carries_no_mark_cannot_be_let_go() {
    let stage = Stage::new();
    assert_eq!(stage.run("apply --yes --sandbox=box").code, 0);
    let ran = stage.run("release hcp/workspace/main-dsn --sandbox=box --yes");
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("covers nothing that carries the mark of lab"), "{}", ran.out);
    for words in ["release", "release --all hcp/workspace/main-dns"] {
        assert_eq!(stage.run(words).code, 64, "{words}");
    }
}

#[test]
fn a_file_of_the_spec_that_was_left_out_removes_no_project() {
    let stage = Stage::new();
    stage.write("prod.yaml", "projects: { prod: { workspaces: { web: { runsOn: local } } } }\n");
    assert_eq!(stage.run("apply --yes --sandbox=box fleet.yaml prod.yaml").code, 0);
    let ran = stage.run("plan --sandbox=box fleet.yaml");
    assert!(ran.out.contains("Needs --removals 2: project prod loses every workspace."), "{}", ran.out);
    let ran = stage.run("plan --sandbox=box --format json fleet.yaml");
    let document: reconcile::plan::show::json::Document = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document.confirmation.unwrap().removals, 2);
    let ran = stage.run("apply --yes --sandbox=box fleet.yaml");
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert_output!(stage.steady(&ran.err));
    assert_eq!(stage.run("apply --yes --sandbox=box fleet.yaml --removals 1").code, 1);
    assert_eq!(stage.run("plan --sandbox=box fleet.yaml prod.yaml").code, 0, "nothing was removed");
    let ran = stage.run("apply --yes --sandbox=box fleet.yaml --removals 2");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}
