use serde_json::json;

use super::*;

fn paths(found: &[Difference]) -> Vec<&str> {
    found.iter().map(|it| it.field.as_str()).collect()
}

#[test]
fn what_the_server_filled_in_is_no_difference() {
    let wanted = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "x"}},
        "spec": {"ports": [{"port": 8443}], "selector": {"app": "x"}}});
    let live = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "a", "uid": "1", "labels": {"app.kubernetes.io/name": "x", "theirs": "y"}},
        "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 8443, "protocol": "TCP", "targetPort": 8443}], "selector": {"app": "x"}}});
    assert_eq!(differences(&wanted, &live), []);
}

#[test]
fn items_are_compared_with_those_of_their_key() {
    let wanted = json!({"spec": {"containers": [
        {"name": "b", "image": "b:2", "env": [{"name": "X", "value": "1"}]}, {"name": "a", "image": "a:1"}]}});
    let live = json!({"spec": {"containers": [
        {"name": "a", "image": "a:1", "imagePullPolicy": "Always"}, {"name": "b", "image": "b:1", "env": [{"name": "Y", "value": "1"}]}]}});
    let found = differences(&wanted, &live);
    assert_eq!(paths(&found), ["spec.containers[b].env[X]", "spec.containers[b].image"]);
    assert_eq!((&found[1].old, &found[1].new), (&Some(json!("b:1")), &Some(json!("b:2"))));
}

#[test]
fn a_list_without_keys_is_one_value() {
    let wanted = json!({"rules": [{"apiGroups": [""], "verbs": ["get"]}]});
    assert_eq!(differences(&wanted, &wanted), []);
    let live = json!({"rules": [{"apiGroups": [""], "verbs": ["get"]}, {"apiGroups": ["apps"], "verbs": ["get"]}]});
    assert_eq!(paths(&differences(&wanted, &live)), ["rules"]);
}

#[test]
fn quantities_are_compared_by_what_they_are() {
    let of = |cpu: &str, memory: &str| json!({"resources": {"limits": {"cpu": cpu, "memory": memory}}});
    assert_eq!(differences(&of("0.5", "1Gi"), &of("500m", "1024Mi")), []);
    assert_eq!(differences(&of("1", "2G"), &of("1000m", "2000M")), []);
    assert_eq!(
        paths(&differences(&of("0.5", "1Gi"), &of("501m", "1G"))),
        ["resources.limits.cpu", "resources.limits.memory"]
    );
}

#[test]
fn what_is_empty_need_not_be_there() {
    assert_eq!(differences(&json!({"spec": {"a": {}, "b": []}}), &json!({"spec": {}})), []);
}

#[test]
fn a_label_reads_as_one_field() {
    let wanted = json!({"metadata": {"labels": {"app.kubernetes.io/name": "x"}}});
    assert_eq!(paths(&differences(&wanted, &json!({"metadata": {}}))), ["metadata.labels"]);
    assert_eq!(
        paths(&differences(&wanted, &json!({"metadata": {"labels": {"a": "b"}}}))),
        ["metadata.labels[app.kubernetes.io/name]"]
    );
}

fn owned() -> Value {
    json!({"f:metadata": {"f:labels": {"f:a": {}, "f:gone": {}}}, "f:spec": {
        "f:replicas": {}, "f:containers": {"k:{\"name\":\"m\"}": {".": {}, "f:name": {}, "f:image": {},
            "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}},
        "f:tolerations": {}}})
}

#[test]
fn what_we_owned_and_no_longer_say_is_found() {
    let wanted = json!({"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "m", "image": "x"}], "tolerations": []}});
    let live = json!({"metadata": {"labels": {"a": "1", "gone": "2"}},
        "spec": {"replicas": 3, "containers": [{"name": "m", "image": "x", "ports": [{"containerPort": 80}]}]}});
    let found = abandoned(&owned(), &wanted, &live);
    assert_eq!(paths(&found), ["metadata.labels.gone", "spec.containers[m].ports", "spec.replicas"]);
    assert!(found.iter().all(|it| it.new.is_none()));
}

#[test]
fn a_field_that_another_took_is_not_ours() {
    let wanted = |image: &str| {
        json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "n", "namespace": "s", "labels": {"a": "1"}},
            "spec": {"containers": [{"name": "m", "image": image, "ports": [{"containerPort": 80}]}], "tolerations": [{"key": "k"}]}})
    };
    assert!(owns(&owned(), &wanted("x")));
    let mut taken = owned();
    taken["f:spec"]["f:containers"]["k:{\"name\":\"m\"}"].as_object_mut().unwrap().remove("f:image");
    assert!(!owns(&taken, &wanted("x")));
    assert!(!owns(&json!({}), &wanted("x")));
    let atomic = json!({"f:roleRef": {}});
    assert!(owns(&atomic, &json!({"roleRef": {"kind": "Role", "name": "a"}})));
}

#[test]
fn who_speaks_of_a_field_is_found_by_its_path() {
    assert_eq!(parts("metadata.labels[a.b/c]"), ["metadata", "labels", "a.b/c"]);
    assert_eq!(parts("spec.containers[m].image"), ["spec", "containers", "m", "image"]);
    assert!(speaks_of(&owned(), "spec.containers[m].image"));
    assert!(speaks_of(&owned(), "metadata.labels[a]"));
    assert!(!speaks_of(&owned(), "spec.containers[n].image"));
    assert!(!speaks_of(&owned(), "spec.paused"));
}
