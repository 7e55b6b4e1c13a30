//! Webhooks from end to end: a real node, a real receiver, and everything between them that can go wrong.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::accounts::{AccountStatus, Accounts, Origin, Registration};
use rollcall::auth::{SigningSecret, Vault};
use rollcall::presence::{ChangeKind, Role};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::journeys::{eventually, ready};
use crate::support;
use crate::support::program::{Program, token};
use crate::support::receiver::{Receiver, SILENCE};
use crate::support::service::{Person, SECRET, Service, answer};

const HOOKS: &str = "/api/admin/webhooks/";
/// A round of the copy and one of the task, on a busy machine.
const SOON: Duration = Duration::from_secs(20);
/// Receivers of tests are on this machine; a goodbye is over soon.
const FLAGS: &[&str] = &["--webhooks-allow-private=true", "--presence-linger", "500ms"];

struct World {
    node: Service,
    eve: String,
    owner: PgPool,
    receiver: Receiver,
}

impl World {
    async fn new() -> Self {
        let database = support::database_url().await;
        Self::on(&database, &support::prefix()).await
    }

    async fn on(database: &str, prefix: &str) -> Self {
        let node = Service::node(&support::stack().redis_url(), database, prefix, FLAGS).await;
        ready(&node).await;
        let eve = node.person("eve", Role::Admin).await.token;
        let owner = PgPool::connect(database).await.unwrap();
        Self { node, eve, owner, receiver: Receiver::start().await }
    }

    /// Registers the receiver, with this besides; answers id and secret.
    async fn hook(&self, more: Value) -> (String, String) {
        let mut body = json!({"name": "shop", "url": self.receiver.url});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, made) = self.node.post(&self.eve, HOOKS, body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.node.request(method, &format!("{HOOKS}{path}")).bearer_auth(&self.eve).json(&body)).await
    }

    async fn deliveries(&self, hook: &str, state: &str) -> Vec<Value> {
        let (status, page) =
            self.node.get(&self.eve, &format!("{HOOKS}{hook}/deliveries/?state={state}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["results"].as_array().unwrap().clone()
    }

    /// Somebody comes online.
    async fn comes(&self, name: &str) -> Person {
        let person = self.node.person(name, Role::User).await;
        self.beat(&person, json!({})).await;
        person
    }

    async fn beat(&self, person: &Person, body: Value) {
        let (status, answer) = self.node.beat(&person.token, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    async fn claim(&self, person: &Person, body: Value) {
        let request = self.node.request(Method::PUT, "/api/presence/status/").bearer_auth(&person.token);
        let (status, answer) = answer(request.json(&body)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    /// Waits until the receiver has taken so many events about somebody.
    async fn told(&self, hook: &str, person: &Person, count: usize) -> Vec<Value> {
        eventually(&format!("{count} events about {}", person.name), SOON, async || {
            let events = self.receiver.about(hook, &person.id.to_string());
            (events.len() >= count).then_some(events)
        })
        .await
    }

    /// Waits until the receiver was sent so many letters.
    async fn sent(&self, count: usize) {
        eventually(&format!("{count} letters"), SOON, async || {
            (self.receiver.letters().len() >= count).then_some(())
        })
        .await;
    }

    /// The pause after a failure is over.
    async fn retry(&self) {
        sqlx::query("UPDATE webhook_progress SET retry_at = now()").execute(&self.owner).await.unwrap();
    }
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// The numbers of a webhook's events go on from 1 without a gap, in the order in which they came.
fn assert_numbered(events: &[Value]) {
    let numbers: Vec<i64> = events.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..).take(events.len()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_arrive_in_order_and_signed() {
    let world = World::new().await;
    let (hook, secret) = world.hook(json!({})).await;
    let ada = world.comes("ada").await;
    world.claim(&ada, json!({"status": "busy", "text": "at work"})).await;
    world.claim(&ada, json!({"status": "busy", "text": "at lunch"})).await;
    world.told(&hook, &ada, 3).await;
    world.beat(&ada, json!({"logout": true})).await;
    let events = world.told(&hook, &ada, 4).await;
    let statuses: Vec<_> = events.iter().map(|event| (&event["previous"], &event["status"])).collect();
    assert_eq!(kinds(&events), ["online", "status", "status", "offline"]);
    let expected = [("offline", "online"), ("online", "busy"), ("busy", "busy"), ("busy", "offline")]
        .map(|(from, to)| (json!(from), json!(to)));
    assert_eq!(statuses, expected.iter().map(|(from, to)| (from, to)).collect::<Vec<_>>());
    assert_eq!((&events[1]["reason"], &events[2]["reason"]), (&json!("manual_set"), &json!("manual_set")));
    assert_eq!(events[2]["since"], events[1]["since"], "other words are no other status");
    assert!(events[0].get("reason").is_none() && events[3].get("reason").is_none());
    // As others see her.
    let bob = world.node.person("bob", Role::User).await;
    let (_, seen) = world.node.get(&bob.token, &format!("/api/presence/users/{}/", ada.id)).await;
    for field in ["status", "since", "last_seen", "version"] {
        assert_eq!(events[3][field], seen[field], "{field}");
    }
    assert_numbered(&world.receiver.taken(&hook));
    for letter in world.receiver.letters() {
        assert_eq!(letter.signed_by(&secret), [true], "{letter:?}");
        assert_eq!(letter.headers["rollcall-delivery"], letter.json["id"].as_str().unwrap());
        assert!(letter.headers["user-agent"].to_str().unwrap().starts_with("Rollcall/"));
        assert_eq!((&letter.json["webhook"], &letter.json["attempt"]), (&json!(hook), &json!(1)));
    }
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM webhook_events").fetch_one(&world.owner).await.unwrap();
    assert_eq!(kept, 0, "what was taken is forgotten");
    assert!(world.node.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_loses_nothing() {
    let world = World::new().await;
    let (hook, _) = world.hook(json!({})).await;
    world.receiver.answer(503);
    let ada = world.comes("ada").await;
    world.sent(1).await;
    let bob = world.comes("bob").await;
    world.beat(&ada, json!({"logout": true})).await;
    eventually("the failure is noted", SOON, async || {
        let (_, row) = world.send(Method::GET, &format!("{hook}/"), json!({})).await;
        (row["failures"] == 1
            && row["problem"] == "the receiver answered 503"
            && row["next_attempt_at"].is_string())
        .then_some(())
    })
    .await;
    assert_eq!(world.receiver.letters().len(), 1, "the next attempt waits for the pause to be over");
    world.retry().await;
    world.sent(2).await;
    world.receiver.answer(200);
    eventually("all of it arrived", SOON, async || {
        world.retry().await;
        (world.receiver.about(&hook, &ada.id.to_string()).len() == 2).then_some(())
    })
    .await;
    world.told(&hook, &bob, 1).await;
    assert_numbered(&world.receiver.taken(&hook));
    let letters = world.receiver.letters();
    assert!(
        letters[..3].iter().all(|letter| letter.json["id"] == letters[0].json["id"]),
        "it stays the same delivery"
    );
    let attempts: Vec<_> =
        letters[..3].iter().map(|letter| letter.json["attempt"].as_i64().unwrap()).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert_eq!(kinds(&world.receiver.about(&hook, &ada.id.to_string())), ["online", "offline"]);
    assert_eq!(world.deliveries(&hook, "pending").await, Vec::<Value>::new());
}

/// A webhook in Postgres, before there is a node.
async fn registered(owner: &PgPool, receiver: &Receiver) -> (Uuid, SigningSecret) {
    let (id, secret) = (Uuid::now_v7(), SigningSecret::random());
    let said = Registration {
        name: "shop".to_owned(),
        url: receiver.url.clone(),
        org: None,
        events: ChangeKind::ALL.to_vec(),
        debounce_ms: None,
        is_enabled: true,
    };
    let sealed = secret.sealed(&Vault::new(&SECRET.into(), None), id);
    Accounts::new(owner.clone()).create_webhook(id, &said, &sealed, &Origin::default()).await.unwrap();
    (id, secret)
}

/// These users come, one after the other.
async fn come(base: &str, users: std::ops::Range<u32>) {
    let client = reqwest::Client::new();
    for user in users {
        eventually("a heartbeat is taken", SOON, async || {
            let request =
                client.post(format!("{base}/api/users/heartbeat/")).bearer_auth(token(&user.to_string()));
            request.json(&json!({})).send().await.is_ok_and(|answer| answer.status() == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_loses_nothing_and_repeats_a_batch_at_most() {
    const SETTINGS: &[(&str, &str)] =
        &[("ROLLCALL_REDIS_SHARDS", "4"), ("ROLLCALL_WEBHOOKS_ALLOW_PRIVATE", "true")];
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let owner = PgPool::connect(&database).await.unwrap();
    let receiver = Receiver::start().await;
    let (id, secret) = registered(&owner, &receiver).await;
    receiver.answer(SILENCE);
    let mut first = Program::serve("first", &stack.redis_url(), &database, SETTINGS);
    come(&first.base, 1..80).await;
    eventually("a letter is on its way", SOON, async || (!receiver.letters().is_empty()).then_some(())).await;
    first.kill();
    receiver.answer(200);
    let second = Program::serve("second", &stack.redis_url(), &database, SETTINGS);
    come(&second.base, 80..160).await;
    // The dead node's lease is over.
    sqlx::query("UPDATE webhook_progress SET busy_until = now()").execute(&owner).await.unwrap();
    let hook = id.to_string();
    let taken = eventually("everybody was told of", SOON * 2, async || {
        let taken = receiver.taken(&hook);
        (taken.len() >= 159).then_some(taken)
    })
    .await;
    assert_numbered(&taken);
    let mut users: Vec<u32> =
        taken.iter().map(|event| event["user_id"].as_str().unwrap().parse().unwrap()).collect();
    users.sort_unstable();
    assert_eq!(users, (1..160).collect::<Vec<_>>(), "everybody once");
    let letters = receiver.letters();
    assert_eq!(
        letters[1].json["id"], letters[0].json["id"],
        "the batch that was under way comes again, as itself"
    );
    assert_eq!(
        (&letters[1].json["attempt"], &letters[1].json["events"]),
        (&json!(2), &letters[0].json["events"])
    );
    assert_eq!(letters[0].signed_by(secret.text().expose_secret()), [true]);
    assert!(second.metric("rollcall_webhook_deliveries_total{result=\"delivered\"}").await >= 2.0);
    assert!(second.metric("rollcall_webhook_events_total").await >= 159.0);
    assert!(!second.log().contains("sesame"), "the address may hold a secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_sealed_anew_before_the_previous_one_of_the_service_goes() {
    const NEW: &str = "another secret of the tests, as long as the first was";
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let owner = PgPool::connect(&database).await.unwrap();
    let receiver = Receiver::start().await;
    let (id, secret) = registered(&owner, &receiver).await;
    let settings = [("ROLLCALL_AUTH_SECRET", NEW), ("ROLLCALL_AUTH_PREVIOUS_SECRET", SECRET)];
    let _node = Program::serve("changed", &stack.redis_url(), &database, &settings);
    let vault = Vault::new(&NEW.into(), None);
    let opened = eventually("it is sealed under the new secret", SOON, async || {
        let sealed: Vec<u8> =
            sqlx::query_scalar("SELECT secret FROM webhooks").fetch_one(&owner).await.unwrap();
        SigningSecret::open(&vault, id, &sealed)
    })
    .await;
    assert_eq!(opened.0.text().expose_secret(), secret.text().expose_secret());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_from_the_position() {
    let (database, prefix) = (support::database_url().await, support::prefix());
    let world = World::on(&database, &prefix).await;
    let (hook, _) = world.hook(json!({})).await;
    let ada = world.comes("ada").await;
    world.told(&hook, &ada, 1).await;
    let bob = world.comes("bob").await;
    let World { node, eve, owner, receiver } = world;
    assert!(node.stop().await);
    let node = Service::node(&support::stack().redis_url(), &database, &prefix, FLAGS).await;
    let world = World { node, eve, owner, receiver };
    ready(&world.node).await;
    world.told(&hook, &bob, 1).await;
    world.beat(&ada, json!({"logout": true})).await;
    world.told(&hook, &ada, 2).await;
    assert_numbered(&world.receiver.taken(&hook));
    assert_eq!(world.receiver.about(&hook, &bob.id.to_string()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_a_dead_letter_that_can_be_sent_again() {
    let world = World::new().await;
    let (hook, _) = world.hook(json!({})).await;
    world.receiver.answer(500);
    let ada = world.comes("ada").await;
    world.sent(1).await;
    // Three days later.
    sqlx::query("UPDATE webhook_deliveries SET give_up_at = now()").execute(&world.owner).await.unwrap();
    let dead = eventually("it is given up", SOON, async || {
        world.retry().await;
        world.deliveries(&hook, "dead").await.pop()
    })
    .await;
    assert_eq!((&dead["answer"], &dead["problem"]), (&json!(500), &json!("the receiver answered 500")));
    assert!(dead["attempts"].as_i64().unwrap() >= 2 && dead["ended_at"].is_string(), "{dead}");
    world.receiver.answer(200);
    world.retry().await;
    let bob = world.comes("bob").await;
    world.told(&hook, &bob, 1).await;
    assert!(world.receiver.about(&hook, &ada.id.to_string()).is_empty());
    let path = format!("{hook}/deliveries/{}/redeliver/", dead["id"].as_str().unwrap());
    let (status, again) = world.send(Method::POST, &path, json!({})).await;
    assert_eq!(
        (status, &again["id"], &again["state"]),
        (StatusCode::OK, &dead["id"], &json!("pending")),
        "{again}"
    );
    world.told(&hook, &ada, 1).await;
    let last = world.receiver.letters().pop().unwrap();
    assert_eq!(last.json["id"], dead["id"]);
    eventually("it is delivered", SOON, async || {
        let delivered = world.deliveries(&hook, "delivered").await;
        delivered.iter().any(|delivery| delivery["id"] == dead["id"]).then_some(())
    })
    .await;
    let (status, problem) = world.send(Method::POST, &path, json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    let nobody = format!("{hook}/deliveries/{}/redeliver/", Uuid::now_v7());
    assert_eq!(world.send(Method::POST, &nobody, json!({})).await.0, StatusCode::NOT_FOUND);
    let recorded: Vec<String> =
        sqlx::query_scalar("SELECT a::text FROM admin_actions a WHERE action = 'WEBHOOK_REDELIVERED'")
            .fetch_all(&world.owner)
            .await
            .unwrap();
    assert_eq!(recorded.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_says_gone_is_left_alone_until_it_is_switched_on() {
    let world = World::new().await;
    let (hook, _) = world.hook(json!({})).await;
    world.receiver.answer(410);
    world.comes("ada").await;
    let row = eventually("it is switched off", SOON, async || {
        let (_, row) = world.send(Method::GET, &format!("{hook}/"), json!({})).await;
        (row["enabled"] == false).then_some(row)
    })
    .await;
    assert_eq!(row["problem"], "the receiver answered 410");
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM system_events WHERE kind = 'webhook_disabled'")
        .fetch_one(&world.owner)
        .await
        .unwrap();
    assert_eq!(told, 1);
    assert_eq!(world.deliveries(&hook, "dead").await.len(), 1);
    // While it is off nothing is told, nor kept to be told.
    world.receiver.answer(200);
    let bob = world.comes("bob").await;
    crate::journeys::history_of(&world.node, &bob.id.to_string(), 1).await;
    let (status, row) = world.send(Method::PATCH, &format!("{hook}/"), json!({"enabled": true})).await;
    assert_eq!(
        (status, &row["enabled"], &row["failures"]),
        (StatusCode::OK, &json!(true), &json!(0)),
        "{row}"
    );
    let carol = world.comes("carol").await;
    world.told(&hook, &carol, 1).await;
    assert!(world.receiver.about(&hook, &bob.id.to_string()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_soon_was_never_gone_to_a_webhook_that_asks_for_it() {
    let world = World::new().await;
    let (hook, _) = world.hook(json!({"debounce_ms": 3_000})).await;
    let (every, _) = world.hook(json!({})).await;
    let ada = world.comes("ada").await;
    world.told(&hook, &ada, 1).await;
    world.beat(&ada, json!({"logout": true})).await;
    world.told(&every, &ada, 2).await;
    world.beat(&ada, json!({"session": "two"})).await;
    world.told(&every, &ada, 3).await;
    // Whoever comes after her is told of after her.
    let bob = world.comes("bob").await;
    world.told(&hook, &bob, 1).await;
    assert_eq!(kinds(&world.receiver.about(&hook, &ada.id.to_string())), ["online"]);
    assert_eq!(kinds(&world.receiver.about(&every, &ada.id.to_string())), ["online", "offline", "online"]);
    // Back as something else: only that is told.
    world.beat(&ada, json!({"session": "two", "logout": true})).await;
    world.told(&every, &ada, 4).await;
    world.beat(&ada, json!({"session": "three", "activity": "idle"})).await;
    let events = world.told(&hook, &ada, 2).await;
    assert_eq!((&events[1]["type"], &events[1]["status"]), (&json!("status"), &json!("away")), "{events:?}");
    world.beat(&ada, json!({"session": "three", "logout": true})).await;
    let events = world.told(&hook, &ada, 3).await;
    assert_eq!((&events[2]["type"], &events[2]["previous"]), (&json!("offline"), &json!("away")));
    assert_numbered(&world.receiver.taken(&hook));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invisible_look_like_those_who_left() {
    let world = World::new().await;
    let (hook, _) = world.hook(json!({})).await;
    let (ada, zoe) = (world.comes("ada").await, world.node.person("zoe", Role::User).await);
    world.claim(&zoe, json!({"status": "invisible"})).await;
    world.beat(&zoe, json!({})).await;
    world.claim(&ada, json!({"status": "invisible"})).await;
    let events = world.told(&hook, &ada, 2).await;
    let viewer = world.node.person("viewer", Role::User).await;
    let (_, seen) = world.node.get(&viewer.token, &format!("/api/presence/users/{}/", ada.id)).await;
    for field in ["status", "since", "last_seen", "version"] {
        assert_eq!(events[1][field], seen[field], "{field}");
    }
    // Living on unseen, and coming back.
    world.beat(&ada, json!({"session": "other", "activity": "idle"})).await;
    world.claim(&ada, json!({"status": "busy"})).await;
    let events = world.told(&hook, &ada, 3).await;
    assert_eq!(kinds(&events), ["online", "offline", "online"]);
    assert_eq!((&events[2]["previous"], &events[2]["status"]), (&json!("offline"), &json!("busy")));
    // Nothing in an event is there, or missing, for one who is invisible only.
    let bob = world.comes("bob").await;
    world.beat(&bob, json!({"logout": true})).await;
    let ordinary = world.told(&hook, &bob, 2).await;
    for (hidden, ordinary) in [(&events[1], &ordinary[1]), (&events[2], &ordinary[0])] {
        let fields = |event: &Value| event.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(hidden), fields(ordinary));
    }
    assert!(world.receiver.about(&hook, &zoe.id.to_string()).is_empty());
    assert!(!world.receiver.letters().iter().any(|letter| letter.body.contains("invisible")));
    assert_numbered(&world.receiver.taken(&hook));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hides_when_they_were_last_seen_does_so_here_too() {
    let world = World::new().await;
    let (member, _) = world.hook(json!({"org": "main"})).await;
    let (stranger, _) = world.hook(json!({})).await;
    let hide = async |person: &Person, word: &str| {
        let request = world.node.request(Method::PUT, "/api/auth/privacy/").bearer_auth(&person.token);
        let body = json!({"last_seen_visibility": word});
        assert_eq!(answer(request.json(&body)).await.0, StatusCode::OK);
    };
    for (name, word, by_member, by_stranger) in [
        ("ada", "nobody", false, false),
        ("bob", "organisation", true, false),
        ("carol", "everyone", true, true),
    ] {
        let person = world.node.person(name, Role::User).await;
        hide(&person, word).await;
        world.beat(&person, json!({})).await;
        world.beat(&person, json!({"logout": true})).await;
        for (hook, is_open) in [(&member, by_member), (&stranger, by_stranger)] {
            let events = world.told(hook, &person, 2).await;
            assert_eq!(events[0]["last_seen"].is_string(), is_open, "{name}: {events:?}");
            for field in ["since", "last_seen", "occurred_at", "version"] {
                let is_told = events[1].get(field).is_some_and(|value| !value.is_null());
                assert_eq!(is_told, is_open, "{name} {field}: {events:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_of_its_organisation_and_what_it_asked_for() {
    let world = World::new().await;
    let (hook, _) = world.hook(json!({"org": "far", "events": ["offline", "online", "online"]})).await;
    let (all, _) = world.hook(json!({})).await;
    let near = world.comes("near").await;
    let far = world.node.person_of("far", Role::User, "far", AccountStatus::Active).await;
    world.beat(&far, json!({})).await;
    world.claim(&far, json!({"status": "busy"})).await;
    world.beat(&far, json!({"logout": true})).await;
    let events = world.told(&hook, &far, 2).await;
    assert_eq!(kinds(&events), ["online", "offline"]);
    assert!(events.iter().all(|event| event["org"] == "far"));
    assert_numbered(&world.receiver.taken(&hook));
    world.told(&all, &near, 1).await;
    world.told(&all, &far, 3).await;
    assert!(world.receiver.about(&hook, &near.id.to_string()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_rotated_both_sign() {
    let world = World::new().await;
    let (hook, first) = world.hook(json!({})).await;
    let rotate = async |body: Value| {
        let (status, made) = world.send(Method::POST, &format!("{hook}/rotate-secret/"), body).await;
        assert_eq!(status, StatusCode::OK, "{made}");
        (made["secret"].as_str().unwrap().to_owned(), made["previous_secret_until"].is_string())
    };
    let signed = async || {
        let (status, tried) = world.send(Method::POST, &format!("{hook}/test/"), json!({})).await;
        assert_eq!(
            (status, &tried["delivered"], &tried["answer"]),
            (StatusCode::OK, &json!(true), &json!("thank you")),
            "{tried}"
        );
        let letter = world.receiver.letters().pop().unwrap();
        assert_eq!(kinds(letter.json["events"].as_array().unwrap()), ["ping"]);
        letter
    };
    assert_eq!(signed().await.signed_by(&first), [true]);
    let (second, overlaps) = rotate(json!({})).await;
    assert!(overlaps && second != first);
    let letter = signed().await;
    assert_eq!((letter.signed_by(&second), letter.signed_by(&first)), (vec![true, false], vec![false, true]));
    let ada = world.comes("ada").await;
    world.told(&hook, &ada, 1).await;
    let letter = world.receiver.letters().pop().unwrap();
    assert_eq!((letter.signed_by(&second), letter.signed_by(&first)), (vec![true, false], vec![false, true]));
    let (third, overlaps) = rotate(json!({"overlap_ms": 0})).await;
    assert!(!overlaps);
    assert_eq!(signed().await.signed_by(&third), [true]);
    // Neither secret, nor what stands behind the host, is in the record.
    let recorded: String = sqlx::query_scalar("SELECT string_agg(a::text, ' ') FROM admin_actions a")
        .fetch_one(&world.owner)
        .await
        .unwrap();
    assert!(recorded.contains("WEBHOOK_SECRET_ROTATED") && !recorded.contains("sesame"));
    let stored: String = sqlx::query_scalar("SELECT string_agg(w::text, ' ') FROM webhooks w")
        .fetch_one(&world.owner)
        .await
        .unwrap();
    let (_, listed) = world.node.get(&world.eve, HOOKS).await;
    for secret in [first, second, third] {
        assert!(
            !recorded.contains(&secret) && !stored.contains(&secret) && !listed.to_string().contains(&secret)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_public_are_refused() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await.token;
    let make = async |url: &str| service.post(&eve, HOOKS, json!({"name": "shop", "url": url})).await;
    for url in [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "https://2130706433/",
        "https://ann:secret@hooks.example.com/",
        "hooks.example.com",
    ] {
        let (status, problem) = make(url).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::BAD_REQUEST, &json!("/url")),
            "{url}"
        );
    }
    // A name says nothing of where it leads; the address that it resolves to does.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (status, made) = make(&format!("https://localhost:{port}/")).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let path = format!("{HOOKS}{}/test/", made["id"].as_str().unwrap());
    let (status, tried) = service.post(&eve, &path, json!({})).await;
    assert_eq!(
        (status, &tried["delivered"], &tried["status"]),
        (StatusCode::OK, &json!(false), &Value::Null),
        "{tried}"
    );
    assert!(tried["problem"].as_str().unwrap().contains("no public address"), "{tried}");
    let knocked = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(knocked.is_err(), "nobody may have connected");
}

#[tokio::test]
async fn webhooks_are_made_whole_changed_in_part_and_deleted() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await.token;
    let good =
        json!({"name": "shop", "url": "https://hooks.example.com/a", "org": "main", "debounce_ms": 3000});
    for (pointer, change) in [
        ("/name", json!({"name": " "})),
        ("/url", json!({"url": ""})),
        ("/org", json!({"org": "a b"})),
        ("/events", json!({"events": []})),
        ("/events/0", json!({"events": ["gone"]})),
        ("/debounce_ms", json!({"debounce_ms": 2999})),
        ("/debounce_ms", json!({"debounce_ms": 600_001})),
        ("/colour", json!({"colour": 1})),
    ] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, problem) = service.post(&eve, HOOKS, body).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::BAD_REQUEST, &json!(pointer)),
            "{problem}"
        );
    }
    let (_, made) = service.post(&eve, HOOKS, good).await;
    assert_eq!(made["events"], json!(["online", "offline", "status"]));
    let path = format!("{HOOKS}{}/", made["id"].as_str().unwrap());
    let patch =
        async |body: Value| answer(service.request(Method::PATCH, &path).bearer_auth(&eve).json(&body)).await;
    let (status, row) = patch(json!({"name": "other", "org": null})).await;
    assert_eq!(
        (status, &row["name"], &row["org"], &row["debounce_ms"]),
        (StatusCode::OK, &json!("other"), &Value::Null, &json!(3000))
    );
    let (_, row) =
        patch(json!({"debounce_ms": null, "events": ["status"], "url": "https://hooks.example.com/b"})).await;
    assert_eq!((&row["debounce_ms"], &row["events"]), (&Value::Null, &json!(["status"])));
    assert!(row["url"].as_str().unwrap().ends_with("/b") && row.get("secret").is_none());
    assert_eq!(patch(json!({"url": "http://127.0.0.1/"})).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(service.get(&eve, &path).await.1, row);
    assert_eq!(service.get(&eve, HOOKS).await.1["results"], json!([row]));
    let delete = async || answer(service.request(Method::DELETE, &path).bearer_auth(&eve)).await.0;
    assert_eq!(delete().await, StatusCode::NO_CONTENT);
    assert_eq!(delete().await, StatusCode::NOT_FOUND);
    assert_eq!(service.get(&eve, &format!("{path}deliveries/")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_erased_person_waits_for_a_receiver() {
    let world = World::new().await;
    let (plain, _) = world.hook(json!({})).await;
    let (slow, _) = world.hook(json!({"debounce_ms": 600_000})).await;
    world.receiver.answer(500);
    let ada = world.comes("ada").await;
    let count = async || -> i64 {
        sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM webhook_events WHERE user_id = $1) \
             + (SELECT count(*) FROM webhook_held WHERE user_id = $1)",
        )
        .bind(ada.id.to_string())
        .fetch_one(&world.owner)
        .await
        .unwrap()
    };
    eventually("she is in a batch and held back", SOON, async || (count().await == 2).then_some(())).await;
    let path = format!("/api/users/admin/users/{}/erase/", ada.id);
    assert_eq!(world.node.post(&world.eve, &path, json!({"reason": "asked for it"})).await.0, StatusCode::OK);
    eventually("the history is unlinked", SOON, async || {
        let done = "SELECT count(*) FROM erasures WHERE unlinked_at IS NOT NULL";
        let done: i64 = sqlx::query_scalar(done).fetch_one(&world.owner).await.unwrap();
        (done == 1).then_some(())
    })
    .await;
    assert_eq!(count().await, 0);
    // What is left of the batch is nothing, and holds up nobody.
    world.receiver.answer(200);
    world.retry().await;
    let bob = world.comes("bob").await;
    world.told(&plain, &bob, 1).await;
    assert!(world.receiver.about(&plain, &ada.id.to_string()).is_empty());
    assert!(world.receiver.taken(&slow).is_empty());
    assert_eq!(count().await, 0);
}
