//! A script of misbehaviour: which requests, and what happens to them. Serialisable, and the same for the same seed.

pub(super) mod answers;
pub mod names;

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

/// The script.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Faults {
    /// What `chance` is drawn from.
    #[serde(default)]
    pub seed: u64,
    /// Every rule that matches takes part, in order.
    pub rules: Vec<Rule>,
}

/// Which requests, and what happens to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// The next three in one: `GET organizations/*/workspaces?page[number]=2`, with or without its first and last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// `GET`, …, or `read` or `write`; none is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path below `/api/v2/` as a glob pattern (`*` stays within a part, `**` does not); none is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A part of the decoded query, such as `page[number]=2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Only the caller with this label, or with this `User-Agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Only the n-th of the requests that match, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Only the n-th and all after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Only every n-th.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Only the first so many that remain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Only this share of them, drawn from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// What happens: a name, or the detailed form.
    #[serde(rename = "do", deserialize_with = "named_or_detailed")]
    pub fault: Fault,
}

impl Rule {
    /// A rule for every request; narrow it by its fields.
    pub fn new(fault: Fault) -> Self {
        Self {
            on: None,
            method: None,
            path: None,
            query: None,
            caller: None,
            nth: None,
            from: None,
            every: None,
            times: None,
            chance: None,
            fault,
        }
    }

    /// A rule in short: for whom, and what happens.
    pub fn short(on: &str, fault: Fault) -> Self {
        Self { on: Some(on.to_owned()), ..Self::new(fault) }
    }

    /// The same with its short form written out, or what is wrong with that.
    fn written_out(mut self) -> Result<Self, String> {
        let Some(on) = self.on.take() else {
            return Ok(self);
        };
        if self.method.is_some() || self.path.is_some() || self.query.is_some() {
            return Err(format!(
                "`on: {on}` stands beside `method`, `path` or `query`: it says the same, so leave one out"
            ));
        }
        let (method, rest) = match on.trim().split_once(' ') {
            Some((method, rest)) => (Some(method), rest.trim()),
            None => (None, on.trim()),
        };
        if let Some(word) = method
            && !METHODS.contains(&word)
        {
            return Err(format!("`on: {on}` begins with {word}: it takes one of {}", METHODS.join(", ")));
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (rest, None),
        };
        self.method = method.map(str::to_owned);
        self.path = Some(path.to_owned());
        self.query = query;
        Ok(self)
    }
}

/// The words for methods.
const METHODS: [&str; 7] = ["GET", "POST", "PATCH", "PUT", "DELETE", "read", "write"];

fn named_or_detailed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fault, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let Some(name) = value.as_str() else {
        return serde_json::from_value(value).map_err(D::Error::custom);
    };
    names::named(name).ok_or_else(|| {
        let meant = names::similar(name).map(|known| format!("; did you mean {known}?")).unwrap_or_default();
        D::Error::custom(format!("{name} is no name of a fault{meant}"))
    })
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// An answer without doing anything.
    Status {
        /// The status.
        code: u16,
        /// What the body is.
        #[serde(default)]
        body: BodyKind,
        /// Further headers, such as `Retry-After`. One without a value is left out; `now+2` is the date of then.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// So many milliseconds pass first.
    Delay(u64),
    /// It is done, and the connection is cut before the answer.
    LostAnswer,
    /// The connection is cut and nothing is done.
    Reset,
    /// It is done, and the connection is cut in the middle of the answer.
    CutBody,
    /// It is done, and half the body comes as if it were the whole.
    TruncatedBody,
    /// An attribute of every resource in the answer has another value.
    Attribute {
        /// Its name.
        name: String,
        /// Its value.
        value: serde_json::Value,
    },
    /// Every page but the first is cut from a list that was turned by so many places.
    MovePages(usize),
    /// It waits until the gate lets it through.
    Gate(String),
    /// It is done, and the answer takes so many milliseconds, drop by drop.
    Dribble(u64),
    /// So many bytes of white space come before the answer.
    Padding(u64),
    /// Every enumeration in the answer has a word that nobody knows.
    UnknownWords,
    /// Every page is the first one, and says that there is another.
    RepeatPages,
    /// A list counts so many things more than it has.
    Total(i64),
    /// A list gives its first thing twice, in the place of its last.
    Duplicate,
    /// The answer is compressed.
    Gzip,
    /// The answer is of another type.
    ContentType(String),
    /// The answer is one of HTTP/1.0.
    Http10,
    /// After the answer, the connection is closed.
    CloseIdle,
    /// After the answer, the connection is cut as soon as it is used again.
    StaleConnection,
}

/// What the body of a made-up answer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyKind {
    /// An error document.
    #[default]
    Jsonapi,
    /// `{"errors":["…"]}`, an older shape.
    Strings,
    /// A page, as from a login or a proxy.
    Html,
    /// Nothing.
    Empty,
    /// Bytes that are no text.
    Garbage,
    /// The beginning of a document.
    Truncated,
}

/// What the rules look at.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The method.
    pub method: &'a str,
    /// The path below `/api/v2/`.
    pub path: &'a str,
    /// The decoded query, `a=b&c=d`.
    pub query: &'a str,
    /// The caller's label.
    pub label: &'a str,
    /// The caller's `User-Agent`.
    pub agent: &'a str,
}

/// A script at work.
#[derive(Debug, Default)]
pub struct Script {
    seed: u64,
    rules: Vec<Armed>,
}

#[derive(Debug)]
struct Armed {
    rule: Rule,
    path: Option<GlobMatcher>,
    matched: u64,
    applied: u64,
}

impl Script {
    /// Arms a script, or says which pattern is none.
    pub fn new(faults: Faults) -> Result<Self, String> {
        let arm = |rule: Rule| {
            let rule = rule.written_out()?;
            let path = rule.path.as_deref().map(pattern).transpose()?;
            Ok(Armed { rule, path, matched: 0, applied: 0 })
        };
        Ok(Self { seed: faults.seed, rules: faults.rules.into_iter().map(arm).collect::<Result<_, String>>()? })
    }

    /// What happens to a request, in the order of the rules.
    pub fn judge(&mut self, subject: &Subject<'_>) -> Vec<Fault> {
        let seed = self.seed;
        let rules = self.rules.iter_mut().enumerate();
        rules
            .filter_map(|(place, armed)| armed.applies(subject, seed, place).then(|| armed.rule.fault.clone()))
            .collect()
    }
}

impl Armed {
    fn applies(&mut self, subject: &Subject<'_>, seed: u64, place: usize) -> bool {
        if !self.is_about(subject) {
            return false;
        }
        self.matched += 1;
        let count = self.matched;
        let rule = &self.rule;
        let chosen = rule.nth.is_none_or(|nth| count == nth)
            && rule.from.is_none_or(|from| count >= from)
            && rule.every.is_none_or(|every| count.is_multiple_of(every))
            && rule.chance.is_none_or(|chance| draw(seed, place, count) < chance)
            && rule.times.is_none_or(|times| self.applied < times);
        if chosen {
            self.applied += 1;
        }
        chosen
    }

    fn is_about(&self, subject: &Subject<'_>) -> bool {
        let rule = &self.rule;
        let method = rule.method.as_deref().is_none_or(|word| match word {
            "read" => subject.method == "GET",
            "write" => subject.method != "GET",
            name => name.eq_ignore_ascii_case(subject.method),
        });
        let caller = rule.caller.as_deref().is_none_or(|name| name == subject.label || name == subject.agent);
        method
            && caller
            && self.path.as_ref().is_none_or(|path| path.is_match(subject.path))
            && rule.query.as_deref().is_none_or(|part| subject.query.contains(part))
    }
}

/// A pattern of paths.
pub fn pattern(text: &str) -> Result<GlobMatcher, String> {
    let text = text.trim_start_matches('/').trim_start_matches("api/v2/");
    GlobBuilder::new(text)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| format!("{text} is no pattern: {error}"))
}

/// A number from 0 to 1 that depends on its arguments alone.
fn draw(seed: u64, place: usize, count: u64) -> f64 {
    let digest = Sha256::digest(format!("{seed}/{place}/{count}"));
    let number = digest.iter().take(4).fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    f64::from(number) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject<'a>(method: &'a str, path: &'a str) -> Subject<'a> {
        Subject { method, path, query: "", label: "sandbox", agent: "test" }
    }

    fn script(rule: Rule) -> Script {
        Script::new(Faults { seed: 7, rules: vec![rule] }).unwrap()
    }

    #[test]
    fn the_nth_write_is_counted_among_writes() {
        let mut script = script(Rule { method: Some("write".into()), nth: Some(2), ..Rule::new(Fault::LostAnswer) });
        assert!(script.judge(&subject("POST", "a")).is_empty());
        assert!(script.judge(&subject("GET", "a")).is_empty());
        assert_eq!(script.judge(&subject("PATCH", "b")), [Fault::LostAnswer]);
        assert!(script.judge(&subject("PATCH", "b")).is_empty());
    }

    #[test]
    fn a_star_stays_within_a_part_of_the_path() {
        let mut script = script(Rule { path: Some("/api/v2/workspaces/*/vars".into()), ..Rule::new(Fault::Reset) });
        assert_eq!(script.judge(&subject("GET", "workspaces/ws-1/vars")).len(), 1);
        assert!(script.judge(&subject("GET", "workspaces/ws-1/vars/var-1")).is_empty());
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed() {
        let fates = |seed| {
            let rule = Rule { chance: Some(0.5), ..Rule::new(Fault::Reset) };
            let mut script = Script::new(Faults { seed, rules: vec![rule] }).unwrap();
            (0..64).map(|_| script.judge(&subject("GET", "a")).len()).collect::<Vec<usize>>()
        };
        assert_eq!(fates(1), fates(1));
        assert_ne!(fates(1), fates(2));
        assert!((10..54).contains(&fates(1).iter().sum::<usize>()));
    }

    #[test]
    fn a_rule_in_short_means_the_same() {
        let long = Rule {
            method: Some("GET".into()),
            path: Some("organizations/*/workspaces".into()),
            query: Some("page[number]=2".into()),
            ..Rule::new(Fault::Reset)
        };
        let short = Rule::short("GET organizations/*/workspaces?page[number]=2", Fault::Reset);
        assert_eq!(short.written_out().unwrap(), long);
        let mut any = script(Rule::short("workspaces/*/vars", Fault::Reset));
        assert_eq!(any.judge(&subject("POST", "workspaces/ws-1/vars")).len(), 1);
        for wrong in ["FETCH a", "write  "] {
            let refused =
                Rule { method: (wrong == "write  ").then(|| "GET".into()), ..Rule::short(wrong, Fault::Reset) };
            assert!(refused.written_out().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_happens_has_a_name() {
        let read = |text: &str| serde_json::from_str::<Rule>(text).map_err(|error| error.to_string());
        let rule = read(r#"{ "on": "GET account/details", "do": "login-page" }"#).unwrap();
        assert!(matches!(rule.fault, Fault::Status { code: 200, body: BodyKind::Html, .. }));
        let refused = read(r#"{ "do": "login-pages" }"#).unwrap_err();
        assert!(refused.contains("did you mean login-page?"), "{refused}");
    }

    #[test]
    fn a_script_is_a_readable_file() {
        let text = r#"{ "rules": [{
            "method": "GET", "path": "organizations/*/workspaces", "times": 1,
            "do": { "status": { "code": 429, "headers": { "Retry-After": "2" } } }
        }] }"#;
        let faults: Faults = serde_json::from_str(text).unwrap();
        assert!(matches!(&faults.rules[0].fault, Fault::Status { code: 429, body: BodyKind::Jsonapi, .. }));
        let again: Faults = serde_json::from_str(&serde_json::to_string(&faults).unwrap()).unwrap();
        assert_eq!(faults, again);
    }
}
