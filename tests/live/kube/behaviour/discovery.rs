//! What there is.

use serde_json::{Value, json};

use crate::live::subject::Subject;

pub async fn the_version_is_told(subject: &Subject) {
    let version = subject.get("/version").await.ok();
    assert_eq!(version["major"], "1");
    let minor: u32 = version["minor"].as_str().unwrap().parse().expect("the minor version is a number");
    let full = version["gitVersion"].as_str().unwrap();
    assert!(full.starts_with(&format!("v1.{minor}.")), "{version}");
}

pub async fn it_says_that_it_is_ready(subject: &Subject) {
    for path in ["/readyz", "/livez", "/healthz"] {
        let reply = subject.get(path).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"), "{path}");
    }
}

pub async fn groups_are_listed_with_their_versions(subject: &Subject) {
    let core = subject.get("/api").await.ok();
    assert_eq!((&core["kind"], &core["versions"]), (&json!("APIVersions"), &json!(["v1"])));
    let list = subject.get("/apis").await.ok();
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("APIGroupList"), &json!("v1")));
    for group in
        ["apps", "rbac.authorization.k8s.io", "apiextensions.k8s.io", "authorization.k8s.io", "coordination.k8s.io"]
    {
        let found = list["groups"].as_array().unwrap().iter().find(|one| one["name"] == group);
        let found = found.unwrap_or_else(|| panic!("no group {group}"));
        let version = json!({ "groupVersion": format!("{group}/v1"), "version": "v1" });
        assert_eq!(found["preferredVersion"], version);
        assert!(found["versions"].as_array().unwrap().contains(&version), "{found}");
    }
}

pub async fn kinds_are_listed_with_their_verbs(subject: &Subject) {
    let all = ["create", "delete", "get", "list", "patch", "update", "watch"];
    let review = ["create"];
    let part = ["get", "patch", "update"];
    for (path, name, kind, is_namespaced, verbs) in [
        ("/api/v1", "namespaces", "Namespace", false, &all[..]),
        ("/api/v1", "namespaces/status", "Namespace", false, &part[..]),
        ("/api/v1", "configmaps", "ConfigMap", true, &all[..]),
        ("/api/v1", "secrets", "Secret", true, &all[..]),
        ("/api/v1", "services", "Service", true, &all[..]),
        ("/api/v1", "serviceaccounts", "ServiceAccount", true, &all[..]),
        ("/api/v1", "pods", "Pod", true, &all[..]),
        ("/api/v1", "events", "Event", true, &all[..]),
        ("/apis/apps/v1", "deployments", "Deployment", true, &all[..]),
        ("/apis/apps/v1", "deployments/status", "Deployment", true, &part[..]),
        ("/apis/coordination.k8s.io/v1", "leases", "Lease", true, &all[..]),
        ("/apis/rbac.authorization.k8s.io/v1", "roles", "Role", true, &all[..]),
        ("/apis/rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", true, &all[..]),
        ("/apis/rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false, &all[..]),
        ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", false, &all[..]),
        ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false, &all[..]),
        ("/apis/authorization.k8s.io/v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", false, &review[..]),
        ("/apis/authorization.k8s.io/v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false, &review[..]),
    ] {
        let list = subject.get(path).await.ok();
        assert_eq!(list["kind"], "APIResourceList");
        let version = path.trim_start_matches("/apis/").trim_start_matches("/api/");
        assert_eq!(list["groupVersion"], version);
        let resources = list["resources"].as_array().unwrap();
        let found = resources.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{path}: no {name}"));
        assert_eq!((&found["kind"], &found["namespaced"]), (&json!(kind), &json!(is_namespaced)), "{name}");
        for verb in verbs {
            assert!(found["verbs"].as_array().unwrap().contains(&json!(verb)), "{name}: {verb}: {found}");
        }
    }
}

pub async fn what_is_no_path_is_not_found(subject: &Subject) {
    for path in ["/apis/nothing.example.com", "/apis/nothing.example.com/v1", "/nothing"] {
        let reply = subject.get(path).await;
        // The mux in front of the groups answers, which knows no documents.
        assert_eq!((reply.status, reply.text().trim()), (404, "404 page not found"), "{path}");
    }
    let text = "the server could not find the requested resource";
    for path in [
        "/api/v1/nothings",
        "/api/v1/namespaces/default/nothings/a",
        "/apis/apps/v1/namespaces/default/pods",
        "/apis/apps/v9",
    ] {
        subject.get(path).await.refused_as(404, "NotFound", text);
    }
}

pub async fn who_is_unknown_is_told_so(subject: &Subject) {
    let reply = subject.ask("GET", "/api/v1/namespaces").with_token(Some("nobody-s")).answer().await;
    reply.refused_as(401, "Unauthorized", "Unauthorized");
    let reply = subject.ask("GET", "/api/v1/namespaces").with_token(None).answer().await;
    let text = "namespaces is forbidden: User \"system:anonymous\" cannot list resource \"namespaces\" in API group \"\" \
        at the cluster scope";
    reply.refused_as(403, "Forbidden", text);
}

pub async fn answers_are_json(subject: &Subject) {
    let reply = subject.get("/api/v1/namespaces/kube-system").await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.header("audit-id").is_some(), "{:?}", reply.headers);
    let object: Value = reply.ok();
    assert_eq!((&object["kind"], &object["apiVersion"]), (&json!("Namespace"), &json!("v1")));
}
