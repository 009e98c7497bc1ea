//! What servers say of their own limits, and when.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// What an answer says of the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Said {
    /// Requests that are left until the reset.
    pub(super) remaining: Option<u64>,
    /// Until requests are counted anew: fractional seconds from now, although it looks like a time.
    pub(super) reset: Option<Duration>,
    /// How long to stay away.
    pub(super) retry_after: Option<Duration>,
    /// The server's clock.
    pub(super) date: Option<Timestamp>,
}

impl Said {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let date = text(DATE.as_str()).and_then(time);
        Self {
            remaining: text("x-ratelimit-remaining").and_then(|text| text.parse().ok()),
            reset: text("x-ratelimit-reset").and_then(seconds),
            retry_after: text(RETRY_AFTER.as_str()).and_then(|text| seconds(text).or_else(|| until(text, date))),
            date,
        }
    }

    /// How long the server asks to be left alone.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.retry_after.max(self.reset)
    }
}

/// A number of seconds above nothing.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

/// The time until a date, by the server's own clock.
fn until(text: &str, now: Option<Timestamp>) -> Option<Duration> {
    let pause = time(text)?.duration_since(now?);
    Duration::try_from(pause).ok().filter(|pause| !pause.is_zero())
}

fn time(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(headers: &[(&'static str, &'static str)]) -> Said {
        let map: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Said::of(&map)
    }

    #[test]
    fn the_reset_is_in_fractional_seconds() {
        let said = said(&[("x-ratelimit-remaining", "29"), ("x-ratelimit-reset", "0.634")]);
        assert_eq!(said.remaining, Some(29));
        assert_eq!(said.pause(), Some(Duration::from_millis(634)));
    }

    #[test]
    fn what_makes_no_sense_is_not_heeded() {
        for text in ["-1", "0", "NaN", "inf", "soon", "1e400"] {
            let map = [("retry-after".parse().unwrap(), text.parse().unwrap())].into_iter().collect();
            assert_eq!(Said::of(&map).pause(), None, "{text}");
        }
    }

    #[test]
    fn retry_after_may_be_a_date_by_the_servers_clock() {
        let said = said(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT")]);
        assert_eq!(said.date.unwrap().to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(said.pause(), Some(Duration::from_secs(3)));
    }
}
