//! Heartbeats that go to Redis in one call.

use std::sync::Arc;

use futures::future::join_all;
use rollcall::presence::{ConnectionId, Device, Millis, Org, Pace, Policy, Reason, Status};
use rollcall::store::{Answer, Bearer, Beat, Store};

use super::contract::{bearer, beat, rival};
use super::store;
use crate::support::redis_command;

const PACES: [Pace; 3] = [Pace::Visible, Pace::Hidden, Pace::Socket];

/// Of all kinds: three rhythms, two organisations, with and without a name for the connection.
fn of_many_kinds(number: usize) -> Beat {
    let org = if number.is_multiple_of(5) { Org::parse("team").unwrap() } else { Org::default() };
    // Longer than a short text of MessagePack.
    let name = if number.is_multiple_of(7) { format!("{number:040}") } else { number.to_string() };
    let connection = format!("connection{number}");
    Beat {
        bearer: Bearer { org, ..bearer(&name) },
        pace: PACES[number % PACES.len()],
        device: Some(Device::Web),
        connection: number.is_multiple_of(2).then(|| ConnectionId::parse(&connection).unwrap()),
        ..beat(&name)
    }
}

async fn all_at_once(store: &Store, beats: &[Beat]) -> Vec<(Status, Millis, Millis)> {
    let answers = join_all(beats.iter().map(|beat| store.beat(beat))).await;
    let standing = |answer| match answer {
        Ok(Answer::Standing { status, since, now, .. }) => (status, since, now),
        other => panic!("{other:?}"),
    };
    answers.into_iter().map(standing).collect()
}

async fn passes(store: &Store, so_many: i64) -> Millis {
    let now = store.now().await.unwrap() + Millis(so_many);
    store.clock().set(now);
    now
}

#[tokio::test]
async fn heartbeats_of_one_call_are_not_mixed_up() {
    let store = store(4).await;
    for shard in 0..store.keys().shards() {
        store.open_empty(shard, 1).await.unwrap();
    }
    // While outboxes are read a node may know the status of those whom it let in itself, and of nobody else.
    let following = Arc::clone(&store);
    let following = tokio::spawn(async move { following.follow(&|_| {}).await });
    let beats: Vec<Beat> = (1..=48).map(of_many_kinds).collect();
    let rival = rival(&store).await;
    // A socket belongs to the node that holds it.
    let known = |number: usize| number % 4 < 2 || beats[number].pace == Pace::Socket;
    let mut since = Vec::new();
    for (number, beat) in beats.iter().enumerate() {
        since.push(passes(&store, 7).await);
        rival.clock().set(since[number]);
        let by = if known(number) { &*store } else { &rival };
        all_at_once(by, &[Beat { reason: Reason::Login, ..beat.clone() }]).await;
    }
    passes(&store, 1_000).await;

    // Of those of whom nothing is known Redis says something else now.
    let unknown = beats.iter().zip(&since).enumerate().filter(|(number, _)| !known(*number));
    for (_, (Beat { bearer: Bearer { user, org, .. }, .. }, since)) in unknown {
        let on = store.keys().on(store.keys().shard_of(user), org);
        redis_command(&format!("ZADD {on} {} {user}", 20_000_000_000_000 + since.0)).await;
    }
    let now = passes(&store, 1_000).await;
    let together = [&[of_many_kinds(49)], &beats[..10], &[of_many_kinds(50)], &beats[10..]].concat();
    let together: Vec<Beat> = together.into_iter().map(|beat| Beat { takes: false, ..beat }).collect();
    let mut told = all_at_once(&store, &together).await;
    for newcomer in [11, 0] {
        assert_eq!(told.remove(newcomer), (Status::Online, now, now), "who is new is judged apart");
    }
    for (number, (told, since)) in told.into_iter().zip(&since).enumerate() {
        let status = if known(number) { Status::Online } else { Status::Away };
        assert_eq!(told, (status, *since, now), "{}", beats[number].bearer.user);
    }
    for beat in &together {
        let facts = store.facts(&beat.bearer.user).await.unwrap();
        let [session] = &facts.sessions[..] else { panic!("{:?}", facts.sessions) };
        let ttl = Policy::default().rhythm(beat.pace).ttl;
        assert_eq!((session.pace, session.deadline), (beat.pace, now + ttl), "{}", beat.bearer.user);
    }
    following.abort();
}
