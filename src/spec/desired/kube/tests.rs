//! What a spec says of a cluster is what is wanted of it, and each field knows where it is said.

use serde_json::json;

use super::super::super::{CheckOptions, load_text};
use super::*;
use crate::systems::kube::desired::{ChartSource, Cooldown, Deletion, Target as Cluster};

const HEAD: &str = "
fleet: lab
hcp: { organization: example-house, tier: standard }
defaults: { agentImage: 'hashicorp/tfc-agent:1.29.0' }
projects: {}
";

fn cluster(target: &str, pool: &str) -> Cluster {
    let text = format!(
        "{HEAD}
targets:
  cluster:
    identity: {{ kubeSystemUid: 6d0f }}
    kubernetes: {{ {target} }}
pools:
  agents: {{ target: cluster, scope: organization, {pool} }}
"
    );
    let loaded = load_text("fleets/fleet.yaml", &text, &CheckOptions::default());
    let messages: Vec<&str> = loaded.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(messages.is_empty(), "{messages:#?}");
    loaded.desired.unwrap().kube.targets.remove("cluster").unwrap()
}

const PLAIN: &str = "operator: { version: '2.12.0' }, token: { env: TOKEN }";

#[test]
fn what_is_not_said_has_the_charts_defaults_and_ours() {
    let made = cluster(PLAIN, "");
    let operator = &made.operator;
    assert_eq!(operator.options, crate::systems::kube::operator::Options::new(operator.options.version));
    assert_eq!(
        (operator.release.name.as_str(), operator.release.namespace.as_str()),
        ("hcp-terraform-operator", "hcp-terraform")
    );
    assert_eq!(made.kube_system_uid.as_deref(), Some("6d0f"));
    assert_eq!(made.delivery, Delivery::Apply);
    let pool = &made.pools["agents"];
    assert_eq!((pool.min, pool.max, pool.cooldown), (0, 1, Cooldown { up: 300, down: 300 }));
    assert_eq!((pool.longest_apply, pool.deletion), (3600, Deletion::Retain));
    assert_eq!(pool.tokens, ["agents"]);
    let kept = pool.agent.resources.requests.as_ref().unwrap();
    assert_eq!((kept["memory"].0.as_str(), &pool.agent.resources.limits), ("2Gi", &None));
    assert_eq!(
        (pool.agent.service_account.name.as_str(), pool.agent.service_account.create),
        ("agents-of-agents", true)
    );
}

#[test]
fn the_charts_values_are_laid_over_its_defaults() {
    let made = cluster(
        "namespace: infra, token: { env: TOKEN }, operator: { version: '2.9.2', release: tf, chart: ../chart.tgz, replicaCount: 1,
           nameOverride: tfop, fullnameOverride: operator, priorityClassName: high, podLabels: { team: infra },
           image: { repository: registry.example.house/operator, tag: 2.9.2-arm64, pullPolicy: Always },
           resources: { limits: { cpu: 1 } }, env: { HTTPS_PROXY: 'http://proxy:3128' }, syncPeriod: 10m,
           watchedNamespaces: [infra, other], controllers: { agentPool: { workers: 5 }, workspace: { syncPeriod: 10m } },
           kubeRbacProxy: { image: { tag: v0.21.0 }, resources: { requests: { memory: 32Mi } } },
           imagePullSecrets: [{ name: regcred }], customCa: { file: ca.pem },
           serviceAccount: { create: false, name: mine }, rbac: { narrowSecrets: true },
           tolerations: [{ key: role, operator: Exists, effect: NoSchedule }],
           affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms:
             [{ matchExpressions: [{ key: kubernetes.io/arch, operator: In, values: [arm64] }] }] } } } }",
        "",
    );
    let operator = made.operator;
    assert_eq!(operator.release.name, "tf");
    assert_eq!(operator.chart.source, ChartSource::Path("fleets/../chart.tgz".into()));
    assert_eq!(operator.ca, Some("fleets/ca.pem".into()));
    let mut usual =
        serde_json::to_value(crate::systems::kube::operator::Options::new(operator.options.version)).unwrap();
    let says = json!({
        "replicaCount": 1, "nameOverride": "tfop", "fullnameOverride": "operator", "priorityClassName": "high",
        "podLabels": { "team": "infra" }, "imagePullSecrets": [{ "name": "regcred" }],
        "operator": {
            "image": { "repository": "registry.example.house/operator", "tag": "2.9.2-arm64", "pullPolicy": "Always" },
            "resources": { "limits": { "cpu": "1" } }, "env": { "HTTPS_PROXY": "http://proxy:3128" }, "syncPeriod": "10m",
            "watchedNamespaces": ["infra", "other"],
            "tolerations": [{ "key": "role", "operator": "Exists", "effect": "NoSchedule" }],
            "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms":
                [{ "matchExpressions": [{ "key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"] }] }] } } },
        },
        "controllers": { "agentPool": { "workers": 5 }, "workspace": { "syncPeriod": "10m" } },
        "kubeRbacProxy": { "image": { "tag": "v0.21.0" }, "resources": { "requests": { "memory": "32Mi" } } },
        "serviceAccount": { "create": false, "name": "mine" }, "rbac": { "narrowSecrets": true },
    });
    lay(&mut usual, says);
    assert_eq!(serde_json::to_value(&operator.options).unwrap(), usual);
}

/// As Helm lays one file of values over another.
fn lay(below: &mut serde_json::Value, above: serde_json::Value) {
    match (below, above) {
        (serde_json::Value::Object(below), serde_json::Value::Object(above)) => {
            for (key, value) in above {
                lay(below.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

#[test]
fn a_token_is_a_value_a_secret_or_what_makes_one() {
    let of = |token: &str| {
        let made = cluster(&format!("operator: {{ version: '2.12.0' }}, token: {{ {token} }}"), "");
        let token = made.token.unwrap();
        (token.secret().to_owned(), token.key().to_owned(), token)
    };
    let (secret, key, _) = of("file: token");
    assert_eq!((secret.as_str(), key.as_str()), ("hcp-terraform-operator-token", "token"));
    let (secret, key, _) = of("secret: { name: mine, key: api }");
    assert_eq!((secret.as_str(), key.as_str()), ("mine", "api"));
    let (secret, _, token) =
        of("externalSecret: { store: { kind: ClusterSecretStore, name: vault }, key: infra/hcp, property: token }");
    assert_eq!(secret, "hcp-terraform-operator-token");
    let external = External {
        api_version: "external-secrets.io/v1".to_owned(),
        store_kind: "ClusterSecretStore".to_owned(),
        store: "vault".to_owned(),
        key: "infra/hcp".to_owned(),
        property: Some("token".to_owned()),
    };
    assert_eq!(token, Token::External(external));
}

#[test]
fn argo_cd_is_told_where_the_manifests_are() {
    let made = cluster(
        "operator: { version: '2.12.0' }, token: { secret: { name: hcp } }, delivery: argocd,
         argocd: { directory: ../manifests, repository: 'https://git.example.house/fleet', path: manifests }",
        "",
    );
    let Delivery::Argocd(argocd) = made.delivery else { panic!("{:?}", made.delivery) };
    assert_eq!(argocd.directory, PathBuf::from("fleets/../manifests"));
    assert_eq!((argocd.revision.as_str(), argocd.namespace.as_str()), ("HEAD", "argocd"));
}

#[test]
fn agents_are_as_the_pool_says() {
    let made = cluster(
        PLAIN,
        "name: Lab_Agents, longestApply: 90m, agents: { min: 1, max: 3, cooldown: { up: 15s, down: 10m }, memory: 3GiB, cpus: 1.5,
           logLevel: debug, environment: { HTTPS_PROXY: 'http://proxy:3128' } },
         providers: { volume: { persistentVolumeClaim: { claimName: mirror } } },
         kubernetes: { resource: agents-of-the-lab, tokens: [one, two], deletionPolicy: destroy,
           serviceAccount: { annotations: { example.house/role: agents } }, resources: { requests: { memory: 2Gi, cpu: 100m } },
           rules: { infra: [{ apiGroups: [''], resources: [secrets], verbs: [get] }] },
           clusterRules: [{ nonResourceURLs: [/metrics], verbs: [get] }], nodeSelector: { kubernetes.io/arch: arm64 },
           volumes: { cache: { source: { emptyDir: { sizeLimit: 4Gi } }, mountPath: /cache, readOnly: false } },
           securityContext: { runAsUser: 1000, runAsNonRoot: true }, labels: { team: infra } }",
    );
    let pool = &made.pools["agents"];
    assert_eq!((pool.resource.as_str(), pool.name.as_str()), ("agents-of-the-lab", "Lab_Agents"));
    assert_eq!((pool.min, pool.max, pool.cooldown), (1, 3, Cooldown { up: 15, down: 600 }));
    assert_eq!((pool.longest_apply, pool.deletion, pool.tokens.len()), (5400, Deletion::Destroy, 2));
    let agent = &pool.agent;
    assert_eq!(
        json!({ "resources": agent.resources, "files": agent.files, "volumes": agent.volumes["cache"].volume,
            "security": agent.security_context, "rules": pool.rules, "clusterRules": pool.cluster_rules }),
        json!({
            "resources": { "limits": { "cpu": "1500m", "memory": "3Gi" }, "requests": { "cpu": "100m", "memory": "2Gi" } },
            "files": { "providers": { "name": "providers", "persistentVolumeClaim": { "claimName": "mirror" } } },
            "volumes": { "name": "cache", "emptyDir": { "sizeLimit": "4Gi" } },
            "security": { "runAsUser": 1000, "runAsNonRoot": true },
            "rules": { "infra": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }] },
            "clusterRules": [{ "nonResourceURLs": ["/metrics"], "verbs": ["get"] }],
        })
    );
    assert!(!agent.volumes["cache"].read_only);
    assert_eq!(agent.environment["TFC_AGENT_LOG_LEVEL"], "debug");
    assert_eq!(agent.environment["HTTPS_PROXY"], "http://proxy:3128");
    assert_eq!(agent.service_account.annotations["example.house/role"], "agents");
}

#[test]
fn pools_that_go_are_there_and_say_so() {
    let made = cluster(PLAIN, "absent: true");
    assert!(made.pools["agents"].stewardship.absent);
}

#[test]
fn the_most_exact_word_about_a_field_is_its_origin() {
    let at = |line| At { file: 0, line, column: 1 };
    let mut said = Said::default();
    said.note("operator.resources", at(1));
    said.note("operator.resources.limits.cpu", at(2));
    said.note("operator.res", at(3));
    assert_eq!(said.of("operator.resources.limits.cpu"), Some(at(2)));
    assert_eq!(said.of("operator.resources.limits.memory"), Some(at(1)));
    assert_eq!(said.of("operator.replicaCount"), None);
}
