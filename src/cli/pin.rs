//! `pin`: digests of images that the spec names by a tag alone, ready to paste; and the lock file, which names the archives
//! of the operator's chart.

mod charts;

use serde::Serialize;

use super::Ended;
use super::arguments::{Format, Globals, Pin};
use super::exit::Exit;
use super::output::Output;
use super::plan;
use super::session::{self, Session};
use super::signals::Signals;
use crate::error::Error;
use crate::origin::Origin;
use crate::plan::show::clean;
use crate::systems::docker::client::Reader;
use crate::systems::docker::pin::{self, Digest, Unpinned};

/// The document of a pin.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    format_version: u32,
    images: Vec<Line>,
    charts: Vec<charts::Line>,
}

/// One image.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    /// The key of the spec: `image`, or `agentImage` of the defaults.
    key: &'static str,
    image: String,
    pinned: Option<String>,
    place: Option<String>,
    pools: Vec<String>,
    /// Who says so, or why nobody does.
    note: String,
}

/// `pin`
pub async fn run(arguments: &Pin, globals: &Globals, output: Output, signals: &Signals) -> Ended {
    let fleet = match session::load(&arguments.spec.files, globals, output)? {
        Ok(fleet) => fleet,
        Err(exit) => return Ok(exit),
    };
    let images = pin::unpinned(&fleet.desired.docker, &fleet.desired.origins);
    // A sandbox serves a chart of its own making, which no lock file should name.
    let wanted = if globals.sandbox.is_some() { Vec::new() } else { charts::wanted(&fleet.desired.kube) };
    let work = async {
        let locked = charts::lock(&session::folder(&fleet.files), wanted).await?;
        let mut found = Vec::new();
        if images.is_empty() {
            return Ok((found, locked));
        }
        let session = Session::open(fleet, globals).await?;
        let reader = Reader::new(&session.access.docker, &session.access.policy).await;
        for image in images {
            let digest = pin::digest(&reader, &image).await;
            found.push((image, digest));
        }
        Ok::<_, Error>((found, locked))
    };
    let (found, locked) = match signals.unless_stopped(Box::pin(work)).await {
        Ok(found) => found?,
        Err(exit) => return Ok(exit),
    };
    let mut exit = Exit::Converged;
    let mut lines = Vec::new();
    for (image, digest) in found {
        if let Err((causes, remedy)) = &digest {
            let doing = format!("asking for the digest of {}", image.image);
            output.error(&Error::new(doing).because(causes.join("; ")).hint(remedy.clone()));
            exit = exit.or(Exit::Incomplete);
        }
        lines.push(Line::new(&image, digest.as_ref()));
    }
    match arguments.format {
        Format::Text => output.result(&text(&lines, &locked, exit))?,
        Format::Json => {
            output.result(&plan::document(&Document { format_version: 1, images: lines, charts: locked })?)?;
        }
    }
    Ok(exit)
}

impl Line {
    fn new(unpinned: &Unpinned, digest: Result<&Digest, &(Vec<String>, String)>) -> Self {
        let Unpinned { image, origin, targets: _, pools } = unpinned;
        let (key, place) = match origin {
            Some(Origin::Default(place)) => ("agentImage", Some(place)),
            Some(Origin::Spec(place) | Origin::Template(place)) => ("image", Some(place)),
            Some(Origin::Derived { from: _, place }) => ("image", place.as_ref()),
            Some(Origin::Documented) | None => ("image", None),
        };
        let note = match digest {
            Ok(Digest { digest: _, target, instead: None }) => format!("its registry, asked by docker/{target}"),
            Ok(Digest { digest: _, target, instead: Some(cause) }) => {
                format!("the image that docker/{target} has; its registry was not asked: {cause}")
            }
            Err((causes, _)) => causes.join("; "),
        };
        Self {
            key,
            image: image.to_string(),
            pinned: digest.ok().map(|found| format!("{image}@{}", found.digest)),
            place: place.map(ToString::to_string),
            pools: pools.iter().cloned().collect(),
            note,
        }
    }
}

/// Lines of a spec, with comments that may stay in it.
fn text(lines: &[Line], charts: &[charts::Line], exit: Exit) -> String {
    let mut written: Vec<String> = charts.iter().map(charts::Line::text).collect();
    for Line { key, image, pinned, place, pools, note } in lines {
        let place = place.as_deref().unwrap_or("the spec");
        written.push(format!("# {}, for {}; {}", clean(place), clean(&pools.join(", ")), clean(note)));
        match pinned {
            Some(pinned) => written.push(format!("{key}: {}", clean(pinned))),
            None => written.push(format!("# {key}: {}   not known", clean(image))),
        }
    }
    let known = lines.iter().filter(|line| line.pinned.is_some()).count();
    let summary = match (lines.len(), known) {
        (0, _) => "Every image on a Docker host is pinned.".to_owned(),
        (1, 1) => "1 image to pin.".to_owned(),
        (1, _) => "1 image to pin, and its digest is not known.".to_owned(),
        (all, known) if all == known => format!("{all} images to pin."),
        (all, known) => format!("{all} images to pin, {} of them not known.", all - known),
    };
    let ending = if exit == Exit::Converged { "0: answered".to_owned() } else { exit.ending() };
    written.push(format!("# {summary}   ({ending})\n"));
    written.join("\n")
}
