//! Clusters: the operator, its token, and how things get there.

mod pools;
mod syntax;

use super::super::finding::{Finding, Rule};
use super::super::model::{
    ArgocdWish, ClusterDelivery, ControllerWish, ControllersWish, ExistingSecret, ImageWish, KubernetesTarget,
    Operator, ProxyWish, TokenExternalSecret, TokenSecret, TokenWish,
};
use super::super::node::At;
use super::super::resolve::Fleet;
use super::variables::names_a_secret;
use crate::systems::agent::Image;
use crate::systems::kube::operator::{CHART, Release};
use syntax::{Kind, Texts};

pub(super) fn check(fleet: &Fleet<'_>, findings: &mut Vec<Finding>) {
    for (key, _, target) in fleet.spec.targets.iter() {
        if let Some(cluster) = &target.kubernetes {
            one(fleet, key, cluster, findings);
        }
    }
    pools::check(fleet, findings);
}

fn one(fleet: &Fleet<'_>, key: &str, cluster: &KubernetesTarget, findings: &mut Vec<Finding>) {
    let KubernetesTarget { at, namespace, operator: of, token, delivery, argocd } = cluster;
    let Some(of) = of else {
        without_operator(key, cluster, findings);
        return;
    };
    syntax::named("a namespace", Kind::Label, namespace.as_ref(), findings);
    operator(key, cluster.namespace(), of, findings);
    let stays =
        |pool: &super::super::model::Pool| ![&pool.absent, &pool.released].into_iter().flatten().any(|said| said.value);
    let mut here = fleet
        .spec
        .pools
        .iter()
        .filter(|(_, _, pool)| stays(pool) && pool.target.as_ref().is_some_and(|target| target.value == key));
    match token {
        Some(token) => self::token(key, token, findings),
        None => {
            if let Some((pool, pool_at, _)) = here.next() {
                let message = format!("targets.{key} has agents and no token for the operator that makes them");
                let finding = Finding::error(Rule::MissingKey, *at, message);
                findings.push(finding.note_at(format!("pools.{pool} runs there"), pool_at).remedy(
                    "token: { env: NAME }, { secret: { name: NAME, key: KEY } } or { externalSecret: { store: { name: \
                     NAME }, key: KEY } }",
                ));
            }
        }
    }
    let argo = delivery.as_ref().filter(|said| said.value == ClusterDelivery::Argocd);
    match (argo, argocd) {
        (Some(said), of) => by_argocd(key, (said.at, of.as_ref()), token.as_ref(), findings),
        (None, Some(of)) => {
            let message = format!("targets.{key} says how Argo CD gets at things that it does not get");
            let finding = Finding::error(Rule::Exclusive, of.at, message);
            findings.push(finding.remedy("add `delivery: argocd`, or take `argocd` out"));
        }
        (None, None) => {}
    }
}

fn without_operator(key: &str, cluster: &KubernetesTarget, findings: &mut Vec<Finding>) {
    let KubernetesTarget { at, namespace: _, operator: _, token, delivery, argocd } = cluster;
    let argo = delivery.as_ref().filter(|said| said.value != ClusterDelivery::Verify).map(|said| said.at);
    let said = token.as_ref().map(TokenWish::at).or(argo).or(argocd.as_ref().map(|argocd| argocd.at));
    let message = format!("targets.{key} names no operator, so nothing is done in that cluster");
    let finding = match said {
        Some(at) => Finding::error(Rule::MissingKey, at, message),
        None => Finding::warning(Rule::Unused, *at, message),
    };
    let newest = crate::systems::kube::operator::Version::KNOWN.last().map_or("", |version| version.as_str());
    findings.push(finding.remedy(format!("operator: {{ version: \"{newest}\" }}, and a `token` for it")));
}

fn token(key: &str, token: &TokenWish, findings: &mut Vec<Finding>) {
    match token {
        TokenWish::Value(_) => {}
        TokenWish::Existing(TokenSecret { at: _, secret: ExistingSecret { at: _, name, key: of } }) => {
            syntax::name("the name of a Secret", Kind::Subdomain, (name, name.at), findings);
            if let Some(of) = of.as_ref().filter(|of| !syntax::is_secret_key(of)) {
                let message = format!("`{}` in targets.{key} is no key of a Secret", of.value);
                let finding = Finding::error(Rule::Name, of.at, message);
                findings.push(finding.remedy("a key is letters, digits, -, _ and ."));
            }
        }
        TokenWish::External(TokenExternalSecret { at: _, external_secret: of }) => {
            let name = &of.store.name;
            syntax::name("the name of a store", Kind::Subdomain, (name, name.at), findings);
            if let Some(version) = of.api_version.as_ref().filter(|version| !version.contains('/')) {
                let message = format!("`{}` is not a version of External Secrets' kinds", version.value);
                let finding = Finding::error(Rule::WrongValue, version.at, message);
                findings.push(finding.remedy("write its group too: external-secrets.io/v1"));
            }
        }
    }
}

/// What is written for Git holds no secret, and somebody has to be told where it is.
fn by_argocd(
    key: &str,
    (at, argocd): (At, Option<&ArgocdWish>),
    token: Option<&TokenWish>,
    findings: &mut Vec<Finding>,
) {
    if let Some(TokenWish::Value(source)) = token {
        let message = format!("targets.{key} is delivered by Argo CD, and its token would have to be in Git");
        let finding = Finding::error(Rule::Exclusive, source.at, message).note_at("`delivery: argocd`", at);
        findings.push(finding.remedy(
            "name a Secret that is there: { secret: { name: NAME } }, or what makes one: { externalSecret: … }",
        ));
    }
    let Some(ArgocdWish {
        at,
        directory,
        repository,
        path,
        revision: _,
        application,
        namespace,
        project: _,
        server: _,
    }) = argocd
    else {
        let message = format!("targets.{key} is delivered by Argo CD, and nothing says how it gets at the manifests");
        let finding = Finding::error(Rule::MissingKey, at, message);
        findings.push(finding.remedy("argocd: { directory: ./FOLDER, repository: URL, path: PATH-IN-IT }"));
        return;
    };
    for (word, said) in [("directory", directory), ("repository", repository), ("path", path)] {
        if said.is_none() {
            let message = format!("`argocd` of targets.{key} lacks `{word}`");
            findings.push(Finding::error(Rule::MissingKey, *at, message).remedy(format!("add `{word}:`")));
        }
    }
    syntax::named("the name of an Application", Kind::Subdomain, application.as_ref(), findings);
    syntax::named("a namespace", Kind::Label, namespace.as_ref(), findings);
}

fn operator(key: &str, namespace: &str, of: &Operator, findings: &mut Vec<Finding>) {
    if let Some(release) = &of.release {
        let name = Release { name: release.value.clone(), namespace: namespace.to_owned() };
        if let Some(refusal) = name.refusal() {
            let message = format!("the release of targets.{key}: {refusal}");
            findings.push(Finding::error(Rule::Name, release.at, message).remedy(format!("such as {CHART}")));
        }
    }
    if let Some(chart) = of.chart.as_ref().filter(|chart| chart.contains("://") && !chart.starts_with("https://")) {
        let message = format!("the chart of targets.{key} is neither an https URL nor a path");
        let finding = Finding::error(Rule::WrongValue, chart.at, message);
        findings.push(finding.remedy(format!("write https://…/{CHART}-{}.tgz, or a path", of.version.value)));
    }
    syntax::named("the name of a Deployment", Kind::Subdomain, of.fullname_override.as_ref(), findings);
    syntax::named("part of a name", Kind::Label, of.name_override.as_ref(), findings);
    syntax::named("the name of a priority class", Kind::Subdomain, of.priority_class_name.as_ref(), findings);
    watched(key, namespace, of, findings);
    environment(key, of, findings);
    controllers(key, of, findings);
    let images = [of.image.as_ref(), of.kube_rbac_proxy.as_ref().and_then(|proxy| proxy.image.as_ref())];
    for wish in images.into_iter().flatten() {
        image(key, wish, findings);
    }
    syntax::resources(&format!("the operator's resources of targets.{key}"), of.resources.as_ref(), findings);
    if let Some(ProxyWish { at: _, image: _, resources }) = &of.kube_rbac_proxy {
        syntax::resources(&format!("the proxy's resources of targets.{key}"), resources.as_ref(), findings);
    }
    syntax::texts(&format!("podLabels of targets.{key}"), Texts::Labels, &of.pod_labels, findings);
    if let Some(account) = &of.service_account {
        syntax::named("the name of a service account", Kind::Subdomain, account.name.as_ref(), findings);
        let what = format!("annotations of the operator's service account of targets.{key}");
        syntax::texts(&what, Texts::Annotations, &account.annotations, findings);
    }
}

fn watched(key: &str, namespace: &str, of: &Operator, findings: &mut Vec<Finding>) {
    let watched = of.watched_namespaces.as_ref();
    for (number, name) in watched.into_iter().flatten().enumerate() {
        syntax::name("a namespace", Kind::Label, (name, name.at), findings);
        if watched.into_iter().flatten().take(number).any(|other| other.value == name.value) {
            let message = format!("the operator of targets.{key} watches {} twice", name.value);
            findings.push(Finding::error(Rule::SameName, name.at, message).remedy("keep one of them"));
        }
    }
    let first = watched.and_then(|names| names.first());
    if let Some(first) = first.filter(|_| watched.into_iter().flatten().all(|name| name.value != namespace)) {
        let message = format!("the operator of targets.{key} does not watch {namespace}, where its agents' pools are");
        let finding = Finding::error(Rule::WrongValue, first.at, message);
        findings.push(finding.remedy(format!("add {namespace} to watchedNamespaces")));
    }
    let Some(rbac) = &of.rbac else { return };
    let Some(narrow) = rbac.narrow_secrets.as_ref().filter(|narrow| narrow.value) else { return };
    if first.is_none() {
        let message =
            format!("the operator of targets.{key} watches every namespace, so none of their secrets can be kept");
        let finding = Finding::error(Rule::Exclusive, narrow.at, message.clone() + " from it");
        findings.push(finding.remedy(format!("watchedNamespaces: [{namespace}], or take `narrowSecrets` out")));
    }
    if let Some(create) = rbac.create.as_ref().filter(|create| !create.value) {
        let message = format!("the permissions of the operator of targets.{key} are not made, and so not narrowed");
        let finding = Finding::error(Rule::Exclusive, narrow.at, message).note_at("`create: false`", create.at);
        findings.push(finding.remedy("keep one of the two"));
    }
}

/// Where a token stands in the clear for all who may read a Deployment, and what is said elsewhere.
fn environment(key: &str, of: &Operator, findings: &mut Vec<Finding>) {
    for (name, at, value) in of.env.iter() {
        // The names under which go-tfe, agents and terraform look for a token of HCP's.
        let token = ["TFE_TOKEN", "TFC_TOKEN", "TFC_AGENT_TOKEN"].contains(&name) || name.starts_with("TF_TOKEN_");
        if token {
            let message = format!("`{name}` of the operator of targets.{key} is a token in the clear");
            findings.push(
                Finding::error(Rule::LiteralSecret, at, message)
                    .note(
                        "whoever may read its Deployment could read it, and the operator takes its token from a Secret",
                    )
                    .remedy(format!("write targets.{key}.kubernetes.token, and change the token if it was real")),
            );
        } else if names_a_secret(name) && !value.is_empty() {
            let message =
                format!("`{name}` of the operator of targets.{key} has a plain value, and its name says that it");
            findings.push(
                Finding::warning(Rule::PlainSecret, at, message + " is a secret")
                    .note("whoever may read its Deployment can read it")
                    .remedy("take it out, and change the secret if it was real"),
            );
        } else if name == "TFE_ADDRESS" {
            let message = format!("`{name}` would lead the operator of targets.{key} elsewhere than to HCP Terraform");
            let finding = Finding::error(Rule::Exclusive, at, message);
            findings.push(finding.remedy("take it out: this fleet is one of HCP Terraform"));
        }
    }
}

fn controllers(key: &str, of: &Operator, findings: &mut Vec<Finding>) {
    let Some(controllers) = &of.controllers else { return };
    let ControllersWish { at: _, agent_pool, agent_token, module, project, runs_collector, workspace } = controllers;
    let version = of.version.value;
    for (word, said, known) in [
        ("agentPool", agent_pool, true),
        ("agentToken", agent_token, version.has_agent_tokens()),
        ("module", module, true),
        ("project", project, true),
        ("runsCollector", runs_collector, version.has_runs_collectors()),
        ("workspace", workspace, true),
    ] {
        let Some(ControllerWish { at, workers, sync_period: _ }) = said else { continue };
        if !known {
            let message = format!("the operator of targets.{key} has no controller {word}: it came after {version}");
            findings
                .push(Finding::error(Rule::WrongValue, *at, message).remedy("take it out, or name a newer version"));
        }
        if let Some(workers) = workers.as_ref().filter(|workers| workers.value == 0) {
            let message = format!("the controller {word} of targets.{key} has no workers, and would do nothing");
            findings.push(Finding::error(Rule::WrongValue, workers.at, message).remedy("workers: 1"));
        }
    }
}

fn image(key: &str, wish: &ImageWish, findings: &mut Vec<Finding>) {
    let ImageWish { at: _, repository, tag, digest, pull_policy: _ } = wish;
    let alone = |text: &str| text.parse::<Image>().is_ok_and(|image| image.tag.is_none() && image.digest.is_none());
    let continues = |sign: char, text: &str| format!("{CHART}{sign}{text}").parse::<Image>().is_ok();
    let wrong = [
        repository.as_ref().filter(|said| !alone(said)),
        tag.as_ref().filter(|said| !continues(':', said)),
        digest.as_ref().filter(|said| !continues('@', said)),
    ];
    for said in wrong.into_iter().flatten() {
        let message = format!("`{}` is no part of an image's name, in targets.{key}", said.value);
        let finding = Finding::error(Rule::WrongValue, said.at, message);
        findings.push(finding.remedy(
            "write such as { repository: hashicorp/hcp-terraform-operator, tag: \"2.12.0\", digest: \"sha256:…\" }",
        ));
    }
}
