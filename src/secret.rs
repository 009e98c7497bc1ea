//! Where a secret comes from, and the type that holds its value for as short a time as possible.

mod command;
pub(crate) mod fingerprint;

use std::cell::Cell;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

pub(crate) use self::command::Group;
pub use self::command::stop_all as stop_commands;
use self::fingerprint::Fingerprints;

/// How long a program may take to give a secret.
pub const COMMAND_DEADLINE: Duration = Duration::from_mins(1);

/// A secret's value. It cannot be printed, copied or serialised, and is wiped when it goes.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the value over.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the request that delivers it and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value as a part of a body that is sent.
    #[must_use]
    pub fn carried(&self) -> Carried<'_> {
        Carried(self)
    }
}

/// The only form in which a secret can be serialised, and only into a body. The body knows from then on that it carries
/// one: a server may repeat what it was sent, in whatever form, so of its answers to such a body nothing is told but words
/// of our own. Nobody has to think of saying so.
#[derive(Clone, Copy, Debug)]
pub struct Carried<'a>(&'a Secret);

thread_local! {
    /// Whether the body that is being written carries a secret; nothing where none is being written.
    static CARRIES: Cell<Option<bool>> = const { Cell::new(None) };
}

impl Serialize for Carried<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if CARRIES.get().is_none() {
            return Err(S::Error::custom("a secret is written into a body and nowhere else"));
        }
        CARRIES.set(Some(true));
        serializer.serialize_str(self.0.expose())
    }
}

/// Writes a body, and says whether a secret got into it.
pub fn noticed<T>(write: impl FnOnce() -> T) -> (T, bool) {
    let outer = CARRIES.replace(Some(false));
    let written = write();
    let carries = CARRIES.replace(outer).unwrap_or(false);
    (written, carries)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where a secret is read from. This, and never the value, is what specs and plans hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretRef {
    /// An environment variable of the process that applies.
    Env(String),
    /// A file; one trailing line break is not part of the secret.
    File(PathBuf),
    /// A program and its arguments; the secret is its standard output less one trailing line break.
    Command(Vec<String>),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            // The arguments may hold what a careless user put there.
            Self::Command(words) => write!(f, "command {}", words.first().map_or("(empty)", String::as_str)),
        }
    }
}

/// What a comparison of a secret's source with its receiver came to: the only thing that outlives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Compared {
    /// The receiver holds what the source gives.
    Same,
    /// The source gives another value than the one we wrote last.
    SourceChanged,
    /// The receiver was written by somebody else since.
    ReceiverChanged,
    /// Nothing tells what the receiver holds: never written by us, or an answer was lost.
    Unwitnessed,
    /// The source could not be read; a gap, never a difference.
    Unreadable(String),
}

/// How this process reads secrets. The sandbox replaces every source, so that nothing real is read there.
#[derive(Debug)]
pub struct Secrets {
    sources: Sources,
    fingerprints: Fingerprints,
}

#[derive(Debug)]
enum Sources {
    /// The real ones; a relative file is one beside the spec.
    Real { directory: PathBuf, commands: bool, deadline: Duration },
    /// Values made up from a seed and the reference.
    Sandbox { seed: String },
}

/// Why a secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The variable is not set.
    #[error("the environment variable {0} is not set")]
    NoVariable(String),
    /// The source gives nothing.
    #[error("{0} is empty")]
    Empty(SecretRef),
    /// What it gives is no text.
    #[error("{0} is not UTF-8 text")]
    NotText(SecretRef),
    /// The file cannot be read.
    #[error("cannot read the file {path}: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why; part of the message, so it is not a source that would be told a second time.
        cause: std::io::Error,
    },
    /// Commands are not allowed here.
    #[error("commands as secret sources are not run where CI is set; allow them with --allow-commands")]
    CommandsNotAllowed,
    /// The program cannot be started.
    #[error("cannot run {program}: {cause}")]
    Command {
        /// Which.
        program: String,
        /// Why; part of the message, so it is not a source that would be told a second time.
        cause: std::io::Error,
    },
    /// The program took too long.
    #[error("{program} gave nothing within {} s, so it was stopped with all that it had started", deadline.as_secs_f64())]
    TooSlow {
        /// Which.
        program: String,
        /// After how long.
        deadline: Duration,
    },
    /// The program failed. Its output is not shown: it may hold the secret.
    #[error("{program} ended with {status}; what it said is not shown, since it may hold the secret")]
    Failed {
        /// Which.
        program: String,
        /// How.
        status: std::process::ExitStatus,
    },
}

impl Unreadable {
    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::TooSlow { .. } => {
                "run the command by hand: it has no terminal here, so it must not ask for anything; unlock what it reads \
                 from first"
            }
            Self::CommandsNotAllowed => "allow them with --allow-commands, or read the secret from `env` or `file`",
            Self::NoVariable(_)
            | Self::Empty(_)
            | Self::NotText(_)
            | Self::File { .. }
            | Self::Command { .. }
            | Self::Failed { .. } => "make the source readable for this process, and run it again",
        }
    }
}

impl Secrets {
    /// The real sources; files are relative to this directory.
    #[must_use]
    pub fn real(directory: PathBuf, commands: bool) -> Self {
        let sources = Sources::Real { directory, commands, deadline: COMMAND_DEADLINE };
        Self { sources, fingerprints: Fingerprints::new(false) }
    }

    /// The same with another time for a program.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        if let Sources::Real { deadline, .. } = &mut self.sources {
            *deadline = time;
        }
        self
    }

    /// Made-up values that depend on the seed and on the reference alone.
    #[must_use]
    pub fn sandbox(seed: String) -> Self {
        Self { sources: Sources::Sandbox { seed }, fingerprints: Fingerprints::new(true) }
    }

    /// What makes fingerprints of them.
    pub(crate) fn fingerprints(&self) -> &Fingerprints {
        &self.fingerprints
    }

    /// Reads a secret.
    ///
    /// # Errors
    /// When its source gives none.
    pub async fn read(&self, source: &SecretRef) -> Result<Secret, Unreadable> {
        let secret = match &self.sources {
            Sources::Sandbox { seed } => return Ok(made_up(seed, source)),
            Sources::Real { directory, commands, deadline } => match source {
                SecretRef::Env(name) => from_environment(name, source)?,
                SecretRef::File(path) => from_file(directory.join(path), source)?,
                SecretRef::Command(_) if !commands => return Err(Unreadable::CommandsNotAllowed),
                SecretRef::Command(words) => command::read(words, directory, source, *deadline).await?,
            },
        };
        if secret.expose().is_empty() {
            return Err(Unreadable::Empty(source.clone()));
        }
        Ok(secret)
    }
}

fn made_up(seed: &str, source: &SecretRef) -> Secret {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    hash.update(seed.as_bytes());
    hash.update([0]);
    hash.update(serde_json::to_vec(source).unwrap_or_default());
    let text = data_encoding::BASE32HEX_NOPAD.encode(&hash.finalize());
    // An address, so that it can stand for a notification's URL too; the domain can never exist (RFC 6761).
    Secret::new(format!("https://sandbox.invalid/{}", text.to_ascii_lowercase()))
}

fn from_environment(name: &str, source: &SecretRef) -> Result<Secret, Unreadable> {
    match std::env::var(name) {
        Ok(value) => Ok(Secret::new(value)),
        Err(std::env::VarError::NotPresent) => Err(Unreadable::NoVariable(name.to_owned())),
        Err(std::env::VarError::NotUnicode(_)) => Err(Unreadable::NotText(source.clone())),
    }
}

fn from_file(path: PathBuf, source: &SecretRef) -> Result<Secret, Unreadable> {
    match std::fs::read(&path) {
        Ok(bytes) => text(bytes, source),
        Err(cause) => Err(Unreadable::File { path, cause }),
    }
}

/// The text less one trailing line break: what editors and programs add and nobody means.
fn text(bytes: Vec<u8>, source: &SecretRef) -> Result<Secret, Unreadable> {
    match String::from_utf8(bytes) {
        Ok(mut value) => {
            if value.ends_with('\n') {
                value.pop();
                if value.ends_with('\r') {
                    value.pop();
                }
            }
            Ok(Secret::new(value))
        }
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(Unreadable::NotText(source.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_serialised_into_a_body_and_nowhere_else() {
        let secret = Secret::new("canary".to_owned());
        assert!(serde_json::to_string(&secret.carried()).is_err());
        let (text, carries) = noticed(|| serde_json::to_string(&[secret.carried()]));
        assert_eq!((text.unwrap().as_str(), carries), (r#"["canary"]"#, true));
        let (_, carries) = noticed(|| serde_json::to_string("plain"));
        assert!(!carries);
        assert!(serde_json::to_string(&secret.carried()).is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_a_failing_command_says_is_told_to_nobody() {
        let words = ["sh", "-c", "echo canary; echo canary >&2; exit 3"].map(str::to_owned);
        let secrets = Secrets::real(PathBuf::from("/"), true);
        let refused = secrets.read(&SecretRef::Command(words.into())).await.unwrap_err();
        let told = format!("{refused} {refused:?}");
        assert!(told.contains("sh ended with exit status: 3"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_command_that_does_not_end_is_stopped_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let words = ["sh", "-c", "sleep 300 & echo $! > pid; wait"].map(str::to_owned);
        let secrets = Secrets::real(folder.path().to_owned(), true).within(Duration::from_millis(500));
        let refused = secrets.read(&SecretRef::Command(words.into())).await.unwrap_err();
        assert_eq!(refused.to_string(), "sh gave nothing within 0.5 s, so it was stopped with all that it had started");
        assert!(refused.remedy().contains("by hand"));
        let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        let status = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        // Whoever adopts it may take a moment to bury it.
        let gone = || status().is_empty() || status().contains(") Z");
        for _ in 0..100 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("what it started still runs: {}", status());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_command_that_nobody_waits_for_any_more_is_stopped_too() {
        let folder = tempfile::tempdir().unwrap();
        let words = ["sh", "-c", "sleep 300 & echo $! > pid; wait"].map(str::to_owned);
        let secrets = Secrets::real(folder.path().to_owned(), true);
        let source = SecretRef::Command(words.into());
        let given_up = tokio::time::timeout(Duration::from_millis(500), secrets.read(&source)).await;
        assert!(given_up.is_err());
        let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        for _ in 0..100 {
            let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            if status.is_empty() || status.contains(") Z") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("what it started still runs");
    }
}
