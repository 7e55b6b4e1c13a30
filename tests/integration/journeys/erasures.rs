//! Erasing people over outages: what was begun is finished, and nothing brings a name back.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rollcall::accounts::Origin;
use rollcall::devstack::Data;
use rollcall::presence::{Reason, Role, Status, UserId};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use super::{eventually, history_of, ready};
use crate::support;
use crate::support::service::{PASSWORD, Person, Service};

/// Some rounds of the task.
const ROUNDS: Duration = Duration::from_secs(20);
/// A name that stands nowhere by chance.
const NAME: &str = "zerzura";

struct House {
    node: Service,
    owner: PgPool,
    eve: Person,
    zerzura: Person,
    refresh: Value,
}

impl House {
    async fn new() -> Self {
        let database = support::database_url().await;
        let node = Service::node(&support::stack().redis_url(), &database, &support::prefix(), &[]).await;
        ready(&node).await;
        Self::of(node, &database).await
    }

    /// An administrator, and somebody who has been here, said something, and is here.
    async fn of(node: Service, database: &str) -> Self {
        let eve = node.person("eve", Role::Admin).await;
        let zerzura = node.person(NAME, Role::User).await;
        let login = node.log_in(NAME).await;
        let token = login["tokens"]["access"].as_str().unwrap().to_owned();
        let zerzura = Person { token, ..zerzura };
        let said = json!({"status": "busy", "text": format!("{NAME} is at work")});
        let request = node.request(Method::PUT, "/api/presence/status/").bearer_auth(&zerzura.token);
        assert_eq!(support::service::answer(request.json(&said)).await.0, StatusCode::OK);
        let hide = json!({"last_seen_visibility": "nobody"});
        let request = node.request(Method::PUT, "/api/auth/privacy/").bearer_auth(&zerzura.token);
        assert_eq!(support::service::answer(request.json(&hide)).await.0, StatusCode::OK);
        history_of(&node, &zerzura.id.to_string(), 2).await;
        let owner = PgPool::connect(database).await.unwrap();
        Self { node, owner, eve, zerzura, refresh: login["tokens"]["refresh"].clone() }
    }

    async fn erase(&self) -> Value {
        let path = format!("/api/users/admin/users/{}/erase/", self.zerzura.id);
        let (status, said) = self.node.post(&self.eve.token, &path, json!({"reason": "asked for it"})).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        said
    }

    fn user(&self) -> UserId {
        UserId::parse(&self.zerzura.id.to_string()).unwrap()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).bind(self.user().as_str()).fetch_one(&self.owner).await.unwrap()
    }

    async fn unlinked(&self) {
        eventually("the history is unlinked", ROUNDS, async || {
            let done = "SELECT count(*) FROM erasures WHERE user_id = $1 AND unlinked_at IS NOT NULL";
            (self.count(done).await == 1).then_some(())
        })
        .await;
    }

    /// The last token has expired: nothing is left to wait for.
    async fn ended(&self) {
        sqlx::query("UPDATE erasures SET refused_until = now()").execute(&self.owner).await.unwrap();
        eventually("the erasure is over", ROUNDS, async || {
            (self.count("SELECT count(*) FROM erasures WHERE user_id = $1").await == 0).then_some(())
        })
        .await;
    }

    /// Every table that still has the name, or the number as a user's id.
    async fn named_by(&self) -> Vec<String> {
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
        )
        .fetch_all(&self.owner)
        .await
        .unwrap();
        let mut named = Vec::new();
        for table in tables {
            let sql = format!(
                "SELECT count(*) FROM public.{table} t WHERE to_jsonb(t)::text ILIKE '%{NAME}%' \
                 OR to_jsonb(t)->>'user_id' = '{}'",
                self.zerzura.id
            );
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.owner).await.unwrap();
            if rows > 0 {
                named.push(table);
            }
        }
        named
    }

    async fn is_refused(&self) {
        let (status, problem) = self.node.beat(&self.zerzura.token, json!({})).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::FORBIDDEN, &json!("account_inactive")),
            "{problem}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_leaves_no_name_behind() {
    let house = House::new().await;
    assert!(!house.named_by().await.is_empty());
    let said = house.erase().await;
    let facts = ["account", "in_effect", "entries", "intervals", "claims", "logins"].map(|name| &said[name]);
    assert_eq!(facts, [&json!(true), &json!(true), &json!(2), &json!(2), &json!(1), &json!(1)], "{said}");
    house.is_refused().await;
    let refresh = json!({"refresh": house.refresh});
    assert_eq!(
        house.node.send(Method::POST, "/api/auth/refresh/", refresh).await.0,
        StatusCode::UNAUTHORIZED
    );
    let login = json!({"username": NAME, "password": PASSWORD});
    assert_eq!(house.node.send(Method::POST, "/api/auth/login/", login).await.1["code"], "bad_credentials");
    house.unlinked().await;
    assert_eq!(house.count("SELECT count(*) FROM subjects WHERE user_id = $1").await, 0);
    // The history stays, whole and nameless, and ends with the goodbye.
    let log: Vec<(Option<String>, String, String)> = sqlx::query_as(
        "SELECT user_id, to_status, reason FROM transitions WHERE user_id IS NULL ORDER BY sequence",
    )
    .fetch_all(&house.owner)
    .await
    .unwrap();
    let told: Vec<_> =
        log.iter().map(|(user, to, reason)| (user.clone(), to.as_str(), reason.as_str())).collect();
    assert_eq!(
        told,
        [(None, "online", "login"), (None, "busy", "manual_set"), (None, "offline", "deactivated")]
    );
    house.is_refused().await;
    // Said again it changes nothing, and says how far it is.
    let again = house.erase().await;
    assert_eq!((&again["erasure_id"], &again["unlinked"]), (&said["erasure_id"], &json!(true)), "{again}");
    let actions = "SELECT count(*) FROM admin_actions WHERE action = 'USER_ERASED' AND target_id = $1";
    assert_eq!(house.count(actions).await, 1);
    house.ended().await;
    assert_eq!(house.named_by().await, Vec::<String>::new(), "tables that name an erased person");
    let facts = house.node.app.store.facts(&house.user()).await.unwrap();
    assert!(facts.record.is_none() && facts.gate.is_none() && facts.claims.in_force().is_none(), "{facts:?}");
    // Whoever comes back is somebody else.
    let body = json!({"username": NAME, "password": PASSWORD});
    let (status, anew) = house.node.send(Method::POST, "/api/auth/register/", body).await;
    assert_eq!(status, StatusCode::CREATED, "{anew}");
    assert_ne!(anew["user"]["id"], house.zerzura.id);
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_a_node_died_over_is_finished_by_the_next() {
    let (redis, prefix) = (support::stack().redis_url(), support::prefix());
    let database = support::database_url().await;
    let node = Service::node(&redis, &database, &prefix, &[]).await;
    ready(&node).await;
    let house = House::of(node, &database).await;
    let (user, accounts) = (house.user(), house.node.app.accounts.clone());
    let House { node, owner, eve, zerzura, refresh } = house;
    node.stop().await;
    // What a node leaves that dies between Postgres and Redis.
    accounts.erase(&user, true, Duration::from_secs(960), None, &Origin::default()).await.unwrap();
    let node = Service::node(&redis, &database, &prefix, &[]).await;
    let house = House { node, owner, eve, zerzura, refresh };
    house.unlinked().await;
    house.is_refused().await;
    assert_eq!(house.count("SELECT count(*) FROM subjects WHERE user_id = $1").await, 0);
    house.ended().await;
    assert_eq!(house.named_by().await, Vec::<String>::new());
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_of_redis_brings_no_erased_person_back() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let node = Service::node(&stack.redis_url(), &database, "rc", &[]).await;
    ready(&node).await;
    let house = House::of(node, &database).await;
    stack.redis().kill();
    // Redis hears nothing of it: what the history last knows is somebody who is busy.
    let said = house.erase().await;
    assert_eq!(said["in_effect"], false, "{said}");
    stack.redis().start(Data::Lost).unwrap();
    eventually("the old token is refused", ROUNDS, async || {
        (house.node.beat(&house.zerzura.token, json!({})).await.0 == StatusCode::FORBIDDEN).then_some(())
    })
    .await;
    house.unlinked().await;
    house.ended().await;
    assert_eq!(house.named_by().await, Vec::<String>::new());
    let last: (String, String) = sqlx::query_as(
        "SELECT to_status, reason FROM transitions WHERE user_id IS NULL ORDER BY recorded_at DESC, n DESC LIMIT 1",
    )
    .fetch_one(&house.owner)
    .await
    .unwrap();
    assert_eq!(last, (Status::Offline.to_string(), Reason::Deactivated.to_string()));
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_set_back_forgets_an_erased_person_again() {
    let stack = support::private_stack(|_| ());
    let database = support::migrated(&stack).await;
    let node = Service::node(&stack.redis_url(), &database, "rc", &[]).await;
    ready(&node).await;
    let house = House::of(node, &database).await;
    support::redis_command_to(&stack, "SAVE").await;
    house.erase().await;
    house.unlinked().await;
    stack.redis().kill();
    stack.redis().start(Data::Kept).unwrap();
    // There she is busy again, as if nothing had been said.
    eventually("she is gone from both", ROUNDS, async || {
        let facts = house.node.app.store.facts(&house.user()).await.ok()?;
        let is_here = facts.record.is_none_or(|record| record.status != Status::Offline);
        let is_known = house.count("SELECT count(*) FROM subjects WHERE user_id = $1").await > 0;
        (facts.gate.is_some() && !is_here && !is_known).then_some(())
    })
    .await;
    house.is_refused().await;
    house.unlinked().await;
    house.ended().await;
    assert_eq!(house.named_by().await, Vec::<String>::new());
    house.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_host_application_are_erased_by_their_id() {
    let house = House::new().await;
    let (node, token) = (&house.node, house.node.token("corp~zerzura%40example.org", "tab"));
    assert_eq!(node.beat(&token, json!({})).await.0, StatusCode::OK);
    history_of(node, "corp~zerzura%40example.org", 1).await;
    let body = json!({"user_id": "corp~zerzura%40example.org"});
    let (status, said) = node.post(&house.eve.token, "/api/admin/erase/", body.clone()).await;
    assert_eq!(
        (status, &said["account"], &said["entries"]),
        (StatusCode::OK, &json!(false), &json!(1)),
        "{said}"
    );
    assert_eq!(node.beat(&token, json!({})).await.0, StatusCode::FORBIDDEN);
    eventually("the history is unlinked", ROUNDS, async || {
        let (_, said) = node.post(&house.eve.token, "/api/admin/erase/", body.clone()).await;
        (said["unlinked"] == true).then_some(())
    })
    .await;
    sqlx::query("UPDATE erasures SET refused_until = now()").execute(&house.owner).await.unwrap();
    // A token that the host issues later makes them known anew, and nothing of before comes with it.
    eventually("they may come back", ROUNDS, async || {
        (node.beat(&token, json!({})).await.0 == StatusCode::OK).then_some(())
    })
    .await;
    let rows = history_of(node, "corp~zerzura%40example.org", 1).await;
    assert_eq!((rows.len(), rows[0].sequence), (1, 1));
    house.erase().await;
    house.unlinked().await;
    house.ended().await;
    let named = house.named_by().await;
    assert!(!named.iter().any(|table| table.starts_with("admin_actions")), "no action has the id: {named:?}");
    house.node.stop().await;
}
