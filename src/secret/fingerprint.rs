//! Fingerprints of secret values: whether two are the same, told without either.
//!
//! Whoever may read what they are kept in sees them. Each is Argon2id over the value, with a salt of its own, so that every
//! guess at every value costs one whole computation, and a table made beforehand is of no use: at 16 MiB and two passes some
//! 20 ms of a core and its memory. That protects a password of a few words, not one of a few letters; a token of 128 random
//! bits is safe with any hash.

use std::fmt;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE32HEX_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::{Compared, Secret};
use crate::owner::FleetName;

/// What a fingerprint costs. Its letter is part of the fingerprint, so that another cost is another fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    letter: char,
    kibibytes: u32,
    passes: u32,
}

/// For values of worth. OWASP's "Password Storage Cheat Sheet" asks for 19 MiB and two passes; 16 is its nearest
/// power of two, and less than a tenth of what a runner in a small container has.
const REAL: Cost = Cost { letter: 'a', kibibytes: 16 << 10, passes: 2 };

/// For the sandbox's values, which are made up from their names.
const MADE_UP: Cost = Cost { letter: 's', kibibytes: 64, passes: 1 };

/// How many fingerprints are computed at a time: each takes its memory.
const AT_ONCE: usize = 4;

/// Makes fingerprints.
#[derive(Clone, Debug)]
pub(crate) struct Fingerprints {
    cost: Cost,
    slots: Arc<Semaphore>,
}

impl Fingerprints {
    /// With the real cost, or with that of made-up values.
    pub(crate) fn new(made_up: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { cost: if made_up { MADE_UP } else { REAL }, slots: Arc::new(Semaphore::new(cores.min(AT_ONCE))) }
    }

    /// The fingerprint of a value, computed beside everything else; `about` is the id of its receiver. `None` if it cannot
    /// be computed, as when there is no memory for it.
    pub(crate) async fn of(&self, fleet: &FleetName, about: &str, value: &Arc<Secret>) -> Option<Fingerprint> {
        let _slot = self.slots.acquire().await.ok()?;
        let (cost, salt, value) = (self.cost, salt(fleet, about), Arc::clone(value));
        tokio::task::spawn_blocking(move || fingerprint(cost, &salt, value.expose().as_bytes())).await.ok()?
    }
}

fn salt(fleet: &FleetName, about: &str) -> [u8; 16] {
    let digest = Sha256::digest(format!("reconcile witness\n{fleet}\n{about}"));
    let mut salt = [0; 16];
    salt.iter_mut().zip(digest).for_each(|(byte, from)| *byte = from);
    salt
}

fn fingerprint(cost: Cost, salt: &[u8], value: &[u8]) -> Option<Fingerprint> {
    let params = Params::new(cost.kibibytes, cost.passes, 1, Some(16)).ok()?;
    let mut output = Zeroizing::new([0; 16]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(value, salt, &mut *output).ok()?;
    let text = BASE32HEX_NOPAD.encode(&*output).to_ascii_lowercase();
    Some(Fingerprint(format!("{}{text}", cost.letter)))
}

/// A fingerprint of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    /// One that was written down.
    pub(crate) fn of_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether this is of the value that the source gives now.
    pub(crate) fn compare(&self, now: &Self) -> Compared {
        match (self == now, self.letter() == now.letter()) {
            (true, _) => Compared::Same,
            (false, true) => Compared::SourceChanged,
            // Another cost proves nothing.
            (false, false) => Compared::Unwitnessed,
        }
    }

    fn letter(&self) -> Option<char> {
        self.0.chars().next()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(name: &str) -> FleetName {
        name.parse().unwrap()
    }

    async fn of(fleet_name: &str, about: &str, value: &str) -> Fingerprint {
        Fingerprints::new(true).of(&fleet(fleet_name), about, &Arc::new(Secret::new(value.to_owned()))).await.unwrap()
    }

    #[tokio::test]
    async fn equal_values_of_two_variables_have_nothing_in_common() {
        let one = of("f", "var-1", "canary").await;
        assert_eq!(one, of("f", "var-1", "canary").await, "the same on every machine of the fleet");
        assert_ne!(one, of("f", "var-2", "canary").await);
        assert_ne!(one, of("g", "var-1", "canary").await);
        assert_ne!(one, of("f", "var-1", "canary2").await);
        assert!(!one.0.contains("canary"));
    }

    #[tokio::test]
    async fn a_fingerprint_tells_who_moved() {
        let then = of("f", "var-1", "old").await;
        assert_eq!(then.compare(&then), Compared::Same);
        assert_eq!(then.compare(&of("f", "var-1", "new").await), Compared::SourceChanged);
        let costly = fingerprint(REAL, &salt(&fleet("f"), "var-1"), b"old").unwrap();
        assert_eq!(then.compare(&costly), Compared::Unwitnessed, "another cost proves nothing");
    }

    #[test]
    fn fingerprints_of_today_can_be_compared_with_those_of_last_year() {
        // A change of the construction makes every value of every fleet look unwitnessed: it needs a new letter.
        let salt = salt(&fleet("homelab"), "var-EavQ1LztoRTQHSNT");
        let cheap = fingerprint(MADE_UP, &salt, b"value").unwrap();
        let real = fingerprint(REAL, &salt, b"value").unwrap();
        assert_eq!(cheap.0, "s6rgaji8u76ffo8j2amkjg36p44");
        assert_eq!(real.0, "ahutddm9b2n6sk4m11tkrobvufo");
    }
}
