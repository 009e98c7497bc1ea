//! Lists: whole, in pages, by labels and by fields, and without what the objects hold.

use serde_json::{Value, json};

use crate::live::fixtures::{Kind, config_map, config_maps, deployment, deployments, names, secret, secrets};
use crate::live::subject::{METADATA, METADATA_LIST, Subject};

async fn labelled(subject: &Subject, namespace: &str, name: &str, labels: Value) {
    let mut body = config_map(name, &json!({ "key": "value" }));
    body["metadata"]["labels"] = labels;
    subject.post(&config_maps(namespace), &body).await.created();
}

/// A namespace with as many objects, in the order of their names.
async fn many(subject: &Subject, count: usize) -> String {
    let namespace = subject.namespace().await;
    // Made from the last to the first, so that the order is not that of their making.
    for index in (0..count).rev() {
        labelled(subject, &namespace, &format!("c{index}"), json!({ "suite": "yes" })).await;
    }
    namespace
}

/// What a selector finds in a namespace, without what the controllers put there.
async fn found(subject: &Subject, namespace: &str, selector: &str) -> Vec<String> {
    let list = subject.get(&format!("{}?labelSelector={selector}", config_maps(namespace))).await.ok();
    names(&list).into_iter().filter(|name| name != "kube-root-ca.crt").collect()
}

pub async fn a_list_names_its_kind_once(subject: &Subject) {
    let namespace = many(subject, 2).await;
    let list = subject.get(&format!("{}?labelSelector=suite", config_maps(&namespace))).await.ok();
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("ConfigMapList"), &json!("v1")));
    assert!(list["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(names(&list), ["c0", "c1"]);
    let item = &list["items"][0];
    assert!(
        item["kind"].is_null() && item["apiVersion"].is_null(),
        "items of a built-in kind do not repeat it: {item}"
    );
    assert_eq!(item["data"], json!({ "key": "value" }));
    let empty = subject.get(&secrets(&namespace)).await.ok();
    assert_eq!(empty["items"], json!([]));
}

pub async fn items_of_a_custom_kind_say_what_they_are(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::defined(subject).await;
    subject.post(&kind.path(&namespace), &kind.object("a", &json!({ "name": "x" }))).await.created();
    let list = subject.get(&kind.path(&namespace)).await.ok();
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("ThingList"), &json!(kind.api_version)));
    assert_eq!(
        (&list["items"][0]["kind"], &list["items"][0]["apiVersion"]),
        (&json!("Thing"), &json!(kind.api_version))
    );
}

pub async fn a_list_comes_in_pages(subject: &Subject) {
    let namespace = many(subject, 5).await;
    let path = format!("{}?limit=2", secrets(&namespace));
    assert!(subject.get(&path).await.ok()["metadata"]["continue"].is_null(), "an empty list is one page");
    for index in 0..5 {
        subject.post(&secrets(&namespace), &secret(&format!("s{index}"), &json!({}))).await.created();
    }
    let first = subject.get(&path).await.ok();
    assert_eq!(names(&first), ["s0", "s1"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = subject.get(&format!("{path}&continue={token}")).await.ok();
    assert_eq!(names(&second), ["s2", "s3"]);
    assert_eq!(second["metadata"]["remainingItemCount"], 1);
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let third = subject.get(&format!("{path}&continue={token}")).await.ok();
    assert_eq!(names(&third), ["s4"]);
    assert!(third["metadata"]["continue"].is_null() && third["metadata"]["remainingItemCount"].is_null(), "{third}");
}

pub async fn pages_of_a_selection_hold_what_is_selected(subject: &Subject) {
    let namespace = subject.namespace().await;
    for index in 0..6 {
        let parity = if index % 2 == 0 { "even" } else { "odd" };
        labelled(subject, &namespace, &format!("c{index}"), json!({ "parity": parity })).await;
    }
    let path = format!("{}?limit=2&labelSelector=parity%3Deven", config_maps(&namespace));
    let first = subject.get(&path).await.ok();
    assert_eq!(names(&first), ["c0", "c2"]);
    assert!(first["metadata"]["remainingItemCount"].is_null(), "it is not counted where something is selected");
    let token = first["metadata"]["continue"].as_str().unwrap();
    assert_eq!(names(&subject.get(&format!("{path}&continue={token}")).await.ok()), ["c4"]);
}

pub async fn a_page_that_nobody_promised_is_refused(subject: &Subject) {
    let path = format!("{}?limit=2&continue=nothing", config_maps("default"));
    subject.get(&path).await.refused(400, "BadRequest");
}

pub async fn labels_select(subject: &Subject) {
    let namespace = subject.namespace().await;
    labelled(subject, &namespace, "a", json!({ "tier": "front", "app": "x" })).await;
    labelled(subject, &namespace, "b", json!({ "tier": "back", "app": "x" })).await;
    labelled(subject, &namespace, "c", json!({ "app": "y", "example.com/mark": "m" })).await;
    for (selector, expected) in [
        ("tier%3Dfront", &["a"][..]),
        ("tier%3D%3Dfront", &["a"]),
        ("tier!%3Dfront", &["b", "c"]),
        ("tier", &["a", "b"]),
        ("!tier", &["c"]),
        ("tier+in+(front,back)", &["a", "b"]),
        ("tier+notin+(front)", &["b", "c"]),
        ("app%3Dx,tier%3Dback", &["b"]),
        ("example.com%2Fmark%3Dm", &["c"]),
        ("app%3Dz", &[]),
    ] {
        assert_eq!(found(subject, &namespace, selector).await, expected, "{selector}");
    }
    let reply = subject.get(&format!("{}?labelSelector=a%3Db%3Dc", config_maps(&namespace))).await;
    reply.refused(400, "BadRequest");
}

pub async fn fields_select(subject: &Subject) {
    let namespace = many(subject, 3).await;
    let path = config_maps(&namespace);
    let list = subject.get(&format!("{path}?fieldSelector=metadata.name%3Dc1")).await.ok();
    assert_eq!(names(&list), ["c1"]);
    let everywhere = "/api/v1/configmaps?labelSelector=suite&fieldSelector=";
    let list = subject.get(&format!("{everywhere}metadata.namespace%3D{namespace}")).await.ok();
    assert_eq!(names(&list), ["c0", "c1", "c2"]);
    let reply = subject.get(&format!("{path}?fieldSelector=data.key%3Dvalue")).await;
    let status = reply.refused(400, "BadRequest");
    assert!(status["message"].as_str().unwrap().contains("\"data.key\" is not a known field selector"), "{status}");
}

pub async fn a_list_may_span_all_namespaces(subject: &Subject) {
    let first = subject.namespace().await;
    let second = subject.namespace().await;
    let mark = subject.name("mark");
    for namespace in [&first, &second] {
        labelled(subject, namespace, "a", json!({ "mark": mark })).await;
    }
    let list = subject.get(&format!("/api/v1/configmaps?labelSelector=mark%3D{mark}")).await.ok();
    let mut places: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|one| &one["metadata"]["namespace"]).collect();
    places.sort_by_key(|place| place.as_str());
    let mut expected = [&first, &second];
    expected.sort();
    assert_eq!(places, expected);
}

pub async fn a_list_of_metadata_holds_nothing_else(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = secret("a", &json!({ "key": "dmFsdWU=" }));
    body["metadata"]["labels"] = json!({ "l": "1" });
    body["metadata"]["annotations"] = json!({ "n": "2" });
    subject.post(&secrets(&namespace), &body).await.created();
    let reply = subject.ask("GET", &secrets(&namespace)).accept(METADATA_LIST).answer().await;
    assert!(!reply.text().contains("dmFsdWU") && !reply.text().contains("Opaque"), "{}", reply.text());
    let list = reply.ok();
    let version = json!("meta.k8s.io/v1");
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("PartialObjectMetadataList"), &version));
    assert!(list["metadata"]["resourceVersion"].is_string());
    let keys: Vec<_> = list["items"][0].as_object().unwrap().keys().cloned().collect();
    assert!(keys.iter().all(|key| ["metadata", "kind", "apiVersion"].contains(&key.as_str())), "{keys:?}");
    let metadata = &list["items"][0]["metadata"];
    assert_eq!((&metadata["labels"], &metadata["annotations"]), (&json!({ "l": "1" }), &json!({ "n": "2" })));
    assert!(
        metadata["managedFields"].is_array() && metadata["uid"].is_string() && metadata["resourceVersion"].is_string()
    );
}

pub async fn a_list_of_metadata_has_pages_and_selections(subject: &Subject) {
    let namespace = many(subject, 3).await;
    let path = format!("{}?labelSelector=suite&limit=2", config_maps(&namespace));
    let first = subject.ask("GET", &path).accept(METADATA_LIST).answer().await.ok();
    assert_eq!(names(&first), ["c0", "c1"]);
    let path = format!("{path}&continue={}", first["metadata"]["continue"].as_str().unwrap());
    let second = subject.ask("GET", &path).accept(METADATA_LIST).answer().await.ok();
    assert_eq!(names(&second), ["c2"]);
}

pub async fn one_object_may_be_asked_for_its_metadata(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a", secrets(&namespace));
    subject.post(&secrets(&namespace), &secret("a", &json!({ "key": "dmFsdWU=" }))).await.created();
    let one = subject.ask("GET", &path).accept(METADATA).answer().await;
    assert!(!one.text().contains("dmFsdWU"), "{}", one.text());
    let one = one.ok();
    assert_eq!((&one["kind"], &one["apiVersion"]), (&json!("PartialObjectMetadata"), &json!("meta.k8s.io/v1")));
    let reply = subject.ask("GET", &format!("{path}-not")).accept(METADATA).answer().await;
    reply.refused_as(404, "NotFound", "secrets \"a-not\" not found");
}

pub async fn a_write_may_be_answered_with_metadata(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = format!("{}/a?fieldManager=m", secrets(&namespace));
    for (kind, body, status) in [
        ("application/apply-patch+yaml", secret("a", &json!({ "key": "dmFsdWU=" })), 201),
        ("application/merge-patch+json", json!({ "data": { "more": "dmFsdWU=" } }), 200),
    ] {
        let reply = subject.ask("PATCH", &path).content(kind, &body).accept(METADATA).answer().await;
        assert_eq!(reply.status, status, "{}", reply.text());
        assert!(!reply.text().contains("dmFsdWU"), "{}", reply.text());
        assert_eq!(reply.json()["kind"], "PartialObjectMetadata");
    }
}

pub async fn lists_of_kinds_with_generations_show_them(subject: &Subject) {
    let namespace = subject.namespace().await;
    subject.post(&deployments(&namespace), &deployment("a")).await.created();
    let list = subject.ask("GET", &deployments(&namespace)).accept(METADATA_LIST).answer().await.ok();
    assert_eq!(list["items"][0]["metadata"]["generation"], 1);
}
