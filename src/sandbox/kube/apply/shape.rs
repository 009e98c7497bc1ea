//! What the merge has to know of a type: which lists are merged item by item and by what, and which maps are whole.
//!
//! For the built-in kinds: the markers `+listType`, `+listMapKey`, `+mapType` and `+structType` of k8s.io/api v0.36
//! (`core/v1`, `apps/v1`, `rbac/v1`, `meta/v1`). For custom kinds: the `x-kubernetes-…` words of their schema.

use serde_json::Value;

/// Where in a type the walk is.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// In a built-in type, by its notation in [`FIELDS`].
    BuiltIn(&'static str),
    /// At the top of a custom kind: its schema, and the metadata of every object.
    Custom(&'a Value),
    /// In a schema.
    Schema(&'a Value),
    /// Where nothing is known: maps are merged and lists are whole.
    Unknown,
}

/// How a list is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// It is one value.
    Whole,
    /// Each item is a value of its own.
    Set,
    /// Each item is known by these of its fields; the second is what one that is left out means.
    ByKeys(Vec<(String, Option<Value>)>),
}

/// Type, field, and the field's type: a name of a type; `[]TYPE by KEYS` for a list whose items are known by keys;
/// `set`; `whole`; `map` for a map of values and `{}TYPE` for one of a type. What is not here is a value, a list as a
/// whole, or a type without such fields.
const FIELDS: &[(&str, &str, &str)] = &[
    ("Object", "metadata", "ObjectMeta"),
    ("ObjectMeta", "labels", "map"),
    ("ObjectMeta", "annotations", "map"),
    ("ObjectMeta", "finalizers", "set"),
    ("ObjectMeta", "ownerReferences", "[]whole by uid"),
    ("ConfigMap", "data", "map"),
    ("ConfigMap", "binaryData", "map"),
    ("Secret", "data", "map"),
    ("Secret", "stringData", "map"),
    ("ServiceAccount", "secrets", "[]whole by name"),
    ("Namespace", "status", "Conditions"),
    ("Node", "status", "NodeStatus"),
    ("NodeStatus", "conditions", "[]Condition by type"),
    ("NodeStatus", "addresses", "[]NodeAddress by type"),
    ("NodeStatus", "capacity", "map"),
    ("NodeStatus", "allocatable", "map"),
    ("Conditions", "conditions", "[]Condition by type"),
    ("Event", "involvedObject", "whole"),
    ("Event", "related", "whole"),
    ("Service", "spec", "ServiceSpec"),
    ("Service", "status", "Conditions"),
    ("ServiceSpec", "ports", "[]ServicePort by port,protocol"),
    ("ServiceSpec", "selector", "whole"),
    ("Role", "rules", "whole"),
    ("ClusterRole", "rules", "whole"),
    ("RoleBinding", "roleRef", "whole"),
    ("ClusterRoleBinding", "roleRef", "whole"),
    ("CustomResourceDefinition", "status", "Conditions"),
    ("Pod", "spec", "PodSpec"),
    ("Pod", "status", "PodStatus"),
    ("PodStatus", "conditions", "[]Condition by type"),
    ("PodStatus", "podIPs", "[]PodIp by ip"),
    ("Deployment", "spec", "WorkloadSpec"),
    ("Deployment", "status", "Conditions"),
    ("ReplicaSet", "spec", "WorkloadSpec"),
    ("ReplicaSet", "status", "Conditions"),
    ("WorkloadSpec", "selector", "whole"),
    ("WorkloadSpec", "template", "PodTemplate"),
    ("PodTemplate", "metadata", "ObjectMeta"),
    ("PodTemplate", "spec", "PodSpec"),
    ("PodSpec", "containers", "[]Container by name"),
    ("PodSpec", "initContainers", "[]Container by name"),
    ("PodSpec", "ephemeralContainers", "[]Container by name"),
    ("PodSpec", "volumes", "[]Volume by name"),
    ("PodSpec", "imagePullSecrets", "[]whole by name"),
    ("PodSpec", "hostAliases", "[]HostAlias by ip"),
    ("PodSpec", "topologySpreadConstraints", "[]Spread by topologyKey,whenUnsatisfiable"),
    ("PodSpec", "schedulingGates", "[]SchedulingGate by name"),
    ("PodSpec", "resourceClaims", "[]ResourceClaim by name"),
    ("PodSpec", "nodeSelector", "whole"),
    ("PodSpec", "overhead", "map"),
    ("PodSpec", "affinity", "Affinity"),
    ("PodSpec", "resources", "Resources"),
    ("Affinity", "nodeAffinity", "NodeAffinity"),
    ("NodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "whole"),
    ("Spread", "labelSelector", "whole"),
    ("Container", "ports", "[]ContainerPort by containerPort,protocol"),
    ("Container", "env", "[]EnvVar by name"),
    ("Container", "volumeMounts", "[]VolumeMount by mountPath"),
    ("Container", "volumeDevices", "[]VolumeDevice by devicePath"),
    ("Container", "resources", "Resources"),
    ("EnvVar", "valueFrom", "EnvVarSource"),
    ("EnvVarSource", "secretKeyRef", "whole"),
    ("EnvVarSource", "configMapKeyRef", "whole"),
    ("EnvVarSource", "fieldRef", "whole"),
    ("EnvVarSource", "resourceFieldRef", "whole"),
    ("Resources", "limits", "map"),
    ("Resources", "requests", "map"),
    ("Resources", "claims", "[]ResourceClaim by name"),
    ("Volume", "csi", "CsiSource"),
    ("Volume", "ephemeral", "EphemeralSource"),
    ("CsiSource", "nodePublishSecretRef", "whole"),
    ("CsiSource", "volumeAttributes", "map"),
    ("EphemeralSource", "volumeClaimTemplate", "ClaimTemplate"),
    ("ClaimTemplate", "spec", "ClaimSpec"),
    ("ClaimSpec", "selector", "whole"),
    ("ClaimSpec", "dataSource", "whole"),
    ("ClaimSpec", "resources", "Resources"),
];

impl Shape<'_> {
    /// Of a built-in kind.
    pub fn of_kind(kind: &str) -> Self {
        let known = FIELDS.iter().map(|(of, _, _)| *of).find(|of| *of == kind);
        Self::BuiltIn(known.unwrap_or("Object"))
    }

    /// Of a field.
    #[must_use]
    pub fn field(self, name: &str) -> Self {
        match self {
            Self::BuiltIn(of) => Self::BuiltIn(built_in(of, name)),
            Self::Custom(_) if name == "metadata" => Self::BuiltIn("ObjectMeta"),
            Self::Custom(schema) | Self::Schema(schema) => match property(schema, name) {
                Some(found) => Self::Schema(found),
                None => Self::Unknown,
            },
            Self::Unknown => Self::Unknown,
        }
    }

    /// Of an item of a list.
    #[must_use]
    pub fn item(self) -> Self {
        match self {
            Self::BuiltIn(of) => {
                let item = of.strip_prefix("[]").and_then(|rest| rest.split_once(" by "));
                Self::BuiltIn(item.map_or("", |(item, _)| item))
            }
            Self::Schema(schema) => schema.get("items").map_or(Self::Unknown, Self::Schema),
            Self::Custom(_) | Self::Unknown => Self::Unknown,
        }
    }

    /// Whether a field is one of the type, and not a key of a map.
    pub fn is_declared(self, name: &str) -> bool {
        match self {
            Self::BuiltIn(of) => of != "map" && !of.starts_with("{}"),
            Self::Custom(schema) => {
                ["apiVersion", "kind", "metadata"].contains(&name) || schema["properties"].get(name).is_some()
            }
            Self::Schema(schema) => schema["properties"].get(name).is_some(),
            Self::Unknown => false,
        }
    }

    /// Whether a map is one value.
    pub fn is_whole_map(self) -> bool {
        match self {
            Self::BuiltIn(of) => of == "whole",
            Self::Schema(schema) => schema["x-kubernetes-map-type"] == "atomic",
            Self::Custom(_) | Self::Unknown => false,
        }
    }

    /// How a list is merged.
    pub fn listing(self) -> Listing {
        match self {
            Self::BuiltIn("set") => Listing::Set,
            Self::BuiltIn(of) => match of.strip_prefix("[]").and_then(|rest| rest.split_once(" by ")) {
                Some((_, keys)) => {
                    let meant = |key: &str| (key == "protocol").then(|| Value::from("TCP"));
                    Listing::ByKeys(keys.split(',').map(|key| (key.to_owned(), meant(key))).collect())
                }
                None => Listing::Whole,
            },
            Self::Schema(schema) => of_schema(schema),
            Self::Custom(_) | Self::Unknown => Listing::Whole,
        }
    }
}

fn built_in(of: &'static str, name: &str) -> &'static str {
    if let Some(of) = of.strip_prefix("{}") {
        return of;
    }
    let lookup =
        |of: &str| FIELDS.iter().find(|(parent, field, _)| *parent == of && *field == name).map(|(_, _, to)| *to);
    // Every kind has metadata; types inside of others that have a field of that name are in the table themselves.
    lookup(of).or_else(|| lookup("Object").filter(|_| of.starts_with(char::is_uppercase))).unwrap_or("")
}

/// The schema of a field: declared, or of all that are not.
pub fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema["properties"].get(name).or_else(|| schema.get("additionalProperties").filter(|rest| rest.is_object()))
}

fn of_schema(schema: &Value) -> Listing {
    match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => Listing::Set,
        Some("map") => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
            let meant = |key: &str| schema["items"]["properties"][key].get("default").cloned();
            Listing::ByKeys(keys.filter_map(|key| key.as_str()).map(|key| (key.to_owned(), meant(key))).collect())
        }
        _ => Listing::Whole,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_known_by_number_and_protocol() {
        let pod = Shape::of_kind("Deployment").field("spec").field("template").field("spec");
        let ports = pod.field("containers").item().field("ports");
        let keys = vec![("containerPort".to_owned(), None), ("protocol".to_owned(), Some(json!("TCP")))];
        assert_eq!(ports.listing(), Listing::ByKeys(keys));
        assert_eq!(pod.field("tolerations").listing(), Listing::Whole);
        assert!(pod.field("nodeSelector").is_whole_map());
        assert!(!pod.field("securityContext").is_whole_map());
    }

    #[test]
    fn a_schema_says_it_in_its_own_words() {
        let schema = json!({ "properties": { "spec": { "properties": { "tags": { "x-kubernetes-list-type": "set" },
            "env": { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] } } } } });
        let spec = Shape::Custom(&schema).field("spec");
        assert_eq!(spec.field("tags").listing(), Listing::Set);
        assert_eq!(spec.field("env").listing(), Listing::ByKeys(vec![("name".to_owned(), None)]));
        assert_eq!(Shape::Custom(&schema).field("metadata").field("finalizers").listing(), Listing::Set);
    }
}
