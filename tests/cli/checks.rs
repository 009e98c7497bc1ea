use super::stage::Stage;
use crate::assert_output;

#[test]
fn a_sound_spec() {
    assert_output!(Stage::new().show("check"));
}

#[test]
fn a_spec_with_errors_is_neither_planned_nor_applied() {
    let stage = Stage::new();
    stage.edit("runsOn: cluster", "runsOn: clutser");
    assert_output!(stage.show("check"));
    for words in ["plan --sandbox=box", "apply --yes --sandbox=box", "check --format json"] {
        assert_eq!(stage.run(words).code, 1, "{words}");
    }
    assert!(!stage.path("box").exists(), "nothing was touched");
}

#[test]
fn check_as_json_is_a_document() {
    let stage = Stage::new();
    let document: serde_json::Value = serde_json::from_str(&stage.run("check --format json").out).unwrap();
    assert_eq!((&document["formatVersion"], &document["errors"]), (&1.into(), &0.into()));
}

#[test]
fn a_first_spec_is_sound_and_never_overwrites() {
    let stage = Stage::empty();
    stage.write(
        "tf/vault/terraform.tf",
        "terraform {\n  cloud {\n    organization = \"example-house\"\n    workspaces {\n      name = \"main-vault\"\n    }\n  }\n}\n",
    );
    assert_output!(stage.show("init"));
    assert_output!(stage.read("fleet.yaml"));
    assert_eq!(stage.run("check --strict").code, 0);
    let again = stage.run("init");
    assert_eq!(again.code, 1);
    assert!(again.err.contains("never overwritten"), "{}", again.err);
}

#[test]
fn a_first_spec_without_anything_around_needs_a_name() {
    let stage = Stage::empty();
    assert_output!(stage.show("init"));
    assert_eq!(stage.run("init --organization example-house").code, 0);
    let ran = stage.run("check");
    assert_eq!(ran.code, 0, "{}", ran.out);
}
