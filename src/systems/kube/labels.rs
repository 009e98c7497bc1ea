//! Marks on what is ours, and those by which others mark theirs.

use super::observed::Live;
use crate::owner::FleetName;

/// The name under which we own fields.
pub const MANAGER: &str = "reconcile";
/// A label: whose it is.
pub const FLEET: &str = "reconcile.dev/fleet";
/// An annotation: what it was made of.
pub const DIGEST: &str = "reconcile.dev/digest";
/// An annotation of a Secret: a fingerprint of the value that it was given last.
pub const WITNESS: &str = "reconcile.dev/witness";

/// Whether an object carries this fleet's mark.
#[must_use]
pub fn is_ours(live: &Live, fleet: &FleetName) -> bool {
    live.label(FLEET) == Some(fleet.as_str())
}

/// Who deploys an object, where that is somebody else: told by the marks that deployers leave.
///
/// Helm: `helm/pkg/action/validate.go`. Argo CD: "Resource Tracking". Flux: kustomize-controller and helm-controller, their
/// labels. K3s: `objectset.rio.cattle.io` of its add-ons and charts.
#[must_use]
pub fn deployer(live: &Live) -> Option<String> {
    let annotation = |key: &str| live.annotation(key).map(str::to_owned);
    if let Some(release) = annotation("meta.helm.sh/release-name") {
        return Some(format!("Helm's release {release}"));
    }
    if let Some(tracking) = annotation("argocd.argoproj.io/tracking-id") {
        let application = tracking.split(':').next().unwrap_or_default();
        return Some(format!("Argo CD's application {application}"));
    }
    for (label, what) in [
        ("kustomize.toolkit.fluxcd.io/name", "Flux's Kustomization"),
        ("helm.toolkit.fluxcd.io/name", "Flux's HelmRelease"),
    ] {
        if let Some(name) = live.label(label) {
            return Some(format!("{what} {name}"));
        }
    }
    if let Some(owner) = annotation("objectset.rio.cattle.io/owner-name") {
        return Some(format!("K3s's add-on {owner}"));
    }
    let is_argo = |name: &str| name == "argocd-controller" || name == "argocd-application-controller";
    live.managers.iter().any(|it| is_argo(&it.name)).then(|| "Argo CD".to_owned())
}
