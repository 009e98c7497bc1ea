//! Which tokens may go, and which may be held where nobody looked.

use super::*;
use crate::plan::Rule;

fn used(id: &str, minutes: i64) -> seen::Token {
    seen::Token { last_used_at: Some(ago(2)), ..token(id, minutes) }
}

fn pinned(engine: &str) -> Desired {
    let mut want = fleet("free", IMAGE);
    want.docker.targets.get_mut("nas").unwrap().engine_id = Some(engine.to_owned());
    want
}

fn ours() -> Vec<Network> {
    vec![network("n", 90, true)]
}

fn waits_at<'a>(plan: &'a Plan, address: &str) -> Vec<&'a crate::plan::Wait> {
    plan.waits.iter().filter(|wait| wait.address.as_str() == address).collect()
}

#[test]
fn a_machine_without_anything_of_ours_says_nothing_of_tokens_in_use() {
    let seen = || hcp(vec![used("at-000001", 90), token("at-000002", 90)], Vec::new());
    let plan_of = |want: &Desired, consent| plan_allowing(want, seen(), host(Vec::new(), Vec::new()), &consent);
    let open = plan_of(&fleet("free", IMAGE), Consent::default());
    assert_eq!(open.count(Verb::Revoke), 0, "{:?}", lines(&open));
    let [wait] = *waits_at(&open, "docker/nas") else { panic!("{:#?}", open.waits) };
    assert!(wait.what.contains("nothing of this fleet") && wait.until.contains("--forget 'docker/nas'"), "{wait:#?}");
    assert!(wait.until.contains("engineId: \"engine\""), "{wait:#?}");
    // The spec says that it is this machine, or the user that the other one is no more.
    let pin = plan_of(&pinned("engine"), Consent::default());
    let consent = Consent { forget: vec!["docker/nas".parse().unwrap()], ..Consent::default() };
    for settled in [pin, plan_of(&fleet("free", IMAGE), consent)] {
        assert_eq!(settled.count(Verb::Revoke), 2, "{:?}", lines(&settled));
        assert_eq!(waits_at(&settled, "docker/nas"), Vec::<&crate::plan::Wait>::new());
    }
}

#[test]
fn where_no_token_was_used_an_empty_machine_is_a_new_one() {
    let plan = plan(&fleet("free", IMAGE), hcp(vec![token("at-000001", 90)], Vec::new()), host(Vec::new(), Vec::new()));
    assert_eq!((plan.count(Verb::Revoke), plan.count(Verb::Mint)), (1, 1), "{:?}", lines(&plan));
    assert_eq!(waits_at(&plan, "docker/nas"), Vec::<&crate::plan::Wait>::new());
}

#[test]
fn a_refused_host_says_nothing_of_tokens() {
    let seen = || hcp(vec![used("at-000001", 90), token("at-000002", 90)], Vec::new());
    let wrong = plan(&pinned("another"), seen(), host(Vec::new(), ours()));
    let mut unfit = host(Vec::new(), ours());
    "windows".clone_into(&mut unfit.engine.os);
    let unfit = plan(&fleet("free", IMAGE), seen(), unfit);
    for (plan, rule) in [(wrong, Rule::WrongIdentity), (unfit, Rule::UnfitHost)] {
        assert!(plan.refusals.iter().any(|refusal| refusal.rule == rule), "{:#?}", plan.refusals);
        assert_eq!(plan.count(Verb::Revoke), 0, "{:?}", lines(&plan));
    }
}

#[test]
fn a_used_token_stays_until_the_one_after_it_was_used() {
    let want = fleet("free", IMAGE);
    let plan_with = |want: &Desired, second: seen::Token| {
        let there = container(want, NAME, "at-000002", State::Created);
        plan(want, hcp(vec![used("at-000001", 90), second], Vec::new()), host(vec![there], ours()))
    };
    let early = plan_with(&want, token("at-000002", 30));
    assert_eq!(early.count(Verb::Revoke), 0, "{:?}", lines(&early));
    assert!(waits(&early, "has not been used yet"), "{:#?}", early.waits);
    assert_eq!(plan_with(&want, used("at-000002", 30)).count(Verb::Revoke), 1);
    // The list of the very machine says that nothing there holds it.
    assert_eq!(plan_with(&pinned("engine"), token("at-000002", 30)).count(Verb::Revoke), 1);
}

#[test]
fn a_used_token_goes_with_its_consumer() {
    let gone =
        seen::Token { description: "docker/nas/hcp-agents-old-1 [reconcile:lab]".to_owned(), ..used("at-1", 90) };
    let plan = plan(&fleet("free", IMAGE), hcp(vec![gone], Vec::new()), host(Vec::new(), ours()));
    assert_eq!(plan.count(Verb::Revoke), 1, "{:?}", lines(&plan));
}

#[test]
fn a_token_whose_agent_hcp_lists_is_held_somewhere() {
    for status in [seen::AgentStatus::Idle, seen::AgentStatus::Busy, seen::AgentStatus::Unknown] {
        let seen = hcp(vec![used("at-000001", 90)], vec![agent("at-000001", status)]);
        let plan = plan(&pinned("engine"), seen, host(Vec::new(), ours()));
        assert_eq!(plan.count(Verb::Revoke), 0, "{:?}", lines(&plan));
        assert!(waits(&plan, "that nobody saw the container of"), "{:#?}", plan.waits);
    }
    let mut unread = hcp(vec![used("at-000001", 90)], Vec::new());
    let Listing::Complete(pools) = &mut unread.pools else { panic!("made so") };
    pools[0].live = Read::NotAsked;
    let plan = plan(&pinned("engine"), unread, host(Vec::new(), ours()));
    assert_eq!(plan.count(Verb::Revoke), 0, "{:?}", lines(&plan));
}

#[test]
fn a_host_that_is_only_compared_loses_no_token() {
    let mut want = pinned("engine");
    want.docker.targets.get_mut("nas").unwrap().verify = true;
    let plan = plan(&want, hcp(vec![token("at-000001", 90)], Vec::new()), host(Vec::new(), ours()));
    assert_eq!(lines(&plan), Vec::<String>::new());
}

#[test]
fn nobody_waits_an_hour_for_tokens_whose_age_is_not_told() {
    let undated = |id: &str| seen::Token { created_at: None, ..token(id, 0) };
    let tokens = vec![undated("at-000001"), undated("at-000002")];
    let plan = plan(&pinned("engine"), hcp(tokens, Vec::new()), host(Vec::new(), ours()));
    let [wait] = *waits_at(&plan, at(NAME).as_str()) else { panic!("{:#?}", plan.waits) };
    assert!(!wait.what.contains("within the hour") && wait.until.contains("at-000001, at-000002"), "{wait:#?}");
}
