//! A real `dockerd`, started for the suite and stopped after it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use super::image;

/// Two daemons would share a bridge and a firewall, so there is one at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A running daemon; dropping it stops it and takes its files away.
pub struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// The bytes of the two programs of this suite's images: the agent's and the sleeper's.
pub type Programs = (Vec<u8>, Vec<u8>);

/// A daemon, and programs for it to run. Without one a suite is skipped, which is said, or fails where one is required.
pub async fn engine() -> Option<(Daemon, Programs)> {
    let programs = image::compile("agent").and_then(|agent| Ok((agent, image::compile("sleeper")?)));
    let started = match programs {
        Ok(programs) => Daemon::start().await.map(|daemon| (daemon, programs)),
        Err(cause) => Err(cause),
    };
    match started {
        Ok(engine) => Some(engine),
        Err(cause) if is_required() => panic!("RECONCILE_LIVE_DOCKER=required, but: {cause}"),
        Err(cause) => {
            println!("SKIPPED: no real Docker Engine ({cause})");
            None
        }
    }
}

/// Whether a missing engine is a failure.
fn is_required() -> bool {
    std::env::var("RECONCILE_LIVE_DOCKER").is_ok_and(|word| word == "required")
}

impl Daemon {
    /// Starts one with everything of its own, or says why not.
    pub async fn start() -> Result<Self, String> {
        let alone = ALONE.lock().await;
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
        let mut daemon = Self { child, folder, _alone: alone };
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

    /// All that it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

/// Asks without a runtime: what is dropped has none.
fn ask(socket: &Path, method: &str, path: &str) -> Value {
    let asked = UnixStream::connect(socket).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(format!("{method} {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });
    let answer = asked.unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or_default()
}

/// Takes away what would outlive the daemon: its networks are bridges of this machine, and there is room for few.
fn clear(socket: &Path) {
    let list = |path: &str| ask(socket, "GET", path).as_array().cloned().unwrap_or_default();
    for container in list("/containers/json?all=1") {
        ask(socket, "DELETE", &format!("/containers/{}?force=1", container["Id"].as_str().unwrap_or_default()));
    }
    for network in list("/networks") {
        let name = network["Name"].as_str().unwrap_or_default();
        if !["bridge", "host", "none"].contains(&name) {
            ask(socket, "DELETE", &format!("/networks/{}", network["Id"].as_str().unwrap_or_default()));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        clear(&self.socket());
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
        let left = self.folder.path().join("exec/netns/default");
        let _ = Command::new("umount").arg("-q").arg(left).stderr(Stdio::null()).status();
    }
}
