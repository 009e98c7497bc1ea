//! One object: made, changed, taken over, or left as it is.

use serde_json::Value as Json;

use super::super::compare::{self, Difference};
use super::super::labels;
use super::super::observed::{Live, Trial};
use super::super::request::{Apply, ApplySecret, Call, Until};
use super::super::wanted::{Stage, Value, Wanted};
use super::{Planner, change};
use crate::origin::Origin;
use crate::plan::{Cause, Change, Rule, Shown, Verb, Why};
use crate::secret::Compared;

impl Planner<'_, '_> {
    /// Decides about one object, of which all that it stands on was decided about before.
    pub(super) fn object(&mut self, it: &Wanted, wanted: &[Wanted]) {
        let address = self.address_of(it);
        if let Some(Trial::Refused(text)) = self.trial(it) {
            self.refuse(Rule::Invalid, address, text.clone());
            return;
        }
        if let Some(namespace) = self.missing_namespace(it, wanted) {
            let what = format!("the namespace {namespace} is not there");
            self.wait(address, what, "whoever makes that namespace; the next run goes on");
            return;
        }
        let Some(live) = self.live(it) else {
            let why = Why { cause: Cause::Spec, origin: self.origin(it, "") };
            let changes = it.telling.iter().map(|(field, value)| change(field, Shown::Nothing, value.clone(), &why));
            let changes = changes.collect();
            let call = self.call(it, wanted, false, 0);
            self.act(address, Verb::Create, changes, why, call);
            return;
        };
        if live.is_leaving() {
            self.wait(address, "it is being removed", "the cluster; the next run makes it again");
        } else if labels::is_ours(live, self.fleet) {
            self.keep(it, wanted, live, Verb::Change);
        } else if let Some(fleet) = live.label(labels::FLEET) {
            self.refuse(Rule::OtherFleet, address, format!("it is of the fleet {fleet}"));
        } else if it.stage.is_shared() {
            self.shared(it, wanted, live);
        } else if it.adopt || self.context.consent.adopts(&address) {
            self.keep(it, wanted, live, Verb::Adopt);
        } else {
            let by = labels::deployer(live).map_or_else(String::new, |who| format!(", and is deployed by {who}"));
            self.refuse(Rule::NotOurs, address, format!("it is there without our mark{by}"));
        }
    }

    /// The namespace of an object, if nobody has made it and it is not ours to make.
    fn missing_namespace<'i>(&self, it: &'i Wanted, wanted: &[Wanted]) -> Option<&'i str> {
        let namespace = it.object.namespace.as_deref()?;
        let is_ours = wanted.iter().any(|it| it.stage == Stage::Namespace && it.object.name == namespace);
        let is_there = self.cluster.object("Namespace", None, namespace).is_some();
        (!is_ours && !is_there).then_some(namespace)
    }

    /// A namespace, or a definition, that others made and that serves as it is.
    fn shared(&mut self, it: &Wanted, wanted: &[Wanted], live: &Live) {
        let address = self.address_of(it);
        if it.adopt || self.context.consent.adopts(&address) {
            self.keep(it, wanted, live, Verb::Adopt);
            return;
        }
        let version = |value: &Json| value["metadata"]["labels"]["app.terraform.io/crd-schema-version"].clone();
        let (wanted_version, theirs) = (version(&it.object.value), version(&live.value));
        if it.stage == Stage::Definition && wanted_version != theirs {
            let cause = format!(
                "its schema is {}, the operator wants {}, and it is there without our mark",
                words(&theirs),
                words(&wanted_version)
            );
            self.refuse(Rule::NotOurs, address, cause);
        }
    }

    fn keep(&mut self, it: &Wanted, wanted: &[Wanted], live: &Live, verb: Verb) {
        let address = self.address_of(it);
        let mut changes = self.changes(it, live);
        let stale = it.secret.as_ref().and_then(|secret| self.secret_change(secret, live));
        let is_same = changes.is_empty() && stale.is_none();
        changes.extend(stale);
        if is_same && verb == Verb::Change {
            return;
        }
        // The mark is no news, but for whoever sees nothing else.
        if changes.len() > 1 {
            changes.retain(|change| !change.field.contains("reconcile.dev/"));
        }
        let taken = match self.trial(it) {
            Some(Trial::Conflict(owners)) => owners.clone(),
            Some(Trial::Accepted | Trial::Refused(_) | Trial::NotAsked(_)) | None => Vec::new(),
        };
        for (manager, field) in &taken {
            let name = field.trim_start_matches('.');
            if !changes.iter().any(|change| change.field == name) {
                let why = Why { cause: Cause::Because(format!("{manager} owns it")), origin: None };
                changes.push(change(name, Shown::text(format!("of {manager}")), Shown::text("ours"), &why));
            }
        }
        let restarts = restarted(it, live, &changes);
        let why = changes.first().map_or_else(|| self.why(Cause::Spec), |change| change.why.clone());
        let force = !taken.is_empty() || verb == Verb::Adopt;
        let call = self.call(it, wanted, force, restarts);
        self.act(address, verb, changes, why, call);
    }

    /// Every field that is not as it is wanted, and who moved.
    fn changes(&self, it: &Wanted, live: &Live) -> Vec<Change> {
        let fields = compare::differences(&it.visible(), &live.value);
        let owned = live.applied_by(labels::MANAGER);
        let abandoned = owned.map(|owned| compare::abandoned(owned, &it.whole(), &live.value)).unwrap_or_default();
        let same_spec = live.annotation(labels::DIGEST) == it.digest.as_deref();
        let mut changes: Vec<Change> = fields
            .into_iter()
            .chain(abandoned)
            .map(|Difference { field, old, new }| {
                let cause = if same_spec { drift(live, &field) } else { Cause::Spec };
                let why = Why { cause, origin: self.origin(it, &field) };
                change(&field, shown(old), shown(new), &why)
            })
            .collect();
        if changes.is_empty() && !owned.is_some_and(|owned| compare::owns(owned, &it.whole())) {
            // As it is wanted, and by somebody else's word: what they say next would hold.
            let why = Why { cause: Cause::Drift, origin: None };
            changes.push(change("ownership", Shown::text("of others"), Shown::text("ours"), &why));
        }
        changes
    }

    /// Where a field comes from: a pool's have their own lines in the spec.
    fn origin(&self, it: &Wanted, field: &str) -> Option<Origin> {
        let origins = &self.context.desired.origins;
        let address = self.address_of(it);
        let part = if field.rsplit('.').next() == Some("image") { "image" } else { "" };
        let own = origins.of(&address, part).or_else(|| origins.of(&address, ""));
        own.cloned().or_else(|| self.why(Cause::Spec).origin)
    }

    fn secret_change(&self, secret: &Value, live: &Live) -> Option<Change> {
        let field = format!("data.{}", secret.key);
        let owned = live.applied_by(labels::MANAGER);
        let is_ours = owned.is_some_and(|owned| compare::speaks_of(owned, &field));
        let (cause, old) = match (is_ours, self.cluster.token.as_ref().unwrap_or(&Compared::Unwitnessed)) {
            (true, Compared::Same) => return None,
            (true, Compared::SourceChanged) => (Cause::Spec, "last written from another value of its source"),
            (false, _) | (true, Compared::ReceiverChanged) => (Cause::Drift, "changed behind our back"),
            (true, Compared::Unwitnessed | Compared::Unreadable(_)) => (Cause::Differs, "nothing says what it holds"),
        };
        let why = Why { cause, origin: None };
        let new = Shown::Secret(format!("from {}", secret.source));
        Some(change(&field, Shown::Secret(old.to_owned()), new, &why))
    }

    fn call(&self, it: &Wanted, wanted: &[Wanted], force: bool, restarts: u32) -> Call {
        let ready = self.ready(it.stage, wanted);
        if let Some(secret) = &it.secret {
            return Call::ApplySecret(Box::new(ApplySecret {
                fleet: self.fleet.clone(),
                object: it.object.clone(),
                key: secret.key.clone(),
                value: secret.source.clone(),
                force,
                ready,
            }));
        }
        let until = match it.stage {
            Stage::Definition => Until::Established,
            Stage::Pool => Until::Pooled,
            _ => Until::Accepted,
        };
        Call::Apply(Box::new(Apply { object: it.object.clone(), force, ready, until, restarts }))
    }
}

/// A change behind our back, with who it was where the fields say so.
fn drift(live: &Live, field: &str) -> Cause {
    let owners = live.managers.iter().filter(|it| it.name != labels::MANAGER && it.subresource.is_none());
    let mut names = owners.filter(|it| compare::speaks_of(&it.fields, field)).map(|it| it.name.as_str());
    match names.next() {
        Some(name) => Cause::Because(format!("drift ({name})")),
        None => Cause::Drift,
    }
}

/// How many agents are restarted: a pool's, if what their pods are made of changes.
fn restarted(it: &Wanted, live: &Live, changes: &[Change]) -> u32 {
    let of_pods = |change: &Change| change.field.starts_with("spec.agentDeployment.");
    if it.stage != Stage::Pool || !changes.iter().any(of_pods) {
        return 0;
    }
    let running = &live.status["autoscaling"]["desiredReplicas"];
    running.as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

fn shown(value: Option<Json>) -> Shown {
    value.map_or(Shown::Nothing, Shown::Value)
}

fn words(value: &Json) -> String {
    value.as_str().map_or_else(|| "unknown".to_owned(), str::to_owned)
}
