//! Who may do what: accounts, roles and bindings, and the questions about them.

use serde_json::{Value, json};

use super::{
    Target,
    call::{Answer, Call, Outcome, Refusal, Reply, User},
};
use crate::sandbox::world::Cluster;

const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";

/// Something that somebody wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// `get` and so on.
    pub verb: &'a str,
    /// The group of the kind.
    pub group: &'a str,
    /// The kind's word in paths, with a part of the object: `deployments/status`.
    pub resource: &'a str,
    /// The namespace, if it is in one.
    pub namespace: &'a str,
    /// The object, if it is one.
    pub name: &'a str,
}

/// The verb of a request.
pub fn verb(call: &Call, name: Option<&str>) -> &'static str {
    match (call.method.as_str(), name) {
        ("GET" | "HEAD", Some(_)) => "get",
        ("GET" | "HEAD", None) if call.flag("watch") => "watch",
        ("GET" | "HEAD", None) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", Some(_)) => "delete",
        ("DELETE", None) => "deletecollection",
        _ => "",
    }
}

/// Refuses what somebody may not do.
pub fn authorize(cluster: &Cluster, call: &Call, target: &Target) -> Result<(), Refusal> {
    let name = target.name.as_deref();
    let verb = verb(call, name);
    let resource = &target.resource;
    let part =
        if target.part.is_empty() { resource.plural.clone() } else { format!("{}/{}", resource.plural, target.part) };
    let wish = Wish {
        verb,
        group: &resource.group,
        resource: &part,
        namespace: &target.namespace,
        name: name.unwrap_or_default(),
    };
    if allows(&rules_of(cluster, &call.user, &target.namespace), wish) {
        return Ok(());
    }
    let place = if target.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", target.namespace)
    };
    let why =
        format!("User {:?} cannot {verb} resource {part:?} in API group {:?} {place}", call.user.name, resource.group);
    Err(Refusal::forbidden(resource, name.unwrap_or_default(), &why))
}

/// Refuses paths that are no objects to those who may not see them.
pub fn authorize_path(cluster: &Cluster, call: &Call) -> Result<(), Refusal> {
    let verb = call.method.to_lowercase();
    let rules = rules_of(cluster, &call.user, "");
    let is_allowed = rules.iter().any(|rule| {
        let urls = words(rule, "nonResourceURLs");
        let fits =
            |url: &&str| *url == call.path || url.strip_suffix('*').is_some_and(|url| call.path.starts_with(url));
        urls.iter().any(fits) && covers(&words(rule, "verbs"), &verb)
    });
    if is_allowed {
        return Ok(());
    }
    let text = format!("forbidden: User {:?} cannot {verb} path {:?}", call.user.name, call.path);
    let mut refusal = Refusal::new(403, "Forbidden", text);
    refusal.details = json!({});
    Err(refusal)
}

fn words<'a>(rule: &'a Value, name: &str) -> Vec<&'a str> {
    rule[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn covers(words: &[&str], word: &str) -> bool {
    words.contains(&"*") || words.contains(&word)
}

/// Whether one of the rules allows it.
fn allows(rules: &[Value], wish: Wish<'_>) -> bool {
    rules.iter().any(|rule| {
        let names = words(rule, "resourceNames");
        let resources = words(rule, "resources");
        let part = wish.resource.split_once('/').map(|(_, part)| format!("*/{part}"));
        let is_kind = covers(&resources, wish.resource) || part.is_some_and(|part| resources.contains(&part.as_str()));
        covers(&words(rule, "verbs"), wish.verb)
            && covers(&words(rule, "apiGroups"), wish.group)
            && is_kind
            && (names.is_empty() || names.contains(&wish.name))
    })
}

/// The rules that hold for somebody: in one namespace, or those of the whole cluster.
pub fn rules_of(cluster: &Cluster, user: &User, namespace: &str) -> Vec<Value> {
    let mut rules = Vec::new();
    let account = cluster.accounts.get(&user.name);
    if user.groups.contains(MASTERS) {
        rules.push(json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }));
        rules.push(json!({ "verbs": ["*"], "nonResourceURLs": ["*"] }));
    }
    if user.groups.contains(AUTHENTICATED) {
        // ClusterRoles system:basic-user and system:discovery, which every cluster has.
        rules.push(json!({ "verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"] }));
        rules.push(json!({ "verbs": ["get"], "nonResourceURLs":
            ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"] }));
    }
    // ClusterRole system:public-info-viewer.
    rules.push(
        json!({ "verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"] }),
    );
    rules.extend(account.into_iter().flat_map(|account| account.rules.clone()));
    for (_, binding) in cluster.all("clusterrolebindings.rbac.authorization.k8s.io") {
        if binds(binding, user) {
            rules.extend(role(cluster, binding, ""));
        }
    }
    for (_, binding) in cluster.all("rolebindings.rbac.authorization.k8s.io") {
        if !namespace.is_empty() && binding["metadata"]["namespace"] == namespace && binds(binding, user) {
            rules.extend(role(cluster, binding, namespace));
        }
    }
    rules
}

fn binds(binding: &Value, user: &User) -> bool {
    let text = |subject: &Value, name: &str| subject[name].as_str().unwrap_or_default().to_owned();
    binding["subjects"].as_array().into_iter().flatten().any(|subject| match subject["kind"].as_str() {
        Some("User") => text(subject, "name") == user.name,
        Some("Group") => user.groups.contains(&text(subject, "name")),
        Some("ServiceAccount") => {
            user.name == format!("system:serviceaccount:{}:{}", text(subject, "namespace"), text(subject, "name"))
        }
        _ => false,
    })
}

fn role(cluster: &Cluster, binding: &Value, namespace: &str) -> Vec<Value> {
    let name = binding["roleRef"]["name"].as_str().unwrap_or_default();
    if binding["roleRef"]["kind"] == "Role" {
        let key = format!("{namespace}/{name}");
        return found_rules(cluster, "roles.rbac.authorization.k8s.io", &key);
    }
    if name == "cluster-admin" {
        return vec![
            json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }),
            json!({ "verbs": ["*"], "nonResourceURLs": ["*"] }),
        ];
    }
    found_rules(cluster, "clusterroles.rbac.authorization.k8s.io", name)
}

fn found_rules(cluster: &Cluster, resource: &str, key: &str) -> Vec<Value> {
    let role = cluster.get(resource, key);
    role.and_then(|role| role.object()["rules"].as_array().cloned()).unwrap_or_default()
}

/// Answers a question about what somebody may do.
pub fn review(cluster: &Cluster, call: &Call, target: &Target, mut body: Value) -> Outcome {
    let kind = &target.resource.kind;
    let spec = body["spec"].clone();
    let status = if kind == "SelfSubjectRulesReview" {
        let Some(namespace) = spec["namespace"].as_str().filter(|name| !name.is_empty()) else {
            return Err(Refusal::bad_request("no namespace on request"));
        };
        rules_status(&rules_of(cluster, &call.user, namespace))
    } else {
        json!({ "allowed": is_allowed(cluster, &call.user, &spec) })
    };
    body["kind"] = json!(kind);
    body["apiVersion"] = json!(target.resource.api_version());
    body["metadata"] = json!({ "creationTimestamp": null });
    body["status"] = status;
    Ok(Reply::Now(Answer::json(201, body)))
}

fn rules_status(rules: &[Value]) -> Value {
    let (paths, resources): (Vec<&Value>, Vec<&Value>) =
        rules.iter().partition(|rule| rule["nonResourceURLs"].is_array());
    json!({ "resourceRules": resources, "nonResourceRules": paths, "incomplete": false })
}

fn is_allowed(cluster: &Cluster, user: &User, spec: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let wanted = &spec["resourceAttributes"];
    if !wanted.is_object() {
        let path = text(&spec["nonResourceAttributes"]["path"]);
        let verb = text(&spec["nonResourceAttributes"]["verb"]);
        return rules_of(cluster, user, "").iter().any(|rule| {
            let urls = words(rule, "nonResourceURLs");
            let fits = |url: &&str| *url == path || url.strip_suffix('*').is_some_and(|url| path.starts_with(url));
            urls.iter().any(fits) && covers(&words(rule, "verbs"), &verb)
        });
    }
    let (resource, part) = (text(&wanted["resource"]), text(&wanted["subresource"]));
    let resource = if part.is_empty() { resource } else { format!("{resource}/{part}") };
    let namespace = text(&wanted["namespace"]);
    let (verb, group, name) = (text(&wanted["verb"]), text(&wanted["group"]), text(&wanted["name"]));
    let wish = Wish { verb: &verb, group: &group, resource: &resource, namespace: &namespace, name: &name };
    allows(&rules_of(cluster, user, wish.namespace), wish)
}
