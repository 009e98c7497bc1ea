//! Single values with rules of their own.

use std::ops::Deref;

use schemars::{Schema, SchemaGenerator, json_schema};

use super::super::finding::{Finding, Rule};
use super::super::node::{Node, Value};
use super::super::read::{Read, Reader};
use crate::owner::FleetName;
use crate::systems::hcp::desired::Tier;

impl Read for FleetName {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let text = reader.text(node, "the fleet's name")?;
        match text.parse() {
            Ok(name) => Some(name),
            Err(cause) => {
                let example = "such as homelab; it is in every mark that is put on things".to_owned();
                reader.wrong_value(node.at, &cause, Some(example));
                None
            }
        }
    }

    fn stand_in() -> Option<Self> {
        "fleet".parse().ok()
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$" })
    }
}

/// The name of an organisation in HCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationName(pub String);

impl Deref for OrganizationName {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl Read for OrganizationName {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        String::read(node, reader).map(Self)
    }

    fn stand_in() -> Option<Self> {
        Some(Self("organization".to_owned()))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        <String as Read>::schema(generator)
    }
}

impl Read for Tier {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        const WORDS: &[(&str, Tier)] = &[
            ("free", Tier::Free),
            ("essentials", Tier::Essentials),
            ("standard", Tier::Standard),
            ("premium", Tier::Premium),
        ];
        reader.one_of(node, WORDS)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["free", "essentials", "standard", "premium"] })
    }
}

/// A version of terraform, or a constraint for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerraformVersion(pub String);

impl Read for TerraformVersion {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        if let Value::Number(number) = &node.value {
            let message = format!("`{}` is the number {number}, not a version", reader.path());
            let finding = Finding::error(Rule::UnquotedVersion, node.at, message);
            let finding = match number.split_once('.') {
                Some((major, _)) => {
                    finding.note(format!("a number loses its zeros: {major}.10 is the same one as {major}.1"))
                }
                None => finding,
            };
            reader.push(finding.remedy(format!("quote it: \"{number}\", or say more: \"~> {number}.0\"")));
            return None;
        }
        let text = reader.text(node, "a version in quotes")?;
        if is_constraint(text) {
            return Some(Self(text.to_owned()));
        }
        let remedy = "such as \"1.14.0\", \"~> 1.14.0\", \">= 1.9, < 2.0\" or latest".to_owned();
        let cause = format!("`{text}` is neither a version nor a constraint");
        reader.wrong_value(node.at, &cause, Some(remedy));
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["~> 1.14.0"] })
    }
}

/// Terraform's version constraints (its "Version Constraints" page), and HCP's word `latest`.
fn is_constraint(text: &str) -> bool {
    text == "latest"
        || text.split(',').all(|part| {
            let version = part.trim().trim_start_matches(['~', '>', '<', '=', '!']).trim_start();
            let (numbers, suffix) = version.split_once('-').unwrap_or((version, "x"));
            !suffix.is_empty()
                && (1..=3).contains(&numbers.split('.').count())
                && numbers.split('.').all(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        })
}

/// Where runs go: a pool's key, `cloud`, `local` or `inherited`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementWord(pub String);

impl Deref for PlacementWord {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl Read for PlacementWord {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        if matches!(&node.value, Value::Null) {
            let remedy = "write a pool's key, cloud, local or inherited".to_owned();
            reader.wrong_value(node.at, "an empty placement says nothing about where runs go", Some(remedy));
            return None;
        }
        reader.text(node, "a pool's key, cloud, local or inherited").map(|text| Self(text.to_owned()))
    }

    fn takes_null() -> bool {
        true
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "examples": ["cloud", "local", "inherited"] })
    }
}

/// A length of time as it was written: `15s`, `10m`, `1h30m`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duration {
    /// In seconds.
    pub seconds: u64,
}

impl Duration {
    /// Reads one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut seconds: u64 = 0;
        let mut number: Option<u64> = None;
        for c in text.chars() {
            if let Some(digit) = c.to_digit(10) {
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(digit))?);
                continue;
            }
            let unit = match c {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                _ => return None,
            };
            seconds = seconds.checked_add(number.take()?.checked_mul(unit)?)?;
        }
        (number.is_none() && !text.is_empty()).then_some(Self { seconds })
    }
}

impl Read for Duration {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        if let Value::Number(number) = &node.value {
            let message = format!("`{}` must be a duration, and {number} has no unit", reader.path());
            let finding = Finding::error(Rule::WrongKind, node.at, message);
            reader.push(finding.remedy(format!("write {number}s or {number}m")));
            return None;
        }
        let text = reader.text(node, "a duration such as 15s, 10m or 1h")?;
        let duration = Self::parse(text);
        if duration.is_none() {
            let cause = format!("`{text}` is not a duration");
            reader.wrong_value(node.at, &cause, Some("write such as 15s, 10m, 1h30m or 14d".to_owned()));
        }
        duration
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9]+[smhd])+$" })
    }
}

/// What a notification is sent for, as HCP names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event(pub String);

impl Event {
    /// Those that are documented: the API's `notification-configurations` page (terraform-docs-common, September 2025)
    /// and, after the classic ones, that of 2026 (web-unified-docs).
    pub const KNOWN: &[&str] = &[
        "run:created",
        "run:planning",
        "run:needs_attention",
        "run:applying",
        "run:completed",
        "run:errored",
        "assessment:drifted",
        "assessment:check_failure",
        "assessment:failed",
        "workspace:auto_destroy_reminder",
        "workspace:auto_destroy_run_results",
        "workspace:deleted",
        "run:pending_apply_approval",
        "run:cost_estimated",
        "run:policy_override_required",
        "run:policies_checked",
        "run:run_errored",
        "run:run_canceled",
        "run:policy_soft_failed",
    ];
}

impl Read for Event {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        reader.text(node, "an event").map(|text| Self(text.to_owned()))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": Self::KNOWN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_told_from_other_texts() {
        for text in ["1.14.0", "~> 1.14.0", ">= 1.9, < 2.0", "1.15.0-rc1", "latest", "1.10"] {
            assert!(is_constraint(text), "{text}");
        }
        for text in ["", "v1.14", "~>", "1.x", "one", "1.2.3.4"] {
            assert!(!is_constraint(text), "{text}");
        }
    }

    #[test]
    fn durations_add_up() {
        assert_eq!(Duration::parse("1h30m").map(|d| d.seconds), Some(5400));
        for text in ["", "5", "m", "1y", "99999999999999999999s", "-1s"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }
}
