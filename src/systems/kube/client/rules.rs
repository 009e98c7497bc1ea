//! What we may do, as a cluster says it itself.

use serde::{Deserialize, Deserializer, Serialize};

/// What a `SelfSubjectRulesReview` says of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The cluster knows more than it says: a permission that is not in here may be there all the same.
    pub incomplete: bool,
    /// Why that is so.
    pub trouble: Option<String>,
    /// What is allowed.
    pub rules: Vec<Rule>,
}

/// Each of the verbs, on each of the resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rule {
    /// `get`, or `*`
    #[serde(deserialize_with = "or_none")]
    pub verbs: Vec<String>,
    #[serde(deserialize_with = "or_none")]
    /// `apps`, the empty one for the core group, or `*`
    pub api_groups: Vec<String>,
    #[serde(deserialize_with = "or_none")]
    /// `deployments`, `deployments/status`, `*/status`, or `*`
    pub resources: Vec<String>,
    #[serde(deserialize_with = "or_none")]
    /// Only on these objects, if there are any.
    pub resource_names: Vec<String>,
}

/// `SelfSubjectRulesReview.status` (authorization.k8s.io/v1).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    incomplete: bool,
    evaluation_error: String,
    resource_rules: Option<Vec<Rule>>,
}

/// An empty list of Go's may be written as `null`.
fn or_none<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<String>, D::Error> {
    Option::<Vec<String>>::deserialize(reader).map(Option::unwrap_or_default)
}

impl Rules {
    /// Reads the review that came back. `None` where it is none.
    pub(super) fn read(review: &serde_json::Value) -> Option<Self> {
        let status = Status::deserialize(review.get("status")?).ok()?;
        let Status { incomplete, evaluation_error, resource_rules } = status;
        Some(Self {
            incomplete,
            trouble: (!evaluation_error.is_empty()).then(|| crate::http::plain(&evaluation_error)),
            rules: resource_rules.unwrap_or_default(),
        })
    }

    /// Whether this is allowed: on the object of this name, or on all of them where there is none. A name that is not known
    /// beforehand, as with `create` and `list`, is never covered by a rule that names objects.
    ///
    /// As Kubernetes' own evaluation does it (`pkg/apis/rbac/v1/evaluation_helpers.go`, v1.36.3).
    #[must_use]
    pub fn allows(&self, verb: &str, group: &str, resource: &str, name: Option<&str>) -> bool {
        self.rules.iter().any(|rule| rule.allows(verb, group, resource, name))
    }
}

impl Rule {
    fn allows(&self, verb: &str, group: &str, resource: &str, name: Option<&str>) -> bool {
        let Self { verbs, api_groups, resources, resource_names } = self;
        let has = |list: &[String], one: &str| list.iter().any(|known| known == "*" || known == one);
        // `*/status` is the status of everything; `*` is everything with all its parts.
        let part = resource.split_once('/').map(|(_, part)| format!("*/{part}"));
        let resource = has(resources, resource) || part.is_some_and(|part| resources.contains(&part));
        let named = resource_names.is_empty() || name.is_some_and(|name| resource_names.iter().any(|one| one == name));
        has(verbs, verb) && has(api_groups, group) && resource && named
    }
}
