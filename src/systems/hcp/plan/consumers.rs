//! Who may read a workspace's state.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::desired;
use super::super::observed;
use super::super::request::Request;
use super::Planner;
use crate::address::Address;
use crate::plan::{Cause, Later, Read, Shown, Verb};
use crate::systems::hcp::{WorkspaceId, consumers_address};

impl Planner<'_, '_> {
    pub(super) fn consumers(
        &mut self,
        at: &Address,
        name: &str,
        workspace: &desired::Workspace,
        seen: Option<&observed::Workspace>,
    ) {
        let wanted_names = match &workspace.consumers {
            Some(names) => names.clone(),
            // Once ours and no longer in the spec: back to nobody.
            None if self.had_consumers(seen) => BTreeSet::new(),
            None => return,
        };
        let address = consumers_address(name);
        let mut wanted: Vec<Later<WorkspaceId>> = Vec::new();
        for consumer in &wanted_names {
            let known = self.workspace_id(consumer).or_else(|| self.seen_workspace(consumer).map(Later::Known));
            let Some(id) = known else {
                self.wait(address, format!("workspace {consumer} is not there"), "whoever creates it");
                return;
            };
            wanted.push(id);
        }
        wanted.sort();
        let now: Vec<Later<WorkspaceId>> = match seen.map(|seen| &seen.consumers) {
            None => Vec::new(),
            Some(Read::Seen(ids)) => ids.iter().cloned().map(Later::Known).collect(),
            Some(Read::Unread(_)) => return,
            Some(Read::NotAsked) => {
                self.wait(address, "who may read its state was not read", "the next run");
                return;
            }
        };
        if wanted == now {
            return;
        }
        let old: Vec<String> = now
            .iter()
            .map(|id| match id {
                Later::Known(id) => self.workspace_name(id),
                Later::From(output) => output.of.name(),
            })
            .collect();
        let cause = if seen.is_some() { Cause::Differs } else { Cause::Spec };
        let old = if old.is_empty() { Shown::Nothing } else { Shown::Value(json!(old)) };
        let change = self.change(&cause, at, "remoteStateConsumers", old, Shown::Value(json!(wanted_names)));
        let why = change.why.clone();
        let Some(id) = self.workspace_id(name) else {
            return;
        };
        let request = Request::SetConsumers { workspace: id, marked: self.in_place(at), consumers: wanted };
        let verb = if seen.is_some() { Verb::Change } else { Verb::Create };
        self.act(address, &workspace.stewardship, verb, vec![change], why, request);
    }

    fn had_consumers(&self, seen: Option<&observed::Workspace>) -> bool {
        seen.and_then(|seen| seen.consumers.seen()).is_some_and(|ids| !ids.is_empty())
            && seen
                .and_then(|seen| self.workspace_mark(seen))
                .is_some_and(|mark| mark.contents.contains(&crate::owner::Content::Consumers))
    }

    fn seen_workspace(&self, name: &str) -> Option<WorkspaceId> {
        self.seen.workspaces.seen().iter().find(|seen| seen.name == name).map(|seen| seen.id.clone())
    }
}
