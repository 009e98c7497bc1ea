//! `plan`: read everything and say what would change.

use std::path::Path;
use std::time::Instant;

use super::Ended;
use super::arguments::{Format, Globals, PlanArguments, Scope};
use super::exit::Exit;
use super::header;
use super::output::Output;
use super::session::{self, Session};
use super::signals::Signals;
use crate::address::Pattern;
use crate::error::Error;
use crate::pipeline::{self, Readers};
use crate::plan::show::json::{self, Document};
use crate::plan::show::{self, Header, Reading};
use crate::plan::{Gap, Plan};
use crate::systems::{Consent, Observed};

/// A plan, with everything that was needed to make it.
#[derive(Debug)]
pub struct Planned {
    /// The fleet and its systems.
    pub session: Session,
    /// What was seen.
    pub observed: Result<Observed, Gap>,
    /// The plan.
    pub plan: Plan,
    /// What stands above it.
    pub header: Header,
}

impl Planned {
    /// The plan as a document.
    pub fn document(&self) -> Document {
        let exit = Exit::of_plan(&self.plan);
        Document::new(&self.plan, &self.header, json::Exit { code: exit.code(), word: exit.word().to_owned() })
    }

    /// The plan as text.
    pub fn text(&self, output: Output, full: bool, ending: &str) -> String {
        show::render(&self.plan, &self.header, output.look(full), ending)
    }
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// That all is as the spec says.
    Converge,
    /// That agents get new tokens.
    Rotate,
}

/// Loads, reads and plans; or says how the program ends without a plan.
pub async fn make(
    scope: &Scope,
    purpose: Purpose,
    globals: &Globals,
    output: Output,
    signals: &Signals,
) -> Result<Result<Planned, Exit>, Error> {
    let fleet = match session::load(&scope.spec.files, globals, output)? {
        Ok(fleet) => fleet,
        Err(exit) => return Ok(Err(exit)),
    };
    let work = async {
        let session = Session::open(fleet, globals).await?;
        let readers = Readers::new(&session.access).await?;
        let readers = if scope.deep { readers.deeply() } else { readers };
        let began = Instant::now();
        let observed = pipeline::observe(&readers, &session.fleet.desired, &session.secrets).await;
        let reading = Reading { requests: readers.requests(), took: began.elapsed() };
        let consent = Consent { adopt: scope.adopt.clone(), rotate: rotated(scope, purpose)? };
        let plan = pipeline::decide(&session.fleet.desired, &observed, &consent, &scope.only);
        let header = header::header(&session, &observed, reading);
        Ok(Planned { session, observed, plan, header })
    };
    match signals.unless_stopped(Box::pin(work)).await {
        Ok(planned) => planned.map(Ok),
        Err(exit) => {
            output.note(&format!("Stopped while reading: nothing was written.   ({})", exit.ending()));
            Ok(Err(exit))
        }
    }
}

/// Which agents' containers get new tokens though theirs are good.
fn rotated(scope: &Scope, purpose: Purpose) -> Result<Vec<Pattern>, Error> {
    match purpose {
        Purpose::Converge => Ok(Vec::new()),
        Purpose::Rotate if scope.only.is_empty() => {
            let all = "docker/*/container/*".parse();
            Ok(vec![all.map_err(|cause| Error::new("choosing all agents").because(cause))?])
        }
        Purpose::Rotate => Ok(scope.only.clone()),
    }
}

/// `plan`
pub async fn run(arguments: &PlanArguments, globals: &Globals, output: Output, signals: &Signals) -> Ended {
    let planned = match Box::pin(make(&arguments.scope, Purpose::Converge, globals, output, signals)).await? {
        Ok(planned) => planned,
        Err(exit) => return Ok(exit),
    };
    match (&arguments.save_observed, &planned.observed) {
        (Some(file), Ok(observed)) => save(file, observed, "what was read")?,
        (Some(file), Err(_)) => output.note(&format!("{} is not written: nothing was read", file.display())),
        (None, _) => {}
    }
    if let Some(file) = &arguments.save {
        save(file, &planned.document(), "the plan")?;
    }
    match arguments.scope.format {
        Format::Text => {
            let ending = Exit::of_plan(&planned.plan).ending();
            output.result(&planned.text(output, arguments.scope.full, &ending))?;
        }
        Format::Json => output.result(&document(&planned.document())?)?,
    }
    Ok(Exit::of_plan(&planned.plan))
}

/// A document as it is printed.
pub fn document(document: &impl serde::Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(document).map_err(|cause| Error::new("writing JSON").because(cause))?;
    Ok(format!("{text}\n"))
}

fn save(file: &Path, what: &impl serde::Serialize, name: &str) -> Result<(), Error> {
    std::fs::write(file, document(what)?)
        .map_err(|cause| Error::new(format!("saving {name} to {}", file.display())).because(cause))
}
