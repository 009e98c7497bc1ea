//! A real `dockerd`, started for a test and stopped after it.
//!
//! Test and daemon have a network namespace of their own. A daemon leaves its bridges and the rules of its firewall behind;
//! the rules make the kernel remember every connection, also those of other suites, and what it has room for is soon full.

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Builder;

use super::image;

/// An address of the test's that containers can reach: loopback is another one to each of them. (For documentation,
/// RFC 5737, so it is nobody's.)
pub const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A running daemon; dropping it stops it and takes its files away.
pub struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
}

/// The bytes of the two programs of this suite's images: the agent's and the sleeper's.
pub type Programs = (Vec<u8>, Vec<u8>);

/// Runs a test with a daemon, and programs for it to run. Without one it is skipped, which is said, or fails where one is
/// required.
pub fn with_engine(test: impl AsyncFnOnce(Daemon, Programs)) {
    match move_out().and_then(|()| Ok((image::compile("agent")?, image::compile("sleeper")?))) {
        Ok(programs) => {
            // Its threads are begun here, and so are in the same namespace.
            let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
            runtime.block_on(async {
                match Daemon::start().await {
                    Ok(daemon) => test(daemon, programs).await,
                    Err(cause) => skip(&cause),
                }
            });
        }
        Err(cause) => skip(&cause),
    }
}

fn skip(cause: &str) {
    assert!(!is_required(), "RECONCILE_LIVE_DOCKER=required, but: {cause}");
    println!("SKIPPED: no real Docker Engine ({cause})");
}

/// Leaves this machine's network for an empty one: this thread, and all that it begins from now on.
#[cfg(target_os = "linux")]
fn move_out() -> Result<(), String> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)
        .map_err(|cause| format!("a network namespace of its own: {cause}"))?;
    for words in ["link set lo up".to_owned(), format!("address add {HERE}/32 dev lo")] {
        let done = Command::new("ip").args(words.split(' ')).output().map_err(|cause| format!("ip: {cause}"))?;
        if !done.status.success() {
            return Err(format!("ip {words}: {}", String::from_utf8_lossy(&done.stderr)));
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn move_out() -> Result<(), String> {
    Err("it runs on Linux".to_owned())
}

/// Whether a missing engine is a failure.
fn is_required() -> bool {
    std::env::var("RECONCILE_LIVE_DOCKER").is_ok_and(|word| word == "required")
}

impl Daemon {
    /// Starts one with everything of its own, or says why not.
    async fn start() -> Result<Self, String> {
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

/// Takes away what would outlive the daemon; its networks go with the namespace.
fn clear(socket: &Path) {
    for container in ask(socket, "GET", "/containers/json?all=1").as_array().into_iter().flatten() {
        ask(socket, "DELETE", &format!("/containers/{}?force=1", container["Id"].as_str().unwrap_or_default()));
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
