//! Manifests: several documents of YAML in one text, and the JSON that a cluster takes them for.

use serde_json::{Map, Number, Value as Json};

use crate::spec::document;
use crate::spec::finding::{Finding, Rule, Severity};
use crate::spec::node::{At, Budget, Node, Sources, Value};

/// How much a manifest may be. The largest one known is the CRD of agent pools, of 600 kB and 13,000 values.
pub const BUDGET: Budget = Budget { bytes: 8 << 20, depth: 60, nodes: 400_000, aliased: 20_000, anchored: 100_000 };

/// Reads every document of a text, in their order; those that say nothing are left out. Places are those of the whole
/// text, which is the source of that number.
pub fn documents(sources: &Sources, file: u16, budget: Budget, findings: &mut Vec<Finding>) -> Vec<Node> {
    let text = sources.text(file);
    if text.len() > budget.bytes {
        let message = format!("more than {} MiB in one file", budget.bytes >> 20);
        let finding = Finding::error(Rule::TooMuch, At { file, line: 1, column: 1 }, message);
        findings.push(finding.remedy("split the file"));
        return Vec::new();
    }
    let mut nodes = Vec::new();
    for (above, part) in parts(text) {
        let mut found = Vec::new();
        let node = document(file, part, budget, &mut found);
        for mut finding in found {
            finding.at.line += above;
            for at in finding.notes.iter_mut().filter_map(|note| note.at.as_mut()) {
                at.line += above;
            }
            if finding.rule == Rule::TooMuch {
                finding.remedy = Some("split the file, or write out what aliases repeat".to_owned());
            }
            findings.push(finding);
        }
        // Between two markers there may be nothing but comments.
        let said = node.filter(|node| !matches!(node.value, Value::Null));
        nodes.extend(said.map(|node| moved(node, above)));
    }
    nodes
}

/// Reads every document of a text as JSON, in their order.
pub fn values(text: String, budget: Budget) -> Result<Vec<Json>, String> {
    let mut sources = Sources::default();
    let file = sources.add("", text);
    let mut findings = Vec::new();
    let nodes = documents(&sources, file, budget, &mut findings);
    match findings.iter().find(|finding| finding.severity == Severity::Error) {
        Some(Finding { at, message, .. }) => Err(format!("line {}, column {}: {message}", at.line, at.column)),
        None => Ok(nodes.iter().map(json).collect()),
    }
}

/// The documents of a text, each with the number of lines above it. A line that begins with `---` begins a document:
/// nothing inside one may begin like that (<https://yaml.org/spec/1.2.2/#rule-c-forbidden>).
fn parts(text: &str) -> Vec<(u32, &str)> {
    let mut parts = Vec::new();
    let (mut begin, mut offset, mut above) = (0, 0, 0);
    for (number, line) in (0..).zip(text.split_inclusive('\n')) {
        let marker =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if marker && offset > begin {
            parts.extend(text.get(begin..offset).map(|part| (above, part)));
            (begin, above) = (offset, number);
        }
        offset += line.len();
    }
    parts.extend(text.get(begin..).map(|part| (above, part)));
    parts
}

/// The same tree, so many lines further down.
fn moved(mut node: Node, lines: u32) -> Node {
    if lines > 0 {
        move_down(&mut node, lines);
    }
    node
}

fn move_down(node: &mut Node, lines: u32) {
    node.at.line += lines;
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| move_down(item, lines)),
        Value::Map(map) => {
            for member in map.values_mut() {
                member.key_at.line += lines;
                move_down(&mut member.node, lines);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

/// The JSON of a tree.
#[must_use]
pub fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(text) => number(text),
        Value::Text(text) => Json::String(text.to_string()),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(map) => {
            let members = map.iter().map(|(key, member)| (key.to_owned(), json(&member.node)));
            Json::Object(members.collect::<Map<_, _>>())
        }
    }
}

/// A number as Kubernetes reads it: with a leading zero it is octal, as in YAML 1.1, so that `defaultMode: 0644` means
/// what it looks like. What JSON has no number for stays a text.
fn number(text: &str) -> Json {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok();
    let whole = match digits.as_bytes() {
        [b'0', b'o', ..] => radix(&digits[2..], 8),
        [b'0', b'x', ..] => radix(&digits[2..], 16),
        [b'0', _, ..] => radix(&digits[1..], 8),
        _ => digits.parse().ok(),
    };
    if let Some(whole) = whole {
        return Json::from(if negative { -whole } else { whole });
    }
    let parsed = digits.parse::<u64>().ok().filter(|_| !negative).map(Number::from);
    let parsed = parsed.or_else(|| text.parse().ok().and_then(Number::from_f64));
    parsed.map_or_else(|| Json::String(text.to_owned()), Json::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_parted_where_a_line_says_so() {
        let text = "# first\na: |\n  x\n   ---\n--- # second\nb: '--- no'\n---\n---\nc: 1";
        let read = values(text.to_owned(), BUDGET).unwrap();
        assert_eq!(read, [json!({"a": "x\n ---\n"}), json!({"b": "--- no"}), json!({"c": 1})]);
        assert_eq!(values(String::new(), BUDGET).unwrap(), Vec::<Json>::new());
    }

    #[test]
    fn places_are_those_of_the_whole_text() {
        let mut sources = Sources::default();
        let file = sources.add("pool.yaml", "a: 1\n---\nb:\n  - c: 2\n---\nd: 1\nd: 2\n".to_owned());
        let mut findings = Vec::new();
        let nodes = documents(&sources, file, BUDGET, &mut findings);
        let Value::Map(map) = &nodes[1].value else { panic!("{nodes:?}") };
        let member = map.get("b").unwrap();
        let Value::List(items) = &member.node.value else { panic!("{nodes:?}") };
        assert_eq!((member.key_at.line, items[0].at.line, items[0].at.column), (3, 4, 5));
        let [twice] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((twice.at.line, twice.notes[0].at.unwrap().line), (7, 6));
        assert_eq!(
            values("a: 1\n---\nb: [\n".to_owned(), BUDGET).unwrap_err().split(':').next(),
            Some("line 4, column 1")
        );
    }

    #[test]
    fn numbers_are_what_kubernetes_takes_them_for() {
        for (text, value) in [
            ("15", json!(15)),
            ("-15", json!(-15)),
            ("+1", json!(1)),
            ("0", json!(0)),
            ("0644", json!(420)),
            ("0o644", json!(420)),
            ("0x1F", json!(31)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000.0)),
            ("0.5", json!(0.5)),
            ("0900", json!(900)),
            ("18446744073709551615", json!(u64::MAX)),
            (".inf", json!(".inf")),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_too_much_is_refused() {
        let budget = Budget { bytes: 10, ..BUDGET };
        assert_eq!(values("a: 1".to_owned(), budget).unwrap(), [json!({"a": 1})]);
        assert_eq!(
            values("a: 12345678".to_owned(), budget).unwrap_err(),
            "line 1, column 1: more than 0 MiB in one file"
        );
    }
}
