//! The chains on a real Postgres: what an owner changes behind the back of the service is found, and nothing else is.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use rollcall::accounts::{Accounts, Action, Origin, actions};
use rollcall::audit::{Audit, Head, Verified, Window};
use rollcall::database::connect;
use rollcall::presence::{Entry, EntryKind, Millis, Org, Outgoing, RawEntry, Reason, Status};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgPool};

use crate::support;

const SHARD: u16 = 5;
/// 2026-11-20 12:00 UTC.
const NOON: i64 = 1_795_176_000_000;

/// A database, as the owner and as the service has it, with all chains begun: 30 entries in three batches, eight actions
/// in three seals, and the events of it.
struct Fixture {
    url: String,
    owner: PgPool,
    audit: Audit,
    accounts: Accounts,
}

fn entry(n: i64, at: i64) -> Entry {
    let at = Millis(at + n * 1000);
    Entry {
        n,
        kind: EntryKind::Transition,
        user: format!("u{n}").parse().unwrap(),
        org: Org::default(),
        from: Status::Offline,
        to: Status::Online,
        reason: Reason::Connect,
        occurred_at: at,
        detected_at: at + Millis(40),
        since: at,
        online_since: at,
        last_seen: at,
        shown_since: at,
        shown_online_since: at,
        shown_last_seen: at,
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

impl Fixture {
    async fn empty() -> Self {
        let url = support::database_url().await;
        let owner = PgPool::connect(&url).await.unwrap();
        let pool = connect(&SecretString::from(url.clone()), true, 4).unwrap();
        Self { url, owner, audit: Audit::new(pool.clone()), accounts: Accounts::new(pool) }
    }

    async fn new() -> Self {
        let fixture = Self::empty().await;
        fixture.audit.next_epoch(SHARD, "first").await.unwrap();
        for first in [1, 11, 21] {
            fixture.copy(first..=first + 9, NOON).await;
        }
        for (first, last) in [(1, 3), (4, 5), (6, 8)] {
            for n in first..=last {
                fixture.act(&format!("deed {n}")).await;
            }
            fixture.audit.tell("test", json!({ "n": first })).await.unwrap();
            assert!(fixture.audit.seal_journals().await.unwrap() > last - first);
        }
        fixture
    }

    async fn copy(&self, numbers: std::ops::RangeInclusive<i64>, at: i64) {
        let position = self.audit.position(SHARD).await.unwrap();
        let entries: Vec<_> = numbers.map(|n| Outgoing::Entry(entry(n, at))).collect();
        self.audit.copy(SHARD, position, position.epoch, &entries).await.unwrap();
    }

    async fn act(&self, detail: &str) {
        let origin = Origin {
            actor: Some("7".to_owned()),
            address: Some("192.0.2.7".to_owned()),
            ..Origin::default()
        };
        let action = Action::on_system(actions::DATA_EXPORTED, detail, &origin);
        let (before, after) = (Some(json!({"a": 1})), Some(json!({"a": 2, "b": [1.50, null]})));
        self.accounts.record(&Action { before, after, ..action }).await.unwrap();
    }

    async fn sql(&self, sql: &str) {
        self.owner.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }

    async fn verify(&self) -> Verified {
        self.audit.verify(Window::default(), None, |_| ()).await.unwrap()
    }

    /// What a verification finds, in words.
    async fn found(&self) -> Vec<String> {
        self.verify().await.problems().iter().map(ToString::to_string).collect()
    }
}

#[tokio::test]
async fn what_nobody_touched_is_whole() {
    let fixture = Fixture::new().await;
    let verified = fixture.verify().await;
    assert!(verified.is_whole(), "{:?}", verified.problems());
    assert_eq!((verified.shards, verified.batches, verified.entries), (1, 3, 30));
    let counts: Vec<_> = verified.journals.iter().map(|log| (log.seals, log.rows, log.unsealed)).collect();
    assert_eq!(counts, [(3, 8, 0), (3, 4, 0)]);
    assert_eq!(fixture.audit.seal_journals().await.unwrap(), 0, "nothing is sealed twice");
    fixture.act("later").await;
    let verified = fixture.verify().await;
    assert_eq!((verified.is_whole(), verified.journals[0].unsealed), (true, 1));
}

/// After the owner has done this, exactly that is found.
async fn assert_found(touched: &[(&str, &str)]) {
    for (sql, expected) in touched {
        let fixture = Fixture::new().await;
        fixture.sql(sql).await;
        assert_eq!(fixture.found().await, [*expected], "{sql}");
    }
}

#[tokio::test]
async fn a_transition_that_an_owner_touched_is_found_and_nothing_else() {
    let insert = "INSERT INTO transitions_log (n, detected_at, shard, epoch, kind, subject, org, sequence, from_status, \
        to_status, reason, occurred_at, last_seen, uncertainty_ms)";
    let same = "shard, epoch, kind, subject, org, sequence, from_status, to_status, reason, occurred_at, last_seen, 0 \
        FROM transitions_log";
    assert_found(&[
        (
            "UPDATE transitions_log SET reason = 'login' WHERE n = 15",
            "transitions_log, shard 5, epoch 1: row 15 was changed",
        ),
        (
            "UPDATE transitions_log SET occurred_at = occurred_at + interval '1 microsecond' WHERE n = 15",
            "transitions_log, shard 5, epoch 1: row 15 was changed",
        ),
        (
            "DELETE FROM transitions_log WHERE n BETWEEN 12 AND 14",
            "transitions_log, shard 5, epoch 1: row 12 to 14 was removed",
        ),
        ("DELETE FROM transitions_log WHERE n = 30", "transitions_log, shard 5, epoch 1: row 30 was removed"),
        (
            &format!("{insert} SELECT 31, detected_at, {same} WHERE n = 30"),
            "transitions_log, shard 5, epoch 1: no seal covers row 31",
        ),
        (
            &format!("{insert} SELECT 17, detected_at + interval '1 s', {same} WHERE n = 17"),
            "transitions_log, shard 5, epoch 1: no seal covers row 17",
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_action_or_event_that_an_owner_touched_is_found_and_nothing_else() {
    let insert = "INSERT INTO admin_actions (action, severity, category, seq) OVERRIDING SYSTEM VALUE VALUES ('X', 'info', 'user'";
    assert_found(&[
        ("UPDATE admin_actions SET detail = 'nothing' WHERE seq = 4", "admin_actions: row 4 was changed"),
        ("UPDATE admin_actions SET after = '{}' WHERE seq = 4", "admin_actions: row 4 was changed"),
        ("UPDATE admin_actions SET actor = NULL WHERE seq = 4", "admin_actions: row 4 was changed"),
        ("DELETE FROM admin_actions WHERE seq = 8", "admin_actions: row 8 was removed"),
        (&format!("{insert}, 5)"), "admin_actions: no seal covers row 5"),
        (&format!("{insert}, 0)"), "admin_actions: no seal covers row 0"),
        ("UPDATE system_events SET kind = 'nothing' WHERE seq = 2", "system_events: row 2 was changed"),
        ("DELETE FROM system_events WHERE seq = 3", "system_events: row 3 was removed"),
    ])
    .await;
}

#[tokio::test]
async fn a_seal_that_an_owner_touched_is_found_and_nothing_else() {
    let batch = "transitions_log, shard 5, epoch 1: the seal 11 to 20 was changed";
    let seal = "admin_actions: the seal 2 was changed";
    assert_found(&[
        ("UPDATE copy_batches SET hash = sha256('x') WHERE first_n = 11", batch),
        ("UPDATE copy_batches SET previous = sha256('x') WHERE first_n = 11", batch),
        ("UPDATE copy_batches SET rows = 9 WHERE first_n = 11", batch),
        (
            "UPDATE copy_batches SET marks = overlay(marks placing '\\x00'::bytea from 9) WHERE first_n = 11",
            batch,
        ),
        ("UPDATE audit_seals SET hash = sha256('x') WHERE n = 2 AND log = 'admin_actions'", seal),
        ("UPDATE audit_seals SET previous = sha256('x') WHERE n = 2 AND log = 'admin_actions'", seal),
        ("UPDATE audit_seals SET first_seq = 3 WHERE n = 2 AND log = 'admin_actions'", seal),
    ])
    .await;
}

#[tokio::test]
async fn a_seal_that_is_removed_is_missed() {
    let entry = |what: &str| format!("transitions_log, shard 5, epoch 1: {what}");
    for (sql, expected) in [
        (
            "DELETE FROM copy_batches WHERE first_n = 11",
            vec![
                entry("no seal covers row 11 to 20"),
                entry("the seal before 21 to 30 was removed"),
                entry("nothing tells what became of entry 11 to 20"),
            ],
        ),
        (
            "DELETE FROM copy_batches WHERE first_n = 21",
            vec![
                entry("no seal covers row 21 to 30"),
                entry("the chain was cut off behind 20"),
                entry("nothing tells what became of entry 21 to 30"),
            ],
        ),
        (
            "DELETE FROM audit_seals WHERE log = 'admin_actions' AND n = 1",
            vec![
                "admin_actions: no seal covers row 1 to 3".into(),
                "admin_actions: the seal before 2 was removed".into(),
            ],
        ),
    ] {
        let fixture = Fixture::new().await;
        fixture.sql(sql).await;
        assert_eq!(fixture.found().await, expected, "{sql}");
    }
}

#[tokio::test]
async fn only_a_head_kept_elsewhere_shows_that_all_was_written_anew() {
    let fixture = Fixture::new().await;
    let head = fixture.verify().await.head;
    fixture.act("one more").await;
    fixture.audit.seal_journals().await.unwrap();
    fixture.copy(31..=40, NOON).await;
    let expect = async |head: &Head| {
        let verified = fixture.audit.verify(Window::default(), Some(head), |_| ()).await.unwrap();
        verified.problems().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(expect(&head).await, Vec::<String>::new(), "a chain that went on contains its old head");
    let text = serde_json::to_string(&head).unwrap();
    assert_eq!(serde_json::from_str::<Head>(&text).unwrap(), head);
    // Whoever owns the database forgets an action and everything that sealed it; the service seals the rest again.
    fixture.sql("DELETE FROM admin_actions WHERE seq = 8; DELETE FROM audit_seals WHERE log = 'admin_actions' AND n > 2").await;
    fixture.audit.seal_journals().await.unwrap();
    assert_eq!(fixture.found().await, Vec::<String>::new(), "by itself the chain fits");
    assert_eq!(expect(&head).await, ["admin_actions: the expected head 3 is not in the chain"]);
}

#[tokio::test]
async fn a_number_that_is_missing_needs_a_reason() {
    let fixture = Fixture::new().await;
    let position = fixture.audit.position(SHARD).await.unwrap();
    let raw =
        RawEntry { n: 31, user: None, detected_at: None, fields: Default::default(), problem: "odd".into() };
    let batch = [Outgoing::Raw(raw), Outgoing::Entry(entry(32, NOON))];
    let copied = fixture.audit.copy(SHARD, position, position.epoch, &batch).await.unwrap();
    fixture.audit.skip_gap(SHARD, copied.position, 40).await.unwrap();
    fixture.copy(40..=41, NOON).await;
    fixture.audit.next_epoch(SHARD, "store_lost").await.unwrap();
    fixture.copy(1..=2, NOON + 3_600_000).await;
    assert_eq!(fixture.found().await, Vec::<String>::new());
    fixture.sql("DELETE FROM quarantine").await;
    let gap = |first, epoch: i64| {
        format!("transitions_log, shard 5, epoch {epoch}: nothing tells what became of entry {first}")
    };
    assert_eq!(fixture.found().await, [gap("31", 1)]);
    fixture.sql("DELETE FROM system_events WHERE kind = 'gap'").await;
    assert_eq!(fixture.found().await, [gap("31", 1), gap("33 to 39", 1)]);
}

#[tokio::test]
async fn rolled_back_numbers_are_no_gaps_and_late_ones_are_waited_for() {
    let fixture = Fixture::new().await;
    let row = "INSERT INTO admin_actions (action, severity, category) VALUES ('X', 'info', 'user')";
    let mut undone = fixture.owner.begin().await.unwrap();
    undone.execute(row).await.unwrap();
    let mut slow = fixture.owner.begin().await.unwrap();
    slow.execute(row).await.unwrap();
    fixture.act("after both").await;
    undone.rollback().await.unwrap();
    let audit = fixture.audit.clone();
    let sealing = tokio::spawn(async move { audit.seal_journals().await.unwrap() });
    assert_eq!(
        fixture.verify().await.journals[0].unsealed,
        1,
        "it waits for whoever may still come in between"
    );
    slow.commit().await.unwrap();
    assert_eq!(sealing.await.unwrap(), 2);
    let seqs: Vec<i64> = sqlx::query_scalar("SELECT seqs FROM audit_seals WHERE n = 4")
        .fetch_one(&fixture.owner)
        .await
        .unwrap();
    assert_eq!(seqs, [10, 11], "9 was rolled back");
    assert_eq!(fixture.found().await, Vec::<String>::new());
    fixture
        .sql(
            &row.replace("(action", "(seq, action")
                .replace("VALUES (", "OVERRIDING SYSTEM VALUE VALUES (9, "),
        )
        .await;
    assert_eq!(fixture.found().await, ["admin_actions: no seal covers row 9"]);
}

#[tokio::test]
async fn several_nodes_seal_one_chain() {
    let fixture = Fixture::new().await;
    let writers = (0..8).map(async |writer| {
        for n in 0..20 {
            fixture.act(&format!("{writer} {n}")).await;
        }
    });
    let sealers = (0..3).map(async |_| {
        let mut sealed = 0;
        while sealed < 1_000 && fixture.verify().await.journals[0].rows < 168 {
            sealed += fixture.audit.seal_journals().await.unwrap();
        }
    });
    let work = async { tokio::join!(futures::future::join_all(writers), futures::future::join_all(sealers)) };
    tokio::time::timeout(Duration::from_secs(60), work).await.unwrap();
    let verified = fixture.verify().await;
    assert!(verified.is_whole(), "{:?}", verified.problems());
    assert_eq!((verified.journals[0].rows, verified.journals[0].unsealed), (168, 0));
}

#[tokio::test]
async fn addresses_and_names_may_go() {
    let fixture = Fixture::new().await;
    fixture.sql("UPDATE admin_actions SET address = NULL, user_agent = NULL; DELETE FROM subjects").await;
    assert_eq!(fixture.found().await, Vec::<String>::new());
}

#[tokio::test]
async fn months_that_were_dropped_are_no_alarm() {
    let fixture = Fixture::empty().await;
    let old = NOON - 500 * 86_400_000;
    fixture.audit.next_epoch(SHARD, "first").await.unwrap();
    fixture.copy(1..=10, old).await;
    // One batch over the border, whose later rows stay.
    let position = fixture.audit.position(SHARD).await.unwrap();
    let mixed = [Outgoing::Entry(entry(11, old)), Outgoing::Entry(entry(12, NOON))];
    fixture.audit.copy(SHARD, position, position.epoch, &mixed).await.unwrap();
    fixture.sql("SELECT ensure_month(now() - interval '500 days')").await;
    let insert = "INSERT INTO admin_actions (occurred_at, action, severity, category) VALUES";
    fixture.sql(&format!("{insert} (now() - interval '500 days', 'OLD', 'info', 'user')")).await;
    fixture.audit.seal_journals().await.unwrap();
    fixture
        .sql(&format!(
            "{insert} (now() - interval '500 days', 'OLD', 'info', 'user'), (now(), 'NEW', 'info', 'user')"
        ))
        .await;
    fixture.audit.seal_journals().await.unwrap();
    let head = fixture.verify().await.head;
    assert_eq!(fixture.found().await, Vec::<String>::new());
    let keep = Duration::from_secs(400 * 86_400);
    assert!(fixture.audit.drop_partitions(keep).await.unwrap() > 0);
    assert_eq!(fixture.found().await, Vec::<String>::new(), "everything that was sealed is gone");
    fixture.copy(13..=20, NOON).await;
    fixture.act("new").await;
    fixture.audit.seal_journals().await.unwrap();
    let verified = fixture.audit.verify(Window::default(), Some(&head), |_| ()).await.unwrap();
    assert!(verified.is_whole(), "{:?}", verified.problems());
    assert_eq!((verified.batches, verified.entries), (1, 8));
    assert!(verified.kept_since.is_some());
    assert_eq!(verified.journals[0].seals, 1);
    // Whoever pretends that more was dropped than the event says is found out.
    fixture.copy(21..=22, NOON).await;
    fixture
        .sql("DELETE FROM transitions_log WHERE n < 21; DELETE FROM copy_batches WHERE first_n = 13")
        .await;
    let found = fixture.found().await;
    let entry = |what: &str| format!("transitions_log, shard 5, epoch 1: {what}");
    assert_eq!(
        found,
        [entry("the seal before 21 to 22 was removed"), entry("nothing tells what became of entry 13 to 20")]
    );
}

#[tokio::test]
async fn a_window_looks_at_its_part_alone() {
    let fixture = Fixture::new().await;
    fixture.sql("UPDATE transitions_log SET reason = 'login' WHERE n = 5").await;
    let at = |n: i64| Some(Millis(NOON + n * 1000));
    for (since, until, found) in [
        (at(11), None, 0),
        (at(10), None, 1),
        (None, at(1), 0),
        (None, at(2), 1),
        (at(12), at(13), 0),
        (at(40), None, 0),
    ] {
        let verified = fixture.audit.verify(Window { since, until }, None, |_| ()).await.unwrap();
        assert_eq!(verified.problems().len(), found, "{since:?} {until:?}: {:?}", verified.problems());
    }
}

async fn run(args: &[&str], database: &str) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.args(args).env("ROLLCALL_DATABASE_URL", database);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_command_says_by_its_exit_code_what_it_found() {
    let fixture = Fixture::new().await;
    let whole = run(&["audit", "verify"], &fixture.url).await;
    let text = String::from_utf8(whole.stdout).unwrap();
    assert!(whole.status.success() && text.ends_with("everything is as it was written\n"), "{text}");
    let head = run(&["audit", "verify", "--print-head"], &fixture.url).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &head.stdout).unwrap();
    let expect = |path: &Path| {
        ["audit", "verify", "--json", "--expect-head", path.to_str().unwrap()].map(str::to_owned)
    };
    let expect = expect(file.path());
    let expect: Vec<&str> = expect.iter().map(String::as_str).collect();
    let same = run(&expect, &fixture.url).await;
    assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stderr));
    fixture.sql("UPDATE audit_seals SET hash = sha256('x') WHERE n = 3 AND log = 'system_events'").await;
    let found = run(&expect, &fixture.url).await;
    assert_eq!(found.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&found.stdout).unwrap();
    let kinds: Vec<&str> =
        said["problems"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds, &said["ok"]), (vec!["seal_changed", "head_differs"], &json!(false)), "{said}");
    assert_eq!(said["problems"][0]["log"], "system_events");
}

#[tokio::test]
async fn the_command_exports_what_the_logs_have_and_says_that_it_did() {
    let fixture = Fixture::new().await;
    let lines = run(&["audit", "export", "transitions", "--to", "2026-11-20T12:00:11Z"], &fixture.url).await;
    let text = String::from_utf8(lines.stdout).unwrap();
    assert!(lines.status.success(), "{}", String::from_utf8_lossy(&lines.stderr));
    let numbers: Vec<i64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["n"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=10).rev().collect::<Vec<_>>());
    let list = run(&["audit", "export", "actions", "--format", "json"], &fixture.url).await;
    let rows: Vec<Value> = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(rows.len(), 9);
    assert_eq!(
        (&rows[0]["actor"], &rows[0]["metadata"]["after"]["log"]),
        (&json!("cli"), &json!("transitions_log"))
    );
    let future =
        run(&["audit", "export", "actions", "--from", "2199-01-01", "--format", "csv"], &fixture.url).await;
    assert_eq!(String::from_utf8(future.stdout).unwrap().lines().count(), 1, "the head alone");
}

#[tokio::test]
async fn a_start_with_other_settings_leaves_an_action() {
    let fixture = Fixture::empty().await;
    let settings = |ttl: &str, listen: &str| {
        let named = [("presence_ttl", ttl), ("listen", listen), ("auth_secret", "(set)")];
        named.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let accounts = &fixture.accounts;
    for (node, ttl, listen, is_other) in [
        ("a", "120s", "one", false),
        ("a", "120s", "one", false),
        ("b", "120s", "two", false),
        ("a", "90s", "one", true),
        ("c", "90s", "three", false),
        ("b", "90s", "two", true),
    ] {
        assert_eq!(
            accounts.record_settings(node, &settings(ttl, listen)).await.unwrap(),
            is_other,
            "{node} {ttl}"
        );
    }
    let rows: Vec<(String, String, Value, Value)> =
        sqlx::query_as("SELECT action, target_id, before, after FROM admin_actions ORDER BY seq")
            .fetch_all(&fixture.owner)
            .await
            .unwrap();
    let (before, after) = (json!({"presence_ttl": "120s"}), json!({"presence_ttl": "90s"}));
    let row =
        |node: &str| ("SYSTEM_SETTINGS_CHANGED".to_owned(), node.to_owned(), before.clone(), after.clone());
    assert_eq!(rows, [row("a"), row("b")]);
}
