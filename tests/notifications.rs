//! Notifications: what HCP refuses, what comes twice, and what nobody may see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use std::collections::BTreeMap;

use lab::values::{discord, fleet, source_of};
use lab::{Lab, failures, lines};
use reconcile::owner::TAG_KEY;
use reconcile::sandbox::faults::{Fault, Faults, Rule};
use reconcile::spec::desired::Desired;
use reconcile::systems::hcp::desired::{Destination, Notification};

fn without(mut want: Desired) -> Desired {
    want.hcp.projects.get_mut("main").unwrap().notifications.clear();
    want
}

#[tokio::test]
async fn a_receiver_that_takes_no_test_delivery_says_so_and_what_to_do() {
    let want = fleet(0, 0);
    let lab = Lab::new(&want).await;
    lab.sandbox.answer_deliveries(Some(404));
    let report = lab.run(&want).await;
    let [failure] = failures(&report).try_into().unwrap();
    let failure: String = failure;
    let begins = "applying hcp/project/main/notification/discord: the test delivery failed, and HCP saved nothing: POST \
                  projects/";
    assert!(failure.starts_with(begins), "{failure}");
    assert!(failure.contains("(400), request ") && failure.contains("`enabled: false`"), "{failure}");
    let url = lab.secrets.read(&source_of("DISCORD")).await.unwrap();
    assert!(!failure.contains(url.expose()), "{failure}");
    lab.sandbox.answer_deliveries(None);
    lab.converge(&want).await;
}

#[tokio::test]
async fn discord_gets_slacks_format_at_its_own_address_for_it() {
    let want = fleet(0, 0);
    let lab = Lab::new(&want).await;
    lab.converge(&want).await;
    let url = lab.secrets.read(&source_of("DISCORD")).await.unwrap();
    let saved = lab.sandbox.with_world(|world| serde_json::to_string(&world.notifications).unwrap());
    assert!(saved.contains(&format!("{}/slack", url.expose())));
}

#[tokio::test]
async fn a_signed_notification_is_signed_and_one_without_a_token_is_not() {
    let mut want = without(fleet(0, 0));
    let lab = Lab::new(&want).await;
    let signed = |token: Option<&str>| Notification {
        destination: Destination::Generic { url: source_of("URL"), token: token.map(source_of) },
        enabled: true,
        triggers: ["run:errored".to_owned()].into(),
    };
    let notifications = &mut want.hcp.projects.get_mut("main").unwrap().notifications;
    notifications.insert("signed".to_owned(), signed(Some("KEY")));
    notifications.insert("plain".to_owned(), signed(None));
    lab.converge(&want).await;
    let signatures: Vec<bool> = lab.sandbox.received().iter().map(|got| got.signature.is_some()).collect();
    assert_eq!(signatures.len(), 2);
    assert_eq!(signatures.iter().filter(|signed| **signed).count(), 1);
}

#[tokio::test]
async fn what_a_workspace_sent_by_itself_gives_way_to_its_project_when_it_is_adopted() {
    let mut want = without(fleet(1, 0));
    let lab = Lab::new(&want).await;
    want.hcp.workspaces.get_mut("ws-000").unwrap().notifications = [("old".to_owned(), discord("DISCORD"))].into();
    lab.converge(&want).await;
    // As if somebody else had made both.
    lab.sandbox.with_world(|world| {
        world.workspaces.values_mut().for_each(|workspace| {
            workspace.tags.remove(TAG_KEY);
        });
    });
    let mut want = fleet(1, 0);
    want.hcp.workspaces.get_mut("ws-000").unwrap().stewardship.adopt = true;
    let plan = lab.plan(&want).await;
    assert!(
        lines(&plan).contains(&"remove hcp/workspace/ws-000/notification/old []".to_owned()),
        "{:#?}",
        lines(&plan)
    );
    lab.converge(&want).await;
    let left: BTreeMap<String, String> = lab.sandbox.with_world(|world| {
        world.notifications.iter().map(|(id, notification)| (id.clone(), notification.name.clone())).collect()
    });
    assert_eq!(left.into_values().collect::<Vec<_>>(), ["discord (lab)"]);
}

#[tokio::test]
async fn two_runs_at_once_leave_one_notification() {
    let want = without(fleet(1, 0));
    let lab = Lab::new(&want).await;
    lab.converge(&want).await;
    let want = fleet(1, 0);
    let plan = lab.plan(&want).await;
    // Both wait before the POST, so that neither can see the other's.
    let gate = Rule {
        method: Some("POST".to_owned()),
        path: Some("projects/*/notification-configurations".to_owned()),
        ..Rule::new(Fault::Gate("both".to_owned()))
    };
    lab.sandbox.script(Faults { seed: 1, rules: vec![gate] }).unwrap();
    let both = async {
        lab.sandbox.arrived("both", 2).await;
        lab.sandbox.release("both", 2);
    };
    let (one, two, ()) = tokio::join!(lab.apply(&plan), lab.apply(&plan), both);
    assert!(failures(&one).is_empty() && failures(&two).is_empty(), "{:?} {:?}", failures(&one), failures(&two));
    assert_eq!(lab.sandbox.with_world(|world| world.notifications.len()), 1);
    assert!(lines(&lab.plan(&want).await).is_empty());
}

#[tokio::test]
async fn a_write_that_is_given_up_is_listed_as_one_whose_answer_is_unknown() {
    let want = fleet(0, 0);
    let lab = Lab::new(&want).await;
    let plan = lab.plan(&want).await;
    let gate = Rule { method: Some("write".to_owned()), ..Rule::new(Fault::Gate("shut".to_owned())) };
    lab.sandbox.script(Faults { seed: 1, rules: vec![gate] }).unwrap();
    let (address, action) = plan.actions.iter().next().unwrap();
    let request = action.request.hcp().expect("a request to HCP");
    let outputs = reconcile::systems::Outputs::default();
    let doing = reconcile::systems::hcp::apply::apply(&lab.writers.hcp, request, address, &outputs, &lab.secrets);
    tokio::select! {
        _ = doing => panic!("the gate is shut"),
        () = lab.sandbox.arrived("shut", 1) => {}
    }
    let unknown = lab.writers.unanswered();
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert!(unknown[0].starts_with("POST organizations/example/"), "{unknown:?}");
}

/// Names and types of all notifications.
fn subscribed(lab: &Lab) -> Vec<(String, String)> {
    lab.sandbox.with_world(|world| {
        world.notifications.values().map(|it| (it.name.clone(), it.destination_type.clone())).collect()
    })
}

#[tokio::test]
async fn a_notification_of_another_type_takes_the_place_of_the_old_one_and_not_before_it_is_there() {
    let before = fleet(0, 0);
    let mut want = before.clone();
    let Notification { destination, .. } =
        want.hcp.projects.get_mut("main").unwrap().notifications.get_mut("discord").unwrap();
    *destination = Destination::Generic { url: source_of("DISCORD"), token: None };
    let lab = Lab::new(&before).await;
    lab.converge(&before).await;
    let old = subscribed(&lab);
    lab.sandbox.answer_deliveries(Some(404));
    assert_eq!(failures(&lab.run(&want).await).len(), 1);
    assert_eq!(subscribed(&lab), old, "the receiver did not take it, so the old one stays");
    lab.sandbox.answer_deliveries(None);
    let refused = Rule::short("DELETE notification-configurations/*", Fault::Reset);
    lab.sandbox.script(Faults { seed: 1, rules: vec![refused] }).unwrap();
    assert_eq!(failures(&lab.run(&want).await).len(), 1);
    assert_eq!(subscribed(&lab).len(), 2, "stopped in between");
    lab.sandbox.script(Faults::default()).unwrap();
    lab.converge(&want).await;
    assert_eq!(subscribed(&lab), [("discord (lab)".to_owned(), "generic".to_owned())]);
}
