//! The contract of every script: its head says what its text does and what its caller passes, every reply occurs,
//! a repeated call changes nothing, and a Redis that has forgotten the scripts is no hindrance.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rollcall::presence::{
    Activity, Claim, ConnectionId, Device, EntryKind, Gate, GateKind, LoginId, Millis, Org, Outgoing, Pace,
    Reason, Room, Status, Tab, UserId, Whose,
};
use rollcall::store::limits::{Quota, Subject, Take};
use rollcall::store::scripts::{self, Script};
use rollcall::store::{
    Answer, Bearer, Beat, Due, Lost, Ownership, Rule, STALL, Store, StoreError, StoreSettings, Told,
};

use super::store;
use crate::support::redis_command;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/lua"))
}

fn text_of(name: &str) -> String {
    std::fs::read_to_string(folder().join(format!("{name}.lua"))).unwrap()
}

/// The highest number that stands in brackets behind a word: `KEYS[9]`, `KEYS[1-9]` and `KEYS[10..]` alike; what
/// `..` follows is the first of the items and does not count.
fn highest(text: &str, word: &str) -> usize {
    let numbers = text.match_indices(word).filter_map(|(at, _)| {
        let inside = text[at + word.len()..].strip_prefix('[')?.split(']').next()?;
        let (number, is_items) = match inside.split_once("..") {
            Some((first, "")) => (first, true),
            _ => (inside.rsplit('-').next()?, false),
        };
        let number: usize = number.trim().parse().ok()?;
        Some(if is_items { number - 1 } else { number })
    });
    numbers.max().unwrap_or(0)
}

fn head_and_body(text: &str) -> (String, String) {
    let lines: Vec<&str> = text.lines().collect();
    let length = lines.iter().take_while(|line| line.starts_with("--")).count();
    (lines[..length].join("\n"), lines[length..].join("\n"))
}

#[test]
fn every_script_says_what_it_takes() {
    for script in scripts::ALL {
        let (head, body) = head_and_body(&text_of(script.name));
        for (word, count) in [("KEYS", script.keys), ("ARGV", script.args)] {
            let said = highest(&head, word);
            assert_eq!(said, count.fixed, "{}: {word} of head and caller", script.name);
            assert_eq!(head.contains(&format!("{word}[{}..]", said + 1)), count.each > 0, "{}", script.name);
            let shared = if word == "KEYS" && script.body.contains("lib/shard.lua") { 9 } else { 0 };
            let used = highest(&body, word).max(shared);
            let by_items = body.contains(&format!("#{word}")) || body.contains(&format!("ipairs({word})"));
            assert!(
                used == said || (by_items && used <= said) || count.each > 0,
                "{}: {word} of head and text",
                script.name
            );
        }
        assert!(head.starts_with(&format!("-- {}: ", script.name)), "{}: purpose", script.name);
        assert!(head.contains("\n-- Reply "), "{}: replies", script.name);
        let reads = head.contains("\n-- Access") && head.trim_end().ends_with("read");
        assert_eq!(reads, script.body.starts_with("#!lua flags=no-writes\n"), "{}: access", script.name);
        assert_eq!(!reads, head.trim_end().ends_with("write, allow-oom"), "{}: access", script.name);
    }
}

#[test]
fn every_file_is_a_script_and_stands_in_the_index() {
    let index = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let names: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "lua"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let known: BTreeSet<String> = scripts::ALL.iter().map(|script| script.name.to_owned()).collect();
    assert_eq!(names, known);
    for name in &names {
        assert!(index.contains(&format!("| `{name}` |")), "{name} is missing in lua/README.md");
    }
}

pub fn bearer(user: &str) -> Bearer {
    Bearer {
        user: UserId::parse(user).unwrap(),
        org: Org::default(),
        login: LoginId::parse("login").unwrap(),
        token_version: 1,
    }
}

pub fn beat(user: &str) -> Beat {
    Beat {
        bearer: bearer(user),
        tab: Tab::default(),
        activity: None,
        idle_ms: None,
        pace: Pace::Visible,
        device: None,
        connection: None,
        reason: Reason::Connect,
        takes: true,
    }
}

fn is_restoring<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Restoring)), "{outcome:?}");
}

#[tokio::test]
async fn a_shard_without_meta_judges_nobody() {
    let store = store(1).await;
    let Bearer { user, org, login, .. } = bearer("1");
    is_restoring(store.beat(&beat("1")).await);
    is_restoring(store.beat(&Beat { reason: Reason::Login, ..beat("1") }).await);
    is_restoring(store.touch(&bearer("1")).await);
    is_restoring(store.check(&bearer("1")).await);
    is_restoring(store.close(&bearer("1"), &Tab::default(), None).await);
    is_restoring(store.end_login(&user, &org, &login).await);
    is_restoring(store.cut(&user, &org, 2, None, Reason::LogoutAll, None).await);
    let gate = Gate { kind: Some(GateKind::Banned), version: 1, until: None };
    is_restoring(store.gate(&user, &org, &gate, None).await);
    is_restoring(store.claim(&user, &org, Whose::Manual, None, None).await);
    is_restoring(store.forget(&user, 1).await);
    is_restoring(store.expire(0, std::slice::from_ref(&user)).await);
    is_restoring(store.views(&[user]).await);
    is_restoring(store.facts(&bearer("1").user).await);
    is_restoring(store.stats(None).await);
    is_restoring(store.stats(Some(&org)).await);
    is_restoring(store.present(None, None, 10).await);
    is_restoring(store.present_views(None, None, 10).await);
    let (who, tab, room) = (bearer("1"), Tab::default(), Room::parse("lobby").unwrap());
    is_restoring(store.join(&who, &tab, &room).await);
    is_restoring(store.leave(&who, &tab, &room).await);
    is_restoring(store.typing(&who, &tab, &room, true).await);
    is_restoring(store.leave_all(&who, &tab).await);
    is_restoring(store.members(&org, &room, 10).await);
    assert_eq!(store.own(0, false).await.unwrap(), Ownership::Lost { begun: None });
}

#[tokio::test]
async fn opening_and_owning_a_shard_twice_changes_nothing() {
    let store = store(1).await;
    let opened = store.open_empty(0, 5).await.unwrap();
    assert_eq!((opened.epoch, opened.n), (5, 0));
    assert_eq!(store.open_empty(0, 6).await.unwrap(), opened, "an open shard keeps its epoch");
    for _ in 0..2 {
        is_own(store.own(0, false).await.unwrap());
    }
    let rival = rival(&store).await;
    assert_eq!(rival.own(0, false).await.unwrap(), Ownership::Other);
    rival.release(0).await.unwrap();
    assert_eq!(rival.own(0, false).await.unwrap(), Ownership::Other, "only the owner may release");
    store.release(0).await.unwrap();
    store.release(0).await.unwrap();
    is_own(rival.own(0, false).await.unwrap());
}

fn is_own(found: Ownership) {
    let Ownership::Own { epoch, n, restored_until, rules, server } = found else { panic!("{found:?}") };
    let until = super::a_day_ahead() + rollcall::presence::Policy::default().longest_ttl();
    assert_eq!((epoch, n, restored_until, rules), (5, 0, until, 0));
    assert_eq!(server.len(), 40, "the run of a server: {server}");
}

/// Another node on the same data.
pub async fn rival(store: &Store) -> Store {
    let settings = StoreSettings { node: "rival".into(), ..super::settings_of(store) };
    let rival = Store::connect(settings).await.unwrap();
    rival.clock().set(super::a_day_ahead());
    rival
}

fn told() -> Told {
    Told { version: "1".to_owned(), sockets: 3, since: Millis(1), clock: Millis(2) }
}

#[tokio::test]
async fn nodes_tell_of_themselves_and_are_forgotten_with_what_they_told() {
    let store = store(1).await;
    let rival = rival(&store).await;
    store.show_node(&told()).await.unwrap();
    rival.show_node(&told()).await.unwrap();
    let nodes = store.nodes().await.unwrap();
    let names: Vec<_> = nodes.iter().map(|node| (node.name.as_str(), node.told.clone())).collect();
    assert_eq!(names, [("rival", Some(told())), ("test", Some(told()))]);
    assert_eq!(nodes[0].skew(), Some(Millis(2) - nodes[0].shown_at));
    // A version that tells nothing beats without a word.
    let older = store.keys().nodes();
    redis_command(&format!("ZADD {older} {} older", nodes[0].shown_at.0)).await;
    let nodes = store.nodes().await.unwrap();
    assert_eq!((nodes[0].name.as_str(), &nodes[0].told, nodes.len()), ("older", &None, 3));
    rival.hide_node().await.unwrap();
    redis_command(&format!("ZREM {older} test older")).await;
    let told_key = store.keys().nodes_told();
    rival.show_node(&told()).await.unwrap();
    let left = redis_command(&format!("HKEYS {told_key}")).await;
    assert!(left.contains("rival") && !left.contains("test"), "{left}");
}

#[tokio::test]
async fn a_node_keeps_its_number_and_numbers_of_the_dead_are_given_again_last() {
    let store = store(1).await;
    let rival = rival(&store).await;
    let numbers = store.keys().node_numbers();
    let number = async |name: &str| {
        let all = redis_command(&format!("HGETALL {numbers}")).await;
        let words: Vec<&str> = all.lines().filter(|line| !line.starts_with(['$', '*'])).collect();
        let pair = words.chunks(2).find(|pair| pair[1] == name).map(|pair| pair[0].to_owned());
        pair.unwrap_or_else(|| panic!("{name} has no number: {all}"))
    };
    store.show_node(&told()).await.unwrap();
    rival.show_node(&told()).await.unwrap();
    assert_eq!((number("test").await.as_str(), number("rival").await.as_str()), ("1", "2"));
    store.hide_node().await.unwrap();
    let again = Store::connect(super::settings_of(&store)).await.unwrap();
    again.show_node(&told()).await.unwrap();
    again.show_node(&told()).await.unwrap();
    assert_eq!(number("test").await, "1", "it is the same node");
    redis_command(&format!("HSET {numbers} 0 999")).await;
    redis_command(&format!("HDEL {numbers} 1")).await;
    again.show_node(&told()).await.unwrap();
    assert_eq!(number("test").await, "1", "who lost the number has the next that no living node has");
    redis_command(&format!("HSET {numbers} 0 0 1 somebody")).await;
    again.show_node(&told()).await.unwrap();
    assert_eq!(number("test").await, "1", "the dead give theirs up");
}

#[tokio::test]
async fn nodes_are_counted_while_they_live() {
    let store = store(1).await;
    let rival = rival(&store).await;
    assert_eq!(store.show_node(&told()).await.unwrap(), 1);
    assert_eq!(rival.show_node(&told()).await.unwrap(), 2);
    assert_eq!(rival.show_node(&told()).await.unwrap(), 2);
    rival.hide_node().await.unwrap();
    rival.hide_node().await.unwrap();
    assert_eq!(store.show_node(&told()).await.unwrap(), 1);
}

/// A record as versions wrote it that noted neither node nor beginning of a session, and one of a version to come.
#[tokio::test]
async fn sessions_in_other_forms_are_read() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    store.show_node(&told()).await.unwrap();
    let user = bearer("1").user;
    let named = Beat { device: Some(Device::Web), ..beat("1") };
    store.beat(&named).await.unwrap();
    let session = async || store.facts(&user).await.unwrap().sessions.remove(0);
    let whole = session().await;
    assert_eq!((whole.opened, whole.node.as_deref()), (Some(super::a_day_ahead()), Some("test")));
    let write = async |device: &str| {
        let text = "local r = cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1])) r[14] = ARGV[2] \
            return redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(r))";
        redis_command(&format!("EVAL \"{text}\" 1 {} 1 {device}", store.keys().record(&user))).await;
    };
    write("web").await;
    let old = session().await;
    assert_eq!((old.device, old.opened, old.node), (Some(Device::Web), None, None));
    store.clock().set(super::a_day_ahead() + Millis(90_000));
    store.beat(&Beat { activity: Some(Activity::Idle), idle_ms: Some(1), ..named.clone() }).await.unwrap();
    assert_eq!((session().await.device, session().await.opened), (Some(Device::Web), None), "written again");
    write("web;1;e10").await;
    let later = session().await;
    assert_eq!(
        (later.opened, later.node.as_deref()),
        (Some(super::a_day_ahead() + Millis(3_600_000)), Some("test"))
    );
    write("web;what;ever").await;
    assert_eq!((session().await.device, session().await.opened), (None, None));
}

/// A session is of the node that opened it; one that another connection takes over, or a socket, of the one that has it.
#[tokio::test]
async fn a_session_names_the_node_that_has_it() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    let rival = rival(&store).await;
    let user = bearer("1").user;
    let node = async || store.facts(&user).await.unwrap().sessions.remove(0).node;
    let page = |name: &str| Beat { connection: Some(ConnectionId::parse(name).unwrap()), ..beat("1") };
    store.beat(&Beat { reason: Reason::Login, ..page("red") }).await.unwrap();
    assert_eq!(node().await, None, "it has not shown itself");
    for store in [&*store, &rival] {
        store.show_node(&told()).await.unwrap();
    }
    store.beat(&Beat { reason: Reason::Login, ..page("green") }).await.unwrap();
    assert_eq!(node().await.as_deref(), Some("test"));
    rival.beat(&Beat { reason: Reason::Login, ..page("green") }).await.unwrap();
    assert_eq!(node().await.as_deref(), Some("test"), "a heartbeat comes by any node");
    rival.beat(&Beat { pace: Pace::Socket, ..page("green") }).await.unwrap();
    assert_eq!(node().await.as_deref(), Some("rival"), "a socket is held");
    rival.hide_node().await.unwrap();
    assert_eq!(node().await.as_deref(), Some("rival"), "whoever is gone is still named");
    store.beat(&Beat { reason: Reason::Login, ..page("blue") }).await.unwrap();
    assert_eq!(node().await.as_deref(), Some("test"), "a page took it over");
}

#[tokio::test]
async fn data_of_another_layout_are_refused() {
    let store = store(2).await;
    store.open_empty(0, 1).await.unwrap();
    let other = StoreSettings { shards: 4, ..super::settings_of(&store) };
    let refused = Store::connect(other).await.unwrap_err();
    assert!(refused.to_string().contains("ROLLCALL_REDIS_SHARDS"), "{refused}");
}

#[tokio::test]
async fn under_pressure_newcomers_wait_and_renewals_go_on() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    store.beat(&beat("1")).await.unwrap();
    store.own(0, true).await.unwrap();
    assert!(matches!(store.beat(&beat("2")).await, Err(StoreError::Overloaded)));
    assert!(matches!(store.touch_now(&bearer("2")).await, Err(StoreError::Overloaded)));
    assert!(matches!(store.beat(&beat("1")).await, Ok(Answer::Standing { .. })));
    store.own(0, false).await.unwrap();
    assert!(matches!(store.beat(&beat("2")).await, Ok(Answer::Standing { .. })));
}

#[tokio::test]
async fn after_a_stall_nobody_expires_for_a_while() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    let strict = StoreSettings { stall: STALL, ..super::settings_of(&store) };
    let store = Store::connect(strict).await.unwrap();
    store.clock().set(super::a_day_ahead());
    store.touch_now(&bearer("1")).await.unwrap();
    let user = [UserId::parse("1").unwrap()];
    let ended = async |later: i64| {
        store.clock().set(super::a_day_ahead() + Millis(later));
        store.expire(0, &user).await.unwrap()[0].sessions
    };
    assert_eq!(ended(150_000).await, 0, "nobody has watched for 150 s, whoever asks first");
    store.own(0, false).await.unwrap();
    assert_eq!(ended(150_001).await, 0, "the grace begins");
    for second in 151..=225 {
        assert_eq!(ended(second * 1_000).await, 0, "the grace holds for the slowest client");
        store.own(0, false).await.unwrap();
    }
    assert_eq!(ended(226_001).await, 1);
    assert_eq!(ended(226_001).await, 0, "once");
}

#[tokio::test]
async fn a_connection_that_was_superseded_takes_nothing_back() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    let of = |name: &str, takes: bool| Beat {
        connection: Some(ConnectionId::parse(name).unwrap()),
        pace: Pace::Socket,
        takes,
        ..beat("1")
    };
    let is_standing = |answer: &Answer| matches!(answer, Answer::Standing { .. });
    assert!(is_standing(&store.beat(&of("old", true)).await.unwrap()));
    assert!(is_standing(&store.beat(&of("old", false)).await.unwrap()), "it has the session");
    assert!(is_standing(&store.beat(&of("new", true)).await.unwrap()));
    let user = bearer("1").user;
    let held = store.facts(&user).await.unwrap();
    store.clock().set(super::a_day_ahead() + Millis(30_000));
    let idle = Beat { activity: Some(Activity::Idle), idle_ms: Some(1_800_000), ..of("old", false) };
    for late in [of("old", false), of("old", false), idle] {
        assert_eq!(store.beat(&late).await.unwrap(), Answer::Superseded, "{late:?}");
    }
    let after = store.facts(&user).await.unwrap();
    assert_eq!(after.sessions[0].deadline, held.sessions[0].deadline);
    assert_eq!(after.sessions[0].connection, held.sessions[0].connection);
    assert_eq!(store.entries(0, 0, 10).await.unwrap().len(), 1);
    // Whoever names no connection speaks for whichever has the session.
    assert!(is_standing(&store.beat(&Beat { takes: false, ..beat("1") }).await.unwrap()));
    store.clock().set(super::a_day_ahead() + Millis(3_600_000));
    store.expire(0, &[user]).await.unwrap();
    assert!(is_standing(&store.beat(&of("old", false)).await.unwrap()), "nobody has it any more");
}

#[tokio::test]
async fn trimming_forgets_what_is_copied_and_whom_nobody_needs() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    let users: Vec<UserId> = ["1", "2"].map(|user| UserId::parse(user).unwrap()).into();
    store.beat(&beat("1")).await.unwrap();
    store.end_login(&users[0], &Org::default(), &bearer("1").login).await.unwrap();
    store.beat(&beat("2")).await.unwrap();
    assert_eq!(store.entries(0, 0, 10).await.unwrap().len(), 3);
    assert_eq!(
        store.trim(0, 3, &users).await.unwrap(),
        (2, 1),
        "two entries, and the record of the one who left"
    );
    assert_eq!(store.trim(0, 3, &users).await.unwrap(), (0, 0));
    assert_eq!(store.entries(0, 0, 10).await.unwrap().len(), 1);
    let views = store.views(&users).await.unwrap();
    assert_eq!(views.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn an_entry_of_a_newer_version_stands_in_nobody_s_way() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    let users: Vec<UserId> = ["1", "2", "3"].map(|user| UserId::parse(user).unwrap()).into();
    store.beat(&beat("1")).await.unwrap();
    let newer = "k t u 2 o main f 0 t 1 r teleported a 1 d 2 s 1 os 1 l 1 ss 1 sl 1 i x.y v '' x ''";
    crate::support::add_entry(&store, 0, newer).await;
    crate::support::add_entry(&store, 0, "k z").await;
    store.beat(&beat("3")).await.unwrap();
    let entries = store.entries(0, 0, 10).await.unwrap();
    assert_eq!(entries.iter().map(Outgoing::n).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let understood: Vec<_> = entries.iter().map(|entry| entry.entry().is_some()).collect();
    assert_eq!(understood, [true, false, false, true]);
    let raw = entries[1].raw().unwrap();
    assert_eq!((raw.fields["r"].as_str(), raw.fields.len()), ("teleported", 16));
    assert_eq!((raw.user.as_ref(), raw.detected_at), (Some(&users[1]), Some(Millis(2))));
    assert!(raw.problem.contains("`r`"), "{}", raw.problem);
    assert_eq!((entries[2].user(), entries[2].detected_at()), (None, None));
    assert_eq!(store.trim(0, 4, &users).await.unwrap().0, 3);
}

#[tokio::test]
async fn a_claim_that_ends_takes_its_words_along_even_where_the_status_stays() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    let Bearer { user, org, .. } = bearer("1");
    store.beat(&Beat { activity: Some(Activity::Idle), idle_ms: Some(400_000), ..beat("1") }).await.unwrap();
    let start = super::a_day_ahead();
    for (whose, reason, ends) in [
        (Whose::Manual, Reason::ManualExpired, start + Millis(1_000)),
        (Whose::Admin, Reason::AdminExpired, start + Millis(3_000)),
    ] {
        let claim = Claim {
            id: format!("{whose:?}"),
            status: Status::Away,
            text: "at lunch".to_owned(),
            emoji: String::new(),
            until: Some(ends),
        };
        store.claim(&user, &org, whose, Some(&claim), None).await.unwrap();
        let told = store.views(std::slice::from_ref(&user)).await.unwrap().remove(0).unwrap();
        let noticed = ends + Millis(70);
        store.clock().set(noticed);
        for _ in 0..2 {
            store.expire(0, std::slice::from_ref(&user)).await.unwrap();
        }
        let view = store.views(std::slice::from_ref(&user)).await.unwrap().remove(0).unwrap();
        assert_eq!((view.status, view.since, view.text), (Status::Away, told.since, None));
        assert_eq!(view.shown.version, told.shown.version + 1, "watchers take the change as a new one");
        let entries = store.entries(0, 0, 10).await.unwrap();
        let last = entries.last().unwrap().entry().unwrap();
        assert_eq!((last.kind, last.from, last.to), (EntryKind::Claim, Status::Away, Status::Away));
        assert_eq!((last.reason, last.occurred_at, last.detected_at), (reason, ends, noticed));
    }
    assert_eq!(store.entries(0, 0, 10).await.unwrap().len(), 5, "each once");
}

#[tokio::test]
async fn claims_are_seen_whether_no_shard_or_some_or_all_have_any() {
    let store = store(2).await;
    for shard in 0..2 {
        store.open_empty(shard, 1).await.unwrap();
    }
    let of_shard = |shard| {
        (1..)
            .map(|number: u32| UserId::parse(&number.to_string()).unwrap())
            .find(|user| store.keys().shard_of(user) == shard)
    };
    let users = [0, 1].map(|shard| of_shard(shard).unwrap());
    for user in &users {
        store.beat(&beat(user.as_str())).await.unwrap();
    }
    let words = async || {
        let views = store.views(&users).await.unwrap();
        views.into_iter().map(|view| view.unwrap().text).collect::<Vec<_>>()
    };
    assert_eq!(words().await, [None, None]);
    let text = Some("at lunch".to_owned());
    let claim = Claim {
        id: "1".into(),
        status: Status::Busy,
        text: "at lunch".into(),
        emoji: String::new(),
        until: None,
    };
    for (user, seen) in users.iter().rev().zip([[None, text.clone()], [text.clone(), text.clone()]]) {
        store.claim(user, &Org::default(), Whose::Manual, Some(&claim), None).await.unwrap();
        assert_eq!(words().await, seen);
    }
}

#[tokio::test]
async fn what_is_due_is_listed_once_it_is_settled() {
    let store = store(1).await;
    store.open_empty(0, 1).await.unwrap();
    store.beat(&beat("1")).await.unwrap();
    let due = async || {
        let mut due = store.due(&[0], Duration::from_millis(75), 10, true).await.unwrap();
        due.remove(0)
    };
    assert_eq!(due().await, rollcall::store::Due::default());
    store.clock().set(super::a_day_ahead() + Millis(120_001));
    let touched = due().await;
    assert_eq!((touched.overdue, touched.members.len()), (Some(Duration::from_millis(1)), 0), "not settled");
    store.clock().set(super::a_day_ahead() + Millis(120_100));
    assert_eq!(due().await.members.len(), 1);
}

#[tokio::test]
async fn shards_that_are_looked_at_together_share_what_is_listed() {
    let store = store(2).await;
    let people: Vec<UserId> = (1..=40).map(|number| UserId::parse(&number.to_string()).unwrap()).collect();
    for shard in 0..2 {
        store.open_empty(shard, 1).await.unwrap();
    }
    for user in &people {
        store.beat(&beat(user.as_str())).await.unwrap();
    }
    store.clock().set(super::a_day_ahead() + Millis(130_000));
    let due = async |shards: &[u16], most| store.due(shards, Duration::ZERO, most, false).await.unwrap();
    let sizes = |found: &[Due]| found.iter().map(|due| due.members.len()).collect::<Vec<_>>();
    let of_shard = |shard: u16| -> Vec<UserId> {
        people.iter().filter(|user| store.keys().shard_of(user) == shard).cloned().collect()
    };
    let found = due(&[0, 1], 1_000).await;
    assert_eq!(sizes(&found), [of_shard(0).len(), of_shard(1).len()]);
    for (shard, due) in (0..).zip(&found) {
        assert!(due.members.iter().all(|member| of_shard(shard).contains(&member.user)));
    }
    assert_eq!(sizes(&due(&[0, 1], 10).await), [5, 5]);
    store.expire(0, &of_shard(0)).await.unwrap();
    assert_eq!(sizes(&due(&[0, 1], 10).await), [0, 10], "what others leave");
}

/// Every script once more after Redis forgot them all: the text is sent in place of the hash.
#[tokio::test]
async fn a_redis_that_forgot_the_scripts_learns_them_again() {
    let store = store(1).await;
    let Bearer { user, org, login, .. } = bearer("1");
    redis_command("SCRIPT FLUSH").await;
    store.begin_shard(0, 1, Lost::default()).await.unwrap();
    store.recall(0, 1, &[Rule::Ended(user.clone(), login.clone(), None)]).await.unwrap();
    store.restore(0, 1, &[super::restore::past("2", Status::Online)]).await.unwrap();
    store.open_shard(0, 1).await.unwrap();
    store.raise_shard(0, 1, 2).await.unwrap();
    store.own(0, false).await.unwrap();
    store.show_node(&told()).await.unwrap();
    store.beat(&beat("1")).await.unwrap();
    store.beat(&beat("3")).await.unwrap();
    let told = store.entries(0, 0, 1).await.unwrap().remove(0);
    store.correct(told.entry().unwrap()).await.unwrap();
    store.touch_now(&bearer("1")).await.unwrap();
    store.check(&bearer("1")).await.unwrap();
    let (tab, room) = (Tab::default(), Room::parse("lobby").unwrap());
    store.join(&bearer("1"), &tab, &room).await.unwrap();
    store.typing(&bearer("1"), &tab, &room, true).await.unwrap();
    store.members(&org, &room, 1).await.unwrap();
    store.leave(&bearer("1"), &tab, &room).await.unwrap();
    store.leave_all(&bearer("1"), &tab).await.unwrap();
    store.close(&bearer("1"), &Tab::default(), None).await.unwrap();
    store.claim(&user, &org, Whose::Manual, None, None).await.unwrap();
    store.due(&[0], Duration::ZERO, 1, true).await.unwrap();
    store.expire(0, std::slice::from_ref(&user)).await.unwrap();
    store.stats(None).await.unwrap();
    store.facts(&user).await.unwrap();
    store.present(None, None, 1).await.unwrap();
    store.present_views(None, None, 1).await.unwrap();
    store.views(std::slice::from_ref(&user)).await.unwrap();
    store.end_login(&user, &org, &login).await.unwrap();
    store.cut(&user, &org, 2, None, Reason::LogoutAll, None).await.unwrap();
    let gate = Gate { kind: None, version: 1, until: None };
    store.gate(&user, &org, &gate, None).await.unwrap();
    store.forget(&user, 1).await.unwrap();
    store.trim(0, 1, &[user]).await.unwrap();
    store.release(0).await.unwrap();
    store.hide_node().await.unwrap();
    let (quota, ada) = (Quota::new(Duration::from_secs(1), 1), Subject::new("ada", None));
    store.take(&[Take { whose: "x".to_owned(), name: "y", quota, cost: 1 }]).await.unwrap();
    store.admit_attempt(&ada, quota).await.unwrap();
    store.note_attempt(&ada, false).await.unwrap();
    for script in scripts::ALL {
        let known = redis_command(&format!("SCRIPT EXISTS {}", Script::hash(script))).await;
        assert!(known.contains(":1"), "{} was not run", script.name);
    }
}

/// A Redis of its own, set up like this, and what the store says of it.
async fn connecting_to(command: &str) -> Result<Store, StoreError> {
    let stack = crate::support::private_stack(|options| options.postgres = false);
    crate::support::redis_command_to(&stack, command).await;
    let settings = StoreSettings { url: stack.redis_url(), ..super::settings("rc".into(), 1) };
    let connected = Store::connect(settings).await;
    if connected.is_ok() {
        let events = crate::support::redis_command_to(&stack, "CONFIG GET notify-keyspace-events").await;
        assert!(events.contains('E') && events.contains('x'), "{events}");
    }
    connected
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_would_evict_leases_is_refused_and_a_silent_one_is_told_to_speak() {
    let refused = connecting_to("CONFIG SET maxmemory-policy volatile-lru").await.unwrap_err().to_string();
    assert!(refused.contains("volatile-lru") && refused.contains("noeviction"), "{refused}");
    connecting_to("CONFIG SET notify-keyspace-events \"\"").await.unwrap();
    connecting_to("CONFIG SET notify-keyspace-events Kg").await.unwrap();
}
