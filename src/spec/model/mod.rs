//! What a spec says, as it says it: typed, every value with its place, nothing resolved.

mod agents;
mod fleet;
mod secrets;
mod values;
mod variables;
mod workspaces;

pub use agents::{
    Agents, Ca, Cooldown, Cpus, DockerTarget, FilesWish, Identity, KubernetesTarget, LogLevel, LogWish, Operator, Size,
    Target, Tls,
};
pub use fleet::{Delivery, Hcp, Notify, NotifyType, OrganizationDefaults, Pool, ScopeWish, Spec};
pub use secrets::SecretSource;
pub use values::{Duration, Event, OrganizationName, PlacementWord, TerraformVersion};
pub use variables::{ReachWish, SetReach, VariableSet, VariableWish, Variables, WishedValue};
pub use workspaces::{Accept, Common, Defaults, Project, Vcs, VcsWish, Workspace};
