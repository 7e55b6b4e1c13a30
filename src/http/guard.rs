//! Before the handlers of every route: requests of blocked addresses are refused, whatever they ask for. After them:
//! the client is told what is left of its quotas, and an address that is refused again and again gets what it deserves.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::extract::client_of;
use super::limits::{self, Allowances};
use super::offences;
use crate::app::App;
use crate::metrics::record;

/// Middleware.
pub(super) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let address = client_of(request.extensions(), request.headers(), &app.config.proxies.trusted);
    if let Some(address) = address
        && let Some(blocked) = app.blocks.covers(address)
        && !offences::is_spared(&app, address)
    {
        record::blocked_request();
        return ApiError::AddressBlocked(blocked.remaining.map(limits::seconds)).into_response();
    }
    let shown = Allowances::default();
    request.extensions_mut().insert(shown.clone());
    let mut response = next.run(request).await;
    shown.write(response.headers_mut());
    if response.status() == StatusCode::TOO_MANY_REQUESTS
        && let Some(address) = address
    {
        offences::refused(&app, address).await;
    }
    response
}
