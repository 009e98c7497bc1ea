//! What says whether a sensitive value is still the one that we wrote, without a state file and without the value.
//!
//! HCP never gives a sensitive value back, but each variable has a `version-id`, which is another one after every
//! write. So beside each sensitive variable there is a witness: a plain variable in a set that is attached to nothing,
//! whose key is the variable's id and whose value is the `version-id` that our write was answered with and a
//! fingerprint of what we wrote. It counts only while that is the live `version-id`; an answer that was lost, or a
//! value that somebody else wrote, leaves no witness that counts, and the value is written again.
//!
//! Whoever may read variable sets sees the fingerprints. A plan computes one for each witness that counts: 1,000 of them
//! take some 20 s of a core.

use std::fmt;
use std::str::FromStr;

use crate::secret::Compared;
use crate::secret::fingerprint::Fingerprint;

/// What is written down of a write: `VERSION.FINGERPRINT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    pub(super) version: String,
    pub(super) fingerprint: Fingerprint,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version, self.fingerprint)
    }
}

impl FromStr for Witness {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (version, fingerprint) = text.rsplit_once('.').ok_or(())?;
        Ok(Self { version: version.to_owned(), fingerprint: Fingerprint::of_text(fingerprint) })
    }
}

impl Witness {
    /// Whether a write that this witnesses was of what the source gives now.
    pub(super) fn compare(&self, now: &Fingerprint) -> Compared {
        self.fingerprint.compare(now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::secret::Secret;
    use crate::secret::fingerprint::Fingerprints;

    #[tokio::test]
    async fn a_witness_reads_back() {
        let fleet = "f".parse().unwrap();
        let value = Arc::new(Secret::new("old".to_owned()));
        let fingerprint = Fingerprints::new(true).of(&fleet, "var-1", &value).await.unwrap();
        let witness = Witness { version: "1aa07d.63".to_owned(), fingerprint: fingerprint.clone() };
        assert_eq!(witness.to_string().parse(), Ok(witness.clone()));
        assert_eq!(witness.compare(&fingerprint), Compared::Same);
    }
}
