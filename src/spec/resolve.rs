//! The model with its references followed, its templates filled in and its cascade walked. Checks and `Desired` both
//! stand on it; it is built of whatever could be read, so that the checks of one part do not wait for another.

use std::collections::BTreeMap;

use super::finding::{Finding, Rule, nearest};
use super::model::{Common, KubernetesTarget, PlacementWord, Pool, Project, Spec, VcsWish, Workspace};
use super::node::{At, Sources};
use super::read::Located;
use crate::address::Address;
use crate::origin::Origin;
use crate::systems::kube::desired::agent_pool_address;

/// A fleet, resolved.
#[derive(Debug)]
pub struct Fleet<'s> {
    /// What was read.
    pub spec: &'s Spec,
    /// From what.
    pub sources: &'s Sources,
    /// Its workspaces, as written.
    pub workspaces: Vec<Resolved<'s>>,
    by_path: BTreeMap<(&'s str, &'s str), usize>,
    by_key: BTreeMap<&'s str, Vec<usize>>,
}

/// A workspace, resolved.
#[derive(Debug)]
pub struct Resolved<'s> {
    /// Its project's name.
    pub project_name: &'s str,
    /// Its project.
    pub project: &'s Project,
    /// Its key.
    pub key: &'s str,
    /// Where the key stands.
    pub at: At,
    /// What the spec says of it.
    pub wish: &'s Workspace,
    /// Its name in HCP.
    pub name: String,
    /// Where the name comes from.
    pub name_from: Said<'s, String>,
    /// Where its runs go, as it says or as its project's or the fleet's `defaults` say.
    pub runs_on: RunsOn<'s>,
    /// Where they go in the end: what it inherits, if it inherits.
    pub runs_in_the_end_on: RunsOn<'s>,
    fleet_defaults: Option<&'s Common>,
}

/// Where runs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsOn<'s> {
    /// On the pool of this key.
    Pool(&'s str),
    /// In HCP's cloud.
    Cloud,
    /// On the machine of whoever runs terraform.
    Local,
    /// Wherever project or organisation say.
    Inherited,
    /// On a pool that there is not; reported.
    Unknown,
}

/// Who says something in the cascade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The thing itself.
    Own,
    /// The `defaults` of its project, or of the fleet.
    Default,
}

/// A value of the cascade: `None` where nobody says anything.
pub type Said<'s, T> = Option<(&'s Located<T>, Level)>;

impl<'s> Resolved<'s> {
    /// Those who may say something, nearest first.
    fn levels(&self) -> impl Iterator<Item = (&'s Common, Level)> + use<'s> {
        let own = Some((&self.wish.common, Level::Own));
        let project = self.project.defaults.as_ref();
        let project = project.map(|defaults| (&defaults.common, Level::Default));
        let fleet = self.fleet_defaults.map(|common| (common, Level::Default));
        [own, project, fleet].into_iter().flatten()
    }

    /// What the nearest says of something.
    pub fn said<T>(&self, pick: impl Fn(&'s Common) -> Option<&'s T>) -> Option<(&'s T, Level)> {
        self.levels().find_map(|(common, level)| pick(common).map(|said| (said, level)))
    }

    /// What the nearest says of the repository's keys; `None` where there is no repository.
    pub fn vcs<T>(&self, pick: impl Fn(&'s super::model::Vcs) -> Option<&'s T>) -> Option<(&'s T, Level)> {
        self.levels().take_while(|(common, _)| !matches!(common.vcs, Some(VcsWish::None(_)))).find_map(
            |(common, level)| match &common.vcs {
                Some(VcsWish::Some(vcs)) => pick(vcs).map(|said| (said, level)),
                _ => None,
            },
        )
    }

    /// Who speaks of the repository first.
    pub fn vcs_wish(&self) -> Option<(&'s VcsWish, Level)> {
        self.said(|common| common.vcs.as_ref())
    }

    /// `PROJECT/KEY`
    pub fn path(&self) -> String {
        format!("{}/{}", self.project_name, self.key)
    }

    /// Fills in a template; what it does not know stays as it is.
    pub fn fill(&self, template: &str) -> String {
        fill(template, self.project_name, Some(self.key))
    }
}

/// Fills in `{project}` and `{key}`.
pub fn fill(template: &str, project: &str, key: Option<&str>) -> String {
    if !template.contains('{') {
        return template.to_owned();
    }
    let filled = template.replace("{project}", project);
    match key {
        Some(key) => filled.replace("{key}", key),
        None => filled,
    }
}

/// The first `{…}` of a template that means nothing.
fn unknown_hole<'t>(template: &'t str, known: &[&str]) -> Option<&'t str> {
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let tail = rest.get(start..)?;
        let hole = tail.find('}').and_then(|end| tail.get(..=end)).unwrap_or(tail);
        if !known.contains(&hole) {
            return Some(hole);
        }
        rest = tail.get(hole.len()..)?;
    }
    None
}

/// Reports what cannot be filled in.
fn check_template(template: &Located<String>, known: &[&str], findings: &mut Vec<Finding>) {
    if let Some(hole) = unknown_hole(template, known) {
        let finding = Finding::error(Rule::Template, template.at, format!("`{hole}` cannot be filled in here"));
        let remedy = match nearest(hole, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("templates know {}", known.join(" and ")),
        };
        findings.push(finding.remedy(remedy));
    }
}

impl<'s> Fleet<'s> {
    /// Follows everything; what cannot be followed is reported.
    pub fn new(spec: &'s Spec, sources: &'s Sources, findings: &mut Vec<Finding>) -> Self {
        let mut fleet =
            Self { spec, sources, workspaces: Vec::new(), by_path: BTreeMap::new(), by_key: BTreeMap::new() };
        fleet.templates(findings);
        for (project_name, _, project) in spec.projects.iter() {
            for (key, at, wish) in project.workspaces.iter() {
                let resolved = fleet.workspace(project_name, project, (key, at), wish, findings);
                let number = fleet.workspaces.len();
                fleet.by_path.insert((project_name, key), number);
                fleet.by_key.entry(key).or_default().push(number);
                fleet.workspaces.push(resolved);
            }
        }
        fleet
    }

    fn workspace(
        &self,
        project_name: &'s str,
        project: &'s Project,
        (key, at): (&'s str, At),
        wish: &'s Workspace,
        findings: &mut Vec<Finding>,
    ) -> Resolved<'s> {
        let mut resolved = Resolved {
            project_name,
            project,
            key,
            at,
            wish,
            name: key.to_owned(),
            name_from: None,
            runs_on: RunsOn::Inherited,
            runs_in_the_end_on: RunsOn::Inherited,
            fleet_defaults: self.spec.defaults.as_ref().map(|defaults| &defaults.common),
        };
        if let Some((template, level)) = resolved.said(|common| common.name.as_ref()) {
            resolved.name = resolved.fill(template);
            resolved.name_from = Some((template, level));
        }
        if let Some((word, _)) = resolved.said(|common| common.runs_on.as_ref()) {
            resolved.runs_on = self.runs_on(word, findings);
        }
        resolved.runs_in_the_end_on = match resolved.runs_on {
            RunsOn::Inherited => self.inherited(project, findings),
            other => other,
        };
        resolved
    }

    fn inherited(&self, project: &'s Project, findings: &mut Vec<Finding>) -> RunsOn<'s> {
        let of_project = project.default_runs_on.as_ref();
        let of_organization = self.spec.hcp.organization_defaults.as_ref();
        let of_organization = of_organization.and_then(|defaults| defaults.runs_on.as_ref());
        of_project.or(of_organization).map_or(RunsOn::Inherited, |word| self.runs_on(word, findings))
    }

    /// The meaning of a `runsOn`. Reported places are the same for every workspace, and double findings fall together.
    pub fn runs_on(&self, word: &'s Located<PlacementWord>, findings: &mut Vec<Finding>) -> RunsOn<'s> {
        match word.as_str() {
            "cloud" => RunsOn::Cloud,
            "local" => RunsOn::Local,
            "inherited" => RunsOn::Inherited,
            "" => {
                let message = "an empty placement says nothing about where runs go";
                let remedy = format!("write {}", self.placements());
                findings.push(Finding::error(Rule::WrongValue, word.at, message).remedy(remedy));
                RunsOn::Unknown
            }
            key if self.spec.pools.get(key).is_some() => RunsOn::Pool(key),
            key => {
                if !self.spec.pools.knows(key) {
                    let words = ["cloud", "local", "inherited"];
                    let known = self.spec.pools.names().chain(words);
                    let near = if findings.len() < SUGGESTIONS { nearest(key, known) } else { None };
                    let remedy = match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("write {}", self.placements()),
                    };
                    let message = format!("`{key}` is neither a pool of the spec, nor cloud, local or inherited");
                    findings.push(Finding::error(Rule::UnknownReference, word.at, message).remedy(remedy));
                }
                RunsOn::Unknown
            }
        }
    }

    fn placements(&self) -> String {
        let mut words: Vec<&str> = self.spec.pools.names().take(20).collect();
        words.extend(["cloud", "local", "inherited"]);
        words.join(", ")
    }

    fn templates(&self, findings: &mut Vec<Finding>) {
        const BOTH: &[&str] = &["{project}", "{key}"];
        let spec = self.spec;
        let mut of = |common: &Common| {
            let texts = [&common.name, &common.directory].into_iter().flatten();
            let tags = common.tags.iter().flatten();
            for template in texts.chain(tags) {
                check_template(template, BOTH, findings);
            }
            if let Some(VcsWish::Some(vcs)) = &common.vcs
                && let Some(repository) = &vcs.repository
            {
                check_template(repository, BOTH, findings);
            }
        };
        if let Some(defaults) = &spec.defaults {
            of(&defaults.common);
        }
        for (_, _, project) in spec.projects.iter() {
            if let Some(defaults) = &project.defaults {
                of(&defaults.common);
            }
            for (_, _, workspace) in project.workspaces.iter() {
                of(&workspace.common);
            }
        }
        for (_, _, project) in spec.projects.iter() {
            for tag in project.tags.iter().flatten() {
                check_template(tag, &["{project}"], findings);
            }
        }
    }

    /// The workspace that `PROJECT/KEY` or `KEY` names; a reference to nothing, or to several, is reported.
    pub fn workspace_named(&self, reference: &Located<String>, findings: &mut Vec<Finding>) -> Option<&Resolved<'s>> {
        let text = reference.as_str();
        if star(reference, findings) {
            return None;
        }
        let found = match text.rsplit_once('/') {
            Some((project, key)) => self.by_path.get(&(project, key)).copied(),
            None => match self.by_key.get(text).map(Vec::as_slice) {
                Some([one]) => Some(*one),
                Some(several) if !several.is_empty() => {
                    let paths: Vec<String> =
                        several.iter().filter_map(|number| self.workspaces.get(*number)).map(Resolved::path).collect();
                    let message = format!("`{text}` is the key of {} workspaces", paths.len());
                    let finding = Finding::error(Rule::UnknownReference, reference.at, message);
                    findings.push(finding.remedy(format!("write {}", paths.join(" or "))));
                    return None;
                }
                _ => None,
            },
        };
        if let Some(found) = found {
            return self.workspaces.get(found);
        }
        let broken = self.spec.projects.iter().any(|(name, _, project)| {
            project.workspaces.knows(text)
                || text
                    .strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .is_some_and(|key| project.workspaces.knows(key))
        });
        if !broken {
            let near = || {
                let paths: Vec<String> = self.workspaces.iter().map(Resolved::path).collect();
                let known = paths.iter().map(String::as_str).chain(self.by_key.keys().copied());
                nearest(text, known).map(str::to_owned)
            };
            unknown("workspace", reference, near, findings);
        }
        None
    }

    /// The cluster that a pool's agents run in, by its key, if it is one whose operator the spec speaks of.
    pub fn cluster_of(&self, pool: &Pool) -> Option<(&'s str, &'s KubernetesTarget)> {
        let (key, _, target) =
            self.spec.targets.iter().find(|(key, _, _)| pool.target.as_ref().is_some_and(|said| said.value == *key))?;
        target.kubernetes.as_ref().filter(|cluster| cluster.operator.is_some()).map(|cluster| (key, cluster))
    }

    /// The address of the `AgentPool` of a pool whose agents run in such a cluster.
    pub fn agent_pool(&self, key: &str, pool: &Pool) -> Option<Address> {
        let (target, cluster) = self.cluster_of(pool)?;
        Some(agent_pool_address(target, cluster.namespace(), pool.resource(key)))
    }

    /// The project of a key.
    pub fn project_named(&self, reference: &'s Located<String>, findings: &mut Vec<Finding>) -> Option<&'s str> {
        named("project", &self.spec.projects, reference, findings)
    }

    /// Where a value of the cascade comes from.
    pub fn origin(&self, at: At, level: Level) -> Origin {
        let place = self.sources.place(at);
        match level {
            Level::Own => Origin::Spec(place),
            Level::Default => Origin::Default(place),
        }
    }

    /// Where a text of the cascade comes from, which may be a template.
    pub fn origin_of_text(&self, text: &Located<String>, level: Level) -> Origin {
        if text.contains("{project}") || text.contains("{key}") {
            Origin::Template(self.sources.place(text.at))
        } else {
            self.origin(text.at, level)
        }
    }
}

/// The thing of a key; a reference to nothing is reported.
pub fn named<'s, T>(
    kind: &str,
    things: &super::read::Named<T>,
    reference: &'s Located<String>,
    findings: &mut Vec<Finding>,
) -> Option<&'s str> {
    if star(reference, findings) {
        return None;
    }
    if things.get(reference).is_some() {
        return Some(reference);
    }
    if !things.knows(reference) {
        unknown(kind, reference, || nearest(reference, things.names()).map(str::to_owned), findings);
    }
    None
}

/// References name one thing each.
fn star(reference: &Located<String>, findings: &mut Vec<Finding>) -> bool {
    let starred = reference.contains('*');
    if starred {
        let message = format!("`{}` names one thing: the star would be a literal one", reference.value);
        let finding = Finding::error(Rule::LiteralStar, reference.at, message);
        findings.push(finding.remedy("name each thing; globs are for `manages` and `--only`"));
    }
    starred
}

/// So many findings, and the next ones come without a suggestion: each takes a look at every name there is.
const SUGGESTIONS: usize = 500;

fn unknown(
    kind: &str,
    reference: &Located<String>,
    near: impl FnOnce() -> Option<String>,
    findings: &mut Vec<Finding>,
) {
    let message = format!("there is no {kind} `{}`", reference.value);
    let finding = Finding::error(Rule::UnknownReference, reference.at, message);
    let near = if findings.len() < SUGGESTIONS { near() } else { None };
    findings.push(match near {
        Some(near) => finding.remedy(format!("did you mean `{near}`?")),
        None => finding.remedy("add it to the spec, or take the reference out"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_know_two_holes() {
        assert_eq!(fill("tf/{key}-{project}", "main", Some("vault")), "tf/vault-main");
        let known = ["{project}", "{key}"];
        assert_eq!(unknown_hole("{project}-{key}", &known), None);
        assert_eq!(unknown_hole("{project}-{kye}", &known), Some("{kye}"));
        assert_eq!(unknown_hole("a{", &known), Some("{"));
    }
}
