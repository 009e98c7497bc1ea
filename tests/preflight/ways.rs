//! Engines that are not reached at all.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

use reconcile::http::Policy;
use reconcile::plan::show::{Header, Look, render};
use reconcile::plan::{Plan, Read};
use reconcile::spec::{self, CheckOptions};
use reconcile::systems::docker::client::{Access, Door, Reader, Way};
use reconcile::systems::docker::observe::observe;

use super::engines::{Answers, Server, engine, mute, page, pem, socket};
use super::stage::{Stage, golden};

const NOTHING: fn() -> serde_json::Value = || serde_json::json!({});

/// An access file with certificates of these names.
fn tls(stage: &Stage, address: &str, ca: &str, ours: &str) {
    for name in ["ours", "theirs", "client", "client-key", "stranger", "stranger-key"] {
        fs::copy(pem(name), stage.path(&format!("{name}.pem"))).unwrap();
    }
    stage.write(
        "access.yaml",
        &format!(
            "default:\n  docker:\n    nas:\n      host: tcp://{address}\n      tls: {{ ca: {}, cert: {}, key: {} }}\n",
            stage.path(&format!("{ca}.pem")).display(),
            stage.path(&format!("{ours}.pem")).display(),
            stage.path(&format!("{ours}-key.pem")).display()
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_socket() {
    let stage = Stage::new().await;
    let way = format!("nas=unix://{}", stage.path("none.sock").display());
    golden("no-socket", &stage.plan(&["--docker-host", &way]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_may_be_away_does_not_change_how_the_run_ends() {
    let stage = Stage::new().await;
    stage.edit("nas: { docker:", "nas: { mayBeAway: true, docker:");
    let way = format!("nas=unix://{}", stage.path("none.sock").display());
    let text = stage.plan(&["--docker-host", &way]).await;
    assert!(text.ends_with("--- exit 0\n"), "{text}");
    golden("may-be-away", &text);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens() {
    let stage = Stage::new().await;
    let path = stage.path("left.sock");
    drop(UnixListener::bind(&path).unwrap());
    let way = format!("nas=unix://{}", path.display());
    golden("nobody-listens", &stage.plan(&["--docker-host", &way]).await);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let way = format!("nas=tcp://127.0.0.1:{port}");
    golden("nobody-listens-tcp", &stage.plan(&["--docker-host", &way]).await);
    tls(&stage, &format!("127.0.0.1:{port}"), "ours", "client");
    golden("nobody-listens-tls", &stage.plan(&[]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_name_is_not_known() {
    let stage = Stage::new().await;
    // A name that no resolver has to be asked for: it is no name.
    tls(&stage, "nas..example:2376", "ours", "client");
    golden("name-unknown", &stage.plan(&[]).await);
}

/// The limit of a live run is half a minute, so this one test goes past the binary.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_in_time() {
    let stage = Stage::new().await;
    let path = socket(stage.path("mute.sock"), mute);
    let door = Door { way: Way::Socket(path), from: "a test".to_owned() };
    let policy = Policy { request_timeout: Duration::from_millis(200), ..Policy::test() };
    let reader = Reader::new(&Access { doors: BTreeMap::from([("nas".to_owned(), Ok(door))]) }, &policy).await;
    let text = fs::read_to_string(stage.path("fleet.yaml")).unwrap();
    let desired = spec::load_text("fleet.yaml", &text, &CheckOptions::default()).desired.unwrap();
    let mut plan = Plan::empty(desired.hcp.fleet.clone());
    match &observe(&reader, &desired.docker).await.hosts["nas"] {
        Read::Unread(gap) => plan.gaps.push(gap.clone()),
        other => panic!("{other:?}"),
    }
    let text = render(&plan, &Header::default(), Look::default(), "");
    let (_, body) = text.split_once("\n\n").unwrap();
    golden("no-answer", &stage.steady(body));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_permission_on_the_socket() {
    let stage = Stage::new().await;
    let path = socket(stage.path("root.sock"), drop);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let way = format!("nas=unix://{}", path.display());
    let words = ["plan", "--only", "docker/**", "--docker-host", &way];
    let command = if UnixStreamOpens::of(&path) {
        // Whoever runs this is above permissions: let the program be without that power.
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-dac_override,-dac_read_search", env!("CARGO_BIN_EXE_reconcile")]);
        command.args(words);
        stage.around(&mut command);
        if Command::new("setpriv").args(["--bounding-set=-dac_override", "true"]).status().is_err() {
            eprintln!("SKIPPED: there is no `setpriv`, and root may use every socket, so no permission can be lacking");
            return;
        }
        command
    } else {
        stage.command(&words)
    };
    golden("no-permission", &stage.about_the_host(&stage.ran(command).await));
}

/// Whether this process may connect although the permissions say no.
struct UnixStreamOpens;

impl UnixStreamOpens {
    fn of(path: &std::path::Path) -> bool {
        std::os::unix::net::UnixStream::connect(path).is_ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_says_how_to_reach_one_of_two() {
    let stage = Stage::new().await;
    stage.edit("nas: { docker: { project: hcp-agents } }", "nas: { docker: {} }\n  attic: { docker: {} }");
    let way = format!("nas=unix://{}", stage.path("none.sock").display());
    golden("no-way", &stage.plan(&["--docker-host", &way]).await);
    stage.edit("fleet: lab", "fleet: lab");
    golden("no-such-target", &stage.plan(&["--docker-host", "nsa=ssh://nas"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_tcp_leaves_this_machine_for_nobody() {
    let stage = Stage::new().await;
    golden("plain-tcp", &stage.plan(&["--docker-host", "nas=tcp://nas.example:2375"]).await);
    golden("password-in-it", &stage.plan(&["--docker-host", "nas=ssh://admin:CANARY@nas"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_on_both_sides() {
    let stage = Stage::new().await;
    let server = Server::tls(engine(NOTHING(), NOTHING()), "engine");
    tls(&stage, &server.address, "ours", "client");
    golden("tls", &stage.plan(&[]).await);
    tls(&stage, &server.address, "theirs", "client");
    golden("tls-unknown-authority", &stage.plan(&[]).await);
    // Ours is from an authority that the engine does not know.
    tls(&stage, &server.address, "ours", "stranger");
    golden("tls-no-certificate", &stage.plan(&[]).await);
    let server = Server::tls(engine(NOTHING(), NOTHING()), "elsewhere");
    tls(&stage, &server.address, "ours", "client");
    golden("tls-another-name", &stage.plan(&[]).await);
    let server = Server::new(engine(NOTHING(), NOTHING()));
    tls(&stage, &server.address, "ours", "client");
    golden("tls-on-a-plain-port", &stage.plan(&[]).await);
    tls(&stage, &server.address, "none", "none");
    golden("tls-no-file", &stage.plan(&[]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn something_else_is_there() {
    let stage = Stage::new().await;
    let through = async |server: &Server| {
        let way = format!("nas=tcp://{}", server.address);
        stage.plan(&["--docker-host", &way]).await
    };
    let words = "Client sent an HTTP request to an HTTPS server.\n";
    for (name, answers) in [
        ("page", page(200, "<html>It works!</html>")),
        ("page-not-found", page(404, "<html>404 Not Found</html>")),
        ("json-of-others", json(200, "{\"name\": \"something\"}")),
        ("plain-on-a-tls-port", page(400, words)),
    ] {
        golden(name, &through(&Server::new(answers)).await);
    }
    golden("plain-on-a-tls-port-of-others", &through(&Server::tls(engine(NOTHING(), NOTHING()), "engine")).await);
    golden("another-protocol", &through(&Server::greets("SSH-2.0-OpenSSH_9.2\r\n")).await);
}

/// JSON that is no engine's.
fn json(status: u16, text: &'static str) -> Answers {
    std::sync::Arc::new(move |_| (status, "application/json", text.to_owned()))
}
