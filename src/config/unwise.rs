//! Settings that are allowed, and unwise where strangers come: what they mean for people, and what to do. Nothing of it
//! keeps a node from starting, because each has a place where it is right.

use std::net::SocketAddr;

use secrecy::ExposeSecret;

use super::{Config, Limit, RefreshRotation, RoomPolicy, Span, StoreUrl, error, weak};

/// A setting that is unwise in production.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwise {
    /// Every name of the setting.
    pub setting: String,
    /// What it is; of a secret only what is wrong with it.
    pub value: String,
    /// What that means.
    pub means: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

/// Shorter than this it is hard to say what happened.
const SHORT_RETENTION: Span = Span::from_secs(90 * 86_400);
/// For longer nobody's role or name in a token should be believed.
const LONG_ACCESS: Span = Span::from_secs(3_600);

impl Config {
    /// What is unwise in production, in the order of the settings file.
    #[must_use]
    pub fn unwise(&self) -> Vec<Unwise> {
        [
            self.unwise_listen(),
            self.unwise_redis(),
            self.unwise_auth(),
            self.unwise_openness(),
            self.unwise_times(),
            self.unwise_limits(),
        ]
        .concat()
    }

    fn unwise_listen(&self) -> Vec<Unwise> {
        let mut found = Vec::new();
        let (public, internal) = (self.listen.public, self.listen.internal);
        if internal.ip().is_unspecified() {
            found.push(unwise(
                "internal_listen",
                internal,
                "whoever reaches this machine reads its metrics",
                "give it an address of the inner network, or keep its port from outside",
            ));
        }
        if !public.ip().is_loopback() && self.proxies.trusted.to_string().is_empty() {
            found.push(unwise(
                "trusted_proxies",
                format!("none, while {public} is public"),
                "behind a proxy all clients have its address: limits and blocks hit everybody at once; without a proxy \
                 tokens and passwords travel in the clear",
                "put a proxy with TLS before it, and name its network",
            ));
        }
        if self.proxies.trusted.contains(anywhere()) {
            found.push(unwise(
                "trusted_proxies",
                &self.proxies.trusted,
                "whoever calls may say from which address, and is under no limit",
                "name the networks of your proxies alone",
            ));
        }
        let plain = self.cors.origins.as_slice().iter().filter(|origin| is_plain(origin)).cloned();
        let plain = plain.collect::<Vec<_>>().join(",");
        if !plain.is_empty() {
            found.push(unwise(
                "cors_origins",
                plain,
                "whoever sits between the page and its reader can change the page, and acts with the reader's token",
                "serve pages by https:// and name them so",
            ));
        }
        found
    }

    fn unwise_redis(&self) -> Vec<Unwise> {
        let is_open = |url: &&StoreUrl| url.password().is_none_or(str::is_empty) && !is_near(url);
        self.redis.url.as_ref().filter(is_open).map_or_else(Vec::new, |url| {
            vec![unwise(
                "redis_url",
                url,
                "it has no password: whoever reaches it can put anybody online or offline, and let the banned in",
                "set a password in Redis and in the URL",
            )]
        })
    }

    fn unwise_auth(&self) -> Vec<Unwise> {
        let mut found = Vec::new();
        let auth = &self.auth;
        if let Some(why) = auth.shared_secret().and_then(|secret| weak::looks_made_up(secret.expose_secret()))
        {
            found.push(unwise(
                "auth_secret",
                why,
                "whoever guesses it can be anybody",
                "make one by chance, as `openssl rand -hex 32` does",
            ));
        }
        if auth.access_ttl > LONG_ACCESS {
            found.push(unwise(
                "auth_access_ttl",
                auth.access_ttl,
                "a token that was stolen is good for that long, unless its login is ended",
                "keep it below an hour: clients refresh it by themselves",
            ));
        }
        if auth.refresh_rotation == RefreshRotation::Fixed {
            found.push(unwise(
                "auth_refresh_rotation",
                "fixed",
                "a refresh token that was stolen is good until its end, and nobody notices",
                "`rotate`, as soon as no client keeps its first refresh token",
            ));
        }
        found
    }

    fn unwise_openness(&self) -> Vec<Unwise> {
        let mut found = Vec::new();
        if self.live.query_token {
            found.push(unwise(
                "live_query_token",
                "true",
                "proxies and logs on the way keep the tokens of everybody who opens a socket",
                "let clients send it by subprotocol or first message",
            ));
        }
        if self.live.rooms == RoomPolicy::Open {
            found.push(unwise(
                "live_rooms",
                "open",
                "everybody may join, and see who is in, any room of their organisation whose name they guess",
                "`granted`",
            ));
        }
        if self.webhooks.allow_private {
            found.push(unwise(
                "webhooks_allow_private",
                "true",
                "whoever may set webhooks lets this node send letters to servers that only it reaches",
                "`false`, once receivers have public addresses",
            ));
        }
        found
    }

    fn unwise_times(&self) -> Vec<Unwise> {
        let (presence, mut found) = (&self.presence, Vec::new());
        let rhythms = [
            ("presence_ttl", presence.ttl, presence.heartbeat),
            ("presence_hidden_ttl", presence.hidden_ttl(), presence.hidden_heartbeat()),
            ("presence_socket_ttl", presence.socket_ttl, presence.socket_ping()),
        ];
        // Clients are told their interval with up to a tenth of jitter.
        let is_tight = |ttl: Span, interval: Span| ttl.millis().0 * 10 < interval.millis().0 * 22;
        for (id, ttl, interval) in rhythms {
            if is_tight(ttl, interval) {
                found.push(unwise(
                    id,
                    format!("{ttl}, at a heartbeat each {interval}"),
                    "one that is lost or late takes somebody offline who is there",
                    "allow for two lost ones: three times the interval",
                ));
            }
        }
        if presence.linger < Span::from_secs(1) {
            found.push(unwise(
                "presence_linger",
                presence.linger,
                "whoever reloads a page goes offline and online again before everybody's eyes",
                "a few seconds",
            ));
        }
        if self.audit.retention < SHORT_RETENTION {
            found.push(unwise(
                "audit_retention",
                self.audit.retention,
                "what somebody asks about after a quarter of a year is gone, and cannot be had back",
                "400d, unless you must keep less",
            ));
        }
        found
    }

    fn unwise_limits(&self) -> Vec<Unwise> {
        let limits = [
            ("limits_register", self.limits.register),
            ("limits_login", self.limits.login),
            ("limits_login_account", self.limits.login_account),
            ("limits_requests", self.limits.requests),
        ];
        let is_off = |(_, limit): &(&str, Limit)| limit.0.is_none();
        limits
            .into_iter()
            .filter(is_off)
            .map(|(id, _)| {
                unwise(
                    id,
                    "none",
                    "one caller can take all that this node can do, or guess for as long as they like",
                    "leave it at its default",
                )
            })
            .collect()
    }
}

fn unwise(id: &str, value: impl ToString, means: &'static str, advice: &'static str) -> Unwise {
    Unwise { setting: error::names(id), value: value.to_string(), means, advice }
}

/// An address that no proxy of one's own has.
const fn anywhere() -> std::net::IpAddr {
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(1, 1, 1, 1))
}

/// A page by plain HTTP that is not one of a developer's own machine.
fn is_plain(origin: &str) -> bool {
    let Some(host) = origin.strip_prefix("http://") else { return false };
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    !matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// Whether a store is reached without a network.
fn is_near(url: &StoreUrl) -> bool {
    let (scheme, place) = url.expose().split_once("://").unwrap_or_default();
    let place = place.split(['/', '?']).next().unwrap_or_default();
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let host = place.parse::<SocketAddr>().map_or_else(
        |_| place.split_once(':').map_or(place, |(host, _)| host).to_owned(),
        |address| address.ip().to_string(),
    );
    scheme.ends_with("+unix") || matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1")
}
