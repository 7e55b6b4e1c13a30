//! A shard that comes back without its data, script by script: it is closed until it has everything, who comes back has
//! time to return, and who does not return is told apart from who fell silent.

use std::sync::Arc;

use rollcall::presence::{
    Claim, Entry, Gate, GateKind, LoginId, Millis, Org, Outgoing, Policy, Reason, Status, UserId, Whose,
};
use rollcall::store::{Answer, Lost, Ownership, Past, Rule, Shown, Store, StoreError, View};

use super::contract::{bearer, beat};
use super::{a_day_ahead, store};

/// When the shard was last heard of, and how long ago that is.
const AGO: Millis = Millis(60_000);

/// Somebody who was present, and had come ten minutes ago.
pub fn past(user: &str, status: Status) -> Past {
    let came = a_day_ahead() - Millis(600_000);
    Past {
        user: UserId::parse(user).unwrap(),
        org: Org::default(),
        status,
        since: came,
        online_since: came,
        last_seen: came + Millis(1),
        shown: Shown {
            status: status.shown(),
            since: came - Millis(5),
            online_since: came - Millis(4),
            last_seen: came - Millis(3),
            version: 77,
        },
    }
}

/// A shard that has lost its data, and has begun to be restored.
async fn closed() -> Arc<Store> {
    let store = store(1).await;
    let lost = Lost { at: a_day_ahead() - AGO, uncertainty: Millis(205_000) };
    assert_eq!(store.begin_shard(0, 3, lost).await.unwrap(), Some(3));
    store
}

async fn view(store: &Store, user: &str) -> View {
    store.views(&[UserId::parse(user).unwrap()]).await.unwrap().remove(0).unwrap()
}

async fn entries(store: &Store) -> Vec<Entry> {
    let outgoing = store.entries(0, 0, 100).await.unwrap();
    outgoing.iter().filter_map(Outgoing::entry).cloned().collect()
}

#[tokio::test]
async fn a_shard_is_closed_until_it_is_restored() {
    let store = closed().await;
    assert_eq!(store.own(0, false).await.unwrap(), Ownership::Lost { begun: Some(3) });
    assert_eq!(store.begin_shard(0, 4, Lost::default()).await.unwrap(), Some(3), "the first one counts");
    assert_eq!(store.shard(0).await.unwrap(), None);
    assert_eq!(store.raise_shard(0, 3, 4).await.unwrap(), None);
    assert_eq!(store.restore(0, 3, &[past("1", Status::Online)]).await.unwrap(), 1);
    assert_eq!(store.restore(0, 3, &[past("1", Status::Busy)]).await.unwrap(), 0, "adds, never overwrites");
    assert!(matches!(store.beat(&beat("1")).await, Err(StoreError::Restoring)));
    // Somebody whose restore began before Redis was emptied again is no part of this one.
    assert!(matches!(store.restore(0, 2, &[past("9", Status::Online)]).await, Err(StoreError::Open)));
    assert!(matches!(store.open_shard(0, 2).await, Err(StoreError::Restoring)));
    for _ in 0..2 {
        let opened = store.open_shard(0, 3).await.unwrap();
        assert_eq!((opened.epoch, opened.n), (3, 0));
    }
    assert_eq!(store.begin_shard(0, 4, Lost::default()).await.unwrap(), None, "it is open");
    assert!(matches!(store.restore(0, 3, &[past("2", Status::Online)]).await, Err(StoreError::Open)));
    let rule = Rule::Ended(UserId::parse("1").unwrap(), LoginId::parse("login").unwrap(), None);
    assert!(matches!(store.recall(0, 3, &[rule]).await, Err(StoreError::Open)));
    assert!(matches!(store.beat(&beat("1")).await, Ok(Answer::Standing { .. })));
}

#[tokio::test]
async fn people_come_back_as_they_were() {
    let store = closed().await;
    let states = [Status::Online, Status::Away, Status::Busy, Status::Invisible];
    let claim = |id: &str, status| Claim {
        id: id.to_owned(),
        status,
        text: "in a call".to_owned(),
        emoji: String::new(),
        until: None,
    };
    let rules = [("3", Status::Busy), ("4", Status::Invisible)]
        .map(|(user, status)| Rule::Claim(UserId::parse(user).unwrap(), Whose::Manual, claim(user, status)));
    for _ in 0..2 {
        store.recall(0, 3, &rules).await.unwrap();
    }
    let people: Vec<Past> =
        states.iter().zip(1..).map(|(status, user)| past(&user.to_string(), *status)).collect();
    assert_eq!(store.restore(0, 3, &people).await.unwrap(), 4);
    store.open_shard(0, 3).await.unwrap();
    for past in people {
        let view = view(&store, past.user.as_str()).await;
        assert_eq!(
            (view.status, view.since, view.online_since),
            (past.status, past.since, past.online_since)
        );
        // Whoever is seen was last seen when the shard was; what is frozen stays frozen.
        let seen = if past.status == Status::Invisible { past.shown.last_seen } else { a_day_ahead() - AGO };
        assert_eq!(view.shown, Shown { last_seen: seen, ..past.shown });
    }
    let stats = store.stats(None).await.unwrap();
    assert_eq!((stats.online, stats.away, stats.busy, stats.invisible, stats.sessions), (1, 1, 1, 1, 3));
    assert_eq!(entries(&store).await, [], "nothing has changed");
}

#[tokio::test]
async fn who_returns_never_went_and_who_does_not_is_dated_by_what_was_last_heard() {
    let store = closed().await;
    store.restore(0, 3, &["1", "2", "3"].map(|user| past(user, Status::Online))).await.unwrap();
    // The restore takes a minute: the time to return begins when it is over.
    let opened = a_day_ahead() + Millis(60_000);
    store.clock().set(opened);
    store.open_shard(0, 3).await.unwrap();
    let ttl = Policy::default().longest_ttl();
    let users: Vec<UserId> = ["1", "2", "3"].map(|user| UserId::parse(user).unwrap()).into();
    store.clock().set(opened + ttl - Millis(1));
    for expired in store.expire(0, &users).await.unwrap() {
        assert_eq!(expired.sessions, 0, "there is still time");
    }
    store.beat(&beat("1")).await.unwrap();
    store.touch_now(&bearer("2")).await.unwrap();
    store.clock().set(opened + ttl);
    for _ in 0..2 {
        store.expire(0, &users).await.unwrap();
    }
    assert_eq!(view(&store, "1").await.status, Status::Online);
    assert_eq!(view(&store, "2").await.status, Status::Online);
    let told = entries(&store).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let gone = &told[0];
    assert_eq!((gone.user.as_str(), gone.to, gone.reason), ("3", Status::Offline, Reason::StoreLost));
    assert_eq!((gone.occurred_at, gone.last_seen), (a_day_ahead() - AGO, a_day_ahead() - AGO));
    assert_eq!((gone.uncertainty_ms, gone.session.as_ref(), gone.n), (205_000, None, 1));
    assert_eq!(
        store.stats(None).await.unwrap().sessions,
        2,
        "the real sessions took the place of what was put back"
    );
}

#[tokio::test]
async fn rules_that_are_newer_than_what_was_heard_of_people_decide() {
    let store = closed().await;
    let user = |user: &str| UserId::parse(user).unwrap();
    let gate = |kind, version| Gate { kind: Some(kind), version, until: None };
    let away = Claim {
        id: "x".to_owned(),
        status: Status::Away,
        text: String::new(),
        emoji: String::new(),
        until: None,
    };
    let rules = [
        Rule::Gate(user("1"), gate(GateKind::Banned, 2)),
        Rule::Gate(user("1"), gate(GateKind::Pending, 1)),
        Rule::Claim(user("2"), Whose::Admin, away),
        Rule::Cut(user("3"), 5, Some(LoginId::parse("kept").unwrap())),
        Rule::Ended(user("4"), LoginId::parse("login").unwrap(), None),
    ];
    store.recall(0, 3, &rules).await.unwrap();
    store.restore(0, 3, &["1", "2", "3", "4"].map(|user| past(user, Status::Online))).await.unwrap();
    // Busy by a claim that nobody knows any more.
    store.restore(0, 3, &[past("5", Status::Busy)]).await.unwrap();
    store.open_shard(0, 3).await.unwrap();
    let told: Vec<_> =
        entries(&store).await.into_iter().map(|entry| (entry.user, entry.to, entry.reason)).collect();
    assert_eq!(
        told,
        [
            (user("1"), Status::Offline, Reason::Banned),
            (user("2"), Status::Away, Reason::AdminSet),
            (user("5"), Status::Online, Reason::ManualExpired),
        ]
    );
    assert_eq!(store.check(&bearer("1")).await.unwrap(), Answer::Gated(GateKind::Banned));
    assert_eq!(store.check(&bearer("3")).await.unwrap(), Answer::Ended);
    assert_eq!(store.check(&bearer("4")).await.unwrap(), Answer::Ended);
    let kept = rollcall::store::Bearer { login: LoginId::parse("kept").unwrap(), ..bearer("3") };
    assert!(matches!(store.check(&kept).await.unwrap(), Answer::Standing { .. }));
}

#[tokio::test]
async fn a_shard_that_was_set_back_goes_on_under_a_new_epoch() {
    let store = store(1).await;
    store.open_empty(0, 3).await.unwrap();
    store.beat(&beat("1")).await.unwrap();
    for (found, follows, epoch) in [(2, 9, 3), (3, 4, 4), (3, 5, 4)] {
        let opened = store.raise_shard(0, found, follows).await.unwrap().unwrap();
        assert_eq!((opened.epoch, opened.n), (epoch, 1));
    }
    store.beat(&beat("2")).await.unwrap();
    let newest = store.newest_entries(0, None, 1).await.unwrap();
    assert_eq!(newest[0].entry().unwrap().shown_version, (4 << 32) + 2);
    let older = store.newest_entries(0, Some(2), 5).await.unwrap();
    assert_eq!(older.iter().map(Outgoing::n).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_record_learns_since_when_its_older_status_holds_again() {
    let store = store(1).await;
    store.open_empty(0, 3).await.unwrap();
    store.beat(&beat("1")).await.unwrap();
    let mut correction = entries(&store).await.remove(0);
    let since = a_day_ahead() + Millis(9_000);
    (correction.since, correction.online_since) = (since, since);
    (correction.shown_since, correction.shown_online_since) = (since, since);
    correction.shown_version = (3 << 32) + 8;
    for _ in 0..2 {
        store.correct(&correction).await.unwrap();
        let view = view(&store, "1").await;
        assert_eq!((view.since, view.online_since, view.shown.since), (since, since, since));
        assert_eq!(view.shown.version, (3 << 32) + 8);
    }
    // Whose status is another by now, or as young, is left alone.
    for (to, since) in [(Status::Busy, since + Millis(1)), (Status::Online, since)] {
        store.correct(&Entry { to, since, shown_version: 1, ..correction.clone() }).await.unwrap();
        assert_eq!(view(&store, "1").await.shown.version, (3 << 32) + 8);
    }
    let nobody = Entry { user: UserId::parse("2").unwrap(), ..correction };
    store.correct(&nobody).await.unwrap();
    assert_eq!(store.views(&[nobody.user]).await.unwrap(), [None]);
}
