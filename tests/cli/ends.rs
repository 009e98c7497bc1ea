use std::process::Stdio;

use super::stage::Stage;
use crate::assert_output;

#[test]
fn wrong_usage_is_64() {
    for words in [
        "",
        "plam",
        "plan --removals 3",
        "plan --only",
        "plan --only []a",
        "apply --concurrency 0",
        "apply --only-if 0123456789",
        "apply --only-if plan.jsn",
        "diff",
        "diff one",
        "diff one two three",
        "diff main..",
        "diff --format yaml a b",
        "explain",
        "explain []a",
        "init fleet.json",
        "sandbox",
        "sandbox serve --listen 0.0.0.0:0",
        "completions tcsh",
        "schema more",
        "man more",
        "check --strict=yes",
    ] {
        let ran = Stage::empty().run(words);
        assert_eq!(ran.code, 64, "{words}: {}", ran.err);
        assert!(ran.err.contains("Usage: reconcile") || ran.err.contains("try '--help'"), "{words}: {}", ran.err);
        assert!(ran.out.is_empty(), "{words}: {}", ran.out);
    }
}

#[test]
fn wrong_usage_is_said_with_the_usage() {
    assert_output!(Stage::empty().show("diff one"));
    assert_output!(Stage::empty().show("apply --only-if plan.jsn"));
}

const CANARY: &str = "canary-in-a-panic";

/// The process that panics is this very test, called once more.
#[test]
fn a_defect_shows_where_it_is_and_no_value() {
    const INSIDE: &str = "RECONCILE_TEST_PANICS";
    if std::env::var_os(INSIDE).is_some() {
        let exit = reconcile::cli::guarded(|| panic!("{CANARY}"));
        std::process::exit(exit.code().into());
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["ends::a_defect_shows_where_it_is_and_no_value", "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let ran = crate::stage::Ran::of(&output);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("error: a defect of this program, at tests/cli/ends.rs:"), "{}", ran.err);
    assert!(!ran.err.contains(CANARY) && !ran.out.contains(CANARY), "{}{}", ran.out, ran.err);
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
    let worlds = stage.path(".local/state/reconcile/sandbox");
    assert_eq!(std::fs::read_dir(worlds).unwrap().count(), 1);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_alone_serves_any_client_until_it_is_stopped() {
    use std::io::BufRead as _;
    let stage = Stage::new();
    stage.write(
        "faults.yaml",
        "rules:\n  - { method: GET, path: organizations/*/workspaces, do: { status: { code: 503, body: empty } } }\n",
    );
    let mut command = stage.command("sandbox serve box --spec fleet.yaml --faults faults.yaml");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines: Vec<String> =
        std::io::BufReader::new(child.stdout.take().unwrap()).lines().take(3).map(Result::unwrap).collect();
    let after = |word: &str| lines.iter().find_map(|line| line.strip_prefix(word)).unwrap().trim().to_owned();
    assert!(lines[0].starts_with("SANDBOX "), "{lines:?}");
    let get = async |path: &str| {
        Stage::client()
            .get(format!("{}/api/v2/{path}", after("address")))
            .bearer_auth(after("token"))
            .send()
            .await
            .unwrap()
    };
    assert_eq!(get("organizations/example-house").await.status(), 200, "filled from the spec");
    assert_eq!(get("organizations/example-house/workspaces").await.status(), 503, "misbehaves as it was told");
    assert_eq!(stage.run("plan --sandbox=box --only hcp/project/main").code, 3, "other processes attach to it");
    let status = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_script_of_faults_that_is_none_says_why() {
    let stage = Stage::new();
    stage.write("faults.json", "{\"rules\": [{\"do\": \"explode\"}]}");
    let ran = stage.run("sandbox serve box --faults faults.json");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("faults.json") && ran.err.contains("explode"), "{}", ran.err);
    let ran = stage.run("sandbox serve box --listen 0.0.0.0:0");
    assert!(ran.code == 64 && ran.err.contains("loopback"), "{}", ran.err);
}
