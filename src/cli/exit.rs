//! How the program ends: the same codes for every verb.

use crate::plan::Plan;

/// An end, with its code and its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The world is as the spec says; for verbs that only answer: answered.
    Converged,
    /// There are changes to be made, or waits.
    Changes,
    /// All was done that could be; something has to be waited for.
    Waits,
    /// Something could not be read.
    Incomplete,
    /// An error, or an action failed.
    Failed,
    /// Something is against the rules, or was not agreed to.
    Refused,
    /// The user said no.
    Declined,
    /// The command line makes no sense.
    Usage,
    /// Stopped by Ctrl-C.
    Interrupted,
    /// Stopped by SIGTERM.
    Terminated,
    /// Stopped by SIGHUP: the terminal went away.
    HungUp,
}

impl Exit {
    /// The code for the shell.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Converged => 0,
            Self::Failed | Self::Refused | Self::Declined => 1,
            Self::Changes | Self::Waits => 2,
            Self::Incomplete => 3,
            Self::Usage => 64,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The word in the last line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Converged => "as the spec says",
            Self::Changes => "changes",
            Self::Waits => "waits",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Declined => "declined",
            Self::Usage => "wrong usage",
            Self::Interrupted | Self::Terminated | Self::HungUp => "stopped",
        }
    }

    /// `2: changes`
    #[must_use]
    pub fn ending(self) -> String {
        format!("{}: {}", self.code(), self.word())
    }

    /// How serious it is, where several ends hold: a signal, then 1, then 3, then 2.
    fn rank(self) -> u8 {
        match self {
            Self::Converged => 0,
            Self::Changes | Self::Waits => 1,
            Self::Incomplete => 2,
            Self::Failed | Self::Refused | Self::Declined => 3,
            Self::Usage => 4,
            Self::Interrupted | Self::Terminated | Self::HungUp => 5,
        }
    }

    /// The more serious of two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    /// How a run ends that only plans.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Self {
        let Plan { fleet: _, actions, waits, gaps, refusals, untouched: _, confirmation: _ } = plan;
        let holds = |yes: bool, exit: Self| if yes { exit } else { Self::Converged };
        holds(!actions.is_empty(), Self::Changes)
            .or(holds(!waits.is_empty(), Self::Waits))
            .or(holds(gaps.iter().any(|gap| !gap.expected), Self::Incomplete))
            .or(holds(!refusals.is_empty(), Self::Refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_beats_three_beats_two() {
        assert_eq!(Exit::Changes.or(Exit::Incomplete).code(), 3);
        assert_eq!(Exit::Incomplete.or(Exit::Failed).code(), 1);
        assert_eq!(Exit::Failed.or(Exit::Changes).code(), 1);
        assert_eq!(Exit::Interrupted.or(Exit::Failed).code(), 130);
    }
}
