//! The stand-in for a Kubernetes cluster over raw HTTP: what its owner can make it do, and what only it can show.
//!
//! How it answers a client is held, together with a real server, by the list of behaviours in `tests/live/kube`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Config,
    api::{ListParams, Patch, PatchParams, WatchEvent, WatchParams},
    core::PartialObjectMeta,
};
use reconcile::sandbox::{
    ClusterAccess, ClusterSeed, Sandbox, Seed,
    faults::{BodyKind, Fault, Faults, Rule, names::named},
    world::Account,
};
use serde_json::{Value, json};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const APPLY: &str = "application/apply-patch+yaml";

fn seed() -> Seed {
    Seed { clusters: vec![ClusterSeed::new("home")], ..Seed::default() }
}

struct Subject {
    sandbox: Sandbox,
    access: ClusterAccess,
    client: reqwest::Client,
}

impl Subject {
    async fn new() -> Self {
        Self::of(Sandbox::in_memory(&seed()).await.unwrap())
    }

    fn of(sandbox: Sandbox) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().user_agent("test/1").no_proxy().build().unwrap();
        let access = sandbox.cluster("home").unwrap();
        Self { sandbox, access, client }
    }

    async fn send(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> reqwest::Result<(u16, Value)> {
        let url = format!("{}{path}", self.access.address);
        let mut request = self.client.request(method.parse().unwrap(), url).bearer_auth(token);
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body.to_string());
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    async fn ask(&self, method: &str, path: &str, body: Option<(&str, &Value)>) -> (u16, Value) {
        self.send(&self.access.token, method, path, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, None).await
    }

    async fn made(&self, path: &str, body: &Value) -> Value {
        let (status, made) = self.ask("POST", path, Some(("application/json", body))).await;
        assert_eq!(status, 201, "{made}");
        made
    }

    async fn applied(&self, path: &str, body: &Value) -> Value {
        let (status, made) = self.ask("PATCH", &format!("{path}?fieldManager=m"), Some((APPLY, body))).await;
        assert!(status == 200 || status == 201, "{made}");
        made
    }

    fn rule(&self, on: &str, fault: Fault) {
        self.sandbox.script(Faults { seed: 0, rules: vec![Rule::short(on, fault)] }).unwrap();
    }
}

fn config_map(name: &str, value: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "k": value } })
}

fn secret(value: &str) -> Value {
    let metadata = json!({ "name": "a" });
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": { "token": value } })
}

fn deployment(selector: &Value) -> Value {
    let container = json!({ "name": "main", "image": "example/program:1" });
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a" }, "spec": {
        "selector": { "matchLabels": { "app": "a" } },
        "template": {
            "metadata": { "labels": { "app": "a" } },
            "spec": { "containers": [container], "nodeSelector": selector },
        },
    } })
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|one| one["type"] == kind).unwrap()
}

#[tokio::test]
async fn requests_are_remembered_without_what_they_hold() {
    let subject = Subject::new().await;
    subject.made(SECRETS, &secret("Y2FuYXJ5")).await;
    subject.get(&format!("{SECRETS}?limit=5")).await;
    subject.send("wrong", "GET", SECRETS, None).await.unwrap();
    // Others of the world may look around meanwhile.
    let mut records = subject.sandbox.take_requests();
    records.retain(|one| ["kube", "system:anonymous"].contains(&one.caller.as_str()));
    let shown: Vec<(String, String, u16, bool)> =
        records.iter().map(|one| (one.method.clone(), one.path.clone(), one.status, one.done)).collect();
    let path = "kube/home/api/v1/namespaces/default/secrets".to_owned();
    let expected = [
        ("POST".to_owned(), path.clone(), 201, true),
        ("GET".to_owned(), format!("{path}?limit=5"), 200, true),
        ("GET".to_owned(), path, 401, false),
    ];
    assert_eq!(shown, expected);
    assert!(!format!("{records:?}").contains("Y2FuYXJ5"));
}

#[tokio::test]
async fn it_misbehaves_as_its_script_says() {
    let subject = Subject::new().await;
    subject.rule("POST kube/home/**", named("lost-answer").unwrap());
    let body = config_map("a", "1");
    let lost = subject.send(&subject.access.token, "POST", CONFIG_MAPS, Some(("application/json", &body))).await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(subject.get(&format!("{CONFIG_MAPS}/a")).await.0, 200, "it was done all the same");
    let refused =
        Fault::Status { code: 429, body: BodyKind::Jsonapi, headers: [("retry-after".into(), "1".into())].into() };
    subject.rule("GET kube/home/api/v1/namespaces/*/configmaps", refused);
    let (status, body) = subject.get(CONFIG_MAPS).await;
    assert_eq!((status, &body["reason"], &body["code"]), (429, &json!("TooManyRequests"), &json!(429)));
    subject.rule("DELETE kube/**", Fault::Reset);
    let cut = subject.send(&subject.access.token, "DELETE", &format!("{CONFIG_MAPS}/a"), None).await;
    assert!(cut.is_err());
    assert_eq!(subject.get(&format!("{CONFIG_MAPS}/a")).await.0, 200, "nothing was done");
}

#[tokio::test]
async fn a_watch_can_be_cut_and_gone_on_with() {
    let subject = Subject::new().await;
    let made = subject.made(CONFIG_MAPS, &config_map("a", "1")).await;
    let version = made["metadata"]["resourceVersion"].as_str().unwrap();
    subject.made(CONFIG_MAPS, &config_map("b", "1")).await;
    subject.rule("GET kube/home/**", Fault::CutBody);
    let path = format!("{CONFIG_MAPS}?watch=true&resourceVersion={version}");
    let broken = subject.send(&subject.access.token, "GET", &path, None).await;
    assert!(broken.is_err(), "{broken:?}");
    subject.sandbox.script(Faults::default()).unwrap();
    let (status, event) = subject.get(&format!("{path}&timeoutSeconds=1")).await;
    assert_eq!((status, &event["type"], &event["object"]["metadata"]["name"]), (200, &json!("ADDED"), &json!("b")));
    subject.sandbox.with_world(|world| world.clusters.get_mut("home").unwrap().compact());
    subject.made(CONFIG_MAPS, &config_map("c", "1")).await;
    let (status, event) = subject.get(&path).await;
    assert_eq!((status, &event["type"], &event["object"]["reason"]), (200, &json!("ERROR"), &json!("Expired")));
}

#[tokio::test]
async fn a_page_that_is_too_old_is_refused() {
    let subject = Subject::new().await;
    for name in ["a", "b", "c"] {
        subject.made(CONFIG_MAPS, &config_map(name, "1")).await;
    }
    let (_, first) = subject.get(&format!("{CONFIG_MAPS}?limit=1")).await;
    let next = format!("{CONFIG_MAPS}?limit=1&continue={}", first["metadata"]["continue"].as_str().unwrap());
    subject.ask("DELETE", &format!("{CONFIG_MAPS}/b"), None).await;
    let (_, second) = subject.get(&next).await;
    assert_eq!(second["items"][0]["metadata"]["name"], "b", "pages are of one moment");
    subject.sandbox.with_world(|world| world.clusters.get_mut("home").unwrap().compact());
    let (status, body) = subject.get(&next).await;
    assert_eq!((status, &body["reason"]), (410, &json!("Expired")));
}

#[tokio::test]
async fn a_deployment_is_ready_where_a_machine_fits() {
    let subject = Subject::new().await;
    let path = format!("{DEPLOYMENTS}/a");
    let made = subject.applied(&path, &deployment(&json!({ "kubernetes.io/arch": "arm64" }))).await;
    assert_eq!(made["status"], json!({}), "the controller comes a moment later");
    let (_, ready) = subject.get(&path).await;
    assert_eq!((&ready["status"]["readyReplicas"], &ready["status"]["observedGeneration"]), (&json!(1), &json!(1)));
    assert_eq!(condition(&ready, "Available")["status"], "True");
    let managers = ready["metadata"]["managedFields"].as_array().unwrap();
    assert!(managers.iter().any(|one| one["manager"] == "kube-controller-manager" && one["subresource"] == "status"));
    let again = subject.applied(&path, &deployment(&json!({ "kubernetes.io/arch": "arm64" }))).await;
    assert_eq!(again, ready, "nothing is written where nothing changes");
    subject.applied(&path, &deployment(&json!({ "kubernetes.io/arch": "amd64" }))).await;
    let (_, waits) = subject.get(&path).await;
    assert_eq!(condition(&waits, "Available")["reason"], "MinimumReplicasUnavailable");
    assert_eq!(waits["status"]["unavailableReplicas"], 1);
    let (_, events) = subject.get("/api/v1/namespaces/default/events?fieldSelector=reason%3DFailedScheduling").await;
    let text = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.";
    assert!(events["items"][0]["message"].as_str().unwrap().starts_with(text), "{events}");
    subject.sandbox.with_world(|world| world.clusters.get_mut("home").unwrap().no_nodes_fit = true);
    subject.applied(&path, &deployment(&json!({}))).await;
    let (_, waits) = subject.get(&path).await;
    assert_eq!(condition(&waits, "Available")["status"], "False");
}

#[tokio::test]
async fn its_owner_can_do_it_with_curl() {
    let subject = Subject::new().await;
    let (address, token) = (subject.sandbox.address(), subject.sandbox.token());
    let url = format!("{address}/sandbox/clusters");
    let reply = subject.client.get(&url).bearer_auth(token).send().await.unwrap();
    assert_eq!(reply.json::<Value>().await.unwrap(), json!({ "home": subject.access.address }));
    let wish = json!({ "no-nodes-fit": true, "compact": true }).to_string();
    let reply = subject.client.post(format!("{url}/home")).bearer_auth(token).body(wish).send().await.unwrap();
    assert_eq!(reply.json::<Value>().await.unwrap(), json!({ "no-nodes-fit": true }));
    subject.applied(&format!("{DEPLOYMENTS}/a"), &deployment(&json!({}))).await;
    let (_, waits) = subject.get(&format!("{DEPLOYMENTS}/a")).await;
    assert_eq!(condition(&waits, "Available")["status"], "False");
}

#[tokio::test]
async fn accounts_may_what_their_rules_say() {
    let subject = Subject::new().await;
    let rules = vec![json!({ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"] })];
    subject.sandbox.with_world(|world| {
        let cluster = world.clusters.get_mut("home").unwrap();
        cluster.accounts.insert("reader".into(), Account::new("reader", "reader-token", rules.clone()));
    });
    let (status, list) = subject.send("reader-token", "GET", CONFIG_MAPS, None).await.unwrap();
    assert_eq!((status, &list["kind"]), (200, &json!("ConfigMapList")));
    let (status, body) = subject.send("reader-token", "GET", SECRETS, None).await.unwrap();
    let text = "secrets is forbidden: User \"reader\" cannot list resource \"secrets\" in API group \"\" in the \
        namespace \"default\"";
    assert_eq!((status, &body["message"]), (403, &json!(text)));
    let asked = json!({ "spec": { "namespace": "default" } });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let (_, review) = subject.send("reader-token", "POST", path, Some(("application/json", &asked))).await.unwrap();
    assert!(review["status"]["resourceRules"].as_array().unwrap().contains(&rules[0]), "{review}");
    assert!(subject.sandbox.requests().iter().any(|one| one.caller == "reader" && one.status == 403));
}

#[tokio::test]
async fn a_second_way_in_has_a_label_of_its_own() {
    let subject = Subject::new().await;
    let other = subject.sandbox.open_cluster("home", "second").await.unwrap();
    assert_eq!(other.token, subject.access.token);
    let url = format!("{}/api/v1/namespaces", other.address);
    let reply = subject.client.get(url).bearer_auth(&other.token).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(subject.sandbox.requests().iter().any(|one| one.caller == "second"));
}

#[tokio::test]
async fn it_remembers_all_but_the_values_of_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let subject = Subject::of(Sandbox::serve(&path, None, &seed()).await.unwrap());
    let made = subject.applied(&format!("{SECRETS}/a"), &secret("Y2FuYXJ5")).await;
    let fingerprint = subject.sandbox.fingerprint();
    let attached = Sandbox::attach_or_serve(&path, &seed()).await.unwrap();
    assert_eq!(attached.clusters["home"], subject.access);
    drop(subject);
    assert!(!std::fs::read_to_string(path.join("world.json")).unwrap().contains("Y2FuYXJ5"));
    let subject = Subject::of(Sandbox::serve(&path, None, &seed()).await.unwrap());
    assert_eq!(subject.sandbox.fingerprint(), fingerprint);
    let (_, kept) = subject.get(&format!("{SECRETS}/a")).await;
    assert_eq!(kept["metadata"], made["metadata"]);
    assert_ne!(kept["data"], made["data"], "its value went with the process");
    let again = subject.applied(&format!("{SECRETS}/a"), &secret("Y2FuYXJ5")).await;
    assert_eq!(again["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"], "and is known again");
    let other = subject.applied(&format!("{SECRETS}/a"), &secret("b3RoZXI=")).await;
    assert_ne!(other["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn the_fingerprint_sees_what_is_asked_for_and_no_version_or_time() {
    let one = Subject::new().await;
    let two = Subject::new().await;
    two.sandbox.advance(jiff::SignedDuration::from_mins(3));
    one.applied(&format!("{CONFIG_MAPS}/a"), &config_map("a", "1")).await;
    two.made(SECRETS, &secret("eA==")).await;
    two.ask("DELETE", &format!("{SECRETS}/a"), None).await;
    two.applied(&format!("{CONFIG_MAPS}/a"), &config_map("a", "1")).await;
    assert_eq!(one.sandbox.fingerprint(), two.sandbox.fingerprint());
    two.applied(&format!("{CONFIG_MAPS}/a"), &config_map("a", "2")).await;
    assert_ne!(one.sandbox.fingerprint(), two.sandbox.fingerprint());
}

/// The client that the program uses.
#[tokio::test]
async fn the_real_client_lists_applies_and_watches() {
    let subject = Subject::new().await;
    let mut config = Config::new(subject.access.address.parse().unwrap());
    config.auth_info.token = Some(subject.access.token.clone().into());
    let client = Client::try_from(config).unwrap();
    assert_eq!(client.apiserver_version().await.unwrap().git_version, "v1.36.3");
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    let params = PatchParams { field_manager: Some("m".to_owned()), ..PatchParams::default() };
    let made = maps.patch("a", &params, &Patch::Apply(config_map("a", "1"))).await.unwrap();
    assert_eq!(made.data.unwrap()["k"], "1");
    let list = maps.list(&ListParams::default().limit(10)).await.unwrap();
    assert_eq!(list.items.len(), 1);
    let version = list.metadata.resource_version.unwrap();
    let metadata = maps.list_metadata(&ListParams::default()).await.unwrap();
    let first: &PartialObjectMeta<ConfigMap> = &metadata.items[0];
    assert_eq!(first.metadata.name.as_deref(), Some("a"));
    let events = maps.watch(&WatchParams::default().timeout(5), &version).await.unwrap();
    let mut events = std::pin::pin!(events);
    maps.patch("a", &params, &Patch::Apply(config_map("a", "2"))).await.unwrap();
    let event = tokio::time::timeout(Duration::from_secs(5), events.try_next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Modified(map) if map.data.as_ref().unwrap()["k"] == "2"));
    let other = PatchParams { field_manager: Some("other".to_owned()), ..PatchParams::default() };
    let refused = maps.patch("a", &other, &Patch::Apply(config_map("a", "3"))).await.unwrap_err();
    let kube::Error::Api(status) = refused else { panic!("{refused}") };
    let causes = status.details.as_ref().unwrap().causes.clone();
    assert_eq!((status.code, causes[0].field.as_str()), (409, ".data.k"));
}
