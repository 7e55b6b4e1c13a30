//! Who is present, the newest first: from all shards, sets and statuses, with and without their records.

use std::sync::Arc;

use rollcall::presence::{Activity, Claim, Millis, Org, Status, UserId, Whose};
use rollcall::store::{Bearer, Beat, Store};

use super::contract::{bearer, beat};
use super::{a_day_ahead, store};

/// So many shards of nobody.
async fn shards(count: u16) -> Arc<Store> {
    let store = store(count).await;
    for shard in 0..count {
        store.open_empty(shard, 1).await.unwrap();
    }
    store
}

#[tokio::test]
async fn the_newest_are_listed_even_where_one_shard_has_most_of_them() {
    are_listed_from(64).await;
}

/// One call does not read all of these.
#[tokio::test]
async fn the_newest_are_listed_even_where_one_of_many_shards_has_most_of_them() {
    are_listed_from(256).await;
}

async fn are_listed_from(count: u16) {
    let store = shards(count).await;
    let users: Vec<UserId> = (1..20_000).map(|user| UserId::parse(&user.to_string()).unwrap()).collect();
    let of_one = users[30..].iter().filter(|user| store.keys().shard_of(user) == 7).take(30);
    let in_order: Vec<&UserId> = users[..30].iter().chain(of_one).collect();
    let status_of = |moment: usize| if moment.is_multiple_of(3) { Status::Away } else { Status::Online };
    let (default, team) = (Org::default(), Org::parse("team").unwrap());
    let org_of = |moment: usize| if moment.is_multiple_of(7) { &team } else { &default };
    for (moment, user) in in_order.iter().enumerate() {
        store.clock().set(a_day_ahead() + Millis(i64::try_from(moment).unwrap()));
        let is_away = status_of(moment) == Status::Away;
        let activity = Some(if is_away { Activity::Idle } else { Activity::Active });
        let bearer = Bearer { org: org_of(moment).clone(), ..bearer(user.as_str()) };
        store.beat(&Beat { bearer, activity, ..beat(user.as_str()) }).await.unwrap();
    }
    let newest = in_order.iter().enumerate().rev();
    let listed = store.listed(7, 11).await.unwrap();
    assert_eq!(listed.len(), 11, "of one shard no more than were asked for");
    for limit in [1, 20, 45, 60] {
        for asked in [None, Some(Status::Away), Some(Status::Online), Some(Status::Busy)] {
            for org in [None, Some(&default), Some(&team)] {
                let wanted = newest.clone().filter(|(moment, _)| {
                    asked.is_none_or(|asked| asked == status_of(*moment))
                        && org.is_none_or(|org| org == org_of(*moment))
                });
                let wanted: Vec<&UserId> = wanted.map(|(_, user)| *user).take(limit).collect();
                let listed = store.present(org, asked, limit).await.unwrap();
                let listed: Vec<UserId> = listed.into_iter().map(|(user, ..)| user).collect();
                assert_eq!(listed.iter().collect::<Vec<_>>(), wanted, "{limit} {asked:?} {org:?}");
                let views = store.present_views(org, asked, limit).await.unwrap();
                let records = store.views(&listed).await.unwrap().into_iter().flatten().collect::<Vec<_>>();
                assert_eq!(views, records, "{limit} {asked:?} {org:?}");
                assert_eq!(views.len(), wanted.len());
            }
        }
    }
}

#[tokio::test]
async fn who_came_in_one_moment_is_as_new_as_the_others_of_it() {
    let store = shards(64).await;
    let moment = a_day_ahead();
    store.clock().set(moment);
    // Names of every kind that a user may have: where their record is, is reckoned from them twice.
    let name = |user: u32| match user % 3 {
        0 => format!("shop~Person_{user}.of-%20{}", "x".repeat(100)),
        1 => format!("{user}"),
        _ => format!("~{user}"),
    };
    let users: Vec<UserId> = (0..300).map(|user| UserId::parse(&name(user)).unwrap()).collect();
    for user in &users {
        store.beat(&beat(user.as_str())).await.unwrap();
    }
    store.clock().set(moment + Millis(1));
    let claim = Claim {
        id: "1".into(),
        status: Status::Busy,
        text: "in a call".to_owned(),
        emoji: String::new(),
        until: None,
    };
    store.claim(&users[17], &Org::default(), Whose::Manual, Some(&claim), None).await.unwrap();
    store.clock().set(moment + Millis(2));
    let unseen = Claim { id: "2".into(), status: Status::Invisible, text: String::new(), ..claim };
    store.claim(&users[42], &Org::default(), Whose::Manual, Some(&unseen), None).await.unwrap();
    for limit in [1, 2, 10, 64, 250, 299] {
        let views = store.present_views(None, None, limit).await.unwrap();
        assert_eq!(views.len(), limit);
        assert_eq!((&views[0].user, views[0].text.as_deref()), (&users[17], Some("in a call")));
        assert!(views[1..].iter().all(|view| view.since == moment && view.text.is_none()));
        let mut listed: Vec<UserId> = views.iter().map(|view| view.user.clone()).collect();
        assert_eq!(store.views(&listed).await.unwrap().into_iter().flatten().collect::<Vec<_>>(), views);
        listed.sort();
        listed.dedup();
        assert_eq!(listed.len(), limit);
        assert!(!listed.contains(&users[42]));
    }
    assert_eq!(store.present_views(None, None, 300).await.unwrap().len(), 299);
}
