//! Reads of each cluster all that a plan needs: one list of each kind, however many pools there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::client::{Cluster as Client, Kind, Reader};
use super::desired::{Desired, Target, Token};
use super::failure::{Failure, FailureKind};
use super::object::Object;
use super::observed::{Cluster, Identity, Live, Observed, Trial};
use super::wanted::{self, Context, Files, Wanted};
use super::{labels, target_address, wire};
use crate::address::Address;
use crate::plan::{Gap, Listing, Read};
use crate::secret::fingerprint::Fingerprint;
use crate::secret::{Compared, Secrets};

/// Kinds of the target's namespace that ours are among.
const WITHIN: [Kind; 7] = [
    Kind::SERVICE_ACCOUNT,
    Kind::SECRET,
    Kind::CONFIG_MAP,
    Kind::SERVICE,
    Kind::DEPLOYMENT,
    Kind::AGENT_POOL,
    Kind::EXTERNAL_SECRET,
];
/// Kinds of the whole cluster that ours are among. Roles are among them: agents may do something in any namespace.
const AROUND: [Kind; 6] = [
    Kind::NAMESPACE,
    Kind::ROLE,
    Kind::ROLE_BINDING,
    Kind::CLUSTER_ROLE,
    Kind::CLUSTER_ROLE_BINDING,
    Kind::CUSTOM_RESOURCE_DEFINITION,
];

/// Reads all clusters.
pub async fn observe(reader: &Reader, want: &Desired, secrets: &Secrets) -> Observed {
    let files = files(want).await;
    let clusters = want.targets.iter().map(|(key, target)| {
        let context = Context { fleet: &want.fleet, organization: &want.organization, files: &files };
        let look = Look { reader, context, key, target, secrets };
        async move { (key.clone(), look.cluster().await.map_or_else(Read::Unread, Read::Seen)) }
    });
    let clusters = futures::future::join_all(clusters).await.into_iter().collect();
    Observed { clusters, files, requests: reader.requests() }
}

/// Certificates that are wanted in a cluster.
async fn files(want: &Desired) -> Files {
    let of_target = |target: &Target| {
        let pools = target.pools.values().filter_map(|pool| pool.agent.ca.clone());
        target.operator.ca.iter().cloned().chain(pools).collect::<Vec<_>>()
    };
    let paths: BTreeSet<PathBuf> = want.targets.values().flat_map(of_target).collect();
    let read = paths.into_iter().map(|path| async move {
        let read = match tokio::fs::read_to_string(&path).await {
            Ok(text) => Read::Seen(text),
            Err(error) => Read::Unread(Gap {
                address: Address::new(["kube"]),
                doing: format!("reading the certificates in {}", path.display()),
                cause: error.to_string(),
                follows: "nothing that trusts them is made or changed".to_owned(),
                hint: "look at the path in the spec, which is relative to the spec's folder".to_owned(),
                expected: false,
            }),
        };
        (path, read)
    });
    futures::future::join_all(read).await.into_iter().collect()
}

/// One look at one cluster.
#[derive(Clone, Copy)]
struct Look<'a> {
    reader: &'a Reader,
    context: Context<'a>,
    key: &'a str,
    target: &'a Target,
    secrets: &'a Secrets,
}

impl Look<'_> {
    async fn cluster(self) -> Result<Cluster, Gap> {
        let client = self.reader.cluster(self.key).map_err(|failure| self.away(failure))?;
        // First and alone: which cluster it is decides whether anything else of it matters.
        let system = client.get(&Kind::NAMESPACE, None, "kube-system").await.map_err(|failure| self.away(&failure))?;
        let uid = system.as_ref().and_then(|it| it["metadata"]["uid"].as_str()).unwrap_or_default().to_owned();
        client.is_known_as(&uid);
        let namespace = self.target.namespace.as_str();
        let (kinds_within, kinds_around, node) = (WITHIN, AROUND, Kind::NODE);
        let within = kinds_within.iter().map(|kind| self.list(client, kind, Some(namespace)));
        let around = kinds_around.iter().map(|kind| self.list(client, kind, None));
        let (within, around, nodes, warnings) = tokio::join!(
            futures::future::join_all(within),
            futures::future::join_all(around),
            client.list_metadata(&node, None, None),
            self.warnings(client),
        );
        let mut objects: BTreeMap<String, Listing<Live>> = within.into_iter().chain(around).collect();
        self.outline_others(&mut objects);
        let identity = Identity {
            uid,
            version: client.version().git_version.clone(),
            address: client.address().to_owned(),
            nodes: nodes.map(|listing| architectures(&listing.items)).unwrap_or_default(),
        };
        let mut seen = Cluster {
            identity,
            objects,
            warnings,
            trials: BTreeMap::new(),
            token: None,
            definitions: self.definitions().await,
        };
        seen.token = self.token(&seen).await;
        seen.trials = self.trials(client, &seen).await;
        Ok(seen)
    }

    fn away(&self, failure: &Failure) -> Gap {
        Gap {
            address: target_address(self.key),
            doing: "reaching its Kubernetes API".to_owned(),
            cause: failure.to_string(),
            follows: "nothing is done there".to_owned(),
            hint: failure.remedy().to_owned(),
            expected: self.target.may_be_away && failure.is_absence(),
        }
    }

    async fn list(self, client: &Client, kind: &Kind, namespace: Option<&str>) -> (String, Listing<Live>) {
        // Definitions are long, and who owns their fields says enough.
        let listed = if *kind == Kind::CUSTOM_RESOURCE_DEFINITION {
            client.list_metadata(kind, namespace, None).await
        } else {
            client.list(kind, namespace, None).await
        };
        let listing = match listed {
            Ok(listing) => Listing::Complete(listing.items.into_iter().map(wire::live).collect()),
            // No definition of it, so there are none.
            Err(failure) if failure.is_not_served() => Listing::Complete(Vec::new()),
            Err(failure) => Listing::Partial(
                Vec::new(),
                Gap {
                    address: target_address(self.key),
                    doing: failure.doing().to_owned(),
                    cause: failure.to_string(),
                    follows: "nothing is done there".to_owned(),
                    hint: failure.remedy().to_owned(),
                    expected: false,
                },
            ),
        };
        (kind.kind.to_string(), listing)
    }

    /// Of what is neither ours nor has the name of something of ours, little is kept.
    fn outline_others(self, objects: &mut BTreeMap<String, Listing<Live>>) {
        let wanted = wanted::objects(&self.context, self.target, &[]);
        let named: BTreeSet<(&str, Option<&str>, &str)> = wanted
            .iter()
            .map(|it| (it.object.kind.as_str(), it.object.namespace.as_deref(), it.object.name.as_str()))
            .collect();
        for (kind, listing) in objects {
            for live in listing.seen_mut() {
                let is_named = named.contains(&(kind.as_str(), live.namespace.as_deref(), live.name.as_str()));
                if !is_named && !labels::is_ours(live, self.context.fleet) {
                    wire::outline(live);
                }
            }
        }
    }

    /// The definitions that the operator's chart brings.
    async fn definitions(self) -> Read<Vec<Object>> {
        if self.target.absent {
            return Read::NotAsked;
        }
        let operator = &self.target.operator;
        match self.reader.definitions(&operator.chart, operator.options.version).await {
            Ok(definitions) => Read::Seen(definitions),
            Err(error) => Read::Unread(Gap {
                address: target_address(self.key),
                doing: "getting the definitions of the operator's kinds".to_owned(),
                cause: error.chain(),
                follows: "nothing is done there".to_owned(),
                hint: error.remedy().unwrap_or_default().to_owned(),
                expected: false,
            }),
        }
    }

    /// The newest warning about each pool. Without them a plan says less, and decides the same.
    async fn warnings(self, client: &Client) -> BTreeMap<String, String> {
        let Ok(events) = client.list(&Kind::EVENT, Some(&self.target.namespace), None).await else {
            return BTreeMap::new();
        };
        let about = |event: &&Value| event["involvedObject"]["kind"] == "AgentPool" && event["type"] == "Warning";
        let mut found: Vec<(&str, &str, String)> = events
            .items
            .iter()
            .filter(about)
            .filter_map(|event| {
                let when = event["lastTimestamp"].as_str().or(event["eventTime"].as_str()).unwrap_or_default();
                let name = event["involvedObject"]["name"].as_str()?;
                let (reason, message) = (event["reason"].as_str()?, event["message"].as_str().unwrap_or_default());
                Some((name, when, format!("{reason}: {message}")))
            })
            .collect();
        found.sort_by_key(|(_, when, _)| *when);
        found.into_iter().map(|(name, _, text)| (name.to_owned(), text)).collect()
    }

    /// Whether the operator's token is the one that its source gives. It is not read for that: our fingerprint of what we
    /// wrote stands beside it, and holds as long as the value is ours, which the server says.
    async fn token(self, seen: &Cluster) -> Option<Compared> {
        let Some(Token::Value(source)) = &self.target.token else { return None };
        let secret = seen.object("Secret", Some(&self.target.namespace), super::desired::TOKEN_SECRET)?;
        let Some(witness) = secret.annotation(labels::WITNESS) else { return Some(Compared::Unwitnessed) };
        let value = match self.secrets.read(source).await {
            Ok(value) => Arc::new(value),
            Err(error) => return Some(Compared::Unreadable(error.to_string())),
        };
        let about = super::token_about(self.key, &self.target.namespace);
        match self.secrets.fingerprints().of(self.context.fleet, &about, &value).await {
            Some(now) => Some(Fingerprint::of_text(witness).compare(&now)),
            None => Some(Compared::Unreadable("there is no memory for its fingerprint".to_owned())),
        }
    }

    /// Asks the server about each object that is not as it is wanted: none, on a good day.
    async fn trials(self, client: &Client, seen: &Cluster) -> BTreeMap<String, Trial> {
        let definitions = seen.definitions.seen().map(Vec::as_slice).unwrap_or_default();
        if self.target.absent {
            return BTreeMap::new();
        }
        let wanted = wanted::objects(&self.context, self.target, definitions);
        let differing = wanted.iter().filter(|it| {
            let live = seen.object(&it.object.kind, it.object.namespace.as_deref(), &it.object.name);
            !live.is_some_and(|live| it.is_in_place(live))
        });
        let trials = differing.map(|it| async move { (it.object.to_string(), self.trial(client, seen, it).await) });
        futures::future::join_all(trials).await.into_iter().collect()
    }

    async fn trial(self, client: &Client, seen: &Cluster, it: &Wanted) -> Trial {
        let namespace = it.object.namespace.as_deref();
        if namespace.is_some_and(|name| seen.object("Namespace", None, name).is_none()) {
            return Trial::NotAsked("its namespace is not there yet".to_owned());
        }
        match client.dry_run(&it.object.value, false).await {
            Ok(_) => Trial::Accepted,
            Err(failure) => match failure.kind() {
                FailureKind::Conflict { causes } if !causes.is_empty() => {
                    Trial::Conflict(causes.iter().map(|it| (it.manager.clone(), it.field.clone())).collect())
                }
                FailureKind::Invalid { .. } => Trial::Refused(failure.to_string()),
                FailureKind::NotFound => Trial::NotAsked("its kind is not known there yet".to_owned()),
                _ => Trial::NotAsked(failure.to_string()),
            },
        }
    }
}

fn architectures(nodes: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for node in nodes {
        let name = node["metadata"]["labels"]["kubernetes.io/arch"].as_str().unwrap_or("unknown");
        *counts.entry(name.to_owned()).or_default() += 1;
    }
    counts
}
