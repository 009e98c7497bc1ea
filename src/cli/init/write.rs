//! The text of a first spec: short, commented, and sound.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::found::{Module, Repository};

/// Where HCP puts what names no project; every organisation begins with it.
const PROJECT: &str = "Default Project";

/// The text of the spec.
pub fn spec(organization: &str, modules: &BTreeMap<String, Module>, repository: Option<&Repository>) -> String {
    let mut text = format!(
        "# What your HCP Terraform organisation should be. `reconcile schema` prints every key there is.\n\
         fleet: {}  # the mark on everything that this spec owns\n\
         hcp:\n  organization: {}\n  tier: free  # whose limits `check` holds the fleet to\n\
         defaults:  # for every workspace; a project's, then a workspace's own win\n  \
         runsOn: cloud  # HCP's cloud; or `local`, or the key of a pool\n",
        quoted(&fleet_name(organization)),
        quoted(organization)
    );
    connection(&mut text, repository);
    text.push_str("projects:\n");
    let mut projects: BTreeMap<&str, Vec<(&String, &Module)>> = BTreeMap::new();
    for (name, module) in modules {
        let project = module.project.as_deref().unwrap_or(PROJECT);
        projects.entry(project).or_default().push((name, module));
    }
    if projects.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}:\n    workspaces: {{}}", quoted(PROJECT));
    }
    for (project, workspaces) in projects {
        let _ = writeln!(text, "  {}:\n    workspaces:", quoted(project));
        for (name, module) in workspaces {
            let _ = writeln!(text, "      {}: {}", quoted(name), workspace(module));
        }
    }
    text
}

fn connection(text: &mut String, repository: Option<&Repository>) {
    let Some(Repository { name, provider, branch }) = repository else {
        return;
    };
    let branch = branch.as_ref().map_or_else(String::new, |branch| format!(", branch: {}", quoted(branch)));
    let _ = match provider {
        Some(provider) => {
            writeln!(text, "  vcs: {{ repository: {}{branch}, connection: {provider} }}", quoted(name))
        }
        None => writeln!(
            text,
            "  # vcs: {{ repository: {}{branch}, connection: NAME }}    # NAME: a VCS connection of the organisation",
            quoted(name)
        ),
    };
}

fn workspace(module: &Module) -> String {
    let Module { directory, project: _, tags } = module;
    let mut parts = Vec::new();
    if !directory.is_empty() {
        parts.push(format!("directory: {}", quoted(directory)));
    }
    if !tags.is_empty() {
        let tags: Vec<String> = tags.iter().map(|tag| quoted(tag)).collect();
        parts.push(format!("tags: [{}]", tags.join(", ")));
    }
    if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
}

/// A fleet's name is 1 to 32 of a-z, 0-9 and -.
fn fleet_name(organization: &str) -> String {
    let name: String = organization
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .take(32)
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "fleet".to_owned() } else { name.to_owned() }
}

/// Plain where that cannot be misread, in quotes otherwise. JSON's strings are YAML's.
fn quoted(text: &str) -> String {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
    );
    if first && plain && !word { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_spec_is_sound() {
        let modules = BTreeMap::from([
            (
                "main-vault".to_owned(),
                Module { directory: "tf/vault".to_owned(), project: Some("main".to_owned()), tags: Vec::new() },
            ),
            ("on".to_owned(), Module { directory: String::new(), project: None, tags: vec!["a=b".to_owned()] }),
        ]);
        let repository =
            Repository { name: "o/r".to_owned(), provider: Some("github"), branch: Some("main".to_owned()) };
        insta::assert_snapshot!(spec("Example_House", &modules, Some(&repository)), @r#"
        # What your HCP Terraform organisation should be. `reconcile schema` prints every key there is.
        fleet: example-house  # the mark on everything that this spec owns
        hcp:
          organization: Example_House
          tier: free  # whose limits `check` holds the fleet to
        defaults:  # for every workspace; a project's, then a workspace's own win
          runsOn: cloud  # HCP's cloud; or `local`, or the key of a pool
          vcs: { repository: o/r, branch: main, connection: github }
        projects:
          "Default Project":
            workspaces:
              "on": { tags: ["a=b"] }
          main:
            workspaces:
              main-vault: { directory: tf/vault }
        "#);
    }
}
