//! VCS connections: made in web pages, looked up here.

use serde_json::{Value, json};

use super::{
    call::Call,
    jsonapi::{Answer, Outcome, Problem, instant, many, one},
};
use crate::sandbox::world::{OauthClient, World};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["organizations", _, "oauth-clients"]) => list(world, call),
        ("GET", ["oauth-clients", id]) => show(world, call, id),
        ("GET", ["organizations", _, "oauth-tokens"]) => Ok(tokens(world, call, None)),
        ("GET", ["oauth-clients", id, "oauth-tokens"]) if world.oauth_clients.contains_key(*id) => {
            Ok(tokens(world, call, Some(id)))
        }
        ("GET", ["oauth-tokens", id]) => token(world, id),
        _ => return None,
    };
    Some(outcome)
}

fn list(world: &World, call: &Call) -> Outcome {
    let includes = call.includes(&["oauth_tokens", "projects"])?;
    let found: Vec<(&String, &OauthClient)> = world.oauth_clients.iter().collect();
    let mut body = call.page(found, |(id, client)| render(world, id, client));
    if includes.contains("oauth_tokens") {
        let all = world.oauth_clients.iter();
        let tokens = all.flat_map(|(id, client)| client.tokens.iter().map(|token| render_token(id, client, token)));
        super::tags::include(&mut body, tokens.collect());
    }
    Ok(Answer::ok(body))
}

fn show(world: &World, call: &Call, id: &str) -> Outcome {
    call.includes(&["oauth_tokens", "projects"])?;
    let client = world.oauth_clients.get(id).ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&render(world, id, client)))
}

fn tokens(world: &World, call: &Call, only: Option<&str>) -> Answer {
    let found: Vec<(&String, &OauthClient, &String)> = world
        .oauth_clients
        .iter()
        .filter(|(id, _)| only.is_none_or(|only| *id == only))
        .filter(|(_, client)| call.parameter("filter[provider]").is_none_or(|kind| client.service_provider == kind))
        .flat_map(|(id, client)| client.tokens.iter().map(move |token| (id, client, token)))
        .collect();
    Answer::ok(call.page(found, |(id, client, token)| render_token(id, client, token)))
}

fn token(world: &World, id: &str) -> Outcome {
    let owner = world.oauth_clients.iter().find(|(_, client)| client.tokens.contains(id));
    let (owner, client) = owner.ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&render_token(owner, client, id)))
}

/// What HCP shows of a provider: its name and addresses.
fn provider(kind: &str) -> (&'static str, &'static str, &'static str) {
    match kind {
        "gitlab_hosted" => ("GitLab.com", "https://gitlab.com", "https://gitlab.com/api/v4"),
        "bitbucket_hosted" => ("Bitbucket Cloud", "https://bitbucket.org", "https://api.bitbucket.org/2.0"),
        "ado_services" => ("Azure DevOps Services", "https://dev.azure.com", "https://dev.azure.com"),
        _ => ("GitHub", "https://github.com", "https://api.github.com"),
    }
}

fn render(world: &World, id: &str, client: &OauthClient) -> Value {
    let (display, http, api) = provider(&client.service_provider);
    let organization = &world.organization.name;
    let mut of_organization = one("organizations", organization);
    of_organization["links"] = json!({ "related": format!("/api/v2/organizations/{organization}") });
    let mut tokens = many("oauth-tokens", &client.tokens);
    tokens["links"] = json!({ "related": format!("/api/v2/oauth-clients/{id}/oauth-tokens") });
    json!({
        "id": id,
        "type": "oauth-clients",
        "attributes": {
            "name": client.name,
            "created-at": instant(client.created_at),
            "callback-url": null,
            "connect-path": null,
            "service-provider": client.service_provider,
            "service-provider-display-name": display,
            "http-url": http,
            "api-url": api,
            "key": null,
            "secret": null,
            "rsa-public-key": null,
            "organization-scoped": true,
        },
        "relationships": {
            "organization": of_organization,
            "projects": { "data": [] },
            "oauth-tokens": tokens,
            "agent-pool": { "data": null },
        },
    })
}

fn render_token(owner: &str, client: &OauthClient, id: &str) -> Value {
    let mut of_client = one("oauth-clients", owner);
    of_client["links"] = json!({ "related": format!("/api/v2/oauth-clients/{owner}") });
    json!({
        "id": id,
        "type": "oauth-tokens",
        "attributes": {
            "created-at": instant(client.created_at),
            "service-provider-user": "sandbox",
            "has-ssh-key": false,
        },
        "relationships": { "oauth-client": of_client },
        "links": { "self": format!("/api/v2/oauth-tokens/{id}") },
    })
}
