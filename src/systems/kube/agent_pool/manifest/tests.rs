//! Manifests that are wrong, and what is said of each.

use super::*;
use crate::spec::check::{Style, render};
use crate::spec::{CheckOptions, load_text};

/// The manifest of the seed, where this kind of trouble was first met: its cooldown is wrong in form, its image is
/// another one tomorrow, and nothing says which token its agents use.
const SEED: &str = "\
apiVersion: app.terraform.io/v1alpha2
kind: AgentPool
metadata:
  name: k8s-cluster-agents
spec:
  name: example-house-k8s
  organization: example-house
  token:
    secretKeyRef:
      name: hcp-terraform-token
      key: token
  agentDeployment:
    replicas: 1
    spec:
      containers:
        - name: tfc-agent
          image: hashicorp/tfc-agent:latest
  autoscaling:
    minReplicas: 0      # none while there is no work
    maxReplicas: 3
    cooldownPeriod: 10m
";

/// One in which nothing is wrong.
const SOUND: &str = "\
apiVersion: app.terraform.io/v1alpha2
kind: AgentPool
metadata: { name: cluster, namespace: runners }
spec:
  name: example-house-k8s
  organization: example-house
  token: { secretKeyRef: { name: hcp-terraform-token, key: token } }
  agentTokens: [{ name: agents }]
  agentDeployment:
    spec:
      terminationGracePeriodSeconds: 7200
      nodeSelector: { kubernetes.io/arch: arm64 }
      containers:
        - name: tfc-agent
          image: hashicorp/tfc-agent:1.28.0
          resources: { requests: { memory: 2Gi, cpu: 1 } }
  autoscaling:
    minReplicas: 0
    maxReplicas: 3
    cooldownPeriod: { scaleUpSeconds: 20, scaleDownSeconds: 600 }
  deletionPolicy: retain
";

fn told(text: &str) -> Vec<String> {
    let Checked { findings, .. } = check("pool.yaml", text.to_owned());
    findings.iter().map(|each| format!("{}:{} {}", each.at.line, each.at.column, each.message)).collect()
}

/// What is said when this part of the sound manifest is written otherwise.
fn changed(part: &str, into: &str) -> Vec<String> {
    assert!(SOUND.contains(part), "{part}");
    told(&SOUND.replacen(part, into, 1))
}

fn remedies(text: &str) -> Vec<String> {
    let Checked { findings, .. } = check("pool.yaml", text.to_owned());
    findings.iter().filter_map(|finding| finding.remedy.clone()).collect()
}

#[test]
fn all_that_is_wrong_with_the_seeds_manifest_is_said() {
    let Checked { findings, lines } = check("agentpool.yaml", SEED.to_owned());
    insta::assert_snapshot!("seed", format!("{}\n{}", render(&findings, &[], Style::plain()), lines.unwrap()));
}

#[test]
fn a_sound_manifest_has_no_findings_and_says_the_same_in_a_spec() {
    assert_eq!(told(SOUND), Vec::<String>::new());
    let lines = check("pool.yaml", SOUND.to_owned()).lines.unwrap();
    assert_eq!(
        lines,
        "hcp:\n  organization: example-house\ntargets:\n  cluster:\n    kubernetes:\n      namespace: runners\n      \
         operator:\n        version: 2.12.0\n      token:\n        secret:\n          \
         name: hcp-terraform-token\n          key: token\npools:\n  cluster:\n    name: example-house-k8s\n    target: cluster\n    \
         agents:\n      min: 0\n      max: 3\n      cooldown:\n        up: 20s\n        down: 10m\n      \
         image: hashicorp/tfc-agent:1.28.0\n    longestApply: 2h\n    kubernetes:\n      \
         resources: {\"limits\":{},\"requests\":{\"cpu\":\"1\",\"memory\":\"2Gi\"}}\n      \
         nodeSelector: {\"kubernetes.io/arch\":\"arm64\"}\n"
    );
}

#[test]
fn the_lines_are_such_as_a_spec_takes() {
    let whole = SOUND.replace("{ name: agents }", "{ name: first }, { name: second }").replace(
        "nodeSelector: { kubernetes.io/arch: arm64 }",
        "serviceAccountName: terraform\n      priorityClassName: high\n      imagePullSecrets: [{ name: registry }]\n      \
         tolerations: [{ key: a, operator: Exists }]\n      affinity: { podAntiAffinity: {} }\n      \
         securityContext: { runAsUser: 1000 }\n      hostNetwork: true",
    );
    let whole =
        whole.replace("agentDeployment:\n", "agentDeployment:\n    annotations: { a: b }\n    labels: { c: d }\n");
    let whole = whole.replace("retain", "destroy");
    assert_eq!(told(&whole), Vec::<String>::new());
    let lines = check("pool.yaml", whole.clone()).lines.unwrap();
    assert!(lines.ends_with("    # Not taken over here, to be said beside it: hostNetwork\n"), "{lines}");
    assert!(lines.contains("serviceAccount: {\"create\":false,\"name\":\"terraform\"}"), "{lines}");
    assert!(lines.contains("tokens: [\"first\",\"second\"]"), "{lines}");
    for text in [SEED, SOUND, &whole] {
        let lines = check("pool.yaml", text.to_owned()).lines.unwrap();
        let loaded = load_text("fleet.yaml", &format!("fleet: homelab\n{lines}"), &CheckOptions::default());
        let wrong: Vec<_> = loaded.findings.iter().map(|finding| (finding.rule, &finding.message)).collect();
        // Nothing else in such a spec uses the pool, or says what the organization's tier holds.
        let others = [Rule::Unused, Rule::TierAgents];
        let wrong: Vec<_> = wrong.into_iter().filter(|(rule, _)| !others.contains(rule)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{lines}");
    }
}

#[test]
fn cooldowns_are_said_for_both_directions() {
    let period = "cooldownPeriod: { scaleUpSeconds: 20, scaleDownSeconds: 600 }";
    assert_eq!(
        changed(period, "cooldownPeriod: { scaleDownSeconds: 600 }"),
        ["20:5 `scaleUpSeconds` is not said, so more agents come 600 seconds late as well"]
    );
    assert_eq!(
        changed(period, "cooldownPeriod: { scaleUpSeconds: 20 }"),
        ["20:5 `scaleDownSeconds` is not said: fewer agents after 300 seconds"]
    );
    let late = "no direction has a cooldown of its own: more agents, too, come";
    assert_eq!(changed(period, "cooldownPeriodSeconds: 60"), [format!("20:5 {late} 60 seconds late")]);
    assert_eq!(changed(period, ""), [format!("17:3 {late} 300 seconds late")]);
    assert_eq!(
        changed("spec:\n  name", "spec:\n  cooldownPeriod: 5m\n  name"),
        ["5:3 `cooldownPeriod` means nothing here: a cluster drops it, or refuses all of it"]
    );
    assert_eq!(
        remedies(&SOUND.replacen("spec:\n  name", "spec:\n  cooldownPeriod: 5m\n  name", 1)),
        ["write `cooldownPeriod: { scaleUpSeconds: 15, scaleDownSeconds: 300 }` under `spec.autoscaling`"]
    );
}

#[test]
fn the_number_of_agents_is_said_once_and_in_order() {
    assert_eq!(
        changed("minReplicas: 0", "minReplicas: 4"),
        ["19:18 at least 4 agents and at most 3, which the schema lets pass"]
    );
    assert_eq!(
        changed("minReplicas: 0", "minReplicas: -5"),
        ["18:18 `minReplicas` is below 0, which the schema lets pass"]
    );
    assert_eq!(changed("    maxReplicas: 3\n", ""), ["17:3 `maxReplicas` is missing"]);
    assert_eq!(
        changed("agentDeployment:\n", "agentDeployment:\n    replicas: 2\n"),
        ["10:5 `replicas` beside `autoscaling`: the operator does not look at it"]
    );
    assert_eq!(
        changed("minReplicas: 0", "minReplicas: none"),
        ["18:18 `minReplicas` must be a whole number, not text"]
    );
    assert_eq!(
        changed("maxReplicas: 3", "maxReplicas: 3\n    targetWorkspaces: [{ ID: ws-1 }]"),
        [
            "20:5 `targetWorkspaces` changes nothing: all runs of the pool count",
            "20:26 `ID` means nothing here: a cluster drops it, or refuses all of it",
        ]
    );
    let (before, rest) = SOUND.split_once("  agentDeployment:\n").unwrap();
    let (_, after) = rest.split_once("  autoscaling:\n").unwrap();
    assert_eq!(told(&format!("{before}  autoscaling:\n{after}")), ["9:3 there are no agents to scale"]);
}

#[test]
fn tokens_are_named_once_and_made_by_the_operator() {
    let tokens = "agentTokens: [{ name: agents }]";
    let only = "is for the status only: the operator refuses the whole resource";
    assert_eq!(
        changed(tokens, "agentTokens: [{ name: a, id: at-1, createdAt: 1 }, { name: a }, { }, { name: a b }]"),
        [
            format!("8:28 `id` of a token {only}"),
            format!("8:38 `createdAt` of a token {only}"),
            "8:62 a second token of this name: the operator refuses both".to_owned(),
            "8:67 a token without a name".to_owned(),
            "8:80 the agents' token `a b` must consist of letters, digits, `-`, `_` and `.`: it is a key of a Secret"
                .to_owned(),
        ]
    );
    assert_eq!(changed(tokens, "agentTokens: []"), ["8:16 `agentTokens` is empty"]);
    assert_eq!(changed(tokens, "agentTokens: [agents]"), ["8:17 `agentTokens` must be a map, not text"]);
    assert_eq!(
        changed(&format!("  {tokens}\n"), ""),
        ["8:3 there is no token for its agents, so the operator makes none of them"]
    );
}

#[test]
fn what_the_deployment_would_refuse_is_said() {
    let image = "          image: hashicorp/tfc-agent:1.28.0\n";
    assert_eq!(
        changed(image, ""),
        ["14:11 the container has no image: the AgentPool is accepted, and the Deployment of it refused"]
    );
    let moving = "is another image tomorrow: it names no version";
    assert_eq!(changed("tfc-agent:1.28.0", "tfc-agent"), [format!("15:18 `hashicorp/tfc-agent` {moving}")]);
    assert_eq!(
        changed(image, &format!("{image}          imagePull: Always\n          env: [{{ name: TF_LOG, value: 1 }}]\n")),
        [
            "16:11 `imagePull` means nothing here: a cluster drops it, or refuses all of it",
            "17:40 `value` must be text, not a number",
        ]
    );
    assert_eq!(changed("- name: tfc-agent", "- command: [a]"), ["14:11 a container without a name"]);
    let empty = "agentDeployment:\n    labels: { team: '' }\n    annotations: { a: b }\n";
    assert_eq!(
        changed("agentDeployment:\n", empty),
        ["10:15 `team` of the pods' labels has no value, which the operator refuses"]
    );
}

#[test]
fn an_agent_has_what_it_needs() {
    let request = "requests: { memory: 2Gi, cpu: 1 }";
    assert_eq!(
        changed(request, "requests: { memory: 512Mi }"),
        ["16:44 the agent asks for less than the 2 GB of memory that it needs"]
    );
    assert_eq!(
        changed(request, "limits: { memory: 1G }"),
        ["16:42 the agent may use less than the 2 GB of memory that it needs"]
    );
    assert_eq!(changed(request, "limits: { memory: 2000M }"), Vec::<String>::new());
    assert_eq!(
        changed(request, "limits: { cpu: 1 }"),
        ["14:11 the agent asks for no memory, so it may run where the 2 GB that it needs are not free"]
    );
    assert_eq!(
        changed("      terminationGracePeriodSeconds: 7200\n", ""),
        ["10:5 an agent that is stopped has 15 minutes to end its apply, and is killed then"]
    );
}

#[test]
fn what_must_be_said_is_missed_where_it_belongs() {
    assert_eq!(
        told("kind: AgentPool\nspec:\n  name: ''\n  token: { secretKeyRef: {} }\n"),
        [
            "1:1 `apiVersion` is missing",
            "1:1 `metadata.name` is missing",
            "2:1 `spec.organization` is missing",
            "3:9 `spec.name` is empty",
            "4:12 `spec.token.secretKeyRef.key` is missing",
            "4:12 `spec.token.secretKeyRef.name` is missing",
        ]
    );
    assert_eq!(
        told("apiVersion: app.terraform.io/v1alpha1\nkind: AgentPool\nmetadata: { name: A }\n"),
        [
            "1:1 `spec` is missing",
            "1:13 `apiVersion` must be app.terraform.io/v1alpha2: the operator knows no other",
            "3:19 the name `A` must consist of small letters, digits, `-` and `.`, and begin and end with one of the first two",
        ]
    );
    assert_eq!(
        changed("organization: example-house", "organisation: example-house"),
        [
            "4:1 `spec.organization` is missing",
            "6:3 `organisation` means nothing here: a cluster drops it, or refuses all of it",
        ]
    );
}

#[test]
fn the_other_documents_of_a_file_are_passed_over() {
    let secret = "apiVersion: v1\nkind: Secret\nstringData: { a: 1 }\n---\n";
    assert_eq!(told(&format!("{secret}{SOUND}")), Vec::<String>::new());
    assert_eq!(told(secret), ["1:1 no AgentPool in this file"]);
    assert_eq!(told(""), ["1:1 no AgentPool in this file"]);
    assert_eq!(told("a: [\n").len(), 1);
    let two = format!("{SOUND}---\n{}", SOUND.replace("maxReplicas: 3", "maxReplicas: x"));
    assert_eq!(told(&two), ["41:18 `maxReplicas` must be a whole number, not text"]);
    let lines = check("pool.yaml", two).lines.unwrap();
    assert_eq!(lines.matches("target: cluster").count(), 2);
}

#[test]
fn a_token_in_clear_is_found_and_not_repeated() {
    let image = "          image: hashicorp/tfc-agent:1.28.0\n";
    let with = format!("{image}          env: [{{ name: TFC_AGENT_TOKEN, value: hunter2 }}]\n");
    let Checked { findings, lines } = check("pool.yaml", SOUND.replacen(image, &with, 1));
    let shown = format!("{}{}", render(&findings, &[], Style::plain()), lines.unwrap());
    assert!(shown.contains("TFC_AGENT_TOKEN stands here in clear"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
