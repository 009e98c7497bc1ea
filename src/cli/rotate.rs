//! `rotate`: credentials made anew that are still good.

use super::Ended;
use super::apply;
use super::arguments::{ApplyArguments, Globals, RotateAgentTokens, Scope, Spec};
use super::output::Output;
use super::plan::Purpose;
use super::signals::Signals;

/// `rotate agent-tokens`: an apply in which every agent's container is replaced, and nothing else is done.
pub async fn run(arguments: &RotateAgentTokens, globals: &Globals, output: Output, signals: &Signals) -> Ended {
    let RotateAgentTokens { spec: Spec { files }, only, format, full, agreement } = arguments;
    let arguments = ApplyArguments {
        scope: Scope {
            spec: Spec { files: files.clone() },
            adopt: Vec::new(),
            only: only.clone(),
            format: *format,
            full: *full,
            deep: false,
        },
        agreement: agreement.clone(),
    };
    apply::for_purpose(&arguments, Purpose::Rotate, globals, output, signals).await
}
