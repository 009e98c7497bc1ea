//! `explain`

use super::Ended;
use super::arguments::{Explain, Globals};
use super::output::Output;
use crate::error::Error;

/// `explain`
pub fn run(_: &Explain, _: &Globals, _: Output) -> Ended {
    Err(Error::new("explaining").because("this part is not there yet"))
}
