//! `/api/admin/blocked-addresses/`: networks whose requests are refused. Those that the service blocked itself for
//! repeated offences stand there, too, without a maker.

use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Done;
use crate::accounts::Block;
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::{Body, Client, May, Path, Query, Source, to};
use crate::http::offences;
use crate::http::pages::{cursor, limit};
use crate::http::time::Timestamp;
use crate::http::uncut::uncut;
use crate::http::words::Why;

/// The farthest end of a block, in ms: ten years.
const FARTHEST_END: u64 = 3_653 * 86_400_000;
/// Shorter prefixes are refused: a slip of the finger must not shut out a continent.
const SHORTEST: (u8, u8) = (8, 16);

/// Which blocks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BlocksQuery {
    /// `in_force` (if absent), or `all` that are remembered.
    state: Option<BlockState>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// At most 1000; 100 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Which blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockState {
    /// Those in force.
    InForce,
    /// Also those that are over.
    All,
}

/// A network to block.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockBody {
    /// An address or a network: at least /8 of IPv4, /16 of IPv6.
    #[schema(example = "203.0.113.0/24")]
    cidr: String,
    /// At most 500 characters.
    #[schema(value_type = String, max_length = 500)]
    reason: Why,
    /// The end, in ms from now, ten years at most; without one until it is lifted.
    #[schema(minimum = 1)]
    expires_in_ms: Option<u64>,
}

/// A blocked network.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockRow {
    id: i64,
    #[schema(example = "203.0.113.0/24")]
    cidr: String,
    reason: String,
    since: Timestamp,
    /// `null`: until it is lifted.
    until: Option<Timestamp>,
    /// The administrator's user id; `null`: the service itself.
    made_by: Option<String>,
    lifted_at: Option<Timestamp>,
    lifted_by: Option<String>,
    in_force: bool,
}

/// A page of blocked networks.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlocksPage {
    /// Newest first.
    results: Vec<BlockRow>,
    /// Where the next page begins; `null` after the last.
    next_cursor: Option<String>,
}

impl From<Block> for BlockRow {
    fn from(block: Block) -> Self {
        Self {
            id: block.id,
            cidr: block.network.to_string(),
            reason: block.reason,
            since: block.since.into(),
            until: block.until.map(Timestamp::from),
            made_by: block.made_by,
            lifted_at: block.lifted_at.map(Timestamp::from),
            lifted_by: block.lifted_by,
            in_force: block.in_force,
        }
    }
}

/// Lists blocked networks, newest first
#[utoipa::path(get, path = "/api/admin/blocked-addresses/", tag = "administration", params(BlocksQuery),
    responses((status = 200, body = BlocksPage)))]
pub async fn list(
    State(app): State<App>,
    _: May<to::ManageBlocks>,
    Query(query): Query<BlocksQuery>,
) -> Result<Json<BlocksPage>, ApiError> {
    let (limit, before) = (limit(query.limit)?, cursor::<i64>(query.cursor.as_deref())?);
    let all = query.state == Some(BlockState::All);
    // One more than asked for tells whether another page follows.
    let mut blocks = app.accounts.blocks(all, before, limit + 1).await?;
    let more = blocks.len() > limit as usize;
    blocks.truncate(limit as usize);
    let next_cursor = blocks.last().filter(|_| more).map(|block| block.id.to_string());
    Ok(Json(BlocksPage { results: blocks.into_iter().map(BlockRow::from).collect(), next_cursor }))
}

/// Blocks a network
///
/// Its requests are answered 403 `address_blocked`, heartbeats included: here at once, by other nodes within about a
/// second.
#[utoipa::path(post, path = "/api/admin/blocked-addresses/", tag = "administration",
    request_body = BlockBody, responses((status = 201, body = BlockRow)))]
pub async fn add(
    State(app): State<App>,
    May(claims, _): May<to::ManageBlocks>,
    source: Source,
    Client(own): Client,
    Body(body): Body<BlockBody>,
) -> Result<(StatusCode, Json<BlockRow>), ApiError> {
    let origin = source.of(&claims);
    let network = network(&body.cidr).map_err(|rule| ApiError::invalid("/cidr", rule))?;
    if own.is_some_and(|own| network.contains(&own)) {
        return Err(ApiError::invalid("/cidr", "your own address lies in this network"));
    }
    if offences::is_spared(&app, network.addr()) {
        let rule = "this network is never blocked (ROLLCALL_LIMITS_ALLOW, ROLLCALL_TRUSTED_PROXIES)";
        return Err(ApiError::invalid("/cidr", rule));
    }
    let span = match body.expires_in_ms {
        None => None,
        Some(ms @ 1..=FARTHEST_END) => Some(Duration::from_millis(ms)),
        Some(_) => {
            return Err(ApiError::invalid("/expires_in_ms", format!("expected 1 to {FARTHEST_END}")));
        }
    };
    let reason =
        body.reason.some().ok_or_else(|| ApiError::invalid("/reason", "expected a reason"))?.to_owned();
    uncut(async move {
        let block = app.accounts.block(network, &reason, span, &origin).await?;
        offences::changed(&app).await;
        Ok((StatusCode::CREATED, Json(block.into())))
    })
    .await
}

/// Lifts a block
///
/// What the network did is forgotten, too: the next offence does not block it at once.
#[utoipa::path(delete, path = "/api/admin/blocked-addresses/{id}/", tag = "administration",
    params(("id" = i64, Path, description = "block")), responses((status = 200, body = Done)))]
pub async fn lift(
    State(app): State<App>,
    May(claims, _): May<to::ManageBlocks>,
    Path(id): Path<i64>,
    source: Source,
) -> Result<Json<Done>, ApiError> {
    let origin = source.of(&claims);
    uncut(async move {
        let block = app.accounts.lift_block(id, &origin).await.map_err(|error| match error {
            crate::accounts::AccountError::NotFound => ApiError::NotFound("Block"),
            error => error.into(),
        })?;
        if let Err(error) = app.store.pardon(&block.network.to_string()).await {
            tracing::debug!(%error, "what a network did is not forgotten");
        }
        offences::changed(&app).await;
        Ok(Done::saying("The network may send requests again"))
    })
    .await
}

/// Reads a network; an IPv4 network written as IPv6 is one of IPv4.
fn network(text: &str) -> Result<IpNet, &'static str> {
    const FORM: &str = "expected a network such as 203.0.113.0/24 or 2001:db8::/32";
    let given = text.trim();
    let network = given.parse::<IpNet>().or_else(|_| given.parse::<IpAddr>().map(IpNet::from));
    let network = match network.map_err(|_| FORM)?.trunc() {
        IpNet::V6(network) => match (network.addr().to_ipv4_mapped(), network.prefix_len().checked_sub(96)) {
            (Some(address), Some(length)) => Ipv4Net::new(address, length).map_err(|_| FORM)?.into(),
            _ => IpNet::V6(network),
        },
        network => network,
    };
    let shortest = if network.addr().is_ipv4() { SHORTEST.0 } else { SHORTEST.1 };
    if network.prefix_len() < shortest {
        return Err("this network is too large: at least /8 of IPv4, /16 of IPv6");
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_the_largest_refused() {
        for (text, read) in [
            (" 203.0.113.9 ", "203.0.113.9/32"),
            ("203.0.113.9/24", "203.0.113.0/24"),
            ("::ffff:203.0.113.9", "203.0.113.9/32"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("2001:db8::1/64", "2001:db8::/64"),
        ] {
            assert_eq!(network(text).unwrap().to_string(), read);
        }
        for text in ["0.0.0.0/0", "::/0", "10.0.0.0/7", "2001::/15", "::ffff:0.0.0.0/96"] {
            assert!(network(text).unwrap_err().contains("too large"), "{text}");
        }
        assert!(network("example.com").unwrap_err().contains("such as"));
    }
}
