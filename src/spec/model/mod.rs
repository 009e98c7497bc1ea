//! What a spec says, as it says it: typed, every value with its place, nothing resolved.

mod agents;
mod fleet;
mod kube;
mod quantity;
mod secrets;
mod values;
mod variables;
mod workspaces;

pub use agents::{Agents, Ca, Cooldown, Cpus, DockerTarget, FilesWish, Identity, LogLevel, LogWish, Size, Target, Tls};
pub use fleet::{Delivery, Hcp, Notify, NotifyType, OrganizationDefaults, Pool, ScopeWish, Spec};
pub use kube::{
    ArgocdWish, ClusterDelivery, ControllerWish, ControllersWish, DeletionPolicy, ExistingSecret, ExternalSecret,
    ImageWish, KubernetesPool, KubernetesTarget, Operator, ProxyWish, PullPolicy, RbacWish, Resources,
    ServiceAccountWish, StoreKind, StoreWish, TokenExternalSecret, TokenSecret, TokenWish, VolumeWish,
};
pub use quantity::Quantity;
pub use secrets::SecretSource;
pub use values::{Duration, Event, OrganizationName, PlacementWord, TerraformVersion};
pub use variables::{ReachWish, SetReach, VariableSet, VariableWish, Variables, WishedValue};
pub use workspaces::{Accept, Common, Defaults, Project, Vcs, VcsWish, Workspace};
