//! Values that are written and never read back.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::hex;

/// A salted hash in the place of a write-only value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sealed {
    salt: String,
    hash: String,
}

impl Sealed {
    /// The hash of a value; the value is gone.
    pub fn new(salt: &str, value: &str) -> Self {
        Self { salt: salt.to_owned(), hash: hash(salt, value) }
    }

    /// Whether this was made from that value.
    pub fn is(&self, value: &str) -> bool {
        hash(&self.salt, value) == self.hash
    }
}

fn hash(salt: &str, value: &str) -> String {
    hex(&Sha256::new().chain_update(salt).chain_update([0]).chain_update(value).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_knows_itself_and_tells_nothing() {
        let sealed = Sealed::new("var-1", "canary");
        assert!(sealed.is("canary"));
        assert!(!sealed.is("Canary"));
        assert_ne!(sealed, Sealed::new("var-2", "canary"));
        assert!(!serde_json::to_string(&sealed).unwrap().contains("canary"));
    }
}
