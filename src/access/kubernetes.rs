//! The ways to the clusters of a fleet.
//!
//! A way is a context, and it is named for its target: `--kube-context`, `RECONCILE_KUBERNETES_…`, the access files. The
//! current context of a kubeconfig is whatever somebody looked at last, so it is used only where the spec pins which cluster
//! it must lead to. The service account of a pod is looked at only where nothing else is said and it can mean one cluster alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kube::config::Kubeconfig;

use super::layers::{self, KubernetesLayers};
use super::{Environment, Flags};
use crate::error::Error;
use crate::spec::finding::nearest;
use crate::systems::kube::client::{Access, Charts, Door, NoDoor, Way};

/// Where a pod finds its service account ("Accessing the Kubernetes API from a Pod" in Kubernetes' documentation).
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Longer lists of contexts are cut.
const SHOWN: usize = 12;

/// Finds the ways to the clusters of these targets; each comes with whether its cluster is pinned. `beside` is the folder of
/// the spec. What is wrong with one way leaves the others alone: that target is then one which cannot be reached.
///
/// # Errors
/// When an access file cannot be read, or what was said is about no target.
pub fn kubernetes(
    environment: &Environment,
    flags: &Flags,
    beside: &Path,
    targets: &BTreeMap<String, bool>,
) -> Result<Access, Error> {
    for (target, _) in &flags.kube_contexts {
        if !targets.contains_key(target) {
            return Err(unknown(target, targets));
        }
    }
    if targets.is_empty() {
        return Ok(Access::default());
    }
    unmistakable(environment, targets)?;
    let names: Vec<&str> = targets.keys().map(String::as_str).collect();
    let mut layered = layers::kubernetes(environment, flags, beside, &names)?;
    let doors = targets.iter().map(|(target, pinned)| {
        let said = layered.remove(target).unwrap_or_default();
        let asked = Asked { environment, target, pinned: *pinned, alone: targets.len() == 1 };
        (target.clone(), asked.door(said))
    });
    Ok(Access { doors: doors.collect(), charts: Charts::default() })
}

/// The beginning of the variables about a target.
pub(super) fn variable(target: &str) -> String {
    format!("RECONCILE_KUBERNETES_{}", target.to_uppercase().replace(['-', '.'], "_"))
}

fn unknown(target: &str, targets: &BTreeMap<String, bool>) -> Error {
    let known: Vec<&str> = targets.keys().map(String::as_str).collect();
    let cause = if known.is_empty() {
        "the fleet has no Kubernetes target".to_owned()
    } else {
        format!("the fleet's Kubernetes targets are {}", known.join(", "))
    };
    let hint = match nearest(target, known) {
        Some(meant) => format!("did you mean --kube-context {meant}=…?"),
        None => "write --kube-context TARGET=CONTEXT".to_owned(),
    };
    Error::new(format!("reading --kube-context {target}=…")).because(cause).hint(hint)
}

/// One variable must not speak of two targets.
fn unmistakable(environment: &Environment, targets: &BTreeMap<String, bool>) -> Result<(), Error> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for target in targets.keys() {
        let stem = variable(target);
        let is_set =
            ["KUBECONFIG", "CONTEXT"].iter().any(|word| environment.variable(&format!("{stem}_{word}")).is_some());
        if let Some(other) = known.insert(stem.clone(), target).filter(|_| is_set) {
            return Err(Error::new(format!("reading {stem}_…"))
                .because(format!("it could mean the target {other} or the target {target}"))
                .hint("say it in access.yaml, or with --kube-context"));
        }
    }
    Ok(())
}

fn no_door(cause: impl Into<String>, hint: impl Into<String>) -> NoDoor {
    NoDoor { cause: cause.into(), hint: hint.into() }
}

/// A target whose way is looked for.
struct Asked<'a> {
    environment: &'a Environment,
    target: &'a str,
    /// The spec says which cluster it must be.
    pinned: bool,
    /// There is no other target that a way without a name could be meant for.
    alone: bool,
}

/// Kubeconfig files as they are found.
struct Files {
    paths: Vec<PathBuf>,
    /// Who says that it is these.
    from: String,
    contexts: Vec<String>,
    current: Option<String>,
}

impl Asked<'_> {
    fn door(&self, said: KubernetesLayers) -> Result<Door, NoDoor> {
        let KubernetesLayers { context, kubeconfig } = said;
        if let Some((context, from)) = context {
            let files = self.files(kubeconfig)?;
            if !files.contexts.contains(&context) {
                return Err(files.none_such(&context, &from));
            }
            let from = format!("{}, {from}", files.named());
            return Ok(Door { way: Way::Kubeconfig { paths: files.paths, context }, from });
        }
        let is_silent = kubeconfig.is_none() && self.environment.variable("KUBECONFIG").is_none();
        if is_silent && self.in_pod() && (self.alone || self.pinned) {
            return Ok(Door { way: Way::InCluster, from: "the service account of this pod".to_owned() });
        }
        let files = self.files(kubeconfig)?;
        match files.current.clone().filter(|_| self.pinned) {
            Some(context) if files.contexts.contains(&context) => {
                let from = format!("current-context of {}, {}", files.named(), files.from);
                Ok(Door { way: Way::Kubeconfig { paths: files.paths, context }, from })
            }
            Some(context) => Err(files.none_such(&context, "current-context")),
            None => Err(self.unnamed(&files)),
        }
    }

    /// Nothing says which context it is.
    fn unnamed(&self, files: &Files) -> NoDoor {
        let Self { environment: _, target, pinned, alone: _ } = self;
        let why = if *pinned {
            "nothing says which context leads to it, and there is no current one"
        } else {
            "nothing says which context leads to it; the current one is looked at only where the spec pins the cluster (`kubeSystemUid`)"
        };
        let likely = nearest(target, files.contexts.iter().map(String::as_str)).or(match files.contexts.as_slice() {
            [only] => Some(only.as_str()),
            _ => None,
        });
        no_door(
            format!("{why}; {}", files.listed()),
            format!(
                "write `default: {{ kubernetes: {{ {target}: {{ context: {} }} }} }}` into access.yaml, set {}_CONTEXT, or give --kube-context {target}=CONTEXT",
                likely.unwrap_or("CONTEXT"),
                variable(target)
            ),
        )
    }

    /// The files that `kubectl` would read, or the one that is said for this target.
    fn files(&self, said: Option<(PathBuf, String)>) -> Result<Files, NoDoor> {
        let (listed, from) = match (said, self.environment.variable("KUBECONFIG")) {
            (Some((path, from)), _) => (vec![path], from),
            (None, Some(list)) => {
                let paths = std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty());
                (paths.collect(), "KUBECONFIG".to_owned())
            }
            (None, None) => {
                let usual = self.environment.home().map(|home| home.join(".kube").join("config"));
                (usual.into_iter().collect(), "the usual place".to_owned())
            }
        };
        // As `kubectl` does it: of several files some may be missing.
        let paths: Vec<PathBuf> = listed.iter().filter(|path| self.environment.is_there(path)).cloned().collect();
        if paths.is_empty() {
            let looked: Vec<String> = listed.iter().map(|path| path.display().to_string()).collect();
            return Err(no_door(
                format!("there is no kubeconfig: {} is not there ({from})", looked.join(", ")),
                format!(
                    "get one from the cluster (k3s: /etc/rancher/k3s/k3s.yaml), and say where it is: `default: {{ kubernetes: {{ {}: {{ kubeconfig: FILE, context: NAME }} }} }}` in access.yaml",
                    self.target
                ),
            ));
        }
        let mut merged = Kubeconfig::default();
        for path in &paths {
            let failed = |cause: &str| no_door(format!("reading {}: {cause} ({from})", path.display()), LOOK);
            let text = self.environment.read(path).map_err(|cause| failed(&cause.to_string()))?;
            // The parser's own message may quote the line, which may be a credential.
            let next = Kubeconfig::from_yaml(&text).map_err(|_| failed("it is no kubeconfig"))?;
            merged = merged.merge(next).map_err(|_| failed("it is of another kind than the others"))?;
        }
        let Kubeconfig { contexts, current_context, .. } = merged;
        let contexts = contexts.into_iter().map(|context| context.name).collect();
        Ok(Files { paths, from, contexts, current: current_context.filter(|name| !name.is_empty()) })
    }

    /// This process runs in a pod that may speak to its cluster.
    fn in_pod(&self) -> bool {
        let account = Path::new(SERVICE_ACCOUNT);
        self.environment.variable("KUBERNETES_SERVICE_HOST").is_some()
            && ["token", "ca.crt"].iter().all(|file| self.environment.is_there(&account.join(file)))
    }
}

/// What to do about a file that cannot be read.
const LOOK: &str = "look at it with `kubectl config view`";

impl Files {
    fn named(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    fn listed(&self) -> String {
        let mut names: Vec<&str> = self.contexts.iter().map(String::as_str).collect();
        names.sort_unstable();
        let more = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        match (names.as_slice(), more) {
            ([], _) => format!("{} has no contexts", self.named()),
            (names, 0) => format!("the contexts of {} are {}", self.named(), names.join(", ")),
            (names, more) => format!("the contexts of {} are {} and {more} more", self.named(), names.join(", ")),
        }
    }

    fn none_such(&self, context: &str, from: &str) -> NoDoor {
        let hint = match nearest(context, self.contexts.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean {meant}?"),
            None => "name one of them, or another kubeconfig".to_owned(),
        };
        no_door(format!("there is no context `{context}` ({from}); {}", self.listed()), hint)
    }
}

#[cfg(test)]
mod tests;
