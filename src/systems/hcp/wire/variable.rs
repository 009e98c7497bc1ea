//! Variables of workspaces and variable sets.

use serde::{Deserialize, Serialize};

use super::super::observed::{self, SeenValue};
use super::super::{Category, VariableId, VariableKey};
use super::{Included, Resource, ToMany};
use crate::secret::{Carried, Compared};

/// The type of a variable.
pub const KIND: &str = "vars";

/// A variable's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VariableAttributes {
    /// Its key.
    pub key: String,
    /// Its value; null if it is sensitive.
    #[serde(default)]
    pub value: Option<String>,
    /// Text of a person's.
    #[serde(default)]
    pub description: Option<String>,
    /// `terraform`, `env`, or another word that we do not manage.
    pub category: String,
    /// The value is an HCL expression.
    #[serde(default)]
    pub hcl: Option<bool>,
    /// The value is never given back.
    #[serde(default)]
    pub sensitive: Option<bool>,
    /// Another one after every write, even of the same value.
    #[serde(default)]
    pub version_id: Option<String>,
}

/// A variable as it was read, before its value is compared with its source.
#[derive(Debug)]
pub struct Variable {
    /// Its id.
    pub id: VariableId,
    /// Its key.
    pub key: VariableKey,
    /// The value is an HCL expression.
    pub hcl: bool,
    /// Text of a person's.
    pub description: String,
    /// Its value, if anybody may see it.
    pub value: Option<String>,
    /// Another one after every write; "" where the server has none.
    pub version: String,
}

impl Variable {
    /// The variable that a resource is. `None` for categories that only HCP's own features use.
    #[must_use]
    pub fn of(resource: Resource<VariableAttributes>) -> Option<Self> {
        let VariableAttributes { key, value, description, category, hcl, sensitive, version_id } = resource.attributes;
        let category = match category.as_str() {
            "env" => Category::Env,
            "terraform" => Category::Terraform,
            _ => return None,
        };
        let readable = !sensitive.unwrap_or(false);
        Some(Self {
            id: VariableId(resource.id),
            key: VariableKey { category, key },
            hcl: hcl.unwrap_or(false),
            description: description.unwrap_or_default(),
            value: readable.then(|| value.unwrap_or_default()),
            version: version_id.unwrap_or_default(),
        })
    }

    /// What was seen of it. `secret` says that the spec takes its value from a secret's source: then a value that can
    /// be read goes no further.
    #[must_use]
    pub fn seen(self, secret: bool, compared: Option<Compared>) -> observed::Variable {
        let Self { id, key, hcl, description, value, version: _ } = self;
        let value = match value {
            None => SeenValue::Sensitive(compared),
            Some(_) if secret => SeenValue::Plain(String::new()),
            Some(value) => SeenValue::Plain(value),
        };
        observed::Variable { id, key, hcl, description, value }
    }
}

/// The variables of a thing that came along with it. `None` when some did not, or when nothing says how many there are.
#[must_use]
pub fn along(relation: &ToMany, included: &Included) -> Option<Vec<Resource<VariableAttributes>>> {
    relation.data.as_ref()?.iter().map(|id| included.get(KIND, &id.id)).collect()
}

/// Categories of variables that HCP's own features use.
const HCPS_OWN: [&str; 2] = ["terraform-cloud", "policy-set"];

/// The variables that resources are, by key, so that an answer's order makes no difference.
///
/// # Errors
/// With words for one of a category that nobody knows, if a key like this matters: it is there, and cannot be told from
/// one that is missing.
pub fn all(
    resources: Vec<Resource<VariableAttributes>>,
    matters: impl Fn(&str) -> bool,
) -> Result<Vec<Variable>, String> {
    let mut variables = Vec::with_capacity(resources.len());
    for resource in resources {
        let VariableAttributes { key, category, .. } = &resource.attributes;
        let known = HCPS_OWN.contains(&category.as_str())
            || [Category::Env, Category::Terraform].iter().any(|known| known.as_str() == category);
        if !known && matters(key) {
            return Err(format!("the variable {key} is of the category {category}, which this version does not know"));
        }
        variables.extend(Variable::of(resource));
    }
    variables.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
    Ok(variables)
}

/// A variable as it is sent; the value is borrowed, so that a secret is nowhere but in the body.
#[derive(Default, Serialize)]
pub struct VariableBody<'a> {
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<SentValue<'a>>,
    /// Text of a person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// Its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<&'a str>,
    /// The value is an HCL expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hcl: Option<bool>,
    /// The value is never given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitive: Option<bool>,
}

/// A value as it is sent.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum SentValue<'a> {
    /// One that anybody may see.
    Plain(&'a str),
    /// One that nobody may.
    Sensitive(Carried<'a>),
}

impl std::fmt::Debug for VariableBody<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VariableBody").field("key", &self.key).finish_non_exhaustive()
    }
}
