//! An operator, an organization and a namespace for one scene.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use jiff::SignedDuration;
use reconcile::sandbox::operator::{KubeAccess, Operator, Outcome, Passed};
use reconcile::sandbox::world::{Mode, OwnPool, Placement, Workspace, World};
use reconcile::sandbox::{Sandbox, Seed, Tier};
use serde_json::{Value, json};

use super::live::subject::{Door, Subject};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// The cluster on which all scenes play.
pub struct Ground {
    pub subject: Subject,
    pub door: Door,
}

/// The operator's definitions of a version, each as it is written; none where they are not at hand.
pub fn definitions(version: &str) -> Option<Vec<String>> {
    let asked = std::env::var_os("RECONCILE_REFERENCE").map(PathBuf::from);
    let is_asked = asked.is_some();
    let root = asked.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let folder = root.join("data/operator-chart").join(version).join("crds");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        assert!(!is_asked, "RECONCILE_REFERENCE has no {}", folder.display());
        println!("SKIPPED: no definitions at {}; set RECONCILE_REFERENCE", folder.display());
        return None;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    Some(paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect())
}

impl Ground {
    pub fn new(door: &Door) -> Self {
        Self { subject: Subject::new(door, door, None), door: door.clone() }
    }

    /// Defines kinds, and waits until they are served.
    pub async fn define(&self, definitions: &[String]) {
        for text in definitions {
            let path = DEFINITIONS.to_owned() + "/" + name_of(text) + "?fieldManager=test&force=true";
            let reply = self.subject.ask("PATCH", &path).text("application/apply-patch+yaml", text).answer().await;
            assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
            let plural = name_of(text).split('.').next().unwrap();
            let objects = format!("/apis/app.terraform.io/v1alpha2/{plural}");
            self.subject.until(plural, async || self.subject.get(&objects).await.status == 200).await;
        }
    }
}

/// `metadata.name` of a definition: the first line of that depth and name.
fn name_of(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("  name: ")).expect("a name")
}

/// One scene.
pub struct Stage<'a> {
    subject: &'a Subject,
    pub sandbox: Sandbox,
    pub operator: Operator,
    pub namespace: String,
}

impl<'a> Stage<'a> {
    /// With an operator of a version that watches a namespace of its own, and the right token for it. The operators of
    /// earlier scenes end.
    pub async fn new(ground: &'a Ground, version: &str) -> Self {
        let others = ground.subject.get("/apis/apps/v1/deployments?labelSelector=control-plane").await.ok();
        for namespace in others["items"].as_array().unwrap().iter().map(|one| &one["metadata"]["namespace"]) {
            let path = format!("/apis/apps/v1/namespaces/{}/deployments/operator", namespace.as_str().unwrap());
            ground.subject.delete(&path).await.ok();
        }
        let sandbox = Sandbox::in_memory(&Seed { tier: Tier::Standard, ..Seed::default() }).await.unwrap();
        Self::with(ground, version, sandbox).await
    }

    /// The same with an organization that is there.
    pub async fn with(ground: &'a Ground, version: &str, sandbox: Sandbox) -> Self {
        let door = &ground.door;
        let access =
            KubeAccess { address: door.address.clone(), token: door.token.clone(), ca: door.authority.clone() };
        let operator = Operator::new(access, sandbox.address(), "2.12.0").unwrap();
        let stage = Self { subject: &ground.subject, sandbox, operator, namespace: ground.subject.namespace().await };
        let token = stage.sandbox.token().to_owned();
        stage.secret("api", &json!({ "token": BASE64.encode(token.as_bytes()) })).await;
        stage.install(version).await;
        stage
    }

    /// The operator, as its chart renders it, as far as it matters; another version replaces it.
    pub async fn install(&self, version: &str) {
        let deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "operator", "labels": { "control-plane": "operator-controller-manager" } },
            "spec": {
                "replicas": 2,
                "selector": { "matchLabels": { "app": "operator" } },
                "template": {
                    "metadata": { "labels": { "app": "operator" } },
                    "spec": { "containers": [{
                        "name": "manager",
                        "image": format!("hashicorp/hcp-terraform-operator:{version}"),
                        "args": ["--agent-pool-workers=1", format!("--namespace={}", self.namespace)],
                    }] },
                },
            },
        });
        let path = self.path("apps/v1", "deployments", "operator");
        let reply = self.subject.apply(&path, "test", "&force=true", &deployment).await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
    }

    pub fn path(&self, group: &str, plural: &str, name: &str) -> String {
        let root = if group.contains('/') { "apis" } else { "api" };
        format!("/{root}/{group}/namespaces/{}/{plural}/{name}", self.namespace)
    }

    pub fn pool_path(&self) -> String {
        self.path("app.terraform.io/v1alpha2", "agentpools", "main")
    }

    pub fn deployment_path(&self) -> String {
        self.path("apps/v1", "deployments", "agents-of-main")
    }

    pub fn secret_path(&self) -> String {
        self.path("v1", "secrets", "main-agent-pool")
    }

    pub async fn get(&self, path: &str) -> Value {
        self.subject.get(path).await.ok()
    }

    pub async fn is_there(&self, path: &str) -> bool {
        self.subject.get(path).await.status == 200
    }

    pub async fn merge(&self, path: &str, changes: &Value) -> Value {
        self.subject.merge(path, changes).await.ok()
    }

    pub async fn delete(&self, path: &str) {
        self.subject.delete(path).await.ok();
    }

    /// Waits until something is gone. The cluster's collector may take a minute: it looks for new kinds every 30 seconds.
    pub async fn until_gone(&self, path: &str) {
        let began = Instant::now();
        while self.is_there(path).await {
            assert!(began.elapsed() < Duration::from_mins(2), "{path} stays");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn secret(&self, name: &str, data: &Value) {
        let body = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "data": data });
        self.subject.post(&self.path("v1", "secrets", ""), &body).await.created();
    }

    /// A resource for the pool `k8s` with a token `one`, and what is said besides.
    pub async fn resource(&self, metadata: &Value, more: &Value) -> Value {
        let mut metadata = metadata.clone();
        metadata["name"] = json!("main");
        let mut spec = json!({
            "name": "k8s",
            "organization": "example",
            "token": { "secretKeyRef": { "name": "api", "key": "token" } },
            "agentTokens": [{ "name": "one" }],
        });
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let kind = json!({ "apiVersion": "app.terraform.io/v1alpha2", "kind": "AgentPool", "metadata": metadata, "spec": spec });
        self.subject.post(&self.path("app.terraform.io/v1alpha2", "agentpools", ""), &kind).await.created()
    }

    /// One pass; what became of the one resource.
    pub async fn pass(&self) -> Outcome {
        let Passed { worked, idle, mut pools } = self.operator.pass(self.sandbox.now()).await;
        assert_eq!((worked.len(), idle), (1, vec![]));
        assert_eq!(pools.len(), 1, "{pools:?}");
        pools.remove(0).1
    }

    /// A pass in which everything goes well.
    pub async fn good_pass(&self) {
        assert_eq!(self.pass().await, Outcome::Done);
    }

    pub fn advance(&self, seconds: i64) {
        self.sandbox.advance(SignedDuration::from_secs(seconds));
    }

    /// What was told of the resource for a reason, with its type.
    pub async fn told(&self, reason: &str) -> Vec<String> {
        let list = self.get(&self.path("v1", "events", "")).await;
        let events = list["items"].as_array().unwrap().iter();
        let of_it = events.filter(|event| event["involvedObject"]["kind"] == "AgentPool" && event["reason"] == reason);
        of_it
            .map(|event| format!("{}: {}", event["type"].as_str().unwrap(), event["message"].as_str().unwrap()))
            .collect()
    }

    /// The pool's id, as the status says it.
    pub async fn id(&self) -> String {
        let pool = self.get(&self.pool_path()).await;
        pool["status"]["agentPoolID"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether the status is that of the present spec.
    pub async fn is_observed(&self) -> bool {
        let pool = self.get(&self.pool_path()).await;
        pool["status"]["observedGeneration"] == pool["metadata"]["generation"]
    }

    /// The tokens of the pool in HCP, as description and id.
    pub async fn tokens(&self) -> Vec<(String, String)> {
        let pool = self.id().await;
        self.sandbox.with_world(|world| {
            let tokens = world.agent_tokens.iter().filter(|(_, token)| token.pool == pool);
            let mut found: Vec<_> = tokens.map(|(id, token)| (token.description.clone(), id.clone())).collect();
            found.sort();
            found
        })
    }

    /// The value of a key of the tokens' Secret.
    pub async fn value(&self, key: &str) -> Option<String> {
        let secret = self.get(&self.secret_path()).await;
        let bytes = BASE64.decode(secret["data"][key].as_str()?.as_bytes()).unwrap();
        Some(String::from_utf8(bytes).unwrap())
    }

    pub async fn replicas(&self) -> u64 {
        self.get(&self.deployment_path()).await["spec"]["replicas"].as_u64().unwrap()
    }

    /// A workspace on the pool of an id.
    pub fn workspace(&self, name: &str, pool: &str) -> String {
        self.sandbox.with_world(|world: &mut World| {
            let id = world.mint("ws");
            let mut workspace = Workspace::new(name, &world.organization.default_project.clone(), world.now);
            workspace.placement = Placement { mode: Some(Mode::Agent), pool: OwnPool::Own(Some(pool.to_owned())) };
            world.workspaces.insert(id.clone(), workspace);
            id
        })
    }

    /// What was asked of HCP since the last time, to change something.
    pub fn writes(&self) -> Vec<String> {
        let records = self.sandbox.take_requests().into_iter().filter(|record| record.method != "GET");
        records.map(|record| format!("{} {}", record.method, record.path)).collect()
    }
}
