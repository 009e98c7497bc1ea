//! `kill -9` of the real program at a hundred random moments of an apply, each followed by one more run: it converges,
//! nothing is there twice, and nothing of others was touched.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

mod lab;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reconcile::sandbox::Sandbox;
use reconcile::sandbox::faults::{Fault, Faults, Rule};
use tempfile::TempDir;

use lab::neighbours;
use lab::picture::{expect_alike, picture};

/// How often the program is killed.
const KILLS: usize = 100;
/// How long the server takes for a write, in milliseconds: so that the moments fall on different writes.
const SLOW: u64 = 20;

/// A folder, and a copy of the program in it that no other build can replace meanwhile.
struct Ground {
    folder: TempDir,
    spec: [PathBuf; 2],
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_reconcile"), folder.path().join("reconcile")).unwrap();
        Self { folder, spec: lab::example_files_without_operator() }
    }

    fn sandbox(&self) -> PathBuf {
        self.folder.path().join("box")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.folder.path().join("reconcile"));
        command
            .args(words)
            .arg(format!("--sandbox={}", self.sandbox().display()))
            .args(&self.spec)
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    async fn run(&self, words: &[&str]) -> Output {
        let mut command = self.command(words);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn slowly() -> Faults {
    let rule = Rule { method: Some("write".to_owned()), ..Rule::new(Fault::Delay(SLOW)) };
    Faults { seed: 0, rules: vec![rule] }
}

fn writes(sandbox: &Sandbox) -> usize {
    sandbox.take_requests().iter().filter(|request| request.is_write() && request.done).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_a_hundred_moments_it_converges_with_one_more_run() {
    let apply = ["apply", "--yes", "--concurrency", "3"];
    let ground = Ground::new();
    let sandbox = Sandbox::serve(&ground.sandbox(), None, &lab::seed(&lab::example_without_operator())).await.unwrap();
    sandbox.with_world(neighbours::move_in);
    let start = sandbox.snapshot();
    let others = neighbours::of_others(&start);

    sandbox.script(slowly()).unwrap();
    let began = Instant::now();
    let undisturbed = ground.run(&apply).await;
    let duration = began.elapsed();
    assert!(undisturbed.status.success(), "{}", said(&undisturbed));
    let all = writes(&sandbox);
    let end = picture(&sandbox.snapshot());

    let mut dice = StdRng::seed_from_u64(9);
    let (mut early, mut late, mut amid) = (0, 0, BTreeSet::new());
    let mut in_mid_apply = 0;
    for round in 0..KILLS {
        sandbox.with_world(|world| world.clone_from(&start));
        sandbox.script(slowly()).unwrap();
        sandbox.take_requests();
        let moment = duration.mul_f64(dice.random_range(0.0..1.0));
        let mut child = ground.command(&apply).spawn().unwrap();
        tokio::time::sleep(moment).await;
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        // What was on its way is done or is not; then nothing more comes of the one that is dead.
        tokio::time::sleep(Duration::from_millis(2 * SLOW)).await;
        sandbox.script(Faults::default()).unwrap();
        match (ended.success(), writes(&sandbox)) {
            (true, _) => late += 1,
            (false, 0) => early += 1,
            (false, done) => {
                in_mid_apply += 1;
                amid.insert(done);
            }
        }
        let how = format!("killed after {moment:?}, round {round}");
        let again = ground.run(&["apply", "--yes"]).await;
        if again.status.code() == Some(2) && said(&again).contains("reached nobody") {
            // A token was minted and the process died with it: an hour later the next run revokes it.
            sandbox.advance(SignedDuration::from_mins(61));
            let later = ground.run(&["apply", "--yes"]).await;
            assert!(later.status.success(), "{how}: {}", said(&later));
        } else {
            assert!(again.status.success(), "{how}: {}", said(&again));
        }
        let then = ground.run(&["plan"]).await;
        assert!(then.status.success() && said(&then).contains("no changes"), "{how}: {}", said(&then));
        let world = sandbox.snapshot();
        expect_alike(&picture(&world), &end, &how);
        assert_eq!(neighbours::of_others(&world), others, "{how}: things of others");
        assert!(world.workspaces.values().all(|workspace| workspace.lock.is_none()), "{how}: a lock is left");
    }
    println!(
        "an apply of {all} writes in {duration:?}; of {KILLS} killed, {early} died before the first write, {in_mid_apply} \
         amid them (after {amid:?}), {late} had ended"
    );
    assert!(in_mid_apply * 2 >= KILLS, "only {in_mid_apply} died in mid-apply");
}
