//! What an object has to be: its fields, its defaults and its rules.

pub mod defaults;
mod pods;
mod quantities;
pub mod rules;
pub mod schema;
mod tidy;
pub mod twice;
pub mod typed;

use serde_json::Value;

use super::{call::Refusal, kinds::Resource};
pub use tidy::show_none;

/// Fields that the type does not have, by their paths.
pub fn unknown_fields(resource: &Resource, object: &Value) -> Result<Vec<String>, Refusal> {
    match resource.schema() {
        Some(schema) => Ok(schema::unknown_fields(object, schema)),
        None => typed::unknown_fields(resource, object),
    }
}

/// Takes the fields away that the type does not have.
pub fn prune(resource: &Resource, object: &mut Value) {
    match resource.schema() {
        Some(schema) => schema::prune(object, schema),
        None => typed::prune(resource, object),
    }
}

/// Fills in what is left out.
pub fn fill_in(resource: &Resource, object: &mut Value) {
    if let Some(schema) = resource.schema() {
        schema::fill_in(object, schema, false);
    } else {
        tidy::leave_out(&resource.kind, object);
        defaults::fill_in(&resource.kind, object);
        show_none(&resource.kind, object, false);
    }
}

/// The same of what an apply made. In a custom object the nulls stay that are left of maps and lists of which everything was
/// taken away, and are refused (as by a real server: nobody reads the object again, which would take them away).
pub fn fill_in_applied(resource: &Resource, object: &mut Value) {
    let Some(schema) = resource.schema() else { return fill_in(resource, object) };
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|_, value| !value.is_null());
    }
    schema::fill_in(object, schema, true);
}
