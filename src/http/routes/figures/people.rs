//! `/api/presence/figures/people/`: how many different people were online in a day, week or month.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::concurrency::word;
use super::{DAY, check_count, failure, span};
use crate::app::App;
use crate::audit::{PeopleIn, PeopleKind, Period, Zone};
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, to};
use crate::http::time::{Timestamp, moment};
use crate::presence::{Millis, Org};

/// The span, if nothing is said of it.
const DAYS: i64 = 30;

/// Which span, in which periods.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleQuery {
    /// From this moment on (RFC 3339); 30 days before `to` if absent.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Millis>,
    /// Before this moment (RFC 3339); now if absent, and never later.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Millis>,
    /// `day` if absent.
    #[param(value_type = Option<String>)]
    period: Option<PeriodWord>,
    /// `calendar` (if absent): days, weeks from Monday on, months, one after the other; the first and the last as far as they
    /// lie in the span. `rolling`: windows of 1, 7 or 30 days, one that ends at each midnight of the span and one at its end.
    #[param(value_type = Option<String>)]
    kind: Option<KindWord>,
    /// Whose midnights: `Europe/Berlin`; `UTC` if absent.
    #[serde(default, deserialize_with = "word")]
    #[param(value_type = Option<String>)]
    time_zone: Option<Zone>,
    /// In this organisation; in all if absent.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
}

/// How long a period is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PeriodWord {
    #[default]
    Day,
    Week,
    Month,
}

/// How periods lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KindWord {
    #[default]
    Calendar,
    Rolling,
}

/// How many different people were online in a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeoplePeriod {
    from: Timestamp,
    to: Timestamp,
    people: u64,
}

/// How many different people were online in periods.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeopleAnswer {
    period: PeriodWord,
    kind: KindWord,
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// Oldest first.
    results: Vec<PeoplePeriod>,
}

/// Answers how many different people were online in days, weeks or months
///
/// As others saw them: the invisible are not counted.
#[utoipa::path(get, path = "/api/presence/figures/people/", tag = "presence", params(PeopleQuery),
    responses((status = 200, body = PeopleAnswer)))]
pub async fn people(
    State(app): State<App>,
    May(..): May<to::ViewHistory>,
    Query(query): Query<PeopleQuery>,
) -> Result<Json<PeopleAnswer>, ApiError> {
    let (word, kind) = (query.period.unwrap_or_default(), query.kind.unwrap_or_default());
    let (period, days) = match word {
        PeriodWord::Day => (Period::Day, 1),
        PeriodWord::Week => (Period::Week, 7),
        PeriodWord::Month => (Period::Month, 30),
    };
    let span = span(&app, query.from, query.to, query.org, DAYS).await?;
    let days = if kind == KindWord::Rolling { 1 } else { days };
    check_count("period", (span.to.0 - span.from.0) / (days * DAY) + 1)?;
    let zone = query.time_zone.unwrap_or_default();
    let how = match kind {
        KindWord::Calendar => PeopleKind::Calendar,
        KindWord::Rolling => PeopleKind::Rolling,
    };
    let told = app.audit.people(&span, period, how, &zone).await.map_err(failure)?;
    let time_zone = zone.as_str().to_owned();
    Ok(Json(PeopleAnswer {
        period: word,
        kind,
        time_zone,
        results: told.into_iter().map(PeoplePeriod::from).collect(),
    }))
}

impl From<PeopleIn> for PeoplePeriod {
    fn from(told: PeopleIn) -> Self {
        Self { from: told.from.into(), to: told.to.into(), people: told.people }
    }
}
