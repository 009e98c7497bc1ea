//! Faults by name: what servers, proxies and networks do, each in one word.

use super::{BodyKind, Fault};

/// A fault that has a name.
#[derive(Debug)]
pub struct Name {
    /// What a script calls it.
    pub name: &'static str,
    /// What happens.
    pub does: &'static str,
    fault: fn() -> Fault,
}

impl Name {
    /// The same in the detailed form.
    pub fn fault(&self) -> Fault {
        (self.fault)()
    }
}

/// The fault of a name.
pub fn named(name: &str) -> Option<Fault> {
    NAMES.iter().find(|known| known.name == name).map(Name::fault)
}

/// The name that somebody may have meant.
pub fn similar(name: &str) -> Option<&'static str> {
    let distance = |known: &Name| strsim::damerau_levenshtein(known.name, name);
    let nearest = NAMES.iter().min_by_key(|known| distance(known))?;
    (distance(nearest) <= 3).then_some(nearest.name)
}

/// How many bytes make an answer too large for anybody.
const HUGE: u64 = 100 << 20;
/// Longer than anybody waits, in milliseconds.
const FOREVER: u64 = 3_600_000;

/// No word of when to come back: neither the header of HTTP nor those of HCP.
const SILENT: [(&str, &str); 3] = [("Retry-After", ""), ("X-RateLimit-Reset", ""), ("X-RateLimit-Remaining", "")];

fn status(code: u16, body: BodyKind, headers: &[(&str, &str)]) -> Fault {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Fault::Status { code, body, headers }
}

/// All of them.
pub const NAMES: [Name; 39] = [
    Name {
        name: "too-many-requests",
        does: "429 that does not say until when",
        fault: || status(429, BodyKind::Jsonapi, &SILENT),
    },
    Name {
        name: "too-many-requests-retry-after",
        does: "429 with `Retry-After` in seconds, and no other header of the limit",
        fault: || {
            let headers = [("Retry-After", "1"), ("X-RateLimit-Reset", ""), ("X-RateLimit-Remaining", "")];
            status(429, BodyKind::Jsonapi, &headers)
        },
    },
    Name {
        name: "too-many-requests-retry-date",
        does: "the same with a date",
        fault: || {
            let headers = [("Retry-After", "now+1"), ("X-RateLimit-Reset", ""), ("X-RateLimit-Remaining", "")];
            status(429, BodyKind::Jsonapi, &headers)
        },
    },
    Name {
        name: "too-many-requests-reset",
        does: "429 with `X-RateLimit-Reset` alone, as HCP documents it",
        fault: || {
            let headers = [("Retry-After", ""), ("X-RateLimit-Reset", "0.5"), ("X-RateLimit-Remaining", "0")];
            status(429, BodyKind::Jsonapi, &headers)
        },
    },
    Name { name: "internal-error", does: "500 with a page", fault: || status(500, BodyKind::Html, &[]) },
    Name { name: "bad-gateway", does: "502 with a page", fault: || status(502, BodyKind::Html, &[]) },
    Name { name: "unavailable", does: "503 with nothing", fault: || status(503, BodyKind::Empty, &[]) },
    Name {
        name: "unavailable-retry-after",
        does: "503 with `Retry-After`",
        fault: || status(503, BodyKind::Html, &[("Retry-After", "1")]),
    },
    Name { name: "gateway-timeout", does: "504 with a page", fault: || status(504, BodyKind::Html, &[]) },
    Name { name: "unauthorized", does: "401: a token that has expired", fault: || status(401, BodyKind::Jsonapi, &[]) },
    Name { name: "forbidden", does: "403", fault: || status(403, BodyKind::Jsonapi, &[]) },
    Name {
        name: "not-found",
        does: "404 as HCP answers it, also to what is forbidden",
        fault: || status(404, BodyKind::Jsonapi, &[]),
    },
    Name {
        name: "not-found-texts",
        does: "404 in the older shape, a list of texts",
        fault: || status(404, BodyKind::Strings, &[]),
    },
    Name { name: "not-found-page", does: "404 of a proxy, with a page", fault: || status(404, BodyKind::Html, &[]) },
    Name { name: "login-page", does: "200 with a login page", fault: || status(200, BodyKind::Html, &[]) },
    Name { name: "no-json", does: "200 with bytes that are no text", fault: || status(200, BodyKind::Garbage, &[]) },
    Name {
        name: "half-json",
        does: "200 with the beginning of a document",
        fault: || status(200, BodyKind::Truncated, &[]),
    },
    Name { name: "no-body", does: "200 with nothing", fault: || status(200, BodyKind::Empty, &[]) },
    Name { name: "other-json", does: "200 with JSON of another shape", fault: || status(200, BodyKind::Strings, &[]) },
    Name {
        name: "redirect",
        does: "302 to another host",
        fault: || status(302, BodyKind::Empty, &[("Location", "https://elsewhere.example/login")]),
    },
    Name { name: "timeout", does: "nothing is done, and no answer comes", fault: || Fault::Delay(FOREVER) },
    Name { name: "slow", does: "a tenth of a second passes first", fault: || Fault::Delay(100) },
    Name {
        name: "dribble",
        does: "it is done, and the answer comes in drops for longer than anybody waits",
        fault: || Fault::Dribble(FOREVER),
    },
    Name { name: "reset", does: "nothing is done, and the connection is cut", fault: || Fault::Reset },
    Name {
        name: "lost-answer",
        does: "it is done, and the connection is cut before the answer",
        fault: || Fault::LostAnswer,
    },
    Name {
        name: "cut-body",
        does: "it is done, and the connection is cut in the middle of the answer",
        fault: || Fault::CutBody,
    },
    Name {
        name: "truncated-body",
        does: "it is done, and half the answer comes as if it were the whole",
        fault: || Fault::TruncatedBody,
    },
    Name {
        name: "unknown-words",
        does: "every enumeration in the answer has a word that nobody knows",
        fault: || Fault::UnknownWords,
    },
    Name { name: "move-pages", does: "a list's things move between its pages", fault: || Fault::MovePages(7) },
    Name {
        name: "repeat-pages",
        does: "every page is the first one, and says that there is another",
        fault: || Fault::RepeatPages,
    },
    Name { name: "wrong-total", does: "a list counts one thing more than it has", fault: || Fault::Total(1) },
    Name {
        name: "duplicate-items",
        does: "a list gives its first thing twice, in the place of its last",
        fault: || Fault::Duplicate,
    },
    Name { name: "huge", does: "100 MB of white space come before the answer", fault: || Fault::Padding(HUGE) },
    Name { name: "gzip", does: "the answer is compressed, though nobody asked for that", fault: || Fault::Gzip },
    Name {
        name: "wrong-type",
        does: "the answer calls itself `text/plain`",
        fault: || Fault::ContentType("text/plain".to_owned()),
    },
    Name { name: "http-1.0", does: "the answer is one of HTTP/1.0", fault: || Fault::Http10 },
    Name {
        name: "close-idle",
        does: "after the answer, the connection is closed without a word",
        fault: || Fault::CloseIdle,
    },
    Name {
        name: "stale-connection",
        does: "after the answer, the connection is cut as soon as it is used again",
        fault: || Fault::StaleConnection,
    },
    Name {
        name: "invalid",
        does: "422 that does not say what is wrong",
        fault: || status(422, BodyKind::Jsonapi, &[]),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_given_twice() {
        let names: std::collections::BTreeSet<&str> = NAMES.iter().map(|known| known.name).collect();
        assert_eq!(names.len(), NAMES.len());
    }

    #[test]
    fn a_name_means_the_same_as_its_detailed_form() {
        for known in &NAMES {
            let detailed = serde_json::to_value(known.fault()).unwrap();
            let read: Fault = serde_json::from_value(detailed.clone()).unwrap();
            assert_eq!(Some(read), named(known.name), "{detailed}");
        }
    }

    #[test]
    fn a_misspelt_name_has_a_neighbour() {
        assert_eq!(similar("login-pge"), Some("login-page"));
        assert_eq!(similar("something else"), None);
    }
}
