//! `/api/admin/settings/`: with which settings the node that answers was started.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::config::InForce;
use crate::http::extract::{May, to};

/// A setting.
#[derive(Debug, Serialize, ToSchema)]
pub struct Setting {
    /// As a settings file has it.
    #[schema(example = "presence.heartbeat")]
    name: String,
    /// The environment variable.
    #[schema(example = "ROLLCALL_PRESENCE_HEARTBEAT")]
    variable: String,
    /// Absent where it is not set; of a secret it is told only that there is one.
    #[schema(example = "30s")]
    value: Option<String>,
    #[schema(example = "30s")]
    default: Option<String>,
    /// `default`, `default of this command`, `derived`, `file`, `environment` or `command line`.
    #[schema(example = "environment")]
    source: &'static str,
    about: String,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Settings {
    settings: Vec<Setting>,
}

impl From<&InForce> for Setting {
    fn from(setting: &InForce) -> Self {
        let InForce { name, variable, value, default, source, about } = setting.clone();
        Self { name, variable, value, default, source, about }
    }
}

/// Answers the settings in force
///
/// Those of the node that answers. Secrets and passwords are left out.
#[utoipa::path(get, path = "/api/admin/settings/", tag = "administration",
    responses((status = 200, body = Settings)))]
pub async fn settings(_: May<to::ViewSettings>, State(app): State<App>) -> Json<Settings> {
    Json(Settings { settings: app.config.in_force.iter().map(Setting::from).collect() })
}
