//! The operator's objects against what Helm renders of its chart, for every version and set of values that was rendered.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reconcile::sandbox::{Sandbox, Seed};
use reconcile::spec::node::Sources;
use reconcile::systems::docker::desired::Purpose;
use reconcile::systems::kube::agent_pool::{self, Agent, DeletionPolicy, Scale, SecretKey};
use reconcile::systems::kube::chart::{self, Chart, Lock};
use reconcile::systems::kube::object::without_nulls;
use reconcile::systems::kube::operator::{self, Options, Release, Version};
use reconcile::systems::kube::{typed, yaml};
use serde_json::{Value, json};

/// What is meant to differ from Helm's: the kind, the path inside it, and why. An entry that nothing needs is an error.
const DELIBERATE: [(&str, &str, &str); 4] = [
    ("ServiceAccount", "/metadata/labels/app.kubernetes.io~1managed-by", "ours says `reconcile`, never `Helm`"),
    ("Deployment", "/metadata/labels/app.kubernetes.io~1managed-by", "ours says `reconcile`, never `Helm`"),
    ("ServiceAccount", "/metadata/labels/helm.sh~1chart", "no chart was rendered; the version has a label of its own"),
    ("Deployment", "/metadata/labels/helm.sh~1chart", "no chart was rendered; the version has a label of its own"),
];

/// The sets of values, and the name of the release that each was rendered with.
const SETS: [(&str, &str); 3] =
    [("default", "hcp-terraform-operator"), ("no-rbac", "hcp-terraform-operator"), ("many-values", "tfc-operator")];

/// The folder of rendered charts, from `RECONCILE_REFERENCE` or beside the crate.
fn charts() -> Option<PathBuf> {
    let asked = std::env::var_os("RECONCILE_REFERENCE").map(PathBuf::from);
    let root = asked.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let charts = root.join("data/operator-chart");
    if charts.is_dir() {
        return Some(charts);
    }
    assert!(asked.is_none(), "RECONCILE_REFERENCE is {}, which has no data/operator-chart", root.display());
    println!("skipped: no rendered charts at {}; set RECONCILE_REFERENCE", root.display());
    None
}

fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    yaml::values(text, yaml::BUDGET).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The options that a file of values means: the version's defaults with the file laid over them, as Helm does it.
fn options(version: Version, values: Option<Value>) -> Options {
    let mut all = serde_json::to_value(Options::new(version)).unwrap();
    if let Some(values) = values {
        overlay(&mut all, values);
    }
    serde_json::from_value(all).unwrap()
}

fn overlay(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                overlay(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// Every path at which two values differ, with both sides.
fn differences(helm: &Value, ours: &Value, path: &str, found: &mut Vec<(String, String)>) {
    let mut below = |key: &str, helm: Option<&Value>, ours: Option<&Value>| {
        let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        let shown = |side: Option<&Value>| side.map_or("nothing".to_owned(), ToString::to_string);
        match (helm, ours) {
            (Some(helm), Some(ours)) => differences(helm, ours, &path, found),
            _ => found.push((path, format!("Helm has {}, we have {}", shown(helm), shown(ours)))),
        }
    };
    match (helm, ours) {
        (Value::Object(helm), Value::Object(ours)) => {
            let keys: BTreeSet<&String> = helm.keys().chain(ours.keys()).collect();
            for key in keys {
                below(key, helm.get(key), ours.get(key));
            }
        }
        (Value::Array(helm), Value::Array(ours)) => {
            let length = helm.len().max(ours.len());
            for index in 0..length {
                below(&index.to_string(), helm.get(index), ours.get(index));
            }
        }
        (helm, ours) if helm != ours => found.push((path.to_owned(), format!("Helm has {helm}, we have {ours}"))),
        _ => {}
    }
}

fn key(value: &Value) -> [String; 3] {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    [text(&value["kind"]), text(&value["metadata"]["namespace"]), text(&value["metadata"]["name"])]
}

/// Compares one rendering; returns the deliberate differences that it needed, and everything that is wrong.
fn compare(helm: Vec<Value>, release: &Release, options: &Options) -> (BTreeSet<usize>, Vec<String>) {
    let mut helm: BTreeMap<_, _> = helm.into_iter().map(|value| (key(&value), without_nulls(value))).collect();
    let (mut needed, mut wrong) = (BTreeSet::new(), Vec::new());
    for object in operator::objects(release, options) {
        let Some(theirs) = helm.remove(&key(&object.value)) else {
            wrong.push(format!("{object}: Helm has no such object"));
            continue;
        };
        let mut found = Vec::new();
        differences(&theirs, &object.value, "", &mut found);
        for (path, text) in found {
            match DELIBERATE.iter().position(|(kind, at, _)| (*kind, *at) == (object.kind.as_str(), path.as_str())) {
                Some(entry) => drop(needed.insert(entry)),
                None => wrong.push(format!("{object}{path}: {text}")),
            }
        }
    }
    wrong.extend(
        helm.keys().map(|[kind, namespace, name]| format!("{kind} {namespace}/{name}: we have no such object")),
    );
    (needed, wrong)
}

#[test]
fn objects_are_those_that_helm_renders() {
    let Some(charts) = charts() else { return };
    let (mut needed, mut wrong, mut compared) = (BTreeSet::new(), Vec::new(), 0);
    for version in Version::KNOWN {
        for (set, name) in SETS {
            let values = charts.join(format!("{set}.values.yaml"));
            let values = (set != "default").then(|| read(&values).remove(0));
            let helm = read(&charts.join(version.as_str()).join(format!("{set}.yaml")));
            let release = Release { name: name.to_owned(), namespace: "hcp-terraform".to_owned() };
            compared += helm.len();
            let (entries, problems) = compare(helm, &release, &options(version, values));
            needed.extend(entries);
            wrong.extend(problems.into_iter().map(|problem| format!("{version} {set}: {problem}")));
        }
    }
    for (index, (kind, path, _)) in DELIBERATE.iter().enumerate() {
        if !needed.contains(&index) {
            wrong.push(format!("{kind}{path}: listed as deliberate, and does not differ"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // Ten by default, eleven with certificates, two without roles and without an account.
    assert_eq!(compared, 2 * (10 + 11 + 2));
}

#[test]
fn defaults_are_those_of_the_chart() {
    let Some(charts) = charts() else { return };
    for version in Version::KNOWN {
        let mut chart = read(&charts.join(version.as_str()).join("values.yaml")).remove(0);
        // An empty text, map or list is the chart's word for what we leave out.
        drop_empty(&mut chart);
        let mut ours = without_nulls(serde_json::to_value(Options::new(version)).unwrap());
        drop_empty(&mut ours);
        let mut found = Vec::new();
        differences(&chart, &ours, "", &mut found);
        let found: Vec<_> = found.into_iter().map(|(path, _)| path).collect();
        // What the chart has no word for.
        assert_eq!(found, ["/rbac/narrowSecrets", "/version"]);
    }
}

fn drop_empty(value: &mut Value) {
    if let Value::Object(members) = value {
        members.values_mut().for_each(drop_empty);
        members.retain(|_, member| *member != json!("") && *member != json!({}) && *member != json!([]));
    }
}

#[test]
fn a_difference_is_found_and_named() {
    let release = Release { name: "hcp-terraform-operator".to_owned(), namespace: "hcp-terraform".to_owned() };
    let options = Options::new(Version::V2_12_0);
    let mut helm: Vec<Value> = operator::objects(&release, &options).into_iter().map(|object| object.value).collect();
    assert_eq!(compare(helm.clone(), &release, &options), (BTreeSet::new(), Vec::new()));
    let deployment = helm.iter_mut().find(|value| value["kind"] == "Deployment").unwrap();
    deployment["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("Helm");
    deployment["spec"]["template"]["spec"]["containers"][0]["args"][0] = json!("--sync-period=5m");
    deployment["spec"]["template"]["spec"].as_object_mut().unwrap().insert("hostNetwork".to_owned(), json!(true));
    let service = helm.iter().position(|value| value["kind"] == "Service").unwrap();
    helm.remove(service);
    let (needed, wrong) = compare(helm, &release, &options);
    assert_eq!(needed, BTreeSet::from([1]));
    assert_eq!(
        wrong,
        [
            "Service/hcp-terraform/hcp-terraform-operator-controller-manager-metrics-service: Helm has no such object",
            "Deployment/hcp-terraform/hcp-terraform-operator/spec/template/spec/containers/0/args/0: \
             Helm has \"--sync-period=5m\", we have \"--sync-period=1h\"",
            "Deployment/hcp-terraform/hcp-terraform-operator/spec/template/spec/hostNetwork: \
             Helm has true, we have nothing",
        ]
    );
}

/// The CRDs of a version, packed as a chart's archive.
fn archive(charts: &Path, version: Version) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    let mut append = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("hcp-terraform-operator/{path}"), bytes).unwrap();
    };
    append("Chart.yaml", format!("name: hcp-terraform-operator\nversion: {version}\n").as_bytes());
    for entry in fs::read_dir(charts.join(version.as_str()).join("crds")).unwrap() {
        let path = entry.unwrap().path();
        append(&format!("crds/{}", path.file_name().unwrap().to_str().unwrap()), &fs::read(&path).unwrap());
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn crds(charts: &Path, version: Version) -> Chart {
    let archive = archive(charts, version);
    let mut lock = Lock::default();
    lock.pin(version, "chart.tgz", &archive).unwrap();
    let started = Instant::now();
    let chart = chart::read(&archive, version, lock.chart(version).unwrap()).unwrap();
    println!("the {} CRDs of {version} were read in {:?}", chart.crds.len(), started.elapsed());
    // Ten times what an unoptimised build takes on a busy machine; a loop that grows with the square takes longer.
    assert!(started.elapsed() < Duration::from_secs(20));
    chart
}

#[test]
fn the_crds_of_a_chart_are_read() {
    let Some(charts) = charts() else { return };
    for (version, kinds) in [
        (Version::V2_9_2, &["agentpools", "modules", "projects", "workspaces"][..]),
        (Version::V2_12_0, &["agentpools", "agenttokens", "modules", "projects", "runscollectors", "workspaces"]),
    ] {
        let names: Vec<String> = crds(&charts, version).crds.into_iter().map(|crd| crd.name).collect();
        assert_eq!(names, kinds.iter().map(|kind| format!("{kind}.app.terraform.io")).collect::<Vec<_>>());
    }
}

/// The schema of agent pools, closed as a cluster closes it: a field that it does not know is an error.
fn agent_pools(charts: &Path, version: Version) -> jsonschema::Validator {
    let crd = crds(charts, version).crds.remove(0);
    assert_eq!(crd.name, "agentpools.app.terraform.io");
    let mut schema = crd.value["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    close(&mut schema);
    jsonschema::validator_for(&schema).unwrap()
}

fn close(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    let open =
        members.contains_key("additionalProperties") || members.contains_key("x-kubernetes-preserve-unknown-fields");
    if members.contains_key("properties") && !open {
        members.insert("additionalProperties".to_owned(), json!(false));
    }
    for key in ["items", "additionalProperties"] {
        members.get_mut(key).into_iter().for_each(close);
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.values_mut().for_each(close);
    }
}

fn pool() -> agent_pool::Options {
    let mut agent = Agent::new("hashicorp/tfc-agent:1.29.0".parse().unwrap());
    let text = |text: &str| text.to_owned();
    let pairs = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    agent.image_pull_policy = Some(text("Always"));
    agent.image_pull_secrets = vec![text("registry")];
    agent.service_account_name = Some(text("agents"));
    agent.automount_service_account_token = Some(true);
    agent.node_selector = pairs("kubernetes.io/arch", "arm64");
    agent.affinity = Some(serde_json::from_value(json!({"podAntiAffinity": {}})).unwrap());
    agent.tolerations = vec![serde_json::from_value(json!({"key": "a", "operator": "Exists"})).unwrap()];
    agent.priority_class_name = Some(text("high"));
    agent.security_context = Some(serde_json::from_value(json!({"runAsUser": 1000})).unwrap());
    agent.container_security_context = Some(serde_json::from_value(json!({"privileged": false})).unwrap());
    agent.env = pairs("TF_LOG", "warn");
    agent.files = [
        (Purpose::Ca, json!({"name": "", "configMap": {"name": "ca"}})),
        (Purpose::Providers, json!({"name": "", "nfs": {"server": "nas", "path": "/p"}})),
    ]
    .map(|(purpose, volume)| (purpose, serde_json::from_value(volume).unwrap()))
    .into();
    agent.volumes = vec![serde_json::from_value(json!({"name": "scratch", "emptyDir": {"sizeLimit": "4Gi"}})).unwrap()];
    agent.volume_mounts = vec![serde_json::from_value(json!({"name": "scratch", "mountPath": "/scratch"})).unwrap()];
    agent.annotations = pairs("karpenter.sh/do-not-disrupt", "true");
    agent.labels = pairs("team", "infra");
    agent_pool::Options {
        name: text("cluster"),
        namespace: text("hcp-terraform"),
        pool: text("example-house-k8s"),
        organization: text("example-house"),
        token: SecretKey { name: text("api"), key: text("token") },
        agent_tokens: vec![text("agents")],
        scale: Scale::Auto { min: 0, max: 3, cooldown_up: 15, cooldown_down: 600 },
        agent,
        deletion_policy: DeletionPolicy::Retain,
    }
}

#[test]
fn an_agent_pool_is_accepted_by_its_crd() {
    let Some(charts) = charts() else { return };
    for version in Version::KNOWN {
        let schema = agent_pools(&charts, version);
        let problems = |value: &Value| -> Vec<String> {
            schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
        };
        let fixed = agent_pool::Options { scale: Scale::Fixed(2), ..pool() };
        for options in [pool(), fixed] {
            assert_eq!(problems(&options.object().value), Vec::<String>::new(), "{version}");
        }
        // The schema that is used here is one that refuses.
        for (path, value) in [
            ("/spec/autoscaling/cooldownPeriod", json!("10m")),
            ("/spec/cooldownPeriod", json!("10m")),
            ("/spec/agentDeployment/spec/containers/0/imagePull", json!("Always")),
            ("/spec/name", json!("")),
            ("/spec/deletionPolicy", json!("keep")),
        ] {
            let mut wrong = pool().object().value;
            let (parent, key) = path.rsplit_once('/').unwrap();
            wrong.pointer_mut(parent).unwrap()[key] = value;
            assert!(!problems(&wrong).is_empty(), "{version}: {path}");
        }
    }
}

/// A value with every field of a schema.
fn everything(schema: &Value) -> Value {
    if let Some(Value::Array(words)) = schema.get("enum") {
        return words[0].clone();
    }
    let pairs = schema.get("additionalProperties").filter(|below| below.is_object());
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let mut members: serde_json::Map<_, _> = match schema.get("properties") {
                Some(Value::Object(properties)) => {
                    properties.iter().map(|(key, below)| (key.clone(), everything(below))).collect()
                }
                _ => serde_json::Map::new(),
            };
            members.extend(pairs.map(|below| ("key".to_owned(), everything(below))));
            Value::Object(members)
        }
        Some("array") => json!([everything(&schema["items"])]),
        Some("boolean") => json!(true),
        Some("string") => json!("text"),
        // Also where it may be a number or text.
        _ => json!(1),
    }
}

#[test]
fn no_field_of_the_crd_is_taken_for_one_that_means_nothing() {
    let Some(charts) = charts() else { return };
    let crd = crds(&charts, Version::V2_12_0).crds.remove(0);
    let schema = &crd.value["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let text = everything(schema).to_string();
    for field in typed::NEWER {
        assert!(text.contains(&format!("\"{field}\":")), "{field} is listed as newer, and the CRD does not know it");
    }
    let mut sources = Sources::default();
    let file = sources.add("agentpool.json", text);
    let mut findings = Vec::new();
    let node = yaml::documents(&sources, file, yaml::BUDGET, &mut findings).remove(0);
    let read: Option<agent_pool::AgentPool> = typed::read(&node, &mut findings);
    assert!(read.is_some());
    let told: Vec<_> = findings.iter().map(|finding| &finding.message).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test]
async fn the_sandbox_serves_an_archive_of_each_version() {
    // A second installation, as by another test of this process, changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sandbox = Sandbox::in_memory(&Seed::default()).await.unwrap();
    let get = async |file: &str| {
        let answer = reqwest::Client::new().get(format!("{}/charts/{file}", sandbox.address())).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    for (version, kinds) in [(Version::V2_9_2, 4), (Version::V2_12_0, 6)] {
        let (status, archive) = get(&format!("{}-{version}.tgz", operator::CHART)).await;
        assert_eq!(status, 200);
        assert_eq!(chart::read_unlocked(&archive, version).unwrap().crds.len(), kinds);
    }
    assert_eq!(get("hcp-terraform-operator-1.0.0.tgz").await.0, 404);
    assert_eq!(get("world.json").await.0, 404);
}
