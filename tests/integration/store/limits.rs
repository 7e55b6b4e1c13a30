//! Quotas on a real Redis: beside a pure model, over two nodes, and the life of attempts. Time is moved.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rollcall::metrics::labels::LimitPolicy;
use rollcall::presence::{LoginId, Millis, UserId};
use rollcall::store::Store;
use rollcall::store::limits::{Admission, Limits, NotTaken, Pace, Quota, Quotas, Subject, Take};

use super::store;
use crate::journeys::eventually;
use crate::support;

const SECOND: Duration = Duration::from_secs(1);

/// A quota in Rust: `at` is when it is whole again, in us.
#[derive(Clone, Copy, Debug)]
struct Model {
    at: i64,
    each: i64,
    burst: i64,
}

impl Model {
    fn at(&self, now: i64) -> i64 {
        self.at.clamp(now, now + self.each * self.burst)
    }

    fn missing(&self, now: i64, cost: i64) -> i64 {
        (self.at(now) + self.each * cost - now - self.each * self.burst).max(0)
    }

    fn left(&self, now: i64) -> i64 {
        (now + self.each * self.burst - self.at(now)) / self.each
    }
}

fn ms(us: i64) -> Duration {
    Duration::from_millis(u64::try_from(us.div_euclid(1_000) + i64::from(us.rem_euclid(1_000) > 0)).unwrap())
}

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Take(Vec<(usize, u32)>),
}

fn step() -> impl Strategy<Value = Step> {
    let takes = proptest::sample::subsequence(vec![0_usize, 1, 2], 1..=3);
    prop_oneof![
        (0..3_000_000_i64).prop_map(Step::Wait),
        (takes, proptest::collection::vec(1..=3_u32, 3))
            .prop_map(|(which, costs)| { Step::Take(which.into_iter().zip(costs).collect()) }),
    ]
}

/// Steps on three quotas of one owner, in Redis and in the model. They take minutes to be whole: keys live by the real
/// clock, and the one that scripts go by stands still meanwhile.
async fn compare(store: &Store, case: u32, steps: Vec<Step>) {
    const QUOTAS: [(&str, u64, u32); 3] = [("a", 300_000_000, 3), ("b", 777_777_777, 5), ("c", 7_000_001, 4)];
    let start = super::a_day_ahead();
    store.clock().set(start);
    let (mut now, whose) = (start.0 * 1_000, format!("case-{case}"));
    let mut model = QUOTAS.map(|(_, each, burst)| Model {
        at: 0,
        each: i64::try_from(each).unwrap(),
        burst: i64::from(burst),
    });
    for step in steps {
        let chosen = match step {
            Step::Wait(ms) => {
                now += ms * 1_000;
                store.clock().set(Millis(now / 1_000));
                continue;
            }
            Step::Take(chosen) => chosen,
        };
        let takes: Vec<Take> = chosen
            .iter()
            .map(|&(number, cost)| {
                let (name, each, burst) = QUOTAS[number];
                let quota = Quota::new(Duration::from_micros(each), burst);
                Take { whose: whose.clone(), name, quota, cost }
            })
            .collect();
        let fits = chosen.iter().all(|&(number, cost)| model[number].missing(now, i64::from(cost)) == 0);
        let found = store.take(&takes).await.unwrap();
        for (&(number, cost), found) in chosen.iter().zip(found) {
            let quota = &mut model[number];
            let wait = quota.missing(now, i64::from(cost));
            if fits {
                quota.at = quota.at(now) + quota.each * i64::from(cost);
            }
            assert_eq!(i64::from(found.left), quota.left(now), "{number} {quota:?}");
            assert_eq!(
                (found.whole_in, found.wait),
                (ms(quota.at(now) - now), ms(wait)),
                "{number} {quota:?}"
            );
        }
    }
}

#[test]
fn quotas_in_redis_are_those_of_the_model() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(store(1));
    let mut runner = TestRunner::new(Config { cases: 128, failure_persistence: None, ..Config::default() });
    let case = std::cell::Cell::new(0);
    let outcome = runner.run(&proptest::collection::vec(step(), 1..40), |steps| {
        case.set(case.get() + 1);
        runtime.block_on(compare(&store, case.get(), steps));
        Ok(())
    });
    outcome.unwrap();
}

#[tokio::test]
async fn a_quota_goes_by_the_clock_of_redis_and_leaves_nothing_behind() {
    let store = store(1).await;
    store.clock().set(Millis(0));
    let take =
        Take { whose: "203.0.113.9/32".into(), name: "login", quota: Quota::new(SECOND / 10, 2), cost: 2 };
    let [first] = store.take(std::slice::from_ref(&take)).await.unwrap()[..] else { panic!() };
    assert_eq!((first.left, first.wait), (0, Duration::ZERO));
    assert!((150..=200).contains(&first.whole_in.as_millis()), "{first:?}");
    let [second] = store.take(&[take]).await.unwrap()[..] else { panic!() };
    assert!((100..=200).contains(&second.wait.as_millis()), "{second:?}");
    let key = store.keys().quota("203.0.113.9/32", "login");
    let exists = format!("EXISTS {key}");
    let gone = async || (support::redis_command(&exists).await == ":0\r\n").then_some(());
    eventually("the key is gone", SECOND * 5, gone).await;
}

/// Another node on the same data and at the same time.
async fn another(store: &Store) -> Arc<Store> {
    let node = Arc::new(Store::connect(super::settings_of(store)).await.unwrap());
    node.clock().set(super::a_day_ahead());
    node
}

fn limits() -> Limits {
    let quota = Some(Quota::new(SECOND * 100, 4));
    Limits::new(Quotas { register: quota, login: quota, login_account: quota })
}

#[tokio::test]
async fn two_nodes_share_one_quota_and_remember_when_it_is_spent() {
    let here = store(1).await;
    let there = another(&here).await;
    let (ours, theirs) = (limits(), limits());
    for expected in [3, 2, 1, 0] {
        let (node, limits) = if expected % 2 == 0 { (&here, &ours) } else { (&there, &theirs) };
        let standing = limits.take(node, LimitPolicy::Login, "203.0.113.9/32").await.unwrap().unwrap();
        assert_eq!(standing.left, expected);
    }
    for (node, limits) in [(&here, &ours), (&there, &theirs), (&here, &ours)] {
        let refused = limits.take(node, LimitPolicy::Login, "203.0.113.9/32").await;
        let Err(NotTaken::Spent(spent)) = refused else { panic!("{refused:?}") };
        assert!(spent.standing.wait <= SECOND * 100 && !spent.standing.wait.is_zero(), "{spent:?}");
    }
    // Another policy and another address have quotas of their own.
    assert!(ours.take(&here, LimitPolicy::Register, "203.0.113.9/32").await.is_ok());
    assert!(ours.take(&here, LimitPolicy::Login, "203.0.113.8/32").await.is_ok());
}

#[tokio::test]
async fn failures_make_wait_ever_longer_and_a_success_ends_that() {
    let store = store(1).await;
    let quota = Quota::new(Duration::from_millis(1), 1_000);
    let ada = Subject::new("Ada ", Some("203.0.113.9/32"));
    assert_eq!(ada, Subject::new(" ada", Some("203.0.113.9/32")), "as a login takes names");
    let mut now = super::a_day_ahead();
    for expected in [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60] {
        assert!(
            matches!(store.admit_attempt(&ada, quota).await, Ok(Admission::Admitted { .. })),
            "{expected}"
        );
        let wait = store.note_attempt(&ada, false).await.unwrap();
        assert_eq!(wait, SECOND * expected);
        if !wait.is_zero() {
            let Ok(Admission::Waiting(standing)) = store.admit_attempt(&ada, quota).await else { panic!() };
            assert_eq!(standing.wait, wait);
        }
        // Neither another address nor another name has to wait.
        for other in
            [Subject::new("ada", Some("203.0.113.8/32")), Subject::new("bob", Some("203.0.113.9/32"))]
        {
            assert!(matches!(store.admit_attempt(&other, quota).await, Ok(Admission::Admitted { .. })));
        }
        now = now + Millis(i64::try_from(wait.as_millis()).unwrap());
        store.clock().set(now);
    }
    store.note_attempt(&ada, true).await.unwrap();
    assert_eq!(store.note_attempt(&ada, false).await.unwrap(), Duration::ZERO, "the failures are forgotten");
}

#[tokio::test]
async fn strangers_share_a_quota_and_cannot_lock_the_owner_out() {
    let store = store(1).await;
    let quota = Quota::new(SECOND * 6, 10);
    let home = Subject::new("ada", Some("203.0.113.9/32"));
    store.note_attempt(&home, true).await.unwrap();
    for number in 0..10 {
        let stranger = Subject::new("ada", Some(&format!("198.51.100.{number}/32")));
        let admitted = store.admit_attempt(&stranger, quota).await;
        let Ok(Admission::Admitted { standing, known: false }) = admitted else { panic!("{admitted:?}") };
        assert_eq!(standing.left, 9 - number);
    }
    let stranger = Subject::new("ada", Some("198.51.100.200/32"));
    let Ok(Admission::Spent(standing)) = store.admit_attempt(&stranger, quota).await else { panic!() };
    assert_eq!((standing.left, standing.wait), (0, SECOND * 6));
    let admitted = store.admit_attempt(&home, quota).await;
    let Ok(Admission::Admitted { standing, known: true }) = admitted else { panic!("{admitted:?}") };
    assert_eq!(standing.left, 9, "the owner's own address has a quota of its own");
}

#[tokio::test]
async fn requests_are_let_through_by_the_node_and_then_by_all_nodes_together() {
    let here = store(1).await;
    let there = another(&here).await;
    let quota = Quota::new(SECOND * 1_000, 400);
    let (ours, theirs) = (Pace::new(quota), Pace::new(quota));
    let (ada, login) = (UserId::parse("1").unwrap(), LoginId::parse("l").unwrap());
    let keys = format!("KEYS {}limit:*", here.keys().nodes().trim_end_matches("nodes"));
    let mut admitted = 0;
    for request in 0..1_000 {
        if request < 40 {
            assert_eq!(support::redis_command(&keys).await, "*0\r\n", "redis is not asked");
        }
        let (node, pace) = if request % 2 == 0 { (&here, &ours) } else { (&there, &theirs) };
        admitted += u32::from(pace.take(node, &ada, &login).await.is_ok());
    }
    // What each node lets through by itself, and what they share.
    assert_eq!(admitted, 40 + 40 + 360);
    let spent = ours.take(&here, &ada, &login).await.unwrap_err();
    assert_eq!(spent.policy, LimitPolicy::Requests);
    assert!(!spent.standing.wait.is_zero());
    // Another login is another matter.
    assert!(ours.take(&here, &ada, &LoginId::parse("m").unwrap()).await.is_ok());
}
