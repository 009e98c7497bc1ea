//! What the real API server makes of the same configurations.

use serde_json::{Value, json};

use super::*;

fn manager(operation: Operation, name: &str) -> Manager {
    Manager { operation, name: name.to_owned(), api_version: "v1".to_owned(), subresource: String::new() }
}

fn map(data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data })
}

fn applied(live: &Value, config: &Value, before: &Managers, name: &str, force: bool) -> Result<Applied, Vec<Conflict>> {
    let who = manager(Operation::Apply, name);
    let hand = Hand { manager: &who, scope: Scope::Whole, now: "2026-01-01T00:00:00Z" };
    apply(live, config, Shape::of_kind("ConfigMap"), before, hand, force)
}

fn updated(live: &Value, new: &Value, before: &Managers, name: &str) -> Managers {
    let who = manager(Operation::Update, name);
    let hand = Hand { manager: &who, scope: Scope::Whole, now: "2026-01-01T00:00:00Z" };
    update(live, new, Shape::of_kind("ConfigMap"), before, hand)
}

fn owner_of(managers: &Managers, name: &str) -> Value {
    managers.0.iter().find(|(manager, _)| manager.name == name).map_or(Value::Null, |(_, owned)| owned.fields.to_json())
}

#[test]
fn what_nobody_applies_any_more_is_removed() {
    let first = applied(&json!({}), &map(&json!({ "a": "1", "b": "2" })), &Managers::default(), "us", false).unwrap();
    let second = applied(&first.object, &map(&json!({ "a": "1" })), &first.managers, "us", false).unwrap();
    assert_eq!(second.object, map(&json!({ "a": "1" })));
    assert_eq!(owner_of(&second.managers, "us"), json!({ "f:data": { "f:a": {} } }));
}

#[test]
fn what_another_one_owns_too_stays() {
    let config = map(&json!({ "a": "1", "b": "2" }));
    let first = applied(&json!({}), &config, &Managers::default(), "us", false).unwrap();
    let shared = applied(&first.object, &map(&json!({ "b": "2" })), &first.managers, "them", false).unwrap();
    assert_eq!(owner_of(&shared.managers, "them"), json!({ "f:data": { "f:b": {} } }));
    let left = applied(&shared.object, &map(&json!({ "a": "1" })), &shared.managers, "us", false).unwrap();
    assert_eq!(left.object, config);
    let gone = applied(&left.object, &json!({ "metadata": { "name": "a" } }), &left.managers, "them", false).unwrap();
    assert_eq!(gone.object, map(&json!({ "a": "1" })));
    assert_eq!(owner_of(&gone.managers, "them"), Value::Null);
}

#[test]
fn another_value_of_anothers_field_is_a_conflict() {
    let first = applied(&json!({}), &map(&json!({ "a": "1" })), &Managers::default(), "us", false).unwrap();
    let edited = map(&json!({ "a": "edited" }));
    let managers = updated(&first.object, &edited, &first.managers, "kubectl-edit");
    assert_eq!(owner_of(&managers, "kubectl-edit"), json!({ "f:data": { "f:a": {} } }));
    assert_eq!(owner_of(&managers, "us"), Value::Null);
    let config = map(&json!({ "a": "1" }));
    let conflicts = applied(&edited, &config, &managers, "us", false).unwrap_err();
    let expected = Conflict { manager: r#""kubectl-edit" using v1"#.to_owned(), field: ".data.a".to_owned() };
    assert_eq!(conflicts, [expected]);
    let forced = applied(&edited, &config, &managers, "us", true).unwrap();
    assert_eq!(forced.object, config);
    assert_eq!(owner_of(&forced.managers, "kubectl-edit"), Value::Null);
}

#[test]
fn the_same_again_changes_nothing() {
    let config = map(&json!({ "a": "1" }));
    let first = applied(&json!({}), &config, &Managers::default(), "us", false).unwrap();
    let who = manager(Operation::Apply, "us");
    let later = Hand { manager: &who, scope: Scope::Whole, now: "2027-01-01T00:00:00Z" };
    let again = apply(&first.object, &config, Shape::of_kind("ConfigMap"), &first.managers, later, false).unwrap();
    assert_eq!(again, first);
    assert_eq!(Managers::of(&json!({ "metadata": { "managedFields": first.managers.to_json() } })), first.managers);
}

#[test]
fn an_update_owns_each_new_level_and_loses_what_is_gone() {
    let managers = updated(&json!({}), &map(&json!({ "a": "1" })), &Managers::default(), "curl");
    assert_eq!(owner_of(&managers, "curl"), json!({ "f:data": { ".": {}, "f:a": {} } }));
    let managers = updated(&map(&json!({ "a": "1" })), &json!({}), &managers, "curl");
    assert_eq!(managers, Managers::default());
}

#[test]
fn a_dropped_item_goes_whole_with_its_defaults() {
    let shape = Shape::of_kind("Pod");
    let who = manager(Operation::Apply, "us");
    let hand = Hand { manager: &who, scope: Scope::AllButStatus, now: "" };
    let config = json!({ "spec": { "containers": [{ "name": "a", "image": "1" }, { "name": "b", "image": "1" }] } });
    let first = apply(&json!({}), &config, shape, &Managers::default(), hand, false).unwrap();
    let mut live = first.object.clone();
    live["spec"]["containers"][1]["imagePullPolicy"] = json!("Always");
    let config = json!({ "spec": { "containers": [{ "name": "a", "image": "1" }] } });
    let second = apply(&live, &config, shape, &first.managers, hand, false).unwrap();
    assert_eq!(second.object, config);
}

#[test]
fn the_status_is_not_for_everybody() {
    let shape = Shape::Unknown;
    let who = manager(Operation::Update, "us");
    let hand = Hand { manager: &who, scope: Scope::AllButStatus, now: "" };
    let new = json!({ "spec": { "a": 1 }, "status": { "b": 2 } });
    let managers = update(&json!({}), &new, shape, &Managers::default(), hand);
    assert_eq!(owner_of(&managers, "us"), json!({ "f:spec": { ".": {}, "f:a": {} } }));
}
