use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::object::Object;
use super::super::observed::{Identity, Manager};
use super::*;
use crate::plan::Listing;
use crate::secret::Compared;
use crate::spec::desired::Desired as Fleet;
use crate::spec::{CheckOptions, load_text};
use crate::systems::Consent;

const SPEC: &str = r#"
fleet: lab
hcp: { organization: example-house, tier: standard }
targets:
  cluster: { kubernetes: { namespace: hcp-terraform, operator: { version: "2.12.0" }, token: { env: OPERATOR_TOKEN } } }
pools: { home: { name: lab-home, target: cluster, agents: { min: 0, max: 2 } } }
defaults: { agentImage: "hashicorp/tfc-agent:1.29.0", name: "{project}-{key}", runsOn: home }
projects: { main: { workspaces: { dns: {} } } }
"#;

const POOL: &str = "kube/cluster/AgentPool/hcp-terraform/home";
const DEPLOYMENT: &str = "kube/cluster/Deployment/hcp-terraform/hcp-terraform-operator";

fn fleet(text: &str) -> Fleet {
    let loaded = load_text("fleet.yaml", text, &CheckOptions::default());
    loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.findings))
}

/// What the server writes down of an object that one manager applied whole.
fn owned(value: &Value, name: &str) -> Value {
    const KEYED: [(&str, &[&str]); 5] = [
        ("containers", &["name"]),
        ("env", &["name"]),
        ("volumes", &["name"]),
        ("volumeMounts", &["mountPath"]),
        ("agentTokens", &["name"]),
    ];
    match value {
        Value::Object(members) => {
            let mut fields = Map::new();
            for (key, inner) in members {
                if !matches!(key.as_str(), "apiVersion" | "kind") {
                    fields.insert(format!("f:{key}"), owned(inner, key));
                }
            }
            Value::Object(fields)
        }
        Value::Array(items) => match KEYED.iter().find(|(list, _)| *list == name) {
            Some((_, keys)) => {
                let key = |item: &Value| {
                    let keys: Map<String, Value> =
                        keys.iter().map(|key| ((*key).to_owned(), item[*key].clone())).collect();
                    format!("k:{}", Value::Object(keys))
                };
                Value::Object(items.iter().map(|item| (key(item), owned(item, ""))).collect())
            }
            None => json!({}),
        },
        _ => json!({}),
    }
}

fn live(it: &Wanted) -> Live {
    let mut value = it.object.value.clone();
    value["metadata"]["uid"] = json!(format!("uid of {}", it.object));
    value["metadata"]["generation"] = json!(1);
    let mut whole = it.whole();
    whole["metadata"].as_object_mut().unwrap().retain(|key, _| key != "name" && key != "namespace");
    if it.secret.is_some() {
        value["metadata"]["annotations"][labels::WITNESS] = json!("fingerprint");
    }
    let status = match it.stage {
        Stage::Pool => {
            json!({ "agentPoolID": "apool-1", "observedGeneration": 1, "autoscaling": { "desiredReplicas": 2 } })
        }
        _ => Value::Null,
    };
    Live {
        namespace: it.object.namespace.clone(),
        name: it.object.name.clone(),
        uid: value["metadata"]["uid"].as_str().unwrap().to_owned(),
        managers: vec![Manager {
            name: labels::MANAGER.to_owned(),
            applies: true,
            subresource: None,
            fields: owned(&whole, ""),
        }],
        value,
        status,
    }
}

fn wanted_of(want: &Fleet) -> Vec<Wanted> {
    let of =
        wanted::Context { fleet: &want.hcp.fleet, organization: &want.hcp.organization.name, files: &BTreeMap::new() };
    wanted::objects(&of, &want.kube.targets["cluster"], &definitions())
}

fn definitions() -> Vec<Object> {
    let value = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "agentpools.app.terraform.io",
            "labels": { "app.terraform.io/crd-schema-version": "v25.4.0" },
        },
        "spec": { "group": "app.terraform.io" },
    });
    vec![Object {
        api_version: "apiextensions.k8s.io/v1".to_owned(),
        kind: "CustomResourceDefinition".to_owned(),
        namespace: None,
        name: "agentpools.app.terraform.io".to_owned(),
        value,
    }]
}

fn empty() -> Cluster {
    let kinds = [
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
        "Service",
        "ConfigMap",
        "Deployment",
        "Secret",
        "AgentPool",
    ];
    Cluster {
        identity: Identity {
            uid: "uid-1".to_owned(),
            version: "v1.36.3".to_owned(),
            address: "https://10.0.0.1:6443".to_owned(),
            nodes: BTreeMap::new(),
        },
        objects: kinds.iter().map(|kind| ((*kind).to_owned(), Listing::Complete(Vec::new()))).collect(),
        warnings: BTreeMap::new(),
        trials: BTreeMap::new(),
        token: None,
        definitions: Read::Seen(definitions()),
    }
}

fn converged(want: &Fleet) -> Cluster {
    let mut cluster = empty();
    for it in wanted_of(want) {
        add(&mut cluster, &it.object.kind.clone(), live(&it));
    }
    cluster.token = Some(Compared::Same);
    cluster
}

fn add(cluster: &mut Cluster, kind: &str, live: Live) {
    cluster.objects.get_mut(kind).unwrap().seen_mut().push(live);
}

fn object<'c>(cluster: &'c mut Cluster, kind: &str) -> &'c mut Live {
    cluster.objects.get_mut(kind).unwrap().seen_mut().first_mut().unwrap()
}

fn plan_of(want: &Fleet, cluster: Cluster, consent: &Consent) -> Plan {
    let mut observed = systems::Observed::of_hcp(crate::systems::hcp::plan::tests::nothing());
    observed.kube.clusters.insert("cluster".to_owned(), Read::Seen(cluster));
    let mut plan = Plan::empty(want.hcp.fleet.clone());
    let context = Context { desired: want, observed: &observed, consent };
    super::plan(&want.kube, &observed.kube, &context, &mut plan);
    plan
}

fn planned(cluster: Cluster) -> Plan {
    plan_of(&fleet(SPEC), cluster, &Consent::default())
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.actions.iter().map(|(address, action)| format!("{} {address}", action.verb)).collect()
}

fn action<'p>(plan: &'p Plan, address: &str) -> &'p Action {
    plan.actions.get(&address.parse::<Address>().unwrap()).unwrap_or_else(|| panic!("{address} in {:#?}", lines(plan)))
}

#[test]
fn an_empty_cluster_gets_everything_each_after_what_it_stands_on() {
    let plan = planned(empty());
    assert!(plan.refusals.is_empty() && plan.waits.is_empty(), "{:#?} {:#?}", plan.refusals, plan.waits);
    assert_eq!(plan.actions.len(), wanted_of(&fleet(SPEC)).len());
    let needs = |address: &str| -> Vec<String> {
        action(&plan, address).request.needs().iter().map(|output| output.of.to_string()).collect()
    };
    assert_eq!(needs("kube/cluster/Namespace/hcp-terraform"), [""; 0]);
    assert!(
        needs(DEPLOYMENT).contains(&"kube/cluster/CustomResourceDefinition/agentpools.app.terraform.io".to_owned())
    );
    assert!(needs(POOL).contains(&DEPLOYMENT.to_owned()));
    assert!(needs(POOL).iter().any(|of| of.contains("/Secret/")));
}

#[test]
fn what_is_as_it_is_wanted_is_left_alone() {
    let plan = planned(converged(&fleet(SPEC)));
    assert!(plan.is_empty(), "{:#?} {:#?}", plan.actions, plan.waits);
    assert!(plan.refusals.is_empty() && plan.untouched.is_empty(), "{:#?} {:#?}", plan.refusals, plan.untouched);
}

#[test]
fn a_field_of_ours_that_somebody_edited_is_repaired_with_the_name_of_who_did() {
    let mut cluster = converged(&fleet(SPEC));
    let deployment = object(&mut cluster, "Deployment");
    deployment.value["spec"]["replicas"] = json!(5);
    deployment.managers[0].fields["f:spec"].as_object_mut().unwrap().remove("f:replicas");
    deployment.managers.push(Manager {
        name: "kubectl-edit".to_owned(),
        applies: false,
        subresource: None,
        fields: json!({ "f:spec": { "f:replicas": {} } }),
    });
    let conflict = vec![("kubectl-edit".to_owned(), ".spec.replicas".to_owned())];
    let it = "Deployment/hcp-terraform/hcp-terraform-operator";
    let key = wanted_of(&fleet(SPEC)).iter().find(|it| it.object.kind == "Deployment").unwrap().object.to_string();
    cluster.trials.insert(key, Trial::Conflict(conflict));
    let plan = planned(cluster);
    assert_eq!(lines(&plan), [format!("change kube/cluster/{it}")]);
    let changed = action(&plan, DEPLOYMENT);
    assert_eq!(changed.changes.len(), 1, "{:#?}", changed.changes);
    assert_eq!(changed.changes[0].why.cause, Cause::Because("drift (kubectl-edit)".to_owned()));
    let systems::Request::Kube(Request { call: Call::Apply(apply), .. }) = &changed.request else { panic!() };
    assert!(apply.force, "its owner is named, so that it may be taken back");
}

#[test]
fn a_field_that_we_do_not_speak_of_is_theirs() {
    let mut cluster = converged(&fleet(SPEC));
    object(&mut cluster, "Deployment").value["spec"]["paused"] = json!(true);
    object(&mut cluster, "Deployment").value["metadata"]["labels"]["theirs"] = json!("x");
    assert!(planned(cluster).is_empty());
}

#[test]
fn a_new_word_of_the_spec_is_no_drift_and_counts_the_agents_that_it_restarts() {
    let then = fleet(SPEC);
    let now = fleet(&SPEC.replace("1.29.0", "1.30.0"));
    let plan = plan_of(&now, converged(&then), &Consent::default());
    assert_eq!(lines(&plan), [format!("change {POOL}")]);
    let changed = action(&plan, POOL);
    assert_eq!(changed.changes[0].why.cause, Cause::Spec);
    assert_eq!(changed.request.effect().agents, 2);
}

#[test]
fn what_is_there_without_our_mark_is_refused_until_it_is_adopted() {
    let mut cluster = converged(&fleet(SPEC));
    object(&mut cluster, "Deployment").value["metadata"]["labels"].as_object_mut().unwrap().remove(labels::FLEET);
    let plan = planned(cluster.clone());
    assert_eq!((plan.refusals.len(), plan.refusals[0].rule), (1, Rule::NotOurs));
    let consent = Consent { adopt: vec!["kube/**".parse().unwrap()], ..Consent::default() };
    let plan = plan_of(&fleet(SPEC), cluster, &consent);
    assert_eq!(lines(&plan), [format!("adopt {DEPLOYMENT}")]);
}

#[test]
fn an_operator_of_helm_is_named_and_left_to_it() {
    let want = fleet(SPEC);
    let mut cluster = converged(&want);
    for (_, listing) in cluster.objects.iter_mut().filter(|(kind, _)| *kind != "AgentPool" && *kind != "Secret") {
        for it in listing.seen_mut() {
            it.value["metadata"]["labels"].as_object_mut().unwrap().remove(labels::FLEET);
            it.value["metadata"]["annotations"] = json!({ "meta.helm.sh/release-name": "tfo" });
        }
    }
    let plan = plan_of(&want, cluster, &Consent::default());
    let notes: Vec<&str> = plan.untouched.iter().map(|it| it.note.as_str()).collect();
    assert_eq!(notes, ["the operator is deployed by Helm's release tfo, and left to it"]);
    let about: Vec<String> = plan.refusals.iter().map(|it| it.address.to_string()).collect();
    assert!(about.iter().all(|it| !it.contains("Deployment")), "{about:?}");
}

#[test]
fn what_left_the_spec_goes_after_its_pools_and_what_others_use_stays() {
    let mut cluster = converged(&fleet(SPEC));
    let mut want = fleet(SPEC);
    want.kube.targets.get_mut("cluster").unwrap().absent = true;
    object(&mut cluster, "AgentPool").value["spec"]["deletionPolicy"] = json!("retain");
    let plan = plan_of(&want, cluster, &Consent::default());
    assert!(plan.actions.values().all(|action| action.verb == Verb::Remove), "{:#?}", lines(&plan));
    let needs = action(&plan, DEPLOYMENT).request.needs();
    assert_eq!(needs.iter().map(|output| output.of.to_string()).collect::<Vec<_>>(), [POOL]);
    let left: Vec<&str> = plan.untouched.iter().map(|it| it.address.in_place()).collect();
    assert_eq!(left, ["CustomResourceDefinition/agentpools.app.terraform.io", "Namespace/hcp-terraform"]);
}

#[test]
fn another_cluster_behind_the_same_context_is_refused() {
    let mut want = fleet(SPEC);
    want.kube.targets.get_mut("cluster").unwrap().kube_system_uid = Some("uid-2".to_owned());
    let plan = plan_of(&want, empty(), &Consent::default());
    assert!(plan.actions.is_empty());
    assert_eq!((plan.refusals.len(), plan.refusals[0].rule), (1, Rule::WrongIdentity));
}

#[test]
fn a_pool_that_the_operator_has_not_made_is_waited_for_in_its_own_words() {
    let mut cluster = converged(&fleet(SPEC));
    object(&mut cluster, "AgentPool").status = Value::Null;
    cluster.warnings.insert("home".to_owned(), "ReconcileAgentPool: Failed to create agent pool".to_owned());
    let plan = planned(cluster);
    assert_eq!(plan.waits.len(), 1);
    assert!(plan.waits[0].what.ends_with("Failed to create agent pool"), "{}", plan.waits[0].what);
}

#[test]
fn a_kind_that_could_not_be_read_says_nothing_of_the_rest() {
    let mut cluster = empty();
    let gap = Gap {
        address: target_address("cluster"),
        doing: "listing roles".to_owned(),
        cause: "forbidden".to_owned(),
        follows: String::new(),
        hint: String::new(),
        expected: false,
    };
    cluster.objects.insert("Role".to_owned(), Listing::Partial(Vec::new(), gap));
    let plan = planned(cluster);
    assert!(plan.actions.is_empty());
    assert_eq!(plan.gaps.len(), 1);
}

#[test]
fn a_token_is_written_again_when_its_source_or_its_receiver_changed() {
    let address = "kube/cluster/Secret/hcp-terraform/hcp-terraform-operator-token";
    let mut cluster = converged(&fleet(SPEC));
    cluster.token = Some(Compared::SourceChanged);
    assert_eq!(lines(&planned(cluster.clone())), [format!("change {address}")]);
    cluster.token = Some(Compared::Same);
    object(&mut cluster, "Secret").managers[0].fields["f:data"] = json!({});
    let plan = planned(cluster);
    assert_eq!(action(&plan, address).changes[0].why.cause, Cause::Drift);
}
