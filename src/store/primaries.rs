//! How the primaries of Redis are found: one is where the URL says, a cluster tells its own, sentinels tell theirs.

use std::collections::BTreeMap;
use std::sync::Arc;

use fred::cmd;
use fred::prelude::*;
use fred::types::ConnectHandle;
use futures::future::join_all;

use super::StoreError;
use super::primary::{self, Primary, unavailable};
use super::slots::{self, Address, Claim, Served};

/// How often it is asked at the start before that fails.
const TRIES: usize = 3;

/// Where primaries are, and how to connect to each.
pub(super) struct Found {
    /// Name and connection settings.
    pub primaries: Vec<(String, Config)>,
    /// For each slot its primary; empty where one has all.
    pub slots: Vec<Option<u16>>,
}

/// How primaries are found.
pub(super) struct Finder {
    /// What the URL says of every server: user, password, database, TLS.
    base: Config,
    way: Way,
}

enum Way {
    /// The URL names the server.
    Named,
    /// Any node of the cluster knows.
    Cluster { seeds: Vec<Server> },
    /// These know.
    Sentinels { service: String, watchers: Vec<Watcher> },
}

/// A sentinel and the connection to it, which ends with it.
struct Watcher {
    client: Client,
    connection: ConnectHandle,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Finder {
    /// Reads the URL. To sentinels it connects from now on.
    ///
    /// # Errors
    /// If fred cannot read it.
    pub(super) fn of(url: &str) -> Result<Self, StoreError> {
        let mut base = Config::from_url(url).map_err(|error| unavailable(&error))?;
        base.version = fred::types::RespVersion::RESP3;
        let way = match &base.server {
            ServerConfig::Clustered { hosts, .. } => Way::Cluster { seeds: hosts.clone() },
            ServerConfig::Sentinel { hosts, service_name, username, password } => {
                // Sentinels have users and passwords of their own, no databases, and an older protocol.
                let config = Config {
                    username: username.clone(),
                    password: password.clone(),
                    database: None,
                    version: fred::types::RespVersion::RESP2,
                    ..base.clone()
                };
                let watchers = hosts.iter().map(|host| Watcher::begin(at(&config, host.clone())));
                Way::Sentinels {
                    service: service_name.clone(),
                    watchers: watchers.collect::<Result<_, _>>()?,
                }
            }
            _ => Way::Named,
        };
        Ok(Self { base, way })
    }

    /// Whether the primary stays the same for ever.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.way, Way::Named)
    }

    /// Whether there may be several primaries.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.way, Way::Cluster { .. })
    }

    /// Finds the primaries at the start, when none is known and sentinels are only being connected to.
    pub(super) async fn first(&self) -> Result<Found, StoreError> {
        let mut found = self.find(&[]).await;
        for _ in 1..TRIES {
            if !matches!(found, Err(StoreError::Unavailable(_))) {
                break;
            }
            found = self.find(&[]).await;
        }
        found
    }

    /// Finds the primaries; `known` are asked first.
    ///
    /// # Errors
    /// If nobody who could know answers.
    pub(super) async fn find(&self, known: &[Arc<Primary>]) -> Result<Found, StoreError> {
        match &self.way {
            Way::Named => Ok(self.named()),
            Way::Cluster { seeds } => Ok(self.served(slots::settle(self.claims(known, seeds).await?))),
            Way::Sentinels { service, watchers } => {
                let address = told(service, watchers).await?;
                let primary = (address.to_string(), at(&self.base, server(&address)));
                Ok(Found { primaries: vec![primary], slots: Vec::new() })
            }
        }
    }

    fn named(&self) -> Found {
        let name = match &self.base.server {
            ServerConfig::Unix { path } => path.display().to_string(),
            other => other.hosts().first().map(ToString::to_string).unwrap_or_default(),
        };
        Found { primaries: vec![(name, self.base.clone())], slots: Vec::new() }
    }

    fn served(&self, served: Served) -> Found {
        let configured = |address: &Address| (address.to_string(), at(&self.base, server(address)));
        Found { primaries: served.primaries.iter().map(configured).collect(), slots: served.slots }
    }

    /// What the primaries say; where all are silent, those whom the URL names.
    async fn claims(&self, known: &[Arc<Primary>], seeds: &[Server]) -> Result<Vec<Claim>, StoreError> {
        let read = |answer: &str, host: &str| slots::claims(answer, host, self.base.uses_tls());
        let answers = join_all(known.iter().map(|primary| async {
            let host = primary.config().server.hosts().first().map(|server| server.host.to_string());
            primary.cluster_nodes().await.map(|answer| read(&answer, &host.unwrap_or_default()))
        }));
        let claims: Vec<Claim> = answers.await.into_iter().filter_map(Result::ok).flatten().collect();
        if !claims.is_empty() {
            return Ok(claims);
        }
        let asked = seeds.iter().map(|seed| async move {
            let config = Config { fail_fast: true, ..at(&self.base, seed.clone()) };
            let client = primary::client(&config, 32)?;
            let connection = client.init().await.map_err(|error| unavailable(&error))?;
            let answer = primary::cluster_nodes(&client).await;
            connection.abort();
            answer.map(|answer| read(&answer, &seed.host)).map_err(|error| refused(&error))
        });
        let mut answers = join_all(asked).await;
        answers.sort_by_key(|answer| answer.is_err());
        let mut claims = Vec::new();
        for answer in answers {
            match answer {
                Ok(said) => claims.extend(said),
                Err(error) if claims.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        if claims.is_empty() {
            return Err(StoreError::Unavailable("no node of the cluster serves a slot".into()));
        }
        Ok(claims)
    }
}

/// Where the sentinels that answer say the primary is. They may differ: one that was away says what it last knew. The
/// higher configuration epoch counts, the rule by which they settle it among themselves; of equals, what most say.
async fn told(service: &str, watchers: &[Watcher]) -> Result<Address, StoreError> {
    let answers = join_all(watchers.iter().map(|watcher| watcher.primary_of(service))).await;
    let (mut votes, mut refusal) = (BTreeMap::<(u64, Address), usize>::new(), None);
    for answer in answers {
        match answer {
            Ok(claim) => *votes.entry(claim).or_default() += 1,
            Err(error) => refusal = Some(error),
        }
    }
    newest(votes)
        .ok_or_else(|| refusal.unwrap_or_else(|| StoreError::Unavailable("the URL names no sentinel".into())))
}

/// Of claims with their configuration epochs and how many say so, the one that counts.
fn newest(votes: BTreeMap<(u64, Address), usize>) -> Option<Address> {
    votes.into_iter().max_by_key(|((epoch, _), count)| (*epoch, *count)).map(|((_, address), _)| address)
}

impl Watcher {
    fn begin(config: Config) -> Result<Self, StoreError> {
        let client = primary::client(&Config { fail_fast: false, ..config }, 32)?;
        let connection = client.connect();
        Ok(Self { client, connection })
    }

    /// Where this sentinel says the primary is, and since which configuration epoch.
    async fn primary_of(&self, service: &str) -> Result<(u64, Address), StoreError> {
        let client = self.client.with_options(&primary::question());
        let question = vec!["get-master-addr-by-name", service];
        let answer: Result<Option<(String, u16)>, Error> = client.custom(cmd!("SENTINEL"), question).await;
        let address = match answer {
            Ok(Some((host, port))) => Address { host, port },
            Ok(None) => {
                return Err(StoreError::Unfit(format!(
                    "the sentinels know no service `{service}` (sentinelServiceName)"
                )));
            }
            Err(error) => return Err(StoreError::Unavailable(format!("no sentinel answers: {error}"))),
        };
        // One that may not say counts as knowing nothing newer; one that says what nobody can read is no help.
        let more: Result<Value, Error> = client.custom(cmd!("SENTINEL"), vec!["master", service]).await;
        let Ok(more) = more else {
            return Ok((0, address));
        };
        let epoch = more.convert::<BTreeMap<String, String>>().ok();
        let epoch = epoch.and_then(|more| more.get("config-epoch")?.parse().ok());
        let unread = || StoreError::Unavailable("a sentinel tells no configuration epoch".into());
        Ok((epoch.ok_or_else(unread)?, address))
    }
}

/// A server that is no part of a cluster will never be one.
fn refused(error: &Error) -> StoreError {
    if error.details().contains("cluster support disabled") {
        return StoreError::Unfit("this Redis is not a cluster: its URL begins with redis://".into());
    }
    unavailable(error)
}

fn server(address: &Address) -> Server {
    Server::new(address.host.as_str(), address.port)
}

/// The same settings for one server.
fn at(base: &Config, server: Server) -> Config {
    Config { server: ServerConfig::Centralized { server }, ..base.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentinel_that_knows_more_counts_against_two_that_were_away() {
        let at = |port| Address { host: "h".into(), port };
        assert_eq!(newest(BTreeMap::from([((3, at(1)), 2), ((4, at(2)), 1)])), Some(at(2)));
        assert_eq!(newest(BTreeMap::from([((4, at(1)), 2), ((4, at(2)), 1)])), Some(at(1)));
        assert_eq!(newest(BTreeMap::new()), None);
    }
}
