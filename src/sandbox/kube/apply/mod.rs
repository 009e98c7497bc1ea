//! Server-side apply: who set which field, and what a configuration makes of a live object.
//!
//! Written from structured-merge-diff v6 (`merge/update.go`) and apimachinery v0.36 (`util/managedfields`): pure
//! functions of the live object, the configuration and the type.

pub mod fields;
pub mod merge;
pub mod shape;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use fields::FieldSet;
use merge::{compare, fields_of, remove, with_named_fields};
use shape::Shape;

/// What a manager of fields does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Everything else.
    Update,
}

impl Operation {
    fn word(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// Who sets fields: the same name is another one by another way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manager {
    /// How.
    pub operation: Operation,
    /// The name.
    pub name: String,
    /// The version of the object's type.
    pub api_version: String,
    /// Through which part of the object's API.
    pub subresource: String,
}

impl Manager {
    /// As a conflict names it.
    fn shown(&self) -> String {
        let Self { operation, name, api_version, subresource } = self;
        let through = if subresource.is_empty() { String::new() } else { format!(" with subresource {subresource:?}") };
        match operation {
            Operation::Apply => format!("{name:?}{through}"),
            Operation::Update => format!("{name:?}{through} using {api_version}"),
        }
    }
}

/// One entry of `managedFields`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    fields: FieldSet,
    time: String,
}

/// `metadata.managedFields`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managers(BTreeMap<Manager, Owned>);

impl Managers {
    /// Of an object.
    pub fn of(object: &Value) -> Self {
        let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
        let read = |entry: &Value| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let operation = if entry["operation"] == "Apply" { Operation::Apply } else { Operation::Update };
            let manager = Manager {
                operation,
                name: text("manager"),
                api_version: text("apiVersion"),
                subresource: text("subresource"),
            };
            (manager, Owned { fields: FieldSet::from_json(&entry["fieldsV1"]), time: text("time") })
        };
        Self(entries.map(read).collect())
    }

    /// For an object.
    pub fn to_json(&self) -> Value {
        let mut entries: Vec<(&Manager, &Owned)> = self.0.iter().collect();
        entries.sort_by(|(one, a), (two, b)| {
            let order = |manager: &Manager, owned: &Owned| {
                (manager.operation, owned.time.clone(), manager.name.clone(), manager.api_version.clone())
            };
            order(one, a).cmp(&order(two, b)).then_with(|| one.subresource.cmp(&two.subresource))
        });
        let write = |(manager, owned): (&Manager, &Owned)| {
            let mut entry = json!({
                "manager": manager.name,
                "operation": manager.operation.word(),
                "apiVersion": manager.api_version,
                "time": owned.time,
                "fieldsType": "FieldsV1",
                "fieldsV1": owned.fields.to_json(),
            });
            if !manager.subresource.is_empty() {
                entry["subresource"] = json!(manager.subresource);
            }
            entry
        };
        entries.into_iter().map(write).collect()
    }

    fn all_fields(&self) -> FieldSet {
        self.0.values().fold(FieldSet::default(), |all, owned| all.union(&owned.fields))
    }

    /// What others set that this changes, and nobody owns any more what is gone.
    fn give_way(&mut self, taken: &FieldSet, removed: &FieldSet, but: Option<&Manager>) {
        for (_, owned) in self.0.iter_mut().filter(|(manager, _)| Some(*manager) != but) {
            owned.fields = owned.fields.difference(taken).difference(removed);
        }
        self.0.retain(|_, owned| !owned.fields.is_empty());
    }
}

/// The part of the object that a way in does not change: it is neither taken over nor owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// All but the status.
    AllButStatus,
    /// The status alone.
    Status,
}

impl Scope {
    fn narrow(self, set: &FieldSet) -> FieldSet {
        match self {
            Self::Whole => set.clone(),
            Self::AllButStatus => set.without("f:status"),
            Self::Status => set.only("f:status"),
        }
    }
}

/// A field that another manager owns with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Whose it is, as messages have it.
    pub manager: String,
    /// Which, as messages have it.
    pub field: String,
}

/// Paths that say what and where an object is, which nobody owns.
fn unowned() -> FieldSet {
    let names = [
        "name",
        "namespace",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    let mut set = FieldSet::default();
    for path in ["f:apiVersion", "f:kind", "f:metadata"] {
        set.insert(&[path.to_owned()]);
    }
    for name in names {
        set.insert(&["f:metadata".to_owned(), format!("f:{name}")]);
    }
    set
}

/// What an apply made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The object, before defaults.
    pub object: Value,
    /// Who owns what now; the time is that of the call where the object changed.
    pub managers: Managers,
}

/// What a request is made with.
#[derive(Debug, Clone, Copy)]
pub struct Hand<'a> {
    /// Who.
    pub manager: &'a Manager,
    /// Through which part of the API.
    pub scope: Scope,
    /// The time, as the API writes it.
    pub now: &'a str,
}

/// Applies a configuration to a live object; both without `managedFields`.
pub fn apply(
    live: &Value,
    config: &Value,
    shape: Shape<'_>,
    before: &Managers,
    hand: Hand<'_>,
    force: bool,
) -> Result<Applied, Vec<Conflict>> {
    let last = before.0.get(hand.manager).map(|owned| owned.fields.clone()).unwrap_or_default();
    let set = hand.scope.narrow(&fields_of(config, shape)).difference(&unowned());
    let mut managers = before.clone();
    let time = before.0.get(hand.manager).map_or_else(|| hand.now.to_owned(), |owned| owned.time.clone());
    managers.0.insert(hand.manager.clone(), Owned { fields: set, time });
    let merged = merge::merge(live, config, shape);
    let abandoned = with_named_fields(&last, shape).difference(&with_named_fields(&managers.all_fields(), shape));
    let abandoned = abandoned.difference(&unowned());
    let object =
        if abandoned.is_empty() { merged } else { remove(&merged, &abandoned, shape).unwrap_or_else(|| json!({})) };
    let found = compare(live, &object, shape).map(|set| hand.scope.narrow(set));
    let conflicts = conflicts(&managers, hand.manager, &found.set());
    if !force && !conflicts.is_empty() {
        return Err(conflicts);
    }
    managers.give_way(&found.set(), &found.removed, Some(hand.manager));
    managers.0.retain(|_, owned| !owned.fields.is_empty());
    if (object != *live || managers != *before)
        && let Some(owned) = managers.0.get_mut(hand.manager)
    {
        hand.now.clone_into(&mut owned.time);
    }
    Ok(Applied { object, managers })
}

fn conflicts(managers: &Managers, but: &Manager, taken: &FieldSet) -> Vec<Conflict> {
    let others = managers.0.iter().filter(|(manager, _)| *manager != but);
    others
        .flat_map(|(manager, owned)| {
            let paths = owned.fields.intersection(taken).paths().into_iter();
            paths.map(|path| Conflict { manager: manager.shown(), field: fields::shown(&path) })
        })
        .collect()
}

/// Who owns what after an object was written in another way; both without `managedFields`.
pub fn update(live: &Value, new: &Value, shape: Shape<'_>, before: &Managers, hand: Hand<'_>) -> Managers {
    let found = compare(live, new, shape).map(|set| hand.scope.narrow(set));
    let mut managers = before.clone();
    managers.give_way(&found.set(), &found.removed, None);
    let taken = found.set().difference(&unowned());
    if taken.is_empty() {
        return managers;
    }
    let owned = managers
        .0
        .entry(hand.manager.clone())
        .or_insert_with(|| Owned { fields: FieldSet::default(), time: String::new() });
    owned.fields = owned.fields.union(&taken);
    hand.now.clone_into(&mut owned.time);
    managers
}

#[cfg(test)]
mod tests;
