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
    /// The ways that were opened; who applies the plan goes the same.
    pub readers: Readers,
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

/// Loads, reads and plans; or says how the program ends without a plan.
pub async fn make(
    scope: &Scope,
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
        let began = Instant::now();
        let observed = pipeline::observe(&readers, &session.fleet.desired, &session.secrets).await;
        let reading = Reading { requests: readers.requests(), took: began.elapsed() };
        let consent = Consent { adopt: scope.adopt.clone() };
        let plan = pipeline::decide(&session.fleet.desired, &observed, &consent, &scope.only);
        let header = header::header(&session, &observed, reading);
        Ok(Planned { session, observed, plan, header, readers })
    };
    match signals.unless_stopped(Box::pin(work)).await {
        Ok(planned) => planned.map(Ok),
        Err(exit) => {
            output.note(&format!("Stopped while reading: nothing was written.   ({})", exit.ending()));
            Ok(Err(exit))
        }
    }
}

/// `plan`
pub async fn run(arguments: &PlanArguments, globals: &Globals, output: Output, signals: &Signals) -> Ended {
    let planned = match Box::pin(make(&arguments.scope, globals, output, signals)).await? {
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
