//! Room grants: short-lived words of whoever knows who belongs into a room, in the form of a JWT of a type of its own
//! (`typ: room+jwt`), so that a grant is never taken for an access token, nor an access token for a grant.
//!
//! A host application signs them by the keys that sign its access tokens, for its own users; for all others its servers have
//! them signed here, by a service key.

use std::time::Duration;

use jsonwebtoken::Header;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::host::Host;
use super::rooms::{RoomGrant, RoomPattern};
use super::token::{LEEWAY, LONGEST};
use super::{TokenError, Tokens, Verifier, mapping};
use crate::presence::{Org, UserId};

/// The header `typ` of a room grant.
const TYPE: &str = "room+jwt";

/// Whether a header names the type of a room grant; one that names none is something else.
fn is_grant(header: &Header) -> bool {
    header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE))
}

/// The claims of a grant of ours.
#[derive(Serialize, Deserialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    org: Option<Org>,
    room: RoomPattern,
    iat: i64,
    exp: i64,
}

impl Tokens {
    /// A grant that lets `user` into what `room` means, good from `now` for `life`; with an organisation only as its member.
    #[must_use]
    pub fn issue_room_grant(
        &self,
        user: &UserId,
        org: Option<&Org>,
        room: &RoomPattern,
        now: OffsetDateTime,
        life: Duration,
    ) -> String {
        let now = now.unix_timestamp();
        let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        let claims = Wire {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user.clone(),
            org: org.cloned(),
            room: room.clone(),
            iat: now,
            exp: now.saturating_add(life),
        };
        self.sign(TYPE, &claims)
    }

    fn room_grant(&self, token: &str, now: OffsetDateTime) -> Result<RoomGrant, TokenError> {
        let (claims, _) = self.signed::<Wire>(token, is_grant)?;
        let now = now.unix_timestamp();
        if claims.iat > now.saturating_add(LEEWAY) {
            return Err(TokenError::Invalid);
        }
        if claims.exp.saturating_add(LEEWAY) <= now {
            return Err(TokenError::Expired);
        }
        Ok(RoomGrant { user: claims.sub, org: claims.org, rooms: [claims.room].into_iter().collect() })
    }
}

impl Host {
    /// A grant of this issuer. It may live as long as the issuer's tokens.
    async fn room_grant(&self, token: &str, now: OffsetDateTime) -> Result<RoomGrant, TokenError> {
        let (claims, _) = self.signed(token, is_grant).await?;
        self.in_time(&claims, now.unix_timestamp())?;
        mapping::grant(&self.issuer, &claims)
    }
}

impl Verifier {
    /// What a room grant says, if an issuer that is trusted made it for us and its time is not over at `now`.
    ///
    /// # Errors
    /// [`TokenError`]; `Expired` is only said of a grant that is good otherwise.
    pub async fn room_grant(&self, token: &str, now: OffsetDateTime) -> Result<RoomGrant, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Invalid);
        }
        match self.host_of(token) {
            Some(at) => self.hosts[at].room_grant(token, now).await,
            None => self.own.room_grant(token, now),
        }
    }
}
