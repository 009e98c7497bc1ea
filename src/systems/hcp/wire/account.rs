//! The account behind a token.

use serde::Deserialize;

use super::super::observed::TokenOwner;
use super::{Resource, ToOne};

/// An account. HCP makes one of its own for each token of a team or an organisation.
pub type Account = Resource<AccountAttributes, AccountRelations>;

/// An account's attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AccountAttributes {
    /// Its name.
    #[serde(default)]
    pub username: Option<String>,
    /// It stands for a team or an organisation.
    #[serde(default)]
    pub is_service_account: Option<bool>,
}

/// What an account is related to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct AccountRelations {
    /// Whose token it is that was sent.
    pub authenticated_resource: ToOne,
}

/// Whose token it is, if the answer says so.
#[must_use]
pub fn owner(account: Account) -> Option<TokenOwner> {
    let AccountAttributes { username, is_service_account } = account.attributes;
    match account.relationships.authenticated_resource.data {
        Some(of) => match of.kind.as_str() {
            "users" => Some(TokenOwner::User(username.unwrap_or(of.id))),
            "teams" => Some(TokenOwner::Team(of.id)),
            // An organisation's id is its name.
            "organizations" => Some(TokenOwner::Organization(of.id)),
            "runs" => Some(TokenOwner::Run(of.id)),
            _ => None,
        },
        // Older servers do not say it; of a person the name is enough.
        None => username.filter(|_| is_service_account == Some(false)).map(TokenOwner::User),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::document;
    use super::*;

    fn of(service: bool, resource: &Value) -> Option<TokenOwner> {
        let attributes = json!({ "username": "anna", "is-service-account": service });
        let relationships = json!({ "authenticated-resource": { "data": resource } });
        let account = json!({ "data": { "id": "user-1", "type": "users", "attributes": attributes, "relationships": relationships } });
        owner(document::<Account>(account.to_string().as_bytes()).unwrap().data)
    }

    #[test]
    fn each_kind_of_token_has_its_owner() {
        assert_eq!(of(false, &json!({ "id": "user-1", "type": "users" })), Some(TokenOwner::User("anna".to_owned())));
        assert_eq!(of(true, &json!({ "id": "team-1", "type": "teams" })), Some(TokenOwner::Team("team-1".to_owned())));
        let organization = json!({ "id": "example-house", "type": "organizations" });
        assert_eq!(of(true, &organization), Some(TokenOwner::Organization("example-house".to_owned())));
        assert_eq!(of(true, &json!({ "id": "run-1", "type": "runs" })), Some(TokenOwner::Run("run-1".to_owned())));
    }

    #[test]
    fn what_is_not_said_is_not_made_up() {
        assert_eq!(of(false, &Value::Null), Some(TokenOwner::User("anna".to_owned())));
        assert_eq!(of(true, &Value::Null), None);
        assert_eq!(of(true, &json!({ "id": "x-1", "type": "robots" })), None);
    }
}
