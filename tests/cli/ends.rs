use std::process::Stdio;

use super::stage::Stage;
use crate::assert_output;

#[test]
fn wrong_usage_is_64() {
    for words in ["", "plam", "plan --removals 3", "apply --concurrency 0", "plan --only", "diff one"] {
        let ran = Stage::empty().run(words);
        let expected = if words == "diff one" { 1 } else { 64 };
        assert_eq!(ran.code, expected, "{words}: {}", ran.err);
    }
}

#[test]
fn without_a_spec_the_places_are_named() {
    assert_output!(Stage::empty().show("plan"));
}

#[test]
fn two_specs_are_one_too_many() {
    let stage = Stage::new();
    stage.write("fleet.json", "{}");
    assert_output!(stage.show("check"));
}

#[test]
fn without_a_token_all_places_are_named() {
    assert_output!(Stage::new().show("plan"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let stage = Stage::empty();
    for words in ["completions bash", "man", "--help"] {
        let mut child = stage.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_sandbox_has_a_folder_of_its_own_for_each_spec() {
    let stage = Stage::new();
    let ran = stage.run("plan --sandbox");
    assert_eq!(ran.code, 2, "{}", ran.err);
    let state = stage.path(".local/state/reconcile/sandbox");
    assert_eq!(std::fs::read_dir(state).unwrap().count(), 1);
}
