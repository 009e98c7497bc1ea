//! Versions of the operator, and what they do differently.

use std::fmt;

/// A version such as `2.12.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32, u32);

impl Version {
    /// Reads one; what follows a hyphen is left out, as the operator's images for Red Hat have `-ubi`.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.strip_prefix('v').unwrap_or(text).split('-').next()?;
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        let version = Self(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }

    /// The version that an image's tag names.
    pub fn of_image(image: &str) -> Option<Self> {
        let name = image.split('@').next()?.rsplit('/').next()?;
        Self::parse(name.split_once(':')?.1)
    }

    /// The kinds that it serves, all of which must be defined.
    pub fn kinds(self) -> &'static [&'static str] {
        if self >= Self(2, 10, 0) {
            &["agentpools", "agenttokens", "modules", "projects", "runscollectors", "workspaces"]
        } else {
            &["agentpools", "modules", "projects", "workspaces"]
        }
    }

    /// Whether the controller of `AgentPool`s looks at `app.terraform.io/paused`. Without it the recipe to adopt a pool does not work.
    pub fn honours_pause(self) -> bool {
        self >= Self(2, 10, 0)
    }

    /// Whether the tokens' Secret is written once, at the end of a turn that failed at no token (#650); before, after each token.
    pub fn writes_secret_at_end(self) -> bool {
        self >= Self(2, 10, 0)
    }

    /// Whether all pages of tokens are read, and a token that is in none is asked for before it is taken for gone (#714).
    pub fn reads_all_tokens(self) -> bool {
        self >= Self(2, 12, 0)
    }

    /// Whether an environment variable of the user wins over the operator's (#709).
    pub fn keeps_environment(self) -> bool {
        self >= Self(2, 11, 4)
    }

    /// Whether a run in a status waits for something that is no agent (#616, #694, #703).
    pub fn waits_for_people(self, status: &str) -> bool {
        match status {
            "cost_estimated"
            | "planned"
            | "planned_and_saved"
            | "policy_override"
            | "post_plan_awaiting_decision"
            | "post_plan_completed" => self >= Self(2, 10, 0),
            "pending" => self >= Self(2, 11, 2),
            "policy_checked" => self >= Self(2, 11, 3),
            _ => false,
        }
    }

    /// Whether every plan-only run counts, and not only its workspace (#664).
    pub fn counts_plans(self) -> bool {
        self >= Self(2, 11, 0)
    }

    /// The reason of an Event about scaling, and what a failed step is called in it.
    pub fn scaling_words(self, step: &'static str) -> (&'static str, &'static str) {
        if self >= Self(2, 11, 0) {
            ("AutoscaleAgentPool", step)
        } else {
            ("AutoscaleAgentPoolDeployment", "Autoscaling failed")
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        write!(out, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_names_its_version() {
        let version = |image| Version::of_image(image).map(|version| version.to_string());
        assert_eq!(version("hashicorp/hcp-terraform-operator:2.12.0").as_deref(), Some("2.12.0"));
        assert_eq!(version("registry:5000/x/operator:2.9.2-ubi@sha256:00").as_deref(), Some("2.9.2"));
        assert_eq!(version("registry:5000/x/operator@sha256:00"), None);
        assert_eq!(version("hashicorp/hcp-terraform-operator:latest"), None);
        assert_eq!(version("hashicorp/hcp-terraform-operator:2.12.0.1"), None);
    }

    #[test]
    fn ten_is_more_than_nine() {
        let (old, new) = (Version(2, 9, 2), Version(2, 12, 0));
        assert!(new > old);
        assert!(!old.honours_pause() && new.honours_pause());
        assert!(!old.kinds().contains(&"agenttokens") && new.kinds().contains(&"agenttokens"));
        assert!(!old.waits_for_people("planned") && new.waits_for_people("planned"));
        assert!(!Version(2, 11, 1).waits_for_people("pending") && new.waits_for_people("pending"));
        assert!(!new.waits_for_people("applying"));
    }
}
