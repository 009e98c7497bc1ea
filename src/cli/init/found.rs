//! What lies around: root modules of terraform and the git remote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::output::Output;
use crate::error::Error;

/// Folders deeper than this are not looked into.
const DEEPEST: usize = 6;
/// Folders that hold nothing of the user's.
const SKIPPED: [&str; 3] = ["node_modules", "target", "vendor"];

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The organisation of the first `cloud {}` block that names one.
    pub organization: Option<String>,
    /// Root modules, by the name of their workspace.
    pub modules: BTreeMap<String, Module>,
    /// The repository.
    pub repository: Option<Repository>,
}

/// A root module.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its folder in the repository; "" is the root.
    pub directory: String,
    /// The project that its `cloud {}` block names.
    pub project: Option<String>,
    /// Tags that its `cloud {}` block selects by.
    pub tags: Vec<String>,
}

/// The repository that the remote `origin` leads to.
#[derive(Debug, PartialEq, Eq)]
pub struct Repository {
    /// `owner/name`
    pub name: String,
    /// HCP's word for the provider, if it is one that we know.
    pub provider: Option<&'static str>,
    /// The branch that is the default one there.
    pub branch: Option<String>,
}

/// Looks into a folder and those below it.
pub fn look(here: &Path, output: Output) -> Result<Found, Error> {
    let top = git(here, &["rev-parse", "--show-toplevel"]).map(PathBuf::from);
    let root =
        here.canonicalize().map_err(|cause| Error::new(format!("looking into {}", here.display())).because(cause))?;
    let mut found = Found { repository: repository(here), ..Found::default() };
    for folder in folders(&root) {
        let relative = folder.strip_prefix(top.as_deref().unwrap_or(&root)).unwrap_or(&folder);
        let directory = relative.display().to_string().replace('\\', "/");
        for block in terraform_blocks(&folder, output) {
            add(&mut found, &block, &directory);
        }
    }
    Ok(found)
}

fn git(here: &Path, words: &[&str]) -> Option<String> {
    // Without git, or outside of a checkout, there is just less that lies around.
    let output = Command::new("git").arg("-C").arg(here).args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn repository(here: &Path) -> Option<Repository> {
    let mut repository = from_url(&git(here, &["remote", "get-url", "origin"])?)?;
    repository.branch = git(here, &["symbolic-ref", "--short", "refs/remotes/origin/HEAD"])
        .and_then(|branch| branch.strip_prefix("origin/").map(str::to_owned))
        .or_else(|| git(here, &["symbolic-ref", "--short", "HEAD"]));
    Some(repository)
}

/// The words for providers are those of HCP's "OAuth Clients" page.
fn from_url(url: &str) -> Option<Repository> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    // What stands before the `@` may be a password.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let (host, path) = rest.split_once([':', '/'])?;
    let name = path.trim_start_matches(|c: char| c.is_ascii_digit()).trim_matches('/').trim_end_matches(".git");
    if host.is_empty() || !name.contains('/') {
        return None;
    }
    let provider = match host {
        "github.com" => Some("github"),
        "gitlab.com" => Some("gitlab_hosted"),
        "bitbucket.org" => Some("bitbucket_hosted"),
        _ => None,
    };
    Some(Repository { name: name.to_owned(), provider, branch: None })
}

/// The folder and those below it, sorted.
fn folders(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        // A folder that cannot be read holds nothing that we could use.
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            !name.starts_with('.') && !SKIPPED.contains(&name.as_ref())
        });
        if depth < DEEPEST {
            open.extend(below.map(|entry| (entry.path(), depth + 1)));
        }
        found.push(folder);
    }
    found.sort();
    found
}

/// The `terraform {}` blocks of a folder's files.
fn terraform_blocks(folder: &Path, output: Output) -> Vec<hcl::Block> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "tf"));
    files.sort();
    let mut blocks = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        match hcl::parse(&text) {
            Ok(body) => blocks.extend(body.into_blocks().filter(|block| block.identifier() == "terraform")),
            Err(_) => output.note(&format!("{}: cannot be parsed, left out", file.display())),
        }
    }
    blocks
}

fn add(found: &mut Found, terraform: &hcl::Block, directory: &str) {
    for block in terraform.body().blocks() {
        match block.identifier() {
            "cloud" => add_cloud(found, block, directory),
            "backend" => {
                let name = directory.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("root");
                insert(found, name, Module { directory: directory.to_owned(), ..Module::default() });
            }
            _ => {}
        }
    }
}

fn add_cloud(found: &mut Found, cloud: &hcl::Block, directory: &str) {
    if found.organization.is_none() {
        found.organization = text(cloud, "organization");
    }
    let Some(workspaces) = cloud.body().blocks().find(|block| block.identifier() == "workspaces") else {
        return;
    };
    let module =
        Module { directory: directory.to_owned(), project: text(workspaces, "project"), tags: tags(workspaces) };
    let folder = directory.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("root");
    let name = text(workspaces, "name").unwrap_or_else(|| folder.to_owned());
    insert(found, &name, module);
}

/// Two modules of one name are told apart by their folders.
fn insert(found: &mut Found, name: &str, module: Module) {
    let legal = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' }).collect()
    };
    let name = legal(name);
    let taken = found.modules.get(&name).is_some_and(|other| *other != module);
    let name = if taken { legal(&module.directory) } else { name };
    found.modules.insert(name, module);
}

fn text(block: &hcl::Block, key: &str) -> Option<String> {
    let attribute = block.body().attributes().find(|attribute| attribute.key() == key)?;
    match attribute.expr() {
        hcl::Expression::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// `tags` is a list of names, or a map of keys and values.
fn tags(block: &hcl::Block) -> Vec<String> {
    let Some(attribute) = block.body().attributes().find(|attribute| attribute.key() == "tags") else {
        return Vec::new();
    };
    let word = |value: &hcl::Expression| match value {
        hcl::Expression::String(text) => Some(text.clone()),
        _ => None,
    };
    match attribute.expr() {
        hcl::Expression::Array(items) => items.iter().filter_map(word).collect(),
        hcl::Expression::Object(items) => items
            .iter()
            .filter_map(|(key, value)| {
                let value = word(value)?;
                let key = key.to_string();
                Some(if value.is_empty() { key } else { format!("{key}={value}") })
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::Color;

    #[test]
    fn a_remote_is_read_without_its_password() {
        let found = |url| from_url(url).map(|found| (found.name, found.provider));
        let github = Some(("o/r".to_owned(), Some("github")));
        assert_eq!(found("git@github.com:o/r.git"), github);
        assert_eq!(found("https://user:password@github.com/o/r"), github);
        assert_eq!(found("ssh://git@github.com:22/o/r.git"), github);
        assert_eq!(found("https://git.example.house/o/r"), Some(("o/r".to_owned(), None)));
        assert_eq!(found("/srv/git/r"), None);
    }

    #[test]
    fn modules_are_found_by_their_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "tf/vault/terraform.tf",
            "terraform {\n cloud {\n organization = \"example\"\n workspaces {\n name = \"main-vault\"\n project = \"main\"\n }\n }\n}",
        );
        write("tf/dns/main.tf", "terraform {\n cloud {\n workspaces {\n tags = [\"dns\", \"main\"]\n }\n }\n}");
        write("tf/old/main.tf", "terraform {\n backend \"s3\" {\n bucket = \"b\"\n }\n}");
        write("tf/module/main.tf", r#"variable "x" {}"#);
        write("tf/.terraform/modules/x/main.tf", "terraform {\n backend \"s3\" {}\n}");
        write("tf/broken/main.tf", "terraform {");
        let found = look(folder.path(), Output::new(Color::Never)).unwrap();
        assert_eq!(found.organization.as_deref(), Some("example"));
        assert_eq!(found.modules.keys().collect::<Vec<_>>(), ["dns", "main-vault", "old"]);
        assert_eq!(found.modules["dns"].tags, ["dns", "main"]);
        assert_eq!(found.modules["main-vault"].project.as_deref(), Some("main"));
    }
}
