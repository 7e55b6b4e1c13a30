//! The table of every path of the public API.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get};
use bytes::Bytes;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::fallback::{not_allowed, not_found};
use super::guard::guard;
use super::middleware::{RequestRules, layered};
use super::openapi;
use super::routes::{
    activity, admin_status, admin_users, at, audit_logs, audit_stats, bench, blocked_addresses, bulk, data,
    erase, explain, export, figures, gates, health, heartbeat, login, own, pending, people, people_changes,
    people_export, people_import, permissions, presence, presence_admin, privacy, register, reset_link,
    rooms, service_keys, sessions, settings, status, timeline, tokens, totp, transitions, trash, users,
    webhook_deliveries, webhooks, well_known,
};
use super::{Options, assets, demo};
use crate::app::App;
use crate::metrics::record;

/// Where heartbeats go.
pub(super) const HEARTBEAT_PATH: &str = "/api/users/heartbeat/";
/// Where sockets are opened.
pub const LIVE_PATH: &str = "/api/presence/live/";
/// Where clients open theirs that were written for other servers.
pub const EXISTING_LIVE_PATH: &str = "/ws/presence/";

/// The paths that need no description, or cannot be described.
const UNDESCRIBED: [&str; 4] = ["/openapi.json", "/bench/token/", LIVE_PATH, EXISTING_LIVE_PATH];

/// What `live` adds, as far as it is described.
const STREAMS: [(&str, &str); 1] = [("/api/presence/events/", "GET")];

/// Every path, as routes are written, with the methods that are described: what the metrics may name.
pub(super) static PATHS: LazyLock<BTreeMap<String, Vec<&'static str>>> = LazyLock::new(|| {
    let described = described().into_openapi().paths.paths.into_iter();
    let described = described.map(|(path, item)| (path, openapi::methods(&item)));
    let streams = STREAMS.map(|(path, method)| (path.to_owned(), vec![method]));
    let pages = assets::PATHS.iter().chain(&assets::DEMO_PATHS).chain(&demo::PATHS);
    let others = UNDESCRIBED.iter().chain(pages).map(|path| ((*path).to_owned(), Vec::new()));
    described.chain(streams).chain(others).collect()
});

/// Makes the metrics of every described route begin at 0: a rate needs a value before the first request.
fn expect_routes() {
    for (path, methods) in &*PATHS {
        methods.iter().for_each(|method| record::expect_route(path, method));
    }
}

fn described() -> OpenApiRouter<App> {
    let routers = [auth(), users(), presence(), admin()];
    routers.into_iter().fold(OpenApiRouter::with_openapi(openapi::base()), OpenApiRouter::merge)
}

/// `/api/auth/`.
fn auth() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(tokens::refresh))
        .routes(routes!(tokens::verify))
        .routes(routes!(tokens::logout))
        .routes(routes!(tokens::logout_everywhere))
        .routes(routes!(totp::standing, totp::begin, totp::disable))
        .routes(routes!(totp::confirm))
        .routes(routes!(own::me, own::change_me))
        .routes(routes!(own::auth_profile, own::change_auth_profile))
        .routes(routes!(own::password))
        .routes(routes!(own::reset))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(privacy::own, privacy::put_own))
        .routes(routes!(data::own))
        .routes(routes!(erase::oneself))
}

/// `/api/users/`.
fn users() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(heartbeat::beat, heartbeat::standing))
        .routes(routes!(own::users_profile, own::change_users_profile))
        .routes(routes!(users::all))
        .routes(routes!(people::list, people_changes::create))
        .routes(routes!(bulk::bulk))
        .routes(routes!(people_export::export))
        .routes(people_import::route())
        .routes(routes!(admin_users::online))
        .routes(routes!(people_changes::detail, people_changes::put, people_changes::patch, trash::delete))
        .routes(routes!(admin_users::online_status))
        .routes(routes!(admin_status::set, admin_status::clear))
        .routes(routes!(gates::approve))
        .routes(routes!(gates::reject))
        .routes(routes!(gates::suspend))
        .routes(routes!(gates::ban))
        .routes(routes!(gates::activate))
        .routes(routes!(gates::force_logout))
        .routes(routes!(totp::reset))
        .routes(routes!(reset_link::create))
        .routes(routes!(sessions::list_of))
        .routes(routes!(sessions::end_of))
        .routes(routes!(trash::list))
        .routes(routes!(trash::restore))
        .routes(routes!(trash::empty))
        .routes(routes!(erase::account))
        .routes(routes!(data::of_account))
        .routes(routes!(data::selected))
        .routes(routes!(data::delete))
}

/// `/api/presence/`.
fn presence() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(status::put, status::delete))
        .routes(routes!(presence::stats))
        .routes(routes!(presence::query))
        .routes(routes!(presence::user))
        .routes(routes!(presence::online))
        .routes(routes!(rooms::members))
        .routes(routes!(rooms::join, rooms::leave))
        .routes(routes!(rooms::grant))
        .routes(routes!(activity::report).layer(DefaultBodyLimit::max(activity::BODY_LIMIT)))
        .routes(routes!(presence_admin::set, presence_admin::clear))
        .routes(routes!(presence_admin::force_logout))
        .routes(routes!(timeline::timeline))
        .routes(routes!(explain::user))
        .routes(routes!(at::at))
        .routes(routes!(transitions::list))
        .routes(routes!(export::export))
        .routes(routes!(figures::concurrency::concurrency))
        .routes(routes!(figures::concurrency::export))
        .routes(routes!(figures::people::people))
        .routes(routes!(figures::sessions::sessions))
        .routes(routes!(figures::totals::totals))
}

/// `/api/admin/` and `/.well-known/`.
fn admin() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(permissions::mine))
        .routes(routes!(health::health))
        .routes(routes!(settings::settings))
        .routes(routes!(pending::list))
        .routes(routes!(pending::stats))
        .routes(routes!(pending::approve))
        .routes(routes!(pending::reject))
        .routes(routes!(audit_logs::list))
        .routes(routes!(audit_logs::export))
        .routes(routes!(audit_stats::stats))
        .routes(routes!(privacy::of_user, privacy::put_of_user))
        .routes(routes!(erase::user))
        .routes(routes!(service_keys::create, service_keys::list))
        .routes(routes!(service_keys::revoke))
        .routes(routes!(well_known::jwks))
        .routes(routes!(blocked_addresses::list, blocked_addresses::add))
        .routes(routes!(blocked_addresses::lift))
        .routes(routes!(webhooks::create, webhooks::list))
        .routes(routes!(webhooks::show, webhooks::change, webhooks::delete))
        .routes(routes!(webhooks::rotate))
        .routes(routes!(webhook_deliveries::test))
        .routes(routes!(webhook_deliveries::list))
        .routes(routes!(webhook_deliveries::redeliver))
}

/// The description of the API, as `/openapi.json` answers it. `live`: the routes of streams.
///
/// # Errors
/// None that a caller could mend: the document does not serialise.
pub fn openapi_json(live: OpenApiRouter<App>) -> serde_json::Result<String> {
    let document = openapi::complete(described().merge(live).into_openapi());
    document.to_pretty_json().map(|text| text + "\n")
}

/// The whole public API and the pages, their layers included.
///
/// # Errors
/// As [`openapi_json`].
pub(super) fn public(
    app: App,
    live: OpenApiRouter<App>,
    rules: &RequestRules,
    options: Options,
) -> serde_json::Result<Router> {
    expect_routes();
    let document = Bytes::from(openapi_json(live.clone())?);
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let (mut router, _) = described().merge(live).split_for_parts();
    router = router.route(UNDESCRIBED[0], get(move || async move { (json, document) }));
    if options.bench_route {
        router = router.route(UNDESCRIBED[1], any(bench::token));
    }
    router = router.merge(assets::routes());
    if let Some(demo) = options.demo {
        router = router.merge(demo::routes(demo));
    }
    router = router.fallback(not_found).method_not_allowed_fallback(not_allowed);
    router = router.layer(from_fn_with_state(app.clone(), guard));
    Ok(layered(router, rules).with_state(app))
}
