//! A real `dockerd`, started for the suite and stopped after it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running daemon; dropping it stops it and takes its files away.
pub struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
}

/// Whether a missing engine is a failure.
pub fn is_required() -> bool {
    std::env::var("RECONCILE_LIVE_DOCKER").is_ok_and(|word| word == "required")
}

impl Daemon {
    /// Starts one with everything of its own, or says why not.
    pub async fn start() -> Result<Self, String> {
        // Sockets have short paths, so not below the build's folder.
        let folder = tempfile::Builder::new().prefix("rd").tempdir().map_err(|cause| cause.to_string())?;
        let path = |name: &str| folder.path().join(name);
        let log = std::fs::File::create(path("log")).map_err(|cause| cause.to_string())?;
        let child = Command::new("dockerd")
            .arg("--data-root")
            .arg(path("data"))
            .arg("--exec-root")
            .arg(path("exec"))
            .arg("--pidfile")
            .arg(path("pid"))
            .arg("--host")
            .arg(format!("unix://{}", path("sock").display()))
            .args(["--insecure-registry", "127.0.0.0/8"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|cause| format!("dockerd: {cause}"))?;
        let mut daemon = Self { child, folder };
        let began = Instant::now();
        loop {
            if let Ok(Some(status)) = daemon.child.try_wait() {
                return Err(format!("dockerd ended ({status}): {}", daemon.last_words()));
            }
            if tokio::net::UnixStream::connect(daemon.socket()).await.is_ok() {
                return Ok(daemon);
            }
            if began.elapsed() > Duration::from_mins(1) {
                return Err(format!("dockerd is not up after a minute: {}", daemon.last_words()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    /// `unix://…`.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // TERM first, as a killed daemon leaves its containerd behind.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) && !matches!(self.child.try_wait(), Ok(Some(_))) {
            #[expect(clippy::disallowed_methods, reason = "nothing else runs any more")]
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Containers in the machine's own network leave this, and the folder could not be removed.
        let _ = Command::new("umount").arg("-q").arg(self.folder.path().join("exec/netns/default")).status();
    }
}
