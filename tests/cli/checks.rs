use super::stage::Stage;
use crate::assert_output;

#[test]
fn a_sound_spec() {
    assert_output!(Stage::new().show("check"));
}

#[test]
fn a_spec_with_errors_is_neither_planned_nor_applied() {
    let stage = Stage::new();
    stage.edit("runsOn: cluster", "runsOn: clutser");
    assert_output!(stage.show("check"));
    for words in ["plan --sandbox=box", "apply --yes --sandbox=box", "check --format json"] {
        assert_eq!(stage.run(words).code, 1, "{words}");
    }
    assert!(!stage.path("box").exists(), "nothing was touched");
}

#[test]
fn check_as_json_is_a_document() {
    let stage = Stage::new();
    let document: serde_json::Value = serde_json::from_str(&stage.run("check --format json").out).unwrap();
    assert_eq!((&document["formatVersion"], &document["errors"]), (&1.into(), &0.into()));
}

#[test]
fn a_first_spec_is_sound_and_never_overwrites() {
    let stage = Stage::empty();
    stage.write(
        "tf/vault/terraform.tf",
        "terraform {\n  cloud {\n    organization = \"example-house\"\n    workspaces {\n      name = \"main-vault\"\n    }\n  }\n}\n",
    );
    assert_output!(stage.show("init"));
    assert_output!(stage.read("fleet.yaml"));
    assert_eq!(stage.run("check --strict").code, 0);
    let again = stage.run("init");
    assert_eq!(again.code, 1);
    assert!(again.err.contains("never overwritten"), "{}", again.err);
}

#[test]
fn a_first_spec_without_anything_around_needs_a_name() {
    let stage = Stage::empty();
    assert_output!(stage.show("init"));
    assert_eq!(stage.run("init --organization example-house").code, 0);
    let ran = stage.run("check");
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[test]
fn a_first_spec_is_written_as_yaml_alone() {
    let stage = Stage::empty();
    for name in ["fleet.json", "fleet.toml"] {
        let ran = stage.run(&format!("init --organization example-house {name}"));
        assert_eq!(ran.code, 64);
        assert!(ran.err.contains("ends in .yaml"), "{}", ran.err);
        assert!(!stage.path(name).exists());
    }
}

#[test]
fn explain_takes_an_address_as_a_plan_shows_it() {
    let stage = Stage::new();
    assert_output!(stage.show("explain hcp/workspace/main-dns"));
    let whole = stage.run("explain hcp/workspace/main-dns").out;
    assert_eq!(stage.run("explain workspace/main-dns").out, whole);
    let unknown = stage.run("explain workspace/main-dnss");
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("did you mean"), "{}", unknown.err);
    let document: serde_json::Value =
        serde_json::from_str(&stage.run("explain hcp/workspace/main-dns --format json").out).unwrap();
    assert_eq!(document["things"][0]["address"], "hcp/workspace/main-dns");
}

#[test]
fn explain_takes_patterns_and_the_specs_own_names() {
    let stage = Stage::new();
    let things = |asked: &str| {
        let ran = stage.run(&format!("explain {asked}"));
        assert_eq!(ran.code, 0, "{asked}: {}", ran.err);
        let heads = ran.out.lines().filter(|line| !line.is_empty() && !line.starts_with(' '));
        heads.map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let dns = ["hcp/workspace/main-dns", "hcp/workspace/main-dns/env/DNS_TOKEN", "hcp/workspace/main-dns/env/TF_LOG"];
    for asked in
        ["hcp/workspace/main-d*", "workspace/*-dns", "projects/main/workspaces/dns", "projects.main.workspaces.dns"]
    {
        assert_eq!(things(asked), dns, "{asked}");
    }
    assert_eq!(things("hcp/workspace/*/env/TF_*"), dns[2..]);
    assert_eq!(things("pools/cluster"), ["pools/cluster", "hcp/pool/lab-cluster"]);
    assert_eq!(things("pools.cluster.agents"), ["pools/cluster", "hcp/pool/lab-cluster"]);
    assert_eq!(things("notify/hook"), ["hcp/project/main/notification/hook"]);
    assert_eq!(things("projects/main").len(), 7, "the project with its notification and its workspaces");
    assert_eq!(things("hcp")[0], "hcp/organization");
    assert_eq!(things("workspace/main-vault/placement"), ["hcp/workspace/main-vault/placement"]);
    assert_eq!(things("pool/lab-cluster/scope"), ["hcp/pool/lab-cluster/scope"]);
    assert_eq!(things("variable-set/reconcile-lab"), ["hcp/variable-set/reconcile-lab"]);
    for (asked, near) in [
        ("pools/clutser", "did you mean pools/cluster?"),
        ("pool/lab-clutser", "did you mean pool/lab-cluster?"),
        ("hcp/workspace/main-dsn", "did you mean hcp/workspace/main-dns?"),
        ("zebra", "`reconcile plan` prints them"),
    ] {
        let ran = stage.run(&format!("explain {asked}"));
        assert!(ran.code == 1 && ran.err.contains(near), "{asked}: {}", ran.err);
    }
}

/// Whatever a plan names of the spec can be pasted, and what `--only` covers is explained too.
#[test]
fn every_address_of_a_plan_is_explained() {
    let stage = Stage::new();
    let plan: serde_json::Value = serde_json::from_str(&stage.run("plan --sandbox=box --format json").out).unwrap();
    let mut asked: Vec<String> = Vec::new();
    for action in plan["actions"].as_array().unwrap() {
        let address = action["address"].as_str().unwrap();
        asked.extend([address.to_owned(), address.strip_prefix("hcp/").unwrap().to_owned()]);
        let needs = action["needs"].as_array().unwrap().iter();
        asked.extend(needs.map(|need| need["of"].as_str().unwrap().to_owned()));
    }
    assert!(asked.len() > 24, "{asked:?}");
    for address in asked {
        let ran = stage.run(&format!("explain {address}"));
        assert_eq!(ran.code, 0, "{address}: {}", ran.err);
    }
}

#[test]
fn a_target_is_explained_as_the_spec_has_it() {
    let stage = Stage::new();
    let text = stage.read("fleet.yaml").replace(
        "pools:\n  cluster: { name: lab-cluster, ",
        "targets:\n  nas: { docker: { project: agents }, identity: { engineId: 6XKD } }\npools:\n  cluster: { name: lab-cluster, target: nas, longestApply: 90m, ",
    );
    stage.write("fleet.yaml", &text);
    assert_output!(stage.show("explain targets/*"));
    let whole = stage.run("explain targets/nas").out;
    for inside in ["docker/nas/container/tfc-agent-1", "targets/nas/docker", "targets.nas"] {
        assert_eq!(stage.run(&format!("explain {inside}")).out, whole, "{inside}");
    }
    assert_eq!(stage.run("explain docker/elsewhere/container/a").code, 1);
    assert_output!(stage.show("explain pools/cluster"));
}

#[test]
fn diff_compares_two_files() {
    let stage = Stage::new();
    let text = stage.read("fleet.yaml");
    stage.write(
        "new.yaml",
        &text.replace("autoApply: true", "terraformVersion: '1.9.0'").replace("grafana: {}", "loki: {}"),
    );
    assert_output!(stage.show("diff fleet.yaml new.yaml"));
    assert_eq!(stage.run("diff fleet.yaml fleet.yaml").out, "no differences\n");
    stage.write("bad.yaml", "fleet: x\n");
    assert_output!(stage.show("diff fleet.yaml bad.yaml"));
}

#[test]
fn diff_compares_two_revisions() {
    let stage = Stage::new();
    let git = |words: &[&str]| stage.git(words);
    git(&["init"]);
    git(&["add", "fleet.yaml"]);
    git(&["commit", "-m", "one"]);
    stage.edit("autoApply: true", "autoApply: false");
    git(&["commit", "-am", "two"]);
    assert_output!(stage.show("diff HEAD~1..HEAD"));
    assert_eq!(stage.run("diff HEAD..HEAD fleet.yaml").out, "no differences\n");
    assert_eq!(stage.run("diff HEAD~5..HEAD").code, 1);
}

#[test]
fn warnings_are_errors_if_that_is_asked_for() {
    let stage = Stage::new();
    let text = stage.read("fleet.yaml");
    stage.write("fleet.yaml", &text.replace("pools:\n", "pools:\n  idle: {}\n"));
    assert_eq!(stage.run("check").code, 0);
    assert_output!(stage.show("check --strict"));
}

#[test]
fn files_are_merged_in_their_order() {
    let stage = Stage::new();
    stage.write("more.yaml", "projects: { main: { workspaces: { loki: { runsOn: local } } } }\n");
    let ran = stage.run("explain workspace/main-loki fleet.yaml more.yaml");
    assert!(ran.out.contains("runsOn") && ran.out.contains("more.yaml:1"), "{}{}", ran.out, ran.err);
}

#[test]
fn the_schema_is_one() {
    let schema: serde_json::Value = serde_json::from_str(&Stage::empty().run("schema").out).unwrap();
    assert!(jsonschema::validator_for(&schema).is_ok());
}
