//! Whether sensitive variables hold what their sources give, told by their witnesses.

use std::collections::BTreeMap;

use super::super::desired::{self, VariableValue};
use super::super::observed;
use super::super::wire::variable::Variable;
use super::super::{VariableId, VariableKey};
use super::Compare;
use super::sources::Sources;
use super::variable_sets::VariableSets;
use super::workspaces::Workspaces;
use crate::plan::Read;
use crate::secret::{Compared, SecretRef};
use crate::systems::hcp::witness::Witness;

pub(super) type Wanted = BTreeMap<VariableKey, desired::Variable>;

/// What the set of witnesses holds, or why that is not known.
pub(super) type Witnesses = Result<BTreeMap<VariableId, Witness>, String>;

/// Notes the sources that live sensitive variables are compared with.
pub(super) fn sources(workspaces: &Workspaces<'_>, sets: &VariableSets<'_>, sources: &mut Sources) {
    let mut add = |read: &Read<Vec<Variable>>, wanted: Option<&Wanted>| {
        for variable in read.seen().into_iter().flatten() {
            if let (None, Some(source)) = (&variable.value, source(variable, wanted)) {
                sources.add(source);
            }
        }
    };
    for entry in &workspaces.entries {
        add(&entry.variables, entry.want.map(|want| &want.variables));
    }
    for entry in &sets.entries {
        add(&entry.variables, entry.want.map(|want| &want.variables));
    }
}

/// Where the spec takes a variable's value from, if that is a secret.
fn source<'a>(variable: &Variable, wanted: Option<&'a Wanted>) -> Option<&'a SecretRef> {
    match &wanted?.get(&variable.key)?.value {
        VariableValue::Sensitive(source) => Some(source),
        VariableValue::Plain(_) => None,
    }
}

impl Compare<'_> {
    /// What was seen of variables.
    pub(super) async fn variables(
        &self,
        read: Read<Vec<Variable>>,
        wanted: Option<&Wanted>,
    ) -> Read<Vec<observed::Variable>> {
        match read {
            Read::NotAsked => Read::NotAsked,
            Read::Unread(gap) => Read::Unread(gap),
            Read::Seen(variables) => {
                let each = variables.into_iter().map(|variable| self.one(variable, wanted));
                Read::Seen(futures::future::join_all(each).await)
            }
        }
    }

    async fn one(&self, variable: Variable, wanted: Option<&Wanted>) -> observed::Variable {
        let source = source(&variable, wanted);
        let compared = match (source, &variable.value) {
            (Some(source), None) => Some(self.compare(&variable, source).await),
            (Some(_), Some(_)) | (None, _) => None,
        };
        variable.seen(source.is_some(), compared)
    }

    async fn compare(&self, variable: &Variable, source: &SecretRef) -> Compared {
        let value = match self.sources.value(source) {
            Ok(value) => value,
            Err(cause) => return Compared::Unreadable(cause),
        };
        let witness = match self.witnesses {
            // A witness that could not be read is not one that is missing: nothing is written for that.
            Err(cause) => return Compared::Unreadable(format!("what was written last is not known: {cause}")),
            Ok(witnesses) => match witnesses.get(&variable.id) {
                None => return Compared::Unwitnessed,
                Some(witness) => witness,
            },
        };
        if witness.version != variable.version {
            return Compared::ReceiverChanged;
        }
        let fingerprints = self.look.reader.fingerprints();
        match fingerprints.of(&self.look.want.fleet, &variable.id.0, value).await {
            Some(now) => witness.compare(&now),
            None => Compared::Unreadable("there is no memory for its fingerprint".to_owned()),
        }
    }
}
