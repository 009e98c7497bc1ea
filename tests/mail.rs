//! Notifications by mail: people are named in the spec, and HCP knows them by id.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use std::collections::BTreeSet;

use reconcile::plan::Plan;
use reconcile::systems::hcp::desired::{Desired, Destination, Notification};
use stage::{Stage, failures, fleet, lines};

/// One to people, one to everybody, beside the project's own.
fn mailing(users: &[&str]) -> Desired {
    let mut want = fleet(1, 0);
    let mail = |users: &[&str], all_members| Notification {
        destination: Destination::Email { users: users.iter().map(|name| (*name).to_owned()).collect(), all_members },
        enabled: true,
        triggers: ["run:errored".to_owned()].into(),
    };
    let workspace = want.workspaces.get_mut("ws-000").unwrap();
    workspace.notifications.insert("people".to_owned(), mail(users, false));
    workspace.notifications.insert("everybody".to_owned(), mail(&[], true));
    want
}

/// An organisation of so many members that their list has pages, `ada` and `bob` among them.
async fn peopled() -> Stage {
    let stage = Stage::new().await;
    stage.sandbox.with_world(|world| {
        for n in 0..120 {
            world.join(&format!("member-{n}"));
        }
        world.join("ada");
        world.join("bob");
    });
    stage
}

/// Names of those who get mail, and whether everybody does.
fn mailed(stage: &Stage) -> BTreeSet<(String, Vec<String>, bool)> {
    stage.sandbox.with_world(|world| {
        let name = |id: &String| {
            let member = world.members.values().find(|member| member.user == *id);
            member.and_then(|member| member.username.clone()).unwrap_or_else(|| id.clone())
        };
        let mails = world.notifications.values().filter(|found| found.destination_type == "email");
        mails.map(|found| (found.name.clone(), found.users.iter().map(name).collect(), found.all_members)).collect()
    })
}

fn changes(plan: &Plan) -> Vec<String> {
    lines(plan).into_iter().filter(|line| line.contains("notification")).collect()
}

#[tokio::test]
async fn people_are_named_and_the_second_run_is_empty() {
    let stage = peopled().await;
    stage.converge(&mailing(&["ada", "bob"])).await;
    let both = |name: &str| name.split(' ').next().unwrap().to_owned();
    let got: Vec<(String, BTreeSet<String>, bool)> =
        mailed(&stage).into_iter().map(|(name, users, all)| (both(&name), users.into_iter().collect(), all)).collect();
    let ada_and_bob = ["ada".to_owned(), "bob".to_owned()].into();
    assert_eq!(got, [("everybody".to_owned(), BTreeSet::new(), true), ("people".to_owned(), ada_and_bob, false)]);
    stage.converge(&mailing(&["ada"])).await;
    let left = mailed(&stage).into_iter().find(|(name, ..)| name.starts_with("people")).unwrap();
    assert_eq!(left.1, ["ada"]);
}

#[tokio::test]
async fn who_was_taken_off_by_hand_is_put_back() {
    let stage = peopled().await;
    let want = mailing(&["ada", "bob"]);
    stage.converge(&want).await;
    stage.sandbox.with_world(|world| {
        for notification in world.notifications.values_mut() {
            notification.users.clear();
            notification.all_members = false;
        }
    });
    assert_eq!(changes(&stage.plan(&want).await).len(), 2);
    stage.converge(&want).await;
}

#[tokio::test]
async fn a_user_who_left_is_named_until_the_spec_lets_go() {
    let stage = peopled().await;
    let want = mailing(&["ada", "bob"]);
    stage.converge(&want).await;
    stage.sandbox.with_world(|world| {
        let bob = world.member_named("bob").unwrap().to_owned();
        world.leave(&bob).unwrap();
    });
    let before = mailed(&stage);
    let report = stage.apply(&want).await;
    let [failure] = failures(&report).try_into().unwrap();
    let failure: String = failure;
    assert!(failure.contains("the organisation has no member bob"), "{failure}");
    assert!(failure.contains("correct the name in the spec"), "{failure}");
    assert_eq!(mailed(&stage), before, "nobody else is taken off for it");
    stage.converge(&mailing(&["ada"])).await;
}

#[tokio::test]
async fn somebody_who_is_only_invited_has_no_name_yet() {
    use reconcile::sandbox::world::MembershipStatus;
    let stage = peopled().await;
    stage.sandbox.with_world(|world| {
        let bob = world.member_named("bob").unwrap().to_owned();
        let bob = world.members.get_mut(&bob).unwrap();
        (bob.username, bob.status) = (None, MembershipStatus::Invited);
    });
    let report = stage.apply(&mailing(&["ada", "bob"])).await;
    let failures = failures(&report);
    assert!(failures.iter().any(|failure| failure.contains("has no member bob")), "{failures:?}");
}

#[tokio::test]
async fn members_that_cannot_be_read_are_a_gap_and_no_change() {
    let stage = peopled().await;
    let want = mailing(&["ada"]);
    stage.converge(&want).await;
    stage
        .sandbox
        .with_world(|world| world.switches.forbidden.insert("organizations/*/organization-memberships".into()));
    let plan = stage.plan(&want).await;
    assert!(changes(&plan).is_empty(), "{:?}", changes(&plan));
    let said: Vec<&str> = plan.gaps.iter().map(|gap| gap.cause.as_str()).collect();
    assert!(said.iter().any(|cause| cause.contains("organization-memberships")), "{said:?}");
}

#[tokio::test]
async fn mail_costs_one_list_of_members_however_many_notifications_there_are() {
    let stage = peopled().await;
    let mut want = mailing(&["ada", "bob"]);
    let one = want.workspaces["ws-000"].clone();
    for n in 1..5 {
        want.workspaces.insert(format!("ws-00{n}"), one.clone());
    }
    let lists = || {
        let requests = stage.sandbox.take_requests();
        requests.iter().filter(|request| request.path.contains("organization-memberships")).count()
    };
    let plan = stage.plan(&want).await;
    assert_eq!(lists(), 2, "122 members are two pages");
    let report = stage.perform(&want, &plan).await;
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
    assert_eq!(lists(), 2, "and are read once for five notifications that name them");
}
