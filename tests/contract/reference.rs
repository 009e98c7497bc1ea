//! Where the published data lies; tests that need it are skipped without it, unless it was asked for.

use std::{fs, path::PathBuf};

use serde_json::Value;

/// The folder `data` of the reference, from `RECONCILE_REFERENCE` or beside the crate.
pub fn data() -> Option<PathBuf> {
    let asked = std::env::var_os("RECONCILE_REFERENCE").map(PathBuf::from);
    let root = asked.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let data = root.join("data");
    if data.join("hcp-openapi.json").is_file() {
        return Some(data);
    }
    assert!(asked.is_none(), "RECONCILE_REFERENCE is {}, which has no data/hcp-openapi.json", root.display());
    println!("skipped: no published data at {}; set RECONCILE_REFERENCE", root.display());
    None
}

/// The `OpenAPI` file.
pub fn openapi() -> Option<Value> {
    let path = data()?.join("hcp-openapi.json");
    Some(serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
}

/// The documentation's samples by file name.
pub fn samples() -> Option<Vec<(String, Value)>> {
    let mut found: Vec<(String, Value)> = fs::read_dir(data()?.join("hcp-samples"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Some(found)
}
