//! The program itself, as a user would call it: HCP's address and token, and the way to the engine, all said.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::site::{Site, TARGET, Wish};

/// A folder with a spec, and a copy of the program that no other build can replace meanwhile.
pub struct Program {
    folder: TempDir,
    address: String,
    engine: String,
}

impl Program {
    pub fn new(site: &Site) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_reconcile"), folder.path().join("reconcile")).unwrap();
        std::fs::write(folder.path().join("token"), site.sandbox.token()).unwrap();
        Self { folder, address: site.sandbox.address().to_owned(), engine: site.engine.clone() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the next runs want.
    pub fn write(&self, site: &Site, wish: &Wish<'_>) {
        std::fs::write(self.path("fleet.yaml"), site.spec(wish)).unwrap();
    }

    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(self.path("reconcile"));
        command
            .args(words.split(' '))
            .args(["--hcp-address", &self.address, "--hcp-token-file", "token", "fleet.yaml"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env(format!("RECONCILE_DOCKER_{}_HOST", TARGET.to_uppercase()), &self.engine)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub async fn run(&self, words: &str) -> Ran {
        let mut command = self.command(words);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap().into()
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Ran {
    /// `None` if it was killed.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Whether these words are in what it wrote, wherever lines are broken.
    pub fn says(&self, words: &str) -> bool {
        self.out.split_whitespace().collect::<Vec<_>>().join(" ").contains(words)
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}
