use serde_json::{Value, json};

use crate::probe::{Probe, ids, related, resource};

const LIST: &str = "organizations/example/organization-memberships";

fn invitation(email: &str) -> Value {
    related("organization-memberships", json!({ "email": email }), json!({ "teams": ids("teams", &["team-1"]) }))
}

#[tokio::test]
async fn members_come_in_pages_with_their_users() {
    let probe = Probe::new().await;
    let users: Vec<String> =
        probe.sandbox.with_world(|world| (0..3).map(|n| world.join(&format!("user{n}"))).collect());
    let page = probe.get(&format!("{LIST}?include=user&page[size]=2")).await.expect(200);
    assert_eq!(page.ids().len(), 2);
    assert_eq!(page.body["meta"]["pagination"]["total-count"], 3);
    assert_eq!(page.body["meta"]["status-counts"], json!({ "total": 3, "active": 3, "invited": 0 }));
    let included = page.body["included"].as_array().unwrap();
    assert_eq!(included.len(), 2, "only those of the page");
    assert!(included.iter().all(|user| users.contains(&user["id"].as_str().unwrap().to_owned())));
    let plain = probe.get(LIST).await.expect(200);
    assert_eq!(plain.body.get("included"), None);
    probe.get(&format!("{LIST}?include=nobody")).await.expect(400);
}

#[tokio::test]
async fn who_is_invited_has_no_name_and_is_found_by_address() {
    let probe = Probe::new().await;
    let reply = probe.post(LIST, invitation("new@example.com")).await.expect(201);
    assert_eq!(reply.attribute("status"), "invited");
    assert_eq!(reply.body["included"][0]["attributes"]["username"], Value::Null);
    assert_eq!(probe.get(&format!("{LIST}?filter[email]=new@example.com")).await.ids(), [reply.id()]);
    assert_eq!(probe.get(&format!("{LIST}?q=NEW")).await.ids(), [reply.id()]);
    assert!(probe.get(&format!("{LIST}?filter[status]=active")).await.ids().is_empty());
    probe.post(LIST, invitation("new@example.com")).await.expect(422);
    probe.post(LIST, resource("organization-memberships", json!({ "email": "b@example.com" }))).await.expect(422);
    probe.post(LIST, invitation("nowhere")).await.expect(422);
}

#[tokio::test]
async fn mail_goes_to_members_and_to_nobody_who_left() {
    let probe = Probe::new().await;
    let user = probe.sandbox.with_world(|world| world.join("ada"));
    let path = format!("workspaces/{}/notification-configurations", probe.workspace("one").await);
    let mail = |user: &str, all: bool| {
        let attributes = json!({
            "name": "mail", "destination-type": "email", "enabled": true, "triggers": [], "email_all_members": all,
        });
        related("notification-configurations", attributes, json!({ "users": ids("users", &[user]) }))
    };
    probe.post(&path, mail("user-nobody", false)).await.expect(422);
    let made = probe.post(&path, mail(&user, true)).await.expect(201);
    assert_eq!(made.attribute("email_all_members"), true);
    assert_eq!(made.relationship("users")[0]["id"], user);
    let membership = probe.get(LIST).await.ids().remove(0);
    probe.delete(&format!("organization-memberships/{membership}"), Value::Null).await.expect(204);
    let left = probe.get(&format!("notification-configurations/{}", made.id())).await.expect(200);
    assert_eq!(left.relationship("users"), &json!([]));
    probe.get(&format!("users/{user}")).await.expect(404);
}

#[tokio::test]
async fn people_are_for_mail_alone() {
    let probe = Probe::new().await;
    let path = format!("workspaces/{}/notification-configurations", probe.workspace("one").await);
    let hook = json!({
        "name": "hook", "destination-type": "generic", "enabled": false, "url": "https://hooks.example/1",
        "triggers": [], "email_all_members": true,
    });
    probe.post(&path, resource("notification-configurations", hook)).await.expect(422);
}
