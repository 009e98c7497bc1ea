//! Sends one change to a host, and says what came of it.

mod containers;
mod drain;
mod stop;
mod volumes;

use std::time::Duration;

use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::CreateImageOptions;
use futures::TryStreamExt as _;
use jiff::Timestamp;
use tokio::time::Instant;

use self::stop::Stop;
use super::client::{Engine, Writer};
use super::desired::Image;
use super::request::{Call, Request};
use crate::address::Address;
use crate::error::Error;
use crate::http::Kind;
use crate::plan::Later;
use crate::systems::{Made, Outputs};

/// The longest that an engine is asked again to remove a network that was in use a moment ago.
const LINGERING: Duration = Duration::from_secs(10);

/// One request, with all that it may take.
struct Task<'a> {
    writer: &'a Writer,
    engine: &'a Engine,
    outputs: &'a Outputs,
}

/// Sends one request, and says what came of it.
///
/// # Errors
/// When the engine cannot be reached, or does not do it.
pub async fn apply(writer: &Writer, request: &Request, address: &Address, outputs: &Outputs) -> Result<Made, Error> {
    let Request { target, call } = request;
    let engine = match writer.engine(target).await {
        Some(Ok(engine)) => engine,
        Some(Err(failure)) => return Err(Stop::from(failure).at(address)),
        None => {
            let stop = Stop::because("nothing says how to reach its engine", "name a way in access.yaml");
            return Err(stop.at(address));
        }
    };
    let task = Task { writer, engine, outputs };
    task.perform(call).await.map_err(|stop| stop.at(address))
}

impl Task<'_> {
    async fn perform(&self, call: &Call) -> Result<Made, Stop> {
        match call {
            Call::PullImage { image } => self.pull(image).await?,
            Call::CreateNetwork { name, labels } => {
                let request = NetworkCreateRequest {
                    name: name.clone(),
                    labels: Some(labels.clone().into_iter().collect()),
                    ..NetworkCreateRequest::default()
                };
                // An engine takes several networks of one name, so one that was made meanwhile is looked for first.
                if self.networks(name).await?.is_empty() {
                    self.create_network(request).await?;
                }
            }
            Call::RemoveNetwork { id, name: _, empty: _ } => self.remove_network(id).await?,
            Call::FillVolume { name, labels, content, image, pulled: _ } => {
                self.fill_volume(name, labels, content, image).await?;
            }
            Call::RemoveVolume { name, unused: _ } => {
                self.remove_volume(name).await?;
            }
            Call::CreateContainer(new) => return self.create_container(new).await,
            Call::Start { container, ready: _, restarts: _, registers } => {
                self.start(&self.id(container)?, registers.as_ref()).await?;
            }
            Call::Drain(drain) => self.drain(drain).await?,
            Call::Rename { container, to, free: _ } => {
                let id = self.id(container)?;
                self.rename(&id, to).await?;
                return Ok(Made { id: Some(id), credential: None });
            }
            Call::RemoveContainer { id, ended: _ } => self.remove_container(id).await?,
        }
        Ok(Made::default())
    }

    /// An id that is known by now.
    fn id(&self, later: &Later<String>) -> Result<String, Stop> {
        match later {
            Later::Known(id) => Ok(id.clone()),
            Later::From(output) => self.outputs.id(output).map(str::to_owned).ok_or_else(|| {
                let cause = format!("{} made nothing that it could take", output.of);
                Stop::because(cause, "run it again: the next plan reads what is there")
            }),
        }
    }

    fn heard<T>(&self, answer: Result<T, bollard::errors::Error>, doing: &'static str) -> Result<T, Stop> {
        answer.map_err(|error| self.engine.failure(doing, &error).into())
    }

    /// What is gone already was to go.
    fn gone(&self, answer: Result<(), bollard::errors::Error>, doing: &'static str) -> Result<(), Stop> {
        match answer.map_err(|error| self.engine.failure(doing, &error)) {
            Ok(()) => Ok(()),
            Err(failure) if failure.kind() == Kind::NotFound => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Makes a network. Of two runs that do so at the same time, the later takes its own away again: who made the first
    /// may not have seen the second, but who made the second sees both. Nothing is in one that was just made.
    async fn create_network(&self, request: NetworkCreateRequest) -> Result<(), Stop> {
        let name = request.name.clone();
        let made = self
            .engine
            .answer(format_args!("POST networks/create?name={name}"), self.engine.ask().create_network(request))
            .await;
        let made = self.heard(made, "making the network")?;
        let first = self.networks(&name).await?.into_iter().next();
        if first.is_some_and(|first| first != made.id) {
            let removed = self.take_away_network(&made.id).await;
            self.gone(removed, "removing the network that another run made too")?;
        }
        Ok(())
    }

    /// Removes a network. An engine may count a container in for a moment that it has removed already, and then it refuses
    /// (seen with 20.10.24 under load).
    async fn remove_network(&self, id: &str) -> Result<(), Stop> {
        let policy = &self.writer.policy;
        let deadline = Instant::now() + policy.patience.min(LINGERING);
        loop {
            let removed = self.take_away_network(id).await;
            let lingers =
                matches!(&removed, Err(bollard::errors::Error::DockerResponseServerError { status_code: 403, .. }));
            if !lingers || Instant::now() >= deadline {
                return self.gone(removed, "removing the network");
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
    }

    async fn take_away_network(&self, id: &str) -> Result<(), bollard::errors::Error> {
        self.engine.answer(format_args!("DELETE networks/{id}"), self.engine.ask().remove_network(id)).await
    }

    /// The ids of the networks of a name, the oldest first.
    async fn networks(&self, name: &str) -> Result<Vec<String>, Stop> {
        let networks = self.engine.ask().list_networks(None::<bollard::query_parameters::ListNetworksOptions>).await;
        let networks = self.heard(networks, "listing the networks")?;
        let mut named: Vec<_> = networks
            .into_iter()
            .filter(|network| network.name.as_deref() == Some(name))
            .map(|network| (network.created.and_then(|text| text.parse::<Timestamp>().ok()), network.id))
            .collect();
        named.sort();
        Ok(named.into_iter().filter_map(|(_, id)| id).collect())
    }

    /// Pulls an image. The engine goes on with a pull that nobody listens to, and a second one joins it.
    async fn pull(&self, image: &Image) -> Result<(), Stop> {
        let options = CreateImageOptions { from_image: Some(image.exact()), ..CreateImageOptions::default() };
        let engine = self.engine.ask_patiently(self.writer.policy.long());
        let pulled = engine.create_image(Some(options), None, None).try_for_each(async |step| {
            let status = step.status.unwrap_or_default();
            tracing::debug!(%image, layer = step.id.unwrap_or_default(), status, "pulling");
            Ok(())
        });
        let what = format_args!("POST images/create?fromImage={}", image.exact());
        self.engine.answer(what, pulled).await.map_err(|error| {
            let failure = self.engine.failure("pulling the image", &error);
            match failure.kind() {
                Kind::NotFound => {
                    Stop::hinted(failure, "correct its name or tag in the spec: the registry has no such image")
                }
                _ => failure.into(),
            }
        })
    }
}
