//! JSON, by its own rules (RFC 8259) and with places, which YAML readers do not give all of it: surrogate pairs and
//! keys of any length.

use super::super::finding::{Finding, Rule};
use super::super::node::{At, Budget, LONG_LINE, Map, Node, Sources, Value};
use super::yaml::duplicate;

struct Reader<'s> {
    file: u16,
    sources: &'s Sources,
    text: &'s str,
    here: usize,
    line: u32,
    line_start: usize,
    budget: Budget,
    nodes: usize,
    findings: &'s mut Vec<Finding>,
}

/// The text cannot be understood from here on.
struct Stop;

/// Reads a text; `None` after an error that leaves no tree.
pub(super) fn read(file: u16, sources: &Sources, budget: Budget, findings: &mut Vec<Finding>) -> Option<Node> {
    let mut reader =
        Reader { file, sources, text: sources.text(file), here: 0, line: 1, line_start: 0, budget, nodes: 0, findings };
    let node = reader.value(0).ok()?;
    reader.space();
    if reader.peek().is_some() {
        let _ = reader.fail("something follows the end of the value");
        return None;
    }
    Some(node)
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.here).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            if self.peek() == Some(b'\n') {
                self.line += 1;
                self.line_start = self.here + 1;
            }
            self.here += 1;
        }
    }

    fn at(&self) -> At {
        // A generated file may be one line of megabytes: the exact column is worked out only for what is reported.
        if self.here - self.line_start > LONG_LINE {
            return At {
                file: self.file,
                line: self.line,
                column: super::super::node::narrow(self.here - self.line_start + 1),
            };
        }
        let before = self.text.get(self.line_start..self.here).map_or(0, |text| text.chars().count());
        At { file: self.file, line: self.line, column: super::super::node::narrow(before + 1) }
    }

    fn fail(&mut self, cause: &str) -> Stop {
        let at = self.sources.at(self.file, self.here);
        let finding = Finding::error(Rule::Syntax, at, format!("not JSON: {cause}"))
            .remedy("mend it here, or just before: commas, quotes and brackets first");
        self.findings.push(finding);
        Stop
    }

    fn value(&mut self, depth: usize) -> Result<Node, Stop> {
        self.space();
        let at = self.at();
        self.nodes += 1;
        let too_much = if self.nodes > self.budget.nodes {
            Some(format!("more than {} values in one file", self.budget.nodes))
        } else if depth > self.budget.depth {
            Some(format!("more than {} maps and lists inside one another", self.budget.depth))
        } else {
            None
        };
        if let Some(message) = too_much {
            self.findings.push(
                Finding::error(Rule::TooMuch, at, message)
                    .remedy("a fleet needs about eight levels; split a large one"),
            );
            return Err(Stop);
        }
        let value = match self.peek() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.string()?.into()),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(_) => return Err(self.fail("a value was expected")),
            None => return Err(self.fail("it ends where a value was expected")),
        };
        Ok(Node { at, value })
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Stop> {
        if self.text.get(self.here..).is_some_and(|rest| rest.starts_with(word)) {
            self.here += word.len();
            Ok(value)
        } else {
            Err(self.fail("a value was expected"))
        }
    }

    fn number(&mut self) -> Result<Value, Stop> {
        let start = self.here;
        while let Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') = self.peek() {
            self.here += 1;
        }
        let text = self.text.get(start..self.here).unwrap_or_default();
        if serde_json::from_str::<serde_json::Number>(text).is_err() {
            self.here = start;
            return Err(self.fail("this is not a number"));
        }
        Ok(Value::Number(text.into()))
    }

    fn string(&mut self) -> Result<String, Stop> {
        let start = self.here;
        self.here += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.here += 2,
                Some(b'\n') | None => {
                    self.here = start;
                    return Err(self.fail("this text has no closing quote"));
                }
                Some(_) => self.here += 1,
            }
        }
        self.here += 1;
        let quoted = self.text.get(start..self.here).unwrap_or_default();
        if let Ok(text) = serde_json::from_str(quoted) {
            return Ok(text);
        }
        self.here = start;
        Err(self.fail("this text has an escape or a character that JSON does not know"))
    }

    fn list(&mut self, depth: usize) -> Result<Value, Stop> {
        self.here += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.here += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.here += 1,
                Some(b']') => {
                    self.here += 1;
                    return Ok(Value::List(items));
                }
                _ => return Err(self.fail("`,` or `]` was expected")),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Stop> {
        self.here += 1;
        let mut map = Map::default();
        self.space();
        if self.peek() == Some(b'}') {
            self.here += 1;
            return Ok(Value::Map(Box::new(map)));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.fail("a key in quotes was expected"));
            }
            let key_at = self.at();
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.fail("`:` was expected"));
            }
            self.here += 1;
            let node = self.value(depth + 1)?;
            if let Err(first) = map.insert(&key, key_at, node) {
                self.findings.push(duplicate(&key, key_at, first));
            }
            self.space();
            match self.peek() {
                Some(b',') => self.here += 1,
                Some(b'}') => {
                    self.here += 1;
                    return Ok(Value::Map(Box::new(map)));
                }
                _ => return Err(self.fail("`,` or `}` was expected")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> (Option<Node>, Vec<String>) {
        let mut sources = Sources::default();
        let file = sources.add("x.json", text.to_owned());
        let mut findings = Vec::new();
        let node = read(file, &sources, Budget::default(), &mut findings);
        (node, findings.into_iter().map(|finding| finding.message).collect())
    }

    #[test]
    fn values_keep_their_text_and_places() {
        let (node, findings) = tree("{\n \"a\": [1.10, \"\\ud83d\\ude00\", null]}");
        assert!(findings.is_empty(), "{findings:?}");
        let Some(Value::Map(map)) = node.map(|node| node.value) else { panic!() };
        let Value::List(items) = &map.get("a").unwrap().node.value else { panic!() };
        assert!(matches!(&items[0].value, Value::Number(text) if &**text == "1.10"));
        assert_eq!((items[1].at.line, items[1].at.column), (2, 14));
        assert!(matches!(&items[1].value, Value::Text(text) if &**text == "\u{1f600}"));
    }

    #[test]
    fn what_json_refuses_is_refused() {
        for text in ["", "{", "[1,]", "{a: 1}", "[01]", "\"\n\"", "\"\\", "tru", "1 2", "[1.]", "\"\\x\""] {
            let (node, findings) = tree(text);
            assert!(node.is_none() && findings.len() == 1, "{text}: {findings:?}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let (node, findings) = tree(&"[".repeat(100_000));
        assert!(node.is_none());
        assert_eq!(findings, ["more than 40 maps and lists inside one another"]);
    }
}
