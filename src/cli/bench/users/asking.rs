//! What an administrator asks of the directory over HTTP.

use std::time::Instant;

use anyhow::{bail, ensure};
use serde_json::Value;
use time::OffsetDateTime;

use super::{Args, names};
use crate::auth::Grant;
use crate::cli::bench::node::Node;
use crate::cli::bench::report::{Report, Target, quantile};
use crate::config::Config;
use crate::presence::{LoginId, Org, Role, UserId};

/// Accounts of the list that is measured.
const LISTED: u32 = 1_000;

/// An administrator with questions.
pub(super) struct Asker {
    client: reqwest::Client,
    list: String,
    token: String,
}

impl Asker {
    pub(super) fn new(config: &Config, node: &Node) -> anyhow::Result<Self> {
        // Nobody's account here, so the token's role is believed.
        let grant = Grant {
            user: UserId::parse("bench")?,
            org: Org::default(),
            login: LoginId::parse("bench-admin")?,
            token_version: 0,
            role: Role::Admin,
        };
        Ok(Self {
            client: reqwest::Client::new(),
            list: format!("http://{}/api/users/admin/users/", node.address),
            token: node.tokens(config)?.issue(&grant, OffsetDateTime::now_utc()),
        })
    }

    /// One answer, and how long it took, in ms.
    async fn ask(&self, query: &str) -> anyhow::Result<(Value, f64)> {
        let started = Instant::now();
        let url = format!("{}?{query}", self.list);
        let answer = self.client.get(url).bearer_auth(&self.token).send().await?.error_for_status()?;
        let bytes = answer.bytes().await?;
        let took = started.elapsed().as_secs_f64() * 1_000.0;
        Ok((serde_json::from_slice(&bytes)?, took))
    }

    /// Asks every question as often, in turns.
    pub(super) async fn measure(&self, args: &Args) -> anyhow::Result<bool> {
        let mut report = Report::new();
        report.title("Questions of an administrator over HTTP, those online stay so")?;
        for question in Question::ALL {
            let mut took = Vec::new();
            let mut cursor = None;
            for turn in 0..args.times {
                let (answer, ms) = self.ask(&question.asked(turn, args.accounts, cursor.as_deref())).await?;
                question.check(&answer)?;
                cursor = answer["next_cursor"].as_str().map(str::to_owned);
                took.push(ms);
            }
            let name = question.name();
            report.row(&format!("{name}, p50"), quantile(&mut took, 0.5), "ms", Target::None)?;
            report.row(&format!("{name}, p99"), quantile(&mut took, 0.99), "ms", question.target())?;
        }
        Ok(report.is_met())
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Question {
    Page,
    Cursor,
    Name,
    Address,
    Few,
    Online,
}

impl Question {
    const ALL: [Self; 6] = [Self::Page, Self::Cursor, Self::Name, Self::Address, Self::Few, Self::Online];

    const fn name(self) -> &'static str {
        match self {
            Self::Page => "a numbered page of 1000 accounts",
            Self::Cursor => "1000 accounts behind a cursor",
            Self::Name => "search: a full name",
            Self::Address => "search: part of an address",
            Self::Few => "search: three letters, any page",
            Self::Online => "20 of those online, by name",
        }
    }

    const fn target(self) -> Target {
        match self {
            Self::Page | Self::Cursor => Target::Most(30.0),
            Self::Name | Self::Address | Self::Few => Target::Most(50.0),
            Self::Online => Target::None,
        }
    }

    fn asked(self, turn: u32, accounts: u32, cursor: Option<&str>) -> String {
        // Far apart, so that turns differ.
        let number = turn.wrapping_mul(7_919) % accounts;
        let (first, last) = names(number);
        match self {
            Self::Page => format!("per_page={LISTED}&page={}", 1 + number % (accounts / LISTED)),
            Self::Cursor => match cursor {
                Some(cursor) => format!("per_page={LISTED}&cursor={cursor}"),
                None => format!("per_page={LISTED}"),
            },
            Self::Name => format!("search={first}%20{last}"),
            Self::Address => format!("search={first}-{number}@"),
            Self::Few => format!("search={}&page={}", &last[..3], 1 + turn % 50),
            Self::Online => format!("online_status=online&sort=username&page={}", 1 + turn % 50),
        }
    }

    /// That the answer is one.
    fn check(self, answer: &Value) -> anyhow::Result<()> {
        let results = answer["results"].as_array().map_or(0, Vec::len);
        match self {
            Self::Page | Self::Cursor => ensure!(results == LISTED as usize, "{results} were listed"),
            Self::Address => ensure!(results >= 1, "nobody was found"),
            Self::Name | Self::Few | Self::Online if results == 20 => {}
            Self::Name | Self::Few | Self::Online => bail!("{results} were found: {self:?}"),
        }
        Ok(())
    }
}
