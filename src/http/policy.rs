//! Every limit of the HTTP layer in one value, so that tests run in milliseconds.

use std::time::Duration;

/// How long, how often and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Until a connection stands.
    pub connect_timeout: Duration,
    /// From the first byte sent to the last one read.
    pub request_timeout: Duration,
    /// How often a request is sent before it is given up.
    pub attempts: usize,
    /// The same where the server only says "not so fast".
    pub limited_attempts: usize,
    /// The pause before the second attempt; it doubles from then on.
    pub shortest_pause: Duration,
    /// No pause of ours is longer.
    pub longest_pause: Duration,
    /// No pause that the server asks for is longer.
    pub longest_hold: Duration,
    /// For how long a server is asked again that only says "not so fast": from then on each request that it says so of fails,
    /// and none waits for it any more, until it answers again.
    pub limited_for: Duration,
    /// For how long something is asked again that the server says will pass.
    pub patience: Duration,
    /// For how long one is watched of whom nobody knows whether it was asked to leave: twice as long as any request may
    /// take, since whoever marked it sends that word within half of it or not at all.
    pub watch: Duration,
    /// Requests in a second, in the long run.
    pub per_second: u32,
    /// Requests at once after a rest.
    pub burst: u32,
    /// Requests under way at a time.
    pub in_flight: usize,
    /// The largest body that is read.
    pub body_limit: usize,
}

impl Policy {
    /// The time of a request that takes long by its nature: a pull, an upload.
    #[must_use]
    pub fn long(&self) -> Duration {
        self.patience.max(self.request_timeout)
    }

    /// For HCP Terraform: 30 requests a second for each user ("API Docs", Rate Limiting); one is left to others. What
    /// the server says of its own limit in its answers is heeded on top of this.
    #[must_use]
    pub fn live() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            attempts: 5,
            limited_attempts: 30,
            shortest_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(8),
            longest_hold: Duration::from_mins(1),
            limited_for: Duration::from_mins(5),
            patience: Duration::from_mins(5),
            watch: Duration::from_mins(1),
            per_second: 29,
            burst: 10,
            in_flight: 16,
            body_limit: 64 << 20,
        }
    }

    /// For a stand-in on this machine, which says itself how fast it may be asked.
    #[must_use]
    pub fn sandbox() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            shortest_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(1),
            longest_hold: Duration::from_secs(5),
            limited_for: Duration::from_secs(30),
            patience: Duration::from_secs(30),
            watch: Duration::from_secs(5),
            per_second: 5_000,
            burst: 1_000,
            ..Self::live()
        }
    }

    /// For tests: pauses in milliseconds. Only a test that waits for a timeout should shorten that.
    #[must_use]
    pub fn test() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
            attempts: 3,
            limited_attempts: 5,
            shortest_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(5),
            longest_hold: Duration::from_millis(20),
            limited_for: Duration::from_secs(5),
            patience: Duration::from_millis(200),
            watch: Duration::from_millis(200),
            per_second: 1_000_000,
            burst: 100_000,
            ..Self::live()
        }
    }
}
