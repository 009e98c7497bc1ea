//! Archives of our own making: sound ones, and such as must be refused.

use std::io::Write as _;
use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::http::Policy;

const CHART_YAML: &str = "apiVersion: v2\nname: hcp-terraform-operator\nversion: 2.12.0\nappVersion: \"2.12.0\"\n";

fn crd_yaml(plural: &str) -> String {
    format!(
        "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
         creationTimestamp: null\n  name: {plural}.app.terraform.io\nspec:\n  group: app.terraform.io\n  \
         names: {{ kind: K, plural: {plural} }}\n  scope: Namespaced\nstatus: {{ conditions: [] }}\n"
    )
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn sound() -> Vec<u8> {
    archive(&[
        ("hcp-terraform-operator/Chart.yaml", CHART_YAML),
        ("hcp-terraform-operator/values.yaml", "replicaCount: 2\n"),
        ("hcp-terraform-operator/templates/deployment.yaml", "{{ not yaml }}\n"),
        ("hcp-terraform-operator/crds/b.yaml", &crd_yaml("workspaces")),
        ("hcp-terraform-operator/crds/a.yaml", &crd_yaml("agentpools")),
    ])
}

fn refusal(files: &[(&str, &str)]) -> String {
    let refused = read_unlocked(&archive(files), Version::V2_12_0).unwrap_err();
    assert!(!refused.remedy().is_empty());
    refused.to_string()
}

#[test]
fn a_chart_gives_its_crds_in_order_and_without_what_a_cluster_writes() {
    let archive = sound();
    let locked = Locked { url: "a.tgz".to_owned(), sha256: digest(&archive).to_uppercase() };
    let chart = read(&archive, Version::V2_12_0, &locked).unwrap();
    let names: Vec<String> = chart.crds.iter().map(ToString::to_string).collect();
    assert_eq!(
        names,
        [
            "CustomResourceDefinition/agentpools.app.terraform.io",
            "CustomResourceDefinition/workspaces.app.terraform.io"
        ]
    );
    let Value::Object(members) = &chart.crds[0].value else { panic!("{chart:?}") };
    assert_eq!(members.keys().collect::<Vec<_>>(), ["apiVersion", "kind", "metadata", "spec"]);
    assert_eq!(members["metadata"], serde_json::json!({"name": "agentpools.app.terraform.io"}));
}

#[test]
fn another_archive_than_the_locked_one_is_refused() {
    let locked = Locked { url: "a.tgz".to_owned(), sha256: "0".repeat(64) };
    let refused = read(&sound(), Version::V2_12_0, &locked).unwrap_err();
    assert!(matches!(&refused, Refused::Digest { found, .. } if *found == digest(&sound())), "{refused}");
    assert!(refused.remedy().contains("reconcile pin"));
}

#[test]
fn another_chart_or_version_is_refused() {
    let refused = read_unlocked(&sound(), Version::V2_9_2).unwrap_err();
    let expected = "it is the chart hcp-terraform-operator-2.12.0, and hcp-terraform-operator-2.9.2 is expected";
    assert_eq!(refused.to_string(), expected);
    let path = "hcp-terraform-operator/Chart.yaml";
    let other = refusal(&[(path, "name: vault\nversion: 2.12.0\n")]);
    assert_eq!(other, "it is the chart vault-2.12.0, and hcp-terraform-operator-2.12.0 is expected");
    assert_eq!(refusal(&[("vault/Chart.yaml", CHART_YAML)]), "it holds no hcp-terraform-operator/Chart.yaml");
}

#[test]
fn what_is_no_crd_of_the_operator_is_refused() {
    let chart = ("hcp-terraform-operator/Chart.yaml", CHART_YAML);
    let with = |text: &str| refusal(&[chart, ("hcp-terraform-operator/crds/a.yaml", text)]);
    let expected = "it holds no CRD agentpools.app.terraform.io in hcp-terraform-operator/crds";
    assert_eq!(refusal(&[chart]), expected);
    assert_eq!(with(&crd_yaml("modules")), expected);
    assert_eq!(
        with("apiVersion: v1\nkind: Pod\n"),
        "crds/a.yaml: a `Pod` of `v1`, and no CustomResourceDefinition of apiextensions.k8s.io/v1"
    );
    let foreign = crd_yaml("agentpools").replace("group: app.terraform.io", "group: example.com");
    assert_eq!(
        with(&foreign),
        "crds/a.yaml: a CustomResourceDefinition of the group `example.com`, and not of app.terraform.io"
    );
    let misnamed = crd_yaml("agentpools").replace("plural: agentpools", "plural: pools");
    assert_eq!(
        with(&misnamed),
        "crds/a.yaml: the name `agentpools.app.terraform.io` does not fit the kind that it defines"
    );
    let twice = format!("{}{}", crd_yaml("agentpools"), crd_yaml("agentpools"));
    assert_eq!(with(&twice), "crds/a.yaml: a second agentpools.app.terraform.io");
    assert!(with("a: [\n").starts_with("crds/a.yaml: line 2, column 1: "), "{}", with("a: [\n"));
}

#[test]
fn bombs_are_refused() {
    let chart = ("hcp-terraform-operator/Chart.yaml", CHART_YAML);
    let large = " ".repeat(5 << 20);
    let crd = ("hcp-terraform-operator/crds/a.yaml", large.as_str());
    assert_eq!(refusal(&[chart, crd]), "crds/a.yaml is larger than 4 MiB");
    // Of no use to us, and still unpacked on the way to what comes after it.
    let other = ("hcp-terraform-operator/README.md", large.as_str());
    assert_eq!(refusal(&[other; 14]), "it unpacks to more than 64 MiB");
    assert_eq!(refusal(&vec![("hcp-terraform-operator/README.md", ""); 2_001]), "it has more than 2000 entries");
    // A name as long as a bomb stands in a header's extension, before any entry is seen.
    let mut endless = GzEncoder::new(Vec::new(), Compression::best());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 30);
    header.set_cksum();
    endless.write_all(header.as_bytes()).unwrap();
    for _ in 0..70 {
        endless.write_all(&vec![b'a'; 1 << 20]).unwrap();
    }
    let endless = endless.finish().unwrap();
    assert!(matches!(read_unlocked(&endless, Version::V2_12_0), Err(Refused::Archive(_))));
    let incompressible = vec![0; LARGEST_ARCHIVE + 1];
    assert_eq!(read_unlocked(&incompressible, Version::V2_12_0).unwrap_err().to_string(), "it is larger than 8 MiB");
    assert!(matches!(read_unlocked(b"no archive", Version::V2_12_0), Err(Refused::Archive(_))));
}

#[test]
fn pinning_takes_only_the_chart_of_that_version() {
    let mut lock = Lock::default();
    assert!(lock.pin(Version::V2_9_2, "a.tgz", &sound()).is_err());
    assert_eq!(lock, Lock::default());
    lock.pin(Version::V2_12_0, "a.tgz", &sound()).unwrap();
    let locked = lock.chart(Version::V2_12_0).unwrap();
    assert!(read(&sound(), Version::V2_12_0, locked).is_ok());
}

fn how<'a>(policy: &'a Policy, folder: &'a Path) -> Fetching<'a> {
    Fetching { policy, ca: None, loopback_only: true, folder }
}

#[tokio::test]
async fn an_archive_is_got_from_beside_the_lock_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.tgz"), b"bytes").unwrap();
    let policy = Policy::test();
    let how = how(&policy, folder.path());
    assert_eq!(fetch("a.tgz", &how).await.unwrap(), b"bytes");
    let error = fetch("b.tgz", &how).await.unwrap_err();
    assert!(error.chain().starts_with("getting the operator's chart from b.tgz: No such file"), "{}", error.chain());
    assert!(error.remedy().unwrap().contains("reconcile pin"));
    std::fs::write(folder.path().join("c.tgz"), vec![0; LARGEST_ARCHIVE + 1]).unwrap();
    assert!(fetch("c.tgz", &how).await.unwrap_err().chain().ends_with("it is larger than 8 MiB"));
}

#[tokio::test]
async fn an_archive_is_got_over_http_and_a_server_that_stumbles_is_asked_again() {
    let stumbled = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let asked = stumbled.clone();
    let stumbling = move || {
        let first = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        async move { if first { (StatusCode::BAD_GATEWAY, vec![]) } else { (StatusCode::OK, b"bytes".to_vec()) } }
    };
    let router = Router::new()
        .route("/a.tgz", get(stumbling))
        .route("/large.tgz", get(async || vec![0_u8; LARGEST_ARCHIVE + 1]));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let policy = Policy::test();
    let how = how(&policy, Path::new("."));
    assert_eq!(fetch(&format!("{address}/a.tgz"), &how).await.unwrap(), b"bytes");
    assert_eq!(stumbled.load(std::sync::atomic::Ordering::Relaxed), 2);
    let missing = fetch(&format!("{address}/b.tgz"), &how).await.unwrap_err();
    assert!(missing.chain().ends_with("the server says 404 Not Found"), "{}", missing.chain());
    let large = fetch(&format!("{address}/large.tgz"), &how).await.unwrap_err();
    assert!(large.chain().ends_with("it is larger than 8 MiB"), "{}", large.chain());
    let away = fetch("https://helm.releases.hashicorp.com/a.tgz", &how).await.unwrap_err();
    assert!(away.chain().ends_with("nothing but this machine is asked"), "{}", away.chain());
    server.abort();
}
