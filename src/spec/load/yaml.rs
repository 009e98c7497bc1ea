//! YAML 1.2 with its core schema: <https://yaml.org/spec/1.2.2/#103-core-schema>.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::super::finding::{Finding, Rule};
use super::super::node::{At, Budget, Map, Node, Value, narrow};

/// A map or list that is not complete yet.
struct Open {
    at: At,
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map {
        map: Box<Map>,
        key: Option<(Box<str>, At)>,
        /// Values of `<<`: their members fill in what the map itself does not say.
        merged: Vec<Node>,
    },
}

struct Builder<'f> {
    file: u16,
    budget: Budget,
    findings: &'f mut Vec<Finding>,
    open: Vec<Open>,
    /// The values behind anchors; the parser numbers them from 1. With each, how many values it holds.
    anchors: Vec<Option<(Node, usize)>>,
    nodes: usize,
    aliased: usize,
    anchored: usize,
    root: Option<Node>,
    documents: usize,
}

/// Stops reading: what follows cannot be understood any more.
struct Stop;

/// Reads a text; `None` after an error that leaves no tree.
pub(super) fn read(file: u16, text: &str, budget: Budget, findings: &mut Vec<Finding>) -> Option<Node> {
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    let mut builder = Builder {
        file,
        budget,
        findings,
        open: Vec::new(),
        anchors: Vec::new(),
        nodes: 0,
        aliased: 0,
        anchored: 0,
        root: None,
        documents: 0,
    };
    while let Some(next) = parser.next_event() {
        match next {
            Ok((event, span)) => {
                if builder.take(event, span).is_err() {
                    return None;
                }
            }
            Err(error) => {
                let at = builder.at(*error.marker());
                if error.info().contains("recursion limit") {
                    let _ = builder.too_deep(at);
                    return None;
                }
                let finding = Finding::error(Rule::Syntax, at, format!("not YAML: {}", error.info()))
                    .remedy("mend the line, or the one before it: quotes, indentation and brackets first");
                builder.findings.push(finding);
                return None;
            }
        }
    }
    builder.root
}

impl Builder<'_> {
    fn at(&self, marker: Marker) -> At {
        At { file: self.file, line: narrow(marker.line().max(1)), column: narrow(marker.col() + 1) }
    }

    fn refuse(&mut self, at: At, message: String, remedy: &str) -> Stop {
        self.findings.push(Finding::error(Rule::TooMuch, at, message).remedy(remedy));
        Stop
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let at = self.at(span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.document(at),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag.as_deref(), at);
                self.count(at, 1)?;
                self.complete(Node { at, value }, 1, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.begin(Kind::List(Vec::new()), anchor, tag.as_deref(), at),
            Event::MappingStart(anchor, tag) => {
                let kind = Kind::Map { map: Box::default(), key: None, merged: Vec::new() };
                self.begin(kind, anchor, tag.as_deref(), at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn document(&mut self, at: At) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents > 1 {
            let remedy = "put the second document into a file of its own and give both files";
            let finding = Finding::error(Rule::Syntax, at, "a second document begins here").remedy(remedy);
            self.findings.push(finding);
            return Err(Stop);
        }
        Ok(())
    }

    fn count(&mut self, at: At, nodes: usize) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes > self.budget.nodes {
            let message = format!("more than {} values in one file", self.budget.nodes);
            return Err(self.refuse(at, message, "split the fleet"));
        }
        Ok(())
    }

    fn begin(&mut self, kind: Kind, anchor: usize, tag: Option<&Tag>, at: At) -> Result<(), Stop> {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            self.unknown_tag(tag, at);
        }
        if self.open.len() >= self.budget.depth {
            return Err(self.too_deep(at));
        }
        self.count(at, 1)?;
        self.open.push(Open { at, anchor, kind });
        Ok(())
    }

    fn too_deep(&mut self, at: At) -> Stop {
        let message = format!("more than {} maps and lists inside one another", self.budget.depth);
        self.refuse(at, message, "a fleet needs about eight: is a bracket missing?")
    }

    fn alias(&mut self, anchor: usize, at: At) -> Result<(), Stop> {
        let Some(Some((node, size))) = self.anchors.get(anchor) else {
            let finding = Finding::error(Rule::Syntax, at, "this alias repeats something that it stands in itself")
                .remedy("write the value out");
            self.findings.push(finding);
            return Err(Stop);
        };
        let (size, anchored) = (*size, node);
        // Counted before anything is copied.
        if self.aliased + size > self.budget.aliased || self.open.len() + depth(anchored) > self.budget.depth {
            let message = format!("aliases repeat more than {} values", self.budget.aliased);
            return Err(self.refuse(at, message, "write the values out, or use `defaults`"));
        }
        let node = anchored.clone();
        self.aliased += size;
        self.count(at, size)?;
        self.complete(node, size, 0)
    }

    /// Puts a complete value where it belongs: into the map or list that is open, or at the top.
    fn complete(&mut self, node: Node, size: usize, anchor: usize) -> Result<(), Stop> {
        if anchor > 0 {
            self.anchored += size;
            if self.anchored > self.budget.anchored {
                let message = format!("anchors hold more than {} values", self.budget.anchored);
                return Err(self.refuse(node.at, message, "write the values out, or use `defaults`"));
            }
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor + 1, None);
            }
            if let Some(slot) = self.anchors.get_mut(anchor) {
                *slot = Some((node.clone(), size));
            }
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.kind {
            Kind::List(items) => items.push(node),
            Kind::Map { map, key, merged } => match key.take() {
                None => {
                    let text = key_text(&node);
                    if text.is_none() {
                        let message = format!("a key must be a word, not {}", node.value.kind());
                        self.findings.push(Finding::error(Rule::Syntax, node.at, message));
                    }
                    *key = Some((text.unwrap_or_default(), node.at));
                }
                Some((text, _)) if &*text == "<<" => merged.push(node),
                Some((text, key_at)) => {
                    if let Err(first) = map.insert(&text, key_at, node) {
                        self.findings.push(duplicate(&text, key_at, first));
                    }
                }
            },
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(Open { at, anchor, kind }) = self.open.pop() else {
            return Ok(());
        };
        let value = match kind {
            Kind::List(items) => Value::List(items),
            Kind::Map { mut map, merged, .. } => {
                for node in merged {
                    self.merge(&mut map, node);
                }
                Value::Map(map)
            }
        };
        let node = Node { at, value };
        let size = if anchor > 0 { size(&node) } else { 0 };
        self.complete(node, size, anchor)
    }

    /// YAML 1.1's `<<`, which 1.2 dropped and everybody still writes: <https://yaml.org/type/merge.html>.
    fn merge(&mut self, map: &mut Map, node: Node) {
        match node.value {
            Value::Map(from) => {
                for (key, member) in from.iter() {
                    // What the map says itself wins, so an occupied key is as it should be.
                    let _ = map.insert(key, member.key_at, member.node.clone());
                }
            }
            Value::List(items) => {
                for item in items {
                    self.merge(map, item);
                }
            }
            other => {
                let message = format!("`<<` takes a map, not {}", other.kind());
                self.findings.push(Finding::error(Rule::WrongKind, node.at, message));
            }
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, at: At) -> Value {
        match tag {
            Some(tag) if !tag.is_yaml_core_schema() && !tag.suffix.is_empty() => self.unknown_tag(tag, at),
            Some(tag) if tag.suffix == "str" => return Value::Text(text.into()),
            _ => {}
        }
        if style == ScalarStyle::Plain { plain(text) } else { Value::Text(text.into()) }
    }

    fn unknown_tag(&mut self, tag: &Tag, at: At) {
        let message = format!("the tag {}{} means nothing here", tag.handle, tag.suffix);
        let finding = Finding::error(Rule::Syntax, at, message).remedy("leave the tag out");
        self.findings.push(finding);
    }
}

/// A key that is there twice.
pub(super) fn duplicate(key: &str, at: At, first: At) -> Finding {
    Finding::error(Rule::DuplicateKey, at, format!("the key `{key}` is in this map twice"))
        .note_at("first here", first)
        .remedy("keep one of them")
}

fn key_text(node: &Node) -> Option<Box<str>> {
    match &node.value {
        Value::Text(text) | Value::Number(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string().into()),
        Value::Null => Some("null".into()),
        Value::List(_) | Value::Map(_) => None,
    }
}

/// The core schema's reading of a plain scalar.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.into()),
        _ => Value::Text(text.into()),
    }
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(octal) = text.strip_prefix("0o") {
        return !octal.is_empty() && octal.bytes().all(|b| (b'0'..=b'7').contains(&b));
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return !hexadecimal.is_empty() && hexadecimal.bytes().all(|b| b.is_ascii_hexdigit());
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    if exponent.is_some_and(|exponent| !digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))) {
        return false;
    }
    match mantissa.split_once('.') {
        None => digits(mantissa),
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(map) => 1 + map.iter().map(|(_, member)| size(&member.node)).sum::<usize>(),
        _ => 1,
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(map) => 1 + map.iter().map(|(_, member)| depth(&member.node)).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn tree(text: &str) -> (Option<Node>, Vec<String>) {
        let mut findings = Vec::new();
        let node = read(0, text, Budget::default(), &mut findings);
        (node, findings.into_iter().map(|finding| finding.message).collect())
    }

    fn member<'n>(node: &'n Node, key: &str) -> &'n Node {
        let Value::Map(map) = &node.value else { panic!("not a map: {node:?}") };
        &map.get(key).unwrap().node
    }

    #[test]
    fn a_plain_scalar_is_what_the_core_schema_says() {
        for number in ["1", "-1", "1.10", ".5", "5.", "1e3", "0o17", "0x1F", ".inf", ".NaN", "+12.3e-4"] {
            assert!(matches!(plain(number), Value::Number(_)), "{number}");
        }
        for text in ["1.10.2", "~> 1.14.0", "yes", "on", "1_000", "1e", ".", "-", "0x", "0b1", "12:30"] {
            assert!(matches!(plain(text), Value::Text(_)), "{text}");
        }
    }

    #[test]
    fn a_key_has_the_place_where_it_stands() {
        let (node, findings) = tree("a:\n  b: 1.10\n");
        assert!(findings.is_empty(), "{findings:?}");
        let node = node.unwrap();
        let b = member(member(&node, "a"), "b");
        assert_eq!((b.at.line, b.at.column), (2, 6));
        assert!(matches!(&b.value, Value::Number(text) if &**text == "1.10"));
    }

    #[test]
    fn merge_keys_fill_in_what_a_map_does_not_say() {
        let (node, findings) = tree("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\n");
        assert!(findings.is_empty(), "{findings:?}");
        let node = node.unwrap();
        let y = member(&node, "y");
        assert!(matches!(&member(y, "a").value, Value::Number(text) if &**text == "1"));
        assert!(matches!(&member(y, "b").value, Value::Number(text) if &**text == "3"));
    }

    #[test]
    fn an_alias_bomb_is_an_error() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let items = vec![format!("*a{}", n - 1); 10].join(", ");
            writeln!(text, "a{n}: &a{n} [{items}]").unwrap();
        }
        let (node, findings) = tree(&text);
        assert!(node.is_none());
        assert_eq!(findings, ["aliases repeat more than 200000 values"]);
    }

    #[test]
    fn deep_nesting_is_an_error() {
        for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
            let (node, findings) = tree(&text);
            assert!(node.is_none());
            assert_eq!(findings, ["more than 40 maps and lists inside one another"]);
        }
    }
}
