//! The ten objects of the operator, as its chart renders them, applied as they are.

use std::path::PathBuf;
use std::time::Duration;

use crate::live::fixtures::{owned, version};
use crate::live::subject::{APPLY, Subject};

/// What `helm template` makes of the chart with its own values, or that there is nothing to hold anybody to.
fn rendered() -> Option<String> {
    let asked = std::env::var_os("RECONCILE_REFERENCE").map(PathBuf::from);
    let root = asked.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = root.join("data/operator-chart/2.12.0/default.yaml");
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Some(text);
    }
    assert!(asked.is_none(), "RECONCILE_REFERENCE is {}, which has no {}", root.display(), path.display());
    println!("skipped: no rendered chart at {}; set RECONCILE_REFERENCE", path.display());
    None
}

/// The path of an object, from lines of its text at their place.
fn place(text: &str) -> String {
    let find = |text: &str, start: &str| {
        text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default().trim().to_owned()
    };
    let mut metadata = text.lines().skip_while(|line| *line != "metadata:").skip(1);
    let metadata: Vec<_> = metadata.by_ref().take_while(|line| line.starts_with(' ')).collect();
    let metadata = metadata.join("\n");
    let plural = format!("{}s", find(text, "kind: ").to_lowercase());
    let (name, namespace) = (find(&metadata, "  name: "), find(&metadata, "  namespace: "));
    match (find(text, "apiVersion: ").as_str(), namespace.as_str()) {
        (version @ "v1", namespace) => format!("/api/{version}/namespaces/{namespace}/{plural}/{name}"),
        (version, "") => format!("/apis/{version}/{plural}/{name}"),
        (version, namespace) => format!("/apis/{version}/namespaces/{namespace}/{plural}/{name}"),
    }
}

pub async fn the_operators_objects_are_applied_once(subject: &Subject) {
    let Some(text) = rendered() else { return };
    let namespace = subject.namespace().await;
    let text = text.replace("namespace: hcp-terraform\n", &format!("namespace: {namespace}\n"));
    let objects: Vec<_> = text.split("---\n").filter(|one| one.contains("kind: ")).collect();
    assert_eq!(objects.len(), 10);
    let mut deployment = String::new();
    for object in &objects {
        let path = place(object);
        let asked = format!("{path}?fieldManager=m&fieldValidation=Strict");
        let made = subject.ask("PATCH", &asked).text(APPLY, object).answer().await;
        assert_eq!(made.status, 201, "{path}: {}", made.text());
        assert!(owned(&made.json(), "m", "Apply").is_some(), "{path}");
        if path.contains("/deployments/") {
            deployment = path;
        }
    }
    // Its controller writes into its status; by the second apply that has to be over.
    let mut seen = String::new();
    let is_quiet = async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = subject.get(&deployment).await.ok();
        let is_same = version(&now) == seen && now["status"]["observedGeneration"] == 1;
        seen = version(&now);
        is_same
    };
    subject.until("the Deployment's controller is done", is_quiet).await;
    for object in &objects {
        let path = place(object);
        let before = subject.get(&path).await.ok();
        let asked = format!("{path}?fieldManager=m&fieldValidation=Strict");
        let after = subject.ask("PATCH", &asked).text(APPLY, object).answer().await.ok();
        assert_eq!(after, before, "{path}");
    }
}
