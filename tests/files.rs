//! Files of agents from this machine to where terraform and the agent look for them, over the real client and the
//! stand-ins. `INSTA_UPDATE=always cargo test --test files` writes the golden files anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod yard;

use std::collections::BTreeMap;

use reconcile::plan::Verb;
use reconcile::plan::digest::Site;
use reconcile::sandbox::faults::{BodyKind, Fault, Faults, Rule};
use yard::Yard;

/// A fleet whose agents have all kinds of files.
const EVERYTHING: &str = "
    tls: { ca: { file: ca.pem } }
    pools: { nas: { target: nas, agents: { min: 1, max: 1 }, providers: { upload: ./mirror }, hooks: { upload: hooks } } }";
/// One whose only agent always runs and has a mirror.
const MIRROR: &str = "\npools: { nas: { target: nas, agents: { min: 1, max: 1 }, providers: { upload: ./mirror } } }";
/// The same without the mirror.
const BARE: &str = "\npools: { nas: { target: nas, agents: { min: 1, max: 1 } } }";

const SITE: Site<'_> = Site { world: "sandbox", organization: "example" };

const AGENT: &str = "hcp-agents-nas-1";
const PLUGINS: &str = "/usr/local/share/terraform/plugins";
const PROGRAM: &str = "tf.example.com/acme/nas/1.0.0/linux_amd64/terraform-provider-nas";

fn a_mirror(yard: &Yard) {
    yard.write(&format!("mirror/{PROGRAM}"), "elf 1", 0o755);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_where_it_is_looked_for() {
    let yard = Yard::new().await;
    a_mirror(&yard);
    yard.write(
        "mirror/registry.terraform.io/hashicorp/null/terraform-provider-null_3.2.4_linux_amd64.zip",
        "zip",
        0o600,
    );
    yard.write("hooks/terraform-pre-plan", "#!/bin/sh\n", 0o700);
    yard.write("hooks/notes", "none", 0o640);
    yard.write("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o600);
    let want = yard.fleet(EVERYTHING);
    yard.converge(&want).await;
    let file = |mode: u32, text: &str| (mode, Some(text.to_owned()));
    let mirror = yard.files_in(AGENT, PLUGINS).await;
    let found = |tree: &BTreeMap<String, (u32, Option<String>)>| {
        tree.iter().filter(|(_, (_, text))| text.is_some()).map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
    };
    assert_eq!(
        found(&mirror),
        [
            (
                "registry.terraform.io/hashicorp/null/terraform-provider-null_3.2.4_linux_amd64.zip".to_owned(),
                file(0o444, "zip")
            ),
            (PROGRAM.to_owned(), file(0o555, "elf 1")),
        ],
        "readable for the agent's user, and executable as it was here"
    );
    let hooks = yard.files_in(AGENT, "/tmp/hooks").await;
    assert_eq!(
        found(&hooks),
        [("notes".to_owned(), file(0o444, "none")), ("terraform-pre-plan".to_owned(), file(0o555, "#!/bin/sh\n"))]
    );
    let ca = yard.files_in(AGENT, "/reconcile/ca").await;
    assert_eq!(ca.keys().collect::<Vec<_>>(), ["ca.pem"]);
    let agent = yard.inspect(AGENT).await;
    let environment: Vec<&str> = agent["Config"]["Env"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
    for variable in ["SSL_CERT_DIR=/etc/ssl/certs:/etc/pki/tls/certs:/reconcile/ca", "TFC_AGENT_DATA_DIR=/tmp"] {
        assert!(environment.contains(&variable), "{variable} is not in {environment:?}");
    }
    let mounts = agent["Mounts"].as_array().unwrap();
    assert_eq!(mounts.len(), 3);
    assert!(mounts.iter().all(|mount| mount["RW"] == false), "{mounts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_provider_is_a_change_that_is_seen_and_leaves_nothing_behind() {
    let yard = Yard::new().await;
    a_mirror(&yard);
    let want = yard.fleet(MIRROR);
    yard.converge(&want).await;
    let before = yard.volumes();
    assert_eq!(before.len(), 2, "the mirror and its marker: {before:?}");
    yard.write(&format!("mirror/{PROGRAM}"), "elf 2", 0o755);
    let plan = yard.plan(&want).await;
    insta::assert_snapshot!(yard.text(&plan));
    yard.sandbox.take_requests();
    yard.apply_all(&plan).await;
    let terms = yard.sandbox.take_requests().into_iter().filter(|request| request.path.contains("/kill")).count();
    assert_eq!(terms, 1, "the agent was let finish, with one word");
    let (_, program) = yard.files_in(AGENT, PLUGINS).await[PROGRAM].clone();
    assert_eq!(program.as_deref(), Some("elf 2"));
    let after = yard.volumes();
    assert!(after.len() == 2 && before.iter().all(|name| !after.contains(name)), "{before:?} -> {after:?}");
    yard.is_settled(&want).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_leaves_the_spec_leaves_the_host() {
    let yard = Yard::new().await;
    a_mirror(&yard);
    yard.converge(&yard.fleet(MIRROR)).await;
    let bare = yard.fleet(BARE);
    let plan = yard.plan(&bare).await;
    insta::assert_snapshot!(yard.text(&plan));
    yard.apply_all(&plan).await;
    assert_eq!(yard.volumes(), Vec::<String>::new());
    yard.is_settled(&bare).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_since_the_plan_is_not_uploaded() {
    let yard = Yard::new().await;
    a_mirror(&yard);
    let want = yard.fleet(MIRROR);
    let plan = yard.plan(&want).await;
    yard.write(&format!("mirror/{PROGRAM}"), "elf 2", 0o755);
    let failures = yard.failures(&plan).await;
    let told: Vec<&String> = failures.iter().filter(|line| line.contains("changed since the plan")).collect();
    assert_eq!(told.len(), 1, "{failures:#?}");
    insta::assert_snapshot!(yard.without_folder(told[0]));
    let (kept, complete) = yard.sandbox.with_world(|world| {
        let volumes = &world.engines["nas"].volumes;
        let kept = volumes.values().map(|volume| volume.files.0.len()).sum::<usize>();
        (kept, volumes.keys().any(|name| name.ends_with(".complete")))
    });
    assert_eq!((kept, complete), (0, false), "nothing was sent, and nothing is called whole");
    yard.converge(&want).await;
    let (_, program) = yard.files_in(AGENT, PLUGINS).await[PROGRAM].clone();
    assert_eq!(program.as_deref(), Some("elf 2"));
    assert_eq!(yard.volumes().len(), 2, "what was begun for the other content is gone");
}

fn on_put(fault: Fault) -> Faults {
    let rule = Rule { method: Some("PUT".to_owned()), path: Some("**/archive".to_owned()), ..Rule::new(fault) };
    Faults { seed: 1, rules: vec![rule] }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_broke_off_is_gone_on_with() {
    for fault in [Fault::Reset, Fault::LostAnswer] {
        let yard = Yard::new().await;
        a_mirror(&yard);
        let want = yard.fleet(MIRROR);
        yard.sandbox.script(on_put(fault.clone())).unwrap();
        let plan = yard.plan(&want).await;
        assert!(!yard.failures(&plan).await.is_empty(), "{fault:?}");
        assert!(!yard.volumes().iter().any(|name| name.ends_with(".complete")), "{fault:?}");
        assert_eq!(yard.carriers(), 1, "{fault:?}");
        yard.sandbox.script(Faults::default()).unwrap();
        let plan = yard.plan(&want).await;
        let removals: Vec<_> = plan.actions.iter().filter(|(_, action)| action.verb == Verb::Remove).collect();
        assert!(removals.is_empty(), "its container is gone on with: {removals:#?}");
        yard.apply_all(&plan).await;
        assert_eq!(yard.carriers(), 0, "{fault:?}");
        yard.is_settled(&want).await;
    }
}

/// The answer of each write of a whole run is lost in turn: two more runs, and all is as if nothing had happened.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_answer_is_lost_the_files_arrive() {
    let mut nth = 0;
    loop {
        nth += 1;
        let yard = Yard::new().await;
        a_mirror(&yard);
        let want = yard.fleet(MIRROR);
        let rule = Rule {
            method: Some("write".to_owned()),
            caller: Some("docker".to_owned()),
            nth: Some(nth),
            ..Rule::new(Fault::LostAnswer)
        };
        yard.sandbox.script(Faults { seed: 1, rules: vec![rule] }).unwrap();
        yard.sandbox.take_requests();
        let plan = yard.plan(&want).await;
        yard.failures(&plan).await;
        let writes =
            yard.sandbox.take_requests().iter().filter(|it| it.caller == "docker" && it.method != "GET").count();
        yard.sandbox.script(Faults::default()).unwrap();
        for _ in 0..2 {
            let plan = yard.plan(&want).await;
            yard.failures(&plan).await;
        }
        yard.is_settled(&want).await;
        let (_, program) = yard.files_in(AGENT, PLUGINS).await[PROGRAM].clone();
        assert_eq!(program.as_deref(), Some("elf 1"), "after the answer to write {nth} was lost");
        assert_eq!((yard.carriers(), yard.volumes().len()), (0, 2), "after the answer to write {nth} was lost");
        if usize::try_from(nth).unwrap() > writes {
            assert!(nth > 8, "there are more writes than that: {nth}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broken_upload_left_for_nobody_is_taken_away() {
    let yard = Yard::new().await;
    a_mirror(&yard);
    let want = yard.fleet(MIRROR);
    yard.sandbox.script(on_put(Fault::Reset)).unwrap();
    let plan = yard.plan(&want).await;
    yard.failures(&plan).await;
    yard.sandbox.script(Faults::default()).unwrap();
    let bare = yard.fleet(BARE);
    let plan = yard.plan(&bare).await;
    insta::assert_snapshot!(yard.text(&plan));
    yard.apply_all(&plan).await;
    assert_eq!((yard.carriers(), yard.volumes()), (0, Vec::new()));
    yard.is_settled(&bare).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_fill_one_volume_do_no_harm_to_each_other() {
    let yard = Yard::new().await;
    a_mirror(&yard);
    let want = yard.fleet(MIRROR);
    let mut plan = yard.plan(&want).await;
    plan.keep_only(|address| ["image", "volume"].iter().any(|kind| address.as_str().contains(&format!("/{kind}/"))));
    assert_eq!(plan.actions.len(), 2, "{:?}", plan.actions.keys());
    yard.sandbox.script(on_put(Fault::Gate("put".to_owned()))).unwrap();
    let both = async { tokio::join!(yard.failures(&plan), yard.failures(&plan)) };
    let let_in = async {
        yard.sandbox.arrived("put", 2).await;
        yard.sandbox.release("put", 2);
    };
    let ((one, other), ()) = tokio::join!(both, let_in);
    assert!(one.is_empty() && other.is_empty(), "{one:?} {other:?}");
    assert_eq!((yard.carriers(), yard.volumes().len()), (0, 2));
    yard.sandbox.script(Faults::default()).unwrap();
    yard.converge(&want).await;
    let (_, program) = yard.files_in(AGENT, PLUGINS).await[PROGRAM].clone();
    assert_eq!(program.as_deref(), Some("elf 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mirror_is_told_and_nothing_is_made_of_it() {
    let yard = Yard::new().await;
    yard.write("mirror/terraform-provider-nas", "elf", 0o755);
    let plan = yard.plan(&yard.fleet(MIRROR)).await;
    insta::assert_snapshot!(yard.text(&plan));
    assert!(!plan.actions.keys().any(|address| address.as_str().contains("container")), "{:?}", plan.actions.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_cannot_be_read_keeps_nobody_from_working() {
    let yard = Yard::new().await;
    a_mirror(&yard);
    let want = yard.fleet(MIRROR);
    yard.converge(&want).await;
    std::fs::remove_dir_all(yard.path("mirror")).unwrap();
    yard.stop(AGENT).await;
    let plan = yard.plan(&want).await;
    assert_eq!(plan.gaps.len(), 1, "{:#?}", plan.gaps);
    yard.apply_all(&plan).await;
    assert_eq!(yard.inspect(AGENT).await["State"]["Running"], true, "the agent that was there works again");
    assert_eq!(yard.volumes().len(), 2, "what could not be read may be what is in them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_for_another_machine_is_told() {
    let yard = Yard::on("aarch64").await;
    a_mirror(&yard);
    let plan = yard.plan(&yard.fleet(MIRROR)).await;
    let notes: Vec<String> =
        plan.untouched.iter().filter(|it| it.address.as_str().contains("volume")).map(|it| it.note.clone()).collect();
    assert_eq!(
        notes,
        ["tf.example.com/acme/nas has no package for linux_arm64, so no run here can use it; it has linux_amd64"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_files_lie_on_this_machine_is_no_part_of_what_is_approved() {
    let (one, other) = (Yard::new().await, Yard::new().await);
    let mut digests = Vec::new();
    for yard in [&one, &other] {
        a_mirror(yard);
        digests.push(yard.plan(&yard.fleet(MIRROR)).await.digest(&SITE));
    }
    assert_eq!(digests[0], digests[1]);
    other.write(&format!("mirror/{PROGRAM}"), "elf 2", 0o755);
    assert_ne!(other.plan(&other.fleet(MIRROR)).await.digest(&SITE), digests[0], "and what is in them is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_of_others_is_not_touched() {
    let yard = Yard::new().await;
    a_mirror(&yard);
    let want = yard.fleet(MIRROR);
    let plan = yard.plan(&want).await;
    let name = plan.actions.keys().find_map(|address| address.as_str().split("/volume/").nth(1)).unwrap().to_owned();
    yard.make_volume(&name).await;
    let told = yard.failures(&plan).await;
    assert!(told.iter().any(|line| line.contains("do not say that it holds this")), "{told:#?}");
    let plan = yard.plan(&want).await;
    assert_eq!(plan.refusals.len(), 1, "{:#?}", plan.refusals);
    assert_eq!(yard.volumes(), [name]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_given_up_keeps_no_files() {
    let yard = Yard::new().await;
    a_mirror(&yard);
    yard.converge(&yard.fleet(MIRROR)).await;
    let gone = yard.fleet_at("{ absent: true, docker: {} }", MIRROR);
    yard.apply_all(&yard.plan(&gone).await).await;
    assert_eq!((yard.carriers(), yard.volumes()), (0, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_an_engine_still_counts_somebody_into_is_removed_a_moment_later() {
    let yard = Yard::new().await;
    yard.converge(&yard.fleet(BARE)).await;
    let refused = Fault::Status { code: 403, body: BodyKind::Empty, headers: BTreeMap::new() };
    let on = Some("DELETE docker/nas/networks/*".to_owned());
    let rule = Rule { on, times: Some(2), ..Rule::new(refused) };
    yard.sandbox.script(Faults { seed: 0, rules: vec![rule] }).unwrap();
    let gone = yard.fleet_at("{ docker: {}, absent: true }", BARE);
    // The container first, and with it the use of its network.
    yard.apply_all(&yard.plan(&gone).await).await;
    let left = yard.sandbox.with_world(|world| {
        world.engines["nas"].networks.values().filter(|network| network.name == "hcp-agents_default").count()
    });
    assert_eq!(left, 0);
}
