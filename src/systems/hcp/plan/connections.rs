//! A workspace's repository, and the VCS connection that it is reached through.

use serde_json::{Value, json};

use super::super::desired;
use super::super::observed::{Connection, SeenVcs};
use super::super::request::VcsRequest;
use super::{Planner, shown};
use crate::address::Address;
use crate::plan::{Cause, Change, Rule, Shown};

/// A workspace's wanted repository with its connection resolved.
pub(super) enum Vcs {
    /// This one, or none.
    Known(Option<VcsRequest>),
    /// The connection could not be told; the plan says why.
    Unknown,
}

impl Planner<'_, '_> {
    pub(super) fn connection(&mut self, address: &Address, workspace: &desired::Workspace) -> Vcs {
        let Some(vcs) = &workspace.vcs else {
            return Vcs::Known(None);
        };
        let desired::Vcs { repository, branch, connection, ingress_submodules, tags_regex } = vcs;
        let connections = self.seen.connections.seen();
        let found = matching(connections, connection);
        let token = match (found.as_slice(), self.seen.connections.gap()) {
            ([one], _) => one.token.clone(),
            ([], Some(gap)) => {
                let gap = gap.clone();
                self.unread(address, &gap, "not changed: its VCS connection is not known");
                return Vcs::Unknown;
            }
            ([], None) => {
                let cause = format!("no VCS connection is called `{connection}`: {}", list(connections.iter()));
                self.refuse(Rule::UnknownReference, address.clone(), cause);
                return Vcs::Unknown;
            }
            (several, _) => {
                let cause = format!(
                    "`{connection}` is more than one VCS connection; name one by its id: {}",
                    list(several.iter().copied())
                );
                self.refuse(Rule::UnknownReference, address.clone(), cause);
                return Vcs::Unknown;
            }
        };
        Vcs::Known(Some(VcsRequest {
            repository: repository.clone(),
            branch: branch.clone(),
            token,
            ingress_submodules: *ingress_submodules,
            tags_regex: tags_regex.clone(),
        }))
    }

    pub(super) fn vcs_changes(
        &self,
        cause: &Cause,
        address: &Address,
        want: Option<&desired::Vcs>,
        seen: Option<&SeenVcs>,
    ) -> Vec<Change> {
        let Some(want) = want else {
            let old = seen.map_or(Shown::Nothing, |seen| Shown::text(&seen.repository));
            return vec![self.change(cause, address, "vcs", old, Shown::Nothing)];
        };
        let live = seen.map(|seen| self.seen_fields(seen));
        vcs_fields(want)
            .into_iter()
            .enumerate()
            .filter_map(|(n, (field, value))| {
                let old = live.as_ref().and_then(|live| live.get(n)).cloned();
                let differs = match (&old, field) {
                    // A connection has a name, a provider and an id; which of them the spec uses is no difference.
                    (Some(_), "vcs.connection") => {
                        let token = seen.and_then(|seen| seen.token.as_ref());
                        !matching(self.seen.connections.seen(), &want.connection)
                            .iter()
                            .any(|connection| Some(&connection.token) == token)
                    }
                    _ => old.as_ref() != Some(&value),
                };
                differs.then(|| self.change(cause, address, field, shown(old.as_ref()), shown(Some(&value))))
            })
            .collect()
    }

    fn seen_fields(&self, seen: &SeenVcs) -> [Value; 5] {
        let SeenVcs { repository, branch, token, installation, ingress_submodules, tags_regex } = seen;
        let known = self.seen.connections.seen().iter().find(|connection| Some(&connection.token) == token.as_ref());
        let connection = match (known, token, installation) {
            (Some(connection), _, _) => connection.name.clone().unwrap_or_else(|| connection.provider.clone()),
            (None, Some(token), _) => token.0.clone(),
            (None, None, Some(installation)) => format!("GitHub app {installation}"),
            (None, None, None) => String::new(),
        };
        [json!(repository), json!(branch), json!(connection), json!(ingress_submodules), json!(tags_regex)]
    }
}

/// The fields of a repository as the spec names them, in the order of `seen_fields`.
pub(super) fn vcs_fields(vcs: &desired::Vcs) -> [(&'static str, Value); 5] {
    let desired::Vcs { repository, branch, connection, ingress_submodules, tags_regex } = vcs;
    [
        ("vcs.repository", json!(repository)),
        ("vcs.branch", json!(branch)),
        ("vcs.connection", json!(connection)),
        ("vcs.submodules", json!(ingress_submodules)),
        ("vcs.tagsRegex", json!(tags_regex)),
    ]
}

/// By id, else by name, else by provider: names are chosen by people and need not be unique.
fn matching<'a>(connections: &'a [Connection], text: &str) -> Vec<&'a Connection> {
    let by = |test: &dyn Fn(&Connection) -> bool| connections.iter().filter(|c| test(c)).collect::<Vec<_>>();
    let mut found = by(&|connection| connection.token.0 == text);
    if found.is_empty() {
        found = by(&|connection| connection.name.as_deref() == Some(text));
    }
    if found.is_empty() {
        found = by(&|connection| connection.provider == text);
    }
    found
}

fn list<'a>(connections: impl Iterator<Item = &'a Connection>) -> String {
    let texts: Vec<String> = connections
        .map(|Connection { token, name, provider }| match name {
            Some(name) => format!("{token} ({provider}, \"{name}\")"),
            None => format!("{token} ({provider}, without a name)"),
        })
        .collect();
    if texts.is_empty() {
        "the organisation has none; add one in its settings, Version Control, Providers".to_owned()
    } else {
        texts.join(", ")
    }
}
