//! What the server fills in, kind by kind. An object as it was sent and as it is kept have to be told apart by who compares them.

use serde_json::{Value, json};

use crate::live::fixtures::{config_map, config_maps, deployment, deployments, path};
use crate::live::subject::Subject;

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// An object without what is different each time.
fn shape(object: &Value) -> Value {
    let mut object = object.clone();
    for key in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "namespace"] {
        object["metadata"].as_object_mut().unwrap().remove(key);
    }
    object
}

/// Makes an object and shows its shape.
async fn made(subject: &Subject, path: &str, body: &Value) -> Value {
    shape(&subject.post(&format!("{path}?dryRun=All"), body).await.created())
}

pub async fn a_deployment_is_filled_in(subject: &Subject) {
    let namespace = subject.namespace().await;
    let kept = made(subject, &deployments(&namespace), &deployment("a")).await;
    let expected = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "a", "generation": 1 },
        "spec": {
            "progressDeadlineSeconds": 600,
            "replicas": 1,
            "revisionHistoryLimit": 10,
            "selector": { "matchLabels": { "app": "a" } },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } },
            "template": {
                "metadata": { "labels": { "app": "a" } },
                "spec": {
                    "containers": [{
                        "name": "main",
                        "image": "example/program:1",
                        "imagePullPolicy": "IfNotPresent",
                        "resources": {},
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                    }],
                    "dnsPolicy": "ClusterFirst",
                    "restartPolicy": "Always",
                    "schedulerName": "default-scheduler",
                    "securityContext": {},
                    "terminationGracePeriodSeconds": 30,
                },
            },
        },
        "status": {},
    });
    assert_eq!(kept, expected);
}

pub async fn a_container_is_filled_in(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = deployment("a");
    body["spec"]["template"]["spec"] = json!({
        "serviceAccountName": "b",
        "containers": [{
            "name": "main",
            "image": "example/program",
            "env": [
                { "name": "TOKEN", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } },
                { "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                { "name": "EMPTY", "value": "" },
            ],
            "ports": [{ "containerPort": 8443, "name": "https" }],
            "livenessProbe": { "httpGet": { "path": "/healthz", "port": 8081 } },
            "resources": { "limits": { "cpu": "0.5", "memory": "128Mi" } },
        }],
        "volumes": [
            { "name": "one", "secret": { "secretName": "s" } },
            { "name": "two", "configMap": { "name": "c" } },
            { "name": "three", "hostPath": { "path": "/p" } },
        ],
    });
    let kept = made(subject, &deployments(&namespace), &body).await;
    let spec = &kept["spec"]["template"]["spec"];
    assert_eq!(
        (&spec["serviceAccountName"], &spec["serviceAccount"]),
        (&json!("b"), &json!("b")),
        "an older name beside it"
    );
    let container = &spec["containers"][0];
    assert_eq!(container["imagePullPolicy"], "Always", "the image has no tag");
    let field = json!({ "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.name" } });
    assert_eq!(container["env"][1]["valueFrom"], field);
    assert_eq!(container["env"][2], json!({ "name": "EMPTY" }), "an empty text is left out");
    assert_eq!(container["ports"], json!([{ "containerPort": 8443, "name": "https", "protocol": "TCP" }]));
    let probe = json!({
        "httpGet": { "path": "/healthz", "port": 8081, "scheme": "HTTP" },
        "failureThreshold": 3,
        "periodSeconds": 10,
        "successThreshold": 1,
        "timeoutSeconds": 1,
    });
    assert_eq!(container["livenessProbe"], probe);
    let resources = json!({ "limits": { "cpu": "500m", "memory": "128Mi" } });
    assert_eq!(container["resources"], resources, "quantities have one spelling");
    let volumes = json!([
        { "name": "one", "secret": { "secretName": "s", "defaultMode": 420 } },
        { "name": "two", "configMap": { "name": "c", "defaultMode": 420 } },
        { "name": "three", "hostPath": { "path": "/p", "type": "" } },
    ]);
    assert_eq!(spec["volumes"], volumes);
}

pub async fn a_service_is_filled_in(subject: &Subject) {
    let namespace = subject.namespace().await;
    let body = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "a" },
        "spec": { "selector": { "app": "a" }, "ports": [{ "name": "https", "port": 8443, "targetPort": "https" }] },
    });
    // Not as a trial, which gives no address.
    let services = path("v1", &namespace, "services");
    let mut kept = shape(&subject.post(&services, &body).await.created());
    let address = kept["spec"]["clusterIP"].take();
    assert!(address.as_str().unwrap().starts_with("10."), "{address}");
    assert_eq!(kept["spec"]["clusterIPs"].take(), json!([address]));
    let expected = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "a" },
        "spec": {
            "clusterIP": null,
            "clusterIPs": null,
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{ "name": "https", "port": 8443, "protocol": "TCP", "targetPort": "https" }],
            "selector": { "app": "a" },
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": { "loadBalancer": {} },
    });
    assert_eq!(kept, expected);
}

pub async fn an_account_and_roles_are_kept_as_they_are(subject: &Subject) {
    let namespace = subject.namespace().await;
    let rules = json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }]);
    let reference = |kind: &str| json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "r" });
    let subjects = json!([{ "kind": "ServiceAccount", "name": "a", "namespace": namespace }]);
    let metadata = json!({ "name": "a" });
    for (path, body) in [
        (
            path("v1", &namespace, "serviceaccounts"),
            json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata }),
        ),
        (
            path(RBAC, &namespace, "roles"),
            json!({ "apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": rules }),
        ),
        (
            path(RBAC, &namespace, "rolebindings"),
            json!({
                "apiVersion": RBAC,
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": reference("Role"),
                "subjects": subjects,
            }),
        ),
        (
            format!("/apis/{RBAC}/clusterroles"),
            json!({ "apiVersion": RBAC, "kind": "ClusterRole", "metadata": metadata, "rules": rules }),
        ),
        (
            format!("/apis/{RBAC}/clusterrolebindings"),
            json!({
                "apiVersion": RBAC,
                "kind": "ClusterRoleBinding",
                "metadata": metadata,
                "roleRef": reference("ClusterRole"),
                "subjects": subjects,
            }),
        ),
    ] {
        assert_eq!(made(subject, &path, &body).await, body);
    }
}

pub async fn a_binding_is_filled_in(subject: &Subject) {
    let namespace = subject.namespace().await;
    let body = json!({
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": { "name": "a" },
        "roleRef": { "kind": "Role", "name": "r", "apiGroup": "" },
        "subjects": [{ "kind": "ServiceAccount", "name": "a", "namespace": "n" }, { "kind": "User", "name": "u" }],
    });
    let kept = made(subject, &path(RBAC, &namespace, "rolebindings"), &body).await;
    assert_eq!(kept["roleRef"]["apiGroup"], "rbac.authorization.k8s.io");
    let expected = json!([
        { "kind": "ServiceAccount", "name": "a", "namespace": "n" },
        { "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "u" },
    ]);
    assert_eq!(kept["subjects"], expected);
}

pub async fn a_binding_keeps_its_role(subject: &Subject) {
    let namespace = subject.namespace().await;
    let bindings = path(RBAC, &namespace, "rolebindings");
    let body = json!({
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": { "name": "a" },
        "roleRef": { "kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io" },
    });
    subject.post(&bindings, &body).await.created();
    let change = json!({ "roleRef": { "name": "other" } });
    let status = subject.merge(&format!("{bindings}/a"), &change).await.refused(422, "Invalid");
    assert!(status["message"].as_str().unwrap().contains("cannot change roleRef"), "{status}");
}

pub async fn a_config_map_may_hold_bytes(subject: &Subject) {
    let namespace = subject.namespace().await;
    let mut body = config_map("a", &json!({ "text": "t" }));
    body["binaryData"] = json!({ "bytes": "AAE=" });
    let kept = made(subject, &config_maps(&namespace), &body).await;
    assert_eq!((&kept["data"], &kept["binaryData"]), (&json!({ "text": "t" }), &json!({ "bytes": "AAE=" })));
    body["binaryData"] = json!({ "text": "AAE=" });
    let status = subject.post(&config_maps(&namespace), &body).await.refused(422, "Invalid");
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .contains("data[text]: Invalid value: \"text\": duplicate of key present in binaryData"),
        "{status}"
    );
}

pub async fn a_lease_is_kept_as_it_is(subject: &Subject) {
    let namespace = subject.namespace().await;
    let body = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": "a" },
        "spec": {
            "holderIdentity": "me",
            "leaseDurationSeconds": 15,
            "acquireTime": "2026-01-02T03:04:05.000000Z",
            "renewTime": "2026-01-02T03:04:05.600000Z",
            "leaseTransitions": 1,
        },
    });
    assert_eq!(made(subject, &path("coordination.k8s.io/v1", &namespace, "leases"), &body).await, body);
}
