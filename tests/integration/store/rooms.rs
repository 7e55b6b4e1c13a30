//! Rooms and news in Redis: who is let in, who is told of whom, and that no membership outlives its session.

use std::time::Duration;

use rollcall::presence::{
    Claim, Gate, GateKind, LoginId, Millis, Org, Pace, Reason, Room, SessionId, Status, Tab, UserId, Whose,
};
use rollcall::store::{Bearer, Beat, InRooms, Join, Keys, Members, News, Shard, Store};

use super::contract::{bearer, beat};
use super::{a_day_ahead, store};

fn room(name: &str) -> Room {
    Room::parse(name).unwrap()
}

fn tab(name: &str) -> Tab {
    Tab::parse(name).unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn main_org() -> Org {
    Org::default()
}

/// Somebody comes with a socket in this tab.
async fn come(store: &Store, user: &str, name: &str) {
    store.beat(&Beat { tab: tab(name), pace: Pace::Socket, ..beat(user) }).await.unwrap();
}

async fn join(store: &Store, user: &str, name: &str, to: &str) -> Join {
    store.join(&bearer(user), &tab(name), &room(to)).await.unwrap()
}

/// Everything that was news so far on the shard, short.
async fn told(store: &Store) -> Vec<String> {
    let (news, _) = store.news(0, "0", 1_000).await.unwrap();
    let short = |news| match news {
        News::Joined { user, org, room, .. } => format!("{user} joined {org}/{room}"),
        News::Left { user, org, room } => format!("{user} left {org}/{room}"),
        News::Typing { user, room, on, .. } => format!("{user} types {on} in {room}"),
        News::Ended { user } => format!("{user} ended"),
    };
    news.into_iter().map(short).collect()
}

async fn in_lobby(store: &Store) -> Members {
    store.members(&main_org(), &room("lobby"), 10).await.unwrap()
}

async fn names(store: &Store) -> Vec<String> {
    let members = in_lobby(store).await;
    assert_eq!(members.users.len() as u64, members.count);
    members.users.iter().map(ToString::to_string).collect()
}

/// What is due now happens, as the tasks let it.
async fn happen(store: &Store, later: i64) {
    store.clock().set(a_day_ahead() + Millis(later));
    for _ in 0..3 {
        let due = store.due(&[0], Duration::ZERO, 500, false).await.unwrap().remove(0);
        let users: Vec<UserId> = due.members.into_iter().map(|member| member.user).collect();
        store.expire(0, &users).await.unwrap();
        store.look_at_rooms(0, &due.in_rooms).await.unwrap();
    }
}

/// Sessions whose rooms are to be looked at by now.
async fn looks(store: &Store) -> Vec<InRooms> {
    store.due(&[0], Duration::ZERO, 500, false).await.unwrap().remove(0).in_rooms
}

async fn be(store: &Store, who: &str, status: Option<Status>) {
    let claim = status.map(|status| Claim {
        id: format!("{status}"),
        status,
        text: String::new(),
        emoji: String::new(),
        until: None,
    });
    store.claim(&user(who), &main_org(), Whose::Manual, claim.as_ref(), None).await.unwrap();
}

#[tokio::test]
async fn others_hear_of_the_first_session_and_of_the_last() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    come(&store, "1", "a").await;
    come(&store, "1", "b-is-longer-than-a-handle").await;
    let long = "b-is-longer-than-a-handle";
    assert_eq!(join(&store, "1", "a", "lobby").await, Join::Joined);
    assert_eq!(join(&store, "1", "a", "lobby").await, Join::Already);
    assert_eq!(join(&store, "1", long, "lobby").await, Join::Joined);
    assert_eq!(told(&store).await, ["1 joined main/lobby"]);
    assert_eq!(in_lobby(&store).await, Members { users: vec![user("1")], count: 1 });
    for _ in 0..2 {
        store.leave(&bearer("1"), &tab("a"), &room("lobby")).await.unwrap();
    }
    assert_eq!((names(&store).await.len(), told(&store).await.len()), (1, 1), "the other session is there");
    for _ in 0..2 {
        store.leave(&bearer("1"), &tab(long), &room("lobby")).await.unwrap();
    }
    assert_eq!(told(&store).await, ["1 joined main/lobby", "1 left main/lobby"]);
    assert_eq!(in_lobby(&store).await, Members::default());
    happen(&store, 70_000).await;
    assert_eq!(told(&store).await.len(), 2, "nothing is left to be looked at");
}

#[tokio::test]
async fn only_sessions_that_last_are_let_in() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    assert_eq!(join(&store, "1", "a", "lobby").await, Join::NoSession);
    come(&store, "1", "a").await;
    assert_eq!(join(&store, "1", "b", "lobby").await, Join::NoSession);
    store.clock().set(a_day_ahead() + Millis(60_000));
    assert_eq!(join(&store, "1", "a", "lobby").await, Join::NoSession, "overdue");
    come(&store, "1", "a").await;
    store.close(&bearer("1"), &tab("a"), None).await.unwrap();
    assert_eq!(join(&store, "1", "a", "lobby").await, Join::NoSession, "it has said goodbye");
    come(&store, "2", "a").await;
    store.end_login(&user("2"), &main_org(), &bearer("2").login).await.unwrap();
    assert_eq!(join(&store, "2", "a", "lobby").await, Join::Ended);
    let gate = Gate { kind: Some(GateKind::Banned), version: 1, until: None };
    store.gate(&user("3"), &main_org(), &gate, None).await.unwrap();
    assert_eq!(join(&store, "3", "a", "lobby").await, Join::Gated(GateKind::Banned));
    assert!(!told(&store).await.iter().any(|news| news.contains("joined")));
    assert_eq!(in_lobby(&store).await, Members::default());
}

#[tokio::test]
async fn who_is_shown_offline_is_in_no_room() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    come(&store, "1", "a").await;
    come(&store, "2", "a").await;
    be(&store, "2", Some(Status::Invisible)).await;
    assert_eq!(join(&store, "2", "a", "lobby").await, Join::Hidden);
    assert!(!store.typing(&bearer("2"), &tab("a"), &room("lobby"), true).await.unwrap());
    assert_eq!(join(&store, "1", "a", "lobby").await, Join::Joined);
    for status in [Status::Invisible, Status::Offline] {
        be(&store, "1", Some(status)).await;
        assert_eq!(names(&store).await.len(), 0, "{status}");
        assert_eq!(join(&store, "1", "a", "lobby").await, Join::Hidden);
        assert!(!store.typing(&bearer("1"), &tab("a"), &room("lobby"), true).await.unwrap());
    }
    be(&store, "1", Some(Status::Busy)).await;
    assert_eq!(names(&store).await, ["1"], "shown again, without another word");
    assert_eq!(told(&store).await, ["1 joined main/lobby"]);
}

#[tokio::test]
async fn rooms_and_sessions_have_bounds() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    for who in ["1", "2", "3", "4"] {
        come(&store, who, "a").await;
    }
    for number in 0..50 {
        assert_eq!(join(&store, "1", "a", &format!("room:{number}")).await, Join::Joined);
    }
    assert_eq!(join(&store, "1", "a", "lobby").await, Join::Full);
    assert_eq!(join(&store, "1", "a", "room:7").await, Join::Already);
    store.leave(&bearer("1"), &tab("a"), &room("room:7")).await.unwrap();
    // What a node has counted counts for a second: other nodes count for themselves.
    for who in ["1", "2", "3"] {
        assert_eq!(another(&store).await.join_lobby(who).await, Join::Joined);
    }
    assert_eq!(another(&store).await.join_lobby("4").await, Join::Full, "three may be in it");
    assert_eq!(another(&store).await.join_lobby("3").await, Join::Already);
    store.leave(&bearer("2"), &tab("a"), &room("lobby")).await.unwrap();
    assert_eq!(another(&store).await.join_lobby("4").await, Join::Joined);
    assert_eq!(names(&store).await, ["1", "3", "4"]);
    let first = store.members(&main_org(), &room("lobby"), 2).await.unwrap();
    assert_eq!((first.users.len(), first.count), (2, 3));
    store.leave_all(&bearer("1"), &tab("a")).await.unwrap();
    store.leave_all(&bearer("1"), &tab("a")).await.unwrap();
    assert_eq!(names(&store).await, ["3", "4"]);
    assert_eq!(store.sessions_in_rooms().await.unwrap(), 2);
    let left = told(&store).await.iter().filter(|news| news.starts_with("1 left")).count();
    assert_eq!(left, 51, "one for each of the rooms it was in, once");
}

/// Another node on the same data.
struct Another(Store);

async fn another(store: &Store) -> Another {
    let another = Store::connect(super::settings_of(store)).await.unwrap();
    another.clock().set(a_day_ahead());
    Another(another)
}

impl Another {
    async fn join_lobby(&self, who: &str) -> Join {
        join(&self.0, who, "a", "lobby").await
    }
}

#[tokio::test]
async fn a_membership_lasts_as_long_as_its_session() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    come(&store, "1", "a").await;
    come(&store, "1", "b").await;
    for name in ["lobby", "doc:7"] {
        join(&store, "1", "a", name).await;
    }
    join(&store, "1", "b", "lobby").await;
    // Heartbeats say nothing to rooms; the look finds that the session lasts.
    store.clock().set(a_day_ahead() + Millis(50_000));
    come(&store, "1", "a").await;
    happen(&store, 60_001).await;
    assert_eq!(
        told(&store).await,
        ["1 joined main/lobby", "1 joined main/doc:7"],
        "b has ended, a is in the lobby still"
    );
    assert_eq!(looks(&store).await, []);
    store.clock().set(a_day_ahead() + Millis(110_000));
    assert_eq!(names(&store).await, ["1"], "overdue is not gone");
    assert_eq!(looks(&store).await, [], "the lease has this millisecond yet");
    happen(&store, 110_001).await;
    let all = told(&store).await;
    assert_eq!(all[2..], ["1 left main/lobby", "1 left main/doc:7"]);
    assert_eq!(names(&store).await.len(), 0);
    come(&store, "1", "a").await;
    assert_eq!(names(&store).await.len(), 0, "who comes back joins again");
}

#[tokio::test]
async fn a_look_that_finds_the_session_overdue_comes_again() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    come(&store, "1", "a").await;
    join(&store, "1", "a", "lobby").await;
    store.clock().set(a_day_ahead() + Millis(60_500));
    let found = looks(&store).await;
    let handle = Keys::handle(&SessionId { login: bearer("1").login, tab: tab("a") });
    assert_eq!(found, [InRooms { user: user("1"), handle }]);
    // Nobody has ended the session: it may be spared.
    assert_eq!(store.look_at_rooms(0, &found).await.unwrap(), 0);
    assert_eq!(looks(&store).await, []);
    store.clock().set(a_day_ahead() + Millis(61_500));
    assert_eq!(looks(&store).await, found);
    store.expire(0, &[user("1")]).await.unwrap();
    assert_eq!(store.look_at_rooms(0, &found).await.unwrap(), 1);
    assert_eq!(store.look_at_rooms(0, &found).await.unwrap(), 0, "once");
}

#[tokio::test]
async fn whatever_ends_a_session_takes_it_out_of_its_rooms_at_once() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    let who = bearer("1");
    let enters = async |login: &str, version: i64| {
        let bearer = Bearer { login: LoginId::parse(login).unwrap(), token_version: version, ..bearer("1") };
        store.beat(&Beat { bearer: bearer.clone(), ..beat("1") }).await.unwrap();
        assert_eq!(store.join(&bearer, &Tab::default(), &room("lobby")).await.unwrap(), Join::Joined);
        bearer
    };
    let is_gone = async |why: &str| {
        let found = looks(&store).await;
        assert_eq!(names(&store).await.len(), 0, "{why}");
        assert_eq!(store.look_at_rooms(0, &found).await.unwrap(), 1, "{why}");
        told(&store).await
    };
    let first = enters("one", 1).await;
    for _ in 0..2 {
        store.end_login(&who.user, &who.org, &first.login).await.unwrap();
    }
    assert_eq!(is_gone("logout").await, ["1 joined main/lobby", "1 ended", "1 left main/lobby"]);
    enters("two", 1).await;
    for _ in 0..2 {
        store.cut(&who.user, &who.org, 2, None, Reason::LogoutAll, None).await.unwrap();
    }
    assert_eq!(is_gone("cut").await[3..], ["1 joined main/lobby", "1 ended", "1 left main/lobby"]);
    enters("three", 2).await;
    let gate = |kind, version| Gate { kind, version, until: None };
    for _ in 0..2 {
        store.gate(&who.user, &who.org, &gate(Some(GateKind::Suspended), 1), None).await.unwrap();
    }
    assert_eq!(is_gone("gate").await[6..], ["1 joined main/lobby", "1 ended", "1 left main/lobby"]);
    store.gate(&who.user, &who.org, &gate(None, 2), None).await.unwrap();
    assert_eq!(told(&store).await.len(), 9, "that a gate was lifted ends nothing");
    let fourth = enters("four", 2).await;
    store.close(&fourth, &Tab::default(), None).await.unwrap();
    assert_eq!((names(&store).await.len(), looks(&store).await.len()), (1, 0), "it lingers");
    store.clock().set(a_day_ahead() + Millis(5_001));
    happen(&store, 5_001).await;
    assert_eq!(told(&store).await[9..], ["1 joined main/lobby", "1 left main/lobby"]);
}

#[tokio::test]
async fn typing_is_told_of_those_in_the_room() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    come(&store, "1", "a").await;
    let types = async |on| store.typing(&bearer("1"), &tab("a"), &room("lobby"), on).await.unwrap();
    assert!(!types(true).await);
    join(&store, "1", "a", "lobby").await;
    assert!(types(true).await && types(false).await);
    store.leave(&bearer("1"), &tab("a"), &room("lobby")).await.unwrap();
    assert!(!types(true).await);
    let all = told(&store).await;
    assert_eq!(all[1..], ["1 types true in lobby", "1 types false in lobby", "1 left main/lobby"]);
}

#[tokio::test]
async fn a_room_belongs_to_the_organisation_that_its_members_are_in() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    let acme = Org::parse("acme").unwrap();
    let of_acme = Bearer { org: acme.clone(), ..bearer("1") };
    store.beat(&Beat { bearer: of_acme.clone(), ..beat("1") }).await.unwrap();
    // What a token of another organisation lets its bearer into is not here.
    assert_eq!(store.join(&bearer("1"), &Tab::default(), &room("lobby")).await.unwrap(), Join::NoSession);
    assert_eq!(store.members(&acme, &room("lobby"), 10).await.unwrap().count, 0);
    assert_eq!(store.join(&of_acme, &Tab::default(), &room("lobby")).await.unwrap(), Join::Joined);
    assert!(store.typing(&bearer("1"), &Tab::default(), &room("lobby"), true).await.unwrap());
    assert_eq!(in_lobby(&store).await, Members::default());
    assert_eq!(store.members(&acme, &room("lobby"), 10).await.unwrap().count, 1);
    store.leave(&bearer("1"), &Tab::default(), &room("lobby")).await.unwrap();
    assert_eq!(store.members(&acme, &room("lobby"), 10).await.unwrap().count, 0);
    assert_eq!(told(&store).await[0], "1 joined acme/lobby");
}

#[tokio::test]
async fn a_room_is_read_over_all_shards_in_the_order_of_coming() {
    const SHARDS: Shard = 64;
    let store = store(SHARDS).await;
    for shard in 0..SHARDS {
        store.open_empty(shard, 1).await.unwrap();
    }
    let large = super::StoreSettings { room_members: 10_000, ..super::settings_of(&store) };
    let large = Store::connect(large).await.unwrap();
    // More than one call looks at.
    let users: Vec<String> = (0..1_200).map(|number| format!("{number}")).collect();
    for chunk in users.chunks(50) {
        let moment = a_day_ahead() + Millis(chunk[0].parse().unwrap());
        store.clock().set(moment);
        large.clock().set(moment);
        futures::future::join_all(chunk.iter().map(|who| come(&store, who, "a"))).await;
        let joined = futures::future::join_all(chunk.iter().map(|who| join(&large, who, "a", "lobby"))).await;
        assert!(joined.iter().all(|joined| *joined == Join::Joined));
    }
    let members = store.members(&main_org(), &room("lobby"), 70).await.unwrap();
    assert_eq!((members.users.len(), members.count), (70, 1_200));
    let number = |user: &UserId| user.as_str().parse::<usize>().unwrap();
    assert!(members.users[..50].iter().all(|user| number(user) < 50), "those of the first moment first");
    assert!(members.users[50..].iter().all(|user| (50..100).contains(&number(user))));
    assert_eq!(store.members(&main_org(), &room("lobby"), usize::MAX).await.unwrap().users.len(), 1_200);
}

#[tokio::test]
async fn news_is_read_from_where_one_was() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    assert_eq!(store.news(0, "0", 10).await.unwrap(), (Vec::new(), None));
    come(&store, "1", "a").await;
    join(&store, "1", "a", "lobby").await;
    let (first, newest) = store.news(0, "0", 10).await.unwrap();
    assert_eq!(first.len(), 1);
    join(&store, "1", "a", "doc").await;
    let (then, _) = store.news(0, &newest.unwrap(), 10).await.unwrap();
    let [News::Joined { user: who, room: place, status, version, .. }] = &then[..] else {
        panic!("{then:?}")
    };
    assert_eq!((who, place, *status), (&user("1"), &room("doc"), Status::Online));
    assert!(*version > 0);
    let left = crate::support::redis_command(&format!("PTTL {}", store.keys().news(0))).await;
    let left: i64 = left.trim().trim_start_matches(':').parse().unwrap();
    assert!((1..=120_000).contains(&left), "a stream that nobody writes to goes: {left}");
}
