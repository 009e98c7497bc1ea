//! The verbs that are about Docker hosts: `render`, `pin`, `rotate`, and the deep look of `plan`.

use reconcile::sandbox::faults::{BodyKind, Fault};
use reconcile::sandbox::{Connection, EngineSeed, Sandbox, Seed, Tier, World};
use serde_json::{Value, json};

use super::stage::{Ran, Stage, fault};
use crate::assert_output;

const SPEC: &str = include_str!("docker.yaml");

/// What somebody does to the world by hand.
type Breaks = fn(&mut World);

/// A stage with a NAS: its agent always runs.
struct Nas {
    stage: Stage,
    sandbox: Sandbox,
}

impl Nas {
    async fn new(spec: &str, tier: Tier) -> Self {
        let stage = Stage::empty();
        stage.write("fleet.yaml", spec);
        let seed = Seed {
            organization: "example-house".to_owned(),
            external_id: Some("org-Lab0000000000001".to_owned()),
            tier,
            connections: vec![Connection { name: None, service_provider: "github".to_owned() }],
            engines: vec![EngineSeed::new("nas")],
            ..Seed::default()
        };
        let sandbox = Sandbox::serve(&stage.path("box"), None, &seed).await.unwrap();
        Self { stage, sandbox }
    }

    /// With the stack in place.
    async fn converged(spec: &str, tier: Tier) -> Self {
        let nas = Self::new(spec, tier).await;
        let ran = nas.run("apply --yes --sandbox=box --concurrency 1").await;
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        nas
    }

    async fn run(&self, words: &str) -> Ran {
        self.stage.run_beside(words).await
    }

    async fn show(&self, words: &str) -> String {
        let Ran { out, err, code } = self.run(words).await;
        let err = if err.is_empty() { err } else { format!("--- standard error\n{err}") };
        let text = self.stage.steady(&format!("$ reconcile {words}\n{out}{err}--- exit {code}\n"));
        // How long the agent of the stand-in took to come.
        (1..10).fold(text, |text, seconds| text.replace(&format!("about {seconds} s"), "about [N] s"))
    }

    /// Every container: its name, its id, the id of its token.
    fn containers(&self) -> Vec<(String, String, String)> {
        self.sandbox.with_world(|world| {
            let containers = &world.engines["nas"].containers;
            let mut found: Vec<_> = containers
                .iter()
                .map(|(id, it)| (it.name.clone(), id.clone(), it.labels["reconcile.dev/token-id"].clone()))
                .collect();
            found.sort();
            found
        })
    }

    /// Changes the one container by hand.
    fn by_hand(&self, change: impl Fn(&mut Value)) {
        self.sandbox.with_world(|world| {
            let engine = world.engines.get_mut("nas").unwrap();
            for container in engine.containers.values_mut() {
                change(&mut container.host_config);
            }
        });
    }
}

#[tokio::test]
async fn a_compose_file_is_printed_or_written() {
    let stage = Stage::empty();
    stage.write("fleet.yaml", SPEC);
    assert_output!(stage.show("render"));
    let ran = stage.run("render --out stack");
    assert_eq!((ran.code, ran.out.as_str()), (0, "stack/nas/compose.yaml\n"), "{}", ran.err);
    assert_eq!(stage.read("stack/nas/compose.yaml"), stage.run("render").out);
}

#[test]
fn a_fleet_without_a_docker_host_has_no_compose_file() {
    assert_output!(Stage::new().show("render"));
}

#[test]
fn what_cannot_be_read_is_not_rendered() {
    let stage = Stage::empty();
    stage.write("fleet.yaml", SPEC);
    stage.edit("{ onHost: /volume1/providers }", "{ upload: ./nowhere }");
    assert_output!(stage.show("render"));
}

#[tokio::test]
async fn a_digest_is_what_the_registry_says_of_the_tag() {
    let nas = Nas::new(SPEC, Tier::Free).await;
    let text = nas.show("pin --sandbox=box").await;
    assert_output!(text);
    let ran = nas.run("pin --sandbox=box --format json").await;
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    let pinned = document["images"][0]["pinned"].as_str().unwrap();
    let known =
        nas.sandbox.with_world(|world| world.registry.digest_of("hashicorp/tfc-agent", "1.29.0").unwrap().to_owned());
    assert_eq!(pinned, format!("hashicorp/tfc-agent:1.29.0@{known}"));
    nas.stage.edit("agentImage: hashicorp/tfc-agent:1.29.0", &format!("agentImage: {pinned}"));
    let ran = nas.run("pin --sandbox=box").await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "# Every image on a Docker host is pinned.   (0: answered)\n"));
    let ran = nas.run("apply --yes --sandbox=box").await;
    assert_eq!(ran.code, 0, "what is pinned can be pulled: {}{}", ran.out, ran.err);
}

#[tokio::test]
async fn where_no_registry_answers_the_image_that_is_there_does() {
    let nas = Nas::new(SPEC, Tier::Free).await;
    let refused = Fault::Status { code: 500, body: BodyKind::Empty, headers: [].into() };
    nas.sandbox.script(fault("GET", "docker/nas/distribution/**", refused)).unwrap();
    let text = nas.show("pin --sandbox=box").await;
    assert_output!(text);
    let ran = nas.run("apply --yes --sandbox=box").await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let ran = nas.run("pin --sandbox=box").await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let known =
        nas.sandbox.with_world(|world| world.registry.digest_of("hashicorp/tfc-agent", "1.29.0").unwrap().to_owned());
    assert!(ran.out.contains(&known) && ran.out.contains("the image that docker/nas has"), "{}", ran.out);
}

#[tokio::test]
async fn a_rotation_says_its_interruption_and_replaces_every_token_once() {
    let nas = Nas::converged(SPEC, Tier::Free).await;
    let before = nas.containers();
    let asked = nas.show("rotate agent-tokens --sandbox=box").await;
    assert_output!(asked);
    assert_eq!(nas.containers(), before, "nothing is done that nobody agreed to");
    let ran = nas.run("rotate agent-tokens --yes --sandbox=box").await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let after = nas.containers();
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].0, before[0].0, "the name stays");
    assert!(after[0].1 != before[0].1 && after[0].2 != before[0].2, "another container with another token");
    let tokens: Vec<String> = nas.sandbox.with_world(|world| world.agent_tokens.keys().cloned().collect());
    assert_eq!(tokens, [after[0].2.clone()], "the old token is revoked");
    let ran = nas.run("plan --sandbox=box").await;
    assert_eq!(ran.code, 0, "a rotation leaves nothing to do: {}", ran.out);
    let ran = nas.run("rotate agent-tokens --yes --sandbox=box --format json").await;
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["interruptions"][0]["alone"], true, "{document:#}");
}

#[tokio::test]
async fn where_a_second_agent_fits_a_rotation_interrupts_nothing() {
    let spec = SPEC.replace("tier: free", "tier: standard");
    let nas = Nas::converged(&spec, Tier::Standard).await;
    let ran = nas.run("rotate agent-tokens --yes --sandbox=box").await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("none: the new agent works before the old one leaves"), "{}", ran.out);
}

#[tokio::test]
async fn an_agent_that_rests_is_rotated_without_any_interruption() {
    let spec = SPEC.replace("min: 1, max: 1", "min: 0, max: 1");
    let nas = Nas::converged(&spec, Tier::Free).await;
    let before = nas.containers();
    let ran = nas.run("rotate agent-tokens --yes --sandbox=box").await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("none: its agent does not run"), "{}", ran.out);
    let after = nas.containers();
    assert!(after.len() == 1 && after[0].2 != before[0].2, "{after:?}");
    assert_eq!(nas.run("plan --sandbox=box").await.code, 0);
}

#[tokio::test]
async fn a_rotation_does_nothing_else_and_only_where_it_is_asked_for() {
    let nas = Nas::converged(SPEC, Tier::Free).await;
    nas.stage.edit("runsOn: nas", "runsOn: nas, autoApply: true");
    let ran = nas.run("rotate agent-tokens --sandbox=box").await;
    assert!(!ran.out.contains("autoApply"), "{}", ran.out);
    let ran = nas.run("rotate agent-tokens --sandbox=box --only docker/elsewhere").await;
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("`--only docker/elsewhere` covers nothing of this fleet"), "{}", ran.out);
    let ran = nas.run("rotate agent-tokens --yes --sandbox=box --only docker/nas/container/hcp-agents-nas-1").await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(nas.run("plan --sandbox=box").await.code, 2, "the rest is still to do");
}

#[tokio::test]
async fn a_rotation_that_was_stopped_is_finished_by_the_next_run() {
    let nas = Nas::converged(SPEC, Tier::Free).await;
    let refused = Fault::Status { code: 500, body: BodyKind::Empty, headers: [].into() };
    nas.sandbox.script(fault("POST", "docker/nas/containers/*/rename", refused)).unwrap();
    let ran = nas.run("rotate agent-tokens --yes --sandbox=box").await;
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    nas.sandbox.script(reconcile::sandbox::faults::Faults::default()).unwrap();
    let stopped = nas.containers();
    assert_eq!(stopped.len(), 2, "the old one works, the new one waits: {stopped:?}");
    let new = stopped.iter().find(|(name, ..)| name.ends_with("-next")).unwrap().clone();
    let ran = nas.run("rotate agent-tokens --yes --sandbox=box").await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let after = nas.containers();
    assert_eq!((after.len(), &after[0].1), (1, &new.1), "no third one is made for what waits already");
    assert_eq!(nas.run("plan --sandbox=box").await.code, 0);
    assert_eq!(nas.sandbox.with_world(|world| world.agent_tokens.len()), 1, "and no token is left over");
}

#[tokio::test]
async fn a_busy_agent_is_waited_for() {
    let nas = Nas::converged(SPEC, Tier::Free).await;
    nas.sandbox.with_world(|world| {
        let workspace = world.workspaces.iter().find(|(_, it)| it.name == "backup" || it.name == "main-backup");
        let id = workspace.unwrap().0.clone();
        world.start_run(&id, "plan_queued").unwrap();
    });
    let before = nas.containers();
    let text = nas.show("rotate agent-tokens --yes --sandbox=box").await;
    assert_output!(text);
    assert_eq!(nas.containers(), before);
}

#[tokio::test]
async fn a_deep_look_finds_what_no_list_shows() {
    let nas = Nas::converged(SPEC, Tier::Free).await;
    assert_eq!(
        nas.run("plan --sandbox=box --deep").await.code,
        0,
        "{}",
        nas.run("plan --sandbox=box --deep").await.out
    );
    nas.by_hand(|host| {
        host["Memory"] = json!(512 << 20);
        host["NanoCpus"] = json!(500_000_000);
        host["RestartPolicy"]["Name"] = json!("no");
        host["LogConfig"]["Config"]["max-size"] = json!("1g");
    });
    assert_eq!(nas.run("plan --sandbox=box").await.code, 0, "the list shows nothing of that");
    let text = nas.show("plan --sandbox=box --deep").await;
    assert_output!(text);
    let ran = nas.run("apply --yes --sandbox=box --deep").await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(nas.run("plan --sandbox=box --deep").await.code, 0);
}

#[tokio::test]
async fn each_field_of_a_deep_look_is_compared() {
    let nas = Nas::converged(SPEC, Tier::Free).await;
    let fresh = nas.sandbox.snapshot();
    let cases: [(&str, Breaks); 4] = [
        ("environment TFC_AGENT_AUTO_UPDATE", |world| {
            let engine = world.engines.get_mut("nas").unwrap();
            for container in engine.containers.values_mut() {
                for variable in container.environment.iter_mut().filter(|it| it.name == "TFC_AGENT_AUTO_UPDATE") {
                    variable.value = Some("minor".to_owned());
                }
            }
        }),
        ("stop timeout", |world| {
            let engine = world.engines.get_mut("nas").unwrap();
            engine.containers.values_mut().for_each(|it| it.config["StopTimeout"] = json!(10));
        }),
        ("/usr/local/share/terraform/plugins", |world| {
            let engine = world.engines.get_mut("nas").unwrap();
            engine.containers.values_mut().flat_map(|it| &mut it.mounts).for_each(|mount| mount.read_only = false);
        }),
        ("network aliases", |world| {
            let engine = world.engines.get_mut("nas").unwrap();
            let endpoints = engine.containers.values_mut().flat_map(|it| it.networks.values_mut());
            endpoints.for_each(|it| it.aliases = Some(vec!["vault".to_owned()]));
        }),
    ];
    for (field, breaks) in cases {
        nas.sandbox.with_world(|world| *world = fresh.clone());
        nas.sandbox.with_world(breaks);
        let ran = nas.run("plan --sandbox=box --deep --full").await;
        assert_eq!(ran.code, 2, "{field}: {}", ran.out);
        assert!(ran.out.contains(field), "{field}: {}", ran.out);
    }
}

#[tokio::test]
async fn no_look_keeps_the_token() {
    let nas = Nas::converged(SPEC, Tier::Free).await;
    let token = nas.sandbox.with_world(|world| {
        let container = world.engines["nas"].containers.values().next().unwrap();
        let token = container.environment.iter().find(|it| it.name == "TFC_AGENT_TOKEN").unwrap().shown();
        token.split_once('=').unwrap().1.to_owned()
    });
    assert!(token.len() > 20, "a token that can be looked for: {token}");
    nas.by_hand(|host| host["Memory"] = json!(512 << 20));
    for words in [
        "plan --sandbox=box --deep --full -vvv --save-observed seen.json --save plan.json",
        "plan --sandbox=box --deep --format json",
        "rotate agent-tokens --sandbox=box --full -vvv",
        "pin --sandbox=box -vvv",
        "render -vvv",
    ] {
        let ran = nas.run(words).await;
        assert!(!ran.out.contains(&token) && !ran.err.contains(&token), "{words}");
    }
    let saved = nas.stage.read("seen.json");
    assert!(saved.contains("TFC_AGENT_AUTO_UPDATE"), "the deep look is in what was saved");
    for file in ["seen.json", "plan.json"] {
        let text = nas.stage.read(file);
        assert!(!text.contains(&token) && !text.contains("TFC_AGENT_TOKEN"), "{file}");
    }
}

#[tokio::test]
async fn one_that_cannot_be_looked_into_is_a_gap() {
    let nas = Nas::converged(SPEC, Tier::Free).await;
    let refused = Fault::Status { code: 500, body: BodyKind::Empty, headers: [].into() };
    nas.sandbox.script(fault("GET", "docker/nas/containers/*/json", refused)).unwrap();
    assert_eq!(nas.run("plan --sandbox=box").await.code, 0, "the lists are enough");
    let text = nas.show("plan --sandbox=box --deep").await;
    assert_output!(text);
}

/// An N+1 is a failing test: agents are read from lists, however many there are, and only a deep look asks for each.
#[tokio::test]
async fn a_plan_takes_as_many_requests_for_50_agents_as_for_one() {
    let mut counts = Vec::new();
    for agents in [1, 50] {
        let spec =
            SPEC.replace("tier: free", "tier: premium").replace("min: 1, max: 1", &format!("min: 0, max: {agents}"));
        let nas = Nas::converged(&spec, Tier::Premium).await;
        assert_eq!(nas.containers().len(), agents);
        for words in ["plan --sandbox=box", "plan --sandbox=box --deep"] {
            nas.sandbox.take_requests();
            let ran = nas.run(words).await;
            assert_eq!(ran.code, 0, "{words}: {}{}", ran.out, ran.err);
            let requests = nas.sandbox.take_requests();
            assert!(requests.iter().all(|request| request.method == "GET"), "a plan writes nothing");
            counts.push(requests.len());
        }
    }
    let [one, one_deep, many, many_deep] = counts.as_slice() else { panic!("{counts:?}") };
    println!("requests of a plan without changes: {one} for 1 agent, {many} for 50; deep: {one_deep} and {many_deep}");
    assert_eq!(one, many, "a plan asks for agents one by one");
    assert_eq!((one_deep - one, many_deep - many), (1, 50), "a deep look is one request for each container");
}
