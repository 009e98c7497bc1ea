//! Clusters that are not reached, or that let nobody in.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reconcile::access::{Environment, Flags, kubernetes};
use reconcile::http::Policy;
use reconcile::systems::kube::client::{Kind, Reader};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::engines::{Answers, Server, page, pem};
use super::stage::golden;

/// A folder with a kubeconfig, and what the command line says.
struct Place {
    folder: TempDir,
    flags: Flags,
}

impl Place {
    /// The server of the context `home`, what else its cluster says, and what its user says.
    fn new(server: &str, cluster: Value, user: Value) -> Self {
        let mut place = Self::empty();
        let mut whole = json!({ "server": server });
        extend(&mut whole, cluster);
        let mut config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "attic",
            "clusters": [{ "name": "home", "cluster": whole }],
            "contexts": [
                { "name": "attic", "context": { "cluster": "attic", "user": "u" } },
                { "name": "home", "context": { "cluster": "home", "user": "u" } },
            ],
            "users": [{ "name": "u" }],
        });
        config["users"][0]["user"] = user;
        fs::write(place.path("config"), config.to_string()).unwrap();
        place.flags = context("home");
        place
    }

    fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("r").rand_bytes(6).tempdir_in("/tmp").unwrap();
        Self { folder, flags: Flags::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program, by its whole name.
    fn program(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    async fn reader(&self, policy: &Policy) -> Reader {
        let config = self.path("config").display().to_string();
        let text = fs::read_to_string(&config);
        let variables = [("KUBECONFIG", config.as_str())];
        let environment = match &text {
            Ok(text) => Environment::made_up(variables, "/home/u", [(config.as_str(), text.as_str())]),
            Err(_) => Environment::made_up(variables, "/home/u", []),
        };
        let targets = BTreeMap::from([("cluster".to_owned(), false)]);
        let access = kubernetes(&environment, &self.flags, Path::new("/fleet"), &targets).unwrap();
        Reader::new(&access, policy).await
    }

    /// What is said of it.
    async fn told(&self) -> String {
        self.told_within(&policy()).await
    }

    async fn told_within(&self, policy: &Policy) -> String {
        let reader = self.reader(policy).await;
        let failure = match reader.cluster("cluster") {
            Err(failure) => failure.clone(),
            // It gives its version to everybody, and is then asked for something else.
            Ok(cluster) => match cluster.list(&Kind::AGENT_POOL, Some("hcp"), None).await {
                Ok(listing) => return format!("{}: {} objects\n", cluster.way(), listing.items.len()),
                Err(failure) => failure,
            },
        };
        let error = failure.error("reading the cluster of the target cluster");
        let text = format!("error: {}\nhint: {}\n", error.chain(), error.remedy().unwrap_or_default());
        steady(&text.replace(&self.folder.path().display().to_string(), "/tmp/r000000"))
    }
}

fn policy() -> Policy {
    Policy { request_timeout: Duration::from_secs(10), ..Policy::test() }
}

fn context(name: &str) -> Flags {
    Flags { kube_contexts: vec![("cluster".to_owned(), name.to_owned())], ..Flags::default() }
}

/// Adds fields to a map.
fn extend(map: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("{more} is no map") };
    map.as_object_mut().unwrap().extend(more);
}

/// Ports differ from run to run.
fn steady(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut steady = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        steady.push_str("127.0.0.1:PORT");
        steady.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    steady
}

fn at(server: &Server) -> String {
    format!("http://{}", server.address)
}

/// Answers of the API of a cluster, but for these of anything else than its version.
fn api(status: u16, body: Value) -> Answers {
    Arc::new(move |asked| {
        if asked.starts_with("GET /version") && status != 401 {
            let version = json!({ "major": "1", "minor": "33", "gitVersion": "v1.33.1", "platform": "linux/arm64" });
            return (200, "application/json", version.to_string());
        }
        (status, "application/json", body.to_string())
    })
}

fn refusal(status: u16, reason: &str, message: &str) -> Answers {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
        "details": { "group": "app.terraform.io", "kind": "agentpools" }, "code": status,
    });
    api(status, body)
}

fn with_plugin(server: &Server, plugin: Value) -> Place {
    let mut exec = json!({ "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable" });
    extend(&mut exec, plugin);
    Place::new(&at(server), json!({}), json!({ "exec": exec }))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_to_a_cluster_is_known() {
    let mut place = Place::empty();
    place.flags = context("home");
    golden("kube-no-kubeconfig", &place.told().await);
    let mut place = Place::new("https://127.0.0.1:1", json!({}), json!({}));
    place.flags = context("hmoe");
    golden("kube-unknown-context", &place.told().await);
    place.flags = Flags::default();
    golden("kube-no-context", &place.told().await);
    // It is there, and names a cluster that is not.
    place.flags = context("attic");
    golden("kube-unknown-cluster", &place.told().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_not_safe_is_not_gone() {
    let token = || json!({ "token": "canary" });
    let skip = json!({ "insecure-skip-tls-verify": true });
    golden("kube-unverified", &Place::new("https://cluster.example:6443", skip, token()).told().await);
    golden("kube-plain-http", &Place::new("http://cluster.example:8080", json!({}), token()).told().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", listener.local_addr().unwrap());
    drop(listener);
    golden("kube-nobody-listens", &Place::new(&server, json!({}), json!({})).told().await);
    // A name that no resolver has to be asked for: it is no name.
    let unknown = Place::new("https://cluster..example:6443", json!({}), json!({}));
    golden("kube-name-unknown", &unknown.told().await);
    // It takes connections, and nobody ever looks at them.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", mute.local_addr().unwrap());
    let policy = Policy { request_timeout: Duration::from_millis(200), attempts: 1, ..Policy::test() };
    golden("kube-no-answer", &Place::new(&server, json!({}), json!({})).told_within(&policy).await);
    let rude = Server::greets("");
    golden("kube-broken", &Place::new(&at(&rude), json!({}), json!({})).told().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_do_not_fit() {
    let user = |name: &str| json!({ "client-certificate": pem(name), "client-key": pem(&format!("{name}-key")) });
    let of = |name: &str| json!({ "certificate-authority": pem(name) });
    let items = || api(200, json!({ "metadata": {}, "items": [] }));
    let server = Server::tls(items(), "engine");
    let address = format!("https://{}", server.address);
    golden("kube-reached", &Place::new(&address, of("ours"), user("client")).told().await);
    golden("kube-untrusted", &Place::new(&address, of("theirs"), user("client")).told().await);
    golden("kube-certificate-refused", &Place::new(&address, of("ours"), user("stranger")).told().await);
    let missing = json!({ "certificate-authority": "none.pem" });
    golden("kube-no-authority", &Place::new(&address, missing, user("client")).told().await);
    let elsewhere = format!("https://{}", Server::tls(items(), "elsewhere").address);
    golden("kube-another-name", &Place::new(&elsewhere, of("ours"), user("client")).told().await);
    let plain = format!("https://{}", Server::new(items()).address);
    golden("kube-no-tls", &Place::new(&plain, of("ours"), user("client")).told().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in() {
    let token = || json!({ "token": "canary" });
    let server = Server::new(refusal(401, "Unauthorized", "Unauthorized"));
    golden("kube-unauthorized", &Place::new(&at(&server), json!({}), token()).told().await);
    let words = "agentpools.app.terraform.io is forbidden: User \"anna\" cannot list resource \"agentpools\" in API group \"app.terraform.io\" in the namespace \"hcp\"";
    let server = Server::new(refusal(403, "Forbidden", words));
    golden("kube-forbidden", &Place::new(&at(&server), json!({}), token()).told().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn something_else_is_there() {
    let through = async |answers: Answers| {
        let server = Server::new(answers);
        Place::new(&at(&server), json!({}), json!({})).told().await
    };
    golden("kube-page", &through(page(200, "<html>It works!</html>")).await);
    golden("kube-page-not-found", &through(page(404, "<html>Not found</html>")).await);
    let json: Answers = Arc::new(|_| (200, "application/json", r#"{"ok":true}"#.to_owned()));
    golden("kube-json-of-others", &through(json).await);
    let words = "Client sent an HTTP request to an HTTPS server.\n";
    golden("kube-plain-on-a-tls-port", &through(page(400, words)).await);
    let server = Server::greets("SSH-2.0-OpenSSH_9.2\r\n");
    golden("kube-another-protocol", &Place::new(&at(&server), json!({}), json!({})).told().await);
    let unserved = Server::new(api(
        404,
        json!({ "kind": "Status", "message": "the server could not find the requested resource", "details": {} }),
    ));
    golden("kube-not-served", &Place::new(&at(&unserved), json!({}), json!({})).told().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_plugin_does_not_do() {
    let server = Server::new(api(200, json!({ "metadata": {}, "items": [] })));
    let missing = json!({ "command": "no-such-plugin", "installHint": "brew install no-such-plugin" });
    golden("kube-plugin-missing", &with_plugin(&server, missing).told().await);

    let programs = Place::empty();
    let fails = programs.program("login", "#!/bin/sh\necho 'the session has expired: run login' >&2\nexit 3\n");
    golden("kube-plugin-fails", &with_plugin(&server, json!({ "command": fails })).told().await);
    let repeats = programs.program("login", "#!/bin/sh\necho canary-of-the-plugin | tee /dev/stderr\nexit 3\n");
    let told = with_plugin(&server, json!({ "command": repeats })).told().await;
    assert!(told.contains("what it said is not shown") && !told.contains("canary"), "{told}");
    let babbles = programs.program("login", "#!/bin/sh\necho canary\n");
    golden("kube-plugin-babbles", &with_plugin(&server, json!({ "command": babbles })).told().await);
    let always = json!({ "command": "login", "interactiveMode": "Always" });
    golden("kube-plugin-wants-a-terminal", &with_plugin(&server, always).told().await);
    let old = json!({ "command": "login", "apiVersion": "client.authentication.k8s.io/v1alpha1" });
    golden("kube-plugin-too-old", &with_plugin(&server, old).told().await);
    assert!(server.asked.lock().unwrap().is_empty(), "nobody is asked without a credential");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_plugin_that_hangs_is_stopped_with_all_that_it_started() {
    let server = Server::new(api(200, json!({ "metadata": {}, "items": [] })));
    let programs = Place::empty();
    let pid = programs.path("pid");
    let hangs = programs.program("login", &format!("#!/bin/sh\nsleep 300 & echo $! > {}; wait\n", pid.display()));
    let place = with_plugin(&server, json!({ "command": hangs }));
    let policy = Policy { request_timeout: Duration::from_secs(1), ..Policy::test() };
    golden("kube-plugin-hangs", &place.told_within(&policy).await);
    let child = fs::read_to_string(pid).unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    let until = Instant::now() + Duration::from_secs(5);
    // One that was killed may still be waited for by whoever took it in.
    let runs = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    while runs() && Instant::now() < until {
        std::thread::yield_now();
    }
    assert!(!runs(), "it still runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_plugin_is_asked_once_and_again_when_its_token_is_not_good_any_more() {
    // The first token is good for the version alone.
    let server = Server::with_head(|head| {
        let good = head.contains("authorization: Bearer token-2") || head.starts_with("GET /version");
        let body = if good {
            json!({ "gitVersion": "v1.33.1", "metadata": {}, "items": [] })
        } else {
            json!({ "kind": "Status", "reason": "Unauthorized", "message": "Unauthorized" })
        };
        (if good { 200 } else { 401 }, body.to_string())
    });
    let programs = Place::empty();
    let count = programs.path("count").display().to_string();
    let plugin = programs.program(
        "login",
        &format!(
            "#!/bin/sh\necho x >> {count}\nn=$(wc -l < {count} | tr -d ' ')\nprintf '%s' \"$KUBERNETES_EXEC_INFO\" > {count}.info\n\
             echo '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"token-'$n'\"}}}}'\n"
        ),
    );
    let place = with_plugin(
        &server,
        json!({ "command": plugin, "provideClusterInfo": true, "env": [{ "name": "A", "value": "b" }] }),
    );
    let reader = place.reader(&policy()).await;
    let cluster = reader.cluster("cluster").unwrap();
    assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), 1, "it is run once for one client");
    let info: Value = serde_json::from_str(&fs::read_to_string(format!("{count}.info")).unwrap()).unwrap();
    assert_eq!(info["spec"]["interactive"], false);
    assert_eq!(info["spec"]["cluster"]["server"], at(&server));
    cluster.list(&Kind::NODE, None, None).await.unwrap();
    assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), 2);
    cluster.list(&Kind::NODE, None, None).await.unwrap();
    assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), 2, "the second one is good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_ends_is_replaced_before_it_does() {
    let server = Server::with_head(|head| {
        let good = head.contains("authorization: Bearer token-2");
        let body = json!({ "gitVersion": "v1.33.1", "metadata": {}, "items": [] });
        (if good { 200 } else { 500 }, body.to_string())
    });
    let programs = Place::empty();
    let count = programs.path("count").display().to_string();
    // As YAML, which some plugins write.
    let plugin = programs.program(
        "login",
        &format!(
            "#!/bin/sh\necho x >> {count}\nn=$(wc -l < {count} | tr -d ' ')\n\
             printf 'apiVersion: client.authentication.k8s.io/v1\\nkind: ExecCredential\\nstatus:\\n  token: token-%s\\n' $n\n\
             [ $n = 1 ] && echo '  expirationTimestamp: \"2020-01-01T00:00:00Z\"'\nexit 0\n"
        ),
    );
    let place = with_plugin(&server, json!({ "command": plugin }));
    let reader = place.reader(&policy()).await;
    reader.cluster("cluster").unwrap().list(&Kind::NODE, None, None).await.unwrap();
    assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), 2);
}
