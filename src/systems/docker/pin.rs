//! Digests of images that the spec names by a tag alone, as the targets' own engines know them: an engine has the way and
//! the credentials to its registry, and this program needs none.

use std::collections::{BTreeMap, BTreeSet};

use super::client::{Engine, Reader};
use super::desired::{Desired, Image};
use crate::origin::{Origin, Origins, Place};
use crate::systems::hcp::pool_address;

/// An image of the spec that a tag may move to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpinned {
    /// The image.
    pub image: Image,
    /// Where the spec names it.
    pub origin: Option<Origin>,
    /// Targets whose engines run it.
    pub targets: BTreeSet<String>,
    /// Keys of the pools whose agents it is.
    pub pools: BTreeSet<String>,
}

/// A digest, and who knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// `sha256:…`
    pub digest: String,
    /// The target whose engine was asked.
    pub target: String,
    /// Its registry could not be asked for this reason, so it is the digest of the image that is there.
    pub instead: Option<String>,
}

/// All images without a digest, in the order in which the spec names them.
#[must_use]
pub fn unpinned(want: &Desired, origins: &Origins) -> Vec<Unpinned> {
    let mut found: BTreeMap<(Option<Place>, Image), Unpinned> = BTreeMap::new();
    for (target, wanted) in want.targets.iter().filter(|(_, target)| !target.absent) {
        for (pool, service) in &wanted.services {
            let image = &service.agent.image;
            if image.digest.is_some() {
                continue;
            }
            let origin = origins.of(&pool_address(&service.pool), "image");
            let place = match origin {
                Some(Origin::Spec(place) | Origin::Default(place) | Origin::Template(place)) => Some(place.clone()),
                Some(Origin::Derived { .. } | Origin::Documented) | None => None,
            };
            let entry = found.entry((place, image.clone())).or_insert_with(|| Unpinned {
                image: image.clone(),
                origin: origin.cloned(),
                targets: BTreeSet::new(),
                pools: BTreeSet::new(),
            });
            entry.targets.insert(target.clone());
            entry.pools.insert(pool.clone());
        }
    }
    found.into_values().collect()
}

/// The digest of an image: of the first engine that can say it.
///
/// # Errors
/// Why none can: the answer of each, and what to do about the first.
pub async fn digest(reader: &Reader, unpinned: &Unpinned) -> Result<Digest, (Vec<String>, String)> {
    let (mut causes, mut remedy) = (Vec::new(), None);
    for target in &unpinned.targets {
        let (said, hint) = match reader.engines.get(target) {
            Some(Ok(engine)) => match ask(engine, target, &unpinned.image).await {
                Ok(digest) => return Ok(digest),
                Err(refused) => refused,
            },
            Some(Err(failure)) => (failure.to_string(), failure.remedy().to_owned()),
            None => ("nothing says how to reach it".to_owned(), "name a way in access.yaml".to_owned()),
        };
        causes.push(format!("docker/{target}: {said}"));
        remedy.get_or_insert(hint);
    }
    Err((causes, remedy.unwrap_or_default()))
}

/// What its registry says, else which image of that name is there.
async fn ask(engine: &Engine, target: &str, image: &Image) -> Result<Digest, (String, String)> {
    let name = image.tagged();
    let asked = engine.ask().inspect_registry_image(&name, None).await;
    let failure = match asked.map_err(|error| engine.failure("asking its registry", &error)) {
        Ok(answer) => match answer.descriptor.digest.filter(|digest| is_digest(digest)) {
            Some(digest) => return Ok(Digest { digest, target: target.to_owned(), instead: None }),
            None => return Err(("its registry names no digest".to_owned(), "pin it by hand".to_owned())),
        },
        Err(failure) => failure,
    };
    let there = engine.ask().inspect_image(&name).await;
    let there = there.ok().and_then(|image| image.repo_digests).unwrap_or_default();
    let of_it = format!("{}@", image.repository);
    let digest = there.iter().find_map(|known| known.strip_prefix(&of_it)).filter(|digest| is_digest(digest));
    match digest {
        Some(digest) => {
            Ok(Digest { digest: digest.to_owned(), target: target.to_owned(), instead: Some(failure.to_string()) })
        }
        None => Err((format!("{failure}; and it has no such image"), failure.remedy().to_owned())),
    }
}

/// What an engine says is pasted into a spec, so it is looked at first.
fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
