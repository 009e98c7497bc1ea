//! What is ours on a host beside its agents, and what is somebody else's.

use super::super::super::desired::{Files, Purpose, Source};
use super::super::super::observed::{Upload, Volume};
use super::*;

/// A fleet whose agents have a certificate, which is uploaded.
fn with_files() -> (Desired, observed::Observed) {
    let mut want = fleet("free", IMAGE);
    let service = want.docker.targets.get_mut("nas").unwrap().services.get_mut("nas").unwrap();
    service.agent.files.insert(Files { purpose: Purpose::Ca, source: Source::Upload("/ca".into()) });
    let upload = Upload { hash: "0123456789abcdef".to_owned(), bytes: 9, ..Upload::default() };
    let uploads = [("/ca".into(), Read::Seen(upload))].into();
    (want, observed::Observed { uploads, ..observed::Observed::default() })
}

#[test]
fn no_container_gets_the_volume_of_a_stranger() {
    let (want, mut docker) = with_files();
    let name = "hcp-agents_ca-0123456789ab".to_owned();
    let theirs = Volume { name, labels: BTreeMap::new(), complete: None };
    let there = host(Vec::new(), vec![network("n", 90, true)]);
    docker.hosts.insert("nas".to_owned(), Read::Seen(Host { volumes: Listing::Complete(vec![theirs]), ..there }));
    let seen = Observed { docker, ..Observed::of_hcp(hcp(Vec::new(), Vec::new())) };
    let mut plan = crate::plan::plan(&want, &seen, &Consent::default());
    plan.keep_only(|address| *address == at(NAME));
    assert_eq!(lines(&plan), Vec::<String>::new());
    let [refusal] = &*plan.refusals else { panic!("{:#?}", plan.refusals) };
    assert!(refusal.cause.contains("its label reconcile.dev/content"), "{}", refusal.cause);
}

#[test]
fn a_service_of_more_agents_than_it_may_have_is_planned() {
    let mut want = fleet("free", IMAGE);
    let service = want.docker.targets.get_mut("nas").unwrap().services.get_mut("nas").unwrap();
    (service.min, service.max) = (2, 1);
    let plan = plan(&want, hcp(Vec::new(), Vec::new()), host(Vec::new(), Vec::new()));
    assert!(lines(&plan).contains(&format!("create {}", at(NAME))), "{:?}", lines(&plan));
}
/// What is left of the stack after the project was called something else.
fn left_behind() -> (Container, Network) {
    let want = fleet("free", IMAGE);
    let old = |name: &str| name.replacen("hcp-agents", "old", 1);
    let mut there = container(&want, NAME, "at-000001", State::Running);
    there.name = old(NAME);
    there.networks = [old(NETWORK)].into();
    there.labels.insert(labels::PROJECT.to_owned(), "old".to_owned());
    let labels = labels::network(&want.docker.fleet, "old");
    (there, Network { name: old(NETWORK), labels, ..network("old", 90, true) })
}

#[test]
fn the_stack_of_a_project_that_nobody_has_any_more_goes() {
    let (there, net) = left_behind();
    let description = "docker/nas/old-nas-1 [reconcile:lab]".to_owned();
    let tokens = || vec![seen::Token { description: description.clone(), ..token("at-000001", 90) }];
    let agent =
        |status| seen::Agent { name: labels::agent_name("old-nas-1", "at-000001"), ..agent("at-000001", status) };
    let plan_with = |status| {
        let there = host(vec![there.clone()], vec![net.clone()]);
        plan(&fleet("standard", IMAGE), hcp(tokens(), vec![agent(status)]), there)
    };
    let idle = plan_with(seen::AgentStatus::Idle);
    for line in [
        "change docker/nas/container/old-nas-1/drain",
        "remove docker/nas/container/old-nas-1",
        "remove docker/nas/network/old_default",
        "revoke hcp/pool/nas/token/at-000001",
    ] {
        assert!(lines(&idle).contains(&line.to_owned()), "{line}: {:#?}", lines(&idle));
    }
    let busy = plan_with(seen::AgentStatus::Busy);
    assert!(!lines(&busy).iter().any(|line| line.contains("old")), "{:#?}", lines(&busy));
    assert!(waits(&busy, "has a job"), "{:#?}", busy.waits);
}

#[test]
fn a_stack_of_another_target_of_the_same_engine_stays() {
    let (there, net) = left_behind();
    for other in [Read::Seen(host(vec![there.clone()], vec![net.clone()])), Read::NotAsked] {
        let mut want = fleet("standard", IMAGE);
        let mut second = want.docker.targets["nas"].clone();
        "old".clone_into(&mut second.project);
        want.docker.targets.insert("box".to_owned(), second);
        let mut docker = observed::Observed::default();
        docker.hosts.insert("nas".to_owned(), Read::Seen(host(vec![there.clone()], vec![net.clone()])));
        docker.hosts.insert("box".to_owned(), other);
        let seen = Observed { docker, ..Observed::of_hcp(hcp(Vec::new(), Vec::new())) };
        let plan = crate::plan::plan(&want, &seen, &Consent::default());
        assert!(!lines(&plan).iter().any(|line| line.starts_with("remove docker/nas/")), "{:#?}", lines(&plan));
    }
}

#[test]
fn of_two_targets_of_one_engine_one_takes_away_what_is_left_behind() {
    let (there, net) = left_behind();
    let mut want = fleet("standard", IMAGE);
    let mut second = want.docker.targets["nas"].clone();
    "second".clone_into(&mut second.project);
    want.docker.targets.insert("box".to_owned(), second);
    let mut docker = observed::Observed::default();
    for key in ["nas", "box"] {
        docker.hosts.insert(key.to_owned(), Read::Seen(host(vec![there.clone()], vec![net.clone()])));
    }
    let seen = Observed { docker, ..Observed::of_hcp(hcp(Vec::new(), Vec::new())) };
    let plan = crate::plan::plan(&want, &seen, &Consent::default());
    let removed: Vec<String> = lines(&plan).into_iter().filter(|line| line.starts_with("remove")).collect();
    assert_eq!(removed, ["remove docker/box/container/old-nas-1", "remove docker/box/network/old_default"]);
}

#[test]
fn what_is_only_compared_is_told_of_every_field() {
    let mut want = fleet("free", IMAGE);
    want.docker.targets.get_mut("nas").unwrap().verify = true;
    let plan = plan(&want, hcp(Vec::new(), Vec::new()), host(Vec::new(), Vec::new()));
    assert_eq!(lines(&plan), Vec::<String>::new());
    let there = Container {
        image: "hashicorp/tfc-agent:1.28.1".to_owned(),
        networks: BTreeSet::new(),
        ..container(&fleet("free", IMAGE), NAME, "at-000001", State::Exited)
    };
    let tokens = vec![token("at-000001", 90)];
    let plan = super::plan(&want, hcp(tokens, Vec::new()), host(vec![there], vec![network("n", 90, true)]));
    assert!(waits(&plan, "differs from the spec in image, network"), "{:#?}", plan.waits);
}

/// Whatever its log says, an agent that HCP has no slot for comes when there is one.
#[test]
fn one_that_does_not_come_for_want_of_a_slot_is_told_who_has_it() {
    let want = fleet("free", IMAGE);
    let complaint = Some(Complaint { reason: Reason::Other, said: "code=422".to_owned() });
    let silent = || Container { complaint: complaint.clone(), ..container(&want, NAME, "at-000001", State::Running) };
    let other = |status| seen::Agent { name: "theirs-1-abcdef".to_owned(), ..agent("at-000009", status) };
    let plan_of = |status, consent| {
        let seen = hcp(vec![token("at-000001", 90)], vec![other(status)]);
        plan_allowing(&want, seen, host(vec![silent()], vec![network("n", 90, true)]), &consent)
    };
    let busy = plan_of(seen::AgentStatus::Busy, Consent::default());
    let [slot] = &*busy.waits else { panic!("{:#?}", busy.waits) };
    assert!(slot.what.contains("theirs-1-abcdef is busy") && slot.what.contains("code=422"), "{slot:#?}");
    assert_eq!(slot.until, "one of these agents stopping");
    let lost = plan_of(seen::AgentStatus::Unknown, Consent::default());
    assert!(lost.waits.iter().any(|it| it.until.contains("--forget 'hcp/pool/nas/agent/")), "{:#?}", lost.waits);
    let consent = Consent { forget: vec!["hcp/pool/*/agent/*".parse().unwrap()], ..Consent::default() };
    let forgotten = plan_of(seen::AgentStatus::Unknown, consent);
    let gone = "hcp/pool/nas/agent/theirs-1-abcdef".parse().unwrap();
    assert!(forgotten.actions.contains_key(&gone) && forgotten.waits.is_empty(), "{:#?}", forgotten.waits);
}

/// A token that leaked does not wait for an image that cannot be pulled.
#[test]
fn a_rotation_stays_with_the_image_that_is_there() {
    let old = fleet("standard", "hashicorp/tfc-agent:1.28.1");
    let want = fleet("standard", "hashicorp/tfc-agent:9.9.9");
    let there = || host(vec![container(&old, NAME, "at-000001", State::Exited)], vec![network("n", 90, true)]);
    let seen = || hcp(vec![token("at-000001", 90)], Vec::new());
    let consent = Consent { rotate: vec!["docker/**".parse().unwrap()], ..Consent::default() };
    let rotated = plan_allowing(&want, seen(), there(), &consent);
    let images = |plan: &Plan| plan.actions.keys().filter(|it| it.as_str().contains("/image/")).count();
    assert_eq!((rotated.count(Verb::Mint), images(&rotated)), (1, 0), "{:?}", lines(&rotated));
    let upgraded = plan(&want, seen(), there());
    assert_eq!((upgraded.count(Verb::Mint), images(&upgraded)), (1, 1), "{:?}", lines(&upgraded));
}
