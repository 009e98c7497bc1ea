//! What says whether a sensitive value is still the one that we wrote, without a state file and without the value.
//!
//! HCP never gives a sensitive value back, but each variable has a `version-id`, which is another one after every
//! write. So beside each sensitive variable there is a witness: a plain variable in a set that is attached to nothing,
//! whose key is the variable's id and whose value is the `version-id` that our write was answered with and a
//! fingerprint of what we wrote. It counts only while that is the live `version-id`; an answer that was lost, or a
//! value that somebody else wrote, leaves no witness that counts, and the value is written again.
//!
//! Whoever may read variable sets sees the fingerprints. Each is Argon2id over the value, with a salt of its own, so
//! that every guess at every value costs one whole computation, and a table made beforehand is of no use: at 16 MiB
//! and two passes some 20 ms of a core and its memory. That protects a password of a few words, not one of a few
//! letters; a token of 128 random bits is safe with any hash. A plan computes one fingerprint for each witness that
//! counts: 1,000 of them take some 20 s of a core.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE32HEX_NOPAD;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::VariableId;
use crate::owner::FleetName;
use crate::secret::{Compared, Secret};

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
pub(super) struct Fingerprints {
    cost: Cost,
    slots: Arc<Semaphore>,
}

impl Fingerprints {
    /// With the real cost, or with that of made-up values.
    pub(super) fn new(made_up: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { cost: if made_up { MADE_UP } else { REAL }, slots: Arc::new(Semaphore::new(cores.min(AT_ONCE))) }
    }

    /// The fingerprint of a variable's value, computed beside everything else. `None` if it cannot be computed, as
    /// when there is no memory for it.
    pub(super) async fn of(
        &self,
        fleet: &FleetName,
        variable: &VariableId,
        value: &Arc<Secret>,
    ) -> Option<Fingerprint> {
        let _slot = self.slots.acquire().await.ok()?;
        let (cost, salt, value) = (self.cost, salt(fleet, variable), Arc::clone(value));
        tokio::task::spawn_blocking(move || fingerprint(cost, &salt, value.expose().as_bytes())).await.ok()?
    }
}

fn salt(fleet: &FleetName, variable: &VariableId) -> [u8; 16] {
    let digest = Sha256::digest(format!("reconcile witness\n{fleet}\n{variable}"));
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(String);

/// What is written down of a write: `VERSION.FINGERPRINT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    pub(super) version: String,
    pub(super) fingerprint: Fingerprint,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version, self.fingerprint.0)
    }
}

impl FromStr for Witness {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (version, fingerprint) = text.rsplit_once('.').ok_or(())?;
        Ok(Self { version: version.to_owned(), fingerprint: Fingerprint(fingerprint.to_owned()) })
    }
}

impl Witness {
    /// Whether a write that this witnesses was of what the source gives now.
    pub(super) fn compare(&self, now: &Fingerprint) -> Compared {
        match (self.fingerprint == *now, self.fingerprint.letter() == now.letter()) {
            (true, _) => Compared::Same,
            (false, true) => Compared::SourceChanged,
            (false, false) => Compared::Unwitnessed,
        }
    }
}

impl Fingerprint {
    fn letter(&self) -> Option<char> {
        self.0.chars().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(name: &str) -> FleetName {
        name.parse().unwrap()
    }

    async fn of(fleet_name: &str, variable: &str, value: &str) -> Fingerprint {
        Fingerprints::new(true)
            .of(&fleet(fleet_name), &VariableId(variable.to_owned()), &Arc::new(Secret::new(value.to_owned())))
            .await
            .unwrap()
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
    async fn a_witness_reads_back_and_tells_who_moved() {
        let then = of("f", "var-1", "old").await;
        let witness = Witness { version: "1aa07d.63".to_owned(), fingerprint: then.clone() };
        assert_eq!(witness.to_string().parse(), Ok(witness.clone()));
        assert_eq!(witness.compare(&then), Compared::Same);
        assert_eq!(witness.compare(&of("f", "var-1", "new").await), Compared::SourceChanged);
        let costly = fingerprint(REAL, &salt(&fleet("f"), &VariableId("var-1".to_owned())), b"old").unwrap();
        assert_eq!(witness.compare(&costly), Compared::Unwitnessed, "another cost proves nothing");
    }

    #[test]
    fn fingerprints_of_today_can_be_compared_with_those_of_last_year() {
        // A change of the construction makes every value of every fleet look unwitnessed: it needs a new letter.
        let salt = salt(&fleet("homelab"), &VariableId("var-EavQ1LztoRTQHSNT".to_owned()));
        let cheap = fingerprint(MADE_UP, &salt, b"value").unwrap();
        let real = fingerprint(REAL, &salt, b"value").unwrap();
        assert_eq!(cheap.0, "s6rgaji8u76ffo8j2amkjg36p44");
        assert_eq!(real.0, "ahutddm9b2n6sk4m11tkrobvufo");
    }
}
