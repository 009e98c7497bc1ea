use std::collections::BTreeMap;
use std::path::Path;

use super::super::{Environment, Flags};
use super::{Access, Door, NoDoor, Way, kubernetes};

/// The ways to these targets, each with whether its cluster is pinned.
fn access<const N: usize>(environment: &Environment, flags: &Flags, targets: [(&str, bool); N]) -> Access {
    let targets = targets.into_iter().map(|(name, pinned)| (name.to_owned(), pinned)).collect();
    kubernetes(environment, flags, Path::new("/fleet"), &targets).unwrap()
}

/// `WAY from PLACE`, or the trouble.
fn said(access: &Access, target: &str) -> String {
    match &access.doors[target] {
        Ok(Door { way, from }) => format!("{way} from {from}"),
        Err(NoDoor { cause, hint }) => format!("{cause}\ndo: {hint}"),
    }
}

/// The way to one target, `cluster`.
fn found(environment: &Environment, flags: &Flags, pinned: bool) -> String {
    said(&access(environment, flags, [("cluster", pinned)]), "cluster")
}

fn context(name: &str) -> Flags {
    Flags { kube_contexts: vec![("cluster".to_owned(), name.to_owned())], ..Flags::default() }
}

const CONFIG: (&str, &str) = (
    "/home/u/.kube/config",
    "
apiVersion: v1
kind: Config
current-context: attic
contexts:
- { name: attic, context: { cluster: a, user: u } }
- { name: home, context: { cluster: h, user: u } }
- { name: work, context: { cluster: w, user: u } }
",
);
const OTHER: (&str, &str) = (
    "/fleet/k3s.yaml",
    "{ apiVersion: v1, kind: Config, current-context: default, contexts: [{ name: default, context: { cluster: d } }] }",
);
const POD: [(&str, &str); 2] = [
    ("/var/run/secrets/kubernetes.io/serviceaccount/token", "t"),
    ("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", "c"),
];
const IN_POD: (&str, &str) = ("KUBERNETES_SERVICE_HOST", "10.0.0.1");

#[test]
fn a_context_is_named_and_later_words_beat_earlier_ones() {
    let beside = (
        "/fleet/access.yaml",
        "default: { kubernetes: { cluster: { context: work } } }\nk3s: { kubernetes: { cluster: { kubeconfig: k3s.yaml, context: default } } }\n",
    );
    let at_home =
        ("/home/u/.config/reconcile/access.yaml", "default: { kubernetes: { cluster: { context: attic } } }\n");
    let env = Environment::made_up([], "/home/u", [CONFIG, OTHER, at_home]);
    let place = "/home/u/.kube/config";
    let from_home = format!("context attic from {place}, /home/u/.config/reconcile/access.yaml");
    assert_eq!(found(&env, &Flags::default(), false), from_home);
    let files = [CONFIG, OTHER, at_home, beside];
    let env = Environment::made_up([], "/home/u", files);
    assert_eq!(found(&env, &Flags::default(), false), format!("context work from {place}, /fleet/access.yaml"));
    let k3s = Flags { profile: Some("k3s".to_owned()), ..Flags::default() };
    assert_eq!(found(&env, &k3s, false), "context default from /fleet/k3s.yaml, /fleet/access.yaml");
    let env = Environment::made_up([("RECONCILE_KUBERNETES_CLUSTER_CONTEXT", "home")], "/home/u", files);
    let from_env = format!("context home from {place}, RECONCILE_KUBERNETES_CLUSTER_CONTEXT");
    assert_eq!(found(&env, &Flags::default(), false), from_env);
    assert_eq!(found(&env, &context("attic"), false), format!("context attic from {place}, --kube-context"));
    let both = [
        ("RECONCILE_KUBERNETES_CLUSTER_KUBECONFIG", "/fleet/k3s.yaml"),
        ("RECONCILE_KUBERNETES_CLUSTER_CONTEXT", "default"),
    ];
    let env = Environment::made_up(both, "/home/u", [CONFIG, OTHER]);
    let from_env = "context default from /fleet/k3s.yaml, RECONCILE_KUBERNETES_CLUSTER_CONTEXT";
    assert_eq!(found(&env, &Flags::default(), false), from_env);
}

#[test]
fn several_files_are_merged_as_kubectl_does_it() {
    let list = [("KUBECONFIG", "/gone:/home/u/.kube/config:/fleet/k3s.yaml")];
    let env = Environment::made_up(list, "/home/u", [CONFIG, OTHER]);
    let access = access(&env, &context("default"), [("cluster", false)]);
    let Ok(Door { way: Way::Kubeconfig { paths, context }, from: _ }) = &access.doors["cluster"] else { panic!() };
    assert_eq!(context, "default");
    assert_eq!(paths, &["/home/u/.kube/config", "/fleet/k3s.yaml"].map(std::path::PathBuf::from));
}

#[test]
fn the_current_context_is_used_only_where_the_cluster_is_pinned() {
    let env = Environment::made_up([], "/home/u", [CONFIG]);
    let pinned = found(&env, &Flags::default(), true);
    assert_eq!(pinned, "context attic from current-context of /home/u/.kube/config, the usual place");
    insta::assert_snapshot!(found(&env, &Flags::default(), false), @r"
    nothing says which context leads to it; the current one is looked at only where the spec pins the cluster (`kubeSystemUid`); the contexts of /home/u/.kube/config are attic, home, work
    do: write `default: { kubernetes: { cluster: { context: CONTEXT } } }` into access.yaml, set RECONCILE_KUBERNETES_CLUSTER_CONTEXT, or give --kube-context cluster=CONTEXT
    ");
}

#[test]
fn a_pods_service_account_is_the_last_resort() {
    let [token, ca] = POD;
    let in_pod = Environment::made_up([IN_POD], "/home/u", [token, ca, CONFIG]);
    let account = "the cluster that this runs in from the service account of this pod";
    assert_eq!(found(&in_pod, &Flags::default(), false), account);
    let named = found(&in_pod, &context("home"), false);
    assert_eq!(named, "context home from /home/u/.kube/config, --kube-context");
    let with_variable =
        Environment::made_up([IN_POD, ("KUBECONFIG", "/home/u/.kube/config")], "/home/u", [token, ca, CONFIG]);
    assert!(found(&with_variable, &Flags::default(), false).starts_with("nothing says which context"));
    let half = Environment::made_up([IN_POD], "/home/u", [token]);
    assert!(found(&half, &Flags::default(), false).starts_with("there is no kubeconfig"));
    // It names no target, so it is none of two unless the spec pins it.
    let two = access(&in_pod, &Flags::default(), [("a", false), ("b", true)]);
    assert!(said(&two, "a").starts_with("nothing says which context"), "{}", said(&two, "a"));
    assert_eq!(said(&two, "b"), account);
}

#[test]
fn what_is_wrong_is_told_with_what_there_is() {
    let env = Environment::made_up([], "/home/u", [CONFIG]);
    insta::assert_snapshot!(found(&env, &context("hmoe"), false), @r"
    there is no context `hmoe` (--kube-context); the contexts of /home/u/.kube/config are attic, home, work
    do: did you mean home?
    ");
    let nothing = Environment::made_up([], "/home/u", []);
    insta::assert_snapshot!(found(&nothing, &context("home"), false), @r"
    there is no kubeconfig: /home/u/.kube/config is not there (the usual place)
    do: get one from the cluster (k3s: /etc/rancher/k3s/k3s.yaml), and say where it is: `default: { kubernetes: { cluster: { kubeconfig: FILE, context: NAME } } }` in access.yaml
    ");
    let broken = Environment::made_up([], "/home/u", [("/home/u/.kube/config", "users: [canary")]);
    let told = found(&broken, &context("home"), false);
    assert!(
        told.starts_with("reading /home/u/.kube/config: it is no kubeconfig") && !told.contains("canary"),
        "{told}"
    );
}

#[test]
fn a_word_about_no_target_is_an_error() {
    let env = Environment::made_up([], "/home/u", [CONFIG]);
    let flags = Flags { kube_contexts: vec![("clutser".to_owned(), "home".to_owned())], ..Flags::default() };
    let known = BTreeMap::from([("cluster".to_owned(), false)]);
    let error = kubernetes(&env, &flags, Path::new("/fleet"), &known).unwrap_err();
    assert_eq!(error.chain(), "reading --kube-context clutser=…: the fleet's Kubernetes targets are cluster");
    assert_eq!(error.remedy(), Some("did you mean --kube-context cluster=…?"));
    let twins = BTreeMap::from([("a-1".to_owned(), false), ("a_1".to_owned(), false)]);
    let env = Environment::made_up([("RECONCILE_KUBERNETES_A_1_CONTEXT", "home")], "/home/u", [CONFIG]);
    let error = kubernetes(&env, &Flags::default(), Path::new("/fleet"), &twins).unwrap_err();
    assert!(error.chain().contains("a-1 or the target a_1"), "{}", error.chain());
}

#[test]
fn keys_that_mean_nothing_are_refused() {
    let refused = |text: &str| {
        let env = Environment::made_up([], "/home/u", [("/fleet/access.yaml", text)]);
        let targets = BTreeMap::from([("cluster".to_owned(), false)]);
        kubernetes(&env, &Flags::default(), Path::new("/fleet"), &targets).unwrap_err().chain()
    };
    let told = refused("default: { kubernetes: { cluster: { host: x } } }");
    assert!(told.ends_with("kubernetes.cluster has a key `host`, which means nothing"), "{told}");
    let told = refused("default: { kubernetes: { cluster: { context: 7 } } }");
    assert!(told.ends_with("kubernetes.cluster.context is not a text"), "{told}");
    let told = refused("default: { kubernetes: cluster }");
    assert!(told.ends_with("kubernetes is not a map of targets"), "{told}");
}
