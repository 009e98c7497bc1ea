//! Why no agent can run on a host, as far as an engine tells. Free disk space, of which an agent wants 4 GB, it does not
//! tell (API 1.41, `GET /info` and `GET /system/df`), and HCP does not tell which architecture a pool has
//! (`docs/decisions/0010-architecture-of-a-pool.md`).

use super::super::desired::Image;
use super::super::observed::Engine;

/// The least memory that an agent wants, in bytes ("Agent Requirements", HCP Terraform): 2 GB, as `docker info` counts a
/// machine that is sold with it.
const LEAST_MEMORY: u64 = 1_900_000_000;
/// The oldest API that has all that is used here.
const LEAST_API: (u32, u32) = (1, 41);
/// The image that HashiCorp publishes.
const AGENT: &str = "hashicorp/tfc-agent";
/// Its first version for `arm64` (the agent's changelog).
const FIRST_ARM: (u32, u32, u32) = (1, 22, 4);

/// The first reason.
pub(super) fn trouble<'a>(engine: &Engine, images: impl Iterator<Item = &'a Image>) -> Option<String> {
    let Engine { id: _, name: _, version: _, api, os, architecture: _, memory } = engine;
    if os != "linux" {
        return Some(format!("it runs containers of {os}, and the agent is a program for Linux"));
    }
    if numbers(api).is_none_or(|(major, minor, _)| (major, minor) < LEAST_API) {
        let (major, minor) = LEAST_API;
        return Some(format!("its API is {api}, and {major}.{minor} is needed: Docker Engine 20.10 or newer"));
    }
    if (1..LEAST_MEMORY).contains(memory) {
        return Some(format!("it has {} MiB of memory, and an agent needs 2 GB", memory >> 20));
    }
    images.into_iter().find_map(|image| strange(engine.platform(), image))
}

/// Why an image is not to be had for a processor.
fn strange(platform: &str, image: &Image) -> Option<String> {
    let Image { repository, tag, digest: _ } = image;
    if repository.strip_prefix("docker.io/").unwrap_or(repository) != AGENT {
        // What others build is theirs to know.
        return None;
    }
    match platform {
        // Where nothing is said, nothing is known.
        "amd64" | "" => None,
        "arm64" => {
            let version = numbers(tag.as_deref()?)?;
            let (major, minor, patch) = FIRST_ARM;
            (version < FIRST_ARM)
                .then(|| format!("it is arm64, and {AGENT} is made for that from {major}.{minor}.{patch} on: {image}"))
        }
        other => Some(format!("it is {other}, and {AGENT} is made for amd64 and arm64 alone")),
    }
}

/// `1.41`, `1.22.4`
fn numbers(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
    let numbers = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> Engine {
        Engine {
            id: "ID".to_owned(),
            name: "nas".to_owned(),
            version: "24.0.2".to_owned(),
            api: "1.43".to_owned(),
            os: "linux".to_owned(),
            architecture: "x86_64".to_owned(),
            memory: 8 << 30,
        }
    }

    fn said(engine: &Engine, image: &str) -> Option<String> {
        trouble(engine, std::iter::once(&image.parse().unwrap()))
    }

    const NEW: &str = "hashicorp/tfc-agent:1.29.0";

    #[test]
    fn an_ordinary_host_is_fit() {
        assert_eq!(said(&engine(), NEW), None);
        assert_eq!(said(&Engine { memory: 0, ..engine() }, NEW), None, "an engine that does not tell its memory");
        assert_eq!(said(&Engine { api: "1.41".to_owned(), ..engine() }, NEW), None);
    }

    #[test]
    fn what_lacks_something_says_what() {
        let api = |api: &str| said(&Engine { api: api.to_owned(), ..engine() }, NEW).unwrap();
        assert!(api("1.40").contains("1.41 is needed"));
        assert!(api("1.9").contains("1.41 is needed"), "1.9 is older than 1.41");
        assert!(api("").contains("1.41 is needed"));
        assert!(said(&Engine { memory: 1 << 30, ..engine() }, NEW).unwrap().contains("1024 MiB"));
        assert!(said(&Engine { os: "windows".to_owned(), ..engine() }, NEW).unwrap().contains("windows"));
    }

    #[test]
    fn the_image_is_made_for_some_processors_only() {
        let on = |architecture: &str, image: &str| {
            said(&Engine { architecture: architecture.to_owned(), ..engine() }, image)
        };
        assert_eq!(on("aarch64", NEW), None);
        assert!(on("aarch64", "docker.io/hashicorp/tfc-agent:1.22.3").unwrap().contains("from 1.22.4 on"));
        assert_eq!(on("aarch64", "hashicorp/tfc-agent:latest"), None, "no version says nothing");
        assert!(on("armv7l", NEW).unwrap().contains("armv7l"));
        assert_eq!(on("armv7l", "registry.example.house/agent:1"), None, "what others build is theirs to know");
    }
}
