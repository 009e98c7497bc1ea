//! Variables: what HCP takes, and where they mean something.

use std::collections::BTreeMap;

use super::super::finding::{Finding, Rule};
use super::super::model::{ReachWish, VariableWish, Variables, WishedValue};
use super::super::node::At;
use super::super::resolve::{Fleet, RunsOn};
use super::{accepted, counted};
use crate::owner::Suffix;
use crate::systems::hcp::Category;

/// Limits of the API, page `workspace-variables`.
const KEY: usize = 128;
const VALUE: usize = 256 * 1024;
const DESCRIPTION: usize = 512;

pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let suffix = Suffix::description(&fleet.spec.fleet);
    for workspace in &fleet.workspaces {
        let Some(variables) = &workspace.wish.variables else { continue };
        for (category, key, at, wish) in each(variables) {
            one(category, key, at, wish, &suffix, findings);
            if let Some(finding) = looks_secret(key, at, wish) {
                findings.push(accepted(workspace.wish, finding));
            }
        }
        // "HCP Terraform does not evaluate workspace variables or variable sets in local execution mode"
        // (terraform-docs-common, page `workspaces/settings`).
        let count = each(variables).count();
        if workspace.runs_in_the_end_on == RunsOn::Local && count > 0 {
            findings.push(
                Finding::error(
                    Rule::LocalVariables,
                    variables.at,
                    format!("{} on {}, which runs local", counted(count, "variable"), workspace.name),
                )
                .note("HCP does not evaluate variables of a workspace whose runs are local: they would do nothing")
                .remedy("put them into a .tfvars file or the environment there, or run it on a pool or in the cloud"),
            );
        }
    }
    for (name, _, set) in fleet.spec.variable_sets.iter() {
        for (category, key, at, wish) in set.variables.iter().flat_map(each) {
            one(category, key, at, wish, &suffix, findings);
            findings.extend(looks_secret(key, at, wish));
        }
        local_members(fleet, name, &set.r#for, findings);
    }
    global_sets(fleet, findings);
}

/// All variables: category, key, place of the key, wish.
pub(super) fn each(variables: &Variables) -> impl Iterator<Item = (Category, &str, At, &VariableWish)> {
    let Variables { at: _, env, terraform } = variables;
    let env = env.iter().map(|(key, at, wish)| (Category::Env, key, at, wish));
    env.chain(terraform.iter().map(|(key, at, wish)| (Category::Terraform, key, at, wish)))
}

fn one(category: Category, key: &str, at: At, wish: &VariableWish, suffix: &Suffix, findings: &mut Vec<Finding>) {
    findings.extend(refused_key(category, key, at));
    let error =
        |at: At, message: String, remedy: &str| Finding::error(Rule::Variable, at, message).remedy(remedy.to_owned());
    if let WishedValue::Plain(value) | WishedValue::Hcl(value) = &wish.value
        && value.len() > VALUE
    {
        let message = format!("the value of `{key}` has {} KiB", value.len() / 1024);
        findings.push(error(value.at, message, "HCP takes 256 KiB"));
    }
    if let Some(description) = &wish.description {
        let length = suffix.put(description).chars().count();
        if length > DESCRIPTION {
            let message = format!("the description of `{key}` has {length} characters, our mark included");
            findings.push(error(description.at, message, &format!("HCP takes {DESCRIPTION}")));
        }
    }
    let hcl = |wanted: bool| wish.hcl.as_ref().filter(|hcl| hcl.value == wanted);
    match (category, &wish.value) {
        (Category::Env, WishedValue::Hcl(value)) => {
            let message = format!("the environment variable `{key}` is a list or a map");
            findings.push(error(value.at, message, "write a text; lists and maps are for `terraform` variables"));
        }
        (Category::Terraform, WishedValue::Hcl(value)) => {
            if let Some(hcl) = hcl(false) {
                let finding = error(
                    hcl.at,
                    format!("`{key}` is a list or a map, and `hcl: false`"),
                    "leave `hcl` out: lists and maps are written as HCL",
                );
                findings.push(finding.note_at("the value", value.at));
            }
        }
        _ => {}
    }
    if let (Category::Env, Some(hcl)) = (category, hcl(true)) {
        let message = format!("`hcl` on the environment variable `{key}` does nothing");
        findings.push(error(hcl.at, message, "leave it out, or make it a `terraform` variable"));
    }
}

fn refused_key(category: Category, key: &str, at: At) -> Option<Finding> {
    if key.contains('*') {
        let message = format!("the variable `{key}`: the star would be a literal one, and HCP refuses it");
        return Some(Finding::error(Rule::LiteralStar, at, message).remedy("write each variable out"));
    }
    let (message, remedy) = if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)) {
        (format!("HCP refuses the key `{key}` of a variable"), "a key is letters, digits, _ and -".to_owned())
    } else if key.len() > KEY {
        (format!("the key of a variable has {} characters", key.len()), format!("HCP takes {KEY}"))
    } else if category == Category::Terraform && key.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        (format!("terraform has no variable `{key}`"), "a name begins with a letter or _".to_owned())
    } else {
        return None;
    };
    Some(Finding::error(Rule::Variable, at, message).remedy(remedy))
}

/// Whether a name says that what it names is a secret.
pub(super) fn names_a_secret(name: &str) -> bool {
    const ENDINGS: [&str; 9] =
        ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "PRIVATE_KEY", "API_KEY", "ACCESS_KEY", "CREDENTIALS"];
    let upper = name.to_ascii_uppercase();
    ENDINGS.iter().any(|ending| upper.ends_with(ending))
}

/// A plain value whose name says that it should not be one.
fn looks_secret(key: &str, at: At, wish: &VariableWish) -> Option<Finding> {
    let plain = matches!(&wish.value, WishedValue::Plain(value) if !value.is_empty() && value.as_str() != "true" && value.as_str() != "false");
    (plain && names_a_secret(key)).then(|| {
        Finding::warning(
            Rule::PlainSecret,
            at,
            format!("`{key}` has a plain value, and its name says that it is a secret"),
        )
        .note("a plain value is shown by HCP, by `plan`, and by whoever reads this file; it is not shown here")
        .remedy("write `sensitive: { env: NAME }`, and change the secret if it was real")
    })
}

fn local_members(fleet: &Fleet<'_>, set: &str, reach: &ReachWish, findings: &mut Vec<Finding>) {
    let ReachWish::Some(some) = reach else { return };
    for reference in some.workspaces.iter().flatten() {
        // References to nothing have been reported where the meaning was made.
        let Some(workspace) = fleet.workspace_named(reference, &mut Vec::new()) else { continue };
        if workspace.runs_in_the_end_on == RunsOn::Local {
            let message = format!("the variable set `{set}` is for {}, which runs local", workspace.name);
            findings.push(
                Finding::error(Rule::LocalVariables, reference.at, message)
                    .note("HCP does not evaluate variables of a workspace whose runs are local: they would do nothing")
                    .remedy("take the workspace out of the set"),
            );
        }
    }
}

/// HCP refuses the same variable in two global sets (API, page `variable-sets`: 422).
fn global_sets(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<(Category, &str), (&str, At)> = BTreeMap::new();
    for (name, _, set) in fleet.spec.variable_sets.iter() {
        if !matches!(set.r#for, ReachWish::Global) {
            continue;
        }
        for (category, key, at, _) in set.variables.iter().flat_map(each) {
            if let Some((other, other_at)) = seen.insert((category, key), (name, at)) {
                findings.push(
                    Finding::error(
                        Rule::Variable,
                        at,
                        format!(
                            "the global variable sets `{other}` and `{name}` both hold {}.{key}",
                            category.as_str()
                        ),
                    )
                    .note_at("the first is here", other_at)
                    .remedy("keep it in one of them: HCP refuses two"),
                );
            }
        }
    }
}
