//! The resource and the Deployment of it. That the CRD accepts the resource is in `tests/chart.rs`.

use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, PersistentVolumeClaimVolumeSource};
use serde_json::json;

use super::resource::Status;
use super::*;

fn options() -> Options {
    Options {
        name: "cluster".to_owned(),
        namespace: "hcp-terraform".to_owned(),
        pool: "example-house-k8s".to_owned(),
        organization: "example-house".to_owned(),
        token: SecretKey { name: "hcp-terraform-api".to_owned(), key: "token".to_owned() },
        agent_tokens: vec!["agents".to_owned()],
        scale: Scale::Auto { min: 0, max: 3, cooldown_up: 15, cooldown_down: 600 },
        agent: Agent { grace_period: 3600, ..Agent::new("hashicorp/tfc-agent:1.29.0".parse().unwrap()) },
        deletion_policy: DeletionPolicy::Retain,
    }
}

#[test]
fn the_resource_says_what_is_decided_and_nothing_else() {
    assert_eq!(
        options().object().value,
        json!({
            "apiVersion": "app.terraform.io/v1alpha2",
            "kind": "AgentPool",
            "metadata": {"name": "cluster", "namespace": "hcp-terraform"},
            "spec": {
                "name": "example-house-k8s",
                "organization": "example-house",
                "token": {"secretKeyRef": {"name": "hcp-terraform-api", "key": "token"}},
                "agentTokens": [{"name": "agents"}],
                "agentDeployment": {
                    "spec": {
                        "containers": [{
                            "name": "tfc-agent",
                            "image": "hashicorp/tfc-agent:1.29.0",
                            "resources": {"requests": {"memory": "2Gi"}},
                        }],
                        "terminationGracePeriodSeconds": 3600,
                    },
                },
                "autoscaling": {
                    "minReplicas": 0,
                    "maxReplicas": 3,
                    "cooldownPeriod": {"scaleUpSeconds": 15, "scaleDownSeconds": 600},
                },
                "deletionPolicy": "retain",
            },
        })
    );
    assert_eq!(options().object().to_string(), "AgentPool/hcp-terraform/cluster");
}

#[test]
fn a_fixed_number_of_agents_is_no_autoscaling() {
    let value = Options { scale: Scale::Fixed(2), ..options() }.object().value;
    assert_eq!(value["spec"]["agentDeployment"]["replicas"], 2);
    assert_eq!(value["spec"].get("autoscaling"), None);
}

#[test]
fn files_are_where_the_agent_looks_for_them() {
    let mut options = options();
    let certificates = ConfigMapVolumeSource { name: "private-ca".to_owned(), ..ConfigMapVolumeSource::default() };
    let claim = PersistentVolumeClaimVolumeSource { claim_name: "providers".to_owned(), read_only: Some(true) };
    options.agent.files = BTreeMap::from([
        (Purpose::Ca, Volume { config_map: Some(certificates), ..Volume::default() }),
        (Purpose::Providers, Volume { persistent_volume_claim: Some(claim), ..Volume::default() }),
    ]);
    options.agent.env = BTreeMap::from([("TF_LOG".to_owned(), "warn".to_owned())]);
    let pod = &options.object().value["spec"]["agentDeployment"]["spec"];
    assert_eq!(
        pod["volumes"],
        json!([
            {"name": "reconcile-providers", "persistentVolumeClaim": {"claimName": "providers", "readOnly": true}},
            {"name": "reconcile-ca", "configMap": {"name": "private-ca"}},
        ])
    );
    let container = &pod["containers"][0];
    assert_eq!(
        container["volumeMounts"],
        json!([
            {"name": "reconcile-providers", "mountPath": "/usr/local/share/terraform/plugins", "readOnly": true},
            {"name": "reconcile-ca", "mountPath": "/reconcile/ca", "readOnly": true},
        ])
    );
    assert_eq!(
        container["env"],
        json!([
            {"name": "SSL_CERT_DIR", "value": "/etc/ssl/certs:/etc/pki/tls/certs:/reconcile/ca"},
            {"name": "TF_LOG", "value": "warn"},
        ])
    );
}

#[test]
fn options_survive_a_round_through_json() {
    let mut options = options();
    options.agent.files.insert(Purpose::Hooks, Volume::default());
    let value = serde_json::to_value(&options).unwrap();
    assert_eq!(value["scale"], json!({"auto": {"min": 0, "max": 3, "cooldownUp": 15, "cooldownDown": 600}}));
    assert_eq!(serde_json::from_value::<Options>(value).unwrap(), options);
}

#[test]
fn an_id_counts_once_the_operator_has_done_all_that_is_wanted() {
    let mut pool = options().resource();
    assert_eq!(pool.id(), None);
    pool.metadata.generation = Some(3);
    let status = |observed_generation, id: &str| {
        Some(Status { agent_pool_id: id.to_owned(), observed_generation, ..Status::default() })
    };
    for (generation, id, known) in [(2, "apool-1", None), (3, "", None), (3, "apool-1", Some("apool-1"))] {
        pool.status = status(generation, id);
        assert_eq!(pool.id(), known, "{generation} {id}");
    }
    let read: Status = serde_json::from_value(json!({"agentPoolID": "apool-1", "observedGeneration": 3})).unwrap();
    assert_eq!(Some(read), pool.status);
}

#[test]
fn the_agents_deployment_is_the_one_that_the_operator_makes() {
    let mut options = options();
    options.agent.labels = BTreeMap::from([("team".to_owned(), "infra".to_owned())]);
    options.agent.annotations = BTreeMap::from([("note".to_owned(), "a".to_owned())]);
    options.agent.env = BTreeMap::from([("TFC_AGENT_AUTO_UPDATE".to_owned(), "patch".to_owned())]);
    let made = Object::of(&agents_deployment(&options.resource(), Some("https://tfe.example.com")).unwrap());
    assert_eq!(made.to_string(), "Deployment/hcp-terraform/agents-of-cluster");
    assert_eq!(
        made.value,
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "agents-of-cluster",
                "namespace": "hcp-terraform",
                "annotations": {
                    "agentpool.app.terraform.io/pool-name": "cluster",
                    "agentpool.app.terraform.io/pool-id": "",
                },
            },
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"agentpool.app.terraform.io/pool-name": "cluster"}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0}},
                "template": {
                    "metadata": {
                        "labels": {"agentpool.app.terraform.io/pool-name": "cluster", "team": "infra"},
                        "annotations": {"note": "a"},
                    },
                    "spec": {
                        "containers": [{
                            "name": "tfc-agent",
                            "image": "hashicorp/tfc-agent:1.29.0",
                            "resources": {"requests": {"memory": "2Gi"}},
                            "env": [
                                {"name": "TFC_AGENT_AUTO_UPDATE", "value": "patch"},
                                {"name": "TFC_AGENT_TOKEN", "valueFrom": {
                                    "secretKeyRef": {"name": "cluster-agent-pool", "key": "agents"},
                                }},
                                {"name": "TFC_AGENT_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                                {"name": "TFC_ADDRESS", "value": "https://tfe.example.com"},
                            ],
                        }],
                        "terminationGracePeriodSeconds": 3600,
                    },
                },
            },
        })
    );
}

#[test]
fn a_pool_that_says_little_gets_the_operators_own_pod() {
    let mut pool = options().resource();
    pool.spec.autoscaling = None;
    pool.spec.agent_deployment = Some(AgentDeployment::default());
    let made = Object::of(&agents_deployment(&pool, None).unwrap()).value;
    assert_eq!(made["spec"]["replicas"], 1);
    let pod = &made["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], "hashicorp/tfc-agent");
    assert_eq!(pod["terminationGracePeriodSeconds"], 900);
    // What is not said is left to the Deployment to refuse: an image is not made up.
    pool.spec.agent_deployment = Some(AgentDeployment {
        spec: Some(PodSpec { containers: vec![Container::default(); 2], ..PodSpec::default() }),
        ..AgentDeployment::default()
    });
    let made = Object::of(&agents_deployment(&pool, None).unwrap()).value;
    let containers = made["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert!(
        containers
            .iter()
            .all(|container| container.get("image").is_none() && container["env"][2]["value"] == "disabled")
    );
    pool.spec.agent_deployment = None;
    assert_eq!(agents_deployment(&pool, None), None);
}

#[test]
fn what_the_schema_lets_pass_and_nobody_accepts_is_refused() {
    assert_eq!(options().refusals(), Vec::<String>::new());
    let mut options = options();
    options.name = "a".repeat(64);
    options.agent_tokens = ["a b", "ok", "ok"].map(ToOwned::to_owned).into();
    options.scale = Scale::Auto { min: 2, max: 1, cooldown_up: 0, cooldown_down: 0 };
    options.agent.annotations = BTreeMap::from([("note".to_owned(), String::new())]);
    options.agent.labels = BTreeMap::from([("team".to_owned(), String::new())]);
    let refusals = options.refusals();
    assert_eq!(
        refusals,
        [
            format!("the name `{}` has 64 characters, and a label of its pods holds at most 63", "a".repeat(64)),
            "the agents' token `a b` must consist of letters, digits, `-`, `_` and `.`: it is a key of a Secret"
                .to_owned(),
            "the agents' token `ok` is there twice".to_owned(),
            "at least 2 agents and at most 1".to_owned(),
            "the annotation `note` of the pods has no value".to_owned(),
            "the label `team` of the pods has no value".to_owned(),
        ]
    );
    options.agent_tokens.clear();
    assert!(options.refusals().contains(&"without a token for its agents, the operator makes no agent".to_owned()));
    for name in ["", "-a", "a-", "A", "a_b", "a."] {
        assert!(name_refusal(name).is_some(), "{name}");
    }
    assert_eq!((name_refusal("a.b-1"), token_refusal("A.b_1")), (None, None));
    assert!(token_refusal("..a").is_some() && token_refusal(".").is_some() && token_refusal("").is_some());
}
