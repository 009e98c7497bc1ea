//! Where runs go, and the inheritance workspace <- project <- organization.

use serde::{Deserialize, Serialize};

use super::{Project, Workspace, World};

/// An execution mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In HCP's cloud.
    Remote,
    /// Outside; HCP keeps only the state.
    Local,
    /// On an agent of a pool.
    Agent,
}

impl Mode {
    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Remote => "remote",
            Self::Local => "local",
            Self::Agent => "agent",
        }
    }

    /// From the word of the API.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Remote, Self::Local, Self::Agent].into_iter().find(|mode| mode.word() == word)
    }
}

/// A pool that is inherited, or one's own choice (which may be none).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnPool {
    /// Whatever the parent says.
    #[default]
    Inherited,
    /// Overwritten.
    Own(Option<String>),
}

/// What a workspace or a project itself says about where runs go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Placement {
    /// The mode, if overwritten.
    pub mode: Option<Mode>,
    /// The pool, if overwritten.
    pub pool: OwnPool,
}

impl Placement {
    /// With what holds above it.
    pub fn over(&self, parent: (Mode, Option<String>)) -> (Mode, Option<String>) {
        let pool = match &self.pool {
            OwnPool::Inherited => parent.1,
            OwnPool::Own(pool) => pool.clone(),
        };
        (self.mode.unwrap_or(parent.0), pool)
    }
}

impl World {
    /// What holds for the organization.
    pub fn organization_placement(&self) -> (Mode, Option<String>) {
        let organization = &self.organization;
        (organization.default_execution_mode, organization.default_agent_pool.clone())
    }

    /// What holds for a project.
    pub fn project_placement(&self, project: &Project) -> (Mode, Option<String>) {
        project.placement.over(self.organization_placement())
    }

    /// What holds for a workspace.
    pub fn workspace_placement(&self, workspace: &Workspace) -> (Mode, Option<String>) {
        let parent = match self.projects.get(&workspace.project) {
            Some(project) => self.project_placement(project),
            None => self.organization_placement(),
        };
        workspace.placement.over(parent)
    }

    /// Whether a workspace may use a pool: by the pool's scope, its lists, or its project.
    pub fn may_use(&self, pool: &str, workspace: Option<&str>, project: &str) -> bool {
        let Some(pool) = self.agent_pools.get(pool) else {
            return false;
        };
        if workspace.is_some_and(|id| pool.excluded_workspaces.contains(id)) {
            return false;
        }
        pool.organization_scoped
            || workspace.is_some_and(|id| pool.allowed_workspaces.contains(id))
            || pool.allowed_projects.contains(project)
    }

    /// The pool that a workspace's runs go to.
    pub fn pool_of(&self, workspace: &str) -> Option<String> {
        match self.workspace_placement(self.workspaces.get(workspace)?) {
            (Mode::Agent, pool) => pool,
            (Mode::Remote | Mode::Local, _) => None,
        }
    }

    /// The workspaces whose runs go to a pool.
    pub fn users_of_pool(&self, pool: &str) -> Vec<String> {
        self.workspaces
            .iter()
            .filter(|(_, workspace)| {
                let (mode, used) = self.workspace_placement(workspace);
                mode == Mode::Agent && used.as_deref() == Some(pool)
            })
            .map(|(id, _)| id.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_words_win_and_silence_inherits() {
        let parent = (Mode::Agent, Some("apool-1".to_owned()));
        assert_eq!(Placement::default().over(parent.clone()), parent);
        let own = Placement { mode: Some(Mode::Remote), pool: OwnPool::Own(None) };
        assert_eq!(own.over(parent), (Mode::Remote, None));
    }
}
