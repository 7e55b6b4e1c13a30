//! The one question that every request asks: whose token is this? Ours or a host's, fresh or seen before.
//!
//! A public-key signature costs more than all the rest of a heartbeat. So what was verified is remembered by the hash of
//! the whole token, until the token ends or its issuer's keys change; whether its login has ended is asked of Redis at
//! every request, as for any other. Tokens signed by a secret are as cheap to verify as to look up, and are not kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moka::Expiry;
use moka::sync::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::host::Host;
use super::jwks::KeyTimes;
use super::token::{LEEWAY, LONGEST};
use super::{Claims, RoomRights, TokenError, Tokens, mapping};
use crate::config::Issuer;
use crate::metrics::record;
use crate::presence::{LoginId, UserId};

/// Most tokens that are remembered: some 400 bytes each.
const REMEMBERED: u64 = 200_000;

/// The hash of a whole token, its signature included.
type Digest256 = [u8; 32];

/// A token that was verified.
#[derive(Clone)]
struct Known {
    claims: Claims,
    /// Until when it may be believed, in seconds since 1970.
    good_until: i64,
    /// How long that was when it was verified.
    life: Duration,
    /// Of a host's token: which host, and by which generation of its keys.
    by: Option<(usize, u64)>,
}

/// Forgets a token when it ends.
struct AtItsEnd;

impl Expiry<Digest256, Arc<Known>> for AtItsEnd {
    fn expire_after_create(&self, _: &Digest256, known: &Arc<Known>, _: Instant) -> Option<Duration> {
        Some(known.life)
    }
}

/// Verifies tokens of every issuer that is trusted.
pub struct Verifier {
    pub(super) own: Arc<Tokens>,
    pub(super) hosts: Vec<Host>,
    has_open_rooms: bool,
    known: Cache<Digest256, Arc<Known>>,
}

impl Verifier {
    /// Verifies our own tokens and those of these issuers.
    ///
    /// # Errors
    /// In words, if there is nothing to read an issuer's keys with.
    pub fn new(own: Arc<Tokens>, issuers: &[Issuer], times: KeyTimes) -> Result<Self, String> {
        let hosts = issuers.iter().map(|issuer| Host::new(issuer.clone(), times));
        Ok(Self {
            own,
            hosts: hosts.collect::<Result<_, _>>()?,
            has_open_rooms: false,
            known: Cache::builder().max_capacity(REMEMBERED).expire_after(AtItsEnd).build(),
        })
    }

    /// The same; whether everybody may join every room of their organisation, whatever their token says.
    #[must_use]
    pub fn with_open_rooms(self, has_open_rooms: bool) -> Self {
        Self { has_open_rooms, ..self }
    }

    /// The facts of a token, if an issuer that is trusted made it for us and its time is not over at `now`.
    ///
    /// # Errors
    /// [`TokenError`]; `Expired` is only said of a token that is good otherwise.
    pub async fn verify(&self, token: &str, now: OffsetDateTime) -> Result<Claims, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Invalid);
        }
        if self.hosts.is_empty() && !self.own.may_be_costly() {
            return self.own.verify(token, now).map(|claims| self.opened(claims));
        }
        let digest: Digest256 = Sha256::digest(token).into();
        if let Some(known) = self.known.get(&digest).filter(|known| self.is_current(known)) {
            record::known_token();
            let over = known.good_until <= now.unix_timestamp();
            return if over { Err(TokenError::Expired) } else { Ok(known.claims.clone()) };
        }
        let (mut known, costly) = self.judge(token, now).await?;
        known.claims = self.opened(known.claims);
        let claims = known.claims.clone();
        if costly {
            self.known.insert(digest, Arc::new(known));
        }
        Ok(claims)
    }

    fn opened(&self, claims: Claims) -> Claims {
        if self.has_open_rooms { Claims { rooms: RoomRights::all(), ..claims } } else { claims }
    }

    /// For how long tokens of this user may live, if they are another issuer's: so long an ended login is remembered.
    #[must_use]
    pub fn host_token_life(&self, user: &UserId) -> Option<Duration> {
        let name = user.issuer()?;
        let host = self.hosts.iter().find(|host| host.issuer.name == name)?;
        Some(host.issuer.longest_life.duration() + host.issuer.leeway.duration())
    }

    /// The login that a host's session stands for, as its tokens say it.
    #[must_use]
    pub fn login_of_session(session: &str) -> LoginId {
        mapping::login(session)
    }

    /// Whether the keys that verified a token are still those of its issuer.
    fn is_current(&self, known: &Known) -> bool {
        known.by.is_none_or(|(host, generation)| self.hosts[host].generation() == Some(generation))
    }

    async fn judge(&self, token: &str, now: OffsetDateTime) -> Result<(Known, bool), TokenError> {
        let remembered = |claims, good_until: i64, by| {
            let left = good_until.saturating_sub(now.unix_timestamp());
            let life = Duration::from_secs(u64::try_from(left).unwrap_or(0));
            Known { claims, good_until, life, by }
        };
        let Some(at) = self.host_of(token) else {
            let verified = self.own.verified(token, now)?;
            let good_until = verified.claims.expires_at.saturating_add(LEEWAY);
            return Ok((remembered(verified.claims, good_until, None), verified.costly));
        };
        let host = &self.hosts[at];
        let verified = host.verify(token, now).await?;
        let by = Some((at, verified.generation));
        Ok((remembered(verified.claims, verified.good_until, by), host.is_costly()))
    }

    /// The host that a token claims to be of. Nothing is verified yet.
    pub(super) fn host_of(&self, token: &str) -> Option<usize> {
        #[derive(Deserialize)]
        struct Claimed<'a> {
            #[serde(borrow)]
            iss: std::borrow::Cow<'a, str>,
        }
        if self.hosts.is_empty() {
            return None;
        }
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claimed: Claimed<'_> = serde_json::from_slice(&payload).ok()?;
        self.hosts.iter().position(|host| host.issuer.issuer == claimed.iss)
    }
}
