//! A fleet with one Docker host, an organisation, and the binary between them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use reconcile::sandbox::{EngineSeed, Sandbox, Seed};
use tempfile::TempDir;

const FLEET: &str = "\
fleet: lab
hcp: { organization: example-house, externalId: org-Lab0000000000001 }
targets:
  nas: { docker: { project: hcp-agents } }
pools:
  nas: { name: lab-nas, target: nas, agents: { min: 0, max: 1 } }
defaults: { agentImage: 'hashicorp/tfc-agent:1.29.0', name: '{project}-{key}', runsOn: nas }
projects: { main: { workspaces: { dns: {} } } }
";

/// A folder of its own for one test.
pub struct Stage {
    folder: TempDir,
    pub sandbox: Sandbox,
}

impl Stage {
    pub async fn new() -> Self {
        let seed = Seed {
            organization: "example-house".to_owned(),
            external_id: Some("org-Lab0000000000001".to_owned()),
            engines: vec![EngineSeed::new("nas")],
            ..Seed::default()
        };
        let sandbox = Sandbox::in_memory(&seed).await.unwrap();
        // Of one length wherever it is, or lines would be broken in other places.
        let folder = tempfile::Builder::new().prefix("r").rand_bytes(6).tempdir_in("/tmp").unwrap();
        let stage = Self { folder, sandbox };
        stage.write("fleet.yaml", FLEET);
        stage.write("token", stage.sandbox.token());
        fs::create_dir(stage.path("bin")).unwrap();
        stage
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The spec as it was at first, but for this.
    pub fn edit(&self, from: &str, to: &str) {
        assert!(FLEET.contains(from), "{from} is not in the spec");
        self.write("fleet.yaml", &FLEET.replace(from, to));
    }

    /// A program that is found before those of this machine.
    pub fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The binary, against the organisation of the test and with no way to an engine but what is given.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reconcile"));
        command.args(words);
        self.around(&mut command);
        command
    }

    /// The environment of that.
    pub fn around(&self, command: &mut Command) {
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(["--hcp-address", self.sandbox.address(), "--hcp-token-file", "token"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .stdin(Stdio::null());
    }

    /// Plans what concerns the host, and gives what is said of it.
    pub async fn plan(&self, more: &[&str]) -> String {
        let mut words = vec!["plan", "--only", "docker/**"];
        words.extend(more);
        let output = self.ran(self.command(&words)).await;
        self.about_the_host(&output)
    }

    /// Runs something while the organisation goes on answering.
    pub async fn ran(&self, mut command: Command) -> Output {
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// The line about the host above the plan, the sections below it, and how it ended: nothing else, and nothing that
    /// differs from run to run.
    pub fn about_the_host(&self, output: &Output) -> String {
        let out = self.steady(&String::from_utf8(output.stdout.clone()).unwrap());
        let err = self.steady(&String::from_utf8(output.stderr.clone()).unwrap());
        let (head, body) = out.split_once("\n\n").unwrap_or((&out, ""));
        let mut wanted = false;
        let mut text = String::new();
        for line in head.lines() {
            // A line that is continued is indented deeper than the names of systems.
            let begins = line.starts_with("  docker") || line.starts_with("  not pinned yet");
            wanted = begins || (wanted && line.starts_with("      "));
            if wanted {
                text.push_str(line);
                text.push('\n');
            }
        }
        text.push('\n');
        text.push_str(body);
        if !err.is_empty() {
            text.push_str("--- standard error\n");
            text.push_str(&err);
        }
        format!("{text}--- exit {}\n", output.status.code().unwrap_or(-1))
    }

    /// Takes out what differs from run to run, where that moves no line.
    pub fn steady(&self, text: &str) -> String {
        let mut steady = String::new();
        let text = text.replace(&self.folder.path().display().to_string(), "/tmp/r000000");
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("127.0.0.1:") {
            steady.push_str(before);
            steady.push_str("127.0.0.1:PORT");
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        }
        steady.push_str(rest);
        let lines = steady.lines().map(|line| match line.split_once("Plan ") {
            Some(("", rest)) => format!("Plan DIGEST{}", rest.get(12..).unwrap_or(rest)),
            _ => line.to_owned(),
        });
        lines.map(|line| line + "\n").collect()
    }
}

/// Holds a text against the one that was written down.
pub fn golden(name: &str, text: &str) {
    assert!(!text.trim().is_empty(), "{name}: nothing was said");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preflight").join(format!("{name}.txt"));
    if std::env::var_os("RECONCILE_UPDATE").is_some() {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name}\n--- expected\n{expected}--- got\n{text}");
}
