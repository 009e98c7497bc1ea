//! The archive of the operator's chart, as far as this program reads it: what it is called, and the definitions of its kinds.
//!
//! It is of our own making. The schemas are those parts of the operator's API that a fleet uses, in our words; the rest of
//! each kind is let through unchecked.

use std::io;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

/// What it is called.
const CHART: &str = "hcp-terraform-operator";
/// Versions of it that are served.
const VERSIONS: [&str; 2] = ["2.9.2", "2.12.0"];

/// Answers a request for an archive: `hcp-terraform-operator-2.12.0.tgz`.
pub fn archive(file: &str) -> Option<Vec<u8>> {
    let version = file.strip_prefix(CHART)?.strip_prefix('-')?.strip_suffix(".tgz")?;
    let version = VERSIONS.iter().find(|known| **known == version)?;
    packed(version).ok()
}

fn packed(version: &str) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut add = |path: String, text: String| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, path, text.as_bytes())
    };
    add(
        format!("{CHART}/Chart.yaml"),
        format!("apiVersion: v2\nname: {CHART}\nversion: {version}\nappVersion: {version}\n"),
    )?;
    for kind in kinds(version) {
        // JSON is YAML too.
        add(format!("{CHART}/crds/app.terraform.io_{}.yaml", kind.plural), kind.definition().to_string())?;
    }
    archive.into_inner()?.finish()
}

/// A kind of the operator.
struct Kind {
    name: &'static str,
    plural: &'static str,
    /// `app.terraform.io/crd-schema-version` of its definition in the chart.
    schema: &'static str,
    spec: Value,
}

/// The kinds that a version brings (`crds/` of the chart).
fn kinds(version: &str) -> Vec<Kind> {
    let open = || json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let mut kinds = vec![
        Kind { name: "AgentPool", plural: "agentpools", schema: "v25.4.0", spec: agent_pool() },
        Kind { name: "Module", plural: "modules", schema: "v25.4.0", spec: open() },
        Kind { name: "Project", plural: "projects", schema: "v25.4.0", spec: open() },
        Kind { name: "Workspace", plural: "workspaces", schema: "v25.4.0", spec: open() },
    ];
    if version != "2.9.2" {
        for (name, plural) in [("AgentToken", "agenttokens"), ("RunsCollector", "runscollectors")] {
            kinds.push(Kind { name, plural, schema: "v25.11.0", spec: open() });
        }
    }
    kinds
}

impl Kind {
    fn definition(&self) -> Value {
        let Self { name, plural, schema, spec } = self;
        let singular = name.to_ascii_lowercase();
        let status = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": format!("{plural}.app.terraform.io"),
                "labels": { "app.terraform.io/crd-schema-version": schema },
            },
            "spec": {
                "group": "app.terraform.io",
                "names": { "kind": name, "listKind": format!("{name}List"), "plural": plural, "singular": singular },
                "scope": "Namespaced",
                "versions": [{
                    "name": "v1alpha2",
                    "served": true,
                    "storage": true,
                    "subresources": { "status": {} },
                    "schema": { "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "apiVersion": { "type": "string" },
                            "kind": { "type": "string" },
                            "metadata": { "type": "object" },
                            "spec": spec,
                            "status": status,
                        },
                        "required": ["spec"],
                    } },
                }],
            },
        })
    }
}

/// The schema of an agent pool's spec.
fn agent_pool() -> Value {
    let text = || json!({ "type": "string" });
    let count = || json!({ "type": "integer", "format": "int32" });
    let name = || json!({ "type": "string", "minLength": 1 });
    let texts = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    json!({
        "type": "object",
        "required": ["name", "organization", "token"],
        "properties": {
            "name": name(),
            "organization": name(),
            "token": {
                "type": "object",
                "required": ["secretKeyRef"],
                "properties": { "secretKeyRef": {
                    "type": "object",
                    "required": ["key"],
                    "properties": { "name": text(), "key": text(), "optional": { "type": "boolean" } },
                    "x-kubernetes-map-type": "atomic",
                } },
            },
            "agentTokens": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": { "name": name(), "id": text(), "createdAt": count(), "lastUsedAt": count() },
                },
            },
            "agentDeployment": {
                "type": "object",
                "properties": {
                    "replicas": count(),
                    "annotations": texts.clone(),
                    "labels": texts,
                    "spec": {
                        "type": "object",
                        "required": ["containers"],
                        "properties": { "containers": {
                            "type": "array",
                            "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                        } },
                        "x-kubernetes-preserve-unknown-fields": true,
                    },
                },
            },
            "autoscaling": {
                "type": "object",
                "required": ["minReplicas", "maxReplicas"],
                "properties": {
                    "minReplicas": count(),
                    "maxReplicas": count(),
                    "cooldownPeriodSeconds": { "type": "integer", "format": "int32", "default": 300 },
                    "cooldownPeriod": {
                        "type": "object",
                        "properties": { "scaleUpSeconds": count(), "scaleDownSeconds": count() },
                    },
                    "targetWorkspaces": {
                        "type": "array",
                        "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                    },
                },
            },
            "deletionPolicy": { "type": "string", "enum": ["retain", "destroy"], "default": "retain" },
        },
    })
}
