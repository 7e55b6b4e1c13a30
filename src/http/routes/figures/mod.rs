//! `/api/presence/figures/`: how many people were online when, how many different ones, for how long. What is counted how
//! says `docs/figures.md`.

pub mod concurrency;
pub mod people;
pub mod sessions;
pub mod totals;

use crate::app::App;
use crate::audit::{AuditError, Span};
use crate::http::error::ApiError;
use crate::http::failures::Asked;
use crate::presence::{Millis, Org};

/// ms.
const DAY: i64 = 86_400_000;

/// The most points or periods of an answer.
const MOST: i64 = 2_000;

/// The span that is asked for: up to now, and `days` long, if nothing is said. What is to come is left out.
async fn span(
    app: &App,
    from: Option<Millis>,
    to: Option<Millis>,
    org: Option<Org>,
    days: i64,
) -> Result<Span, ApiError> {
    let now = app.audit.reach().await?.now;
    let to = to.unwrap_or(now).min(now);
    let from = from.unwrap_or(Millis(to.0 - days * DAY));
    if from.0 < 0 {
        return Err(ApiError::invalid("from", "expected a moment since 1970"));
    }
    if from >= now {
        return Err(ApiError::invalid("from", "this moment is in the future"));
    }
    if from >= to {
        return Err(ApiError::invalid("to", "expected a moment behind `from`"));
    }
    Ok(Span { from, to, org })
}

/// Whether an answer has room for so many points; `name` is the parameter that says how many.
fn check_count(name: &str, count: i64) -> Result<(), ApiError> {
    if count <= MOST {
        return Ok(());
    }
    let said = format!(
        "this makes about {count} points, and at most {MOST} are told: ask for a shorter span or a longer `{name}`"
    );
    Err(ApiError::invalid(name, said))
}

/// A failure as clients see it: what Postgres refuses of a question whose other values were checked is the name of the zone.
fn failure(error: AuditError) -> ApiError {
    match error {
        AuditError::Refused(_) => ApiError::invalid("time_zone", "there is no time zone of this name"),
        error => error.answer(),
    }
}
