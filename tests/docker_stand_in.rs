//! What only the stand-in for the Docker Engine has: its ties to the stand-in for HCP, its faults, and what it keeps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

#[path = "live/wire.rs"]
#[allow(dead_code)]
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use reconcile::sandbox::faults::{Fault, Faults, Rule};
use reconcile::sandbox::world::{
    AgentPool, AgentStatus, AgentToken, Mode, OwnPool, Placement, Project, Sealed, Workspace,
};
use reconcile::sandbox::{EngineSeed, Sandbox, Seed, Tier};
use serde_json::{Value, json};
use wire::{Reply, ask};

const IMAGE: &str = "hashicorp/tfc-agent:1.29.0";
const CANARY: &str = "canary.atlasv1.canary";

fn seed(tier: Tier) -> Seed {
    Seed { tier, engines: vec![EngineSeed::new("nas")], ..Seed::default() }
}

/// A pool with one token, whose value is the canary.
fn pool(sandbox: &Sandbox) -> String {
    sandbox.with_world(|world| {
        let (pool, token) = (world.mint("apool"), world.mint("at"));
        let made = AgentPool {
            name: "nas".into(),
            organization_scoped: true,
            allowed_workspaces: BTreeSet::new(),
            allowed_projects: BTreeSet::new(),
            excluded_workspaces: BTreeSet::new(),
            created_at: world.now,
        };
        world.agent_pools.insert(pool.clone(), made);
        let sealed = AgentToken {
            pool: pool.clone(),
            description: "one".into(),
            secret: Sealed::new(&token, CANARY),
            created_at: world.now,
            last_used_at: None,
        };
        world.agent_tokens.insert(token, sealed);
        pool
    })
}

fn workspace(sandbox: &Sandbox, pool: &str, auto_apply: bool) -> String {
    sandbox.with_world(|world| {
        let project = world.mint("prj");
        world.projects.insert(project.clone(), Project::new("p", world.now));
        let id = world.mint("ws");
        let mut workspace = Workspace::new("w", &project, world.now);
        workspace.placement = Placement { mode: Some(Mode::Agent), pool: OwnPool::Own(Some(pool.to_owned())) };
        workspace.auto_apply = auto_apply;
        world.workspaces.insert(id.clone(), workspace);
        id
    })
}

async fn send(address: &str, path: &str, body: &Value) -> Reply {
    ask(address, "POST", path, "application/json", body.to_string().as_bytes()).await
}

async fn agent(address: &str, name: &str) {
    let pulled = ask(address, "POST", "/images/create?fromImage=hashicorp/tfc-agent&tag=1.29.0", "", b"").await;
    assert_eq!(pulled.status, 200, "{}", pulled.text());
    let body = json!({
        "Image": IMAGE,
        "Env": [format!("TFC_AGENT_TOKEN={CANARY}"), format!("TFC_AGENT_NAME={name}")],
        "HostConfig": { "RestartPolicy": { "Name": "unless-stopped" } },
    });
    let made = send(address, &format!("/containers/create?name={name}"), &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(ask(address, "POST", &format!("/containers/{name}/start"), "", b"").await.status, 204);
}

fn status(sandbox: &Sandbox, name: &str) -> Option<AgentStatus> {
    sandbox.with_world(|world| {
        let named = world.agents.values().filter(|agent| agent.name.as_deref() == Some(name));
        named.max_by_key(|agent| agent.created_at).map(|agent| agent.status)
    })
}

async fn log(address: &str, name: &str) -> String {
    ask(address, "GET", &format!("/containers/{name}/logs?stdout=1&stderr=1"), "", b"").await.text()
}

#[tokio::test]
async fn an_agent_beyond_the_ceiling_waits_for_a_slot() {
    let sandbox = Sandbox::in_memory(&seed(Tier::Free)).await.unwrap();
    let address = sandbox.engine_address("nas").unwrap();
    pool(&sandbox);
    agent(&address, "first").await;
    agent(&address, "second").await;
    assert_eq!((status(&sandbox, "first"), status(&sandbox, "second")), (Some(AgentStatus::Idle), None));
    let said = log(&address, "second").await;
    assert!(said.contains("the organization has 1 of 1"), "{said}");
    sandbox.advance(SignedDuration::from_mins(10));
    assert_eq!(log(&address, "second").await, said, "a complaint is made once");
    ask(&address, "POST", "/containers/first/kill?signal=TERM", "", b"").await;
    assert_eq!(
        (status(&sandbox, "first"), status(&sandbox, "second")),
        (Some(AgentStatus::Exited), Some(AgentStatus::Idle))
    );
}

#[tokio::test]
async fn a_lost_agent_holds_its_slot_for_five_minutes() {
    let sandbox = Sandbox::in_memory(&seed(Tier::Free)).await.unwrap();
    let address = sandbox.engine_address("nas").unwrap();
    pool(&sandbox);
    agent(&address, "first").await;
    agent(&address, "second").await;
    ask(&address, "POST", "/containers/first/kill", "", b"").await;
    sandbox.advance(SignedDuration::from_secs(299));
    assert_eq!((status(&sandbox, "first"), status(&sandbox, "second")), (Some(AgentStatus::Unknown), None));
    sandbox.advance(SignedDuration::from_secs(2));
    let _ = log(&address, "second").await;
    assert_eq!(
        (status(&sandbox, "first"), status(&sandbox, "second")),
        (Some(AgentStatus::Errored), Some(AgentStatus::Idle))
    );
}

#[tokio::test]
async fn an_engine_without_a_route_says_so_and_tries_again() {
    let sandbox = Sandbox::in_memory(&seed(Tier::Standard)).await.unwrap();
    let address = sandbox.engine_address("nas").unwrap();
    pool(&sandbox);
    sandbox.with_world(|world| world.engines.get_mut("nas").unwrap().offline = true);
    agent(&address, "lonely").await;
    assert_eq!(status(&sandbox, "lonely"), None);
    assert!(log(&address, "lonely").await.contains("dial tcp"), "{}", log(&address, "lonely").await);
    sandbox.with_world(|world| world.engines.get_mut("nas").unwrap().offline = false);
    let _ = log(&address, "lonely").await;
    assert_eq!(status(&sandbox, "lonely"), Some(AgentStatus::Idle));
}

#[tokio::test]
async fn runs_take_their_time_one_after_the_other() {
    let sandbox = Sandbox::in_memory(&seed(Tier::Standard)).await.unwrap();
    let address = sandbox.engine_address("nas").unwrap();
    let pool = pool(&sandbox);
    let workspace = workspace(&sandbox, &pool, true);
    let run = sandbox.with_world(|world| world.start_run(&workspace, "plan_queued").unwrap());
    let at = |sandbox: &Sandbox| sandbox.with_world(|world| world.runs[&run].status.clone());
    agent(&address, "works").await;
    assert_eq!((at(&sandbox).as_str(), status(&sandbox, "works")), ("planning", Some(AgentStatus::Busy)));
    sandbox.advance(SignedDuration::from_secs(61));
    let _ = sandbox.now();
    assert_eq!((at(&sandbox).as_str(), status(&sandbox, "works")), ("applying", Some(AgentStatus::Busy)));
    sandbox.advance(SignedDuration::from_secs(61));
    let _ = sandbox.now();
    assert_eq!((at(&sandbox).as_str(), status(&sandbox, "works")), ("applied", Some(AgentStatus::Idle)));
}

#[tokio::test]
async fn a_token_is_in_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let sandbox = Sandbox::serve(&path, None, &seed(Tier::Standard)).await.unwrap();
    let address = sandbox.engine_address("nas").unwrap();
    pool(&sandbox);
    agent(&address, "kept").await;
    let environment = |reply: &Reply| reply.json()["Config"]["Env"][0].as_str().unwrap().to_owned();
    let shown = ask(&address, "GET", "/containers/kept/json", "", b"").await;
    assert_eq!(environment(&shown), format!("TFC_AGENT_TOKEN={CANARY}"), "a real engine shows it");
    let text = std::fs::read_to_string(path.join("world.json")).unwrap();
    assert!(text.contains("\"kept\"") && !text.contains("canary"), "the world is saved without it");
    let id = sandbox.with_world(|world| world.engines["nas"].id.clone());
    drop(sandbox);
    // The next process: the same machine, and its agent goes on.
    let sandbox = loop {
        match Sandbox::serve(&path, None, &seed(Tier::Standard)).await {
            Ok(sandbox) => break sandbox,
            Err(error) => assert!(error.to_string().contains("already served"), "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let address = sandbox.engine_address("nas").unwrap();
    assert_eq!(sandbox.with_world(|world| world.engines["nas"].id.clone()), id);
    let shown = ask(&address, "GET", "/containers/kept/json", "", b"").await;
    assert_eq!(environment(&shown), "TFC_AGENT_TOKEN=(not kept by the sandbox)");
    assert_eq!(shown.json()["State"]["Status"], "running");
    assert_eq!(status(&sandbox, "kept"), Some(AgentStatus::Idle));
}

#[tokio::test]
async fn a_second_process_finds_the_engines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let first = Sandbox::attach_or_serve(&path, &seed(Tier::Standard)).await.unwrap();
    let second = Sandbox::attach_or_serve(&path, &seed(Tier::Standard)).await.unwrap();
    assert!(second.server.is_none());
    assert_eq!(first.engines, second.engines);
    assert_eq!(ask(&second.engines["nas"], "GET", "/_ping", "", b"").await.text(), "OK");
}

#[tokio::test]
async fn faults_reach_engines_and_doors_are_told_apart() {
    let sandbox = Sandbox::in_memory(&seed(Tier::Standard)).await.unwrap();
    let address = sandbox.engine_address("nas").unwrap();
    let door = sandbox.open_door("nas", "second").await.unwrap();
    let rule = Rule {
        path: Some("docker/nas/volumes/create".into()),
        caller: Some("second".into()),
        ..Rule::new(Fault::LostAnswer)
    };
    let refused = Rule {
        path: Some("docker/nas/info".into()),
        ..Rule::new(Fault::Status {
            code: 503,
            body: reconcile::sandbox::faults::BodyKind::Jsonapi,
            headers: BTreeMap::new(),
        })
    };
    sandbox.script(Faults { seed: 0, rules: vec![rule, refused] }).unwrap();
    assert_eq!(send(&address, "/volumes/create", &json!({ "Name": "one" })).await.status, 201);
    let host = door.trim_start_matches("tcp://").to_owned();
    let lost = tokio::spawn(async move { send(&host, "/volumes/create", &json!({ "Name": "two" })).await }).await;
    assert!(lost.is_err(), "its answer was lost");
    assert!(sandbox.with_world(|world| world.engines["nas"].volumes.contains_key("two")), "and it was done");
    let info = ask(&address, "GET", "/v1.41/info", "", b"").await;
    assert_eq!((info.status, info.message().as_str()), (503, "service unavailable"));
    let records = sandbox.requests();
    let seen: Vec<(&str, &str, u16, bool)> = records
        .iter()
        .map(|record| (record.path.as_str(), record.caller.as_str(), record.status, record.done))
        .collect();
    assert_eq!(
        seen,
        [
            ("docker/nas/volumes/create", "docker", 201, true),
            ("docker/nas/volumes/create", "second", 0, true),
            ("docker/nas/info", "docker", 503, false),
        ]
    );
}

#[tokio::test]
async fn what_an_engine_does_is_the_same_in_every_run() {
    let play = async || {
        let sandbox = Sandbox::in_memory(&seed(Tier::Standard)).await.unwrap();
        let address = sandbox.engine_address("nas").unwrap();
        pool(&sandbox);
        agent(&address, "same").await;
        send(&address, "/networks/create", &json!({ "Name": "n" })).await;
        sandbox.fingerprint()
    };
    assert_eq!(play().await, play().await);
}

#[cfg(unix)]
#[tokio::test]
async fn an_engine_is_reached_at_a_socket_too() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::in_memory(&seed(Tier::Standard)).await.unwrap();
    let path = directory.path().join("docker.sock");
    let address = sandbox.open_socket("nas", "socket", &path).unwrap();
    let docker = bollard::Docker::connect_with_unix(path.to_str().unwrap(), 5, bollard::API_DEFAULT_VERSION).unwrap();
    assert_eq!(docker.info().await.unwrap().id, sandbox.with_world(|world| Some(world.engines["nas"].id.clone())));
    assert_eq!(sandbox.take_requests()[0].caller, "socket");
    let cut = Rule { path: Some("docker/nas/info".into()), ..Rule::new(Fault::Reset) };
    sandbox.script(Faults { seed: 0, rules: vec![cut] }).unwrap();
    assert!(docker.info().await.is_err());
    assert_eq!(ask(&address, "GET", "/_ping", "", b"").await.text(), "OK");
}

#[tokio::test]
async fn an_old_engine_refuses_new_versions() {
    let sandbox = Sandbox::in_memory(&seed(Tier::Standard)).await.unwrap();
    let address = sandbox.engine_address("nas").unwrap();
    sandbox.with_world(|world| "1.24".clone_into(&mut world.engines.get_mut("nas").unwrap().api_version));
    let refused = ask(&address, "GET", "/v1.41/info", "", b"").await;
    assert_eq!(refused.message(), "client version 1.41 is too new. Maximum supported API version is 1.24");
    let version = ask(&address, "GET", "/version", "", b"").await;
    assert_eq!((version.header("api-version"), &version.json()["ApiVersion"]), (Some("1.24"), &json!("1.24")));
}
