//! The agent in its container, and what HCP knows of it.

use std::time::Duration;

use bollard::query_parameters::{LogsOptionsBuilder, StopContainerOptionsBuilder};
use futures::TryStreamExt as _;
use jiff::SignedDuration;
use reconcile::sandbox::world::{AgentStatus, Mode, OwnPool, Placement, Project, Workspace};
use serde_json::{Value, json};

use crate::subject::Subject;

/// Makes and starts an agent of a pool of its own.
async fn start(subject: &Subject, name: &str, host: &Value) -> String {
    let (pool, _, token) = subject.pool(name);
    let body = subject.agent_body(name, &token, host);
    let made = subject.send(&format!("/containers/create?name={name}"), &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(subject.post(&format!("/containers/{name}/start")).await.status, 204);
    subject.until_agent(name, AgentStatus::Idle).await;
    pool
}

/// Queues a run for a pool, and waits until the agent has it.
async fn queue(subject: &Subject, pool: &str, name: &str) -> String {
    let run = subject.sandbox.with_world(|world| {
        let project = world.mint("prj");
        world.projects.insert(project.clone(), Project::new(name, world.now));
        let id = world.mint("ws");
        let mut workspace = Workspace::new(name, &project, world.now);
        workspace.placement = Placement { mode: Some(Mode::Agent), pool: OwnPool::Own(Some(pool.to_owned())) };
        world.workspaces.insert(id.clone(), workspace);
        world.start_run(&id, "plan_queued").unwrap()
    });
    // So long that only this test ends it.
    subject.sandbox.with_world(|world| world.switches.job_seconds = 1_000_000);
    subject.until_agent(name, AgentStatus::Busy).await;
    assert_eq!(status(subject, &run), "planning");
    run
}

fn status(subject: &Subject, run: &str) -> String {
    subject.sandbox.with_world(|world| world.runs[run].status.clone())
}

fn finish(subject: &Subject, run: &str) {
    subject.sandbox.with_world(|world| "planned".clone_into(&mut world.runs.get_mut(run).unwrap().status));
}

fn always() -> Value {
    json!({ "RestartPolicy": { "Name": "unless-stopped" } })
}

pub async fn an_agent_comes_and_goes(subject: &Subject) {
    start(subject, "comes", &always()).await;
    assert!(subject.sandbox.with_world(|world| {
        world.agent_tokens.values().any(|token| token.description == "comes" && token.last_used_at.is_some())
    }));
    assert_eq!(subject.post("/containers/comes/kill?signal=SIGTERM").await.status, 204);
    assert_eq!(subject.until_exited("comes").await, 0);
    assert_eq!(subject.agent_status("comes"), Some(AgentStatus::Exited));
    subject.away("comes").await;
}

pub async fn a_busy_agent_finishes_its_job(subject: &Subject) {
    let pool = start(subject, "drains", &always()).await;
    let run = queue(subject, &pool, "drains").await;
    subject.post("/containers/drains/kill?signal=TERM").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(subject.state("drains").await["Status"], "running");
    assert_eq!(subject.agent_status("drains"), Some(AgentStatus::Busy));
    finish(subject, &run);
    assert_eq!(subject.until_exited("drains").await, 0);
    assert_eq!(subject.agent_status("drains"), Some(AgentStatus::Exited));
    assert_eq!(subject.get("/containers/drains/json").await.json()["RestartCount"], 0);
    subject.away("drains").await;
}

pub async fn a_second_signal_cuts_it_off(subject: &Subject) {
    let pool = start(subject, "cut", &always()).await;
    let run = queue(subject, &pool, "cut").await;
    subject.post("/containers/cut/kill?signal=TERM").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    subject.post("/containers/cut/kill?signal=TERM").await;
    assert_eq!(subject.until_exited("cut").await, 1);
    subject.until_agent("cut", AgentStatus::Unknown).await;
    assert_eq!(status(subject, &run), "planning", "HCP does not know yet");
    subject.sandbox.advance(SignedDuration::from_secs(301));
    assert_eq!(subject.agent_status("cut"), Some(AgentStatus::Errored));
    assert_eq!(status(subject, &run), "errored");
    subject.away("cut").await;
}

/// What a naive repetition does.
pub async fn a_second_stop_is_a_second_signal(subject: &Subject) {
    let pool = start(subject, "twice", &always()).await;
    queue(subject, &pool, "twice").await;
    let first = subject.post("/containers/twice/stop?t=30");
    let second = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(subject.state("twice").await["Status"], "running");
        subject.post("/containers/twice/stop?t=30").await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.status, second.status), (204, 204));
    assert_eq!(subject.state("twice").await["ExitCode"], 1);
    subject.away("twice").await;
}

pub async fn a_stop_goes_on_without_its_caller(subject: &Subject) {
    let pool = start(subject, "alone", &always()).await;
    let run = queue(subject, &pool, "alone").await;
    let impatient = subject.docker.clone().with_timeout(Duration::from_secs(2));
    let options = StopContainerOptionsBuilder::default().t(30).build();
    let given_up = impatient.stop_container("alone", Some(options)).await;
    assert!(matches!(given_up, Err(bollard::errors::Error::RequestTimeoutError)), "{given_up:?}");
    assert_eq!(subject.state("alone").await["Status"], "running");
    finish(subject, &run);
    assert_eq!(subject.until_exited("alone").await, 0);
    assert_eq!(subject.agent_status("alone"), Some(AgentStatus::Exited));
    subject.away("alone").await;
}

pub async fn a_killed_agent_is_lost(subject: &Subject) {
    let pool = start(subject, "killed", &always()).await;
    let run = queue(subject, &pool, "killed").await;
    // The timeout of a stop ends in a kill; the time of the stand-in has to pass for it.
    let stop = subject.post("/containers/killed/stop?t=1");
    let time = async {
        if subject.is_stand_in {
            tokio::time::sleep(Duration::from_millis(100)).await;
            subject.sandbox.advance(SignedDuration::from_secs(2));
        }
    };
    let (stop, ()) = tokio::join!(stop, time);
    assert_eq!(stop.status, 204);
    let state = subject.state("killed").await;
    assert_eq!((&state["Status"], &state["ExitCode"]), (&json!("exited"), &json!(137)));
    if !subject.is_stand_in {
        // HCP notices by its silence.
        subject.sandbox.advance(SignedDuration::from_secs(61));
    }
    assert_eq!(subject.agent_status("killed"), Some(AgentStatus::Unknown));
    assert_eq!(status(subject, &run), "planning");
    subject.away("killed").await;
}

pub async fn a_wrong_token_is_said_and_tried_again(subject: &Subject) {
    let host = json!({ "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 2 } });
    let body = subject.agent_body("wrong", "none.atlasv1.nothing", &host);
    subject.send("/containers/create?name=wrong", &body).await;
    assert_eq!(subject.post("/containers/wrong/start").await.status, 204);
    assert_eq!(subject.until_exited("wrong").await, 1);
    assert_eq!(subject.get("/containers/wrong/json").await.json()["RestartCount"], 2);
    let logs = subject.get("/containers/wrong/logs?stdout=1&stderr=1&tail=1").await;
    assert!(logs.text().contains("[ERROR] agent: Agent registration failed: code=401"), "{}", logs.text());
    assert_eq!(subject.agent_status("wrong"), None);
    subject.away("wrong").await;
}

/// A container that its policy starts again and again.
pub async fn between_two_starts_it_counts_as_running(subject: &Subject) {
    let body = subject.agent_body("again", "none.atlasv1.nothing", &always());
    let id = subject.send("/containers/create?name=again", &body).await.json()["Id"].as_str().unwrap().to_owned();
    subject.post("/containers/again/start").await;
    // By then the pauses are longer than this test looks.
    subject
        .until("it was tried often", async || {
            let one = subject.get("/containers/again/json").await.json();
            one["RestartCount"].as_u64().unwrap() >= 5 && one["State"]["Status"] == "restarting"
        })
        .await;
    let state = subject.state("again").await;
    assert_eq!((&state["Running"], &state["Restarting"]), (&json!(true), &json!(true)), "{state}");
    assert_eq!((&state["ExitCode"], &state["Pid"]), (&json!(1), &json!(0)), "{state}");
    let filters = Subject::filters(&json!({ "name": ["again"] }));
    let entry = subject.get(&format!("/containers/json?{filters}")).await.json()[0].clone();
    assert_eq!(entry["State"], "restarting", "{entry}");
    assert!(entry["Status"].as_str().unwrap().starts_with("Restarting (1) "), "{entry}");
    assert_eq!(subject.post("/containers/again/start").await.status, 304);
    let remove = subject.delete("/containers/again").await;
    assert_eq!(
        (remove.status, remove.message()),
        (
            409,
            format!(
                "You cannot remove a restarting container {id}. Stop the container before attempting removal or force remove"
            )
        )
    );
    assert_eq!(subject.post("/containers/again/stop").await.status, 204);
    assert_eq!(subject.until_exited("again").await, 1);
    subject.away("again").await;
}

pub async fn a_revoked_token_ends_it(subject: &Subject) {
    start(subject, "revoked", &json!({})).await;
    subject.sandbox.with_world(|world| world.agent_tokens.retain(|_, token| token.description != "revoked"));
    assert_eq!(subject.until_exited("revoked").await, 1);
    let logs = subject.get("/containers/revoked/logs?stdout=1&tail=1").await;
    assert!(logs.text().contains("code=401"), "{}", logs.text());
    subject.away("revoked").await;
}

/// Any signal by hand means that the policy does not start it again; a crash does not.
pub async fn an_agent_ended_by_hand_stays_so(subject: &Subject) {
    start(subject, "by-hand", &always()).await;
    subject.post("/containers/by-hand/kill?signal=USR1").await;
    subject.post("/containers/by-hand/kill?signal=KILL").await;
    assert_eq!(subject.until_exited("by-hand").await, 137);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(subject.state("by-hand").await["Status"], "exited");
    assert_eq!(subject.get("/containers/by-hand/json").await.json()["RestartCount"], 0);
    subject.away("by-hand").await;
}

pub async fn logs_are_framed(subject: &Subject) {
    start(subject, "talks", &json!({})).await;
    let none = subject.get("/containers/talks/logs").await;
    assert_eq!((none.status, none.message().as_str()), (400, "Bad parameters: you must choose at least one stream"));
    let raw = subject.get("/containers/talks/logs?stdout=1&stderr=1").await;
    let size = u32::from_be_bytes(raw.body[4..8].try_into().unwrap()) as usize;
    assert_eq!(&raw.body[..4], [1, 0, 0, 0]);
    let line = String::from_utf8(raw.body[8..8 + size].to_vec()).unwrap();
    assert!(line.contains("[INFO]  agent: Starting: agent_name=talks") && line.ends_with('\n'), "{line}");
    let options = LogsOptionsBuilder::default().stdout(true).tail("1").timestamps(true).build();
    let lines: Vec<_> = subject.docker.logs("talks", Some(options)).try_collect().await.unwrap();
    assert_eq!(lines.len(), 1);
    let text = lines[0].to_string();
    assert!(text.contains("Agent registered successfully"), "{text}");
    assert!(text.split(' ').next().unwrap().parse::<jiff::Timestamp>().is_ok(), "{text}");
    // Followed, they end with the process.
    let options = LogsOptionsBuilder::default().stdout(true).follow(true).build();
    let follow = subject.docker.logs("talks", Some(options)).try_collect::<Vec<_>>();
    let (all, _) = tokio::join!(follow, async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        subject.post("/containers/talks/stop").await
    });
    assert!(all.unwrap().last().unwrap().to_string().contains("Shutdown complete"));
    subject.away("talks").await;
}
