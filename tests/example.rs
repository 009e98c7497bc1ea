//! The example that users copy is sound, and means what it says.

use std::path::PathBuf;

use reconcile::spec::{self, CheckOptions};

fn example() -> spec::Loaded {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/examples/homelab/fleet.yaml");
    spec::load(&[path], &CheckOptions::default())
}

#[test]
fn the_example_has_no_finding() {
    let loaded = example();
    let messages: Vec<&str> = loaded.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(messages.is_empty(), "{messages:#?}");
}
