//! The permissions as types, so that a handler's argument says what it demands: `May<to::ViewUsers>`.

use crate::accounts::Permission;

/// A type that stands for a permission.
pub trait Demand {
    /// Which.
    const PERMISSION: Permission;
}

macro_rules! demands {
    ($($name:ident)+) => {$(
        #[doc = concat!("[`Permission::", stringify!($name), "`].")]
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Demand for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )+};
}

demands! {
    ViewUsers CreateUser EditUser DeleteUser ApproveUser SuspendUser ForceLogoutUser ResetTotp AssignModerator
    ImportUsers EraseUser SetPresence RevealPresence ViewHistory ExportData ViewAuditLogs ViewSettings EditSettings
    ManageServiceKeys ManageBlocks ManageWebhooks
}
