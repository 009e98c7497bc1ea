//! Everything that is ever sent to HCP to change something, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::desired::Destination;
use super::settings::{Fields, OrganizationSettings, ProjectSettings, WorkspaceSettings};
use super::{
    AgentId, NotificationId, OauthTokenId, PoolId, ProjectId, TokenId, VariableId, VariableKey, VariableSetId,
    WorkspaceId,
};
use crate::plan::{Effect, Holds, Later, Output};
use crate::secret::SecretRef;

/// One change. A sparse settings value or a `None` leaves an attribute as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// `PATCH /organizations/:name`
    UpdateOrganization {
        /// Its name.
        name: String,
        /// What changes.
        settings: OrganizationSettings,
        /// Where runs go by default.
        mode: Option<ModeRequest>,
        /// How many workspaces inherit that, so that their runs move with it.
        heirs: u32,
    },
    /// `POST /organizations/:name/projects`
    CreateProject(ProjectRequest),
    /// `PATCH /projects/:id`
    UpdateProject {
        /// Which.
        id: ProjectId,
        /// What changes; the name only if it does.
        change: ProjectRequest,
    },
    /// `PATCH /projects/:id`: where runs of its workspaces go by default.
    PlaceProject {
        /// Which.
        project: Later<ProjectId>,
        /// Where.
        mode: ModeRequest,
        /// The pool lets it in, which takes its id: so a project is placed after it was made.
        allowed: Later<Holds>,
        /// How many workspaces inherit that, so that their runs move with it.
        heirs: u32,
    },
    /// `DELETE /projects/:id`
    DeleteProject {
        /// Which.
        id: ProjectId,
        /// Its workspaces are gone or elsewhere.
        emptied: Vec<Later<Holds>>,
    },
    /// `POST /organizations/:name/workspaces`
    CreateWorkspace {
        /// All of it.
        workspace: WorkspaceRequest,
        /// Where its runs go until it is placed. One that is to run on a pool, or whose runs take what this plan is
        /// about to write, is made `Local`, so that no push can start a run before all of that is there.
        mode: ModeRequest,
    },
    /// `PATCH /workspaces/:id`
    UpdateWorkspace {
        /// Which.
        id: WorkspaceId,
        /// What changes.
        change: WorkspaceRequest,
        /// It inherits where it runs, and its new project says something else than its old one.
        moves: bool,
    },
    /// Lock, look at the current run, `PATCH /workspaces/:id`, unlock. A new workspace has no run and needs no lock.
    PlaceWorkspace {
        /// Which.
        workspace: Later<WorkspaceId>,
        /// Where its runs go.
        mode: ModeRequest,
        /// The pool lets it in.
        allowed: Later<Holds>,
        /// What its runs take and this plan writes is in place: its variables, and the variable sets that are for it.
        ready: Vec<Later<Holds>>,
        /// It existed before, so a run may be under way.
        moves: bool,
        /// Our own lock is already on it, left by a run that was stopped.
        locked_by_us: bool,
    },
    /// `POST /workspaces/:id/actions/safe-delete`
    DeleteWorkspace {
        /// Which.
        id: WorkspaceId,
        /// What the set of witnesses holds of its variables.
        witnesses: Vec<WitnessId>,
    },
    /// `PATCH /workspaces/:id/relationships/remote-state-consumers`
    SetConsumers {
        /// Whose state.
        workspace: Later<WorkspaceId>,
        /// Its mark says that it has such a list.
        marked: Later<Holds>,
        /// Who may read it.
        consumers: Vec<Later<WorkspaceId>>,
    },
    /// `PATCH /workspaces/:id` or `PATCH /projects/:id`, tags alone: the mark no longer speaks of what is gone.
    UpdateMark {
        /// Whose mark.
        subject: Subject,
        /// All its own tags, the mark among them.
        tags: BTreeMap<String, String>,
        /// The last of what the mark spoke of is gone.
        emptied: Vec<Later<Holds>>,
    },
    /// `POST …/vars`
    CreateVariable {
        /// Where.
        home: Home,
        /// What.
        variable: VariableRequest,
    },
    /// `PATCH …/vars/:id`
    UpdateVariable {
        /// Where.
        home: Home,
        /// Which.
        id: VariableId,
        /// What changes; its key is for messages alone.
        variable: VariableRequest,
    },
    /// `DELETE …/vars/:id`, then `POST …/vars`: HCP refuses to make a sensitive variable readable.
    ReplaceVariable {
        /// Where.
        home: Home,
        /// Which one goes.
        id: VariableId,
        /// What the set of witnesses holds of the one that goes.
        witness: Option<WitnessId>,
        /// What comes.
        variable: VariableRequest,
    },
    /// `DELETE …/vars/:id`
    DeleteVariable {
        /// Where.
        home: Home,
        /// Which.
        id: VariableId,
        /// What the set of witnesses holds of it.
        witness: Option<WitnessId>,
    },
    /// `POST /organizations/:name/varsets`, for nobody yet.
    CreateVariableSet(VariableSetRequest),
    /// `PATCH /varsets/:id`
    UpdateVariableSet {
        /// Which.
        id: VariableSetId,
        /// What changes.
        change: VariableSetRequest,
    },
    /// `PATCH /varsets/:id` with its relationships, once its variables are in place.
    ReachVariableSet {
        /// Which.
        set: Later<VariableSetId>,
        /// For every workspace.
        global: bool,
        /// Else for these projects.
        projects: Vec<Later<ProjectId>>,
        /// And these workspaces.
        workspaces: Vec<Later<WorkspaceId>>,
        /// Its variables are there, so that no run sees half of them.
        filled: Vec<Later<Holds>>,
    },
    /// `DELETE /varsets/:id`
    DeleteVariableSet {
        /// Which.
        id: VariableSetId,
        /// What the set of witnesses holds of its variables.
        witnesses: Vec<WitnessId>,
        /// Nothing of ours is left that it speaks of.
        unneeded: Vec<Later<Holds>>,
    },
    /// `DELETE …/vars/:id` for each: witnesses of variables that are gone, or ours no longer.
    ForgetWitnesses {
        /// Which.
        witnesses: Vec<WitnessId>,
        /// What they are about was let go.
        unneeded: Vec<Later<Holds>>,
    },
    /// `POST /organizations/:name/agent-pools`, for nobody yet unless it is for everybody.
    CreatePool {
        /// Its name.
        name: String,
        /// For every workspace of the organisation.
        organization_scoped: bool,
    },
    /// `PATCH /agent-pools/:id`; `organization-scoped` is always sent, since its default on PATCH is true.
    RenamePool {
        /// Which.
        id: PoolId,
        /// Its new name.
        name: String,
        /// As it is.
        organization_scoped: bool,
    },
    /// `PATCH /agent-pools/:id` with its relationships.
    ScopePool {
        /// Which.
        pool: Later<PoolId>,
        /// For every workspace.
        organization_scoped: bool,
        /// Else for these projects.
        projects: Vec<Later<ProjectId>>,
        /// And these workspaces.
        workspaces: Vec<Later<WorkspaceId>>,
        /// Those that lose it have left it.
        left: Vec<Later<Holds>>,
    },
    /// `DELETE /agent-pools/:id`
    DeletePool {
        /// Which.
        id: PoolId,
        /// Nobody uses it any more.
        unused: Vec<Later<Holds>>,
    },
    /// `POST /agent-pools/:id/authentication-tokens`: the answer is the one place where its value is.
    MintToken {
        /// Of which pool.
        pool: Later<PoolId>,
        /// Whom it is for, our mark included.
        description: String,
        /// All else that its receiver stands on: a token that cannot be delivered is not minted.
        ready: Vec<Later<Holds>>,
    },
    /// `DELETE /authentication-tokens/:id`
    RevokeToken {
        /// Which.
        id: TokenId,
        /// Who had it is gone, or has another one.
        unused: Vec<Later<Holds>>,
    },
    /// `DELETE /agents/:id`: HCP refuses one that is idle or busy.
    ForgetAgent {
        /// Which.
        id: AgentId,
    },
    /// `POST …/notification-configurations`
    CreateNotification {
        /// Of what.
        subject: Subject,
        /// The subject's mark says that it has notifications, so that this one is looked for when the spec drops it.
        marked: Later<Holds>,
        /// All of it.
        notification: NotificationRequest,
    },
    /// `PATCH /notification-configurations/:id`
    UpdateNotification {
        /// Which.
        id: NotificationId,
        /// What changes.
        notification: NotificationRequest,
    },
    /// `DELETE`, then `POST`: HCP cannot change a notification's kind.
    ReplaceNotification {
        /// Which one goes.
        id: NotificationId,
        /// Of what.
        subject: Subject,
        /// What comes.
        notification: NotificationRequest,
    },
    /// `DELETE /notification-configurations/:id`
    DeleteNotification {
        /// Which.
        id: NotificationId,
        /// What takes its place is there.
        replaced: Vec<Later<Holds>>,
    },
}

/// Where runs go, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModeRequest {
    /// On the agents of a pool.
    Agent(Later<PoolId>),
    /// In HCP's cloud.
    Remote,
    /// Nowhere in HCP.
    Local,
    /// Wherever the project or the organisation says.
    Inherited,
}

/// A project, whole or as far as it changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProjectRequest {
    /// Its name.
    pub name: Option<String>,
    /// Its settings.
    pub settings: ProjectSettings,
    /// All its own tags, our mark among them.
    pub tags: Option<BTreeMap<String, String>>,
}

/// A workspace, whole or as far as it changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceRequest {
    /// Its name.
    pub name: Option<String>,
    /// Its project.
    pub project: Option<Later<ProjectId>>,
    /// Its settings.
    pub settings: WorkspaceSettings,
    /// Its repository.
    pub vcs: Option<VcsChange>,
    /// All its own tags, our mark among them.
    pub tags: Option<BTreeMap<String, String>>,
    /// What the mark is over, where its project is made by the same plan: the mark gets the project's id when it is
    /// known.
    pub unsealed: Option<Fields>,
}

/// What becomes of a workspace's repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VcsChange {
    /// It has none any more.
    Disconnect,
    /// It has this one.
    Connect(VcsRequest),
}

/// A repository's connection, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VcsRequest {
    /// `owner/name`.
    pub repository: String,
    /// The branch; "" is the default one.
    pub branch: String,
    /// The connection's token.
    pub token: OauthTokenId,
    /// Fetch submodules.
    pub ingress_submodules: bool,
    /// Runs for tags; "" is none.
    pub tags_regex: String,
}

/// Where a variable lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Home {
    /// In a workspace.
    Workspace(Later<WorkspaceId>),
    /// In a variable set.
    Set(Later<VariableSetId>),
}

/// A variable, whole or as far as it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableRequest {
    /// Its category and key.
    pub key: VariableKey,
    /// What it holds.
    pub value: Option<ValueRequest>,
    /// The value is an HCL expression.
    pub hcl: Option<bool>,
    /// Text of a person's, our suffix included.
    pub description: Option<String>,
}

/// A value, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ValueRequest {
    /// One that anybody may see.
    Plain(String),
    /// One that is read from its source when it is sent.
    Sensitive {
        /// The source.
        source: SecretRef,
        /// Where it is written down afterwards that this was written.
        witness: WitnessRequest,
    },
}

/// Where the witness of a sensitive value goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessRequest {
    /// The set that holds the witnesses.
    pub set: Later<VariableSetId>,
    /// The witness that is there already.
    pub existing: Option<VariableId>,
}

/// A witness that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WitnessId {
    /// The set that holds it.
    pub set: VariableSetId,
    /// The variable that it is.
    pub variable: VariableId,
}

/// A variable set without its variables and its reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableSetRequest {
    /// Its name.
    pub name: Option<String>,
    /// Text of a person's, our suffix included.
    pub description: Option<String>,
    /// Its values win.
    pub priority: Option<bool>,
}

/// What a notification is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// A workspace.
    Workspace(Later<WorkspaceId>),
    /// Every workspace of a project.
    Project(Later<ProjectId>),
}

/// A notification, whole or as far as it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationRequest {
    /// Its name, our suffix included.
    pub name: Option<String>,
    /// Where it goes. Sent whole when it is there: HCP verifies an enabled one at every save anyway.
    pub destination: Option<Destination>,
    /// Sent at all.
    pub enabled: Option<bool>,
    /// What it is sent for.
    pub triggers: Option<BTreeSet<String>>,
}

/// Collects the outputs that a request takes.
struct Needs(BTreeSet<Output>);

impl Needs {
    fn of<'a, T: 'a>(mut self, laters: impl IntoIterator<Item = &'a Later<T>>) -> Self {
        self.0.extend(laters.into_iter().filter_map(Later::needs).cloned());
        self
    }

    fn mode(self, mode: Option<&ModeRequest>) -> Self {
        match mode {
            Some(ModeRequest::Agent(pool)) => self.of([pool]),
            Some(ModeRequest::Remote | ModeRequest::Local | ModeRequest::Inherited) | None => self,
        }
    }

    fn home(self, home: &Home) -> Self {
        match home {
            Home::Workspace(id) => self.of([id]),
            Home::Set(id) => self.of([id]),
        }
    }

    fn subject(self, subject: &Subject) -> Self {
        match subject {
            Subject::Workspace(id) => self.of([id]),
            Subject::Project(id) => self.of([id]),
        }
    }

    fn value(self, variable: &VariableRequest) -> Self {
        let VariableRequest { key: _, value, hcl: _, description: _ } = variable;
        match value {
            Some(ValueRequest::Sensitive { source: _, witness: WitnessRequest { set, existing: _ } }) => self.of([set]),
            Some(ValueRequest::Plain(_)) | None => self,
        }
    }
}

impl Request {
    /// The outputs of other actions that this one takes: the only source of the order.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Output> {
        let needs = Needs(BTreeSet::new());
        match self {
            Self::UpdateOrganization { mode, .. } => needs.mode(mode.as_ref()),
            Self::PlaceProject { project, mode, allowed, heirs: _ } => {
                needs.of([project]).of([allowed]).mode(Some(mode))
            }
            Self::DeleteProject { id: _, emptied } => needs.of(emptied),
            Self::CreateWorkspace { workspace, mode } => needs.of(&workspace.project).mode(Some(mode)),
            Self::UpdateWorkspace { id: _, change, moves: _ } => needs.of(&change.project),
            Self::PlaceWorkspace { workspace, mode, allowed, ready, moves: _, locked_by_us: _ } => {
                needs.of([workspace]).of([allowed]).of(ready).mode(Some(mode))
            }
            Self::UpdateMark { subject, tags: _, emptied } => needs.subject(subject).of(emptied),
            Self::DeleteVariableSet { id: _, witnesses: _, unneeded }
            | Self::ForgetWitnesses { witnesses: _, unneeded } => needs.of(unneeded),
            Self::SetConsumers { workspace, marked, consumers } => needs.of([workspace]).of([marked]).of(consumers),
            Self::CreateVariable { home, variable }
            | Self::UpdateVariable { home, id: _, variable }
            | Self::ReplaceVariable { home, id: _, witness: _, variable } => needs.home(home).value(variable),
            Self::DeleteVariable { home, id: _, witness: _ } => needs.home(home),
            Self::ReachVariableSet { set, global: _, projects, workspaces, filled } => {
                needs.of([set]).of(projects).of(workspaces).of(filled)
            }
            Self::ScopePool { pool, organization_scoped: _, projects, workspaces, left } => {
                needs.of([pool]).of(projects).of(workspaces).of(left)
            }
            Self::DeletePool { id: _, unused } | Self::RevokeToken { id: _, unused } => needs.of(unused),
            Self::MintToken { pool, description: _, ready } => needs.of([pool]).of(ready),
            Self::CreateNotification { subject, marked, notification: _ } => needs.subject(subject).of([marked]),
            Self::ReplaceNotification { id: _, subject, notification: _ } => needs.subject(subject),
            Self::DeleteNotification { id: _, replaced } => needs.of(replaced),
            Self::DeleteWorkspace { .. }
            | Self::CreateProject(_)
            | Self::UpdateProject { .. }
            | Self::CreateVariableSet(_)
            | Self::UpdateVariableSet { .. }
            | Self::CreatePool { .. }
            | Self::RenamePool { .. }
            | Self::ForgetAgent { .. }
            | Self::UpdateNotification { .. } => needs,
        }
        .0
    }

    /// Those of its needs that it can do without: it waits for them, and takes what came of them. One workspace that
    /// could not be made must not keep all others from their pool.
    #[must_use]
    pub fn spares(&self) -> BTreeSet<Output> {
        let needs = Needs(BTreeSet::new());
        match self {
            Self::ScopePool { projects, workspaces, .. } | Self::ReachVariableSet { projects, workspaces, .. } => {
                needs.of(projects).of(workspaces).0
            }
            Self::SetConsumers { consumers, .. } => needs.of(consumers).0,
            _ => needs.0,
        }
    }

    /// What it breaks off or moves. A workspace that loses its repository, or gets another one, breaks off nothing: a
    /// run that is under way has its code already.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::PlaceWorkspace { moves: true, .. } | Self::UpdateWorkspace { moves: true, .. } => {
                Effect { moved: 1, ..Effect::default() }
            }
            Self::PlaceProject { heirs, .. } | Self::UpdateOrganization { mode: Some(_), heirs, .. } => {
                Effect { moved: *heirs, ..Effect::default() }
            }
            Self::DeleteWorkspace { .. } => Effect { workspaces: 1, ..Effect::default() },
            Self::RevokeToken { .. } => Effect { revoked: 1, ..Effect::default() },
            Self::PlaceWorkspace { moves: false, .. }
            | Self::UpdateWorkspace { moves: false, .. }
            | Self::UpdateOrganization { mode: None, .. }
            | Self::CreateProject(_)
            | Self::UpdateProject { .. }
            | Self::DeleteProject { .. }
            | Self::CreateWorkspace { .. }
            | Self::SetConsumers { .. }
            | Self::UpdateMark { .. }
            | Self::CreateVariable { .. }
            | Self::UpdateVariable { .. }
            | Self::ReplaceVariable { .. }
            | Self::DeleteVariable { .. }
            | Self::CreateVariableSet(_)
            | Self::UpdateVariableSet { .. }
            | Self::ReachVariableSet { .. }
            | Self::DeleteVariableSet { .. }
            | Self::ForgetWitnesses { .. }
            | Self::CreatePool { .. }
            | Self::RenamePool { .. }
            | Self::ScopePool { .. }
            | Self::DeletePool { .. }
            | Self::MintToken { .. }
            | Self::ForgetAgent { .. }
            | Self::CreateNotification { .. }
            | Self::UpdateNotification { .. }
            | Self::ReplaceNotification { .. }
            | Self::DeleteNotification { .. } => Effect::default(),
        }
    }
}
