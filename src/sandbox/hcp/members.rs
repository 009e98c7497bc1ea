//! Memberships of the organization, and the users behind them.

use serde_json::{Value, json};

use super::{
    call::Call,
    jsonapi::{Answer, Outcome, Problem, instant, one, related},
    tags,
};
use crate::sandbox::world::{Member, MembershipStatus, TokenKind, World, letters};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["organizations", _, "organization-memberships"]) => list(world, call),
        ("POST", ["organizations", _, "organization-memberships"]) => invite(world, call),
        ("GET", ["organization-memberships"]) => own(world, call),
        ("GET", ["organization-memberships", id]) => show(world, call, id),
        ("DELETE", ["organization-memberships", id]) => remove(world, id),
        ("GET", ["users", id]) => user(world, id),
        _ => return None,
    };
    Some(outcome)
}

fn list(world: &World, call: &Call) -> Outcome {
    let wanted = call.includes(&["user", "teams", "scim-identity"])?;
    let status = match call.parameter("filter[status]") {
        None => None,
        Some(known @ ("active" | "invited" | "inactive")) => Some(known),
        Some(other) => return Err(Problem::bad_request(format!("Invalid filter parameter: {other} is no status"))),
    };
    let query = call.parameter("q").map(str::to_lowercase);
    let holds = |member: &Member| {
        let name = member.username.as_deref().unwrap_or_default().to_lowercase();
        let email = member.email.to_lowercase();
        status.is_none_or(|status| member.status.word() == status)
            && call.parameter("filter[email]").is_none_or(|wanted| wanted == member.email)
            && query.as_ref().is_none_or(|query| name.contains(query) || email.contains(query))
    };
    let found: Vec<(&String, &Member)> = world.members.iter().filter(|(_, member)| holds(member)).collect();
    let count = |status| world.members.values().filter(|member| member.status == status).count();
    let mut body = call.page(found, |(id, member)| render(world, id, member));
    body["meta"]["status-counts"] = json!({
        "total": world.members.len(),
        "active": count(MembershipStatus::Active),
        "invited": count(MembershipStatus::Invited),
    });
    if wanted.contains("user") {
        side_load(world, &mut body);
    }
    Ok(Answer::ok(body))
}

/// Adds the user of every membership in a document to its `included`.
fn side_load(world: &World, body: &mut Value) {
    let ids: Vec<String> = match &body["data"] {
        Value::Array(items) => items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect(),
        item => item["id"].as_str().map(str::to_owned).into_iter().collect(),
    };
    let users = ids.iter().filter_map(|id| world.members.get(id)).map(render_user).collect();
    tags::include(body, users);
}

fn show(world: &World, call: &Call, id: &str) -> Outcome {
    let wanted = call.includes(&["user", "teams"])?;
    let member = world.members.get(id).ok_or_else(Problem::not_found)?;
    let mut body = json!({ "data": render(world, id, member) });
    if wanted.contains("user") {
        side_load(world, &mut body);
    }
    Ok(Answer::ok(body))
}

/// Of the user behind the token; tokens of teams and organizations have no user, so none.
fn own(world: &World, call: &Call) -> Outcome {
    call.includes(&["user", "teams", "organization"])?;
    let found: Vec<(&String, &Member)> = world
        .members
        .iter()
        .filter(|(_, member)| call.kind == TokenKind::User && member.username.as_deref() == Some(&call.label))
        .collect();
    Ok(Answer::ok(call.page(found, |(id, member)| render(world, id, member))))
}

/// The user is invited by mail; the answer brings the user along (documentation, "Invite a User to an Organization").
fn invite(world: &mut World, call: &Call) -> Outcome {
    call.expect_type(&["organization-memberships"])?;
    let email = call.attributes().required("email")?;
    if !email.contains('@') {
        return Err(Problem::invalid("email", "Email is invalid"));
    }
    if call.relation_ids("teams")?.is_none_or(|teams| teams.is_empty()) {
        return Err(Problem::invalid_relationship("teams", "Teams can't be blank"));
    }
    if world.members.values().any(|member| member.email == email) {
        return Err(Problem::invalid("email", "User has already been taken"));
    }
    let member = Member {
        user: world.mint("user"),
        username: None,
        email,
        status: MembershipStatus::Invited,
        created_at: world.now,
    };
    let id = world.mint("ou");
    let body = json!({ "data": render(world, &id, &member), "included": [render_user(&member)] });
    world.members.insert(id, member);
    Ok(Answer { status: 201, body: Some(body) })
}

fn remove(world: &mut World, id: &str) -> Outcome {
    world.leave(id).map(|_| Answer::empty()).ok_or_else(Problem::not_found)
}

fn user(world: &World, id: &str) -> Outcome {
    let member = world.members.values().find(|member| member.user == id).ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&render_user(member)))
}

fn render(world: &World, id: &str, member: &Member) -> Value {
    let owners = format!("team-{}", letters("owners", 16));
    json!({
        "id": id,
        "type": "organization-memberships",
        "attributes": {
            "status": member.status.word(),
            "email": member.email,
            "created-at": instant(member.created_at),
        },
        "relationships": {
            "teams": { "data": [{ "id": owners, "type": "teams" }] },
            "user": one("users", &member.user),
            "organization": one("organizations", &world.organization.name),
        },
    })
}

fn render_user(member: &Member) -> Value {
    let path = format!("/api/v2/users/{}", member.user);
    json!({
        "id": member.user,
        "type": "users",
        "attributes": {
            "username": member.username,
            "is-service-account": false,
            "auth-method": "hcp_sso",
            "avatar-url": null,
            "two-factor": { "enabled": false, "verified": false },
            "email": member.email,
            "permissions": {
                "can-create-organizations": false,
                "can-change-email": false,
                "can-change-username": false,
                "can-manage-user-tokens": false,
            },
        },
        "relationships": { "authentication-tokens": related(&format!("{path}/authentication-tokens")) },
        "links": { "self": path },
    })
}
