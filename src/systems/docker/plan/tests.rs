mod hosts;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::super::labels;
use super::super::observed::{self, Complaint, Container, Host, Network, Reason, State};
use super::super::request::Call;
use crate::address::Address;
use crate::plan::{Listing, Plan, Read, Verb};
use crate::spec::desired::Desired;
use crate::spec::{CheckOptions, load_text};
use crate::systems::hcp::observed as seen;
use crate::systems::hcp::settings::OrganizationSettings;
use crate::systems::{Consent, Observed};

const NAME: &str = "hcp-agents-nas-1";
const NETWORK: &str = "hcp-agents_default";
const IMAGE: &str = "hashicorp/tfc-agent:1.29.0";

fn fleet(tier: &str, image: &str) -> Desired {
    let text = format!(
        "fleet: lab\n\
         hcp: {{ organization: example, tier: {tier} }}\n\
         targets: {{ nas: {{ docker: {{}} }} }}\n\
         pools: {{ nas: {{ name: nas, target: nas, agents: {{ min: 1, max: 1, image: \"{image}\" }} }} }}\n\
         projects: {{ main: {{ workspaces: {{ one: {{ runsOn: nas }} }} }} }}\n"
    );
    let loaded = load_text("fleet.yaml", &text, &CheckOptions::default());
    loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.findings))
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365)
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn token(id: &str, minutes: i64) -> seen::Token {
    seen::Token {
        id: id.to_owned().into(),
        description: format!("docker/nas/{NAME} [reconcile:lab]"),
        created_at: Some(ago(minutes)),
        last_used_at: None,
    }
}

fn agent(token: &str, status: seen::AgentStatus) -> seen::Agent {
    seen::Agent {
        id: format!("agent-{token}").into(),
        name: labels::agent_name(NAME, token),
        status,
        last_ping_at: Some(ago(0)),
        created_at: Some(ago(30)),
    }
}

/// The organisation with the pool, these tokens and these agents in it.
fn hcp(tokens: Vec<seen::Token>, agents: Vec<seen::Agent>) -> seen::Observed {
    let slots = agents.iter().filter(|agent| agent.status.holds_a_slot()).count();
    let pool = seen::Pool {
        id: "apool-1".to_owned().into(),
        name: "nas".to_owned(),
        organization_scoped: false,
        allowed_workspaces: BTreeSet::new(),
        allowed_projects: BTreeSet::new(),
        workspaces: BTreeSet::new(),
        agents: u32::try_from(slots).unwrap(),
        tokens: Read::Seen(tokens),
        live: Read::Seen(agents),
    };
    seen::Observed {
        now: now(),
        organization: seen::Organization {
            name: "example".to_owned(),
            external_id: "org-1".to_owned(),
            settings: OrganizationSettings::default(),
            runs_on: seen::Mode::Remote,
            default_project: None,
            entitlements: seen::Entitlements::default(),
            permissions: BTreeMap::new(),
        },
        projects: Listing::Complete(Vec::new()),
        workspaces: Listing::Complete(Vec::new()),
        variable_sets: Listing::Complete(Vec::new()),
        pools: Listing::Complete(vec![pool]),
        connections: Listing::Complete(Vec::new()),
        jobs: Read::Seen(Vec::new()),
        unreadable_sources: Vec::new(),
        requests: 0,
    }
}

fn network(id: &str, minutes: i64, ours: bool) -> Network {
    let fleet = "lab".parse().unwrap();
    let labels = if ours { labels::network(&fleet, "hcp-agents") } else { BTreeMap::new() };
    Network { id: id.to_owned(), name: NETWORK.to_owned(), labels, created_at: Some(ago(minutes)) }
}

/// A container that is as the spec of this fleet says, under a name.
fn container(want: &Desired, name: &str, token: &str, state: State) -> Container {
    let service = &want.docker.targets["nas"].services["nas"];
    let made = plan(want, hcp(Vec::new(), Vec::new()), host(Vec::new(), vec![network("n", 90, true)]));
    let crate::systems::Request::Docker(request) = &made.actions[&at(NAME)].request else { panic!("{made:#?}") };
    let Call::CreateContainer(new) = &request.call else { panic!("{request:?}") };
    let mut labels = new.labels.clone();
    labels.insert(labels::TOKEN.to_owned(), token.to_owned());
    Container {
        id: format!("id-of-{name}"),
        name: name.to_owned(),
        image: service.agent.image.exact(),
        image_id: format!("sha256:{}", service.agent.image),
        labels,
        state,
        status: String::new(),
        networks: [NETWORK.to_owned()].into(),
        mounts: BTreeMap::new(),
        created_at: Some(ago(90)),
        complaint: None,
    }
}

fn host(containers: Vec<Container>, networks: Vec<Network>) -> Host {
    let image = |tag: &str| observed::Image {
        id: format!("sha256:{tag}"),
        tags: [tag.to_owned()].into(),
        digests: BTreeSet::new(),
    };
    Host {
        engine: observed::Engine {
            id: "engine".to_owned(),
            name: "nas".to_owned(),
            version: "20.10".to_owned(),
            api: "1.41".to_owned(),
            os: "linux".to_owned(),
            architecture: "x86_64".to_owned(),
            memory: 8 << 30,
        },
        containers: Listing::Complete(containers),
        networks: Listing::Complete(networks),
        volumes: Listing::Complete(Vec::new()),
        images: Listing::Complete(vec![image(IMAGE), image("hashicorp/tfc-agent:1.28.1")]),
        details: std::collections::BTreeMap::new(),
    }
}

fn plan(want: &Desired, hcp: seen::Observed, host: Host) -> Plan {
    plan_allowing(want, hcp, host, &Consent::default())
}

fn plan_allowing(want: &Desired, hcp: seen::Observed, host: Host, consent: &Consent) -> Plan {
    let docker = observed::Observed { hosts: [("nas".to_owned(), Read::Seen(host))].into(), ..Default::default() };
    crate::plan::plan(want, &Observed { docker, ..Observed::of_hcp(hcp) }, consent)
}

fn at(name: &str) -> Address {
    super::super::container_address("nas", name)
}

/// What is planned for hosts and tokens: `verb address`.
fn lines(plan: &Plan) -> Vec<String> {
    let of_interest = |address: &&String| address.contains("docker/") || address.contains("/token/");
    let lines: Vec<String> = plan.actions.iter().map(|(at, action)| format!("{} {at}", action.verb)).collect();
    lines.iter().filter(of_interest).cloned().collect()
}

fn waits(plan: &Plan, words: &str) -> bool {
    plan.waits.iter().any(|wait| wait.what.contains(words))
}

#[test]
fn one_that_is_as_it_should_be_is_left_alone() {
    let want = fleet("free", IMAGE);
    let seen = hcp(vec![token("at-000001", 90)], vec![agent("at-000001", seen::AgentStatus::Idle)]);
    let there = container(&want, NAME, "at-000001", State::Running);
    let plan = plan(&want, seen, host(vec![there], vec![network("n", 90, true)]));
    assert_eq!(lines(&plan), Vec::<String>::new());
}

#[test]
fn a_network_that_is_gone_is_made_before_anything_starts_in_it() {
    let want = fleet("free", IMAGE);
    let stopped = container(&want, NAME, "at-000001", State::Created);
    let plan = plan(&want, hcp(vec![token("at-000001", 90)], Vec::new()), host(vec![stopped], Vec::new()));
    assert_eq!(
        lines(&plan),
        [format!("change docker/nas/container/{NAME}/start"), format!("create docker/nas/network/{NETWORK}")]
    );
    let needs = plan.needs(&at(NAME).within(["start"]));
    assert!(needs.iter().any(|output| output.of.as_str().contains("network")), "{needs:?}");
}

#[test]
fn one_whose_network_was_made_anew_is_replaced() {
    let want = fleet("free", IMAGE);
    let stranded = Container { networks: BTreeSet::new(), ..container(&want, NAME, "at-000001", State::Exited) };
    let seen = hcp(vec![token("at-000001", 90)], Vec::new());
    let plan = plan(&want, seen, host(vec![stranded], vec![network("n", 5, true)]));
    assert_eq!(plan.actions[&at(NAME)].verb, Verb::Replace);
    assert_eq!(plan.actions[&at(NAME)].changes[0].field, "network");
}

#[test]
fn of_two_networks_of_one_name_ours_goes_if_it_is_the_younger() {
    let want = fleet("free", IMAGE);
    for (networks, gone) in [
        (vec![network("old", 90, true), network("new", 5, true)], Some("new")),
        (vec![network("new", 5, true), network("old", 90, true)], Some("new")),
        (vec![network("theirs", 90, false), network("ours", 5, true)], Some("ours")),
        (vec![network("ours", 90, true), network("theirs", 5, false)], None),
    ] {
        let there = container(&want, NAME, "at-000001", State::Created);
        let plan = plan(&want, hcp(vec![token("at-000001", 90)], Vec::new()), host(vec![there], networks));
        let removed: Vec<String> = lines(&plan).into_iter().filter(|line| line.starts_with("remove")).collect();
        let wanted = gone.map(|id| format!("remove docker/nas/network/{NETWORK}/second/{id}"));
        assert_eq!(removed, wanted.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn two_tokens_that_reached_nobody_are_the_most() {
    let want = fleet("free", IMAGE);
    let plan_with = |tokens| plan(&want, hcp(tokens, Vec::new()), host(Vec::new(), vec![network("n", 90, true)]));
    let one = plan_with(vec![token("at-000001", 5)]);
    assert_eq!(one.count(Verb::Mint), 1, "{:?}", lines(&one));
    let two = plan_with(vec![token("at-000001", 5), token("at-000002", 5)]);
    assert_eq!(lines(&two), Vec::<String>::new());
    assert!(waits(&two, "2 tokens were minted for it within the hour"), "{:#?}", two.waits);
    let old = plan_with(vec![token("at-000001", 61), token("at-000002", 5)]);
    assert_eq!((old.count(Verb::Mint), old.count(Verb::Revoke)), (1, 1), "{:?}", lines(&old));
}

#[test]
fn nobody_leaves_for_one_who_has_not_come() {
    let want = fleet("standard", IMAGE);
    let old = Container {
        image: "hashicorp/tfc-agent:1.28.1".to_owned(),
        ..container(&want, NAME, "at-000001", State::Running)
    };
    let complaint = Complaint { reason: Reason::Route, said: "no route".to_owned() };
    let next = Container {
        complaint: Some(complaint),
        ..container(&want, &format!("{NAME}-next"), "at-000002", State::Running)
    };
    let tokens = || vec![token("at-000001", 90), token("at-000002", 90)];
    let seen = hcp(tokens(), vec![agent("at-000001", seen::AgentStatus::Idle)]);
    let there = || host(vec![old.clone(), next.clone()], vec![network("n", 90, true)]);
    let plan_one = plan(&want, seen, there());
    assert_eq!(lines(&plan_one), Vec::<String>::new());
    assert!(waits(&plan_one, "no route"), "{:#?}", plan_one.waits);
    // Where it waits for the slot of the old one, the old one has to go first.
    let mut full = hcp(tokens(), vec![agent("at-000001", seen::AgentStatus::Idle)]);
    full.organization.entitlements.agents_ceiling = Some(1);
    let plan_two = plan(&want, full, there());
    assert!(lines(&plan_two).contains(&format!("change docker/nas/container/{NAME}/drain")), "{:?}", lines(&plan_two));
}

#[test]
fn a_stale_next_that_works_is_waited_for() {
    let want = fleet("standard", IMAGE);
    let old = |name: &str, token: &str| Container {
        image: "hashicorp/tfc-agent:1.28.1".to_owned(),
        ..container(&want, name, token, State::Running)
    };
    let there = vec![old(NAME, "at-000001"), old(&format!("{NAME}-next"), "at-000002")];
    let agents = vec![agent("at-000001", seen::AgentStatus::Idle), agent("at-000002", seen::AgentStatus::Busy)];
    let seen = hcp(vec![token("at-000001", 90), token("at-000002", 90)], agents);
    let plan = plan(&want, seen, host(there, vec![network("n", 90, true)]));
    assert_eq!(lines(&plan), Vec::<String>::new());
    assert!(waits(&plan, "has a job"), "{:#?}", plan.waits);
}
