//! A folder with a spec, a sandbox, and the binary.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use reconcile::sandbox::faults::{Fault, Faults, Rule};
use reconcile::sandbox::{Connection, Sandbox, Seed};
use tempfile::TempDir;

/// A folder of its own for one test.
pub struct Stage {
    folder: TempDir,
}

/// What a run of the binary came to.
pub struct Ran {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Stage {
    /// With the spec of these tests in `fleet.yaml`.
    pub fn new() -> Self {
        let stage = Self::empty();
        stage.write("fleet.yaml", include_str!("fleet.yaml"));
        stage
    }

    /// With nothing in it.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Changes the spec: every place where the text stands.
    pub fn edit(&self, from: &str, to: &str) {
        let text = self.read("fleet.yaml");
        assert!(text.contains(from), "{from} is not in the spec");
        self.write("fleet.yaml", &text.replace(from, to));
    }

    /// The binary in this folder, with an environment of its own.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reconcile"));
        command
            .args(words.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null());
        command
    }

    /// Git in this folder; what it printed.
    pub fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
            .args(words)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the binary with these words.
    pub fn run(&self, words: &str) -> Ran {
        Ran::of(&self.command(words).output().unwrap())
    }

    /// Runs it, and gives the whole as a text in which nothing changes from run to run.
    pub fn show(&self, words: &str) -> String {
        let ran = self.run(words);
        let mut text = format!("$ reconcile {words}\n{}", ran.out);
        if !ran.err.is_empty() {
            text.push_str("--- standard error\n");
            text.push_str(&ran.err);
        }
        let text = format!("{text}--- exit {}\n", ran.code);
        self.steady(&text)
    }

    /// Takes out what differs from run to run.
    pub fn steady(&self, text: &str) -> String {
        let real = std::fs::canonicalize(self.folder.path()).unwrap();
        let text = text.replace(&real.display().to_string(), "[DIR]");
        text.replace(&self.folder.path().display().to_string(), "[DIR]")
    }

    /// The sandbox in `box`, served by the test, so that it can be looked into and broken.
    pub async fn sandbox(&self) -> Sandbox {
        let seed = Seed {
            organization: "example-house".to_owned(),
            external_id: Some("org-Lab0000000000001".to_owned()),
            connections: vec![Connection { name: None, service_provider: "github".to_owned() }],
            ..Seed::default()
        };
        Sandbox::serve(&self.path("box"), None, &seed).await.unwrap()
    }

    /// A client that is not ours.
    pub fn client() -> reqwest::Client {
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::new()
    }

    /// Does something by hand: one request to the sandbox.
    pub async fn ask(&self, sandbox: &Sandbox, method: &str, path: &str, kind: &str, attributes: &serde_json::Value) {
        let body = serde_json::json!({"data": {"type": kind, "attributes": attributes}});
        let answer = Self::client()
            .request(method.parse().unwrap(), format!("{}/api/v2/{path}", sandbox.address()))
            .bearer_auth(sandbox.token())
            .header("Content-Type", "application/vnd.api+json")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.status());
    }

    /// Runs the binary while the test's sandbox goes on serving.
    pub async fn run_beside(&self, words: &str) -> Ran {
        let mut command = self.command(words);
        tokio::task::spawn_blocking(move || Ran::of(&command.output().unwrap())).await.unwrap()
    }
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    pub fn last(&self) -> &str {
        self.out.lines().last().unwrap_or_default()
    }
}

/// One fault for requests to a path.
pub fn fault(method: &str, path: &str, fault: Fault) -> Faults {
    Faults {
        seed: 0,
        rules: vec![Rule { method: Some(method.to_owned()), path: Some(path.to_owned()), ..Rule::new(fault) }],
    }
}

/// Compares with the snapshot of this name: times, ports, digests and request ids taken out.
#[macro_export]
macro_rules! assert_output {
    ($text:expr) => {
        insta::with_settings!({
            snapshot_path => "snapshots",
            prepend_module_to_snapshot => true,
            omit_expression => true,
            filters => vec![
                (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[ID]"),
                (r"reconcile \d+\.\d+\.\d+", "reconcile [VERSION]"),
                (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
                (r"\d+\.\d s\b", "[TIME]"),
                (r"\b[0-9a-f]{64}\b", "[DIGEST]"),
                (r"\b[0-9a-f]{16}\b", "[FINGERPRINT]"),
                (r"\b[0-9a-f]{12}\b", "[DIGEST]"),
            ],
        }, {
            insta::assert_snapshot!($text);
        });
    };
}
