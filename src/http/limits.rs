//! Where limits are applied to requests, and what answers say of them.
//!
//! Every policy is taken here and nowhere else: registrations and logins by the [`Attempts`](super::extract::Attempts)
//! of a handler, requests of a login by [`request`] when its token has been verified. What is one too many is refused; but
//! signs of life share a call instead (`store/shared.rs`). What was taken is noted in the
//! request's [`Allowances`], from which the guard writes the header fields `RateLimit-Policy` and `RateLimit` (draft 11
//! of the IETF's httpapi group; lists of structured fields): `"login";q=60;w=60` and `"login";r=59;t=1`. Requests of a
//! login are told of their quota only when it is used up: it is far above what pages send, and every heartbeat would
//! carry it.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};

use super::error::ApiError;
use crate::app::App;
use crate::auth::Claims;
use crate::metrics::labels::LimitPolicy;
use crate::metrics::record;
use crate::store::limits::{NotTaken, Quota, Spent, Standing};

/// What the quotas are.
pub(super) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of them.
pub(super) const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// One quota, as it stands after this request.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    policy: LimitPolicy,
    quota: Quota,
    standing: Standing,
}

/// The quotas that a request was counted against.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowances(Arc<Mutex<Vec<Allowance>>>);

impl Allowances {
    /// Those of a request; of one that no guard has seen, some that nobody reads.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Notes how a quota stands.
    pub(super) fn note(&self, policy: LimitPolicy, quota: Option<Quota>, standing: Standing) {
        if let Some(quota) = quota {
            let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            noted.push(Allowance { policy, quota, standing });
        }
    }

    /// Tells the client.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut policies, mut left) = (String::new(), String::new());
        for Allowance { policy, quota, standing } in &*noted {
            let comma = if policies.is_empty() { "" } else { ", " };
            let window = seconds(quota.whole_after());
            let until = seconds(if standing.wait.is_zero() { standing.whole_in } else { standing.wait });
            // Writing to a string cannot fail.
            let _ = write!(policies, "{comma}\"{}\";q={};w={window}", policy.as_str(), quota.burst());
            let _ = write!(left, "{comma}\"{}\";r={};t={until}", policy.as_str(), standing.left);
        }
        for (name, text) in [(POLICY, policies), (LEFT, left)] {
            if let Some(value) = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty()) {
                headers.insert(name, value);
            }
        }
    }
}

/// Whole seconds, at least one: nobody is told to come back before it helps.
pub(super) fn seconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

/// A request of a login that is one too many.
#[derive(Debug)]
pub struct Excess(Spent);

impl Excess {
    /// 429, counted.
    pub(super) fn refused(self) -> ApiError {
        record::rate_limited(self.0.policy);
        ApiError::RateLimited(seconds(self.0.standing.wait))
    }
}

/// Counts a request of a login.
///
/// # Errors
/// It is one too many. The client is told how the quota stands, whatever becomes of the request.
pub(super) async fn request(app: &App, claims: &Claims, extensions: &Extensions) -> Result<(), Excess> {
    let Some(pace) = &app.pace else { return Ok(()) };
    pace.take(&app.store, &claims.user, &claims.login).await.map_err(|spent| {
        let standing = Standing { left: 0, ..spent.standing };
        Allowances::of(extensions).note(LimitPolicy::Requests, Some(pace.quota()), standing);
        Excess(spent)
    })
}

/// What came of taking from a quota, in words of the API.
///
/// # Errors
/// 429 if it is used up.
pub(super) fn taken(
    app: &App,
    policy: LimitPolicy,
    outcome: Result<Option<Standing>, NotTaken>,
    shown: &Allowances,
) -> Result<(), ApiError> {
    match outcome {
        Ok(standing) => {
            if let Some(standing) = standing {
                shown.note(policy, app.limits.quota(policy), standing);
            }
            Ok(())
        }
        Err(NotTaken::Spent(spent)) => Err(refused(&spent, policy, app.limits.quota(policy), shown)),
        Err(NotTaken::Failed(error)) => Err(error.into()),
    }
}

/// `policy` is what the client is told of; a wait after failures is part of the account's.
fn refused(spent: &Spent, policy: LimitPolicy, quota: Option<Quota>, shown: &Allowances) -> ApiError {
    shown.note(policy, quota, Standing { left: 0, ..spent.standing });
    Excess(*spent).refused()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_told_as_lists_of_structured_fields() {
        let (mut headers, shown) = (HeaderMap::new(), Allowances::default());
        shown.write(&mut headers);
        assert!(headers.is_empty(), "nothing is said where nothing was counted");
        let second = Duration::from_secs(1);
        let half = Standing { left: 59, whole_in: second / 2, wait: Duration::ZERO };
        shown.note(LimitPolicy::Login, Some(Quota::new(second, 60)), half);
        let spent = Standing { left: 0, whole_in: second * 60, wait: Duration::from_millis(5_001) };
        shown.note(LimitPolicy::LoginAccount, Some(Quota::new(second * 6, 10)), spent);
        shown.write(&mut headers);
        assert_eq!(headers[POLICY], r#""login";q=60;w=60, "login_account";q=10;w=60"#);
        assert_eq!(headers[LEFT], r#""login";r=59;t=1, "login_account";r=0;t=6"#);
    }
}
