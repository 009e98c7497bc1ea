//! What is said of clusters without one: a manifest that exists, and the lock file of the operator's chart.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::stage::Stage;
use crate::assert_output;

/// As it stood in the first plan of such a fleet.
const MANIFEST: &str = "\
apiVersion: app.terraform.io/v1alpha2
kind: AgentPool
metadata:
  name: k8s-cluster-agents
spec:
  name: example-house-k8s
  organization: example-house
  token:
    secretKeyRef:
      name: hcp-terraform-token
      key: token
  agentDeployment:
    replicas: 1
    spec:
      containers:
        - name: tfc-agent
          image: hashicorp/tfc-agent:latest
  autoscaling:
    minReplicas: 0
    maxReplicas: 3
    cooldownPeriod: 10m
";

const SPEC: &str = "\
fleet: lab
hcp: { organization: example-house }
targets:
  cluster:
    kubernetes:
      operator: { version: 2.12.0, chart: charts/operator.tgz }
      token: { secret: { name: hcp-terraform-token } }
pools:
  cluster:
    target: cluster
    scope: organization
    agents: { min: 0, max: 1, image: 'hashicorp/tfc-agent:1.29.0' }
";

#[test]
fn a_manifest_is_checked_and_said_as_a_spec() {
    let stage = Stage::empty();
    stage.write("agentpool.yaml", MANIFEST);
    assert_output!(stage.show("check --manifest agentpool.yaml"));
    let ran = stage.run("check --manifest agentpool.yaml --format json");
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &document["errors"], &document["warnings"]), (1, &4.into(), &2.into()));
    // What it says is a spec, once the fleet has a name and a tier that holds so many agents.
    let spec = document["spec"].as_str().unwrap().replace("hcp:\n", "hcp:\n  tier: standard\n");
    stage.write("fleet.yaml", &format!("fleet: lab\n{spec}"));
    let ran = stage.run("check");
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[test]
fn a_manifest_that_cannot_be_read_is_said() {
    let stage = Stage::empty();
    let ran = stage.run("check --manifest nowhere.yaml");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("reading the manifest nowhere.yaml: No such file"), "{}", ran.err);
    assert_eq!(stage.run("check --manifest nowhere.yaml fleet.yaml").code, 64);
}

/// An archive of the operator's chart of our own making.
fn archive(version: &str, note: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
               name: agentpools.app.terraform.io\nspec:\n  group: app.terraform.io\n  names: { plural: agentpools }\n";
    let chart = format!("name: hcp-terraform-operator\nversion: {version}\ndescription: {note}\n");
    for (name, text) in [("Chart.yaml", chart.as_str()), ("crds/agentpools.yaml", crd)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("hcp-terraform-operator/{name}"), text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn the_chart_of_the_operator_is_pinned_in_a_lock_file() {
    let stage = Stage::empty();
    let digest = |bytes: &[u8]| reconcile::systems::kube::chart::digest(bytes);
    let put = |bytes: &[u8]| {
        std::fs::create_dir_all(stage.path("fleet/charts")).unwrap();
        std::fs::write(stage.path("fleet/charts/operator.tgz"), bytes).unwrap();
    };
    stage.write("fleet/fleet.yaml", SPEC);
    let ran = stage.run("pin fleet/fleet.yaml");
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("getting the operator's chart from fleet/charts/operator.tgz: No such file"),
        "{}",
        ran.err
    );
    assert!(!stage.path("fleet/reconcile.lock").exists());
    let first = archive("2.12.0", "first");
    put(&first);
    let ran = stage.run("pin fleet/fleet.yaml");
    let line = format!("chart 2.12.0 for cluster, charts/operator.tgz, sha256 {}", digest(&first));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with(&format!("# reconcile.lock: {line}; new\n")), "{}", ran.out);
    let lock: Value = serde_json::from_str(&stage.read("fleet/reconcile.lock")).unwrap();
    assert_eq!(lock["charts"]["2.12.0"]["sha256"], digest(&first));
    assert_eq!(lock["charts"]["2.12.0"]["url"], "charts/operator.tgz");
    let ran = stage.run("pin fleet/fleet.yaml");
    assert!(ran.out.contains("; as before\n"), "{}", ran.out);
    // Another archive of the same version is told from the first.
    put(&archive("2.12.0", "second"));
    let ran = stage.run("pin fleet/fleet.yaml --format json");
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["charts"][0]["before"], digest(&first));
    // One of another version is not taken, and the lock stays.
    put(&archive("2.9.2", "third"));
    let before = stage.read("fleet/reconcile.lock");
    let ran = stage.run("pin fleet/fleet.yaml");
    assert_eq!((ran.code, stage.read("fleet/reconcile.lock")), (1, before));
    assert!(ran.err.contains("it is the chart hcp-terraform-operator-2.9.2, and"), "{}", ran.err);
}
