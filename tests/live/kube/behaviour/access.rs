//! Who may do what, and how it is said.

use serde_json::{Value, json};

use crate::live::fixtures::{Kind, config_map, config_maps, names, path, secret, secrets};
use crate::live::subject::{APPLY, METADATA_LIST, Subject};

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const RULES: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// Lets the visitor do what these rules say, in one namespace, and waits until that holds.
async fn allow(subject: &Subject, namespace: &str, rules: Value) {
    let name = subject.name("role");
    let role = json!({ "apiVersion": RBAC, "kind": "Role", "metadata": { "name": name }, "rules": rules });
    subject.post(&path(RBAC, namespace, "roles"), &role).await.created();
    let binding = json!({
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "visitor" }],
    });
    subject.post(&path(RBAC, namespace, "rolebindings"), &binding).await.created();
    let marker = &rules[0];
    let is_known = async || {
        let known = rules_of_visitor(subject, namespace).await;
        known.iter().any(|rule| rule["resources"] == marker["resources"] && rule["verbs"] == marker["verbs"])
    };
    subject.until("the role is known", is_known).await;
}

async fn rules_of_visitor(subject: &Subject, namespace: &str) -> Vec<Value> {
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": { "namespace": namespace },
    });
    let review = subject.ask("POST", RULES).json(&body).by_visitor().answer().await.created();
    review["status"]["resourceRules"].as_array().unwrap().clone()
}

/// Whether the visitor may do something.
async fn may(subject: &Subject, attributes: Value) -> Value {
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": attributes },
    });
    subject.ask("POST", REVIEWS).json(&body).by_visitor().answer().await.created()["status"].clone()
}

pub async fn without_rights_nothing_is_shown(subject: &Subject) {
    let namespace = subject.namespace().await;
    let in_it = format!("in the namespace \"{namespace}\"");
    let user = "User \"visitor\" cannot";
    for (method, path, text) in [
        (
            "GET",
            secrets(&namespace),
            format!("secrets is forbidden: {user} list resource \"secrets\" in API group \"\" {in_it}"),
        ),
        (
            "GET",
            format!("{}/a", secrets(&namespace)),
            format!("secrets \"a\" is forbidden: {user} get resource \"secrets\" in API group \"\" {in_it}"),
        ),
        (
            "DELETE",
            format!("{}/a", secrets(&namespace)),
            format!("secrets \"a\" is forbidden: {user} delete resource \"secrets\" in API group \"\" {in_it}"),
        ),
        (
            "GET",
            path("apps/v1", &namespace, "deployments?watch=true"),
            format!(
                "deployments.apps is forbidden: {user} watch resource \"deployments\" in API group \"apps\" {in_it}"
            ),
        ),
        (
            "GET",
            "/api/v1/namespaces".to_owned(),
            format!(
                "namespaces is forbidden: {user} list resource \"namespaces\" in API group \"\" at the cluster scope"
            ),
        ),
        (
            "GET",
            format!("/api/v1/namespaces/{namespace}"),
            format!(
                "namespaces \"{namespace}\" is forbidden: {user} get resource \"namespaces\" in API group \"\" {in_it}"
            ),
        ),
        (
            "GET",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a".to_owned(),
            format!(
                "customresourcedefinitions.apiextensions.k8s.io \"a\" is forbidden: {user} get resource \
                \"customresourcedefinitions\" in API group \"apiextensions.k8s.io\" at the cluster scope"
            ),
        ),
        ("GET", "/metrics".to_owned(), "forbidden: User \"visitor\" cannot get path \"/metrics\"".to_owned()),
    ] {
        let reply = subject.ask(method, &path).by_visitor().answer().await;
        reply.refused_as(403, "Forbidden", &text);
    }
    let reply = subject.ask("POST", &secrets(&namespace)).json(&secret("a", &json!({}))).by_visitor().answer().await;
    let status = reply.refused(403, "Forbidden");
    let text = format!("secrets is forbidden: {user} create resource \"secrets\" in API group \"\" {in_it}");
    assert_eq!(status["message"], text);
    assert_eq!(status["details"], json!({ "kind": "secrets" }));
}

pub async fn what_does_not_exist_is_forbidden_all_the_same(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kind = Kind::unknown(subject);
    let reply = subject.ask("GET", &kind.path(&namespace)).by_visitor().answer().await;
    let text = format!(
        "things.{0} is forbidden: User \"visitor\" cannot list resource \"things\" in API group \"{0}\" \
        in the namespace \"{namespace}\"",
        kind.group
    );
    reply.refused_as(403, "Forbidden", &text);
    let reply = subject.ask("GET", &secrets("nowhere")).by_visitor().answer().await;
    reply.refused(403, "Forbidden");
}

pub async fn discovery_is_for_everybody(subject: &Subject) {
    for path in ["/version", "/api", "/apis", "/api/v1", "/apis/apps/v1", "/openapi/v3", "/readyz"] {
        let reply = subject.ask("GET", path).by_visitor().answer().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
}

pub async fn a_role_allows_what_it_says(subject: &Subject) {
    let namespace = subject.namespace().await;
    subject.post(&config_maps(&namespace), &config_map("a", &json!({}))).await.created();
    subject.post(&config_maps(&namespace), &config_map("b", &json!({}))).await.created();
    let rules = json!([
        { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"] },
        { "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["a"], "verbs": ["get", "patch"] },
    ]);
    allow(subject, &namespace, rules).await;
    let path = config_maps(&namespace);
    let list = subject.ask("GET", &path).by_visitor().answer().await.ok();
    assert!(names(&list).contains(&"b".to_owned()));
    let one = format!("{path}/a");
    subject.ask("GET", &one).by_visitor().answer().await.ok();
    let other = format!("{path}/b");
    subject.ask("GET", &other).by_visitor().answer().await.refused(403, "Forbidden");
    let other = config_maps("default");
    subject.ask("GET", &other).by_visitor().answer().await.refused(403, "Forbidden");
    // What exists may be applied by who may patch it; what does not, by who may create it too.
    let apply = format!("{one}?fieldManager=m");
    let body = config_map("a", &json!({ "k": "v" }));
    subject.ask("PATCH", &apply).content(APPLY, &body).by_visitor().answer().await.ok();
    subject.delete(&one).await.ok();
    let reply = subject.ask("PATCH", &apply).content(APPLY, &body).by_visitor().answer().await;
    let text = format!(
        "configmaps is forbidden: User \"visitor\" cannot create resource \"configmaps\" in API group \"\" \
        in the namespace \"{namespace}\""
    );
    let status = reply.refused(403, "Forbidden");
    assert!(
        status["message"].as_str().unwrap().contains("cannot create resource \"configmaps\""),
        "{status}, not {text}"
    );
}

pub async fn a_trial_needs_the_rights_of_the_deed(subject: &Subject) {
    let namespace = subject.namespace().await;
    let rules = json!([{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"] }]);
    allow(subject, &namespace, rules).await;
    let path = format!("{}/a?fieldManager=m&dryRun=All", config_maps(&namespace));
    let body = config_map("a", &json!({}));
    let reply = subject.ask("PATCH", &path).content(APPLY, &body).by_visitor().answer().await;
    let text = format!(
        "configmaps \"a\" is forbidden: User \"visitor\" cannot patch resource \"configmaps\" in API group \"\" \
        in the namespace \"{namespace}\""
    );
    reply.refused_as(403, "Forbidden", &text);
}

pub async fn metadata_needs_the_rights_of_the_whole(subject: &Subject) {
    let namespace = subject.namespace().await;
    let path = secrets(&namespace);
    let reply = subject.ask("GET", &path).accept(METADATA_LIST).by_visitor().answer().await;
    reply.refused(403, "Forbidden");
}

pub async fn rules_can_be_asked_for(subject: &Subject) {
    let namespace = subject.namespace().await;
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": { "namespace": namespace },
    });
    let review = subject.post(RULES, &body).await.created();
    assert_eq!(review["kind"], "SelfSubjectRulesReview");
    assert_eq!(review["status"]["incomplete"], false);
    let everything = json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] });
    assert!(review["status"]["resourceRules"].as_array().unwrap().contains(&everything), "{review}");
    let paths = review["status"]["nonResourceRules"].as_array().unwrap();
    assert!(paths.contains(&json!({ "verbs": ["*"], "nonResourceURLs": ["*"] })), "{review}");
    let before = rules_of_visitor(subject, &namespace).await;
    let reviews = json!(["selfsubjectaccessreviews", "selfsubjectrulesreviews"]);
    let expected = json!({ "verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": reviews });
    assert!(before.contains(&expected), "everybody may ask: {before:?}");
    let rules = json!([
        { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"] },
        { "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"], "verbs": ["get"] },
    ]);
    allow(subject, &namespace, rules.clone()).await;
    let after = rules_of_visitor(subject, &namespace).await;
    for rule in rules.as_array().unwrap() {
        assert!(after.contains(rule), "{rule}: {after:?}");
    }
    assert!(!rules_of_visitor(subject, "default").await.contains(&rules[0]), "only in that namespace");
    let mut body = body;
    body["spec"] = json!({});
    subject.post(RULES, &body).await.refused(400, "BadRequest");
}

pub async fn one_right_can_be_asked_for(subject: &Subject) {
    let namespace = subject.namespace().await;
    let rules = json!([{ "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"] }]);
    allow(subject, &namespace, rules).await;
    let get = json!({ "namespace": namespace, "verb": "get", "group": "apps", "resource": "deployments" });
    let status = may(subject, get.clone()).await;
    assert_eq!(status["allowed"], true);
    assert!(status["reason"].as_str().unwrap().starts_with("RBAC: allowed by RoleBinding"), "{status}");
    for (key, value) in [("verb", "patch"), ("namespace", "default"), ("group", ""), ("subresource", "status")] {
        let mut other = get.clone();
        other[key] = json!(value);
        assert_eq!(may(subject, other).await["allowed"], false, "{key}: {value}");
    }
    let mut named = get;
    named["name"] = json!("a");
    assert_eq!(may(subject, named).await["allowed"], true, "the right to all is one to each");
    assert_eq!(may(subject, json!({ "verb": "list", "resource": "nodes" })).await["allowed"], false);
}

pub async fn nobody_grants_more_than_they_have(subject: &Subject) {
    let namespace = subject.namespace().await;
    let rules = json!([
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create", "patch"] },
        { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"] },
    ]);
    allow(subject, &namespace, rules).await;
    let role = |name: &str, resource: &str| {
        json!({
            "apiVersion": RBAC,
            "kind": "Role",
            "metadata": { "name": name },
            "rules": [{ "apiGroups": [""], "resources": [resource], "verbs": ["get"] }],
        })
    };
    let place = path(RBAC, &namespace, "roles");
    let reply = subject.ask("POST", &place).json(&role("a", "configmaps")).by_visitor().answer().await;
    reply.created();
    let reply = subject.ask("POST", &place).json(&role("b", "secrets")).by_visitor().answer().await;
    let text = "roles.rbac.authorization.k8s.io \"b\" is forbidden: user \"visitor\" (groups=[\"system:authenticated\"]) \
        is attempting to grant RBAC permissions not currently held:\n\
        {APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}";
    reply.refused_as(403, "Forbidden", text);
}
