//! The socket of another machine's engine, forwarded to this one by `ssh`: nothing has to be installed there, and no
//! `docker` has to be on the path of a shell that is not interactive.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, sleep};

use super::failure::Failure;
use crate::http::Kind;

/// The last lines that ssh said are kept, and no more.
const LINES: usize = 40;

/// Runs ssh in the place of this shell. A second one waits until we are gone, whatever ended us, and then takes the socket
/// and its folder away and ends the whole group: ssh, and the programs that its configuration may have started.
const SHELL: &str = r#"exec 3<&0
( read -r _ <&3; rm -f "$0"; rmdir "${0%/*}"; kill 0 ) >/dev/null 2>&1 &
exec ssh "$@" 3<&- </dev/null"#;

/// What a shell says of a program that is not there.
const NO_SUCH_PROGRAM: i32 = 127;

/// A forwarded socket; it goes when this goes.
#[derive(Debug)]
pub(super) struct Forward {
    socket: PathBuf,
    far_socket: PathBuf,
    destination: String,
    said: Said,
    _folder: TempDir,
    ssh: Mutex<Child>,
}

/// Why nothing gets through, and what to do.
#[derive(Debug)]
pub(super) struct Trouble {
    /// Only who does not answer at all is away.
    pub(super) kind: Kind,
    pub(super) cause: String,
    pub(super) hint: String,
}

/// What ssh says, which is all that is known of why something does not get through.
#[derive(Clone, Debug, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Keeps reading, or ssh would stand still once nobody takes what it says.
    async fn listen(self, stderr: ChildStderr) {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            tracing::debug!(line, "ssh");
            let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            said.push(line.to_owned());
            if said.len() > LINES {
                said.remove(0);
            }
        }
    }
}

impl Forward {
    /// Starts `ssh`, and waits until the socket is there.
    pub(super) async fn open(
        destination: &str,
        port: Option<u16>,
        remote: &Path,
        connecting: Duration,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let way = format!("ssh://{destination}");
        let failed = |trouble: Trouble| Failure::through_ssh(&way, trouble);
        let here = |cause: String, hint: &str| {
            Failure::through_ssh(&way, Trouble { kind: Kind::Unexpected, cause, hint: hint.to_owned() })
        };
        // Only its owner may use what is in a temporary folder of ours.
        let folder = tempfile::Builder::new().prefix("reconcile-").tempdir().map_err(|error| {
            here(format!("making a folder for its socket: {error}"), "look at the folder for temporary files")
        })?;
        let socket = folder.path().join("engine.sock");
        let mut ssh = command(destination, port, (&socket, remote), connecting)
            .spawn()
            .map_err(|error| here(format!("cannot run ssh: {error}"), "look at this machine's shell: /bin/sh"))?;
        let said = Said::default();
        let listening = ssh.stderr.take().map(|stderr| tokio::spawn(said.clone().listen(stderr)));
        let deadline = Instant::now() + patience;
        while !socket.exists() {
            if let Ok(Some(status)) = ssh.try_wait() {
                if let Some(listening) = listening {
                    // All that it said is read by now, or never will be.
                    let _ = tokio::time::timeout(Duration::from_secs(1), listening).await;
                }
                return Err(failed(why_it_ended(destination, status, &said.text())));
            }
            if Instant::now() > deadline {
                let cause = format!("ssh forwarded no socket within {} s", patience.as_secs());
                return Err(failed(Trouble { kind: Kind::Unreachable, cause, hint: by_hand(destination) }));
            }
            sleep(Duration::from_millis(20)).await;
        }
        let (destination, far_socket) = (destination.to_owned(), remote.to_owned());
        Ok(Self { socket, far_socket, destination, said, _folder: folder, ssh: Mutex::new(ssh) })
    }

    /// The socket on this machine.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// ssh has ended, so that nothing gets through any more.
    pub(super) fn has_ended(&self) -> bool {
        let mut ssh = self.ssh.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(ssh.try_wait(), Ok(None))
    }

    /// Why a request did not get through, and what to do.
    pub(super) async fn trouble(&self) -> Option<Trouble> {
        // ssh says it at about the time at which the connection ends.
        for _ in 0..15 {
            if let Some(trouble) = refused_there(&self.destination, &self.far_socket, &self.said.text()) {
                return Some(trouble);
            }
            sleep(Duration::from_millis(20)).await;
        }
        let text = self.said.text();
        let ended = self.ssh.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
        ended.ok().flatten().map(|status| why_it_ended(&self.destination, status, &text))
    }
}

fn command(destination: &str, port: Option<u16>, sockets: (&Path, &Path), connecting: Duration) -> Command {
    let (here, there) = sockets;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SHELL]).arg(here);
    command.args(["-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none"]);
    // A link that broke is noticed within a minute.
    command.args(["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]);
    command.args(["-o", &format!("ConnectTimeout={}", connecting.as_secs().max(1))]);
    if let Some(port) = port {
        command.args(["-p", &port.to_string()]);
    }
    command.arg("-L").arg(format!("{}:{}", here.display(), there.display())).arg("--").arg(destination);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    // In a group of its own, so that a Ctrl-C at the terminal does not cut off what is under way.
    #[cfg(unix)]
    command.process_group(0);
    command
}

fn by_hand(destination: &str) -> String {
    format!("try by hand: `ssh {destination} true` must come back at once and ask for nothing")
}

/// What it means that ssh ended, by what it said.
fn why_it_ended(destination: &str, status: ExitStatus, said: &str) -> Trouble {
    if status.code() == Some(NO_SUCH_PROGRAM) {
        return Trouble {
            kind: Kind::Invalid,
            cause: "there is no program `ssh` on the PATH".to_owned(),
            hint: "install an OpenSSH client, or reach the engine by another way".to_owned(),
        };
    }
    let last = said.lines().next_back().unwrap_or("it said nothing");
    let last = last.trim_start_matches("ssh: ");
    let says = |words: &[&str]| words.iter().any(|words| said.contains(words));
    let (kind, cause, hint) = if says(&["IDENTIFICATION HAS CHANGED"]) {
        (
            Kind::Denied,
            "the host's key is another one than it was",
            format!(
                "find out why before anything else; if it is meant: `ssh-keygen -R` with its name, then `ssh {destination}`"
            ),
        )
    } else if says(&["Host key verification failed"]) {
        (
            Kind::Denied,
            "the host's key is not known here",
            format!("run `ssh {destination}` once by hand and compare the key, or write it into known_hosts"),
        )
    } else if says(&["Permission denied", "Too many authentication failures"]) {
        (
            Kind::Denied,
            "it lets nobody in without a password, or not with this key",
            format!(
                "`ssh-copy-id {destination}`, with a key that has no passphrase or is in ssh's agent: nobody can be asked here"
            ),
        )
    } else if says(&["Could not resolve hostname"]) {
        let hint = "look at the name, and at `Host` entries of your ssh configuration".to_owned();
        (Kind::Unreachable, "the host's name is not known", hint)
    } else if says(&["Connection refused"]) {
        (Kind::Unreachable, "no sshd listens there", "switch ssh on on that host, and look at its port".to_owned())
    } else if says(&["timed out", "No route to host", "is unreachable", "Host is down"]) {
        (Kind::Unreachable, "the host does not answer", AWAY.to_owned())
    } else {
        let cause = format!("ssh ended with {status}: {last}");
        return Trouble { kind: Kind::Unexpected, cause, hint: by_hand(destination) };
    };
    Trouble { kind, cause: format!("{cause} (ssh: {last})"), hint }
}

/// For a host that is silent.
pub(super) const AWAY: &str = "look whether the host is up; `mayBeAway: true` on the target for one that sleeps";

/// What it means that ssh stands and the connection behind it does not.
fn refused_there(destination: &str, socket: &Path, said: &str) -> Option<Trouble> {
    let line = said.lines().rfind(|line| line.contains("open failed"))?;
    let socket = socket.display();
    let (cause, hint) = if line.contains("administratively prohibited") {
        (
            "ssh gets there, and its sshd forwards no sockets".to_owned(),
            "it takes `AllowStreamLocalForwarding yes` and no `DisableForwarding` in /etc/ssh/sshd_config there, and no `restrict` at the key in authorized_keys".to_owned(),
        )
    } else {
        (
            format!("ssh gets there, and the socket {socket} does not answer"),
            format!(
                "look whether the engine runs there and whether this user may use the socket: `ssh {destination} ls -l {socket}`; on a Synology NAS it is root's: make a group docker, put the user into it, and `chown root:docker` the socket; one elsewhere: `socket:` in access.yaml"
            ),
        )
    };
    Some(Trouble { kind: Kind::Denied, cause: format!("{cause} (ssh: {line})"), hint })
}
