//! The plan as a document for programs. Its types are its own, so that the plan's may change; `docs/plan-json.md` describes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Header, SystemLine, words};
use crate::address::Address;
use crate::origin::{Origin, Place};
use crate::plan::{self, Plan, Shown, Verb};

/// The version of the document. It grows when a reader of the former one could misunderstand the new one.
pub const FORMAT_VERSION: u32 = 1;

/// A plan as a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// [`FORMAT_VERSION`]
    pub format_version: u32,
    /// The version of the program that made the plan.
    pub tool: String,
    /// `live` or `sandbox`.
    pub world: String,
    /// The fleet.
    pub fleet: String,
    /// The digest: what `--only-if` takes.
    pub digest: String,
    /// The exit code of `plan` and its word.
    pub exit: Exit,
    /// Where and as whom.
    pub systems: Vec<System>,
    /// What whoever runs this should know of the way in which the systems are reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How many actions there are of each kind.
    pub counts: BTreeMap<String, usize>,
    /// What applying it breaks off or moves.
    pub effect: Effect,
    /// What is done, by address.
    pub actions: Vec<Action>,
    /// What has to be waited for.
    pub waits: Vec<Wait>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What is against the rules.
    pub refusals: Vec<Refusal>,
    /// What is there, is not in the spec, and stays as it is.
    pub left_alone: Vec<LeftAlone>,
    /// What `apply` has to be told for the removals to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
}

/// That removals are only done by who names their number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// What `--removals` has to say.
    pub removals: usize,
    /// Why.
    pub because: String,
}

/// How `plan` ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The code.
    pub code: u8,
    /// The word.
    pub word: String,
}

/// A system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// `hcp`
    pub system: String,
    /// The organisation.
    pub name: String,
    /// Host, credential and limits, in words.
    pub facts: String,
}

/// What applying a plan breaks off or moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// Agents that are restarted.
    pub agents_restarted: u32,
    /// Credentials that are revoked.
    pub credentials_revoked: u32,
    /// Workspaces whose runs go elsewhere.
    pub workspaces_moved: u32,
    /// Workspaces that are removed.
    pub workspaces_removed: u32,
}

/// An action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// What it is about.
    pub address: Address,
    /// What is done.
    pub verb: Verb,
    /// Why.
    pub why: Why,
    /// The fields that change.
    pub changes: Vec<Change>,
    /// What it takes from other actions.
    pub needs: Vec<Need>,
    /// A fingerprint of all that will be sent, the parts that no field shows included.
    pub request: String,
}

/// A field that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The field as the spec names it.
    pub field: String,
    /// What was seen.
    pub old: FieldValue,
    /// What will be.
    pub new: FieldValue,
    /// Why.
    pub why: Why,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldValue {
    /// There is none.
    Nothing,
    /// This one.
    Value(Value),
    /// A secret, and what is known of it in words.
    Secret(String),
    /// What another action makes.
    From(Need),
}

/// What an action takes from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The other action's address.
    pub of: Address,
    /// `id`, `credential`, `permission` or `done`.
    pub what: String,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// `spec`, `drift`, `differs`, `gone`, `follows` or `because`.
    pub cause: String,
    /// All of it in words.
    pub text: String,
    /// Where the wanted value stands in the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// What waits.
    pub address: Address,
    /// For what.
    pub what: String,
    /// Who or what ends it.
    pub until: String,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What was looked at.
    pub address: Address,
    /// What was being done.
    pub doing: String,
    /// What went wrong.
    pub cause: String,
    /// What is therefore not done.
    pub follows: String,
    /// What to do.
    pub hint: String,
    /// The spec says that this happens: no failure of the run.
    #[serde(default)]
    pub expected: bool,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The rule.
    pub rule: plan::Rule,
    /// What it is about.
    pub address: Address,
    /// What is wrong.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

/// Something that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// What.
    pub address: Address,
    /// Why it is named.
    pub note: String,
}

impl Document {
    /// The document of a plan.
    #[must_use]
    pub fn new(plan: &Plan, header: &Header, exit: Exit) -> Self {
        let Plan { fleet, actions, waits, gaps, refusals, untouched, confirmation } = plan;
        Self {
            format_version: FORMAT_VERSION,
            tool: header.version.clone(),
            world: header.world.key().to_owned(),
            fleet: fleet.to_string(),
            digest: header.digest(plan).to_string(),
            exit,
            systems: header.systems.iter().map(System::from).collect(),
            warnings: header.warnings.clone(),
            counts: Verb::ALL
                .into_iter()
                .map(|verb| (verb.to_string(), plan.count(verb)))
                .filter(|(_, count)| *count > 0)
                .collect(),
            effect: plan.effect().into(),
            actions: actions.iter().map(|(address, action)| Action::new(address, action)).collect(),
            waits: waits.iter().map(Wait::from).collect(),
            gaps: gaps.iter().map(Gap::from).collect(),
            refusals: refusals.iter().map(Refusal::from).collect(),
            left_alone: untouched.iter().map(LeftAlone::from).collect(),
            confirmation: confirmation.as_ref().map(Confirmation::from),
        }
    }
}

impl From<&SystemLine> for System {
    fn from(line: &SystemLine) -> Self {
        let SystemLine { system, name, facts } = line.clone();
        Self { system, name, facts }
    }
}

impl From<plan::Effect> for Effect {
    fn from(effect: plan::Effect) -> Self {
        let plan::Effect { agents, revoked, moved, workspaces } = effect;
        Self {
            agents_restarted: agents,
            credentials_revoked: revoked,
            workspaces_moved: moved,
            workspaces_removed: workspaces,
        }
    }
}

impl Action {
    fn new(address: &Address, action: &plan::Action) -> Self {
        let plan::Action { verb, changes, why, request } = action;
        // Plain data with text keys always serialises.
        let sent = serde_json::to_vec(request).unwrap_or_default();
        Self {
            address: address.clone(),
            verb: *verb,
            why: why.into(),
            changes: changes.iter().map(Change::from).collect(),
            needs: request.needs().iter().map(Need::from).collect(),
            request: data_encoding::HEXLOWER.encode(&Sha256::digest(&sent)[..8]),
        }
    }
}

impl From<&plan::Change> for Change {
    fn from(change: &plan::Change) -> Self {
        let plan::Change { field, old, new, why } = change;
        Self { field: field.clone(), old: old.into(), new: new.into(), why: why.into() }
    }
}

impl From<&Shown> for FieldValue {
    fn from(shown: &Shown) -> Self {
        match shown {
            Shown::Nothing => Self::Nothing,
            Shown::Value(value) => Self::Value(value.clone()),
            Shown::Secret(words) => Self::Secret(words.clone()),
            Shown::Later(output) => Self::From(output.into()),
        }
    }
}

impl From<&plan::Output> for Need {
    fn from(output: &plan::Output) -> Self {
        let plan::Output { of, what } = output;
        Self { of: of.clone(), what: words::what(what).to_owned() }
    }
}

impl From<&plan::Why> for Why {
    fn from(why: &plan::Why) -> Self {
        let plan::Why { cause, origin } = why;
        let cause = match cause {
            plan::Cause::Spec => "spec",
            plan::Cause::Drift => "drift",
            plan::Cause::Differs => "differs",
            plan::Cause::Gone => "gone",
            plan::Cause::Follows(_) => "follows",
            plan::Cause::Because(_) => "because",
        };
        let place = match origin {
            Some(Origin::Spec(place) | Origin::Default(place) | Origin::Template(place)) => Some(place.clone()),
            Some(Origin::Derived { from: _, place }) => place.clone(),
            Some(Origin::Documented) | None => None,
        };
        Self { cause: cause.to_owned(), text: words::why(why), place }
    }
}

impl From<&plan::Wait> for Wait {
    fn from(wait: &plan::Wait) -> Self {
        let plan::Wait { address, what, until } = wait.clone();
        Self { address, what, until }
    }
}

impl From<&plan::Gap> for Gap {
    fn from(gap: &plan::Gap) -> Self {
        let plan::Gap { address, doing, cause, follows, hint, expected } = gap.clone();
        Self { address, doing, cause, follows, hint, expected }
    }
}

impl From<&plan::Refusal> for Refusal {
    fn from(refusal: &plan::Refusal) -> Self {
        let plan::Refusal { rule, address, cause } = refusal.clone();
        Self { rule, address, cause, remedy: rule.remedy().to_owned() }
    }
}

impl From<&plan::Confirmation> for Confirmation {
    fn from(confirmation: &plan::Confirmation) -> Self {
        let plan::Confirmation { removals, because } = confirmation.clone();
        Self { removals, because }
    }
}

impl From<&plan::Untouched> for LeftAlone {
    fn from(untouched: &plan::Untouched) -> Self {
        let plan::Untouched { address, note } = untouched.clone();
        Self { address, note }
    }
}
