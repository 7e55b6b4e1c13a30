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
use super::existing::Existing;
use super::socket::{LONGEST_FRAME, Socket};
use crate::app::App;
use crate::http::extract::{bearer_token, verify};
use crate::http::{Admission, ApiError};
use crate::metrics::record;
use crate::store::{Answer, Bearer};

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
    let token = token(&app, &live, &mut upgrade, &request, app.config.live.query_token)?;
    if let Some(Shown { token, is_in_header: true }) = &token {
        verify(&app, token).await?;
    }
    Ok(accept(live, admission, upgrade, token.map(|shown| shown.token), None))
}

/// Opens a socket for a client of an older protocol. Its token is looked for in the query string in any case, because
/// such clients put it there, and refused before the socket opens, because their servers did.
pub(super) async fn open_existing(
    State(app): State<App>,
    Extension(live): Extension<Live>,
    admission: Option<Extension<Admission>>,
    mut upgrade: WebSocketUpgrade,
    request: Request,
) -> Result<Response, ApiError> {
    let Some(Shown { token, .. }) = token(&app, &live, &mut upgrade, &request, true)? else {
        return Err(ApiError::TokenMissing);
    };
    let claims = verify(&app, &token).await?;
    match app.store.check(&Bearer::from(&claims)).await {
        Ok(Answer::Gated(gate)) => return Err(ApiError::Gated(gate)),
        Ok(Answer::Ended) => return Err(ApiError::LoginEnded),
        // A store that does not answer is waited for with the socket open.
        Ok(Answer::Standing { .. } | Answer::Superseded) | Err(_) => {}
    }
    let existing = Existing::new(&app.policy);
    Ok(accept(live, admission, upgrade, Some(token), Some(existing)))
}

/// A token that came with a handshake.
struct Shown {
    token: String,
    is_in_header: bool,
}

/// The token of a handshake, if it has one and is welcome here. `is_in_query`: it may stand in the query string.
fn token(
    app: &App,
    live: &Live,
    upgrade: &mut WebSocketUpgrade,
    request: &Request,
    is_in_query: bool,
) -> Result<Option<Shown>, ApiError> {
    if live.closing.is_cancelled() {
        return Err(ApiError::Overloaded);
    }
    let headers = request.headers();
    check_origin(app, headers)?;
    let protocols: Vec<&str> = upgrade.requested_protocols().filter_map(|word| word.to_str().ok()).collect();
    let offered = protocols.iter().find_map(|word| word.strip_prefix(BEARER)).map(str::to_owned);
    let speaks = protocols.contains(&PROTOCOL);
    if speaks {
        upgrade.set_selected_protocol(HeaderValue::from_static(PROTOCOL));
    }
    if headers.contains_key(header::AUTHORIZATION) {
        return Ok(Some(Shown { token: bearer_token(headers)?.to_owned(), is_in_header: true }));
    }
    let token = offered.or_else(|| is_in_query.then(|| query_token(request)).flatten());
    Ok(token.map(|token| Shown { token, is_in_header: false }))
}

fn accept(
    live: Live,
    admission: Option<Extension<Admission>>,
    upgrade: WebSocketUpgrade,
    token: Option<String>,
    existing: Option<Existing>,
) -> Response {
    let held = live.sockets.token();
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(HARD_LIMIT)
        .max_frame_size(HARD_LIMIT);
    upgrade.on_upgrade(move |ws| async move {
        let _held = (held, admission, record::live_connection());
        Box::pin(Socket::new(live, ws, existing).run(token)).await;
    })
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
