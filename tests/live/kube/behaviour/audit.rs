//! What a real server writes down of what it was asked: the proof of what a client did not read.

use serde_json::json;

use crate::live::cluster::{read_audit, secrets_shown};
use crate::live::fixtures::{secret, secrets};
use crate::live::subject::{METADATA, METADATA_LIST, Subject};

pub async fn reads_of_secrets_are_written_down(subject: &Subject) {
    let log = subject.audit.clone().expect("a real server has a log");
    let namespace = subject.namespace().await;
    let path = secrets(&namespace);
    let shown = || {
        let events = read_audit(&log);
        let here: Vec<_> =
            events.into_iter().filter(|event| event["objectRef"]["namespace"] == json!(namespace)).collect();
        secrets_shown(&here)
    };
    let one = format!("{path}/a");
    let create = subject.ask("POST", &path).json(&secret("a", &json!({ "k": "dmFsdWU=" }))).accept(METADATA);
    create.answer().await.created();
    subject.ask("GET", &path).accept(METADATA_LIST).answer().await.ok();
    subject.ask("GET", &one).accept(METADATA).answer().await.ok();
    assert_eq!(shown(), [""; 0], "metadata is no value");
    subject.get(&path).await.ok();
    assert_eq!(shown(), [format!("list {path}")]);
    let trial = format!("{one}?fieldManager=m&dryRun=All");
    subject.ask("PATCH", &trial).content("application/apply-patch+yaml", &secret("a", &json!({}))).answer().await.ok();
    assert_eq!(shown(), [format!("list {path}"), format!("patch {trial}")]);
    let watch = format!("{path}?watch=true&timeoutSeconds=1");
    subject.get(&watch).await;
    assert_eq!(shown().len(), 3, "what a watch tells is not written down, so it counts");
}
