//! Redis loses its data, or comes back with older ones: nobody who stays is reported offline, nobody gets in who was
//! shut out, and the history says what happened.

use std::time::Duration;

use reqwest::StatusCode;
use rollcall::devstack::{Data, DevStack};
use rollcall::presence::{Claim, Org, Reason, Role, Status, UserId, Whose};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::time::timeout;

use super::{eventually, history, history_of, prove, ready, status_of, story};
use crate::support::service::{Person, Service};
use crate::support::socket::Socket;
use crate::support::{self, redis_command_to};

/// Sessions live for 3 s, so that those who do not return are noticed soon.
const SHORT: &[&str] = &[
    "--presence-heartbeat",
    "500ms",
    "--presence-ttl",
    "3s",
    "--presence-hidden-ttl",
    "3s",
    "--presence-socket-ttl",
    "3s",
    "--presence-linger",
    "500ms",
];

/// Servers of their own and a node on them.
async fn alone(flags: &[&str]) -> (DevStack, PgPool, Service) {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let node = Service::node(&stack.redis_url(), &database, "rc", flags).await;
    ready(&node).await;
    (stack, PgPool::connect(&database).await.unwrap(), node)
}

async fn logged_in(node: &Service, name: &str) -> Person {
    logged_in_as(node, name, Role::User).await
}

async fn logged_in_as(node: &Service, name: &str, role: Role) -> Person {
    let person = node.person(name, role).await;
    let token = node.log_in(name).await["tokens"]["access"].as_str().unwrap().to_owned();
    Person { token, ..person }
}

async fn events(database: &PgPool, kind: &str) -> Vec<serde_json::Value> {
    sqlx::query_scalar("SELECT detail FROM system_events WHERE kind = $1 ORDER BY occurred_at")
        .bind(kind)
        .fetch_all(database)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_redis_is_no_mass_logout() {
    let (stack, database, node) = alone(SHORT).await;
    let tokens: Vec<(String, String)> =
        (100..140).map(|user: u32| (user.to_string(), node.token(&user.to_string(), "tab"))).collect();
    for (at, (_, token)) in tokens.iter().enumerate() {
        let activity = if at % 4 == 0 { json!({"activity": "idle", "idle_ms": 0}) } else { json!({}) };
        assert_eq!(node.beat(token, activity).await.0, StatusCode::OK);
    }
    for (user, _) in &tokens {
        history_of(&node, user, 1).await;
    }
    let before = node.app.store.now().await.unwrap();
    stack.redis().kill();
    stack.redis().start(Data::Lost).unwrap();

    // The even ones go on, the odd ones never return.
    let (stay, leave): (Vec<_>, Vec<_>) = tokens.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let stay: Vec<_> = stay.into_iter().map(|(_, person)| person).collect();
    let leave: Vec<_> = leave.into_iter().map(|(_, person)| person).collect();
    eventually("heartbeats are taken again", Duration::from_secs(10), async || {
        (node.beat(&stay[0].1, json!({})).await.0 == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(status_of(&node, &leave[0].0).await, "online", "put back");
    eventually("those who left are offline", Duration::from_secs(15), async || {
        for (_, token) in &stay {
            node.beat(token, json!({})).await;
        }
        let stats = node.app.store.stats(None).await.ok()?;
        (stats.online + stats.away == stay.len() as u64).then_some(())
    })
    .await;
    for (user, _) in &leave {
        let last = history_of(&node, user, 2).await.pop().unwrap();
        assert_eq!((last.to, last.reason), (Status::Offline, Reason::StoreLost), "{user}");
        assert!(last.occurred_at <= before, "{:?} is dated by what was last heard", last.occurred_at);
        assert_eq!(last.uncertainty_ms, 8_000);
    }
    for (user, _) in &stay {
        let rows = history(&node.app.audit, user).await;
        assert!(rows.iter().all(|row| row.to != Status::Offline), "{user} never went: {:?}", story(&rows));
    }
    prove(&node.app.audit).await;
    let lost = events(&database, "store_lost").await;
    let people: u64 = lost.iter().map(|event| event["people"].as_u64().unwrap()).sum();
    assert!(people >= tokens.len() as u64, "{lost:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_redis_lets_nobody_in_who_was_shut_out() {
    let (stack, database, node) = alone(&[]).await;
    let banned = logged_in(&node, "banned").await;
    let gone = logged_in(&node, "gone").await;
    let cut = logged_in(&node, "cut").await;
    for person in [&banned, &gone, &cut] {
        assert_eq!(node.beat(&person.token, json!({})).await.0, StatusCode::OK);
        history_of(&node, &person.id.to_string(), 1).await;
    }
    node.post(&gone.token, "/api/auth/logout/", json!({})).await;
    node.post(&cut.token, "/api/auth/logout-all-devices/", json!({})).await;
    // As if Redis had been lost before it heard of the ban.
    let ban = format!(
        "UPDATE users SET status = 'banned', gate_version = 1, gate_confirmed_version = 1 WHERE id = {}",
        banned.id
    );
    sqlx::query(AssertSqlSafe(ban)).execute(&database).await.unwrap();
    stack.redis().kill();
    stack.redis().start(Data::Lost).unwrap();
    for (person, status, code) in [
        (&banned, StatusCode::FORBIDDEN, "account_banned"),
        (&gone, StatusCode::UNAUTHORIZED, "login_ended"),
        (&cut, StatusCode::UNAUTHORIZED, "login_ended"),
    ] {
        eventually(
            "the heartbeat is refused, and only for this reason",
            Duration::from_secs(10),
            async || {
                let (found, answer) = node.beat(&person.token, json!({})).await;
                assert_ne!(found, StatusCode::OK, "{} was let in", person.name);
                ((found, &answer["code"]) == (status, &json!(code))).then_some(())
            },
        )
        .await;
    }
    let rows = history_of(&node, &banned.id.to_string(), 2).await;
    assert_eq!(story(&rows)[1], (Status::Offline, Reason::Banned));
    prove(&node.app.audit).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_set_back_is_followed_and_the_difference_told() {
    let (stack, database, node) = alone(&[]).await;
    let ada = logged_in(&node, "ada").await;
    let eve = logged_in(&node, "eve").await;
    for person in [&ada, &eve] {
        assert_eq!(node.beat(&person.token, json!({})).await.0, StatusCode::OK);
    }
    redis_command_to(&stack, "SAVE").await;
    // What follows is acknowledged and copied, and lost with Redis.
    let bob = logged_in(&node, "bob").await;
    node.post(&ada.token, "/api/auth/logout/", json!({})).await;
    history_of(&node, &ada.id.to_string(), 2).await;
    history_of(&node, &bob.id.to_string(), 1).await;
    stack.redis().kill();
    stack.redis().start(Data::Kept).unwrap();

    // Ada's logout is told again, because Redis has forgotten it.
    let of_ada = history_of(&node, &ada.id.to_string(), 4).await;
    assert_eq!(
        story(&of_ada)[1..],
        [
            (Status::Offline, Reason::Logout),
            (Status::Online, Reason::StoreRewound),
            (Status::Offline, Reason::Logout)
        ]
    );
    let (status, answer) = node.beat(&ada.token, json!({})).await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("login_ended")));
    // Bob beats on; that he was gone for a moment is said.
    assert_eq!(node.beat(&bob.token, json!({})).await.0, StatusCode::OK);
    let of_bob = history_of(&node, &bob.id.to_string(), 3).await;
    assert_eq!(
        story(&of_bob)[1..],
        [(Status::Offline, Reason::StoreRewound), (Status::Online, Reason::Connect)]
    );
    // Eve has noticed nothing.
    assert_eq!(history(&node.app.audit, &eve.id.to_string()).await.len(), 1);
    prove(&node.app.audit).await;
    let rewound = events(&database, "store_rewound").await;
    assert!(
        !rewound.is_empty() && rewound.iter().all(|event| event["forgotten_from"].is_i64()),
        "{rewound:?}"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_set_back_twice_is_told_of_nothing_twice() {
    let (stack, database, node) = alone(&[]).await;
    let stays: Vec<String> = (100..110).map(|user| user.to_string()).collect();
    for user in &stays {
        assert_eq!(node.beat(&node.token(user, "tab"), json!({})).await.0, StatusCode::OK);
    }
    let mut told = 0;
    // The second time the newest that both stores have is of the epoch before the present one.
    for newcomers in [200..210, 300..310] {
        redis_command_to(&stack, "SAVE").await;
        for user in newcomers {
            let user = user.to_string();
            assert_eq!(node.beat(&node.token(&user, "tab"), json!({})).await.0, StatusCode::OK);
            history_of(&node, &user, 1).await;
        }
        stack.redis().kill();
        stack.redis().start(Data::Kept).unwrap();
        told += 2;
        eventually("both shards are followed", Duration::from_secs(10), async || {
            for shard in 0..2 {
                let stands = node.app.store.shard(shard).await.ok()??;
                (stands.epoch == node.app.audit.position(shard).await.ok()?.epoch).then_some(())?;
            }
            (events(&database, "store_rewound").await.len() == told).then_some(())
        })
        .await;
    }
    for user in 300..310 {
        let user = user.to_string();
        let rows = history_of(&node, &user, 2).await;
        assert_eq!(story(&rows)[1], (Status::Offline, Reason::StoreRewound));
        // What comes now is copied behind everything else.
        assert_eq!(node.beat(&node.token(&user, "tab"), json!({})).await.0, StatusCode::OK);
        history_of(&node, &user, 3).await;
    }
    for user in &stays {
        assert_eq!(history(&node.app.audit, user).await.len(), 1, "{user} has noticed nothing");
    }
    prove(&node.app.audit).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_in_use_is_not_held_for_idle_by_a_store_that_was_set_back() {
    let (stack, _, node) = alone(SHORT).await;
    let token = node.token("100", "login");
    let hello = json!({"session": "tab", "activity": "idle", "idle_ms": 600_000});
    let (mut socket, _) = Socket::hello(&node.base, &token, hello).await;
    history_of(&node, "100", 1).await;
    assert_eq!(status_of(&node, "100").await, "away");
    redis_command_to(&stack, "SAVE").await;
    // Said once, and never again: what follows is pongs.
    socket.say(json!({"type": "heartbeat", "activity": "active"})).await;
    history_of(&node, "100", 2).await;
    assert_eq!(status_of(&node, "100").await, "online");
    stack.redis().kill();
    stack.redis().start(Data::Kept).unwrap();
    let rows = eventually("the page is in use again", Duration::from_secs(15), async || {
        // Whoever reads answers pings.
        let _ = timeout(Duration::from_millis(200), socket.try_next()).await;
        let rows = history(&node.app.audit, "100").await;
        (rows.len() == 4).then_some(rows)
    })
    .await;
    assert_eq!(story(&rows)[2].0, Status::Away, "as the store had it: {:?}", story(&rows));
    assert_eq!(rows[3].to, Status::Online);
    prove(&node.app.audit).await;
    socket.leave().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_stand_as_decided_although_redis_has_forgotten() {
    let (stack, _database, node) = alone(&[]).await;
    let boss = logged_in_as(&node, "boss", Role::Admin).await;
    let decide = async |person: &Person, what: &str| {
        let path = format!("/api/users/admin/users/{}/{what}/", person.id);
        assert_eq!(node.post(&boss.token, &path, json!({})).await.0, StatusCode::OK, "{what}");
    };
    let (dan, fay) = (logged_in(&node, "dan").await, logged_in(&node, "fay").await);
    decide(&dan, "suspend").await;
    redis_command_to(&stack, "SAVE").await;
    decide(&dan, "activate").await;
    decide(&fay, "suspend").await;
    history_of(&node, &fay.id.to_string(), 2).await;
    stack.redis().kill();
    stack.redis().start(Data::Kept).unwrap();

    // Who was let in again is in, who was shut out is out.
    eventually("the gates stand as decided", Duration::from_secs(10), async || {
        let (of_dan, of_fay) =
            (node.beat(&dan.token, json!({})).await.0, node.beat(&fay.token, json!({})).await.0);
        ((of_dan, of_fay) == (StatusCode::OK, StatusCode::FORBIDDEN)).then_some(())
    })
    .await;
    node.stop().await;
}

/// A claim of the user's own.
async fn claim(node: &Service, user: &str, status: Status) {
    let claim = Claim {
        id: format!("{user} {status:?}"),
        status,
        text: "in a call".to_owned(),
        emoji: String::new(),
        until: None,
    };
    let (user, org) = (UserId::parse(user).unwrap(), Org::default());
    node.app.store.claim(&user, &org, Whose::Manual, Some(&claim), None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_outlive_a_redis_that_is_lost_or_set_back() {
    let (stack, database, node) = alone(&[]).await;
    for user in ["100", "101", "102"] {
        assert_eq!(node.beat(&node.token(user, "tab"), json!({})).await.0, StatusCode::OK);
    }
    claim(&node, "100", Status::Busy).await;
    // Set by somebody who is not there: kept for the return.
    claim(&node, "103", Status::Away).await;
    redis_command_to(&stack, "SAVE").await;
    claim(&node, "101", Status::Invisible).await;
    for (user, length) in [("100", 2), ("101", 2), ("102", 1)] {
        history_of(&node, user, length).await;
    }
    let claims = async || {
        let rows =
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM claims").fetch_one(&database).await.unwrap();
        (rows == 3).then_some(())
    };
    eventually("every claim is kept", Duration::from_secs(10), claims).await;
    let whole = async || {
        let users = ["100", "101", "102"].map(|user| UserId::parse(user).unwrap());
        let views = node.app.store.views(&users).await.ok()?;
        let found: Vec<Status> =
            views.into_iter().map(|view| view.map_or(Status::Offline, |view| view.status)).collect();
        (found == [Status::Busy, Status::Invisible, Status::Online]).then_some(())
    };
    stack.redis().kill();
    stack.redis().start(Data::Kept).unwrap();
    eventually("the forgotten claim is said again", Duration::from_secs(15), whole).await;
    stack.redis().kill();
    stack.redis().start(Data::Lost).unwrap();
    eventually("all claims are back", Duration::from_secs(15), whole).await;
    assert_eq!(status_of(&node, "101").await, "offline");
    assert_eq!(node.beat(&node.token("103", "tab"), json!({})).await.1["online_status"], "away");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_broken_off_is_gone_on_with() {
    let (stack, database, node) = alone(&[]).await;
    let token = node.token("100", "tab");
    assert_eq!(node.beat(&token, json!({})).await.0, StatusCode::OK);
    history_of(&node, "100", 1).await;
    let app = node.app.clone();
    node.stop().await;
    // A node that drew an epoch, began, and died.
    redis_command_to(&stack, "FLUSHALL").await;
    for shard in 0..2 {
        let epoch = app.audit.next_epoch(shard, "empty").await.unwrap().epoch;
        app.store.begin_shard(shard, epoch, rollcall::store::Lost::default()).await.unwrap();
    }
    let epochs = events(&database, "epoch").await.len();
    let next = Service::node(&stack.redis_url(), &stack.database_url(), "rc", &[]).await;
    ready(&next).await;
    assert_eq!(status_of(&next, "100").await, "online");
    assert_eq!(events(&database, "epoch").await.len(), epochs, "no other epoch was drawn");
    prove(&next.app.audit).await;
    next.stop().await;
}
