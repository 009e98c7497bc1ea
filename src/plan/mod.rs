//! The plan: what will be done and why, what is waited for, what could not be read and what is left alone.
//!
//! A plan is plain data. It holds no secret, and no hole but `Later`: a value that another of its actions makes.

pub mod digest;
pub mod hold;
pub mod links;
pub mod order;
pub mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Address, Pattern};
use crate::origin::Origin;
use crate::owner::FleetName;
use crate::spec::desired::Desired;
use crate::systems::{Consent, Context, Observed, Request, System as _, docker, hcp};

/// Everything that a run is going to do, and everything that it is not going to do and should be known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Whose plan.
    pub fleet: FleetName,
    /// What is done: at most one action for an address.
    pub actions: BTreeMap<Address, Action>,
    /// What has to be waited for.
    pub waits: Vec<Wait>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What is against the rules: with one of these nothing at all is applied.
    pub refusals: Vec<Refusal>,
    /// What is there, is not in the spec, and stays as it is.
    pub untouched: Vec<Untouched>,
    /// What has to be said for its removals to be done.
    pub confirmation: Option<Confirmation>,
}

/// That removals are only done by who names their number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confirmation {
    /// How many they are.
    pub removals: usize,
    /// Why they are not done without it.
    pub because: String,
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Action {
    /// What is done to it.
    pub verb: Verb,
    /// The fields that change; for a creation those worth showing.
    pub changes: Vec<Change>,
    /// Why it is done at all.
    pub why: Why,
    /// All that will be sent.
    pub request: Request,
}

/// What is done to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It is made.
    Create,
    /// Some of its fields are changed in place.
    Change,
    /// It gets another name and keeps its id.
    Rename,
    /// It is removed and made again, because a field cannot be changed in place.
    Replace,
    /// It becomes ours.
    Adopt,
    /// It stops being ours and stays.
    Release,
    /// A credential is made.
    Mint,
    /// It is removed.
    Remove,
    /// A credential is made useless.
    Revoke,
}

impl Verb {
    /// All, in the order in which a summary counts them.
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::Change,
        Self::Rename,
        Self::Replace,
        Self::Adopt,
        Self::Release,
        Self::Mint,
        Self::Remove,
        Self::Revoke,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Rename => "rename",
            Self::Replace => "replace",
            Self::Adopt => "adopt",
            Self::Release => "release",
            Self::Mint => "mint",
            Self::Remove => "remove",
            Self::Revoke => "revoke",
        }
    }

    /// The sign in a plan's left margin.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Change | Self::Rename => "~",
            Self::Replace => "-/+",
            Self::Adopt => "^",
            Self::Release => "v",
            Self::Mint => "*",
            Self::Remove | Self::Revoke => "-",
        }
    }

    /// True when something stops to exist.
    #[must_use]
    pub fn removes(self) -> bool {
        match self {
            Self::Replace | Self::Remove | Self::Revoke => true,
            Self::Create | Self::Change | Self::Rename | Self::Adopt | Self::Release | Self::Mint => false,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One field that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The field as the spec names it.
    pub field: String,
    /// What was seen.
    pub old: Shown,
    /// What will be.
    pub new: Shown,
    /// Why.
    pub why: Why,
}

/// A value as a plan may show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Shown {
    /// There is none.
    Nothing,
    /// This one.
    Value(Value),
    /// A secret, and what is known of it.
    Secret(String),
    /// One that another action makes.
    Later(Output),
}

impl Shown {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Value(Value::String(text.into()))
    }
}

/// Why something differs, and where the wanted value stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// Who moved.
    pub cause: Cause,
    /// Where the wanted value comes from.
    pub origin: Option<Origin>,
}

/// Who moved: the spec or the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// The spec says something new.
    Spec,
    /// The mark proves that somebody changed it behind our back.
    Drift,
    /// It differs, and nothing proves who moved.
    Differs,
    /// It is no longer in the spec.
    Gone,
    /// It follows from another action of this plan.
    Follows(Address),
    /// In these words.
    Because(String),
}

/// Something that cannot be done now and that a later run goes on with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wait {
    /// What waits.
    pub address: Address,
    /// For what, and since when if that is known.
    pub what: String,
    /// Who or what ends it.
    pub until: String,
}

/// Something that could not be read. It says nothing of whether the thing is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// What was looked at.
    pub address: Address,
    /// What was being done.
    pub doing: String,
    /// What went wrong, with the request's id.
    pub cause: String,
    /// What is therefore not done.
    pub follows: String,
    /// What to do about it.
    pub hint: String,
    /// The spec says that this happens: a host that sleeps at times. It is told, and no failure of the run.
    #[serde(default)]
    pub expected: bool,
}

/// Something that the rules forbid, so that nothing is applied until it is settled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refusal {
    /// The rule: refusals of one rule are shown as one message.
    pub rule: Rule,
    /// What it is about.
    pub address: Address,
    /// What is wrong, in the words of this case.
    pub cause: String,
}

/// A rule that a plan may break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rule {
    /// A thing of that name exists and does not carry our mark.
    NotOurs,
    /// It carries the mark of another fleet.
    OtherFleet,
    /// It carries a mark of a newer tool.
    NewerTool,
    /// A removal and a creation that look like one rename.
    LooksLikeRename,
    /// The far side is not the one that the spec pins.
    WrongIdentity,
    /// The organisation's tier does not have it, or not so much of it.
    BeyondTier,
    /// A name that the spec uses leads nowhere, or to more than one thing.
    UnknownReference,
    /// A name that the spec's thing needs belongs to somebody else's.
    NameTaken,
    /// A host on which no agent can run.
    UnfitHost,
    /// `was` names a thing while the new name exists too.
    RenameClash,
}

impl Rule {
    /// Whether it stands against all that is asked for, and not only against the thing at its address: the wrong far side
    /// is wrong for every part of it, and who is too old for one mark of the fleet may misread the rest of it too.
    #[must_use]
    pub fn is_of_all(self) -> bool {
        matches!(self, Self::WrongIdentity | Self::NewerTool)
    }

    /// What a user can do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NotOurs => "take it over with --adopt ADDRESS (or `adopt: true` on it), or give ours another name",
            Self::OtherFleet => {
                "remove it from that fleet's spec with `released: true` first, or take it out of this one"
            }
            Self::NewerTool => "use the version of reconcile that wrote the mark, or a newer one",
            Self::LooksLikeRename => {
                "write `was: OLD` on the new one to rename it in place; if they are two things, make the change in two applies"
            }
            Self::WrongIdentity => "check what the spec pins, and where the token, or the way to the host, leads",
            Self::BeyondTier => "change the spec, or the organisation's plan",
            Self::UnknownReference => "correct the name, in the spec or on the command line",
            Self::NameTaken => "rename or remove that one, or give the target another `project`",
            Self::UnfitHost => "give the pool another target, or the host what it lacks",
            Self::RenameClash => "remove `was`, or remove or rename the thing that already has the new name",
        }
    }
}

/// A thing that is there and stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Untouched {
    /// Which.
    pub address: Address,
    /// Why it is named.
    pub note: String,
}

/// A value that may not exist until another action has run: the one kind of hole in a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Later<T> {
    /// It exists.
    Known(T),
    /// That action makes it.
    From(Output),
}

impl<T> Later<T> {
    /// The output that has to be there first.
    #[must_use]
    pub fn needs(&self) -> Option<&Output> {
        match self {
            Self::Known(_) => None,
            Self::From(output) => Some(output),
        }
    }
}

/// Something that an action makes: what another one takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Output {
    /// The action's address.
    pub of: Address,
    /// What it makes.
    pub what: What,
}

/// Kinds of output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// The id of the thing.
    Id,
    /// A credential, which lives in this process alone.
    Credential,
    /// Something that holds from then on.
    Fact(Fact),
}

/// Facts that an action brings about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact {
    /// The workspace of this name may use the pool.
    Allowed(String),
    /// The thing is as the spec says, so that what it replaces may go.
    InPlace,
    /// The thing is gone, so that what held it may go too.
    Gone,
    /// The thing no longer uses or holds what it did.
    LetGo,
}

/// The proof that something holds, for requests that need it and nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holds;

/// A list, and whether it is all there is. Only a complete one can say that something is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Listing<T> {
    /// All there is.
    Complete(Vec<T>),
    /// Some, or none, of what there is.
    Partial(Vec<T>, Gap),
}

impl<T> Listing<T> {
    /// What was seen, complete or not.
    #[must_use]
    pub fn seen(&self) -> &[T] {
        match self {
            Self::Complete(items) | Self::Partial(items, _) => items,
        }
    }

    /// What was seen, complete or not, to be written to.
    pub fn seen_mut(&mut self) -> &mut Vec<T> {
        match self {
            Self::Complete(items) | Self::Partial(items, _) => items,
        }
    }

    /// Why it is not complete.
    #[must_use]
    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Complete(_) => None,
            Self::Partial(_, gap) => Some(gap),
        }
    }
}

/// A part of a thing that takes a request of its own to read, or may be missing from an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Read<T> {
    /// It was read.
    Seen(T),
    /// Neither the spec nor a mark speaks of it.
    NotAsked,
    /// It could not be read.
    Unread(Gap),
}

impl<T> Read<T> {
    /// What was read.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::NotAsked | Self::Unread(_) => None,
        }
    }

    /// Why it was not read.
    #[must_use]
    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Unread(gap) => Some(gap),
            Self::Seen(_) | Self::NotAsked => None,
        }
    }
}

/// What a plan breaks off or moves if it is applied: the question that one really asks a plan. Runs are not among it: what
/// would interrupt one is a wait and no action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Agents that are restarted.
    pub agents: u32,
    /// Credentials that are revoked.
    pub revoked: u32,
    /// Workspaces whose runs go elsewhere.
    pub moved: u32,
    /// Workspaces that are removed.
    pub workspaces: u32,
}

/// Decides everything: pure, so that the same spec and the same world always give the same plan.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed, consent: &Consent) -> Plan {
    let Desired { hcp: want_hcp, docker: want_docker, kube: _, origins: _ } = desired;
    let Observed { hcp: seen_hcp, docker: seen_docker } = observed;
    let context = Context { desired, observed, consent };
    let mut plan = Plan::empty(want_hcp.fleet.clone());
    hcp::Hcp::plan(want_hcp, seen_hcp, &context, &mut plan);
    docker::Docker::plan(want_docker, seen_docker, &context, &mut plan);
    plan.hold_unmet();
    plan.sort();
    plan.confirm_removals(desired, observed);
    plan
}

/// What `release` is asked to let go.
#[derive(Clone, Debug, Default)]
pub struct LetGo {
    /// What these cover.
    pub patterns: Vec<Pattern>,
    /// Everything, and with it what this tool keeps for itself.
    pub all: bool,
}

impl LetGo {
    /// Whether a thing at this address is asked for.
    #[must_use]
    pub fn covers(&self, address: &Address) -> bool {
        self.all || self.patterns.iter().any(|pattern| pattern.covers(address))
    }
}

/// Decides how things are let go: marks come off, and nothing else changes. As pure as `plan`.
#[must_use]
pub fn release(desired: &Desired, observed: &Observed, what: &LetGo) -> Plan {
    // What a Docker host holds has labels that cannot be taken off, and goes on as it is.
    let Desired { hcp: want_hcp, docker: _, kube: _, origins: _ } = desired;
    let Observed { hcp: seen_hcp, docker: _ } = observed;
    let consent = Consent::default();
    let context = Context { desired, observed, consent: &consent };
    let mut plan = Plan::empty(want_hcp.fleet.clone());
    hcp::plan::release(want_hcp, seen_hcp, &context, what, &mut plan);
    plan.hold_unmet();
    plan.sort();
    plan
}

impl Plan {
    /// A plan in which nothing is done.
    #[must_use]
    pub fn empty(fleet: FleetName) -> Self {
        Self {
            fleet,
            actions: BTreeMap::new(),
            waits: Vec::new(),
            gaps: Vec::new(),
            refusals: Vec::new(),
            untouched: Vec::new(),
            confirmation: None,
        }
    }

    /// The world is as the spec says, as far as can be seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.waits.is_empty()
    }

    /// How many actions there are of a kind.
    #[must_use]
    pub fn count(&self, verb: Verb) -> usize {
        self.actions.values().filter(|action| action.verb == verb).count()
    }

    /// Puts the lists in order and takes out what was noted twice.
    pub fn sort(&mut self) {
        fn tidy<T: Ord>(list: &mut Vec<T>) {
            list.sort();
            list.dedup();
        }
        tidy(&mut self.waits);
        tidy(&mut self.gaps);
        tidy(&mut self.refusals);
        tidy(&mut self.untouched);
    }

    /// What applying it breaks off or moves.
    #[must_use]
    pub fn effect(&self) -> Effect {
        let mut sum = Effect::default();
        for action in self.actions.values() {
            let Effect { agents, revoked, moved, workspaces } = action.request.effect();
            sum.agents += agents;
            sum.revoked += revoked;
            sum.moved += moved;
            sum.workspaces += workspaces;
        }
        sum
    }

    /// What an action takes from others.
    #[must_use]
    pub fn needs(&self, address: &Address) -> BTreeSet<Output> {
        self.actions.get(address).map(|action| action.request.needs()).unwrap_or_default()
    }
}
