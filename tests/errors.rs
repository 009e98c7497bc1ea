//! Every message that a spec can provoke, as a reader sees it: `tests/errors/NAME.{yaml,json,toml}` gives
//! `tests/errors/NAME.ENDING.txt`. `RECONCILE_UPDATE=1 cargo test --test errors` writes the texts anew; read their diff.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use reconcile::spec::check::{Style, render};
use reconcile::spec::finding::Rule;
use reconcile::spec::{self, CheckOptions, Loaded};
use unicode_width::UnicodeWidthStr as _;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension().is_some_and(|ending| ["yaml", "json", "toml"].iter().any(|known| ending == *known))
        })
        .collect();
    cases.sort();
    assert!(cases.len() > 40, "only {} cases: is this the right folder?", cases.len());
    cases
}

fn load(case: &Path) -> Loaded {
    let text = fs::read_to_string(case).unwrap();
    let name = case.file_name().unwrap().to_str().unwrap();
    let options = CheckOptions { ci: text.starts_with("# options: ci"), allow_commands: false };
    spec::load_text(name, &text, &options)
}

#[test]
fn every_message_reads_as_written_down() {
    let update = std::env::var_os("RECONCILE_UPDATE").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let loaded = load(&case);
        let text = render(&loaded.findings, &loaded.unchecked, Style::plain());
        let golden = PathBuf::from(format!("{}.txt", case.display()));
        if update {
            fs::write(&golden, &text).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if text != expected {
            wrong.push(format!("{}\n--- expected\n{expected}--- got\n{text}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_case_finds_something_and_errors_leave_nothing_to_apply() {
    for case in cases() {
        let loaded = load(&case);
        assert!(loaded.findings.iter().next().is_some(), "{}", case.display());
        assert_eq!(loaded.desired.is_some(), loaded.findings.errors() == 0, "{}", case.display());
    }
}

#[test]
fn every_rule_has_a_case() {
    let found: BTreeSet<Rule> = cases()
        .iter()
        .flat_map(|case| load(case).findings.iter().map(|finding| finding.rule).collect::<Vec<_>>())
        .collect();
    let lacking: Vec<&str> = Rule::ALL
        .iter()
        // A file that is not there is `a_file_that_cannot_be_read_is_a_finding`.
        .filter(|rule| **rule != Rule::Unreadable && !found.contains(rule))
        .map(|rule| rule.id())
        .collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

#[test]
fn no_text_is_wider_than_the_page_or_holds_a_secret() {
    for case in cases() {
        let loaded = load(&case);
        let text = render(&loaded.findings, &loaded.unchecked, Style::plain());
        for line in text.lines() {
            assert!(line.width() <= 100, "{}: {line}", case.display());
        }
        let json = serde_json::to_string(&loaded.findings).unwrap();
        for output in [&text, &json] {
            assert!(!output.contains("CANARY"), "{}: {output}", case.display());
        }
    }
}

#[test]
fn an_error_says_what_to_do() {
    for case in cases() {
        for finding in load(&case).findings.iter() {
            let kind = matches!(finding.rule, Rule::WrongKind | Rule::Syntax);
            assert!(
                kind || finding.remedy.is_some() || finding.accepted.is_some(),
                "{}: {}",
                case.display(),
                finding.message
            );
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding() {
    let loaded = spec::load(&[PathBuf::from("no/such/fleet.yaml")], &CheckOptions::default());
    let messages: Vec<&str> = loaded.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, ["cannot read the file: No such file or directory (os error 2)"]);
    assert!(loaded.desired.is_none());
}
