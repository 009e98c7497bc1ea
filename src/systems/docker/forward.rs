//! The socket of another machine's engine, forwarded to this one by `ssh`: nothing has to be installed there, and no
//! `docker` has to be on the path of a shell that is not interactive.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use super::failure::Failure;

/// A forwarded socket; it goes when this goes.
#[derive(Debug)]
pub(super) struct Forward {
    socket: PathBuf,
    _folder: TempDir,
    _ssh: Child,
}

impl Forward {
    /// Starts `ssh`, and waits until the socket is there.
    pub(super) async fn open(
        destination: &str,
        port: Option<u16>,
        remote: &Path,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let way = format!("ssh://{destination}");
        let failed = |cause: String, hint: &str| Failure::unreachable(&way, cause, hint);
        // Only its owner may use what is in a temporary folder of ours.
        let folder = tempfile::Builder::new().prefix("reconcile-").tempdir().map_err(|error| {
            failed(format!("making a folder for its socket: {error}"), "look at the folder for temporary files")
        })?;
        let socket = folder.path().join("engine.sock");
        let mut command = Command::new("ssh");
        command.args(["-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none"]);
        command.args(["-o", &format!("ConnectTimeout={}", patience.as_secs().max(1))]);
        if let Some(port) = port {
            command.args(["-p", &port.to_string()]);
        }
        command.arg("-L").arg(format!("{}:{}", socket.display(), remote.display())).arg("--").arg(destination);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        // In a group of its own, so that a Ctrl-C at the terminal does not cut off what is under way.
        #[cfg(unix)]
        command.process_group(0);
        let mut ssh = command.spawn().map_err(|error| {
            failed(format!("cannot run ssh: {error}"), "install an ssh client, or reach the engine by another way")
        })?;
        let deadline = tokio::time::Instant::now() + patience;
        while !socket.exists() {
            if let Ok(Some(status)) = ssh.try_wait() {
                let mut said = String::new();
                if let Some(mut stderr) = ssh.stderr.take() {
                    // What was said so far is all there is to say.
                    let _ = stderr.read_to_string(&mut said).await;
                }
                let said =
                    said.lines().filter(|line| !line.trim().is_empty()).next_back().unwrap_or_default().to_owned();
                return Err(failed(
                    format!("ssh ended with {status}: {}", said.trim()),
                    "try `ssh` to it by hand: it must need no password, and the host's key must be known",
                ));
            }
            if tokio::time::Instant::now() > deadline {
                return Err(failed(
                    format!("no forwarded socket within {patience:?}"),
                    "look whether the host is up; `mayBeAway: true` for one that sleeps",
                ));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { socket, _folder: folder, _ssh: ssh })
    }

    /// The socket on this machine.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }
}
