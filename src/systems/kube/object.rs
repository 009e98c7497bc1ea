//! An object as it is sent to a cluster.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, Resource};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An object that is wanted: which one it is, and all that we say of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// The API group and its version: `v1`, `apps/v1`.
    pub api_version: String,
    /// The kind: `Deployment`.
    pub kind: String,
    /// The namespace; `None` of a kind that belongs to the whole cluster.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// All of it, `apiVersion` and `metadata` included. Nothing in it is null: in a server-side apply, null is a field
    /// that we would own.
    pub value: Value,
}

impl Object {
    /// The object that a typed one describes.
    #[must_use]
    pub fn of<T: Resource + Metadata<Ty = ObjectMeta> + Serialize>(typed: &T) -> Self {
        // Keys of a Kubernetes type are its fields and texts, so there is always a JSON of it.
        let value = serde_json::to_value(typed).unwrap_or_default();
        let metadata = typed.metadata();
        Self {
            api_version: T::API_VERSION.to_owned(),
            kind: T::KIND.to_owned(),
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone().unwrap_or_default(),
            value: without_nulls(value),
        }
    }

    /// The parts of its address, below the cluster's: the kind, the namespace if there is one, and the name.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        [Some(self.kind.clone()), self.namespace.clone(), Some(self.name.clone())].into_iter().flatten().collect()
    }
}

impl fmt::Display for Object {
    /// `Deployment/hcp-terraform/hcp-terraform-operator`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().join("/"))
    }
}

/// The same value without members that are null. Items of lists stay, whatever they are, so that none moves.
#[must_use]
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, member)| !member.is_null());
            Value::Object(kept.map(|(key, member)| (key, without_nulls(member))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use k8s_openapi::api::rbac::v1::ClusterRole;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_knows_what_it_is() {
        let metadata =
            ObjectMeta { name: Some("a".to_owned()), namespace: Some("n".to_owned()), ..ObjectMeta::default() };
        let object = Object::of(&ConfigMap { metadata, ..ConfigMap::default() });
        assert_eq!(object.to_string(), "ConfigMap/n/a");
        assert_eq!(
            object.value,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}})
        );
        let metadata = ObjectMeta { name: Some("a".to_owned()), ..ObjectMeta::default() };
        let object = Object::of(&ClusterRole { metadata, ..ClusterRole::default() });
        assert_eq!(
            (object.to_string(), object.api_version),
            ("ClusterRole/a".to_owned(), ClusterRole::API_VERSION.to_owned())
        );
        // An empty list of rules is said, as the kind requires it; a null one would be a field of ours.
        assert_eq!(object.value.get("rules"), None);
    }

    #[test]
    fn nulls_vanish_from_maps_at_every_depth() {
        let value = json!({"a": null, "b": {"c": null, "d": [{"e": null, "f": 0}, null, ""]}});
        assert_eq!(without_nulls(value), json!({"b": {"d": [{"f": 0}, null, ""]}}));
    }
}
