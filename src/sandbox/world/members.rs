//! People: users, and their membership of the organization.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::World;

/// How far a membership is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MembershipStatus {
    /// The user has accepted.
    Active,
    /// The user was invited and has not accepted.
    Invited,
    /// Provisioned and switched off.
    Inactive,
}

impl MembershipStatus {
    /// HCP's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Invited => "invited",
            Self::Inactive => "inactive",
        }
    }
}

/// A user of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Member {
    /// The user's id.
    pub user: String,
    /// The name that the user chose; none before the invitation was accepted.
    pub username: Option<String>,
    /// The user's address.
    pub email: String,
    /// How far it is.
    pub status: MembershipStatus,
    /// When the membership was made.
    pub created_at: Timestamp,
}

/// Memberships by id.
pub type Members = BTreeMap<String, Member>;

impl World {
    /// A user who has joined; gives back the user's id.
    pub fn join(&mut self, username: &str) -> String {
        let user = self.mint("user");
        let member = Member {
            user: user.clone(),
            username: Some(username.to_owned()),
            email: format!("{username}@example.com"),
            status: MembershipStatus::Active,
            created_at: self.now,
        };
        let id = self.mint("ou");
        self.members.insert(id, member);
        user
    }

    /// Takes a membership away, and with it the user's mail. What becomes of notifications that name the user is written
    /// nowhere; a user without a membership cannot be seen any more, so cannot be mailed either.
    pub fn leave(&mut self, membership: &str) -> Option<Member> {
        let gone = self.members.remove(membership)?;
        for notification in self.notifications.values_mut() {
            notification.users.remove(&gone.user);
        }
        Some(gone)
    }

    /// The membership of a user's name.
    pub fn member_named(&self, username: &str) -> Option<&str> {
        let mut members = self.members.iter();
        members.find(|(_, member)| member.username.as_deref() == Some(username)).map(|(id, _)| id.as_str())
    }
}
