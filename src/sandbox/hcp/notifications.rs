//! Notification configurations of workspaces and projects, with the verification at every save that leaves one enabled.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::Sha512;

use super::{
    call::{Call, Given},
    jsonapi::{Answer, Outcome, Problem, instant, many, one},
};
use crate::sandbox::{
    receiver::Parcel,
    world::{Delivery, Notification, Subscriber, TokenKind, Url, World, hex},
};

/// Answers what is this kind's.
pub fn route(world: &mut World, call: &Call, path: &[&str]) -> Option<Outcome> {
    let outcome = match (call.method.as_str(), path) {
        ("GET", [kind @ ("workspaces" | "projects"), id, "notification-configurations"]) => {
            subscriber(world, kind, id).map(|owner| list(world, call, &owner))
        }
        ("POST", [kind @ ("workspaces" | "projects"), id, "notification-configurations"]) => {
            subscriber(world, kind, id).and_then(|owner| create(world, call, owner))
        }
        ("GET", ["notification-configurations", id]) => show(world, id),
        ("PATCH", ["notification-configurations", id]) => update(world, call, id),
        ("DELETE", ["notification-configurations", id]) => delete(world, id),
        ("POST", ["notification-configurations", id, "actions", "verify"]) => verify(world, id),
        ("POST", ["notification-configurations", id, "actions", "enable"]) => enable(world, id),
        _ => return None,
    };
    // An organization token gets 404 for every notification: provider issues 89 and 275, "by design".
    if call.kind == TokenKind::Organization {
        return Some(Err(Problem::not_found()));
    }
    Some(outcome)
}

/// How many one workspace or project may have.
const MOST: usize = 20;
/// How many times a minute one may be verified by hand.
const VERIFICATIONS: usize = 10;

const TRIGGERS: [&str; 19] = [
    "run:created",
    "run:planning",
    "run:needs_attention",
    "run:applying",
    "run:completed",
    "run:errored",
    "assessment:drifted",
    "assessment:check_failure",
    "assessment:failed",
    "workspace:auto_destroy_reminder",
    "workspace:auto_destroy_run_results",
    "workspace:deleted",
    "run:pending_apply_approval",
    "run:cost_estimated",
    "run:policy_override_required",
    "run:policies_checked",
    "run:run_errored",
    "run:run_canceled",
    "run:policy_soft_failed",
];

fn subscriber(world: &World, kind: &str, id: &str) -> Result<Subscriber, Problem> {
    match kind {
        "workspaces" if world.workspaces.contains_key(id) => Ok(Subscriber::Workspace(id.to_owned())),
        "projects" if world.projects.contains_key(id) => Ok(Subscriber::Project(id.to_owned())),
        _ => Err(Problem::not_found()),
    }
}

/// A workspace's list has pages; a project's has none in HCP's `OpenAPI` file.
fn list(world: &World, call: &Call, owner: &Subscriber) -> Answer {
    let found: Vec<(&String, &Notification)> =
        world.notifications.iter().filter(|(_, notification)| notification.subscriber == *owner).collect();
    let body = match owner {
        Subscriber::Workspace(_) => call.page(found, |(id, notification)| render(id, notification)),
        Subscriber::Project(_) => {
            let data: Vec<Value> = found.iter().map(|(id, notification)| render(id, notification)).collect();
            json!({ "data": data })
        }
    };
    Answer::ok(body)
}

fn show(world: &World, id: &str) -> Outcome {
    let found = world.notifications.get(id).ok_or_else(Problem::not_found)?;
    Ok(Answer::resource(&render(id, found)))
}

const TYPES: [&str; 2] = ["notification-configurations", "notification-configuration"];

fn create(world: &mut World, call: &Call, owner: Subscriber) -> Outcome {
    call.expect_type(&TYPES)?;
    let own = world.notifications.values().filter(|found| found.subscriber == owner);
    if own.count() >= MOST {
        return Err(Problem::unprocessable(format!("Notification configurations are limited to {MOST} per workspace")));
    }
    let fields = call.attributes();
    let mut notification = Notification {
        subscriber: owner,
        name: fields.required("name")?,
        destination_type: fields.required("destination-type")?,
        enabled: false,
        url: None,
        signature: None,
        triggers: Vec::new(),
        users: BTreeSet::new(),
        all_members: false,
        email_addresses: Vec::new(),
        deliveries: Vec::new(),
        verified: Vec::new(),
        created_at: world.now,
        updated_at: world.now,
    };
    let id = world.mint("nc");
    apply(world, call, &id, &mut notification)?;
    deliver(world, &id, &mut notification)?;
    let data = render(&id, &notification);
    world.notifications.insert(id, notification);
    Ok(Answer::created(&data))
}

fn update(world: &mut World, call: &Call, id: &str) -> Outcome {
    let mut notification = world.notifications.get(id).cloned().ok_or_else(Problem::not_found)?;
    call.expect_type(&TYPES)?;
    apply(world, call, id, &mut notification)?;
    notification.updated_at = world.now;
    deliver(world, id, &mut notification)?;
    let data = render(id, &notification);
    world.notifications.insert(id.to_owned(), notification);
    Ok(Answer::resource(&data))
}

fn apply(world: &World, call: &Call, id: &str, notification: &mut Notification) -> Result<(), Problem> {
    let fields = call.attributes();
    if fields.has("name") {
        notification.name = fields.required("name")?;
    }
    let destination = fields.text("destination-type")?.value();
    if destination.is_some_and(|given| given != notification.destination_type) {
        return Err(Problem::invalid("destination-type", "Destination type can't be changed"));
    }
    fields.flag("enabled")?.set(&mut notification.enabled);
    let mut url = notification.url.take().map(|Url(text)| text);
    fields.text("url")?.set_or_blank(&mut url);
    notification.url = url.map(Url);
    match fields.text("token")? {
        Given::Absent => {}
        Given::Value(token) if !token.is_empty() => notification.signature = Some(sign(id, &token)?),
        Given::Null | Given::Value(_) => notification.signature = None,
    }
    fields.texts("triggers")?.set(&mut notification.triggers);
    fields.texts("email-addresses")?.set(&mut notification.email_addresses);
    // The one attribute that is spelled with underscores (documentation, "Create a Notification Configuration").
    fields.flag("email_all_members")?.set(&mut notification.all_members);
    if let Some(users) = call.relation_ids("users")? {
        // Whom the organization does not have, it cannot mail; what HCP says to that is written nowhere.
        let member = |user: &String| world.members.values().any(|member| member.user == *user);
        if let Some(stranger) = users.iter().find(|user| !member(user)) {
            return Err(Problem::invalid_relationship("users", format!("User {stranger} is not a member")));
        }
        notification.users = users;
    }
    check(notification)
}

fn check(notification: &Notification) -> Result<(), Problem> {
    let destination = notification.destination_type.as_str();
    match destination {
        "email" if notification.url.is_some() => {
            return Err(Problem::invalid("url", "Url must be blank for email"));
        }
        "email" => {}
        _ if !notification.users.is_empty() || notification.all_members => {
            return Err(Problem::invalid_relationship("users", "Users can only be given for email"));
        }
        "generic" | "slack" | "microsoft-teams" => {
            let url = notification.url.as_ref().map_or("", |Url(text)| text);
            if url.is_empty() {
                return Err(Problem::invalid("url", "Url can't be blank"));
            }
            if !url.starts_with("https://") && !url.starts_with("http://") {
                return Err(Problem::invalid("url", "Url is invalid"));
            }
        }
        _ => {
            return Err(Problem::invalid("destination-type", "Destination type is not included in the list"));
        }
    }
    if destination != "generic" && notification.signature.is_some() {
        return Err(Problem::invalid("token", format!("Token can't be used with {destination}")));
    }
    match notification.triggers.iter().find(|word| !TRIGGERS.contains(&word.as_str())) {
        Some(word) => Err(Problem::invalid("triggers", format!("Triggers {word} is not included in the list"))),
        None => Ok(()),
    }
}

/// What a verification sends: the documented payload, in which all that a run would fill in is null.
fn verification(id: &str) -> String {
    json!({
        "payload_version": 1,
        "notification_configuration_id": id,
        "run_url": null,
        "run_id": null,
        "run_message": null,
        "run_created_at": null,
        "run_created_by": null,
        "workspace_id": null,
        "workspace_name": null,
        "organization_name": null,
        "notifications": [{
            "message": "Verification of test",
            "trigger": "verification",
            "run_status": null,
            "run_updated_at": null,
            "run_updated_by": null,
        }],
    })
    .to_string()
}

/// The signature stands for the token: it is all that a receiver sees of it, and it does not lead back.
fn sign(id: &str, token: &str) -> Result<String, Problem> {
    let mut mac = Hmac::<Sha512>::new_from_slice(token.as_bytes())
        .map_err(|_| Problem::invalid("token", "Token can't be used as a key"))?;
    mac.update(verification(id).as_bytes());
    Ok(hex(&mac.finalize().into_bytes()))
}

/// Saving an enabled configuration calls its receiver first; without a 2xx nothing is saved.
fn deliver(world: &mut World, id: &str, notification: &mut Notification) -> Result<(), Problem> {
    let Some(Url(url)) = notification.url.as_ref().filter(|_| notification.enabled) else {
        return Ok(());
    };
    let parcel = Parcel {
        notification: id,
        url,
        destination: &notification.destination_type,
        signature: notification.signature.as_deref(),
    };
    let code = world.inbox.take(&parcel, world.now);
    if !(200..300).contains(&code) {
        return Err(Problem::bad_request(format!(
            "Unable to verify the notification configuration: the destination answered {code}"
        )));
    }
    notification.deliveries = vec![Delivery { code, sent_at: world.now }];
    Ok(())
}

fn enable(world: &mut World, id: &str) -> Outcome {
    let mut notification = world.notifications.get(id).cloned().ok_or_else(Problem::not_found)?;
    notification.enabled = true;
    notification.updated_at = world.now;
    deliver(world, id, &mut notification)?;
    let data = render(id, &notification);
    world.notifications.insert(id.to_owned(), notification);
    Ok(Answer::resource(&data))
}

fn verify(world: &mut World, id: &str) -> Outcome {
    let now = world.now;
    let lately = |at: &jiff::Timestamp| now.duration_since(*at) < SignedDuration::from_mins(1);
    let calls = world.notifications.values().flat_map(|found| &found.verified);
    if calls.filter(|at| lately(at)).count() >= VERIFICATIONS {
        return Err(Problem::too_many_requests());
    }
    let mut notification = world.notifications.get(id).cloned().ok_or_else(Problem::not_found)?;
    notification.verified.retain(lately);
    notification.verified.push(now);
    let was_enabled = std::mem::replace(&mut notification.enabled, true);
    let outcome = deliver(world, id, &mut notification);
    notification.enabled = was_enabled;
    let data = render(id, &notification);
    world.notifications.insert(id.to_owned(), notification);
    outcome.map(|()| Answer::resource(&data))
}

fn delete(world: &mut World, id: &str) -> Outcome {
    let gone = world.notifications.remove(id);
    gone.map(|_| Answer::empty()).ok_or_else(Problem::not_found)
}

/// The URL comes back in clear, twice; the token never does.
fn render(id: &str, notification: &Notification) -> Value {
    let deliveries: Vec<Value> = notification
        .deliveries
        .iter()
        .map(|delivery| {
            json!({
                "url": notification.url,
                "body": "\"200 OK\"",
                "code": delivery.code.to_string(),
                "headers": { "content-type": ["application/json; charset=utf-8"] },
                "sent-at": delivery.sent_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
                "successful": "true",
            })
        })
        .collect();
    let subscribable = match &notification.subscriber {
        Subscriber::Workspace(id) => one("workspaces", id),
        Subscriber::Project(id) => one("projects", id),
    };
    let mut data = json!({
        "id": id,
        "type": "notification-configurations",
        "attributes": {
            "enabled": notification.enabled,
            "name": notification.name,
            "url": notification.url,
            "destination-type": notification.destination_type,
            "token": null,
            "triggers": notification.triggers,
            "delivery-responses": deliveries,
            "created-at": instant(notification.created_at),
            "updated-at": instant(notification.updated_at),
        },
        "relationships": { "subscribable": subscribable },
        "links": { "self": format!("/api/v2/notification-configurations/{id}") },
    });
    if notification.destination_type == "email" {
        data["attributes"]["email-addresses"] = json!(notification.email_addresses);
        data["attributes"]["email_all_members"] = json!(notification.all_members);
        data["relationships"]["users"] = many("users", &notification.users);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_hmac_sha512_of_the_body() {
        let signature = sign("nc-1", "key").unwrap();
        assert_eq!(signature.len(), 128);
        assert_ne!(signature, sign("nc-1", "other").unwrap());
        assert_ne!(signature, sign("nc-2", "key").unwrap());
    }
}
