//! Whether Redis and Postgres have the same of everybody who is present. A quick look finds whoever seems to differ; most of
//! them have only just changed, so a second look (`second_look`) decides, with the outbox copied to the moment of the first.

mod second_look;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::Patient;
use super::report::Check;
use crate::audit::{Audit, ClaimRow, LastKnown};
use crate::presence::{Claim, Claims, Millis, Status, UserId, Whose};
use crate::store::{Shard, Store, View};
use second_look::{Settled, settle};

/// For so long people are compared, unless all are before.
const PATIENCE: Duration = Duration::from_secs(60);
/// People of one question.
const AT_ONCE: usize = 500;
/// People who are looked at once more at most.
const MOST_SUSPECTS: usize = 1_000;

/// What came of the comparison.
#[derive(Default)]
struct Compared {
    /// People who were compared.
    people: usize,
    /// Whether time was over before everybody was.
    is_cut: bool,
    /// Those who seem to differ.
    suspects: BTreeSet<UserId>,
    /// Why some could not be looked at.
    problems: Vec<String>,
}

/// Compares everybody, or `most` of them.
pub(super) async fn check(patient: &Patient, store: &Store, most: Option<usize>) -> Check {
    let name = "people";
    if patient.positions.is_none() {
        return Check::not_checked(name, "Postgres does not answer");
    }
    let mut compared = Compared::default();
    let deadline = Instant::now() + PATIENCE;
    of_redis(&mut compared, store, &patient.audit, most, deadline).await;
    if let Err(problem) = of_postgres(&mut compared, store, &patient.audit, most, deadline).await {
        compared.problems.push(problem);
    }
    let suspects: Vec<UserId> = compared.suspects.iter().take(MOST_SUSPECTS).cloned().collect();
    let unjudged = compared.suspects.len() - suspects.len();
    if unjudged > 0 {
        compared.problems.push(format!("{unjudged} who seemed to differ were not looked at again"));
    }
    match settle(store, &patient.audit, suspects).await {
        Ok(settled) => told(name, compared, settled),
        Err(error) => Check::not_checked(name, format!("{error:#}")),
    }
}

fn told(name: &str, compared: Compared, settled: Settled) -> Check {
    let Compared { people, is_cut, mut problems, .. } = compared;
    let cut = if is_cut { ", when the time was over" } else { "" };
    let more = if problems.is_empty() { String::new() } else { format!("; {}", problems.join("; ")) };
    if !settled.differ.is_empty() {
        return Check::failure(
            name,
            format!("{} of {people} who are present differ between Redis and Postgres{cut}{more}", settled.differ.len()),
            "others see of them what Redis says; reports about the past, and a restore of Redis, go by Postgres",
            "`rollcall explain <user>` says more of each; a change of status by themselves, or a logout by force, mends them; \
             find out who wrote into Redis or Postgres by hand",
        )
        .of(settled.differ);
    }
    if settled.waiting > 0 {
        return Check::warning(
            name,
            format!(
                "{} of {people} who are present differ{cut}, and their entries wait to be copied",
                settled.waiting
            ),
            "whether the two agree about them cannot be said before",
            "See what is said of the outbox",
        );
    }
    if settled.moving > 0 {
        problems.push(format!("{} changed at each look", settled.moving));
    }
    if !problems.is_empty() {
        return Check::not_checked(
            name,
            format!("both stores say the same of {people}{cut}, but not all could be looked at"),
        )
        .of(problems);
    }
    Check::ok(name, format!("both stores say the same of {people} who are present{cut}"))
}

/// Everybody whom Redis has as present.
async fn of_redis(
    compared: &mut Compared,
    store: &Store,
    audit: &Audit,
    most: Option<usize>,
    deadline: Instant,
) {
    let shards = store.keys().shards();
    let each = most.map_or(usize::MAX, |most| most.div_ceil(usize::from(shards)));
    for shard in 0..shards {
        let listed = match store.listed(shard, each).await {
            Ok(listed) => listed,
            Err(error) => {
                compared.problems.push(format!("shard {shard}: {error}"));
                continue;
            }
        };
        for some in listed[..listed.len().min(each)].chunks(AT_ONCE) {
            if Instant::now() > deadline {
                compared.is_cut = true;
                return;
            }
            let users: Vec<UserId> = some.iter().map(|(user, ..)| user.clone()).collect();
            match glance(store, audit, &users).await {
                Ok(seen) => {
                    compared.people += users.len();
                    let listed = some.iter().map(|(_, status, since)| (*status, *since));
                    let differ =
                        seen.into_iter().zip(listed).filter(|(seen, listed)| seen.differs(Some(*listed)));
                    compared.suspects.extend(differ.map(|(seen, _)| seen.user));
                }
                Err(error) => compared.problems.push(format!("shard {shard}: {error:#}")),
            }
        }
    }
}

/// Everybody whom Postgres has as present: some of them may be unknown to Redis.
async fn of_postgres(
    compared: &mut Compared,
    store: &Store,
    audit: &Audit,
    most: Option<usize>,
    deadline: Instant,
) -> Result<(), String> {
    let shards: Vec<Shard> = (0..store.keys().shards()).collect();
    let mut present = audit.present(&shards).await.map_err(|error| error.to_string())?;
    let mut left = most.unwrap_or(usize::MAX);
    loop {
        let page = present.next().await.map_err(|error| error.to_string())?;
        if page.is_empty() || left == 0 {
            return Ok(());
        }
        for some in page[..page.len().min(left)].chunks(AT_ONCE) {
            if Instant::now() > deadline {
                compared.is_cut = true;
                return Ok(());
            }
            let users: Vec<UserId> = some.iter().map(|(_, last)| last.user.clone()).collect();
            let views = store.views(&users).await.map_err(|error| error.to_string())?;
            let unknown = users
                .into_iter()
                .zip(views)
                .filter(|(_, view)| view.as_ref().is_none_or(|view| view.status == Status::Offline));
            let unknown: Vec<_> = unknown.map(|(user, _)| user).collect();
            compared.people += unknown.len();
            compared.suspects.extend(unknown);
        }
        left = left.saturating_sub(page.len());
    }
}

/// What both stores have of somebody, at a glance.
struct Glance {
    user: UserId,
    view: Option<View>,
    last: Option<LastKnown>,
    claims: Claims,
}

async fn glance(store: &Store, audit: &Audit, users: &[UserId]) -> anyhow::Result<Vec<Glance>> {
    let views = store.views(users).await?;
    let last = audit.last(users).await?;
    let mut claims = claims_of(audit, users).await?;
    let both = users.iter().zip(views).zip(last);
    Ok(both
        .map(|((user, view), last)| {
            let claims = claims.remove(user).unwrap_or_default();
            Glance { user: user.clone(), view, last, claims }
        })
        .collect())
}

/// The claims that Postgres has.
async fn claims_of(audit: &Audit, users: &[UserId]) -> anyhow::Result<HashMap<UserId, Claims>> {
    let mut claims = HashMap::<UserId, Claims>::new();
    for ClaimRow { user, whose, claim } in audit.claims_of(users).await? {
        let of = claims.entry(user).or_default();
        match whose {
            Whose::Manual => of.manual = Some(claim),
            Whose::Admin => of.admin = Some(claim),
        }
    }
    Ok(claims)
}

impl Glance {
    /// Whether something does not fit: the record, the lists, the last known state, the claim in force.
    fn differs(&self, listed: Option<(Status, Millis)>) -> bool {
        let redis = self.view.as_ref().map(|view| (view.status, view.since));
        let postgres = self.last.as_ref().map(|last| (last.status, last.since));
        let claim = self.claims.in_force();
        let words = |pick: fn(&Claim) -> &String| claim.map(pick).filter(|text| !text.is_empty()).cloned();
        let claimed = self.view.as_ref().is_some_and(|view| {
            view.text == words(|claim| &claim.text)
                && view.emoji == words(|claim| &claim.emoji)
                && claim.is_none_or(|claim| claim.status == view.status)
        });
        redis != postgres || redis != listed || !claimed
    }
}
