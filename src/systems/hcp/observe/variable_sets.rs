//! Variable sets, and the one that holds the witnesses.

use std::collections::BTreeMap;

use super::super::client::{List, Page, Trouble};
use super::super::desired;
use super::super::observed::VariableSet;
use super::super::plan::witness_set_name;
use super::super::wire::variable::{self, Variable, VariableAttributes};
use super::super::wire::variable_set::{self, VariableSetAttributes, VariableSetRelations};
use super::super::wire::{Resource, Unrelated};
use super::super::{VariableId, VariableSetId, variable_set_address};
use super::gaps::Reading;
use super::variables::{Wanted, Witnesses};
use super::{Compare, Look, listing, read};
use crate::address::Address;
use crate::http::path;
use crate::plan::{Gap, Listing, Read};

/// The variable sets as far as they are read.
pub(super) struct VariableSets<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    gap: Option<Gap>,
}

pub(super) struct Entry<'a> {
    thing: VariableSet,
    pub(super) want: Option<&'a desired::VariableSet>,
    /// Variables as they came along with the list, and the page that they came with.
    along: Option<(Vec<Resource<VariableAttributes>>, Page)>,
    pub(super) variables: Read<Vec<Variable>>,
}

pub(super) async fn list(look: Look<'_>) -> VariableSets<'_> {
    let path = look.reader.within(&["varsets"]);
    let list = List { path: &path, include: &["vars"], filter: &[], paged: true, sorted: false };
    let listed = look.reader.list::<VariableSetAttributes, VariableSetRelations>(&list).await;
    let reading = Reading {
        address: Address::new(["hcp", "variable-set"]),
        doing: "reading the variable sets",
        follows: "no variable set is created or removed, and no sensitive value written",
        permission: None,
    };
    let entries = listed
        .items
        .iter()
        .map(|item| {
            let thing = variable_set::seen(item);
            Entry {
                want: look.wanted_set(&thing.name),
                thing,
                along: variable::along(&item.relationships.vars, &listed.included)
                    .map(|along| (along, listed.at.clone().unwrap_or_default())),
                variables: Read::NotAsked,
            }
        })
        .collect();
    VariableSets { entries, gap: listed.trouble.as_ref().map(|trouble| reading.gap(trouble)) }
}

/// The variables of those sets that the spec or our mark speaks of.
pub(super) async fn complete(look: Look<'_>, sets: &mut VariableSets<'_>) {
    let each = sets.entries.iter_mut().map(|entry| async move {
        if entry.want.is_none() && !look.is_marked(&entry.thing.description) {
            return;
        }
        let want = entry.want.map(|want| &want.variables);
        entry.variables = read(variables(look, &entry.thing, entry.along.take(), want).await);
    });
    futures::future::join_all(each).await;
}

async fn variables(
    look: Look<'_>,
    set: &VariableSet,
    along: Option<(Vec<Resource<VariableAttributes>>, Page)>,
    want: Option<&Wanted>,
) -> Result<Vec<Variable>, Gap> {
    let VariableSetId(id) = &set.id;
    let path = path(&["varsets", id, "relationships", "vars"]);
    let list = List { path: &path, include: &[], filter: &[], paged: false, sorted: false };
    let reading = Reading {
        address: variable_set_address(&set.name),
        doing: "reading its variables",
        follows: "none of them is created, changed or removed",
        permission: None,
    };
    // Every key of a set that is ours and not in the spec matters: it may be a witness.
    let matters = |key: &str| want.is_none_or(|want| want.keys().any(|wanted| wanted.key == key));
    let understood = match along {
        Some((resources, at)) => variable::all(resources, matters).map_err(|what| Trouble::Strange { at, what }),
        None => look
            .reader
            .list::<VariableAttributes, Unrelated>(&list)
            .await
            .understood(|resources| variable::all(resources, matters)),
    };
    understood.map_err(|trouble| reading.gap(&trouble))
}

/// The witnesses, if their set carries our mark; whoever made another one of that name knows nothing of our writes.
pub(super) fn witnesses(look: Look<'_>, sets: &VariableSets<'_>) -> Witnesses {
    let name = witness_set_name(&look.want.fleet);
    let set = sets.entries.iter().find(|entry| entry.thing.name == name && look.is_marked(&entry.thing.description));
    match (set, &sets.gap) {
        (None, Some(gap)) => Err(gap.cause.clone()),
        (None, None) => Ok(BTreeMap::new()),
        (Some(entry), _) => match &entry.variables {
            Read::Unread(gap) => Err(gap.cause.clone()),
            Read::NotAsked => Ok(BTreeMap::new()),
            Read::Seen(variables) => Ok(variables
                .iter()
                .filter_map(|variable| {
                    let witness = variable.value.as_deref()?.parse().ok()?;
                    Some((VariableId(variable.key.key.clone()), witness))
                })
                .collect()),
        },
    }
}

impl<'a> Look<'a> {
    fn wanted_set(&self, name: &str) -> Option<&'a desired::VariableSet> {
        let sets = &self.want.variable_sets;
        let by_old_name = || sets.values().find(|set| set.was.as_deref() == Some(name));
        sets.get(name).or_else(by_old_name)
    }
}

impl VariableSets<'_> {
    pub(super) async fn seen(self, compare: &Compare<'_>) -> Listing<VariableSet> {
        let seen = self.entries.into_iter().map(|entry| async move {
            let Entry { thing, want, along: _, variables } = entry;
            VariableSet { variables: compare.variables(variables, want.map(|want| &want.variables)).await, ..thing }
        });
        let seen = futures::future::join_all(seen).await;
        listing(seen, self.gap, |set: &VariableSet| &set.name)
    }
}
