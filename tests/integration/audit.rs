//! The history on a real Postgres: the copy, its fence and its quarantine, the chain of seals, rights and queries.

#![allow(clippy::unwrap_used, reason = "in a test an error is a failure")]

use std::collections::HashSet;
use std::time::Duration;

use rollcall::audit::chain::{GENESIS, Seal, SealedRow};
use rollcall::audit::{
    Audit, AuditError, Copied, CopyError, Cursor, FIGURE_STATEMENTS, Filter, Position, STATEMENTS,
};
use rollcall::database::connect;
use rollcall::presence::{
    Claim, Claims, Entry, EntryKind, Millis, Org, Outgoing, RawEntry, Reason, Status, UserId, Whose,
};
use secrecy::SecretString;
use sqlx::types::time::OffsetDateTime;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgPool, Row};

const SHARD: u16 = 5;
/// 2026-11-20 12:00 UTC.
const NOON: i64 = 1_795_176_000_000;

/// The owner's pool, and the history as the service has it: with the rights of `rollcall_app`.
async fn history() -> (PgPool, Audit) {
    let pool = crate::support::database().await;
    let url = pool.connect_options().to_url_lossy().to_string();
    let audit = Audit::new(connect(&SecretString::from(url), true, 4).unwrap());
    (pool, audit)
}

/// The same, with a first epoch of the shard.
async fn begun() -> (PgPool, Audit, Position) {
    let (pool, audit) = history().await;
    audit.next_epoch(SHARD, "first").await.unwrap();
    let position = audit.position(SHARD).await.unwrap();
    (pool, audit, position)
}

fn entry(n: i64, user: &str, from: Status, to: Status) -> Entry {
    let at = Millis(NOON + n * 1000);
    Entry {
        n,
        kind: EntryKind::Transition,
        user: user.parse().unwrap(),
        org: Org::default(),
        from,
        to,
        reason: if to == Status::Offline { Reason::Expired } else { Reason::Connect },
        occurred_at: at,
        detected_at: at + Millis(40),
        since: at,
        online_since: if to == Status::Offline { Millis(0) } else { at },
        last_seen: at - Millis(10),
        shown_since: at,
        shown_online_since: at,
        shown_last_seen: at - Millis(10),
        shown_version: (1 << 32) + n,
        uncertainty_ms: 0,
        session: Some("login1.tab".parse().unwrap()),
        device: None,
        actor: None,
        claims: None,
        text: None,
        emoji: None,
    }
}

/// One user per entry comes online: `u1`, `u2` ...
fn arrivals(numbers: std::ops::RangeInclusive<i64>) -> Vec<Entry> {
    numbers.map(|n| entry(n, &format!("u{n}"), Status::Offline, Status::Online)).collect()
}

/// A long story of twelve users who wander through the statuses, the same on every run.
fn story(length: i64) -> Vec<Entry> {
    let mut standing = [Status::Offline; 12];
    let mut dice: u64 = 42;
    (1..=length)
        .map(|n| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let person = usize::try_from(dice >> 33).unwrap() % standing.len();
            let others: Vec<Status> =
                Status::ALL.iter().copied().filter(|to| *to != standing[person]).collect();
            let to = others[usize::try_from(dice >> 40).unwrap() % others.len()];
            let entry = entry(n, &format!("w{person}"), standing[person], to);
            standing[person] = to;
            entry
        })
        .collect()
}

/// Copies entries, all of them understood.
async fn copy(audit: &Audit, expected: Position, epoch: i64, entries: &[Entry]) -> Result<Copied, CopyError> {
    audit.copy(SHARD, expected, epoch, &outgoing(entries)).await
}

fn outgoing(entries: &[Entry]) -> Vec<Outgoing> {
    entries.iter().cloned().map(Outgoing::Entry).collect()
}

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

async fn set_back(pool: &PgPool, n: i64) {
    sqlx::query("UPDATE copy_position SET n = $1").bind(n).execute(pool).await.unwrap();
}

#[tokio::test]
async fn every_statement_prepares() {
    let (pool, _) = history().await;
    let mut connection = pool.acquire().await.unwrap();
    for (name, sql) in STATEMENTS.iter().chain(FIGURE_STATEMENTS) {
        let prepared = connection.prepare(sqlx::SqlStr::from_static(sql)).await;
        assert!(prepared.is_ok(), "{name}: {}", prepared.unwrap_err());
    }
}

#[tokio::test]
async fn the_service_works_with_the_rights_of_its_role() {
    let (pool, _) = history().await;
    let url = SecretString::from(pool.connect_options().to_url_lossy().to_string());
    for (switch, same) in [(true, "rollcall_app"), (false, pool.connect_options().get_username())] {
        let role: String = sqlx::query_scalar("SELECT current_user::text")
            .fetch_one(&connect(&url, switch, 1).unwrap())
            .await
            .unwrap();
        assert_eq!(role, same);
    }
}

#[tokio::test]
async fn a_batch_becomes_rows_and_the_position_follows() {
    let (pool, audit, position) = begun().await;
    let copied = copy(&audit, position, position.epoch, &arrivals(1..=3)).await.unwrap();
    assert_eq!((copied.rows, copied.quarantined, copied.conflicts, copied.late), (3, 0, 0, 0));
    assert_eq!(copied.position, audit.position(SHARD).await.unwrap());
    assert_eq!(copied.position.n, 3);
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions").await, 3);
    let nothing = copy(&audit, copied.position, position.epoch, &[]).await.unwrap();
    assert_eq!((nothing.position, nothing.rows), (copied.position, 0));
}

#[tokio::test]
async fn a_gap_is_refused_and_nothing_written() {
    let (pool, audit, position) = begun().await;
    for (entries, expected, found) in [
        (arrivals(2..=3), 1, 2),
        ([arrivals(1..=1), arrivals(3..=3)].concat(), 2, 3),
        ([arrivals(1..=1), arrivals(1..=1)].concat(), 2, 1),
    ] {
        let refused = copy(&audit, position, position.epoch, &entries).await;
        assert_eq!(refused, Err(CopyError::Gap { expected, found }));
    }
    let other_life = copy(&audit, position, position.epoch + 1, &arrivals(1..=1)).await;
    assert_eq!(other_life, Err(CopyError::Epoch { expected: position.epoch, found: position.epoch + 1 }));
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions_log").await, 0);
    assert_eq!(audit.position(SHARD).await.unwrap(), position);
}

#[tokio::test]
async fn entries_that_are_gone_are_skipped_once_and_recorded() {
    let (pool, audit, position) = begun().await;
    let position = copy(&audit, position, position.epoch, &arrivals(1..=2)).await.unwrap().position;
    let skipped = audit.skip_gap(SHARD, position, 9).await.unwrap();
    assert_eq!((skipped.epoch, skipped.n), (position.epoch, 8));
    assert_eq!(audit.position(SHARD).await.unwrap(), skipped);
    // Another node that saw the same gap, and one that sees none.
    for expected in [position, skipped] {
        assert_eq!(audit.skip_gap(SHARD, expected, 9).await, Err(CopyError::Moved(skipped)));
    }
    assert_eq!(copy(&audit, skipped, skipped.epoch, &arrivals(9..=10)).await.unwrap().rows, 2);
    let events: Vec<serde_json::Value> =
        sqlx::query_scalar("SELECT detail FROM system_events WHERE kind = 'gap'")
            .fetch_all(&pool)
            .await
            .unwrap();
    let epoch = position.epoch;
    assert_eq!(events, [serde_json::json!({ "shard": SHARD, "epoch": epoch, "from": 3, "to": 8 })]);
    assert_chain_is_whole(&pool).await;
}

#[tokio::test]
async fn a_repeated_batch_is_told_where_the_position_is() {
    let (pool, audit, position) = begun().await;
    let entries = arrivals(1..=3);
    let copied = copy(&audit, position, position.epoch, &entries).await.unwrap();
    let again = copy(&audit, position, position.epoch, &entries).await;
    assert_eq!(again, Err(CopyError::Moved(copied.position)));
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions_log").await, 3);
    assert_eq!(count(&pool, "SELECT count(*) FROM copy_batches").await, 1);
}

#[tokio::test]
async fn a_shard_without_an_epoch_is_not_copied() {
    let (_, audit) = history().await;
    assert_eq!(audit.position(9).await.unwrap(), Position::default());
    let refused = audit.copy(9, Position::default(), 0, &outgoing(&arrivals(1..=1))).await;
    assert_eq!(refused, Err(CopyError::Moved(Position::default())));
}

#[tokio::test]
async fn of_two_owners_one_copies_and_the_other_learns_it() {
    let (pool, audit, mut position) = begun().await;
    for round in 0..10 {
        let entries = arrivals(round * 5 + 1..=round * 5 + 5);
        let (one, two) = tokio::join!(
            copy(&audit, position, position.epoch, &entries),
            copy(&audit, position, position.epoch, &entries),
        );
        let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
        position = won.unwrap().position;
        assert_eq!(lost, Err(CopyError::Moved(position)));
    }
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions_log").await, 50);
    assert_eq!(count(&pool, "SELECT count(*) FROM intervals").await, 50);
}

#[tokio::test]
async fn what_postgres_refuses_is_parked_and_blocks_nothing() {
    let (pool, audit, position) = begun().await;
    let mut entries = story(40);
    entries[6].actor = Some("nul \0 here".to_owned());
    entries[17].last_seen = Millis(i64::MAX);
    entries[18].uncertainty_ms = -1;
    entries[39].detected_at = Millis(-62_000_000_000_000);
    let copied = copy(&audit, position, position.epoch, &entries).await.unwrap();
    assert_eq!((copied.rows, copied.quarantined, copied.position.n), (36, 4, 40));
    let parked: Vec<i64> =
        sqlx::query_scalar("SELECT n FROM quarantine ORDER BY n").fetch_all(&pool).await.unwrap();
    assert_eq!(parked, [7, 18, 19, 40]);
    let kept: String =
        sqlx::query_scalar("SELECT entry::text FROM quarantine WHERE n = 7").fetch_one(&pool).await.unwrap();
    assert!(kept.contains(r"nul \u0000 here"), "{kept}");
    assert_sequences_have_no_gaps(&pool).await;
    assert_chain_is_whole(&pool).await;
    let next = arrivals(41..=42);
    assert_eq!(copy(&audit, copied.position, position.epoch, &next).await.unwrap().rows, 2);
}

#[tokio::test]
async fn what_could_not_be_read_is_parked_as_it_came_and_blocks_nothing() {
    let (pool, audit, position) = begun().await;
    let fields = [("r", "teleported"), ("u", "u2"), ("x", "nul \0 here")];
    let raw = RawEntry {
        n: 2,
        user: "u2".parse().ok(),
        detected_at: None,
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        problem: "no such reason".to_owned(),
    };
    let mut batch = outgoing(&arrivals(1..=3));
    batch[1] = Outgoing::Raw(raw);
    let copied = audit.copy(SHARD, position, position.epoch, &batch).await.unwrap();
    assert_eq!((copied.rows, copied.quarantined, copied.position.n), (2, 1, 3));
    let (n, kept, problem): (i64, String, String) =
        sqlx::query_as("SELECT n, entry::text, problem FROM quarantine").fetch_one(&pool).await.unwrap();
    assert_eq!((n, problem.as_str()), (2, "no such reason"));
    assert_eq!(kept, r#"{"r":"teleported","u":"u2","x":"nul \u0000 here"}"#);
    assert_chain_is_whole(&pool).await;
    // Alone in its batch, and again after the position was set back.
    let position = copied.position;
    let alone = [Outgoing::Raw(RawEntry { n: 4, ..batch[1].raw().unwrap().clone() })];
    let copied = audit.copy(SHARD, position, position.epoch, &alone).await.unwrap();
    assert_eq!((copied.rows, copied.quarantined, copied.position.n), (0, 1, 4));
    set_back(&pool, 3).await;
    assert_eq!(audit.copy(SHARD, position, position.epoch, &alone).await.unwrap(), copied);
}

#[tokio::test]
async fn a_month_that_nobody_made_is_made_by_the_copy() {
    let (pool, audit, position) = begun().await;
    let mut entries = arrivals(1..=9);
    for entry in &mut entries[4..] {
        entry.detected_at = entry.detected_at + Millis(5 * 365 * 86_400_000);
    }
    let copied = copy(&audit, position, position.epoch, &entries).await.unwrap();
    assert_eq!((copied.rows, copied.quarantined), (9, 0));
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions_log_2031_11").await, 5);
}

#[tokio::test]
async fn a_position_that_was_set_back_stores_nothing_twice() {
    let (pool, audit, position) = begun().await;
    let mut entries = story(20);
    entries[4].uncertainty_ms = -1;
    let copied = copy(&audit, position, position.epoch, &entries).await.unwrap();
    set_back(&pool, 0).await;
    let more = [entries.clone(), arrivals(21..=22)].concat();
    let again = copy(&audit, position, position.epoch, &more).await.unwrap();
    assert_eq!((copied.rows, copied.quarantined, copied.conflicts), (19, 1, 0));
    assert_eq!((again.rows, again.quarantined, again.conflicts), (2, 1, 19));
    assert_eq!(again.position.n, 22);
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions_log").await, 21);
    assert_eq!(count(&pool, "SELECT count(*) FROM system_events WHERE kind = 'copy_conflict'").await, 1);
    assert_sequences_have_no_gaps(&pool).await;
    assert_chain_is_whole(&pool).await;
}

#[tokio::test]
async fn an_entry_that_differs_from_the_stored_one_never_takes_its_place() {
    let (pool, audit, position) = begun().await;
    let mut entries = arrivals(1..=4);
    copy(&audit, position, position.epoch, &entries).await.unwrap();
    set_back(&pool, 0).await;
    entries[1].reason = Reason::Login;
    // The key of the log contains detected_at, so this one would not even break it.
    entries[2].detected_at = entries[2].detected_at + Millis(1);
    let again = copy(&audit, position, position.epoch, &entries).await.unwrap();
    assert_eq!((again.rows, again.quarantined, again.conflicts), (0, 2, 4));
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions WHERE reason = 'login'").await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions_log").await, 4);
}

#[tokio::test]
async fn sequences_and_intervals_follow_from_the_transitions_over_batches() {
    let (pool, audit, mut position) = begun().await;
    for batch in story(300).chunks(23) {
        position = copy(&audit, position, position.epoch, batch).await.unwrap().position;
    }
    assert_sequences_have_no_gaps(&pool).await;
    assert_chain_is_whole(&pool).await;
    // Both ways, so that neither has what the other lacks.
    let differences = count(
        &pool,
        "WITH told AS (SELECT subject, sequence, to_status AS status, occurred_at AS started_at, \
                lead(occurred_at) OVER w AS ended_at, lead(reason) OVER w AS end_reason \
            FROM transitions_log WHERE kind = 'transition' WINDOW w AS (PARTITION BY subject ORDER BY sequence)), \
        spans AS (SELECT * FROM told WHERE status <> 'offline'), \
        kept AS (SELECT subject, sequence, status, started_at, ended_at, end_reason FROM intervals) \
        SELECT count(*) FROM ((TABLE spans EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE spans)) d",
    )
    .await;
    assert_eq!(differences, 0);
    assert!(count(&pool, "SELECT count(*) FROM intervals").await > 100);
    assert!(count(&pool, "SELECT count(*) FROM intervals WHERE ended_at IS NULL").await > 0);
    let stale = count(
        &pool,
        "SELECT count(*) FROM presence_last p JOIN subjects USING (user_id) JOIN LATERAL (SELECT * FROM transitions_log l \
            WHERE l.subject = subjects.subject ORDER BY sequence DESC LIMIT 1) l ON true \
        WHERE (p.sequence, p.status, p.n, p.since) <> (l.sequence, l.to_status, l.n, l.occurred_at)",
    )
    .await;
    assert_eq!(stale, 0);
}

#[tokio::test]
async fn a_claim_changes_the_last_state_and_is_no_transition() {
    let (pool, audit, position) = begun().await;
    let mut claim = entry(2, "u1", Status::Online, Status::Online);
    claim.kind = EntryKind::Claim;
    claim.since = Millis(NOON + 1000);
    let entries = [arrivals(1..=1), vec![claim.clone()]].concat();
    copy(&audit, position, position.epoch, &entries).await.unwrap();
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions_log").await, 2);
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions").await, 1);
    let known = audit.last(std::slice::from_ref(&claim.user)).await.unwrap().remove(0).unwrap();
    assert_eq!((known.n, known.sequence, known.since, known.last_seen), (2, 1, claim.since, claim.last_seen));
}

/// A claim named like this.
fn claim(id: &str, until: Option<Millis>) -> Claim {
    let (text, emoji) = (format!("text of {id}"), "\u{1f33f}".to_owned());
    Claim { id: id.to_owned(), status: Status::Busy, text, emoji, until }
}

/// An entry that nobody notices and that says which claims a user has from now on.
fn wish(n: i64, user: &str, manual: Option<Claim>, admin: Option<Claim>) -> Entry {
    let claims = Some(Claims { manual, admin });
    Entry { kind: EntryKind::Wish, claims, ..entry(n, user, Status::Offline, Status::Offline) }
}

#[tokio::test]
async fn claims_stand_as_the_last_entry_says_and_leave_the_last_state_alone() {
    let (pool, audit, position) = begun().await;
    let (lunch, order) = (claim("lunch", Some(Millis(NOON + 60_000))), claim("order", None));
    let entries = [
        wish(1, "never-seen", Some(claim("first", None)), None),
        wish(2, "never-seen", Some(lunch.clone()), None),
        wish(3, "never-seen", Some(lunch.clone()), Some(order.clone())),
        wish(4, "other", Some(claim("gone", None)), None),
        wish(5, "other", None, None),
    ];
    copy(&audit, position, position.epoch, &entries[..4]).await.unwrap();
    let read = async |after: Option<&str>, users| {
        let after = after.map(|user| user.parse().unwrap());
        let rows = audit.claims_of_shard(SHARD, after.as_ref(), users).await.unwrap();
        rows.into_iter().map(|row| (row.user.to_string(), row.whose, row.claim.id)).collect::<Vec<_>>()
    };
    let of = |user: &str, kind, id: &str| (user.to_owned(), kind, id.to_owned());
    let (mine, theirs) = (of("never-seen", Whose::Manual, "lunch"), of("never-seen", Whose::Admin, "order"));
    let gone = of("other", Whose::Manual, "gone");
    assert_eq!(read(None, 1).await, [mine.clone(), theirs.clone()], "a user's claims come together");
    assert_eq!(read(Some("never-seen"), 1).await, [gone]);
    copy(&audit, Position { n: 4, ..position }, position.epoch, &entries[4..]).await.unwrap();
    assert_eq!(read(None, 9).await, [mine, theirs]);
    let rows = audit.claims_of_shard(SHARD, None, 9).await.unwrap();
    assert_eq!((&rows[0].claim, rows[1].claim.until), (&lunch, None));
    let of_both: Vec<_> = ["other", "never-seen"].map(|user| user.parse().unwrap()).into();
    assert_eq!(audit.claims_of(&of_both).await.unwrap().len(), 2);
    assert_eq!(
        audit.last(&[entries[0].user.clone()]).await.unwrap(),
        [None],
        "nothing is known of the state"
    );
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions_log WHERE kind = 'wish'").await, 5);
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions").await, 0);
}

#[tokio::test]
async fn the_last_known_states_come_in_the_order_asked() {
    let (_, audit, position) = begun().await;
    let mut gone = entry(4, "u3", Status::Online, Status::Offline);
    // As others saw it, something else happened last.
    gone.shown_version = (1 << 32) + 3;
    copy(&audit, position, position.epoch, &[arrivals(1..=3), vec![gone.clone()]].concat()).await.unwrap();
    let asked: Vec<UserId> = ["u3", "nobody", "u1", "u3"].iter().map(|user| user.parse().unwrap()).collect();
    let known = audit.last(&asked).await.unwrap();
    let names: Vec<_> = known.iter().map(|known| known.as_ref().map(|known| known.user.as_str())).collect();
    assert_eq!(names, [Some("u3"), None, Some("u1"), Some("u3")]);
    let last = known[0].clone().unwrap();
    assert_eq!((last.status, last.online_since, last.since), (Status::Offline, Millis(0), gone.since));
    assert_eq!(
        (last.last_seen, last.shown_since, last.shown_last_seen, last.shown_version),
        (gone.last_seen, gone.shown_since, gone.shown_last_seen, gone.shown_version)
    );
    assert_eq!(last.epoch, position.epoch);
}

#[tokio::test]
async fn a_new_epoch_begins_at_zero_and_remembers_the_old_one() {
    let (pool, audit, first) = begun().await;
    let copied = copy(&audit, first, first.epoch, &arrivals(1..=3)).await.unwrap();
    audit.heard(&[(SHARD, Millis(NOON)), (SHARD + 1, Millis(NOON))]).await.unwrap();
    let new = audit.next_epoch(SHARD, "store_lost").await.unwrap();
    assert!(new.epoch > first.epoch);
    assert_eq!(new.before, Position { heard_at: Some(Millis(NOON)), ..copied.position });
    let position = audit.position(SHARD).await.unwrap();
    assert_eq!((position.epoch, position.n), (new.epoch, 0));
    let old_life = copy(&audit, copied.position, first.epoch, &arrivals(4..=4)).await;
    assert_eq!(old_life, Err(CopyError::Moved(position)));
    let again =
        copy(&audit, position, new.epoch, &[entry(1, "u1", Status::Online, Status::Away)]).await.unwrap();
    assert_eq!(again.rows, 1);
    assert_eq!(count(&pool, "SELECT max(sequence) FROM transitions WHERE user_id = 'u1'").await, 2);
    assert_eq!(count(&pool, "SELECT count(*) FROM system_events WHERE kind = 'epoch'").await, 2);
    assert_chain_is_whole(&pool).await;
}

#[tokio::test]
async fn epochs_of_racing_owners_differ() {
    let (_, audit) = history().await;
    let (one, two) = tokio::join!(audit.next_epoch(SHARD, "first"), audit.next_epoch(SHARD, "first"));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.epoch, two.epoch);
    assert_eq!(audit.position(SHARD).await.unwrap().epoch, one.epoch.max(two.epoch));
}

#[tokio::test]
async fn the_service_can_only_add_to_the_history() {
    let (pool, audit, position) = begun().await;
    copy(&audit, position, position.epoch, &arrivals(1..=1)).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    connection.execute("SET ROLE rollcall_app").await.unwrap();
    for table in [
        "transitions_log",
        "transitions_log_2026_11",
        "copy_batches",
        "system_events",
        "admin_actions",
        "quarantine",
    ] {
        let column = match table {
            "copy_batches" => "rows = 0",
            "quarantine" => "problem = ''",
            "system_events" => "kind = ''",
            "admin_actions" => "action = ''",
            _ => "org = ''",
        };
        for sql in [
            format!("UPDATE {table} SET {column}"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("DROP TABLE {table}"),
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
        ] {
            let refused = connection.execute(AssertSqlSafe(sql.clone())).await.unwrap_err();
            let code =
                refused.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
            assert_eq!(code.as_deref(), Some("42501"), "{sql}: {refused}");
        }
    }
}

#[tokio::test]
async fn a_cursor_walks_all_rows_once() {
    let (_, audit, mut position) = begun().await;
    let mut entries = story(250);
    for entry in &mut entries {
        // Many share a millisecond, and later entries may have occurred earlier.
        entry.occurred_at = Millis(NOON + entry.n % 7);
    }
    for batch in entries.chunks(100) {
        position = copy(&audit, position, position.epoch, batch).await.unwrap().position;
    }
    for (filter, keep) in filters() {
        let mut seen = Vec::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let page = audit.transitions(&filter, cursor, 17).await.unwrap();
            assert!(page.rows.len() == 17 || page.next_cursor.is_none());
            seen.extend(page.rows);
            cursor = page.next_cursor.map(|cursor| cursor.to_string().parse().unwrap());
            if cursor.is_none() {
                break;
            }
        }
        let keys: Vec<_> = seen.iter().map(|row| (row.occurred_at, row.shard, row.epoch, row.n)).collect();
        assert!(keys.is_sorted_by(|a, b| a > b), "newest first, each once");
        let found: HashSet<i64> = seen.iter().map(|row| row.n).collect();
        let wanted: HashSet<i64> = entries.iter().filter(|entry| keep(entry)).map(|entry| entry.n).collect();
        assert_eq!(found, wanted, "{filter:?}");
    }
}

type Keep = fn(&Entry) -> bool;

/// Each field of the filter alone, and what it should leave of the entries.
fn filters() -> Vec<(Filter, Keep)> {
    let filter = |set: fn(&mut Filter)| {
        let mut filter = Filter::default();
        set(&mut filter);
        filter
    };
    vec![
        (filter(|_| ()), |_| true),
        (filter(|f| f.user = "w3".parse().ok()), |e| e.user.as_str() == "w3"),
        (filter(|f| f.user = "nobody".parse().ok()), |_| false),
        (filter(|f| f.org = "main".parse().ok()), |_| true),
        (filter(|f| f.org = "other".parse().ok()), |_| false),
        (filter(|f| f.reason = Some(Reason::Expired)), |e| e.reason == Reason::Expired),
        (filter(|f| f.from = Some(Status::Busy)), |e| e.from == Status::Busy),
        (filter(|f| f.to = Some(Status::Away)), |e| e.to == Status::Away),
        (filter(|f| f.since = Some(Millis(NOON + 2))), |e| e.occurred_at.0 >= NOON + 2),
        (filter(|f| f.until = Some(Millis(NOON + 5))), |e| e.occurred_at.0 < NOON + 5),
        (filter(|f| f.shard = Some(SHARD)), |_| true),
        (filter(|f| f.shard = Some(SHARD + 1)), |_| false),
    ]
}

#[tokio::test]
async fn a_transition_has_all_that_its_entry_had() {
    let (_, audit, position) = begun().await;
    let mut told = arrivals(1..=1).remove(0);
    told.device = Some(rollcall::presence::Device::Mobile);
    told.actor = Some("req-1".to_owned());
    told.uncertainty_ms = 125_000;
    copy(&audit, position, position.epoch, std::slice::from_ref(&told)).await.unwrap();
    let row = audit.transitions(&Filter::default(), None, 1).await.unwrap().rows.remove(0);
    assert_eq!((row.user.as_ref(), &row.org, row.shard), (Some(&told.user), &told.org, SHARD));
    assert_eq!((row.epoch, row.n, row.sequence), (position.epoch, 1, 1));
    assert_eq!((row.from, row.to, row.reason), (told.from, told.to, told.reason));
    assert_eq!((row.occurred_at, row.detected_at), (told.occurred_at, told.detected_at));
    assert_eq!((row.uncertainty_ms, &row.session), (told.uncertainty_ms, &told.session));
    assert_eq!((row.device, &row.actor), (told.device, &told.actor));
}

#[tokio::test]
async fn erasing_a_person_leaves_the_rows_and_the_seals() {
    let (pool, audit, position) = begun().await;
    copy(&audit, position, position.epoch, &arrivals(1..=3)).await.unwrap();
    sqlx::query("DELETE FROM subjects WHERE user_id = 'u2'").execute(&pool).await.unwrap();
    let rows = audit.transitions(&Filter::default(), None, 10).await.unwrap().rows;
    let names: Vec<_> = rows.iter().map(|row| row.user.as_ref().map(UserId::as_str)).collect();
    assert_eq!(names, [Some("u3"), None, Some("u1")]);
    assert_eq!(audit.last(&["u2".parse().unwrap()]).await.unwrap(), [None]);
    assert_chain_is_whole(&pool).await;
}

#[tokio::test]
async fn a_row_that_is_changed_breaks_its_seal() {
    let (pool, audit, position) = begun().await;
    copy(&audit, position, position.epoch, &story(10)).await.unwrap();
    assert_eq!(broken_seals(&pool).await, 0);
    sqlx::query("UPDATE transitions_log SET reason = 'login' WHERE n = 5").execute(&pool).await.unwrap();
    assert_eq!(broken_seals(&pool).await, 1);
}

#[tokio::test]
async fn partitions_are_made_ahead_and_dropped_with_an_event() {
    let (pool, audit, position) = begun().await;
    assert_eq!(audit.ensure_partitions(3).await.unwrap(), 0, "the migration made them");
    assert_eq!(audit.ensure_partitions(5).await.unwrap(), 6);
    let mut old = arrivals(1..=1);
    old[0].detected_at = Millis(NOON - 500 * 86_400_000);
    copy(&audit, position, position.epoch, &old).await.unwrap();
    let day = Duration::from_secs(86_400);
    assert!(matches!(audit.drop_partitions(day * 30).await, Err(AuditError::Refused(_))));
    let dropped = audit.drop_partitions(day * 400).await.unwrap();
    assert_eq!(dropped, 3, "the old month of each table");
    assert_eq!(count(&pool, "SELECT count(*) FROM transitions_log").await, 0);
    let event: serde_json::Value =
        sqlx::query_scalar("SELECT detail FROM system_events WHERE kind = 'partitions_dropped'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(event["partitions"].as_array().map(Vec::len), Some(3), "{event}");
    assert_eq!(audit.drop_partitions(day * 400).await.unwrap(), 0);
    audit.system_event("started", &serde_json::json!({ "node": "a" })).await.unwrap();
}

async fn assert_sequences_have_no_gaps(pool: &PgPool) {
    let gaps = count(
        pool,
        "SELECT count(*) FROM (SELECT sequence, row_number() OVER (PARTITION BY subject ORDER BY epoch, n) AS place \
            FROM transitions_log WHERE kind = 'transition') s WHERE sequence <> place",
    )
    .await;
    assert_eq!(gaps, 0);
}

async fn assert_chain_is_whole(pool: &PgPool) {
    assert_eq!(broken_seals(pool).await, 0);
    let tips = count(
        pool,
        "SELECT count(*) FROM copy_position p WHERE p.hash = (SELECT hash FROM copy_batches b \
            WHERE b.shard = p.shard ORDER BY epoch DESC, last_n DESC LIMIT 1)",
    )
    .await;
    assert_eq!(
        tips,
        count(pool, "SELECT count(*) FROM copy_position").await,
        "positions hold the end of the chain"
    );
}

/// Seals every batch again from the rows as they are stored; how many differ, or do not follow the one before.
async fn broken_seals(pool: &PgPool) -> usize {
    let batches = sqlx::query("SELECT * FROM copy_batches ORDER BY shard, epoch, first_n")
        .fetch_all(pool)
        .await
        .unwrap();
    let mut end = GENESIS.to_vec();
    let mut broken = 0;
    for batch in batches {
        let shard: i16 = batch.get("shard");
        let mut seal = Seal::of_batch(&end, u16::try_from(shard).unwrap(), batch.get("epoch"));
        let rows = sqlx::query(
            "SELECT * FROM transitions_log WHERE shard = $1 AND epoch = $2 AND n BETWEEN $3 AND $4 ORDER BY n",
        )
        .bind(shard)
        .bind(batch.get::<i64, _>("epoch"))
        .bind(batch.get::<i64, _>("first_n"))
        .bind(batch.get::<i64, _>("last_n"))
        .fetch_all(pool)
        .await
        .unwrap();
        for row in &rows {
            let at =
                |name| Millis((row.get::<OffsetDateTime, _>(name).unix_timestamp_nanos() / 1_000_000) as i64);
            let sealed = SealedRow {
                n: row.get("n"),
                kind: row.get("kind"),
                subject: row.get("subject"),
                org: row.get("org"),
                sequence: row.get("sequence"),
                from: row.get("from_status"),
                to: row.get("to_status"),
                reason: row.get("reason"),
                occurred_at: at("occurred_at"),
                detected_at: at("detected_at"),
                last_seen: at("last_seen"),
                uncertainty_ms: row.get("uncertainty_ms"),
                session: row.get("session_id"),
                device: row.get("device"),
                actor: row.get("actor"),
            };
            seal.row(&sealed.hash());
        }
        let stored: Vec<u8> = batch.get("hash");
        let previous: Vec<u8> = batch.get("previous");
        broken += usize::from(seal.finish().as_slice() != stored || previous != end);
        end = stored;
    }
    broken
}
