//! TOML 1.0, through `toml_edit`, which keeps where everything stands.

use toml_edit::{Document, Item, Key, TableLike, Value as TomlValue};

use super::super::finding::{Finding, Rule};
use super::super::node::{At, Budget, Map, Node, Sources, Value};

struct Reader<'s> {
    file: u16,
    sources: &'s Sources,
    budget: Budget,
    nodes: usize,
}

/// Reads a text; `None` after an error that leaves no tree.
pub(super) fn read(file: u16, sources: &Sources, budget: Budget, findings: &mut Vec<Finding>) -> Option<Node> {
    let document = match Document::parse(sources.text(file)) {
        Ok(document) => document,
        Err(error) => {
            let at = sources.at(file, error.span().map_or(0, |span| span.start));
            // The first line says what is wrong; the others quote the text, which may hold a secret.
            let cause = error.message().lines().next().unwrap_or_default().to_owned();
            let finding = Finding::error(Rule::Syntax, at, format!("not TOML: {cause}"))
                .remedy("mend the line: quotes, brackets and double keys first");
            findings.push(finding);
            return None;
        }
    };
    let mut reader = Reader { file, sources, budget, nodes: 0 };
    let top = At { file, line: 1, column: 1 };
    match reader.table(document.as_table(), top, 0) {
        Ok(value) => Some(Node { at: top, value }),
        Err(finding) => {
            findings.push(*finding);
            None
        }
    }
}

impl Reader<'_> {
    fn at(&self, span: Option<std::ops::Range<usize>>, otherwise: At) -> At {
        span.map_or(otherwise, |span| self.sources.at(self.file, span.start))
    }

    fn count(&mut self, at: At, depth: usize) -> Result<(), Box<Finding>> {
        self.nodes += 1;
        let message = if self.nodes > self.budget.nodes {
            format!("more than {} values in one file", self.budget.nodes)
        } else if depth > self.budget.depth {
            format!("more than {} maps and lists inside one another", self.budget.depth)
        } else {
            return Ok(());
        };
        let finding = Finding::error(Rule::TooMuch, at, message);
        Err(Box::new(finding.remedy("a fleet needs about eight levels; split a large one")))
    }

    fn table(&mut self, table: &dyn TableLike, at: At, depth: usize) -> Result<Value, Box<Finding>> {
        self.count(at, depth)?;
        let mut map = Map::default();
        for (name, item) in table.iter() {
            let key_at = self.at(table.key(name).and_then(Key::span), at);
            let node = self.item(item, key_at, depth + 1)?;
            // TOML's parser has refused keys that come twice.
            let _ = map.insert(name, key_at, node);
        }
        Ok(Value::Map(Box::new(map)))
    }

    fn item(&mut self, item: &Item, key_at: At, depth: usize) -> Result<Node, Box<Finding>> {
        let at = self.at(item.span(), key_at);
        let value = match item {
            Item::None => Value::Null,
            Item::Value(value) => return self.value(value, key_at, depth),
            Item::Table(table) => self.table(table, at, depth)?,
            Item::ArrayOfTables(tables) => {
                self.count(at, depth)?;
                let mut items = Vec::new();
                for table in tables {
                    let at = self.at(table.span(), at);
                    let value = self.table(table, at, depth + 1)?;
                    items.push(Node { at, value });
                }
                Value::List(items)
            }
        };
        Ok(Node { at, value })
    }

    fn value(&mut self, value: &TomlValue, key_at: At, depth: usize) -> Result<Node, Box<Finding>> {
        let span = value.span();
        let at = self.at(span.clone(), key_at);
        let written =
            || span.and_then(|span| self.sources.text(self.file).get(span)).map_or_else(|| "0".into(), Into::into);
        let value = match value {
            TomlValue::String(text) => Value::Text(text.value().as_str().into()),
            TomlValue::Integer(_) | TomlValue::Float(_) => Value::Number(written()),
            TomlValue::Datetime(_) => Value::Text(written()),
            TomlValue::Boolean(value) => Value::Bool(*value.value()),
            TomlValue::InlineTable(table) => self.table(table, at, depth)?,
            TomlValue::Array(array) => {
                let mut items = Vec::with_capacity(array.len());
                for item in array {
                    items.push(self.value(item, at, depth + 1)?);
                }
                Value::List(items)
            }
        };
        self.count(at, depth)?;
        Ok(Node { at, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> (Option<Node>, Vec<String>) {
        let mut sources = Sources::default();
        let file = sources.add("x.toml", text.to_owned());
        let mut findings = Vec::new();
        let node = read(file, &sources, Budget::default(), &mut findings);
        (node, findings.into_iter().map(|finding| finding.message).collect())
    }

    #[test]
    fn values_keep_their_text_and_places() {
        let (node, findings) = tree("fleet = \"x\"\n[a.b]\nversion = 1.10\n");
        assert!(findings.is_empty(), "{findings:?}");
        let mut node = node.unwrap();
        for key in ["a", "b", "version"] {
            let Value::Map(map) = node.value else { panic!() };
            node = map.get(key).unwrap().node.clone();
        }
        assert_eq!((node.at.line, node.at.column), (3, 11));
        assert!(matches!(&node.value, Value::Number(text) if &**text == "1.10"));
    }

    #[test]
    fn deep_nesting_is_an_error() {
        for text in [
            format!("a = {}", "[".repeat(100_000)),
            format!("a = {}{}", "[".repeat(60), "]".repeat(60)),
            format!("{}a = 1", "a.".repeat(60)),
            format!("{}a = 1", "a.".repeat(50_000)),
            format!("[{}a]", "a.".repeat(60)),
        ] {
            let (node, findings) = tree(&text);
            assert!(node.is_none() && findings.len() == 1, "{findings:?}");
        }
    }
}
