//! How a socket begins: who may open one from where, and where its token is.
//!
//! A token comes by the `Authorization` header, by a subprotocol (`rollcall.v1, bearer.<token>`: pages can set no header),
//! by the first message, or in the query string, where that is switched on. A wrong one in the header is refused like any
//! request; elsewhere the socket opens and is closed with a code, because pages see nothing else of what went wrong.

use axum::Extension;
use axum::extract::{Request, State, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::Live;
use super::socket::{LONGEST_FRAME, Socket};
use crate::app::App;
use crate::http::extract::{bearer_token, verify};
use crate::http::{Admission, ApiError};
use crate::metrics::record;

/// The subprotocol.
const PROTOCOL: &str = "rollcall.v1";
/// How the token begins among the subprotocols.
const BEARER: &str = "bearer.";
/// The name of the token in the query string.
const QUERY: &str = "token";

/// What the library reads at once, in bytes; a longer frame makes it read more. Its default of 128 KiB would be there
/// for every connection, idle or not.
const READ_BUFFER: usize = 1024;
/// The longest frame that the library takes, in bytes. Longer ones than [`LONGEST_FRAME`] are refused and the connection
/// lives; longer than this they end it.
const HARD_LIMIT: usize = 16 * LONGEST_FRAME;

/// Opens a socket.
pub(super) async fn open(
    State(app): State<App>,
    Extension(live): Extension<Live>,
    admission: Option<Extension<Admission>>,
    mut upgrade: WebSocketUpgrade,
    request: Request,
) -> Result<Response, ApiError> {
    if live.closing.is_cancelled() {
        return Err(ApiError::Overloaded);
    }
    let headers = request.headers();
    check_origin(&app, headers)?;
    let protocols: Vec<&str> = upgrade.requested_protocols().filter_map(|word| word.to_str().ok()).collect();
    let offered = protocols.iter().find_map(|word| word.strip_prefix(BEARER)).map(str::to_owned);
    let speaks = protocols.contains(&PROTOCOL);
    let token = if headers.contains_key(header::AUTHORIZATION) {
        let token = bearer_token(headers)?.to_owned();
        verify(&app, &token).await?;
        Some(token)
    } else {
        offered.or_else(|| app.config.live.query_token.then(|| query_token(&request)).flatten())
    };
    if speaks {
        upgrade.set_selected_protocol(HeaderValue::from_static(PROTOCOL));
    }
    let held = live.sockets.token();
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(HARD_LIMIT)
        .max_frame_size(HARD_LIMIT);
    Ok(upgrade.on_upgrade(move |ws| async move {
        let _held = (held, admission, record::live_connection());
        Box::pin(Socket::new(live, ws).run(token)).await;
    }))
}

/// A page of another origin may not open a socket on behalf of whoever looks at it. What is no browser sends no origin.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_same = origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host);
    if is_same || app.config.cors.origins.contains(origin) { Ok(()) } else { Err(ApiError::Forbidden) }
}

fn query_token(request: &Request) -> Option<String> {
    let pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    let mut tokens = pairs.filter(|(name, value)| *name == QUERY && !value.is_empty());
    tokens.next().map(|(_, value)| value.to_owned())
}
