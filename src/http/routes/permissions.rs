//! `/api/admin/my-permissions/`: what the caller may do, as existing consoles ask before they show anything.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::extract::Caller;
use crate::presence::Role;

/// What the caller may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyPermissions {
    /// `user`, `moderator` or `admin`, as it is now.
    #[schema(value_type = String, example = "moderator")]
    role: Role,
    /// The words of the matrix in `docs/permissions.md`.
    #[schema(example = json!(["view_users", "create_user", "edit_user", "delete_user"]))]
    permissions: Vec<&'static str>,
}

/// Says what the caller may do
#[utoipa::path(get, path = "/api/admin/my-permissions/", tag = "administration",
    responses((status = 200, body = MyPermissions)))]
pub async fn mine(Caller(claims): Caller) -> Json<MyPermissions> {
    let permissions = claims.role.permissions().map(crate::accounts::Permission::as_str).collect();
    Json(MyPermissions { role: claims.role, permissions })
}
