//! A real cluster without machines: etcd, an API server and the controller manager, started for a test and stopped after it.
//!
//! Deployments get their replica sets and their pods, what is owned by nothing is collected, namespaces end; but no pod ever runs, as
//! there is no kubelet, and what only a kubelet says (that a pod is ready) the test has to say.

#![allow(dead_code)] // Each test target uses a part of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::Value;
use tokio::runtime::Builder;

use super::subject::{Door, Subject};

/// How long each of the three may take until it answers.
const PATIENCE: Duration = Duration::from_secs(40);

/// Addresses for documentation (RFC 5737): the API server writes one down as its own, and nobody ever connects to it. Without
/// it, it looks for the default route, which a machine without a network has not.
const NOWHERE: &str = "192.0.2.1";

/// A member of `system:masters`, who may do everything.
pub const ADMIN: &str = "admin";
/// May do what a test allows.
pub const VISITOR: &str = "visitor";
/// The controller manager.
const CONTROLLERS: &str = "controllers";

/// What is written into the audit log: one line for each request that was answered, without what the controllers do. Of Secrets
/// the answer is written down too, which tells a value from metadata.
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - { level: None, users: [controllers, 'system:apiserver', 'system:anonymous'] }
  - { level: RequestResponse, resources: [{ group: '', resources: [secrets] }] }
  - { level: Metadata }
";

/// The three programs.
struct Programs {
    etcd: PathBuf,
    api_server: PathBuf,
    controllers: PathBuf,
}

/// A running cluster; dropping it stops it and takes its files away.
pub struct Cluster {
    /// In the order in which they were started.
    children: Vec<(&'static str, Child)>,
    folder: tempfile::TempDir,
    address: String,
    run: String,
}

/// Runs a test with a cluster. Without one it is skipped, which is said, or fails where one is required.
pub fn with_cluster(test: impl AsyncFnOnce(Cluster)) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let programs = match Programs::find() {
            Ok(programs) => programs,
            Err(cause) => return skip(&cause),
        };
        let began = Instant::now();
        // A port that was free a moment ago may be another's by now.
        let mut started = Cluster::start(&programs).await;
        if started.is_err() {
            started = Cluster::start(&programs).await;
        }
        match started {
            Ok(cluster) => {
                println!("a cluster is up after {} ms", began.elapsed().as_millis());
                test(cluster).await;
            }
            Err(cause) => panic!("the cluster does not start: {cause}"),
        }
    });
}

fn skip(cause: &str) {
    let is_required = std::env::var("RECONCILE_LIVE_KUBE").is_ok_and(|word| word == "required");
    assert!(!is_required, "RECONCILE_LIVE_KUBE=required, but: {cause}");
    println!("SKIPPED: no real API server ({cause})");
}

impl Programs {
    /// Looks where `build` puts them, then where commands are.
    fn find() -> Result<Self, String> {
        let built = built()?;
        let find = |name: &str, how: &str| {
            let here = Some(built.join(name)).filter(|file| file.is_file());
            here.or_else(|| in_path(name))
                .ok_or_else(|| format!("{name} is neither in {} nor among the commands: {how}", built.display()))
        };
        Ok(Self {
            etcd: find("etcd", "on Debian, `apt-get install etcd-server`")?,
            api_server: find("kube-apiserver", "`tests/live/kube/build` makes it")?,
            controllers: find("kube-controller-manager", "`tests/live/kube/build` makes it")?,
        })
    }
}

/// A command of this machine.
fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|place| place.join(name)).find(|file| file.is_file())
}

/// The folder that `build` fills, named after the version that go.mod names.
fn built() -> Result<PathBuf, String> {
    let version = include_str!("go.mod")
        .lines()
        .find_map(|line| line.trim_start_matches("require").trim().strip_prefix("k8s.io/kubernetes v"))
        .and_then(|rest| rest.split(' ').next())
        .ok_or("go.mod names no version of k8s.io/kubernetes")?;
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("XDG_CACHE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(cache.join("reconcile-live").join(format!("kube-{version}")))
}

impl Cluster {
    async fn start(programs: &Programs) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("rk").tempdir().map_err(|cause| cause.to_string())?;
        let ports = free_ports(3).map_err(|cause| format!("three free ports: {cause}"))?;
        let run = BASE64.encode(&rand::random::<[u8; 12]>()).replace(['+', '/'], "-");
        let address = format!("https://127.0.0.1:{}", ports[2]);
        let mut cluster = Self { children: Vec::new(), folder, address, run };
        cluster.write_files().map_err(|cause| format!("its files: {cause}"))?;
        let etcd = format!("http://127.0.0.1:{}", ports[0]);
        cluster.start_etcd(&programs.etcd, &etcd, ports[1])?;
        cluster.start_api_server(&programs.api_server, &etcd, ports[2])?;
        cluster.until_up("kube-apiserver", "/readyz").await?;
        cluster.write_kubeconfig(CONTROLLERS).map_err(|cause| format!("a kubeconfig: {cause}"))?;
        cluster.start_controllers(&programs.controllers)?;
        // Without this one no pod is made in the first namespace of a test.
        cluster.until_up("kube-controller-manager", "/api/v1/namespaces/default/serviceaccounts/default").await?;
        Ok(cluster)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `https://127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The certificate of the authority that signed the server's.
    pub fn authority(&self) -> Vec<u8> {
        // The server wrote its own into the file first, and what signed it after that.
        let text = fs::read_to_string(self.path("certificates/apiserver.crt")).unwrap_or_default();
        let last = text.rfind("-----BEGIN CERTIFICATE-----").unwrap_or(0);
        text.as_bytes()[last..].to_vec()
    }

    /// The token of a user of this cluster.
    pub fn token(&self, user: &str) -> String {
        format!("{user}-{}", self.run)
    }

    /// How a client gets in as a user.
    pub fn door(&self, user: &str) -> Door {
        Door { address: self.address.clone(), authority: Some(self.authority()), token: self.token(user) }
    }

    /// The subject of the suite.
    pub fn subject(&self) -> Subject {
        Subject::new(&self.door(ADMIN), &self.door(VISITOR), Some(self.path("audit")))
    }

    /// A kubeconfig of a user, with one context of the user's name.
    pub fn write_kubeconfig(&self, user: &str) -> std::io::Result<PathBuf> {
        let path = self.path(&format!("kubeconfig-{user}"));
        let text = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": user,
            "clusters": [{ "name": "live", "cluster": {
                "server": self.address,
                "certificate-authority-data": BASE64.encode(&self.authority()),
            } }],
            "users": [{ "name": user, "user": { "token": self.token(user) } }],
            "contexts": [{ "name": user, "context": { "cluster": "live", "user": user } }],
        });
        fs::write(&path, text.to_string())?;
        Ok(path)
    }

    fn write_files(&self) -> std::io::Result<()> {
        let users = format!(
            "{},{ADMIN},1,system:masters\n{},{CONTROLLERS},2,system:masters\n{},{VISITOR},3\n",
            self.token(ADMIN),
            self.token(CONTROLLERS),
            self.token(VISITOR),
        );
        fs::write(self.path("users"), users)?;
        fs::write(self.path("accounts.pem"), signing_key())?;
        fs::write(self.path("audit-policy"), AUDIT_POLICY)
    }

    fn start_etcd(&mut self, program: &Path, address: &str, peer: u16) -> Result<(), String> {
        let peer = format!("http://127.0.0.1:{peer}");
        let arguments = [
            format!("--data-dir={}", self.path("etcd").display()),
            format!("--listen-client-urls={address}"),
            format!("--advertise-client-urls={address}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
        ];
        self.spawn("etcd", program, &arguments)
    }

    fn start_api_server(&mut self, program: &Path, etcd: &str, port: u16) -> Result<(), String> {
        let at = |name: &str| self.path(name).display().to_string();
        let arguments = [
            format!("--etcd-servers={etcd}"),
            format!("--secure-port={port}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--advertise-address={NOWHERE}"),
            format!("--cert-dir={}", at("certificates")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", at("accounts.pem")),
            format!("--service-account-signing-key-file={}", at("accounts.pem")),
            format!("--token-auth-file={}", at("users")),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            format!("--audit-policy-file={}", at("audit-policy")),
            format!("--audit-log-path={}", at("audit")),
        ];
        self.spawn("kube-apiserver", program, &arguments)
    }

    fn start_controllers(&mut self, program: &Path) -> Result<(), String> {
        let arguments = [
            format!("--kubeconfig={}", self.path(&format!("kubeconfig-{CONTROLLERS}")).display()),
            format!("--service-account-private-key-file={}", self.path("accounts.pem").display()),
            "--secure-port=0".to_owned(),
            "--leader-elect=false".to_owned(),
            "--controllers=*".to_owned(),
        ];
        self.spawn("kube-controller-manager", program, &arguments)
    }

    fn spawn(&mut self, name: &'static str, program: &Path, arguments: &[String]) -> Result<(), String> {
        let log = fs::File::create(self.path(&format!("{name}.log"))).map_err(|cause| cause.to_string())?;
        // Where there is util-linux, a program does not outlive a test that was killed.
        let mut command = Command::new(program);
        if let Some(setpriv) = in_path("setpriv") {
            command = Command::new(setpriv);
            command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        }
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|cause| format!("{name}: {cause}"))?;
        self.children.push((name, child));
        Ok(())
    }

    /// Waits until a program has done what a path shows.
    async fn until_up(&mut self, name: &str, path: &str) -> Result<(), String> {
        let began = Instant::now();
        loop {
            for (name, child) in &mut self.children {
                if let Ok(Some(status)) = child.try_wait() {
                    let name = *name;
                    return Err(format!("{name} ended ({status}): {}", self.last_words(name)));
                }
            }
            let has_certificate = !self.authority().is_empty();
            if has_certificate && self.subject().ask("GET", path).send().await.is_ok_and(|reply| reply.status == 200) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{name} is not up after {} s: {}", PATIENCE.as_secs(), self.last_words(name)));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn last_words(&self, name: &str) -> String {
        let log = fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// What was asked so far, each request once, without what the controllers asked (audit.k8s.io/v1 `Event`).
    pub fn audit(&self) -> Vec<Value> {
        read_audit(&self.path("audit"))
    }
}

/// The requests in an audit log. A watch has two lines, at its beginning and at its end, and counts once.
pub fn read_audit(path: &Path) -> Vec<Value> {
    let log = fs::read_to_string(path).unwrap_or_default();
    let mut known = BTreeSet::new();
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| known.insert(event["auditID"].to_string())).collect()
}

/// The requests by which values of Secrets were given out, reads or not. (The answer to a dry run holds them too.) What a watch
/// tells is not in the log, so each counts as one that tells all.
pub fn secrets_shown(events: &[Value]) -> Vec<String> {
    let holds =
        |object: &Value| ["data", "stringData"].iter().any(|key| object.get(key).is_some_and(|data| !data.is_null()));
    let shown = events.iter().filter(|event| {
        let answer = &event["responseObject"];
        let items = answer["items"].as_array().into_iter().flatten();
        let is_of_secrets = event["objectRef"]["resource"] == "secrets";
        is_of_secrets && (event["verb"] == "watch" || holds(answer) || items.clone().any(holds))
    });
    let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    shown.map(|event| format!("{} {}", word(event, "verb"), word(event, "requestURI"))).collect()
}

/// Ports that nobody listened on just now.
fn free_ports(count: usize) -> std::io::Result<Vec<u16>> {
    let listeners: Vec<_> =
        (0..count).map(|_| std::net::TcpListener::bind(("127.0.0.1", 0))).collect::<Result<_, _>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// A key for the tokens of service accounts: an `ECPrivateKey` (RFC 5915) on the curve P-256, whose secret is any number.
fn signing_key() -> String {
    let mut bytes = vec![0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
    bytes.extend(rand::random::<[u8; 32]>());
    bytes.extend([0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    let text = BASE64.encode(&bytes);
    let (first, second) = text.split_at(64);
    let kind = "EC PRIVATE KEY";
    format!("-----BEGIN {kind}-----\n{first}\n{second}\n-----END {kind}-----\n")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The last first: an API server that lost its etcd takes a minute to end.
        for (_, child) in self.children.iter_mut().rev() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(20) && !matches!(child.try_wait(), Ok(Some(_))) {
                #[expect(clippy::disallowed_methods, reason = "nothing else runs any more")]
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
