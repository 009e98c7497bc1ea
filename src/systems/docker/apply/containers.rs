//! Containers: made with their token, started, named and removed.

use std::collections::BTreeMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountBindOptions, MountType, RestartPolicy,
    RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    InspectContainerOptions, RemoveContainerOptions, RenameContainerOptions, StartContainerOptions,
};

use super::super::client::SecretBody;
use super::super::desired::{Log, NAME_VARIABLE, TOKEN_VARIABLE};
use super::super::failure::Failure;
use super::super::observed::Complaint;
use super::super::request::{NewContainer, Registration};
use super::super::{labels, logs};
use super::Task;
use super::stop::Stop;
use crate::http::Kind;
use crate::plan::{Output, What};
use crate::secret::Secret;
use crate::systems::Made;

/// What is seen of a container while something is waited for.
pub(super) enum Look {
    /// A process of it lives, in the engine's word.
    Up(String),
    /// None does, in these words: it ended, was never started, or is gone.
    Ended(String),
    /// No answer came.
    Unheard(Failure),
}

impl Task<'_> {
    /// Makes a container. Its name is taken by one of several who ask; one whose answer was lost is found by the token
    /// that it names, which only this run has.
    pub(super) async fn create_container(&self, new: &NewContainer) -> Result<Made, Stop> {
        let token = self.outputs.credential(&new.token).ok_or_else(|| lost_token(&new.token))?;
        let minted = Output { of: new.token.of.clone(), what: What::Id };
        let token_id = self.outputs.id(&minted).ok_or_else(|| lost_token(&minted))?;
        let failure = match self.engine.make_container(&new.name, body(new, token_id, token)).await {
            Ok(id) => return Ok(Made { id: Some(id), credential: None }),
            Err(failure) => failure,
        };
        if (failure.is_unheard() || failure.kind() == Kind::Conflict)
            && let Some(id) = self.made_with(&new.name, token_id).await?
        {
            return Ok(Made { id: Some(id), credential: None });
        }
        Err(Stop::refused(failure))
    }

    async fn made_with(&self, name: &str, token_id: &str) -> Result<Option<String>, Stop> {
        let found = self.engine.ask().inspect_container(name, None::<InspectContainerOptions>).await;
        let found = match found.map_err(|error| self.engine.failure("looking for the container", &error)) {
            Ok(found) => found,
            Err(failure) if failure.kind() == Kind::NotFound => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
        let same = labels.get(labels::TOKEN).is_some_and(|id| id == token_id);
        Ok(found.id.filter(|_| same))
    }

    /// Starts it, and waits until HCP lists its agent: what it relieves may go only then.
    pub(super) async fn start(&self, id: &str, registers: Option<&Registration>) -> Result<(), Stop> {
        let started = self.engine.ask().start_container(id, None::<StartContainerOptions>);
        let started = self.engine.answer(format_args!("POST containers/{id}/start"), started).await;
        match started.map_err(|error| self.engine.failure("starting the container", &error)) {
            Ok(()) => {}
            // It runs already.
            Err(failure) if failure.status() == Some(304) => {}
            Err(failure) if failure.is_unheard() && self.is_up(id).await? => {}
            Err(failure) => return Err(failure.into()),
        }
        match registers {
            Some(registration) => self.registered(id, registration).await,
            None => Ok(()),
        }
    }

    async fn registered(&self, id: &str, registration: &Registration) -> Result<(), Stop> {
        let Registration { pool, works_as, token } = registration;
        let (pool, token) = (self.id(pool)?, self.id(token)?);
        let name = labels::agent_name(works_as, &token);
        let policy = &self.writer.policy;
        let deadline = tokio::time::Instant::now() + policy.patience;
        loop {
            let said = match self.writer.agents.named(&pool, &name).await {
                Ok(agents) if agents.iter().any(|agent| agent.status.holds_a_slot()) => return Ok(()),
                Ok(_) => "HCP does not list it".to_owned(),
                Err(cause) => cause,
            };
            let late = tokio::time::Instant::now() >= deadline;
            let state = match self.look(id).await? {
                Look::Up(_) | Look::Unheard(_) if !late => None,
                Look::Up(state) | Look::Ended(state) => Some(state),
                Look::Unheard(failure) => return Err(failure.into()),
            };
            if let Some(state) = state {
                let Complaint { reason, said: words } = logs::last_words(self.engine, id).await;
                let cause = format!(
                    "its agent {name} does not come to HCP: {said}; the container is {state}, and says: {words}"
                );
                return Err(Stop::because(cause, format!("what it needs is {}", reason.remedy())));
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
    }

    async fn is_up(&self, id: &str) -> Result<bool, Stop> {
        match self.look(id).await? {
            Look::Up(_) => Ok(true),
            Look::Ended(_) => Ok(false),
            Look::Unheard(failure) => Err(failure.into()),
        }
    }

    /// What a container does now. Whoever waits for something asks again where no answer came.
    pub(super) async fn look(&self, id: &str) -> Result<Look, Stop> {
        let found = self.engine.ask().inspect_container(id, None::<InspectContainerOptions>).await;
        let found = match found.map_err(|error| self.engine.failure("looking at the container", &error)) {
            Ok(found) => found,
            Err(failure) if failure.kind() == Kind::NotFound => return Ok(Look::Ended("gone".to_owned())),
            Err(failure) if failure.is_unheard() || failure.is_broken() => return Ok(Look::Unheard(failure)),
            Err(failure) => return Err(failure.into()),
        };
        let state = found.state.unwrap_or_default();
        let up = state.running.unwrap_or(false) || state.restarting.unwrap_or(false) || state.paused.unwrap_or(false);
        let word = state.status.map_or_else(|| "in an unknown state".to_owned(), |status| status.to_string());
        if up {
            return Ok(Look::Up(word));
        }
        let code = state.exit_code.unwrap_or_default();
        Ok(Look::Ended(if word == "created" { word } else { format!("{word} with code {code}") }))
    }

    /// Gives a container another name. It has it already where an answer was lost.
    pub(super) async fn rename(&self, id: &str, to: &str) -> Result<(), Stop> {
        let options = RenameContainerOptions { name: to.to_owned() };
        let renamed = self.engine.ask().rename_container(id, options);
        let renamed = self.engine.answer(format_args!("POST containers/{id}/rename?name={to}"), renamed).await;
        match renamed.map_err(|error| self.engine.failure("renaming the container", &error)) {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_unheard() || failure.status() == Some(400) => {
                let found = self.engine.ask().inspect_container(id, None::<InspectContainerOptions>).await;
                let found = self.heard(found, "looking for the container")?;
                let name = found.name.unwrap_or_default();
                if name.trim_start_matches('/') == to { Ok(()) } else { Err(failure.into()) }
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Removes one that has ended: never one that runs.
    pub(super) async fn remove_container(&self, id: &str) -> Result<(), Stop> {
        let options = RemoveContainerOptions { force: false, v: true, link: false };
        let removed = self.engine.ask().remove_container(id, Some(options));
        let removed = self.engine.answer(format_args!("DELETE containers/{id}"), removed).await;
        self.gone(removed, "removing the container")
    }
}

fn lost_token(output: &Output) -> Stop {
    Stop::because(
        format!("{} made no token that it could take", output.of),
        "run it again: the next apply mints another one",
    )
}

/// The whole of what is sent. The token's value is in here, so nothing prints it.
fn body(new: &NewContainer, token_id: &str, token: &Secret) -> SecretBody {
    let NewContainer {
        name: _,
        works_as,
        image,
        pulled: _,
        labels,
        environment,
        token: _,
        network,
        connected: _,
        mounts,
        filled: _,
        free: _,
        always,
        stop_timeout,
        memory,
        millicpus,
        log,
    } = new;
    let mut environment: BTreeMap<&str, &str> =
        environment.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let agent = labels::agent_name(works_as, token_id);
    environment.insert(NAME_VARIABLE, &agent);
    environment.remove(TOKEN_VARIABLE);
    let mut labels = labels.clone();
    labels.insert(labels::TOKEN.to_owned(), token_id.to_owned());
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let restart = if *always { RestartPolicyNameEnum::UNLESS_STOPPED } else { RestartPolicyNameEnum::NO };
    let body = ContainerCreateBody {
        image: Some(image.exact()),
        env: Some(environment.into_iter().map(|(key, value)| format!("{key}={value}")).collect()),
        labels: Some(labels.into_iter().collect()),
        stop_timeout: Some(signed(*stop_timeout)),
        host_config: Some(HostConfig {
            restart_policy: Some(RestartPolicy { name: Some(restart), maximum_retry_count: None }),
            network_mode: Some(network.clone()),
            mounts: Some(mounts.iter().map(|(target, source)| mount(target, source)).collect()),
            memory: memory.map(signed),
            nano_cpus: millicpus.map(|millicpus| i64::from(millicpus) * 1_000_000),
            log_config: log.as_ref().map(|Log { driver, options }| HostConfigLogConfig {
                typ: Some(driver.clone()),
                config: Some(options.clone().into_iter().collect()),
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    SecretBody::new(body, TOKEN_VARIABLE, token)
}

/// A path of the host begins with a slash, a volume's name does not.
pub(super) fn mount(target: &str, source: &str) -> Mount {
    let on_host = source.starts_with('/');
    Mount {
        target: Some(target.to_owned()),
        source: Some(source.to_owned()),
        typ: Some(if on_host { MountType::BIND } else { MountType::VOLUME }),
        read_only: Some(true),
        bind_options: on_host.then(MountBindOptions::default),
        ..Mount::default()
    }
}
