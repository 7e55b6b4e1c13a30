//! How the log becomes deliveries, on a real Postgres: each change once and in order, over new epochs, corrections,
//! copies that interleave, and nodes that work for the same webhook.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall::accounts::{Accounts, Origin, Registration};
use rollcall::audit::{Audit, Delivery, Leased, Missed, Next, Position, SetBack};
use rollcall::database::connect;
use rollcall::presence::{ChangeKind, Entry, EntryKind, Millis, Org, Outgoing, Reason, Status};
use secrecy::SecretString;
use sqlx::{ConnectOptions, PgPool};
use uuid::Uuid;

/// 2026-11-20 12:00 UTC.
const NOON: i64 = 1_795_176_000_000;

use Status::{Offline, Online};

struct World {
    owner: PgPool,
    audit: Audit,
}

impl World {
    /// A webhook that is told of shards which have just begun.
    async fn new(shards: u16) -> Self {
        let owner = crate::support::database().await;
        let url = owner.connect_options().to_url_lossy().to_string();
        let audit = Audit::new(connect(&SecretString::from(url), true, 8).unwrap());
        for shard in 0..shards {
            audit.next_epoch(shard, "first").await.unwrap();
        }
        let hook = Uuid::now_v7();
        let said = Registration {
            name: "shop".to_owned(),
            url: "https://hooks.example.com/".to_owned(),
            org: None,
            events: ChangeKind::ALL.to_vec(),
            debounce_ms: None,
            is_enabled: true,
        };
        let accounts = Accounts::new(owner.clone());
        accounts.create_webhook(hook, &said, b"sealed", &Origin::default()).await.unwrap();
        Self { owner, audit }
    }

    async fn lease(&self) -> Option<Leased> {
        self.audit.lease_webhooks(10).await.unwrap().pop()
    }

    /// The next batch, taken by its receiver; nothing if there is none.
    async fn take(&self, leased: &Leased) -> Option<Delivery> {
        loop {
            match self.audit.next_delivery(leased).await.unwrap() {
                Next::Send(delivery) => {
                    self.audit.delivered(leased, delivery.id, 200).await.unwrap();
                    return Some(delivery);
                }
                Next::More => {}
                Next::Idle | Next::Lost => return None,
            }
        }
    }

    /// All that there is now, as `number user kind`.
    async fn told(&self) -> Vec<String> {
        let Some(leased) = self.lease().await else { return Vec::new() };
        let mut told = Vec::new();
        while let Some(delivery) = self.take(&leased).await {
            let words = |(number, user, change): &(i64, _, rollcall::audit::ShownChange)| {
                format!("{number} {user} {}", change.kind)
            };
            told.extend(delivery.events.iter().map(words));
        }
        self.audit.end_lease(&leased).await.unwrap();
        told
    }

    async fn copy(&self, shard: u16, entries: &[Entry]) -> Position {
        let position = self.audit.position(shard).await.unwrap();
        let batch: Vec<_> = entries.iter().cloned().map(Outgoing::Entry).collect();
        self.audit.copy(shard, position, position.epoch, &batch).await.unwrap().position
    }
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
        reason: if to == Offline { Reason::Expired } else { Reason::Connect },
        occurred_at: at,
        detected_at: at,
        since: at,
        online_since: if to == Offline { Millis(0) } else { at },
        last_seen: at,
        shown_since: at,
        shown_online_since: if to == Offline { Millis(0) } else { at },
        shown_last_seen: at,
        shown_version: (1 << 32) + n,
        uncertainty_ms: 0,
        session: None,
        device: None,
        actor: None,
        claims: None,
        text: None,
        emoji: None,
    }
}

#[tokio::test]
async fn new_epochs_and_corrections_go_on_where_the_last_ended() {
    let world = World::new(1).await;
    world.copy(0, &[entry(1, "a", Offline, Online), entry(2, "b", Offline, Online)]).await;
    assert_eq!(world.told().await, ["1 a online", "2 b online"]);
    assert_eq!(world.lease().await.map(|leased| leased.id), None, "there is nothing to do");
    // Redis came back empty: numbers begin again.
    world.audit.next_epoch(0, "store_lost").await.unwrap();
    assert_eq!(world.told().await, Vec::<String>::new());
    let position = world.copy(0, &[entry(1, "a", Online, Offline), entry(2, "c", Offline, Online)]).await;
    assert_eq!(world.told().await, ["3 a offline", "4 c online"]);
    // It came back with an older state, in which c had not come.
    let found = SetBack {
        epoch: position.epoch,
        n: 1,
        detected_at: Some(Millis(NOON + 1000)),
        at: Millis(NOON + 9000),
    };
    let rewound = world.audit.rewind(0, position, found).await.unwrap();
    assert_eq!(rewound.corrections.len(), 1);
    world.copy(0, &[entry(2, "d", Offline, Online)]).await;
    assert_eq!(world.told().await, ["5 c offline", "6 d online"]);
    assert_eq!(world.lease().await.map(|leased| leased.id), None, "the positions are at the ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_copies_interleave_each_change_is_told_once_and_in_order() {
    const SHARDS: u16 = 6;
    const BATCHES: i64 = 30;
    const ENTRIES: i64 = 17;
    let world = std::sync::Arc::new(World::new(SHARDS).await);
    let copiers: Vec<_> = (0..SHARDS)
        .map(|shard| {
            let world = std::sync::Arc::clone(&world);
            tokio::spawn(async move {
                for batch in 0..BATCHES {
                    let numbers = batch * ENTRIES + 1..=(batch + 1) * ENTRIES;
                    let entries: Vec<_> = numbers
                        .map(|n| {
                            let (from, to) = if n % 2 == 1 { (Offline, Online) } else { (Online, Offline) };
                            entry(n, &format!("s{shard}"), from, to)
                        })
                        .collect();
                    world.copy(shard, &entries).await;
                }
            })
        })
        .collect();
    let mut told = BTreeMap::<String, Vec<i64>>::new();
    let (mut count, mut is_over) = (0, false);
    loop {
        if let Some(leased) = world.lease().await {
            while let Some(delivery) = world.take(&leased).await {
                for (number, user, change) in delivery.events {
                    count += 1;
                    assert_eq!(number, count, "numbers have no gaps");
                    told.entry(user.to_string()).or_default().push(change.version & 0xffff_ffff);
                }
            }
            world.audit.end_lease(&leased).await.unwrap();
        } else if is_over {
            break;
        }
        is_over = copiers.iter().all(tokio::task::JoinHandle::is_finished);
    }
    for copier in copiers {
        copier.await.unwrap();
    }
    assert_eq!(told.len(), usize::from(SHARDS));
    for (user, numbers) in told {
        assert_eq!(numbers, (1..=BATCHES * ENTRIES).collect::<Vec<_>>(), "{user}");
    }
}

#[tokio::test]
async fn a_batch_belongs_to_whoever_has_the_lease() {
    let world = World::new(1).await;
    world.copy(0, &[entry(1, "a", Offline, Online)]).await;
    let first = world.lease().await.unwrap();
    assert!(world.lease().await.is_none(), "one at a time");
    let Next::Send(delivery) = world.audit.next_delivery(&first).await.unwrap() else {
        panic!("nothing to send")
    };
    // The node is not heard of until its lease is over.
    sqlx::query("UPDATE webhook_progress SET busy_until = now()").execute(&world.owner).await.unwrap();
    let second = world.lease().await.unwrap();
    let Next::Send(again) = world.audit.next_delivery(&second).await.unwrap() else {
        panic!("nothing to send")
    };
    assert_eq!((again.id, again.attempt, &again.events), (delivery.id, 2, &delivery.events));
    assert_eq!(world.audit.next_delivery(&first).await.unwrap(), Next::Lost);
    let missed = Missed {
        answer: Some(500),
        problem: "late".to_owned(),
        is_gone: true,
        delay: Duration::from_secs(3600),
    };
    assert!(
        !world.audit.missed(&first, delivery.id, &missed).await.unwrap(),
        "who lost the lease changes nothing"
    );
    world.audit.delivered(&second, again.id, 204).await.unwrap();
    assert_eq!(world.audit.next_delivery(&second).await.unwrap(), Next::Idle);
}

#[tokio::test]
async fn what_waited_for_too_long_behind_a_receiver_that_is_away_is_given_up_untried() {
    let world = World::new(1).await;
    world.copy(0, &[entry(1, "a", Offline, Online)]).await;
    let leased = world.lease().await.unwrap();
    let Next::Send(delivery) = world.audit.next_delivery(&leased).await.unwrap() else {
        panic!("nothing to send")
    };
    sqlx::query("UPDATE webhook_deliveries SET give_up_at = now()").execute(&world.owner).await.unwrap();
    let missed = Missed { answer: None, problem: "away".to_owned(), is_gone: false, delay: Duration::ZERO };
    assert!(world.audit.missed(&leased, delivery.id, &missed).await.unwrap(), "that was the last attempt");
    // Four days of changes, and one of now.
    world.copy(0, &[entry(2, "a", Online, Offline)]).await;
    sqlx::query("UPDATE transitions_log SET recorded_at = now() - interval '4 days'")
        .execute(&world.owner)
        .await
        .unwrap();
    assert_eq!(world.audit.next_delivery(&leased).await.unwrap(), Next::More);
    world.copy(0, &[entry(3, "a", Offline, Online)]).await;
    let dead: Vec<i32> =
        sqlx::query_scalar("SELECT attempts FROM webhook_deliveries WHERE state = 'dead' ORDER BY place")
            .fetch_all(&world.owner)
            .await
            .unwrap();
    assert_eq!(dead, [1, 0]);
    assert_eq!(world.take(&leased).await.map(|delivery| delivery.events.len()), Some(1));
    // A day, and thirty days, later.
    sqlx::query("UPDATE webhook_deliveries SET ended_at = ended_at - interval '2 days'")
        .execute(&world.owner)
        .await
        .unwrap();
    let (day, month) = (Duration::from_secs(86_400), Duration::from_secs(30 * 86_400));
    assert_eq!(world.audit.forget_webhook_deliveries(day, month).await.unwrap(), 1, "what was taken");
    sqlx::query("UPDATE webhook_deliveries SET ended_at = ended_at - interval '30 days'")
        .execute(&world.owner)
        .await
        .unwrap();
    assert_eq!(world.audit.forget_webhook_deliveries(day, month).await.unwrap(), 2, "dead letters");
}
