//! The example that users copy is sound, means what it says, and is what the schema describes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::PathBuf;

use reconcile::secret::SecretRef;
use reconcile::spec::{self, CheckOptions, Loaded};
use reconcile::systems::hcp::desired::{Placement, Scope, VariableValue};
use reconcile::systems::kube::desired::{ChartSource, Cooldown, Deletion, Delivery, Token};
use reconcile::systems::kube::operator::Version;

fn path(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/examples").join(of)
}

fn example() -> Loaded {
    let text = fs::read_to_string(path("homelab/fleet.yaml")).unwrap();
    spec::load_text("fleet.yaml", &text, &CheckOptions::default())
}

#[test]
fn it_has_no_finding_and_says_what_was_not_checked() {
    let loaded = example();
    let messages: Vec<&str> = loaded.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(messages.is_empty(), "{messages:#?}");
    assert_eq!(
        loaded.unchecked,
        ["the VCS connection github", "3 secrets (read by `plan`)", "terraform ~> 1.14.0", "entitlements"]
    );
}

#[test]
fn it_means_the_fleet_of_the_homelab() {
    let desired = example().desired.unwrap().hcp;
    let placed: Vec<(&str, &Placement)> =
        desired.workspaces.iter().map(|(name, workspace)| (name.as_str(), &workspace.runs_on)).collect();
    let cluster = Placement::Pool("fzymgc-house-k8s".to_owned());
    assert_eq!(
        placed,
        [
            ("main-cluster-authentik", &cluster),
            ("main-cluster-bootstrap", &Placement::Local),
            ("main-cluster-cloudflare", &Placement::Cloud),
            ("main-cluster-core-services", &cluster),
            ("main-cluster-grafana", &cluster),
            ("main-cluster-vault", &cluster),
        ]
    );
    let vault = &desired.workspaces["main-cluster-vault"];
    assert_eq!(vault.settings.working_directory.as_deref(), Some("tf/vault"));
    assert_eq!(vault.settings.auto_apply, Some(true));
    assert!(vault.tags.contains_key("vault") && vault.tags.contains_key("main-cluster"));
    assert_eq!(vault.vcs.as_ref().unwrap().branch, "main");
    assert!(desired.workspaces["main-cluster-bootstrap"].vcs.is_none());
    let Scope::Some { workspaces, projects } = &desired.pools["fzymgc-house-k8s"].scope else { panic!() };
    assert!(projects.is_empty());
    assert_eq!(workspaces.len(), 4);
    let sensitive = desired.workspaces.values().flat_map(|workspace| workspace.variables.values());
    let sensitive = sensitive.filter(|variable| matches!(variable.value, VariableValue::Sensitive(_)));
    assert_eq!(sensitive.count(), 1);
    assert_eq!(desired.variable_sets.len(), 1);
    assert!(desired.projects["main-cluster"].notifications.contains_key("discord"));
}

#[test]
fn its_cluster_runs_an_agent_when_there_is_work() {
    let desired = example().desired.unwrap();
    let cluster = &desired.kube.targets["cluster"];
    assert_eq!(desired.kube.targets.len(), 1);
    assert_eq!(cluster.namespace, "hcp-terraform");
    assert_eq!(cluster.delivery, Delivery::Apply);
    assert_eq!(cluster.token, Some(Token::Value(SecretRef::Env("TFE_OPERATOR_TOKEN".to_owned()))));
    let options = &cluster.operator.options;
    assert_eq!((options.version, options.replica_count), (Version::V2_12_0, 1));
    assert_eq!((options.rbac.create, options.rbac.narrow_secrets), (true, true));
    assert_eq!(options.operator.watched_namespaces, ["hcp-terraform"]);
    let chart = "https://helm.releases.hashicorp.com/hcp-terraform-operator-2.12.0.tgz";
    assert_eq!(cluster.operator.chart.source, ChartSource::Url(chart.to_owned()));
    let pool = &cluster.pools["cluster"];
    assert_eq!(cluster.pools.len(), 1);
    assert_eq!((pool.resource.as_str(), pool.name.as_str()), ("cluster", "fzymgc-house-k8s"));
    assert_eq!((pool.min, pool.max, pool.cooldown), (0, 1, Cooldown { up: 15, down: 600 }));
    assert_eq!(
        (pool.longest_apply, pool.deletion, pool.tokens.as_slice()),
        (3600, Deletion::Retain, &["agents".to_owned()][..])
    );
    assert_eq!(pool.agent.image.to_string(), "hashicorp/tfc-agent:1.29.0");
    assert_eq!(pool.agent.node_selector["kubernetes.io/arch"], "arm64");
    assert_eq!(pool.agent.environment["TFC_AGENT_AUTO_UPDATE"], "disabled");
    assert_eq!(pool.agent.resources.limits.as_ref().unwrap()["memory"].0, "2Gi");
    assert_eq!(pool.agent.service_account.name, "agents-of-cluster");
    assert_eq!(pool.rules["monitoring"][0].resources.as_deref(), Some(&["configmaps".to_owned()][..]));
}

#[test]
fn every_field_is_explained() {
    let desired = example().desired.unwrap();
    for address in reconcile::spec::facts::facts(&desired).keys() {
        let explained = spec::explain::explain(&desired, &[], &address.as_str().parse().unwrap()).unwrap();
        for thing in &explained.things {
            assert!(thing.origin.is_some(), "{}", thing.address);
            for field in thing.fields.iter().filter(|field| field.value.is_some()) {
                let empty = field.value == Some(serde_json::json!([]));
                assert!(empty || field.origin.is_some(), "{} {}", thing.address, field.name);
            }
        }
    }
    let address = "hcp/workspace/main-cluster-cloudflare".parse().unwrap();
    insta::assert_snapshot!(spec::explain::explain(&desired, &[], &address).unwrap());
    let cluster = spec::explain::explain(&desired, &[], &"kube/cluster".parse().unwrap()).unwrap();
    insta::assert_snapshot!("the_cluster_is_explained", cluster);
}

#[test]
fn an_address_that_is_nothing_is_told_apart_from_a_typo() {
    let desired = example().desired.unwrap();
    let error = spec::explain::explain(&desired, &[], &"hcp/workspace/main-cluster-valt".parse().unwrap()).unwrap_err();
    assert_eq!(error.remedy(), Some("did you mean hcp/workspace/main-cluster-vault?"));
}

#[test]
fn the_schema_describes_it_and_says_what_every_field_is() {
    let schema = spec::schema();
    let text = fs::read_to_string(path("homelab/fleet.yaml")).unwrap();
    let json = as_json(&text);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut wrong = json;
    wrong["hcp"]["teir"] = "free".into();
    assert!(!validator.is_valid(&wrong));
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        for (field, schema) in definition["properties"].as_object().into_iter().flatten() {
            let description = schema["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty(), "{name}.{field}");
        }
    }
}

/// `RECONCILE_UPDATE=1 cargo test --test example` writes it anew.
#[test]
fn the_schema_beside_the_examples_is_this_one() {
    let file = path("fleet.schema.json");
    let schema = format!("{:#}\n", spec::schema());
    if std::env::var_os("RECONCILE_UPDATE").is_some() {
        fs::write(&file, &schema).unwrap();
    }
    assert!(fs::read_to_string(file).unwrap() == schema, "the schema has changed; see the line above this test");
}

/// The example in the other two formats means the same: nothing depends on the format but the places.
#[test]
fn the_three_formats_mean_the_same() {
    let text = fs::read_to_string(path("homelab/fleet.yaml")).unwrap();
    let json = as_json(&text);
    let of = |name: &str, text: String| {
        let loaded = spec::load_text(name, &text, &CheckOptions::default());
        let messages: Vec<&str> = loaded.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert!(messages.is_empty(), "{name}: {messages:#?}");
        loaded.desired.unwrap().hcp
    };
    let yaml = example().desired.unwrap().hcp;
    assert_eq!(of("fleet.json", json.to_string()), yaml);
    assert_eq!(of("fleet.toml", as_toml(&json)), yaml);
}

/// Good for the example: plain values, no aliases.
fn as_json(yaml: &str) -> serde_json::Value {
    let value: figment::value::Value =
        figment::Figment::from(<figment::providers::Yaml as figment::providers::Format>::string(yaml))
            .extract()
            .unwrap();
    serde_json::to_value(value).unwrap()
}

fn as_toml(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::Object(map) => {
            let lines: Vec<String> =
                map.iter().map(|(key, value)| format!("{} = {}\n", quoted(key), inline(value))).collect();
            lines.concat()
        }
        _ => panic!(),
    }
}

fn inline(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::Object(map) => {
            let members: Vec<String> =
                map.iter().map(|(key, value)| format!("{} = {}", quoted(key), inline(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn quoted(key: &str) -> String {
    serde_json::Value::from(key).to_string()
}
