//! `apply`: plan, ask, do it, report.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc::unbounded_channel;

use super::Ended;
use super::arguments::{ApplyArguments, Assent, Format, Globals};
use super::exit::Exit;
use super::output::Output;
use super::plan::{self, Planned};
use super::progress;
use super::session;
use super::signals::Signals;
use crate::apply::Stop;
use crate::error::Error;
use crate::pipeline::{self, Writers};
use crate::plan::show::json::Document;
use crate::plan::show::{Look, Page, Text, Tone, clean, compare};
use crate::report::{self, Report};
use crate::systems::docker::interruption::Interruption;

/// How a plan is carried out.
pub struct Way<'a> {
    /// Whether it is asked about.
    pub assent: &'a Assent,
    /// Format of the result.
    pub format: Format,
    /// Fold nothing.
    pub full: bool,
    /// What of it is worth knowing before it is agreed to.
    pub interruptions: Vec<Interruption>,
}

/// `apply`
pub async fn run(arguments: &ApplyArguments, globals: &Globals, output: Output, signals: &Signals) -> Ended {
    let ApplyArguments { scope, assent } = arguments;
    match Box::pin(plan::make(scope, globals, output, signals)).await? {
        Ok(planned) => {
            let way = Way { assent, format: scope.format, full: scope.full, interruptions: Vec::new() };
            go(&planned, &way, output, signals).await
        }
        Err(exit) => Ok(exit),
    }
}

/// Shows a plan, asks, and does it.
pub async fn go(planned: &Planned, way: &Way<'_>, output: Output, signals: &Signals) -> Ended {
    let json = way.format == Format::Json;
    let planned_exit = Exit::of_plan(&planned.plan);
    let idle = planned.plan.actions.is_empty() || planned_exit == Exit::Refused;
    if !json {
        let ending = if idle { planned_exit.ending() } else { String::new() };
        output.result(&planned.text(output, way.full, &ending))?;
        if !idle {
            output.result(&told(&way.interruptions, output.look(false)))?;
        }
    }
    let outcome = if idle {
        Outcome::Nothing(planned_exit)
    } else {
        match agreed(way.assent, planned, output, signals).await? {
            Some(exit) => Outcome::Nothing(exit),
            None => Outcome::Applied(carry_out(way.assent, planned, output, signals).await?),
        }
    };
    let exit = match &outcome {
        Outcome::Nothing(exit) => *exit,
        Outcome::Applied(report) => ended(planned, report, signals),
    };
    if json {
        output.result(&plan::document(&Applied::new(planned, &outcome, exit, &way.interruptions))?)?;
    } else if let Outcome::Applied(report) = &outcome {
        let text = report.render(output.look(false), signals.came(), &exit.ending());
        output.result(&format!("\n{text}"))?;
    }
    Ok(exit)
}

enum Outcome {
    /// Nothing was begun.
    Nothing(Exit),
    /// What came of it.
    Applied(Report),
}

/// The document of an apply.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Applied<'a> {
    format_version: u32,
    exit: crate::plan::show::json::Exit,
    plan: Document,
    report: Option<report::Document>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    interruptions: &'a [Interruption],
}

impl<'a> Applied<'a> {
    fn new(planned: &Planned, outcome: &Outcome, exit: Exit, interruptions: &'a [Interruption]) -> Self {
        Self {
            format_version: report::FORMAT_VERSION,
            exit: crate::plan::show::json::Exit { code: exit.code(), word: exit.word().to_owned() },
            plan: planned.document(),
            report: match outcome {
                Outcome::Nothing(_) => None,
                Outcome::Applied(report) => Some(report.document(planned.digest().to_string())),
            },
            interruptions,
        }
    }
}

/// Each of them, below the plan that it belongs to.
fn told(interruptions: &[Interruption], look: Look) -> String {
    let mut page = Page::new(look);
    if !interruptions.is_empty() {
        page.line("Interruption:");
    }
    for one in interruptions {
        let head = Text::indent(2).and(&clean(one.address.in_system()), Tone::Plain);
        page.beside(&head, head.width() + 2, &Text::plain(&clean(&one.to_string())));
    }
    page.finished()
}

/// How an apply ends that was begun.
fn ended(planned: &Planned, report: &Report, signals: &Signals) -> Exit {
    let plan = &planned.plan;
    let mut exit = Exit::Converged;
    if !plan.waits.is_empty() {
        exit = exit.or(Exit::Waits);
    }
    if plan.gaps.iter().any(|gap| !gap.expected) {
        exit = exit.or(Exit::Incomplete);
    }
    let tally = report.tally();
    if tally.failed + tally.skipped + tally.unknown > 0 {
        exit = exit.or(Exit::Failed);
    }
    // A signal that came after the last action changed nothing.
    if signals.came() && tally.not_begun + tally.unknown > 0 {
        exit = exit.or(signals.exit());
    }
    exit
}

/// Everything that has to hold before the first write. `None`: it does.
async fn agreed(assent: &Assent, planned: &Planned, output: Output, signals: &Signals) -> Result<Option<Exit>, Error> {
    if let Some(wanted) = &assent.only_if
        && !is_the_plan(wanted, planned, output)?
    {
        return Ok(Some(Exit::Refused));
    }
    if let Some(doubt) = doubt(assent, planned) {
        output.error(&doubt);
        return Ok(Some(Exit::Refused));
    }
    if assent.yes {
        return Ok(None);
    }
    ask(output, signals).await
}

/// Why the removals of a plan are not done without their number, or not with this one.
fn doubt(assent: &Assent, planned: &Planned) -> Option<Error> {
    let Planned { session, observed: _, plan, header: _, readers: _ } = planned;
    let removals = plan.removals();
    let (said, cause) = match assent.removals {
        Some(number) if number == removals => return None,
        Some(number) => (format!("not {number}"), format!("the plan removes {removals}")),
        None => (
            "nobody agreed to".to_owned(),
            format!("{}, and their number was not given", plan.confirmation.as_ref()?.because),
        ),
    };
    let hint = format!(
        "was a file of the spec left out? This run read {}. If all of them are meant, --removals {removals}",
        session::names(&session.fleet.files)
    );
    Some(Error::new(format!("applying {removals} removals ({said})")).because(cause).hint(hint))
}

/// Whether the plan is the one that was agreed to: by its digest, or by the file that it was saved in.
fn is_the_plan(wanted: &str, planned: &Planned, output: Output) -> Result<bool, Error> {
    let digest = planned.digest();
    let path = Path::new(wanted);
    if !path.exists() {
        if digest.is_meant_by(wanted) {
            return Ok(true);
        }
        let elsewhere = planned.is_meant_elsewhere(wanted);
        output.error(
            &Error::new(format!("applying only the plan {wanted}"))
                .because(match elsewhere {
                    Some(other) => format!("that plan is one for {other} systems; the plan of now is {}", digest.short()),
                    None => format!("the plan of now is {}", digest.short()),
                })
                .hint("look at the plan above; if it is meant, give its digest: 12 characters or more, or the file of `plan --save`"),
        );
        return Ok(false);
    }
    let failed = || Error::new(format!("reading the saved plan {wanted}"));
    let text = std::fs::read_to_string(path).map_err(|cause| failed().because(cause))?;
    let saved: Document = serde_json::from_str(&text)
        .map_err(|cause| failed().because(cause).hint("save one with `reconcile plan --save FILE`"))?;
    let now = planned.document();
    if saved.format_version != now.format_version {
        return Err(failed()
            .because(format!("it is of format {}, this program writes {}", saved.format_version, now.format_version))
            .hint("save the plan again"));
    }
    if saved.digest == now.digest {
        return Ok(true);
    }
    output.note(compare::render(&saved, &now, output.look(false)).trim_end());
    output.error(
        &Error::new(format!("applying only the plan saved in {wanted}"))
            .because(format!("the plan of now is another one: {}", digest.short()))
            .hint("if it is meant, save it again with `reconcile plan --save FILE`"),
    );
    Ok(false)
}

async fn ask(output: Output, signals: &Signals) -> Result<Option<Exit>, Error> {
    if !std::io::stdin().is_terminal() {
        output.error(
            &Error::new("asking whether to apply").because("standard input is not a terminal").hint(
                "--yes applies without asking; --yes --only-if DIGEST applies only a plan that somebody looked at",
            ),
        );
        return Ok(Some(Exit::Refused));
    }
    let mut out = std::io::stderr();
    // If the question cannot be written, the answer is no.
    if write!(out, "\nApply? [y/N] ").and_then(|()| out.flush()).is_err() {
        return Ok(Some(Exit::Declined));
    }
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let answer = async {
        let line = answer.await;
        if matches!(&line, Ok(Ok(line)) if line.ends_with('\n')) {
            return line;
        }
        // The input ends as well when the terminal goes away, a moment before that is heard.
        tokio::time::sleep(Duration::from_millis(200)).await;
        line
    };
    let line = match signals.unless_stopped(answer).await {
        Ok(Ok(Ok(line))) => line,
        Ok(Ok(Err(_)) | Err(_)) => String::new(),
        Err(exit) => {
            output.note(&format!("\nStopped: nothing was written.   ({})", exit.ending()));
            return Ok(Some(exit));
        }
    };
    if matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(None)
    } else {
        if !line.ends_with('\n') {
            // The question still stands in the line.
            output.note("");
        }
        output.note(&format!("Nothing was written.   ({})", Exit::Declined.ending()));
        Ok(Some(Exit::Declined))
    }
}

async fn carry_out(assent: &Assent, planned: &Planned, output: Output, signals: &Signals) -> Result<Report, Error> {
    let Planned { session, observed: _, plan, header: _, readers } = planned;
    let writers = Writers::new(&session.access, readers, &plan.fleet).await?;
    let (sender, receiver) = unbounded_channel();
    let at_most = session.access.policy.request_timeout;
    let shown = tokio::spawn(progress::show(receiver, output, plan.actions.len(), at_most));
    let deadline = tokio::spawn(keep_promise(signals.stop.clone(), at_most));
    let applied = pipeline::apply(plan, &writers, &session.secrets, assent.concurrency, &signals.stop, &sender).await;
    deadline.abort();
    drop(sender);
    // A renderer that broke is no reason to lose the report.
    let _ = shown.await;
    let report =
        applied.map_err(|cycle| Error::new("ordering the actions").because(cycle).hint("please report this"))?;
    if signals.stop.at_once.is_cancelled() {
        for request in writers.unanswered() {
            output.note(&format!("  answer unknown: {request}"));
        }
    }
    Ok(report)
}

/// Who stops a run is told how long that takes at most, so nothing is waited for beyond that.
async fn keep_promise(stop: Stop, at_most: Duration) {
    stop.gently.cancelled().await;
    tokio::time::sleep(at_most).await;
    stop.at_once.cancel();
}
