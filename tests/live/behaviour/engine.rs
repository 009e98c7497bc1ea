//! The engine itself.

use serde_json::json;

use crate::subject::Subject;

pub async fn ping_says_who_it_is(subject: &Subject) {
    let reply = subject.get("/_ping").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "OK"));
    assert_eq!(reply.header("api-version"), Some("1.41"));
    assert_eq!(reply.header("ostype"), Some("linux"));
    assert_eq!(reply.header("docker-experimental"), Some("false"));
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(reply.header("server").unwrap().starts_with("Docker/20.10.24"));
    assert_eq!(subject.head("/_ping").await.status, 200);
    assert_eq!(subject.docker.ping().await.unwrap(), "OK");
}

pub async fn version_and_info_tell_the_machine(subject: &Subject) {
    let version = subject.docker.version().await.unwrap();
    assert_eq!(version.api_version.as_deref(), Some("1.41"));
    assert_eq!(version.min_api_version.as_deref(), Some("1.12"));
    assert_eq!(version.os.as_deref(), Some("linux"));
    let info = subject.docker.info().await.unwrap();
    let id = info.id.unwrap();
    assert_eq!((id.len(), id.split(':').count()), (59, 12), "{id}");
    assert_eq!(info.os_type.as_deref(), Some("linux"));
    assert_eq!(info.architecture.as_deref(), Some(std::env::consts::ARCH));
    assert!(info.mem_total.unwrap() > 1 << 30);
    assert!(info.ncpu.unwrap() > 0);
    assert_eq!(subject.docker.info().await.unwrap().id, Some(id), "an engine keeps its id");
    assert_eq!(subject.get("/v1.41/info").await.status, 200);
    assert!(subject.get("/system/df").await.json()["LayersSize"].is_number());
}

pub async fn versions_in_paths_are_bounded(subject: &Subject) {
    let new = subject.get("/v1.53/version").await;
    assert_eq!(new.status, 400);
    assert_eq!(new.message(), "client version 1.53 is too new. Maximum supported API version is 1.41");
    let old = subject.get("/v1.11/version").await;
    assert_eq!(old.status, 400);
    assert_eq!(
        old.text().trim(),
        "client version 1.11 is too old. Minimum supported API version is 1.12, please upgrade your client to a newer version"
    );
}

pub async fn what_is_no_endpoint_is_not_found(subject: &Subject) {
    for reply in [subject.get("/nope").await, subject.delete("/version").await, subject.post("/v1.41/nope").await] {
        assert_eq!((reply.status, reply.message().as_str()), (404, "page not found"));
    }
}

pub async fn events_tell_what_happened(subject: &Subject) {
    let id = subject.run("told", &json!({ "Labels": { "x": "1" } })).await;
    subject.post("/containers/told/rename?name=told2").await;
    subject.post("/containers/told2/stop").await;
    subject.away("told2").await;
    let filters = Subject::filters(&json!({ "container": [id] }));
    // Until a second that is over, or it would be streamed.
    let now = if subject.is_stand_in {
        subject.sandbox.advance(jiff::SignedDuration::from_secs(1));
        subject.sandbox.now().as_second()
    } else {
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        jiff::Timestamp::now().as_second()
    };
    let reply = subject.get(&format!("/events?since=1600000000&until={now}&{filters}")).await;
    let events = reply.lines();
    let actions: Vec<&str> = events.iter().filter_map(|event| event["Action"].as_str()).collect();
    assert_eq!(actions, ["create", "start", "rename", "kill", "die", "stop", "destroy"], "{}", reply.text());
    let rename = &events[2];
    assert_eq!(rename["Type"], "container");
    assert_eq!(rename["id"], json!(id));
    assert_eq!(rename["status"], "rename");
    assert_eq!(rename["from"], json!(subject.sleeper()));
    assert_eq!(rename["Actor"]["Attributes"]["oldName"], "/told");
    assert_eq!(rename["Actor"]["Attributes"]["name"], "told2");
    assert_eq!(rename["Actor"]["Attributes"]["x"], "1");
    assert_eq!(events[4]["Actor"]["Attributes"]["exitCode"], "0");
}
