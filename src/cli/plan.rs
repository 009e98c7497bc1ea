//! `plan`: read everything and say what would change.

use std::path::{Path, PathBuf};
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
use crate::plan::digest::Digest;
use crate::plan::show::json::{self, Document};
use crate::plan::show::{self, Header, Reading, World};
use crate::plan::{Gap, Plan};
use crate::spec::desired::Desired;
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

    /// The plan's digest.
    pub fn digest(&self) -> Digest {
        self.header.digest(&self.plan)
    }

    /// Whether a digest is that of the same actions in the other world, and which one that is.
    pub fn is_meant_elsewhere(&self, wanted: &str) -> Option<&'static str> {
        let other = match self.header.world {
            World::Live => World::Sandbox(String::new()),
            World::Sandbox(_) => World::Live,
        };
        let digest = Header { world: other.clone(), ..self.header.clone() }.digest(&self.plan);
        digest.is_meant_by(wanted).then(|| other.word())
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
    let decide = |desired: &Desired, observed: &Result<Observed, Gap>| {
        let consent = Consent { adopt: scope.adopt.clone(), forget: scope.forget.clone(), ..Consent::default() };
        pipeline::decide(desired, observed, &consent, &scope.only)
    };
    read_and(decide, (&scope.spec.files, scope.deep), globals, output, signals).await
}

/// Loads and reads, deeply or not, and decides as it is told.
pub async fn read_and(
    decide: impl FnOnce(&Desired, &Result<Observed, Gap>) -> Plan,
    (files, deep): (&[PathBuf], bool),
    globals: &Globals,
    output: Output,
    signals: &Signals,
) -> Result<Result<Planned, Exit>, Error> {
    let fleet = match session::load(files, globals, output)? {
        Ok(fleet) => fleet,
        Err(exit) => return Ok(Err(exit)),
    };
    let work = async {
        let session = Session::open(fleet, globals).await?;
        let readers = Readers::new(&session.access).await?;
        let readers = if deep { readers.deeply() } else { readers };
        let began = Instant::now();
        let (observed, owner) = tokio::join!(
            pipeline::observe(&readers, &session.fleet.desired, &session.secrets),
            pipeline::token_owner(&readers),
        );
        let reading = Reading { requests: readers.requests(), took: began.elapsed() };
        let plan = decide(&session.fleet.desired, &observed);
        let header = header::header(&session, &observed, owner.as_ref(), reading).await;
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
