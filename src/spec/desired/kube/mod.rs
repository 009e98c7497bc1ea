//! Clusters, what gets there, and where each field of it is said.

mod operator;
mod pools;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::facts::{self, Fact};
use super::super::model::{
    ArgocdWish, ClusterDelivery, ExistingSecret, ExternalSecret, KubernetesTarget, Target, TokenExternalSecret,
    TokenSecret, TokenWish,
};
use super::super::node::At;
use super::super::read::{Located, Named, Typed};
use super::Builder;
use crate::address::Address;
use crate::origin::Origin;
use crate::systems::kube::desired::{
    self, Argocd, Delivery, Desired, EXTERNAL_SECRETS, External, TOKEN_KEY, Token, target_address,
};

/// What a field says of which the spec says nothing and the operator's chart does.
const OF_THE_CHART: &str = "the chart's defaults";
/// What a field says of which nobody but this program says something.
const OURS: &str = "reconcile's defaults";
/// Fields of the operator that the chart does not have.
const NOT_OF_THE_CHART: [&str; 3] = ["operator.chart", "operator.release", "operator.rbac.narrowSecrets"];

/// Where fields are said, by their names. What is said of a field holds for all within it.
#[derive(Default)]
struct Said(Vec<(String, At)>);

impl Said {
    fn note(&mut self, field: impl Into<String>, at: At) {
        self.0.push((field.into(), at));
    }

    /// The value of a field, if it is said.
    fn take<T: Clone>(&mut self, field: &str, wish: Option<&Located<T>>) -> Option<T> {
        let wish = wish?;
        self.note(field, wish.at);
        Some(wish.value.clone())
    }

    /// The same of a part of a Kubernetes object.
    fn part<T: Clone>(&mut self, field: &str, wish: Option<&Typed<T>>) -> Option<T> {
        let wish = wish?;
        self.note(field, wish.at);
        Some(wish.value.clone())
    }

    /// The same of a list of them.
    fn parts<T: Clone>(&mut self, field: &str, wish: Option<&Vec<Typed<T>>>) -> Vec<T> {
        let wish = wish.map(Vec::as_slice).unwrap_or_default();
        if let Some(first) = wish.first() {
            self.note(field, first.at);
        }
        wish.iter().map(|part| part.value.clone()).collect()
    }

    /// The same of a list of texts.
    fn list(&mut self, field: &str, wish: Option<&Vec<Located<String>>>) -> Vec<String> {
        let wish = wish.map(Vec::as_slice).unwrap_or_default();
        if let Some(first) = wish.first() {
            self.note(field, first.at);
        }
        wish.iter().map(|text| text.value.clone()).collect()
    }

    /// The same of a map of texts.
    fn texts(&mut self, field: &str, wish: &Named<Located<String>>) -> BTreeMap<String, String> {
        for (key, at, _) in wish.iter() {
            self.note(format!("{field}.{key}"), at);
        }
        wish.iter().map(|(key, _, text)| (key.to_owned(), text.value.clone())).collect()
    }

    /// Where a field is said: the most exact of all.
    fn of(&self, field: &str) -> Option<At> {
        let covers = |said: &str| field.strip_prefix(said).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.0.iter().filter(|(said, _)| covers(said)).max_by_key(|(said, _)| said.len()).map(|(_, at)| *at)
    }
}

impl<'s> Builder<'_, 's> {
    pub(super) fn kube(&mut self) -> Desired {
        let spec = self.fleet.spec;
        let mut targets = BTreeMap::new();
        for (key, at, target) in spec.targets.iter() {
            if let Some(cluster) = &target.kubernetes {
                self.note_spec(&target_address(key), "", at);
                targets.extend(self.cluster(key, target, cluster).map(|cluster| (key.to_owned(), cluster)));
            }
        }
        let organization = spec.hcp.organization.value.0.clone();
        Desired { fleet: spec.fleet.value.clone(), organization, targets }
    }

    fn cluster(&mut self, key: &'s str, target: &'s Target, cluster: &'s KubernetesTarget) -> Option<desired::Target> {
        let KubernetesTarget { at: _, namespace: own_namespace, operator, token, delivery, argocd } = cluster;
        let operator = operator.as_ref()?;
        let mut said = Said::default();
        let pin = target.identity.as_ref().and_then(|identity| identity.kube_system_uid.as_ref());
        if let Some(namespace) = own_namespace {
            said.note("namespace", namespace.at);
        }
        let made = desired::Target {
            kube_system_uid: said.take("kubeSystemUid", pin),
            may_be_away: said.take("mayBeAway", target.may_be_away.as_ref()).unwrap_or_default(),
            operator: self.operator(operator, cluster.namespace(), &mut said),
            token: token.as_ref().map(|token| Self::token(token, &mut said)),
            pools: self.cluster_pools(key, cluster.namespace()),
            namespace: cluster.namespace().to_owned(),
            delivery: self.delivery(delivery.as_ref(), argocd.as_ref(), &mut said),
            absent: said.take("absent", target.absent.as_ref()).unwrap_or_default(),
        };
        self.note_fields(&target_address(key), &facts::kube::of_target(&made), &said);
        Some(made)
    }

    fn token(wish: &TokenWish, said: &mut Said) -> Token {
        said.note("token", wish.at());
        match wish {
            TokenWish::Value(source) => Token::Value(source.source.clone()),
            TokenWish::Existing(TokenSecret { at: _, secret }) => {
                let ExistingSecret { at: _, name, key } = secret;
                let key = said.take("token.key", key.as_ref());
                Token::Existing { secret: name.value.clone(), key: key.unwrap_or_else(|| TOKEN_KEY.to_owned()) }
            }
            TokenWish::External(TokenExternalSecret { at: _, external_secret }) => {
                let ExternalSecret { at: _, store, key, property, api_version } = external_secret;
                let kind = store.kind.as_ref().map_or("SecretStore", |kind| kind.value.word());
                Token::External(External {
                    api_version: api_version.as_ref().map_or(EXTERNAL_SECRETS, |version| version).to_owned(),
                    store_kind: kind.to_owned(),
                    store: store.name.value.clone(),
                    key: key.value.clone(),
                    property: property.as_ref().map(|property| property.value.clone()),
                })
            }
        }
    }

    fn delivery(
        &self,
        delivery: Option<&Located<ClusterDelivery>>,
        argocd: Option<&ArgocdWish>,
        said: &mut Said,
    ) -> Delivery {
        match (said.take("delivery", delivery), argocd) {
            (Some(ClusterDelivery::Argocd), Some(argocd)) => Delivery::Argocd(self.argocd(argocd, said)),
            (Some(ClusterDelivery::Verify), _) => Delivery::Verify,
            // Without the rest of it, which is an error, nothing can be made for Argo CD.
            (Some(ClusterDelivery::Apply | ClusterDelivery::Argocd) | None, _) => Delivery::Apply,
        }
    }

    fn argocd(&self, wish: &ArgocdWish, said: &mut Said) -> Argocd {
        let ArgocdWish { at: _, directory, repository, path, revision, application, namespace, project, server } = wish;
        let mut or = |field: &str, wish: Option<&Located<String>>, usual: &str| {
            said.take(&format!("argocd.{field}"), wish).unwrap_or_else(|| usual.to_owned())
        };
        Argocd {
            repository: or("repository", repository.as_ref(), ""),
            path: or("path", path.as_ref(), ""),
            revision: or("revision", revision.as_ref(), "HEAD"),
            application: or("application", application.as_ref(), "hcp-terraform-operator"),
            namespace: or("namespace", namespace.as_ref(), "argocd"),
            project: or("project", project.as_ref(), "default"),
            server: or("server", server.as_ref(), "https://kubernetes.default.svc"),
            directory: directory.as_ref().map_or_else(PathBuf::new, |directory| {
                said.note("argocd.directory", directory.at);
                self.fleet.sources.beside(directory.at, &directory.value)
            }),
        }
    }

    /// Notes where every field of a thing comes from: where it is said, or whose default it has.
    fn note_fields(&mut self, address: &Address, fields: &BTreeMap<String, Fact>, said: &Said) {
        // One that is left as it is found comes from nowhere.
        for (field, _) in fields.iter().filter(|(_, value)| value.is_some()) {
            let default = || {
                let of_chart = field.starts_with("operator.") && !NOT_OF_THE_CHART.contains(&field.as_str());
                let from = if of_chart { OF_THE_CHART } else { OURS };
                Origin::Derived { from: from.to_owned(), place: None }
            };
            let origin = said.of(field).map_or_else(default, |at| self.spec_at(at));
            self.origins.note(address, field.clone(), origin);
        }
    }
}

#[cfg(test)]
mod tests;
