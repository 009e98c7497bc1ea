//! Whether an answer is about the thing that was asked for: going on with the id of another one would change that.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::wire::{self, Document};
use crate::http::unescaped;

/// What a document says that it is about; whatever is not told in words is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    id: Option<String>,
    kind: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    data: Resource,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    id: serde_json::Value,
    #[serde(default, rename = "type")]
    kind: serde_json::Value,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    name: serde_json::Value,
    #[serde(default)]
    key: serde_json::Value,
}

impl Identity {
    /// That of a document, sent or answered.
    pub(super) fn of(body: &[u8]) -> Self {
        let Ok(Envelope { data }) = serde_json::from_slice(body) else { return Self::default() };
        let Resource { id, kind, attributes: Attributes { name, key } } = data;
        let word = |value: serde_json::Value| value.as_str().map(str::to_owned);
        Self { id: word(id), kind: word(kind), name: word(name).or_else(|| word(key)) }
    }
}

/// A document with what it says that it is about.
///
/// # Errors
/// When it has another form.
pub(super) fn identified<T: DeserializeOwned>(body: &[u8]) -> Result<(Identity, Document<T>), serde_json::Error> {
    Ok((Identity::of(body), wire::document(body)?))
}

/// What an answer has to be about.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) id: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
}

impl Wanted {
    /// What was sent.
    pub(super) fn sent(sent: &Identity) -> Self {
        let Identity { id, kind, name } = sent.clone();
        Self { id, kind, name }
    }

    /// What has this path: its last part is the id, and the one before it the type. A workspace in an organisation is
    /// found by its name.
    pub(super) fn at(path: &str, sent: &Identity) -> Self {
        let parts: Vec<String> = path.split('/').map(unescaped).collect();
        let last = parts.last().cloned();
        match parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["organizations", _, "workspaces", _] => Self { id: None, kind: Some("workspaces".to_owned()), name: last },
            [.., kind, _] => {
                Self { id: last, kind: sent.kind.clone().or_else(|| Some((*kind).to_owned())), name: None }
            }
            _ => Self::default(),
        }
    }

    /// What is wrong with an answer, if anything is. One that says nothing of itself is read as before.
    pub(super) fn mistaken(&self, answered: &Identity) -> Option<String> {
        let Identity { id, kind, name } = answered;
        let differs = |wanted: &Option<String>, came: &Option<String>, same: fn(&str, &str) -> bool| {
            let (wanted, came) = (wanted.as_ref()?, came.as_ref()?);
            (!same(wanted, came)).then(|| (wanted.clone(), came.clone()))
        };
        let told = |what: &str, (wanted, came): (String, String)| {
            format!("the answer is about another thing: asked for the {what} {wanted}, it has {came}")
        };
        let other_kind = differs(&self.kind, kind, is_same_kind).map(|pair| told("type", pair));
        let is_organization = self.kind.as_deref() == Some("organizations");
        // Their names are their ids, and found in whatever case they are asked for.
        let same_id = if is_organization { str::eq_ignore_ascii_case } else { <str as PartialEq>::eq };
        let other_id = || differs(&self.id, id, same_id).map(|pair| told("id", pair));
        let other_name = || differs(&self.name, name, <str as PartialEq>::eq).map(|pair| told("name", pair));
        other_kind.or_else(other_id).or_else(other_name)
    }
}

/// Types that HCP writes in two ways: go-tfe, its documentation and its `OpenAPI` file do not agree on them.
const SYNONYMS: [[&str; 2]; 2] =
    [["agent-tokens", "authentication-tokens"], ["notification-configuration", "notification-configurations"]];

fn is_same_kind(wanted: &str, came: &str) -> bool {
    wanted == came || SYNONYMS.iter().any(|pair| pair.contains(&wanted) && pair.contains(&came))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(kind: &str, id: &str, name: &str) -> Identity {
        let body = serde_json::json!({ "data": { "type": kind, "id": id, "attributes": { "name": name } } });
        Identity::of(body.to_string().as_bytes())
    }

    #[test]
    fn an_answer_about_another_thing_is_one() {
        let sent = Identity { kind: Some("workspaces".to_owned()), ..Identity::default() };
        let wanted = Wanted::at("workspaces/ws-1", &sent);
        assert_eq!(wanted.mistaken(&identity("workspaces", "ws-1", "x")), None);
        assert_eq!(
            wanted.mistaken(&identity("workspaces", "ws-2", "x")).unwrap(),
            "the answer is about another thing: asked for the id ws-1, it has ws-2"
        );
        assert!(wanted.mistaken(&identity("projects", "ws-1", "x")).unwrap().contains("the type workspaces"));
        assert_eq!(wanted.mistaken(&Identity::default()), None);
    }

    #[test]
    fn a_path_says_what_it_leads_to() {
        let at = |path: &str| {
            let Wanted { id, kind, name } = Wanted::at(path, &Identity::default());
            [kind, id, name].map(Option::unwrap_or_default).join(" ")
        };
        assert_eq!(at("organizations/a%2Fb"), "organizations a/b ");
        assert_eq!(at("organizations/a/workspaces/w%20x"), "workspaces  w x");
        assert_eq!(at("varsets/v/relationships/vars/var-1"), "vars var-1 ");
    }

    #[test]
    fn types_with_two_spellings_are_the_same() {
        assert!(is_same_kind("notification-configurations", "notification-configuration"));
        assert!(!is_same_kind("vars", "varsets"));
    }
}
