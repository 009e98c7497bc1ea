//! Which operators there are: Deployments as the chart renders them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    resource::{GROUP, full_name},
    version::Version,
};

/// HCP Terraform itself.
const DEFAULT_HOST: &str = "app.terraform.io";

/// One operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Where it is.
    pub namespace: String,
    /// Its Deployment.
    pub name: String,
    /// Of its image.
    pub version: Version,
    /// The namespaces that it watches; none is all.
    pub watched: BTreeSet<String>,
    /// `TFE_ADDRESS`, if the agents must be told another address than HCP's.
    pub other_address: Option<String>,
    /// `TFC_TLS_SKIP_VERIFY`, if it is no truth in Go's words: then no client is ever made.
    pub unreadable_switch: Option<String>,
    /// What tells its process from an earlier one of the same Deployment.
    pub process: String,
}

impl Installed {
    /// Where the `AgentPool`s are listed that it watches.
    pub fn lists(&self) -> Vec<String> {
        if self.watched.is_empty() {
            return vec![format!("{GROUP}/agentpools")];
        }
        self.watched.iter().map(|namespace| format!("{GROUP}/namespaces/{namespace}/agentpools")).collect()
    }
}

/// The operators among Deployments, by namespace and name; of those that do not work is said why.
pub fn of(deployments: &[Value], fallback: Version, idle: &mut Vec<String>) -> Vec<Installed> {
    let mut found: Vec<Installed> = deployments
        .iter()
        .filter_map(|deployment| {
            let container = manager(deployment)?;
            if deployment["spec"]["replicas"] == 0 {
                idle.push(format!("{}: it has no replicas", full_name(deployment)));
                return None;
            }
            Some(read(deployment, container, fallback))
        })
        .collect();
    found.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
    found
}

/// The container of an operator: the chart's label, its name for it, and arguments that no other program has.
fn manager(deployment: &Value) -> Option<&Value> {
    let is_labelled = deployment["metadata"]["labels"]["control-plane"].is_string();
    if !is_labelled || deployment["metadata"]["deletionTimestamp"].is_string() {
        return None;
    }
    let containers = deployment.pointer("/spec/template/spec/containers")?.as_array()?;
    containers.iter().find(|container| {
        container["name"] == "manager" && arguments(container).any(|one| one.starts_with("--agent-pool-"))
    })
}

fn arguments(container: &Value) -> impl Iterator<Item = &str> {
    container["args"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn read(deployment: &Value, container: &Value, fallback: Version) -> Installed {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let variable = |name: &str| {
        let mut all = container["env"].as_array().into_iter().flatten();
        all.find(|one| one["name"] == name).and_then(|one| one["value"].as_str())
    };
    let address = variable("TFE_ADDRESS").filter(|address| !address.is_empty() && host(address) != DEFAULT_HOST);
    let metadata = &deployment["metadata"];
    Installed {
        namespace: text(&metadata["namespace"]),
        name: text(&metadata["name"]),
        version: Version::of_image(container["image"].as_str().unwrap_or_default()).unwrap_or(fallback),
        watched: arguments(container).filter_map(|one| one.strip_prefix("--namespace=")).map(str::to_owned).collect(),
        // The client library puts the path of its requests behind it.
        other_address: address.map(|address| format!("{}/api/v2/", origin(address))),
        unreadable_switch: variable("TFC_TLS_SKIP_VERIFY").filter(|word| !is_truth(word)).map(str::to_owned),
        process: format!("{}/{}", text(&metadata["uid"]), deployment["spec"]["template"]),
    }
}

fn origin(address: &str) -> &str {
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find('/').map_or(address.len(), |at| start + at);
    &address[..end]
}

fn host(address: &str) -> &str {
    let origin = origin(address);
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

/// Go's `strconv.ParseBool`.
fn is_truth(word: &str) -> bool {
    matches!(word, "1" | "t" | "T" | "TRUE" | "true" | "True" | "0" | "f" | "F" | "FALSE" | "false" | "False")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment() -> Value {
        json!({
            "metadata": { "name": "op", "namespace": "hcp", "uid": "u", "labels": { "control-plane": "op-controller-manager" } },
            "spec": { "replicas": 2, "template": { "spec": { "containers": [
                { "name": "kube-rbac-proxy", "image": "quay.io/brancz/kube-rbac-proxy:v0.20.1" },
                {
                    "name": "manager",
                    "image": "hashicorp/hcp-terraform-operator:2.12.0",
                    "args": ["--agent-pool-workers=1", "--namespace=b", "--namespace=a"],
                    "env": [{ "name": "TFE_ADDRESS", "value": "https://tfe.example.com/" }],
                },
            ] } } },
        })
    }

    fn found(deployment: Value) -> (Vec<Installed>, Vec<String>) {
        let mut idle = Vec::new();
        let found = of(&[deployment], Version::parse("2.9.2").unwrap(), &mut idle);
        (found, idle)
    }

    #[test]
    fn a_deployment_says_what_its_operator_does() {
        let (found, _) = found(deployment());
        assert_eq!(found[0].version.to_string(), "2.12.0");
        assert_eq!(found[0].other_address.as_deref(), Some("https://tfe.example.com/api/v2/"));
        assert_eq!(
            found[0].lists(),
            [format!("{GROUP}/namespaces/a/agentpools"), format!("{GROUP}/namespaces/b/agentpools")]
        );
        let mut plain = deployment();
        plain["spec"]["template"]["spec"]["containers"][1]["args"] = json!(["--agent-pool-workers=1"]);
        plain["spec"]["template"]["spec"]["containers"][1]["image"] = json!("mirror/operator@sha256:00");
        plain["spec"]["template"]["spec"]["containers"][1]["env"] = json!([
            { "name": "TFE_ADDRESS", "value": "https://app.terraform.io" },
            { "name": "TFC_TLS_SKIP_VERIFY", "value": "yes" },
        ]);
        let (found, _) = super::tests::found(plain);
        assert_eq!(found[0].lists(), [format!("{GROUP}/agentpools")]);
        assert_eq!(found[0].version.to_string(), "2.9.2");
        assert_eq!(found[0].other_address, None);
        assert_eq!(found[0].unreadable_switch.as_deref(), Some("yes"));
    }

    #[test]
    fn what_is_no_operator_does_nothing() {
        let mut none = deployment();
        none["spec"]["replicas"] = json!(0);
        assert_eq!(found(none), (vec![], vec!["hcp/op: it has no replicas".to_owned()]));
        let mut another = deployment();
        another["spec"]["template"]["spec"]["containers"][1]["args"] = json!(["--leader-elect"]);
        assert_eq!(found(another), (vec![], vec![]));
        let mut going = deployment();
        going["metadata"]["deletionTimestamp"] = json!("2026-01-05T08:00:00Z");
        assert_eq!(found(going), (vec![], vec![]));
    }
}
