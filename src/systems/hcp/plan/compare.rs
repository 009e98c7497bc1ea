//! Comparing maps of attributes.

use serde_json::Value;

use super::super::settings::Fields;

/// The wanted attributes that differ from what was seen, with their values. One that the server does not speak of cannot be
/// compared: to write it again and again would be to act on nothing.
pub(super) fn differing(want: &Fields, seen: &Fields) -> Fields {
    want.iter()
        .filter(|(name, value)| seen.get(*name).is_some_and(|other| !same(value, other)))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Equal, where lists are sets: HCP's lists of paths and patterns have no order.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => sorted(one) == sorted(other),
        _ => one == other,
    }
}

/// The value in the form in which it is digested.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(sorted(items).into_iter().map(Value::String).collect()),
        other => other.clone(),
    }
}

fn sorted(items: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = items
        .iter()
        .map(|item| match item {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect();
    texts.sort();
    texts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_a_list_is_no_difference() {
        let fields = |value: Value| Fields::from([("trigger-patterns".to_owned(), value)]);
        assert!(differing(&fields(json!(["a", "b"])), &fields(json!(["b", "a"]))).is_empty());
        assert_eq!(differing(&fields(json!(["a"])), &fields(json!(["a", "b"]))).len(), 1);
    }

    #[test]
    fn an_attribute_that_was_not_seen_cannot_differ() {
        assert!(differing(&Fields::from([("x".to_owned(), json!(true))]), &Fields::new()).is_empty());
    }
}
