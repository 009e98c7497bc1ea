//! The organization, its entitlements and subscription, and the account behind the token.

use serde_json::{Value, json};

use super::{
    call::Call,
    jsonapi::{Answer, Outcome, Problem, instant, maybe, one, related},
    placement, projects,
};
use crate::sandbox::world::{Mode, TokenKind, World, letters};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", ["ping"]) => Ok(Answer::empty()),
        ("GET", ["account", "details"]) => Ok(Answer::resource(&account(world, call))),
        ("GET", ["organizations"]) => Ok(list(world, call)),
        ("GET", ["organizations", _]) => show(world, call),
        ("PATCH" | "PUT", ["organizations", _]) => update(world, call),
        ("GET", ["organizations", _, "entitlement-set"]) => Ok(Answer::resource(&entitlements(world))),
        ("GET", ["organizations", _, "capacity"]) => Ok(Answer::resource(&capacity(world))),
        ("GET", ["organizations", _, "subscription"]) => Ok(Answer::ok(subscribed(world))),
        ("PATCH", ["organizations", _, "subscription"]) => alert(world, call),
        ("GET", ["subscriptions", id]) if *id == subscription_id(world) => Ok(Answer::ok(subscribed(world))),
        _ => return None,
    };
    Some(outcome)
}

/// `q` searches both, its two longer forms one of name and address.
fn list(world: &World, call: &Call) -> Answer {
    let organization = &world.organization;
    let holds = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let (name, email) = (&organization.name, &organization.email);
    let found = call.parameter("q").is_none_or(|part| holds(name, part) || holds(email, part))
        && call.parameter("q[name]").is_none_or(|part| holds(name, part))
        && call.parameter("q[email]").is_none_or(|part| holds(email, part));
    Answer::ok(call.page(found.then_some(()).into_iter().collect(), |()| render(world)))
}

fn show(world: &World, call: &Call) -> Outcome {
    let wanted = call.includes(&["subscription", "entitlement_set", "default-project"])?;
    let mut body = json!({ "data": render(world) });
    let mut included = Vec::new();
    if wanted.contains("subscription") {
        included.push(subscription(world));
    }
    if wanted.contains("entitlement_set") {
        included.push(entitlements(world));
    }
    if wanted.contains("default-project") {
        let id = &world.organization.default_project;
        included.extend(world.projects.get(id).map(|project| projects::render(world, id, project)));
    }
    if !wanted.is_empty() {
        body["included"] = Value::Array(included);
    }
    Ok(Answer::ok(body))
}

fn update(world: &mut World, call: &Call) -> Outcome {
    // "Modify organization": no for an organization token (HCP's page on API tokens, 2026-04-24).
    if call.kind == TokenKind::Organization {
        return Err(Problem::not_found());
    }
    call.expect_type(&["organizations"])?;
    let fields = call.attributes();
    let mut changed = world.organization.clone();
    fields.text("email")?.set(&mut changed.email);
    fields.text("collaborator-auth-policy")?.set(&mut changed.collaborator_auth_policy);
    fields.count("session-timeout")?.set_or_clear(&mut changed.session_timeout);
    fields.count("session-remember")?.set_or_clear(&mut changed.session_remember);
    fields.flag("cost-estimation-enabled")?.set(&mut changed.cost_estimation_enabled);
    fields.flag("assessments-enforced")?.set(&mut changed.assessments_enforced);
    fields.flag("allow-force-delete-workspaces")?.set(&mut changed.allow_force_delete_workspaces);
    fields
        .flag("send-passing-statuses-for-untriggered-speculative-plans")?
        .set(&mut changed.send_passing_statuses_for_untriggered_speculative_plans);
    fields.flag("aggregated-commit-status-enabled")?.set(&mut changed.aggregated_commit_status_enabled);
    fields.flag("speculative-plan-management-enabled")?.set(&mut changed.speculative_plan_management_enabled);
    if changed.send_passing_statuses_for_untriggered_speculative_plans && changed.aggregated_commit_status_enabled {
        return Err(Problem::invalid(
            "send-passing-statuses-for-untriggered-speculative-plans",
            "can't be enabled together with aggregated-commit-status-enabled",
        ));
    }
    let (mode, pool) = placement::of_organization(world, call)?;
    changed.default_execution_mode = mode;
    changed.default_agent_pool = pool;
    changed.updated_at = world.now;
    world.organization = changed;
    Ok(Answer::resource(&render(world)))
}

/// The resource: its id is its name, its stable id an attribute.
pub fn render(world: &World) -> Value {
    let organization = &world.organization;
    let name = &organization.name;
    let path = format!("/api/v2/organizations/{name}");
    json!({
        "id": name,
        "type": "organizations",
        "attributes": {
            "name": name,
            "external-id": organization.external_id,
            "created-at": instant(organization.created_at),
            "email": organization.email,
            "session-timeout": organization.session_timeout,
            "session-remember": organization.session_remember,
            "collaborator-auth-policy": organization.collaborator_auth_policy,
            "plan-expired": false,
            "plan-expires-at": null,
            "plan-is-trial": false,
            "plan-is-enterprise": false,
            "plan-identifier": organization.tier.word(),
            "cost-estimation-enabled": organization.cost_estimation_enabled,
            "send-passing-statuses-for-untriggered-speculative-plans":
                organization.send_passing_statuses_for_untriggered_speculative_plans,
            "aggregated-commit-status-enabled": organization.aggregated_commit_status_enabled,
            "speculative-plan-management-enabled": organization.speculative_plan_management_enabled,
            "allow-force-delete-workspaces": organization.allow_force_delete_workspaces,
            "fair-run-queuing-enabled": true,
            "saml-enabled": false,
            "owners-team-saml-role-id": null,
            "two-factor-conformant": true,
            "assessments-enforced": organization.assessments_enforced,
            "is-in-degraded-mode": false,
            "default-execution-mode": organization.default_execution_mode.word(),
            "permissions": permissions(organization.tier.is_paid()),
        },
        "relationships": {
            "default-agent-pool": maybe("agent-pools", organization.default_agent_pool.as_deref()),
            "default-project": one("projects", &organization.default_project),
            "oauth-tokens": related(&format!("{path}/oauth-tokens")),
            "authentication-token": related(&format!("{path}/authentication-token")),
            "entitlement-set": {
                "data": { "id": organization.external_id, "type": "entitlement-sets" },
                "links": { "related": format!("{path}/entitlement-set") },
            },
            "subscription": {
                "data": { "id": subscription_id(world), "type": "subscriptions" },
                "links": { "related": format!("{path}/subscription") },
            },
        },
        "links": { "self": path },
    })
}

fn permissions(paid: bool) -> Value {
    json!({
        "can-update": true,
        "can-destroy": true,
        "can-access-via-teams": true,
        "can-create-module": true,
        "can-create-team": paid,
        "can-create-workspace": true,
        "can-create-project": true,
        "can-manage-users": true,
        "can-manage-subscription": true,
        "can-manage-varsets": true,
        "can-read-varsets": true,
        "can-update-oauth": true,
        "can-update-sentinel": paid,
        "can-update-ssh-keys": true,
        "can-update-api-token": true,
        "can-update-agent-pools": true,
        "can-manage-tags": true,
        "can-traverse": true,
        "can-start-trial": !paid,
        "can-manage-sso": paid,
        "can-create-provider": true,
        "can-manage-public-modules": true,
        "can-manage-public-providers": true,
        "can-manage-custom-providers": true,
        "can-manage-run-tasks": true,
        "can-read-run-tasks": true,
    })
}

/// The entitlement set: what the plan holds, attribute by attribute.
pub fn entitlements(world: &World) -> Value {
    let organization = &world.organization;
    let paid = organization.tier.is_paid();
    json!({
        "id": organization.external_id,
        "type": "entitlement-sets",
        "attributes": {
            "agents": true,
            "audit-logging": paid,
            "configuration-designer": true,
            "cost-estimation": paid,
            "global-run-tasks": paid,
            "module-tests-generation": false,
            "operations": true,
            "policy-enforcement": paid,
            "policy-limit": if paid { Value::Null } else { json!(5) },
            "policy-mandatory-enforcement-limit": null,
            "policy-set-limit": if paid { Value::Null } else { json!(1) },
            "private-module-registry": true,
            "private-policy-agents": paid,
            "private-run-tasks": true,
            "private-vcs": paid,
            "run-task-limit": if paid { Value::Null } else { json!(1) },
            "run-task-mandatory-enforcement-limit": if paid { Value::Null } else { json!(1) },
            "run-task-workspace-limit": if paid { Value::Null } else { json!(10) },
            "run-tasks": true,
            "self-serve-billing": true,
            "sentinel": paid,
            "sso": paid,
            "state-storage": true,
            "teams": paid,
            "usage-reporting": false,
            "user-limit": null,
            "vcs-integrations": true,
            "versioned-policy-set-limit": null,
            "assessments": organization.tier.has_assessments(),
        },
        "links": { "self": format!("/api/v2/entitlement-sets/{}", organization.external_id) },
    })
}

fn capacity(world: &World) -> Value {
    let pending = world.runs.values().filter(|run| run.status == "pending").count();
    let running = world.runs.values().filter(|run| !run.is_final()).count() - pending;
    json!({
        "id": world.organization.name,
        "type": "organization-capacity",
        "attributes": { "pending": pending, "running": running },
    })
}

fn subscription_id(world: &World) -> String {
    format!("sub-{}", letters(&world.organization.external_id, 16))
}

fn feature_set_id(world: &World) -> String {
    format!("fs-{}", letters(world.organization.tier.word(), 16))
}

/// The subscription: ceilings and the included managed resources.
pub fn subscription(world: &World) -> Value {
    let organization = &world.organization;
    let paid = organization.tier.is_paid();
    let limit = |count: u32| if paid { Value::Null } else { json!(count) };
    json!({
        "id": subscription_id(world),
        "type": "subscriptions",
        "attributes": {
            "end-at": null,
            "is-active": true,
            "start-at": instant(organization.created_at),
            "runs-ceiling": organization.tier.runs(),
            "agents-ceiling": organization.tier.agents(),
            "contract-start-at": null,
            "contract-user-limit": null,
            "contract-apply-limit": null,
            "contract-managed-resources-limit": null,
            "run-task-limit": limit(1),
            "run-task-workspace-limit": limit(10),
            "run-task-mandatory-enforcement-limit": limit(1),
            "policy-set-limit": limit(1),
            "policy-limit": limit(5),
            "policy-mandatory-enforcement-limit": limit(1),
            "versioned-policy-set-limit": null,
            "is-public-free-tier": !paid,
            "is-self-serve-trial": false,
            "free-resource-under-management-monthly-limit": organization.tier.managed_resources(),
            "rum-alert-threshold": organization.rum_alert_threshold,
        },
        "relationships": {
            "organization": one("organizations", &organization.name),
            "feature-set": one("feature-sets", &feature_set_id(world)),
        },
        "links": { "self": format!("/api/v2/subscriptions/{}", subscription_id(world)) },
    })
}

/// Shown by itself, the subscription brings its feature set along (documentation, "Show subscription").
fn subscribed(world: &World) -> Value {
    let tier = world.organization.tier;
    let paid = tier.is_paid();
    let limit = |count: u32| if paid { Value::Null } else { json!(count) };
    let feature_set = json!({
        "id": feature_set_id(world),
        "type": "feature-sets",
        "attributes": {
            "identifier": tier.word(),
            "name": tier.word(),
            "description": format!("The plan {}", tier.word()),
            "plan": null,
            "cost": 0,
            "is-current": true,
            "is-free-tier": !paid,
            "is-managed-resource-plan": true,
            "default-agents-ceiling": tier.agents(),
            "default-runs-ceiling": tier.runs(),
            "assessments": tier.has_assessments(),
            "audit-logging": paid,
            "cost-estimation": paid,
            "global-run-tasks": paid,
            "module-tests-generation": false,
            "policy-enforcement": paid,
            "policy-limit": limit(5),
            "policy-mandatory-enforcement-limit": limit(1),
            "policy-set-limit": limit(1),
            "private-networking": false,
            "private-policy-agents": paid,
            "private-run-tasks": true,
            "private-vcs": paid,
            "run-task-limit": limit(1),
            "run-task-mandatory-enforcement-limit": limit(1),
            "run-task-workspace-limit": limit(10),
            "run-tasks": true,
            "self-serve-billing": true,
            "sentinel": paid,
            "sso": paid,
            "teams": paid,
            "user-limit": null,
            "versioned-policy-set-limit": null,
        },
    });
    json!({ "data": subscription(world), "included": [feature_set] })
}

fn alert(world: &mut World, call: &Call) -> Outcome {
    if !world.organization.tier.is_paid() {
        return Err(Problem::not_found());
    }
    call.attributes().count("rum-alert-threshold")?.set_or_clear(&mut world.organization.rum_alert_threshold);
    Ok(Answer::resource(&subscription(world)))
}

/// Team and organization tokens act as service accounts; `authenticated-resource` tells which kind a token is.
fn account(world: &World, call: &Call) -> Value {
    let organization = &world.organization;
    let (service, kind, id) = match call.kind {
        TokenKind::User => (false, "users", format!("user-{}", letters(&call.label, 16))),
        TokenKind::Team => (true, "teams", format!("team-{}", letters("owners", 16))),
        TokenKind::Organization => (true, "organizations", organization.name.clone()),
    };
    let user = format!("user-{}", letters(&call.label, 16));
    json!({
        "id": user,
        "type": "users",
        "attributes": {
            "username": if service { format!("api-{}", call.label) } else { call.label.clone() },
            "is-service-account": service,
            "auth-method": "tfc",
            "avatar-url": null,
            "email": organization.email,
            "v2-only": false,
            "unconfirmed-email": null,
            "permissions": { "can-create-organization": false, "can-change-email": !service, "can-change-username": !service },
        },
        "relationships": {
            "authentication-tokens": related(&format!("/api/v2/users/{user}/authentication-tokens")),
            "authenticated-resource": one(kind, &id),
        },
        "links": { "self": format!("/api/v2/users/{user}") },
    })
}

/// What the documentation calls the server's default, for messages.
pub fn modes() -> String {
    [Mode::Remote, Mode::Local, Mode::Agent].map(Mode::word).join(", ")
}
