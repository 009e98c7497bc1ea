//! The images of this suite: two small static programs, compiled here and published in the stand-in's registry.

use std::path::Path;
use std::process::Command;

use reconcile::sandbox::{Platform, Sandbox};
use serde_json::json;

/// Compiles a program of `tests/agent_image`, or says why not.
pub fn compile(name: &str) -> Result<Vec<u8>, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agent_image").join(format!("{name}.c"));
    let folder = tempfile::tempdir().map_err(|cause| cause.to_string())?;
    let program = folder.path().join(name);
    let done =
        Command::new("gcc").args(["-static", "-O1", "-Wall", "-Werror", "-o"]).arg(&program).arg(&source).output();
    let done = done.map_err(|cause| format!("gcc: {cause}"))?;
    if !done.status.success() {
        return Err(format!("gcc: {}", String::from_utf8_lossy(&done.stderr)));
    }
    std::fs::read(&program).map_err(|cause| cause.to_string())
}

/// The digests of the published images.
#[derive(Debug, Clone)]
pub struct Images {
    pub sleeper: String,
}

/// Publishes both; `programs` are their bytes.
pub fn publish(sandbox: &Sandbox, programs: &(Vec<u8>, Vec<u8>)) -> Images {
    publish_agent(sandbox, "1", &programs.0);
    Images { sleeper: add(sandbox, ("probe/sleeper", "1"), "sleeper", &programs.1) }
}

/// Publishes the agent under a tag; each tag is another image. Its digest.
pub fn publish_agent(sandbox: &Sandbox, tag: &str, program: &[u8]) -> String {
    add(sandbox, ("probe/agent", tag), "tfc-agent", program)
}

/// The first tag has the labels that behaviours look at; another one says which it is.
fn add(sandbox: &Sandbox, (repository, tag): (&str, &str), program: &str, bytes: &[u8]) -> String {
    let mut builder = tar::Builder::new(Vec::new());
    let mut folder = tar::Header::new_gnu();
    folder.set_entry_type(tar::EntryType::Directory);
    folder.set_mode(0o755);
    folder.set_mtime(1_700_000_000);
    folder.set_size(0);
    builder.append_data(&mut folder, "etc", std::io::empty()).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_mtime(1_700_000_000);
    header.set_size(bytes.len() as u64);
    builder.append_data(&mut header, program, bytes).unwrap();
    let layer = builder.into_inner().unwrap();
    let labels = if tag == "1" { json!({ "of.image": "yes" }) } else { json!({ "of.image": "yes", "of.tag": tag }) };
    let config = json!({
        "Entrypoint": [format!("/{program}")],
        "Env": ["PATH=/", "FROM_IMAGE=1"],
        "Labels": labels,
    });
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    };
    let platform = Platform { architecture: architecture.to_owned(), config, layers: vec![layer] };
    sandbox.publish(repository, tag, &[platform])
}
