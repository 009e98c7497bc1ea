use std::process::Stdio;

use reconcile::sandbox::faults::{BodyKind, Fault};

use super::stage::{Ran, Stage, fault};
use crate::assert_output;

#[test]
fn the_second_run_is_empty() {
    let stage = Stage::new();
    assert_output!(stage.show("apply --yes --sandbox=box --concurrency 1"));
    let again = stage.run("apply --yes --sandbox=box");
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
    assert!(again.last().contains("no changes"), "{}", again.last());
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_applied() {
    let stage = Stage::new();
    let ran = stage.run("apply --sandbox=box");
    assert_eq!(ran.code, 1);
    assert_output!(stage.steady(&ran.err));
    assert_eq!(stage.run("plan --sandbox=box").code, 2);
}

#[test]
fn only_if_takes_a_digest_or_the_plan_that_was_saved() {
    let stage = Stage::new();
    stage.run("plan --sandbox=box --save plan.json");
    let saved: reconcile::plan::show::json::Document = serde_json::from_str(&stage.read("plan.json")).unwrap();
    stage.edit("autoApply: true", "autoApply: false, terraformVersion: '1.9.0'");
    let ran = stage.run("apply --yes --sandbox=box --only-if plan.json");
    assert_eq!(ran.code, 1);
    assert_output!(stage.steady(&ran.err));
    assert_eq!(stage.run("apply --yes --sandbox=box --only-if 0123456789ab").code, 1);
    let short = &saved.digest[..11];
    assert_eq!(stage.run(&format!("apply --yes --sandbox=box --only-if {short}")).code, 64, "too short to be meant");
    stage.edit("autoApply: false, terraformVersion: '1.9.0'", "autoApply: true");
    let ran = stage.run(&format!("apply --yes --sandbox=box --only-if {}", &saved.digest[..12]));
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn many_removals_need_their_number() {
    let stage = Stage::new();
    let many: Vec<String> = (0..6).map(|n| format!("      extra{n}: {{ runsOn: local }}\n")).collect();
    let text = stage.read("fleet.yaml");
    stage.write("fleet.yaml", &format!("{text}{}", many.concat()));
    assert_eq!(stage.run("apply --yes --sandbox=box").code, 0);
    stage.write("fleet.yaml", &text);
    let ran = stage.run("apply --yes --sandbox=box");
    assert_eq!(ran.code, 1);
    assert_output!(stage.steady(&ran.err));
    assert_eq!(stage.run("apply --yes --sandbox=box --removals 5").code, 1);
    let ran = stage.run("apply --yes --sandbox=box --removals 6");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[tokio::test]
async fn a_failure_is_reported_with_what_it_skips() {
    let stage = Stage::new();
    let sandbox = stage.sandbox().await;
    let refused = Fault::Status { code: 422, body: BodyKind::Jsonapi, headers: [].into() };
    sandbox.script(fault("POST", "organizations/*/agent-pools", refused)).unwrap();
    let ran = stage.run_beside("apply --yes --sandbox=box --concurrency 1").await;
    assert_eq!(ran.code, 1);
    let report: Vec<&str> = ran.out.lines().skip_while(|line| !line.starts_with("failed")).collect();
    assert_output!(stage.steady(&report.join("\n")));
    let ran = stage.run_beside("apply --yes --sandbox=box --format json").await;
    assert_eq!(ran.code, 1);
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["exit"]["word"], "failed");
    assert_eq!(document["report"]["tally"]["failed"], 1);
    sandbox.script(reconcile::sandbox::faults::Faults::default()).unwrap();
    assert_eq!(stage.run_beside("apply --yes --sandbox=box").await.code, 0);
    assert_eq!(stage.run_beside("plan --sandbox=box").await.code, 0);
}

#[tokio::test]
async fn what_is_not_ours_is_refused_until_it_is_adopted() {
    let stage = Stage::new();
    let sandbox = stage.sandbox().await;
    for name in ["main-vault", "somebody-elses"] {
        let attributes = serde_json::json!({"name": name, "auto-apply": true, "working-directory": "tf/vault"});
        stage.ask(&sandbox, "POST", "organizations/example-house/workspaces", "workspaces", &attributes).await;
    }
    let ran = stage.run_beside("apply --yes --sandbox=box").await;
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert_output!(stage.steady(&ran.out));
    let ran = stage.run_beside("plan --sandbox=box --adopt hcp/zzz").await;
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.out.contains("`--adopt hcp/zzz` covers nothing of this fleet"), "{}", ran.out);
    let ran = stage.run_beside("plan --sandbox=box --adopt hcp/workspace/main-*").await;
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert_output!(stage.steady(&ran.out));
    assert_eq!(stage.run_beside("apply --yes --sandbox=box --adopt hcp/workspace/main-*").await.code, 0);
    assert_eq!(stage.run_beside("plan --sandbox=box").await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_of_one_organisation_and_of_one_world() {
    let digest = async |stage: &Stage, words: &str| {
        let ran = stage.run_beside(&format!("plan --format json {words}")).await;
        let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
        document["digest"].as_str().unwrap().to_owned()
    };
    let stage = Stage::new();
    let here = digest(&stage, "--sandbox=box").await;
    stage.edit("organization: example-house", "organization: another-house");
    assert_ne!(digest(&stage, "--sandbox=other").await, here, "the same things in another organisation");
    stage.edit("organization: another-house", "organization: example-house");

    // What is reached with an address and a token is not in the sandbox, even where it is the same server.
    let sandbox = stage.sandbox().await;
    let live = |words: &str| {
        let mut command = stage.command(words);
        command.env("TFE_ADDRESS", sandbox.address()).env("TFE_TOKEN", sandbox.token());
        command.env("DNS_TOKEN", "one").env("HOOK_URL", "https://hook.example");
        tokio::task::spawn_blocking(move || Ran::of(&command.output().unwrap()))
    };
    let ran = live(&format!("apply --yes --only-if {here}")).await.unwrap();
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("that plan is one for SANDBOX systems"), "{}", ran.err);
    assert!(sandbox.with_world(|world| world.workspaces.is_empty()), "nothing was written");
    assert_eq!(stage.run_beside(&format!("apply --yes --sandbox=box --only-if {here}")).await.code, 0);
}

/// An apply that waits for the answer to its first request; the words that it wrote on standard error come one by one.
#[cfg(unix)]
struct AtTheDoor {
    child: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStderr>>,
}

#[cfg(unix)]
impl AtTheDoor {
    async fn new(stage: &Stage, sandbox: &reconcile::sandbox::Sandbox) -> Self {
        use std::io::BufRead as _;
        sandbox.script(fault("POST", "organizations/*/projects", Fault::Gate("door".to_owned()))).unwrap();
        let mut command = stage.command("apply --yes --sandbox=box --concurrency 1 --only hcp/project/**");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
        sandbox.arrived("door", 1).await;
        Self { child, lines }
    }

    /// Sends a signal, by the child's id and not by its name.
    fn signal(&self, name: &str) {
        let status = std::process::Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until it says that it heard the signal.
    fn heard(&mut self) {
        assert!(
            self.lines.by_ref().map(Result::unwrap).any(|line| line.starts_with("finishing 1 action (30 s at most)"))
        );
    }

    /// Waits for its end.
    fn end(self) -> (Ran, Vec<String>) {
        let rest = self.lines.map(Result::unwrap).collect();
        let output = self.child.wait_with_output().unwrap();
        (Ran::of(&output), rest)
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_first_signal_finishes_what_is_under_way() {
    for (name, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let stage = Stage::new();
        let sandbox = stage.sandbox().await;
        let mut apply = AtTheDoor::new(&stage, &sandbox).await;
        apply.signal(name);
        apply.heard();
        sandbox.release("door", 1);
        let (ran, _) = apply.end();
        assert_eq!(ran.code, code, "{name}: {}", ran.out);
        let report: Vec<&str> =
            ran.out.lines().skip_while(|line| !line.starts_with("Stopped")).flat_map(str::split_whitespace).collect();
        assert_eq!(
            report.join(" "),
            format!(
                "Stopped: 1 done, 1 not begun. The next apply goes on from here; nothing has to be undone. ({code}: stopped)"
            )
        );
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_leaves_at_once_and_says_what_is_unknown() {
    let stage = Stage::new();
    let sandbox = stage.sandbox().await;
    let mut apply = AtTheDoor::new(&stage, &sandbox).await;
    apply.signal("-INT");
    apply.heard();
    apply.signal("-INT");
    let (ran, rest) = apply.end();
    assert_eq!(ran.code, 130, "{}", ran.out);
    assert!(rest.iter().any(|line| line.contains("answer unknown: POST")), "{rest:?}");
    assert!(ran.out.contains("1 with an unknown answer"), "{}", ran.out);
    sandbox.release("door", 10);
    assert_eq!(stage.run_beside("apply --yes --sandbox=box").await.code, 0);
    assert_eq!(stage.run_beside("plan --sandbox=box").await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gives_its_secret_where_the_spec_is_named_without_a_folder() {
    let stage = Stage::empty();
    stage.write(
        "fleet.yaml",
        "fleet: x\nhcp: { organization: example-house }\nprojects:\n  main:\n    workspaces:\n      dns:\n        runsOn: cloud\n        \
         variables: { env: { A: { sensitive: { command: [cat, value] } } } }\n",
    );
    stage.write("value", "from beside the spec\n");
    let sandbox = stage.sandbox().await;
    let mut command = stage.command("apply --yes fleet.yaml");
    command.env("TFE_ADDRESS", sandbox.address()).env("TFE_TOKEN", sandbox.token());
    let ran = tokio::task::spawn_blocking(move || Ran::of(&command.output().unwrap())).await.unwrap();
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}
