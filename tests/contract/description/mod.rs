//! Every exchange of the walk against the published `OpenAPI` file.
//!
//! None of its schemas is closed, so a validator alone passes misspelt names: a name that is not in the schema fails here
//! too, unless it stands on a list of known defects, each with its source; an entry that nothing needs fails as well.

mod defects;
mod document;

use std::collections::{BTreeMap, BTreeSet};

use document::{Description, Direction};

use crate::{probe::Exchange, reference, suite};

/// What is wrong with an exchange, by the key under which a defect would be known.
type Findings = BTreeMap<String, String>;

fn judge(description: &Description, exchange: &Exchange, findings: &mut Findings) {
    let Exchange { method, path, query, sent, status, got } = exchange;
    let Some(template) = description.template(method, path) else {
        findings.insert(document::unknown_operation(method, path), format!("{method} {path} is not described"));
        description.judge_resources(got, findings);
        return;
    };
    let operation = format!("{method} {template}");
    let parameters = description.query_names(method, &template);
    for name in query.iter().filter(|name| !parameters.contains(*name)) {
        findings.insert(format!("{operation} ?{name}"), format!("query {name} is not described"));
    }
    // A document that is refused need not be well-formed.
    if *status < 300 && !sent.is_null() {
        description.judge(&operation, description.request(method, &template), sent, Direction::Sent, findings);
    }
    if got.is_null() {
        return;
    }
    let response = description.response(method, &template, *status).or_else(|| {
        findings.insert(format!("{operation} -> {status}"), format!("{operation} does not answer {status}"));
        description.any_success(method, &template)
    });
    description.judge(&operation, response, got, Direction::Got, findings);
    description.judge_included(got, findings);
}

#[tokio::test]
async fn every_exchange_is_as_published_or_a_known_defect() {
    let Some(openapi) = reference::openapi() else {
        return;
    };
    let description = Description::new(&openapi);
    let probe = suite::walk().await;
    let exchanges = probe.exchanges();
    let mut findings = Findings::new();
    for exchange in &exchanges {
        judge(&description, exchange, &mut findings);
    }
    let known: BTreeMap<&str, &str> = defects::KNOWN.iter().copied().collect();
    assert_eq!(known.len(), defects::KNOWN.len(), "a defect is listed twice");
    let new: Vec<String> = findings
        .iter()
        .filter(|(key, _)| !known.contains_key(key.as_str()))
        .map(|(key, what)| format!("{key}\n      {what}"))
        .collect();
    let needless: Vec<&&str> = known.keys().filter(|key| !findings.contains_key(**key)).collect();
    println!("{} exchanges, {} known defects", exchanges.len(), known.len());
    assert!(new.is_empty(), "not as published:\n    {}", new.join("\n    "));
    assert!(needless.is_empty(), "listed as defects and never met: {needless:#?}");
}

#[tokio::test]
async fn every_operation_of_our_kinds_is_served_or_left_out_for_a_reason() {
    let Some(openapi) = reference::openapi() else {
        return;
    };
    let description = Description::new(&openapi);
    let probe = suite::walk().await;
    let served: BTreeSet<String> = probe
        .exchanges()
        .iter()
        .filter(|exchange| exchange.status < 300)
        .filter_map(|exchange| {
            let template = description.template(&exchange.method, &exchange.path)?;
            Some(format!("{} {template}", exchange.method))
        })
        .collect();
    let left_out: BTreeMap<&str, &str> = defects::LEFT_OUT.iter().copied().collect();
    let ours = description.operations(defects::OUR_PATHS);
    let missing: Vec<&String> = ours
        .iter()
        .filter(|operation| !served.contains(*operation) && !left_out.contains_key(operation.as_str()))
        .collect();
    let needless: Vec<&&str> =
        left_out.keys().filter(|operation| served.contains(**operation) || !ours.contains(**operation)).collect();
    println!("{} of {} operations served", ours.intersection(&served).count(), ours.len());
    assert!(missing.is_empty(), "neither served nor left out for a reason: {missing:#?}");
    assert!(needless.is_empty(), "left out and yet served, or not ours: {needless:#?}");
}

#[tokio::test]
async fn nothing_that_the_walk_sends_is_ignored() {
    let probe = suite::walk().await;
    let ignored: Vec<String> = probe
        .sandbox
        .requests()
        .into_iter()
        .filter(|record| !record.ignored.is_empty())
        .map(|record| format!("{} {}: {:?}", record.method, record.path, record.ignored))
        .collect();
    assert!(ignored.is_empty(), "{ignored:#?}");
}

#[test]
fn a_misspelt_name_and_a_wrong_type_are_found() {
    let Some(openapi) = reference::openapi() else {
        return;
    };
    let description = Description::new(&openapi);
    let found = |got: serde_json::Value| {
        let exchange = Exchange {
            method: "GET".to_owned(),
            path: "/workspaces/ws-1".to_owned(),
            query: Vec::new(),
            sent: serde_json::Value::Null,
            status: 200,
            got,
        };
        let mut findings = Findings::new();
        judge(&description, &exchange, &mut findings);
        findings.into_keys().collect::<Vec<String>>()
    };
    let workspace = |attributes: serde_json::Value| serde_json::json!({ "data": { "id": "ws-1", "type": "workspaces", "attributes": attributes } });
    assert!(found(workspace(serde_json::json!({ "auto-apply": true, "description": null }))).is_empty());
    assert_eq!(found(workspace(serde_json::json!({ "auto_apply": true }))), ["workspaces attributes/auto_apply"]);
    assert_eq!(
        found(workspace(serde_json::json!({ "auto-apply": "true" }))),
        ["workspaces attributes/auto-apply: type"]
    );
    assert_eq!(
        found(workspace(serde_json::json!({ "execution-mode": "sideways" }))),
        ["workspaces attributes/execution-mode: enum"]
    );
}
