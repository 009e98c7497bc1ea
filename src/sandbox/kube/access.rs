//! Who may do what: accounts, roles and bindings, and the questions about them.

use serde_json::{Value, json};

use super::{
    Place, Target,
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
pub fn authorize(cluster: &Cluster, call: &Call, place: &Place<'_>, verb: &str) -> Result<(), Refusal> {
    let Place { group, plural, name, part, .. } = *place;
    let name = name.unwrap_or_default();
    let resource = if part.is_empty() { plural.to_owned() } else { format!("{plural}/{part}") };
    // A namespace is looked at from within.
    let namespace = if (group, plural) == ("", "namespaces") { name } else { place.namespace };
    let wish = Wish { verb, group, resource: &resource, namespace, name };
    if granted(&rules_of(cluster, &call.user, namespace), wish).is_some() {
        return Ok(());
    }
    let whence = if namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {namespace:?}")
    };
    let user = &call.user.name;
    let why = format!("User {user:?} cannot {verb} resource {resource:?} in API group {group:?} {whence}");
    Err(Refusal::forbidden(group, plural, name, &why))
}

/// Refuses paths that are no objects to those who may not see them.
pub fn authorize_path(cluster: &Cluster, call: &Call) -> Result<(), Refusal> {
    let verb = call.method.to_lowercase();
    if opens(&rules_of(cluster, &call.user, ""), &call.path, &verb) {
        return Ok(());
    }
    let text = format!("forbidden: User {:?} cannot {verb} path {:?}", call.user.name, call.path);
    let mut refusal = Refusal::new(403, "Forbidden", text);
    refusal.details = json!({});
    Err(refusal)
}

/// Whether one of the rules allows a path that is no object.
fn opens(rules: &[Rule], path: &str, verb: &str) -> bool {
    rules.iter().any(|Rule { rule, .. }| {
        let urls = words(rule, "nonResourceURLs");
        let fits = |url: &&str| *url == path || url.strip_suffix('*').is_some_and(|url| path.starts_with(url));
        urls.iter().any(fits) && covers(&words(rule, "verbs"), verb)
    })
}

fn words<'a>(rule: &'a Value, name: &str) -> Vec<&'a str> {
    rule[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn covers(words: &[&str], word: &str) -> bool {
    words.contains(&"*") || words.contains(&word)
}

/// The rule that allows it.
fn granted<'a>(rules: &'a [Rule], wish: Wish<'_>) -> Option<&'a Rule> {
    rules.iter().find(|Rule { rule, .. }| {
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

/// A rule, and by what it holds.
#[derive(Debug, Clone)]
pub struct Rule {
    rule: Value,
    reason: String,
}

/// What every cluster allows, as `system:basic-user`, `system:discovery` and `system:public-info-viewer` do; and to
/// masters everything.
fn given_rules(user: &User) -> Vec<Value> {
    let mut rules = Vec::new();
    if user.groups.contains(MASTERS) {
        rules.push(json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }));
        rules.push(json!({ "verbs": ["*"], "nonResourceURLs": ["*"] }));
    }
    if user.groups.contains(AUTHENTICATED) {
        let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
        rules.push(json!({ "verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": reviews }));
        let paths = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"];
        rules.push(json!({ "verbs": ["get"], "nonResourceURLs": paths }));
    }
    let paths = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
    rules.push(json!({ "verbs": ["get"], "nonResourceURLs": paths }));
    rules
}

/// The rules that hold for somebody: in one namespace, or those of the whole cluster.
pub fn rules_of(cluster: &Cluster, user: &User, namespace: &str) -> Vec<Rule> {
    let account = cluster.accounts.get(&user.name);
    let own = account.into_iter().flat_map(|account| account.rules.clone());
    let mut rules: Vec<Rule> =
        given_rules(user).into_iter().chain(own).map(|rule| Rule { rule, reason: String::new() }).collect();
    let bindings = ["clusterrolebindings", "rolebindings"].into_iter().flat_map(|kind| {
        let all = cluster.all(&format!("{kind}.rbac.authorization.k8s.io"));
        all.map(|(_, binding)| binding).collect::<Vec<_>>()
    });
    for binding in bindings {
        let place = binding["metadata"]["namespace"].as_str().unwrap_or_default();
        if (!place.is_empty() && place != namespace) || !binds(binding, user) {
            continue;
        }
        let reason = reason_of(binding, place, &user.name);
        rules.extend(role(cluster, binding, place).into_iter().map(|rule| Rule { rule, reason: reason.clone() }));
    }
    rules
}

fn reason_of(binding: &Value, namespace: &str, user: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, role) = (text(&binding["metadata"]["name"]), &binding["roleRef"]);
    let (kind, role) = (text(&role["kind"]), text(&role["name"]));
    if namespace.is_empty() {
        return format!("RBAC: allowed by ClusterRoleBinding {name:?} of {kind} {role:?} to User {user:?}");
    }
    format!("RBAC: allowed by RoleBinding \"{name}/{namespace}\" of {kind} {role:?} to User {user:?}")
}

/// Refuses to give others what somebody has not (kubernetes v1.36, `pkg/registry/rbac/validation`).
pub fn refuse_escalation(
    cluster: &Cluster,
    user: &User,
    target: &Target,
    live: Option<&Value>,
    object: &Value,
) -> Result<(), Refusal> {
    let is_same = |live: &Value| ["rules", "roleRef", "subjects"].iter().all(|name| live[*name] == object[*name]);
    if live.is_some_and(is_same) {
        return Ok(());
    }
    let given = match target.resource.kind.as_str() {
        "Role" | "ClusterRole" => object["rules"].as_array().cloned().unwrap_or_default(),
        "RoleBinding" | "ClusterRoleBinding" => role(cluster, object, &target.namespace),
        _ => return Ok(()),
    };
    let held = rules_of(cluster, user, &target.namespace);
    // Who may escalate, or bind this role, need not hold what is in it.
    let is_role = target.resource.kind.ends_with("Role");
    let role = &object["roleRef"];
    let (verb, resource, of) = match (is_role, role["kind"] == "Role") {
        (true, _) => ("escalate", target.resource.plural.as_str(), &object["metadata"]["name"]),
        (false, true) => ("bind", "roles", &role["name"]),
        (false, false) => ("bind", "clusterroles", &role["name"]),
    };
    let name = of.as_str().unwrap_or_default();
    let wish = Wish { verb, group: &target.resource.group, resource, namespace: &target.namespace, name };
    let missing: Vec<String> = given.iter().flat_map(|rule| not_held(&held, rule)).collect();
    if missing.is_empty() || granted(&held, wish).is_some() {
        return Ok(());
    }
    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
    let why = format!(
        "user {:?} (groups={groups:?}) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        missing.join("\n")
    );
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    Err(Refusal::forbidden(&target.resource.group, &target.resource.plural, name, &why))
}

/// What of a rule is not held, one line for each kind.
fn not_held(held: &[Rule], rule: &Value) -> Vec<String> {
    let names = words(rule, "resourceNames");
    let names = if names.is_empty() { vec![""] } else { names };
    let mut missing = Vec::new();
    for (group, resource) in words(rule, "apiGroups")
        .into_iter()
        .flat_map(|group| words(rule, "resources").into_iter().map(move |resource| (group, resource)))
    {
        let is_held = |verb: &str| {
            let wish = |name| Wish { verb, group, resource, namespace: "", name };
            names.iter().all(|name| granted(held, wish(name)).is_some())
        };
        let verbs: Vec<&str> = words(rule, "verbs").into_iter().filter(|verb| !is_held(verb)).collect();
        if !verbs.is_empty() {
            missing.push(format!("{{APIGroups:[{group:?}], Resources:[{resource:?}], Verbs:{verbs:?}}}"));
        }
    }
    for url in words(rule, "nonResourceURLs") {
        let verbs: Vec<&str> = words(rule, "verbs").into_iter().filter(|verb| !opens(held, url, verb)).collect();
        if !verbs.is_empty() {
            missing.push(format!("{{NonResourceURLs:[{url:?}], Verbs:{verbs:?}}}"));
        }
    }
    missing
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
        match reason_for(cluster, &call.user, &spec) {
            Some(reason) if reason.is_empty() => json!({ "allowed": true }),
            Some(reason) => json!({ "allowed": true, "reason": reason }),
            None => json!({ "allowed": false }),
        }
    };
    body["kind"] = json!(kind);
    body["apiVersion"] = json!(target.resource.api_version());
    body["metadata"] = json!({ "creationTimestamp": null });
    body["status"] = status;
    Ok(Reply::Now(Answer::json(201, body)))
}

fn rules_status(rules: &[Rule]) -> Value {
    let rules = rules.iter().map(|Rule { rule, .. }| rule);
    let (paths, resources): (Vec<&Value>, Vec<&Value>) = rules.partition(|rule| rule["nonResourceURLs"].is_array());
    json!({ "resourceRules": resources, "nonResourceRules": paths, "incomplete": false })
}

/// By what somebody may do it, if they may.
fn reason_for(cluster: &Cluster, user: &User, spec: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let wanted = &spec["resourceAttributes"];
    if !wanted.is_object() {
        let path = text(&spec["nonResourceAttributes"]["path"]);
        let verb = text(&spec["nonResourceAttributes"]["verb"]);
        return opens(&rules_of(cluster, user, ""), &path, &verb).then(String::new);
    }
    let (resource, part) = (text(&wanted["resource"]), text(&wanted["subresource"]));
    let resource = if part.is_empty() { resource } else { format!("{resource}/{part}") };
    let namespace = text(&wanted["namespace"]);
    let (verb, group, name) = (text(&wanted["verb"]), text(&wanted["group"]), text(&wanted["name"]));
    let wish = Wish { verb: &verb, group: &group, resource: &resource, namespace: &namespace, name: &name };
    granted(&rules_of(cluster, user, wish.namespace), wish).map(|rule| rule.reason.clone())
}
