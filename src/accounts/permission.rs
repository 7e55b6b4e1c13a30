//! What each role may do: the one matrix. `docs/permissions.md` shows it with the endpoints, and a test keeps the two
//! the same.
//!
//! Roles are steps: who stands higher may do all that those below may. So a permission says the lowest role that has it.

use serde::Serialize;

use crate::presence::Role;

/// Declares the permissions: the word, the lowest role that has it, and what it is for.
macro_rules! permissions {
    ($(#[doc = $meaning:literal] $name:ident = $word:literal, $lowest:ident;)+) => {
        /// Something that not everybody may do. The words are those that existing consoles know, where they know one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        pub enum Permission { $(#[doc = $meaning] #[serde(rename = $word)] $name,)+ }

        impl Permission {
            /// All of them, in the order of the matrix.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word as it is sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// What it is for, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning.trim_ascii(),)+ }
            }

            /// The lowest role that has it.
            #[must_use]
            pub const fn lowest_role(self) -> Role {
                match self { $(Self::$name => Role::$lowest,)+ }
            }
        }
    };
}

permissions! {
    /// Read all accounts of all organisations with their addresses and presence, and the trash.
    ViewUsers = "view_users", Moderator;
    /// Make accounts. A moderator makes plain users only.
    CreateUser = "create_user", Moderator;
    /// Change an account's names, address and profile, and make links for a new password. A moderator changes plain users only.
    EditUser = "edit_user", Moderator;
    /// Put accounts into the trash and take them out again. A moderator does so with plain users only.
    DeleteUser = "delete_user", Moderator;
    /// Approve or reject accounts that wait for it.
    ApproveUser = "approve_user", Admin;
    /// Suspend, ban and activate accounts.
    SuspendUser = "suspend_user", Admin;
    /// End all logins of somebody else.
    ForceLogoutUser = "force_logout_user", Admin;
    /// Take somebody's second factor away, whose authenticator is lost.
    ResetTotp = "reset_totp", Admin;
    /// Give and take roles.
    AssignModerator = "assign_moderator", Admin;
    /// Make accounts from a file, with their roles and hashes of passwords.
    ImportUsers = "import_users", Admin;
    /// Remove accounts and what is kept about a person for good.
    EraseUser = "erase_user", Admin;
    /// Set how somebody else is seen.
    SetPresence = "set_presence", Admin;
    /// Look at the true presence of somebody who is invisible, with a reason.
    RevealPresence = "reveal_presence", Admin;
    /// Read the history of presence, and why somebody has a status.
    ViewHistory = "view_history", Admin;
    /// Take data out as a file.
    ExportData = "export_data", Admin;
    /// Read what people and administrators did.
    ViewAuditLogs = "view_audit_logs", Admin;
    /// Read the settings.
    ViewSettings = "view_settings", Admin;
    /// Change settings at run time.
    EditSettings = "edit_settings", Admin;
    /// Make and revoke keys of other services.
    ManageServiceKeys = "manage_service_keys", Admin;
    /// Block addresses and let them in again.
    ManageBlocks = "manage_blocks", Admin;
    /// Say who is told of changes by webhook.
    ManageWebhooks = "manage_webhooks", Admin;
}

impl Role {
    /// Whether this role has the permission.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        self >= permission.lowest_role()
    }

    /// All that this role may, in the order of the matrix.
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.may(*permission))
    }

    /// Whether this role may lay hands on accounts of `other`, if it has the permission for what it does: a moderator
    /// only on plain users, so that none can raise themselves or bring another down.
    #[must_use]
    pub fn may_act_on(self, other: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Moderator => other == Self::User,
            Self::User => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_steps() {
        assert_eq!(Role::User.permissions().count(), 0);
        assert_eq!(Role::Admin.permissions().count(), Permission::ALL.len());
        let moderator: Vec<_> = Role::Moderator.permissions().map(Permission::as_str).collect();
        assert_eq!(moderator, ["view_users", "create_user", "edit_user", "delete_user"]);
    }

    #[test]
    fn a_moderator_lays_hands_on_plain_users_only() {
        let by = |role: Role| [Role::User, Role::Moderator, Role::Admin].map(|other| role.may_act_on(other));
        assert_eq!(by(Role::User), [false; 3]);
        assert_eq!(by(Role::Moderator), [true, false, false]);
        assert_eq!(by(Role::Admin), [true; 3]);
    }
}
