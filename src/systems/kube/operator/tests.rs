//! What Helm cannot be asked about: everything else is in `tests/chart.rs`.

use serde_json::{Value, json};

use super::*;

fn release() -> Release {
    Release { name: "hcp-terraform-operator".to_owned(), namespace: "hcp-terraform".to_owned() }
}

fn shown(options: &Options) -> Vec<String> {
    objects(&release(), options).iter().map(ToString::to_string).collect()
}

fn find<'o>(objects: &'o [Object], address: &str) -> &'o Value {
    &objects.iter().find(|object| object.to_string() == address).unwrap_or_else(|| panic!("no {address}")).value
}

fn narrowed(version: Version) -> Options {
    let mut options = Options::new(version);
    options.operator.watched_namespaces = ["runners", "apps", "runners"].map(ToOwned::to_owned).into();
    options.rbac.narrow_secrets = true;
    options
}

#[test]
fn objects_come_in_the_order_in_which_they_are_applied() {
    let mut options = Options::new(Version::V2_12_0);
    options.custom_ca_certificates = Some(ByteString(b"pem".to_vec()));
    assert_eq!(
        shown(&options),
        [
            "ServiceAccount/hcp-terraform/hcp-terraform-operator",
            "ClusterRole/hcp-terraform-operator-manager-role",
            "ClusterRole/hcp-terraform-operator-metrics-reader",
            "ClusterRole/hcp-terraform-operator-proxy-role",
            "ClusterRoleBinding/hcp-terraform-operator-manager-rolebinding",
            "ClusterRoleBinding/hcp-terraform-operator-proxy-rolebinding",
            "Role/hcp-terraform/hcp-terraform-operator-leader-election-role",
            "RoleBinding/hcp-terraform/hcp-terraform-operator-leader-election-rolebinding",
            "ConfigMap/hcp-terraform/hcp-terraform-operator-ca-certificates",
            "Service/hcp-terraform/hcp-terraform-operator-controller-manager-metrics-service",
            "Deployment/hcp-terraform/hcp-terraform-operator",
        ]
    );
}

#[test]
fn secrets_can_be_narrowed_to_the_watched_namespaces() {
    for (version, verbs) in [
        (Version::V2_9_2, json!(["create", "list", "update", "watch"])),
        (Version::V2_12_0, json!(["create", "list", "update", "watch", "patch"])),
    ] {
        let made = objects(&release(), &narrowed(version));
        let everywhere = find(&made, "ClusterRole/hcp-terraform-operator-manager-role");
        assert!(!everywhere["rules"].to_string().contains("secrets"), "{everywhere}");
        assert!(!everywhere["rules"].to_string().contains("configmaps"), "{everywhere}");
        for namespace in ["apps", "runners"] {
            let role = find(&made, &format!("Role/{namespace}/hcp-terraform-operator-manager-role"));
            let expected = json!([{"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": verbs}]);
            assert_eq!(role["rules"], expected);
            let binding = find(&made, &format!("RoleBinding/{namespace}/hcp-terraform-operator-manager-rolebinding"));
            assert_eq!(binding["roleRef"]["kind"], "Role");
            assert_eq!(binding["roleRef"]["name"], "hcp-terraform-operator-manager-role");
            let subject =
                json!([{"kind": "ServiceAccount", "name": "hcp-terraform-operator", "namespace": "hcp-terraform"}]);
            assert_eq!(binding["subjects"], subject);
        }
        // Nothing but that rule moved, and a namespace that was named twice has one role.
        let mut wide = narrowed(version);
        wide.rbac.narrow_secrets = false;
        let wide = objects(&release(), &wide);
        assert_eq!(made.len(), wide.len() + 4);
        let mut rules = find(&wide, "ClusterRole/hcp-terraform-operator-manager-role")["rules"].clone();
        rules.as_array_mut().unwrap().remove(0);
        assert_eq!(everywhere["rules"], rules);
    }
}

#[test]
fn narrowing_has_no_effect_where_everything_is_watched_or_no_roles_are_made() {
    let mut options = narrowed(Version::V2_12_0);
    options.operator.watched_namespaces.clear();
    assert_eq!(shown(&options), shown(&Options::new(Version::V2_12_0)));
    let mut options = narrowed(Version::V2_12_0);
    options.rbac.create = false;
    assert!(shown(&options).iter().all(|address| !address.contains("role")), "{:?}", shown(&options));
}

#[test]
fn a_digest_pins_the_image_and_a_flag_of_a_controller_that_is_not_there_is_left_out() {
    let mut options = Options::new(Version::V2_9_2);
    options.operator.image.digest = Some("sha256:abc".to_owned());
    options.controllers.runs_collector = Some(options.controllers.agent_pool);
    let made = objects(&release(), &options);
    let container =
        &find(&made, "Deployment/hcp-terraform/hcp-terraform-operator")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "hashicorp/hcp-terraform-operator:2.9.2@sha256:abc");
    assert!(!container["args"].to_string().contains("collector"), "{}", container["args"]);
}

#[test]
fn a_variable_is_said_once_and_the_selecting_labels_stay() {
    let mut options = Options::new(Version::V2_12_0);
    options.operator.tfe_address = Some("https://tfe.example.com".to_owned());
    options.operator.env = [("TFE_ADDRESS", "other"), ("ZONE", "a")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    options.pod_labels = [("control-plane", "other"), ("team", "a")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let made = objects(&release(), &options);
    let spec = &find(&made, "Deployment/hcp-terraform/hcp-terraform-operator")["spec"];
    let expected = json!([{"name": "ZONE", "value": "a"}, {"name": "TFE_ADDRESS", "value": "https://tfe.example.com"}]);
    assert_eq!(spec["template"]["spec"]["containers"][0]["env"], expected);
    assert_eq!(
        spec["template"]["metadata"]["labels"]["control-plane"],
        spec["selector"]["matchLabels"]["control-plane"]
    );
    assert_eq!(spec["template"]["metadata"]["labels"]["team"], "a");
}

#[test]
fn names_follow_the_charts_rules() {
    let names = |release: &str, full: Option<&str>, create: bool| {
        let release = Release { name: release.to_owned(), namespace: "n".to_owned() };
        let mut options = Options::new(Version::V2_12_0);
        options.fullname_override = full.map(ToOwned::to_owned);
        options.service_account.create = create;
        let names = Names::new(&release, &options);
        (names.full.clone(), names.service_account)
    };
    let owned = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(names("tfc", None, true), owned("tfc-hcp-terraform-operator", "tfc-hcp-terraform-operator"));
    assert_eq!(names("my-hcp-terraform-operator-2", None, false), owned("my-hcp-terraform-operator-2", "default"));
    assert_eq!(names("tfc", Some("op"), true), owned("op", "op"));
    let long = format!("{}-{}", "a".repeat(62), "b");
    assert_eq!(names("tfc", Some(&long), true).0, "a".repeat(62));
}

#[test]
fn a_releases_name_must_fit_into_its_objects() {
    let refusal = |name: &str| Release { name: name.to_owned(), namespace: "n".to_owned() }.refusal();
    assert_eq!(refusal("hcp-terraform-operator"), None);
    assert_eq!(refusal(&"a".repeat(28)), None);
    let long = refusal(&"a".repeat(29)).unwrap();
    assert!(long.ends_with("has 29 characters; at most 28 fit into the name of its Service"), "{long}");
    for name in ["", "1a", "Op", "a_b", "-a"] {
        assert!(refusal(name).is_some(), "{name}");
    }
}
