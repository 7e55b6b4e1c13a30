//! `/api/presence/figures/concurrency/`: how many people were online through a span, by step and as a file.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{check_count, failure, span};
use crate::accounts::{Action, actions};
use crate::app::App;
use crate::audit::{AuditError, Concurrency, Point, Span, Step, Zone};
use crate::http::error::ApiError;
use crate::http::extract::{May, Query, Source, to};
use crate::http::file::{Form, Page, Pages, attachment};
use crate::http::time::{Timestamp, moment};
use crate::presence::{Millis, Org};

/// The span, if nothing is said of it.
const DAYS: i64 = 1;
/// Points that fit a chart.
const CHART: i64 = 300;

/// Which span, in which steps.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConcurrencyQuery {
    /// From this moment on (RFC 3339); a day before `to` if absent.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Millis>,
    /// Before this moment (RFC 3339); now if absent, and never later.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Millis>,
    /// `1m`, `5m`, `15m`, `1h`, `6h`, `1d` or `1w`; if absent the shortest that makes no more than 300 points. At most 2000
    /// points are told.
    #[serde(default, deserialize_with = "word")]
    #[param(value_type = Option<String>)]
    step: Option<Step>,
    /// In whose midnights steps begin: `Europe/Berlin`; `UTC` if absent.
    #[serde(default, deserialize_with = "word")]
    #[param(value_type = Option<String>)]
    time_zone: Option<Zone>,
    /// In this organisation; in all if absent.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
}

/// The same, as a file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConcurrencyExportQuery {
    /// `csv` (if absent), `ndjson` or `json`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Form,
    /// From this moment on (RFC 3339); a day before `to` if absent.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Millis>,
    /// Before this moment (RFC 3339); now if absent, and never later.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Millis>,
    /// As of the list.
    #[serde(default, deserialize_with = "word")]
    #[param(value_type = Option<String>)]
    step: Option<Step>,
    /// As of the list.
    #[serde(default, deserialize_with = "word")]
    #[param(value_type = Option<String>)]
    time_zone: Option<Zone>,
    /// In this organisation; in all if absent.
    #[param(value_type = Option<String>)]
    org: Option<Org>,
}

/// How many people were online from one point to the next.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConcurrencyPoint {
    /// Where it begins.
    at: Timestamp,
    /// At that moment.
    users: u64,
    /// At most.
    max: u64,
    /// At least.
    min: u64,
    /// On average over time.
    average: f64,
}

/// The highest number.
#[derive(Debug, Serialize, ToSchema)]
pub struct Peak {
    users: u64,
    /// The first moment at which so many were online.
    at: Timestamp,
}

/// How many people were online through a span.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConcurrencyAnswer {
    /// Later than asked for if the history begins later.
    from: Timestamp,
    to: Timestamp,
    /// The length of a step; the first and the last may be shorter, and days in which clocks change differ by an hour.
    step_ms: i64,
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    peak: Peak,
    /// On average over time.
    average: f64,
    /// One after the other, without gaps.
    points: Vec<ConcurrencyPoint>,
}

/// Reads a word of a vocabulary of the history.
pub(super) fn word<'de, W, D>(input: D) -> Result<Option<W>, D::Error>
where
    W: std::str::FromStr<Err: std::fmt::Display>,
    D: serde::Deserializer<'de>,
{
    let text = String::deserialize(input)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// A question that can be answered.
struct Asked {
    span: Span,
    step: Step,
    zone: Zone,
}

impl Asked {
    fn of(span: Span, step: Option<Step>, zone: Option<Zone>) -> Result<Self, ApiError> {
        let length = span.to.0 - span.from.0;
        let step = step.unwrap_or_else(|| Step::fitting(length, CHART));
        check_count("step", length / step.ms() + 1)?;
        Ok(Self { span, step, zone: zone.unwrap_or_default() })
    }

    async fn told(&self, app: &App) -> Result<Concurrency, ApiError> {
        app.audit.concurrency(&self.span, self.step, &self.zone).await.map_err(failure)
    }
}

/// Answers how many people were online through a span
///
/// As others saw them: the invisible are not counted.
#[utoipa::path(get, path = "/api/presence/figures/concurrency/", tag = "presence", params(ConcurrencyQuery),
    responses((status = 200, body = ConcurrencyAnswer)))]
pub async fn concurrency(
    State(app): State<App>,
    May(..): May<to::ViewHistory>,
    Query(query): Query<ConcurrencyQuery>,
) -> Result<Json<ConcurrencyAnswer>, ApiError> {
    let span = span(&app, query.from, query.to, query.org, DAYS).await?;
    let asked = Asked::of(span, query.step, query.time_zone)?;
    let told = asked.told(&app).await?;
    Ok(Json(ConcurrencyAnswer {
        from: told.from.into(),
        to: told.to.into(),
        step_ms: asked.step.ms(),
        time_zone: asked.zone.as_str().to_owned(),
        peak: Peak { users: told.peak.0, at: told.peak.1.into() },
        average: told.average,
        points: told.points.into_iter().map(ConcurrencyPoint::from).collect(),
    }))
}

/// Exports how many people were online through a span
///
/// The points of the list, one in a row. Recorded as `DATA_EXPORTED`.
#[utoipa::path(get, path = "/api/presence/figures/concurrency/export/", tag = "presence", params(ConcurrencyExportQuery),
    responses((status = 200, description = "the file", content(
        (String = "text/csv"), (String = "application/x-ndjson"), (String = "application/json")))))]
pub async fn export(
    State(app): State<App>,
    May(claims, ..): May<to::ExportData>,
    source: Source,
    Query(query): Query<ConcurrencyExportQuery>,
) -> Result<Response, ApiError> {
    let span = span(&app, query.from, query.to, query.org, DAYS).await?;
    let asked = Asked::of(span, query.step, query.time_zone)?;
    let told = asked.told(&app).await?;
    let after = json!({
        "figures": "concurrency", "format": query.format, "org": asked.span.org,
        "from": Timestamp::from(told.from), "to": Timestamp::from(told.to),
        "step": asked.step.as_str(), "time_zone": asked.zone.as_str(),
    });
    let origin = source.of(&claims);
    let action = Action::on_system(actions::DATA_EXPORTED, "figures of presence were exported", &origin);
    app.accounts.record(&Action { after: Some(after), ..action }).await?;
    attachment(Points(told.points), query.format, "concurrency", told.to).await
}

impl From<Point> for ConcurrencyPoint {
    fn from(point: Point) -> Self {
        Self {
            at: point.at.into(),
            users: point.users,
            max: point.max,
            min: point.min,
            average: point.average,
        }
    }
}

/// Points, which one page holds.
struct Points(Vec<Point>);

impl Pages for Points {
    type Row = ConcurrencyPoint;
    type Cursor = ();
    type Error = AuditError;

    const COLUMNS: &'static [&'static str] = &["at", "users", "max", "min", "average"];

    async fn page(&self, _: Option<()>, _: u32) -> Result<Page<Self>, AuditError> {
        Ok((self.0.iter().copied().map(ConcurrencyPoint::from).collect(), None))
    }
}
