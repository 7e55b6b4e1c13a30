//! `rollcall issue-token`: an access token without a login, for trying things from a terminal.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::own_tokens;
use crate::auth::{Grant, HostGrant, sample_token};
use crate::config::{Config, Span};
use crate::presence::{LoginId, Org, Role, UserId};

/// Options of `issue-token`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An account's number; with --issuer the host's own name of its user
    #[arg(long)]
    user: String,
    /// Organisation [default: main, or that of the issuer]
    #[arg(long)]
    org: Option<Org>,
    /// user, moderator or admin; of an account the role that it has goes before
    #[arg(long, default_value = "user")]
    role: Role,
    /// How long it is good [default: that of access tokens]
    #[arg(long, value_name = "DURATION")]
    ttl: Option<Span>,
    /// Sign as this trusted issuer, which must share a secret with the service [default: our own key]
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// Token version of the account: higher than 1 once all its tokens were ended
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    token_version: i64,
}

/// Prints a token.
pub(super) fn run(config: &Config, args: &Args) -> anyhow::Result<bool> {
    let life = args.ttl.unwrap_or(config.auth.access_ttl).duration();
    let login = format!("try-{}", Uuid::new_v4().simple());
    let token = match &args.issuer {
        None => own(config, args, &login, life)?,
        Some(name) => hosts(config, args, name, login, life)?,
    };
    writeln!(std::io::stdout(), "{token}")?;
    Ok(true)
}

fn own(config: &Config, args: &Args, login: &str, life: Duration) -> anyhow::Result<String> {
    config.auth.secret()?;
    let grant = Grant {
        user: UserId::parse(&args.user).context("--user")?,
        org: args.org.clone().unwrap_or_default(),
        login: LoginId::parse(login)?,
        token_version: args.token_version,
        role: args.role,
    };
    if grant.user.issuer().is_some() {
        bail!(
            "{} is a user of another issuer: name it by --issuer, and the user as the issuer does",
            args.user
        );
    }
    Ok(own_tokens(config)?.issue_for(&grant, OffsetDateTime::now_utc(), life))
}

fn hosts(config: &Config, args: &Args, name: &str, login: String, life: Duration) -> anyhow::Result<String> {
    let mut issuers = config.auth.issuers.iter();
    let issuer = issuers.find(|issuer| issuer.name == name);
    let issuer = issuer.with_context(|| format!("no [[issuers]] has the name {name:?}"))?;
    if life > issuer.longest_life.duration() {
        bail!("tokens of {name} may live for {} at most (longest_life)", issuer.longest_life);
    }
    let grant = HostGrant { subject: args.user.clone(), org: args.org.clone(), role: args.role, login };
    sample_token(issuer, &grant, OffsetDateTime::now_utc(), life)
        .with_context(|| format!("{name} signs with a key of its own, which only the host has"))
}
