//! What a spec says, as it says it: typed, every value with its place, nothing resolved.

mod fleet;
mod secrets;
mod values;
mod variables;
mod workspaces;

pub use fleet::{
    Agents, Cooldown, Delivery, DockerTarget, Hcp, Identity, KubernetesTarget, Notify, NotifyType, Operator,
    OrganizationDefaults, Pool, ScopeWish, Spec, Target,
};
pub use secrets::SecretSource;
pub use values::{Duration, Event, PlacementWord, TerraformVersion};
pub use variables::{ReachWish, SetReach, VariableSet, VariableWish, Variables, WishedValue};
pub use workspaces::{Accept, Common, Defaults, Project, Vcs, VcsWish, Workspace};
