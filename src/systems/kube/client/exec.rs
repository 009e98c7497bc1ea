//! Credential plugins of kubeconfigs ("client-go credential plugins" in Kubernetes' documentation).
//!
//! The client's own way of running them waits without limit and blocks, runs them three times for one client, and leaves them
//! in our process group, where a Ctrl-C would cut them off. So they are run here.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use figment::providers::{Format as _, Yaml};
use http::HeaderValue;
use jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use zeroize::Zeroizing;

use super::Received;
use crate::http::{Policy, plain, tells};
use crate::secret::{COMMAND_DEADLINE, Group, Secret};
use crate::systems::kube::failure::{Failure, FailureKind};

/// The versions of the protocol that are spoken; the first was taken out of Kubernetes 1.24.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// A program that gives credentials.
pub(super) struct Plugin {
    exec: ExecConfig,
    command: String,
    version: String,
    context: String,
    deadline: Duration,
}

/// What it gave.
pub(super) struct Credential {
    /// `Bearer …`
    pub(super) token: Option<HeaderValue>,
    /// A certificate and its key, as PEM.
    pub(super) identity: Option<(Secret, Secret)>,
    /// Until when it is good, if that is known.
    pub(super) expires: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ExecCredential {
    api_version: String,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<Received>,
    client_certificate_data: Option<Received>,
    client_key_data: Option<Received>,
}

impl Plugin {
    /// What a kubeconfig says of it.
    pub(super) fn new(exec: ExecConfig, context: &str, policy: &Policy) -> Result<Self, Failure> {
        let refused = |text: String, hint: &str| {
            let kind = FailureKind::Invalid { causes: Vec::new() };
            Err(Failure::of(kind, "", format!("using the context {context}"), text, hint))
        };
        let Some(command) = exec.command.clone().filter(|command| !command.is_empty()) else {
            return refused("its user has an `exec` without a `command`".to_owned(), "name the credential plugin");
        };
        if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
            return refused(
                format!("its credential plugin `{}` wants a terminal, and has none here", program(&command)),
                "set `interactiveMode: IfAvailable` for it, and log in before",
            );
        }
        let version = exec.api_version.clone().unwrap_or_default();
        if !VERSIONS.contains(&version.as_str()) {
            let text = format!("its credential plugin `{}` speaks `{}`", program(&command), plain(&version));
            return refused(text, "write apiVersion: client.authentication.k8s.io/v1, and use a plugin that knows it");
        }
        let deadline = policy.long().min(COMMAND_DEADLINE);
        Ok(Self { exec, command, version, context: context.to_owned(), deadline })
    }

    /// Its name.
    pub(super) fn program(&self) -> &str {
        program(&self.command)
    }

    /// Runs it for a credential.
    pub(super) async fn ask(&self, address: &str) -> Result<Credential, Failure> {
        let name = self.program();
        let failed = |text: String, hint: String| {
            Failure::of(FailureKind::Unauthorized, address, format!("using the context {}", self.context), text, hint)
        };
        let child = self.command().spawn().map_err(|error| {
            let installed = error.kind() != std::io::ErrorKind::NotFound;
            let hint = self.exec.install_hint.as_deref().map(plain).filter(|hint| !hint.is_empty());
            let hint = hint.unwrap_or_else(|| format!("install `{name}`, or put it on the PATH"));
            let text = if installed { error.to_string() } else { "there is no such program here".to_owned() };
            failed(format!("its credential plugin `{name}` cannot be run: {text}"), hint)
        })?;
        let group = Group::of(child.id());
        let Ok(output) = tokio::time::timeout(self.deadline, child.wait_with_output()).await else {
            let seconds = self.deadline.as_secs_f64();
            return Err(failed(
                format!(
                    "its credential plugin `{name}` gave nothing within {seconds} s, so it was stopped with all that it had started"
                ),
                format!("{}: it has no terminal here, so it must not ask for anything", self.by_hand()),
            ));
        };
        let output =
            output.map_err(|error| failed(format!("its credential plugin `{name}`: {error}"), self.by_hand()))?;
        group.let_go();
        let stdout = Zeroizing::new(output.stdout);
        if !output.status.success() {
            let said = last_words(&output.stderr, &stdout);
            let text = format!("its credential plugin `{name}` ended with {}{said}", output.status);
            return Err(failed(text, self.by_hand()));
        }
        self.read(&stdout).map_err(|text| failed(format!("its credential plugin `{name}` {text}"), self.by_hand()))
    }

    fn by_hand(&self) -> String {
        format!("try by hand: `kubectl --context {} version`", self.context)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.command);
        command
            .args(self.exec.args.iter().flatten())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for variable in self.exec.env.iter().flatten() {
            if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                command.env(name, value);
            }
        }
        let mut spec = json!({ "interactive": false });
        if let (Some(cluster), Value::Object(spec)) = (&self.exec.cluster, &mut spec) {
            spec.insert("cluster".to_owned(), serde_json::to_value(cluster).unwrap_or_default());
        }
        let info = json!({ "apiVersion": self.version, "kind": "ExecCredential", "spec": spec });
        command.env("KUBERNETES_EXEC_INFO", info.to_string());
        // In a group of its own, so that a Ctrl-C at the terminal does not cut it off.
        #[cfg(unix)]
        command.process_group(0);
        command
    }

    fn read(&self, stdout: &[u8]) -> Result<Credential, String> {
        let text = std::str::from_utf8(stdout).map_err(|_| "gave no text".to_owned())?;
        // JSON is what it should be; client-go reads YAML as well, and so some plugins write that.
        let given: ExecCredential = serde_json::from_str(text)
            .ok()
            .or_else(|| Yaml::from_str(text).ok())
            .ok_or_else(|| "gave something that is no ExecCredential".to_owned())?;
        let ExecCredential { api_version, status } = given;
        if api_version != self.version {
            return Err(format!("answers in another version than {}", self.version));
        }
        let Status { expiration_timestamp, token, client_certificate_data, client_key_data } = status;
        let expires = expiration_timestamp.map(|text| text.parse());
        let expires = expires.transpose().map_err(|_| "gave an `expirationTimestamp` that is no time".to_owned())?;
        let identity = match (client_certificate_data, client_key_data) {
            (Some(Received(certificate)), Some(Received(key))) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("gave a certificate or a key without the other".to_owned()),
        };
        let token = match token.filter(|Received(token)| !token.expose().is_empty()) {
            Some(Received(token)) => {
                let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
                let bearer = HeaderValue::from_str(&bearer);
                let mut bearer = bearer.map_err(|_| "gave a token with signs that none has".to_owned())?;
                bearer.set_sensitive(true);
                Some(bearer)
            }
            None if identity.is_none() => return Err("gave neither a token nor a certificate".to_owned()),
            None => None,
        };
        Ok(Credential { token, identity, expires })
    }
}

fn program(command: &str) -> &str {
    Path::new(command).file_name().and_then(|name| name.to_str()).unwrap_or(command)
}

/// What a plugin says of its trouble on standard error, which is meant for people: client-go hands it through to the
/// terminal. Not shown where it repeats what may be a credential.
fn last_words(stderr: &[u8], stdout: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    match text.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) if stdout.is_empty() || !tells(line, stdout) => format!(": {}", plain(line)),
        Some(_) => "; what it said is not shown, since it may hold the credential".to_owned(),
        None => String::new(),
    }
}
