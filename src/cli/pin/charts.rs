//! The lock file beside the spec: which archives of the operator's chart the versions in the spec mean.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;

use crate::error::Error;
use crate::http::Policy;
use crate::plan::show::clean;
use crate::systems::kube::chart::{Fetching, Lock, Locked, fetch, lock};
use crate::systems::kube::desired::{Chart, ChartSource, Desired};
use crate::systems::kube::operator::Version;

/// One archive, and what the lock file said of it before.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    version: Version,
    url: String,
    sha256: String,
    /// The digest that the lock file had before.
    before: Option<String>,
    targets: Vec<String>,
}

/// An archive that the spec wants, and for which targets.
#[derive(Debug)]
pub struct Wanted {
    version: Version,
    source: ChartSource,
    targets: Vec<String>,
}

/// The archives that the spec wants, by version. Of two places for one version the first target's counts: what is in the
/// lock file is the digest, which both must have.
pub fn wanted(kube: &Desired) -> Vec<Wanted> {
    let mut wanted: BTreeMap<Version, Wanted> = BTreeMap::new();
    for (key, target) in kube.targets.iter().filter(|(_, target)| !target.absent) {
        let version = target.operator.options.version;
        let Chart { source, sha256: _ } = &target.operator.chart;
        let entry = wanted.entry(version);
        let entry = entry.or_insert_with(|| Wanted { version, source: source.clone(), targets: Vec::new() });
        entry.targets.push(key.clone());
    }
    wanted.into_values().collect()
}

/// Gets every archive and writes the lock file, if it says anything new. What it says of other versions stays.
pub async fn lock(folder: &Path, wanted: Vec<Wanted>) -> Result<Vec<Line>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let file = folder.join(lock::FILE);
    let before = read(&file)?;
    let mut after = before.clone();
    let mut lines = Vec::new();
    let policy = Policy::live();
    // A path of the spec is relative to where this program runs by now.
    let how = Fetching { policy: &policy, ca: None, loopback_only: false, folder: Path::new("") };
    for Wanted { version, source, targets } in wanted {
        let (place, url) = match &source {
            ChartSource::Url(url) => (url.clone(), url.clone()),
            ChartSource::Path(path) => {
                let beside = path.strip_prefix(folder).unwrap_or(path);
                (path.display().to_string(), beside.display().to_string())
            }
        };
        let archive = fetch(&place, &how).await?;
        after.pin(version, &url, &archive).map_err(|refused| {
            let remedy = refused.remedy();
            Error::new(format!("pinning the operator's chart {place}")).because(refused).hint(remedy)
        })?;
        let sha256 = after.chart(version).map(|locked| locked.sha256.clone()).unwrap_or_default();
        let was = before.chart(version).ok().map(|Locked { url: _, sha256 }| sha256.clone());
        lines.push(Line { version, url, sha256, before: was, targets });
    }
    if after != before {
        std::fs::write(&file, after.text()).map_err(|cause| {
            let hint = "let this program write there, or run it where it may";
            Error::new(format!("writing the lock file {}", file.display())).because(cause).hint(hint)
        })?;
    }
    Ok(lines)
}

fn read(file: &Path) -> Result<Lock, Error> {
    let doing = || Error::new(format!("reading the lock file {}", file.display()));
    match std::fs::read_to_string(file) {
        Ok(text) => Lock::read(&text).map_err(|unusable| {
            let remedy = unusable.remedy();
            doing().because(unusable).hint(remedy)
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Lock::default()),
        Err(error) => Err(doing().because(error).hint("let this program read it")),
    }
}

impl Line {
    /// A comment, as it stands above the lines to paste.
    pub fn text(&self) -> String {
        let Self { version, url, sha256, before, targets } = self;
        let news = match before {
            None => "new".to_owned(),
            Some(before) if before.eq_ignore_ascii_case(sha256) => "as before".to_owned(),
            Some(before) => format!("another archive than before, whose sha256 was {before}"),
        };
        let (file, targets) = (lock::FILE, clean(&targets.join(", ")));
        format!("# {file}: chart {version} for {targets}, {}, sha256 {sha256}; {news}", clean(url))
    }
}
