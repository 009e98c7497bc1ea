//! Notifications: what HCP refuses, what comes twice, and what nobody may see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use std::collections::BTreeMap;

use reconcile::owner::TAG_KEY;
use reconcile::sandbox::faults::{Fault, Faults, Rule};
use reconcile::systems::hcp::desired::{Desired, Destination, Notification};
use stage::{Stage, discord, failures, fleet, lines, source_of};

fn without(mut want: Desired) -> Desired {
    want.projects.get_mut("main").unwrap().notifications.clear();
    want
}

#[tokio::test]
async fn a_receiver_that_takes_no_test_delivery_says_so_and_what_to_do() {
    let stage = Stage::new().await;
    let want = fleet(0, 0);
    stage.sandbox.answer_deliveries(Some(404));
    let report = stage.apply(&want).await;
    let [failure] = failures(&report).try_into().unwrap();
    let failure: String = failure;
    let begins = "applying hcp/project/main/notification/discord: the test delivery failed, and HCP saved nothing: POST \
                  projects/";
    assert!(failure.starts_with(begins), "{failure}");
    assert!(failure.contains("(400), request ") && failure.contains("`enabled: false`"), "{failure}");
    let url = stage.secrets.read(&source_of("DISCORD")).await.unwrap();
    assert!(!failure.contains(url.expose()), "{failure}");
    stage.sandbox.answer_deliveries(None);
    stage.converge(&want).await;
}

#[tokio::test]
async fn discord_gets_slacks_format_at_its_own_address_for_it() {
    let stage = Stage::new().await;
    stage.converge(&fleet(0, 0)).await;
    let url = stage.secrets.read(&source_of("DISCORD")).await.unwrap();
    let saved = stage.sandbox.with_world(|world| serde_json::to_string(&world.notifications).unwrap());
    assert!(saved.contains(&format!("{}/slack", url.expose())));
}

#[tokio::test]
async fn a_signed_notification_is_signed_and_one_without_a_token_is_not() {
    let stage = Stage::new().await;
    let mut want = without(fleet(0, 0));
    let signed = |token: Option<&str>| Notification {
        destination: Destination::Generic { url: source_of("URL"), token: token.map(source_of) },
        enabled: true,
        triggers: ["run:errored".to_owned()].into(),
    };
    let notifications = &mut want.projects.get_mut("main").unwrap().notifications;
    notifications.insert("signed".to_owned(), signed(Some("KEY")));
    notifications.insert("plain".to_owned(), signed(None));
    stage.converge(&want).await;
    let signatures: Vec<bool> = stage.sandbox.received().iter().map(|got| got.signature.is_some()).collect();
    assert_eq!(signatures.len(), 2);
    assert_eq!(signatures.iter().filter(|signed| **signed).count(), 1);
}

#[tokio::test]
async fn what_a_workspace_sent_by_itself_gives_way_to_its_project_when_it_is_adopted() {
    let stage = Stage::new().await;
    let mut want = without(fleet(1, 0));
    want.workspaces.get_mut("ws-000").unwrap().notifications = [("old".to_owned(), discord("DISCORD"))].into();
    stage.converge(&want).await;
    // As if somebody else had made both.
    stage.sandbox.with_world(|world| {
        world.workspaces.values_mut().for_each(|workspace| {
            workspace.tags.remove(TAG_KEY);
        });
    });
    let mut want = fleet(1, 0);
    want.workspaces.get_mut("ws-000").unwrap().stewardship.adopt = true;
    let plan = stage.plan(&want).await;
    assert!(
        lines(&plan).contains(&"remove hcp/workspace/ws-000/notification/old []".to_owned()),
        "{:#?}",
        lines(&plan)
    );
    stage.converge(&want).await;
    let left: BTreeMap<String, String> = stage.sandbox.with_world(|world| {
        world.notifications.iter().map(|(id, notification)| (id.clone(), notification.name.clone())).collect()
    });
    assert_eq!(left.into_values().collect::<Vec<_>>(), ["discord (lab)"]);
}

#[tokio::test]
async fn two_runs_at_once_leave_one_notification() {
    let stage = Stage::new().await;
    let want = without(fleet(1, 0));
    stage.converge(&want).await;
    let want = fleet(1, 0);
    let plan = stage.plan(&want).await;
    // Both wait before the POST, so that neither can see the other's.
    let gate = Rule {
        method: Some("POST".to_owned()),
        path: Some("projects/*/notification-configurations".to_owned()),
        ..Rule::new(Fault::Gate("both".to_owned()))
    };
    stage.sandbox.script(Faults { seed: 1, rules: vec![gate] }).unwrap();
    let both = async {
        stage.sandbox.arrived("both", 2).await;
        stage.sandbox.release("both", 2);
    };
    let (one, two, ()) = tokio::join!(stage.perform(&want, &plan), stage.perform(&want, &plan), both);
    assert!(failures(&one).is_empty() && failures(&two).is_empty(), "{:?} {:?}", failures(&one), failures(&two));
    assert_eq!(stage.sandbox.with_world(|world| world.notifications.len()), 1);
    assert!(lines(&stage.plan(&want).await).is_empty());
}

#[tokio::test]
async fn a_write_that_is_given_up_is_listed_as_one_whose_answer_is_unknown() {
    let stage = Stage::new().await;
    let want = fleet(0, 0);
    let plan = stage.plan(&want).await;
    let writer = stage.writer(&want);
    let gate = Rule { method: Some("write".to_owned()), ..Rule::new(Fault::Gate("shut".to_owned())) };
    stage.sandbox.script(Faults { seed: 1, rules: vec![gate] }).unwrap();
    let (address, action) = plan.actions.iter().next().unwrap();
    let reconcile::systems::Request::Hcp(request) = &action.request;
    let outputs = reconcile::systems::Outputs::default();
    let doing = reconcile::systems::hcp::apply::apply(&writer, request, address, &outputs, &stage.secrets);
    tokio::select! {
        _ = doing => panic!("the gate is shut"),
        () = stage.sandbox.arrived("shut", 1) => {}
    }
    let unknown = writer.transport().in_flight();
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert!(unknown[0].starts_with("POST organizations/example/"), "{unknown:?}");
}
