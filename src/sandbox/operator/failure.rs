//! Why a step of a turn fails.

/// Why a step of a turn fails; its text is what the operator has for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The API server refused.
    #[error("{message}")]
    Kube {
        /// The HTTP status.
        status: u16,
        /// The message of its `Status`.
        message: String,
    },
    /// HCP refused; the texts are those of go-tfe.
    #[error("{message}")]
    Hcp {
        /// The HTTP status.
        status: u16,
        /// What go-tfe makes of it.
        message: String,
    },
    /// Nobody answered, or nothing that can be read.
    #[error("{0}")]
    Unanswered(String),
    /// What the operator itself finds wrong.
    #[error("{0}")]
    Own(String),
    /// A fault of the operator: the turn ends here, and nothing tells of it but its log.
    #[error("panic: {0}")]
    Panic(&'static str),
}

impl Failure {
    /// Whether it was said that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Kube { status: 404, .. } | Self::Hcp { status: 404, .. })
    }

    /// Whether the API server has such a thing already.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Kube { status: 409, .. })
    }
}

/// The innermost cause of a request that came to nothing: the rest only repeats the address.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
