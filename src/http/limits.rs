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
            reset: text("x-ratelimit-reset").and_then(seconds).filter(|reset| *reset <= LONGEST_RESET),
            retry_after: text(RETRY_AFTER.as_str()).and_then(|text| seconds(text).or_else(|| until(text, date))),
            date,
        }
    }

    /// How long the server asks to be left alone. `Retry-After` is about the answer that it comes with, so it counts first.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.retry_after.or(self.reset)
    }
}

/// Later than this, the number is no duration: other services write the time there at which requests are counted anew.
const LONGEST_RESET: Duration = Duration::from_hours(1);

/// A number of seconds above nothing.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

/// The time until a date, by the server's own clock if it says what that shows.
fn until(text: &str, now: Option<Timestamp>) -> Option<Duration> {
    let pause = time(text)?.duration_since(now.unwrap_or_else(Timestamp::now));
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
    fn a_reset_that_is_a_time_of_day_is_not_heeded() {
        assert_eq!(said(&[("x-ratelimit-reset", "1767600000")]).pause(), None);
        assert_eq!(said(&[("x-ratelimit-reset", "3600")]).pause(), Some(Duration::from_hours(1)));
    }

    #[test]
    fn retry_after_comes_first() {
        let both = said(&[("retry-after", "2"), ("x-ratelimit-reset", "0.5")]);
        assert_eq!(both.pause(), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_date_without_a_clock_is_read_by_ours() {
        let later = Timestamp::now().saturating_add(jiff::SignedDuration::from_secs(90)).unwrap();
        let text = later.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let map: HeaderMap = [("retry-after".parse().unwrap(), text.parse().unwrap())].into_iter().collect();
        let pause = Said::of(&map).pause().unwrap();
        assert!((80..=90).contains(&pause.as_secs()), "{pause:?}");
        let past = [("retry-after".parse().unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap())];
        assert_eq!(Said::of(&past.into_iter().collect()).pause(), None);
    }

    #[test]
    fn retry_after_may_be_a_date_by_the_servers_clock() {
        let said = said(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT")]);
        assert_eq!(said.date.unwrap().to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(said.pause(), Some(Duration::from_secs(3)));
    }
}
