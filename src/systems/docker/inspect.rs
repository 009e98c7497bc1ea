//! What lists do not show: a look into each container of ours.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{ContainerConfig, ContainerInspectResponse, HostConfig};
use bollard::query_parameters::InspectContainerOptions;
use futures::{StreamExt as _, stream};

use super::client::Engine;
use super::container_address;
use super::desired::{Log, NAME_VARIABLE, TOKEN_VARIABLE, Target};
use super::labels;
use super::observed::{Container, Details, Host};
use super::plan::variable_names;
use crate::owner::FleetName;
use crate::plan::{Gap, Read};

/// Looks at once: an engine is one machine, and may be a small one.
const AT_ONCE: usize = 8;

/// Adds to a host what its containers of ours are like inside.
pub(super) async fn deeply(
    engine: &Engine,
    target: &str,
    (fleet, wanted): (&FleetName, &Target),
    mut host: Host,
) -> Host {
    let known: BTreeSet<String> = wanted.services.values().flat_map(|service| variable_names(&service.agent)).collect();
    let ours = host.containers.seen().iter().filter(|container| {
        labels::is_ours(&container.labels, fleet) && container.label(labels::PROJECT) == Some(&wanted.project)
    });
    let looks: Vec<_> = ours.map(|container| look(engine, target, container, &known)).collect();
    let details: Vec<_> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    host.details = details.into_iter().collect();
    host
}

async fn look(
    engine: &Engine,
    target: &str,
    container: &Container,
    known: &BTreeSet<String>,
) -> (String, Read<Details>) {
    let id = container.id.clone();
    let found = engine.ask().inspect_container(&id, None::<InspectContainerOptions>).await;
    let read = match found.map_err(|error| engine.failure("looking into the container", &error)) {
        Ok(found) => Read::Seen(details(found, &id, known)),
        Err(failure) => Read::Unread(Gap {
            address: container_address(target, &container.name),
            doing: "looking into it".to_owned(),
            cause: failure.to_string(),
            follows: "it is compared by what the list shows alone".to_owned(),
            hint: failure.remedy().to_owned(),
            expected: false,
        }),
    };
    (id, read)
}

/// Here the answer loses what nobody may keep: the token, and variables that others put there.
fn details(found: ContainerInspectResponse, id: &str, known: &BTreeSet<String>) -> Details {
    let ContainerConfig { env, stop_timeout, .. } = found.config.unwrap_or_default();
    let HostConfig { restart_policy, memory, nano_cpus, log_config, .. } = found.host_config.unwrap_or_default();
    let secret = |name: &str| name == TOKEN_VARIABLE || name == NAME_VARIABLE;
    let environment: BTreeMap<String, String> = env
        .unwrap_or_default()
        .iter()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| known.contains(*name) && !secret(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let restart = restart_policy.and_then(|policy| policy.name).map(|name| name.to_string());
    let log = log_config.unwrap_or_default();
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let aliases = networks.into_values().filter_map(|network| network.aliases).flatten();
    Details {
        environment,
        // An engine says nothing where it does nothing.
        restart: restart.filter(|name| !name.is_empty()).unwrap_or_else(|| "no".to_owned()),
        stop_timeout: stop_timeout.and_then(|seconds| u64::try_from(seconds).ok()),
        memory: memory.and_then(positive),
        nanocpus: nano_cpus.and_then(positive),
        log: Log { driver: log.typ.unwrap_or_default(), options: log.config.unwrap_or_default().into_iter().collect() },
        writable: found
            .mounts
            .unwrap_or_default()
            .into_iter()
            .filter(|mount| mount.rw.unwrap_or(true))
            .filter_map(|mount| mount.destination)
            .collect(),
        // Engines add the beginning of the id by themselves.
        aliases: aliases.filter(|alias| !id.starts_with(alias.as_str())).collect(),
    }
}

/// Nought is an engine's word for no limit.
fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not a token of anybody, and nothing else that may come out of here.
    const CANARY: &str = "canary.atlasv1.never-kept";

    #[test]
    fn the_token_and_what_others_put_there_is_dropped() {
        let env = [
            format!("{TOKEN_VARIABLE}={CANARY}"),
            format!("{NAME_VARIABLE}={CANARY}"),
            format!("AWS_SECRET_ACCESS_KEY={CANARY}"),
            "TFC_AGENT_LOG_LEVEL=info".to_owned(),
        ];
        let config = ContainerConfig { env: Some(env.to_vec()), ..ContainerConfig::default() };
        let found = ContainerInspectResponse { config: Some(config), ..ContainerInspectResponse::default() };
        // Also where a spec speaks of it by name.
        let known = [TOKEN_VARIABLE, NAME_VARIABLE, "TFC_AGENT_LOG_LEVEL"].map(str::to_owned).into();
        let details = details(found, "0123456789abcdef", &known);
        assert_eq!(details.environment, [("TFC_AGENT_LOG_LEVEL".to_owned(), "info".to_owned())].into());
        let kept = format!("{details:?}{}", serde_json::to_string(&details).unwrap());
        assert!(!kept.contains("canary"), "{kept}");
    }

    #[test]
    fn an_engine_that_says_nothing_sets_no_limit() {
        let details = details(ContainerInspectResponse::default(), "0123", &BTreeSet::new());
        assert_eq!(details.restart, "no");
        assert_eq!((details.memory, details.nanocpus, details.stop_timeout), (None, None, None));
    }
}
