//! Engines that are reached and will not do.

use serde_json::{Value, json};

use super::engines::{Server, engine};
use super::stage::{Stage, golden};

async fn plan(stage: &Stage, version: Value, info: Value) -> String {
    let server = Server::new(engine(version, info));
    stage.plan(&["--docker-host", &format!("nas=tcp://{}", server.address)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_can_run_there() {
    let stage = Stage::new().await;
    golden("api-too-old", &plan(&stage, json!({"Version": "19.03.15", "ApiVersion": "1.40"}), json!({})).await);
    golden("not-linux", &plan(&stage, json!({"Os": "windows"}), json!({"OSType": "windows"})).await);
    golden("too-little-memory", &plan(&stage, json!({}), json!({"MemTotal": 1 << 30})).await);
    golden("another-processor", &plan(&stage, json!({}), json!({"Architecture": "armv7l"})).await);
    stage.edit("1.29.0", "1.22.3");
    golden("before-arm64", &plan(&stage, json!({}), json!({"Architecture": "aarch64"})).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_engine_than_the_pinned_one_is_refused_before_any_write() {
    let stage = Stage::new().await;
    stage.edit("nas: { docker:", "nas: { identity: { engineId: 'WXYZ:1234' }, docker:");
    let server = Server::new(engine(json!({}), json!({})));
    let way = format!("nas=tcp://{}", server.address);
    golden("another-engine", &stage.plan(&["--docker-host", &way]).await);
    stage.sandbox.take_requests();
    let output = stage.ran(stage.command(&["apply", "--yes", "--docker-host", &way])).await;
    assert_eq!(output.status.code(), Some(1), "{}", stage.about_the_host(&output));
    let asked = server.asked.lock().unwrap().clone();
    assert!(asked.len() >= 12 && asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
    let written: Vec<_> = stage.sandbox.take_requests().into_iter().filter(|it| it.method != "GET").collect();
    assert!(written.is_empty(), "an engine that is another one is wrong for HCP's part too: {written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_becomes_another_one_before_the_first_write_is_not_written_to() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let stage = Stage::new().await;
    stage.edit("min: 0", "min: 1");
    let (first, later) = (engine(json!({}), json!({})), engine(json!({}), json!({"ID": "WXYZ:1234"})));
    let infos = AtomicU32::new(0);
    let server = Server::new(Arc::new(move |asked| {
        let first_info = asked == "GET /info" && infos.fetch_add(1, Ordering::SeqCst) == 0;
        if asked != "GET /info" || first_info { first(asked) } else { later(asked) }
    }));
    let way = format!("nas=tcp://{}", server.address);
    let output = stage.ran(stage.command(&["apply", "--yes", "--docker-host", &way])).await;
    let text = String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8(output.stderr.clone()).unwrap();
    let text = stage.steady(&text);
    let told: Vec<&str> = text.lines().filter(|line| line.contains("answers there now")).collect();
    assert!(!told.is_empty() && output.status.code() == Some(1), "{text}");
    let asked = server.asked.lock().unwrap().clone();
    assert!(asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
    let failed = text.lines().skip_while(|line| !line.starts_with("failed  create nas/network")).take(5);
    golden("becomes-another-engine", &failed.map(|line| line.to_owned() + "\n").collect::<String>());
}

/// The id is printed so that it can be put into the spec as it stands.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_as_not_pinned_pins_it() {
    let stage = Stage::new().await;
    let server = Server::new(engine(json!({}), json!({})));
    let way = format!("nas=tcp://{}", server.address);
    let text = stage.plan(&["--docker-host", &way]).await;
    golden("reached", &text);
    let (_, pin) = text.split_once("not pinned yet:").unwrap();
    let (pin, _) = pin.split_once("\n\n").unwrap();
    assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    stage.write("pin.yaml", pin);
    let pinned = stage.plan(&["--docker-host", &way, "fleet.yaml", "pin.yaml"]).await;
    assert!(!pinned.contains("not pinned yet") && !pinned.contains("refused"), "{pinned}");
}
