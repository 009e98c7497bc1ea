//! The example that users copy is sound, means what it says, and is what the schema describes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::PathBuf;

use reconcile::spec::{self, CheckOptions, Loaded};
use reconcile::systems::hcp::desired::{Placement, Scope, VariableValue};

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
        ["the VCS connection github", "2 secrets (read by `plan`)", "terraform ~> 1.14.0", "entitlements"]
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
