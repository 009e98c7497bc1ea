//! What a container said last: why its agent does not come to HCP.

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use futures::TryStreamExt as _;

use super::client::Engine;
use super::observed::{Complaint, Reason};

/// Lines that are looked at.
const LINES: &str = "20";

/// What a container said last, without what may be secret.
pub(super) async fn last_words(engine: &Engine, container: &str) -> Complaint {
    let options = LogsOptions { stdout: true, stderr: true, tail: LINES.to_owned(), ..LogsOptions::default() };
    let docker = engine.ask();
    let mut log = std::pin::pin!(docker.logs(container, Some(options)));
    let mut lines: Vec<String> = Vec::new();
    // A log that breaks off says as much as it says.
    while let Ok(Some(output)) = log.try_next().await {
        let text = match &output {
            LogOutput::StdErr { message }
            | LogOutput::StdOut { message }
            | LogOutput::StdIn { message }
            | LogOutput::Console { message } => String::from_utf8_lossy(message).into_owned(),
        };
        lines.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(redacted));
    }
    told(&lines)
}

/// The line that a log ends with, and which of the usual reasons it gives.
fn told(lines: &[String]) -> Complaint {
    let whole = lines.join("\n").to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| whole.contains(word));
    let reason = if has(&["401", "unauthorized", "invalid token"]) {
        Reason::Token
    } else if has(&["limit", "maximum", "no available slot", "too many agents"]) {
        Reason::Slot
    } else if has(&["x509", "certificate"]) {
        Reason::Certificate
    } else if has(&[
        "no such host",
        "timeout",
        "deadline exceeded",
        "connection refused",
        "no route",
        "dial tcp",
        "unreachable",
    ]) {
        Reason::Route
    } else {
        Reason::Other
    };
    Complaint { reason, said: lines.last().cloned().unwrap_or_else(|| "nothing".to_owned()) }
}

/// A line of somebody else's log without what looks like a token.
fn redacted(line: &str) -> String {
    let secretive = |word: &str| word.contains(".atlasv1.") || (word.len() > 60 && !word.contains('/'));
    let words = line.split_inclusive(char::is_whitespace);
    words.map(|word| if secretive(word.trim()) { "(not shown) ".to_owned() } else { word.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_quotes_a_token_is_not_believed_to_be_harmless() {
        let line = "bad token abc.atlasv1.Xyz0123 given";
        assert_eq!(redacted(line), "bad token (not shown) given");
    }

    #[test]
    fn the_reasons_that_a_log_gives_are_told_apart() {
        for (line, reason) in [
            ("[ERROR] core: Unexpected HTTP response code 401", Reason::Token),
            ("dial tcp: lookup app.terraform.io: no such host", Reason::Route),
            ("Get \"https://app.terraform.io\": context deadline exceeded", Reason::Route),
            ("tls: failed to verify certificate: x509: certificate signed by unknown authority", Reason::Certificate),
            ("agent limit reached", Reason::Slot),
            ("Agent: starting", Reason::Other),
        ] {
            assert_eq!(told(&[line.to_owned()]).reason, reason, "{line}");
        }
    }
}
