//! Random events through the pure machine and through the real scripts: after every step both must agree on
//! views, counts, what is due, and every entry.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rollcall::presence::machine::{Machine, Sign, Verdict};
use rollcall::presence::{
    Activity, Amendment, Claim, ConnectionId, Device, Gate, GateKind, LoginId, Millis, Org, Outgoing, Pace,
    Policy, Reason, Said, SessionId, Status, Tab, UserId, Whose,
};
use rollcall::store::{Answer, Bearer, Beat, Keys, Store};

const CASES: u32 = 256;
const STEPS: usize = 60;
const EPOCH: i64 = 7;

#[derive(Clone, Debug)]
enum Op {
    Wait(i64),
    Beat {
        who: Who,
        tab: u8,
        said: Option<(Activity, Option<i64>)>,
        pace: Pace,
        device: Option<Device>,
        connection: Option<u8>,
        login: bool,
        takes: bool,
    },
    Touch(Who),
    Close {
        who: Who,
        tab: u8,
        connection: Option<u8>,
    },
    EndLogin {
        who: Who,
        reason: Reason,
    },
    Cut {
        who: Who,
        version: i64,
        keep: bool,
        reason: Reason,
    },
    Gate {
        who: Who,
        kind: Option<GateKind>,
        version: i64,
        ends_in: Option<i64>,
    },
    Claim {
        who: Who,
        whose: Whose,
        claim: Option<(u8, Status, u8, Option<i64>)>,
    },
    Amend {
        who: Who,
        id: u8,
        status: Option<Status>,
        text: Option<u8>,
        ends_in: Option<Option<i64>>,
    },
    Expire,
}

#[derive(Clone, Copy, Debug)]
struct Who {
    user: u8,
    org: u8,
    login: u8,
    version: i64,
}

fn user(number: u8) -> UserId {
    UserId::parse(&format!("{}", 40 + number)).unwrap()
}

fn org(number: u8) -> Org {
    Org::parse(["main", "acme"][usize::from(number)]).unwrap()
}

fn login(number: u8) -> LoginId {
    LoginId::parse(&format!("login{number}")).unwrap()
}

fn tab(number: u8) -> Tab {
    Tab::parse(&number.to_string()).unwrap()
}

fn connection(number: u8) -> ConnectionId {
    ConnectionId::parse(["red", "green", "blue"][usize::from(number)]).unwrap()
}

impl Who {
    fn bearer(self) -> Bearer {
        Bearer {
            user: user(self.user),
            org: org(self.org),
            login: login(self.login),
            token_version: self.version,
        }
    }

    fn session(self, number: u8) -> SessionId {
        SessionId { login: login(self.login), tab: tab(number) }
    }
}

fn words(number: u8) -> String {
    ["", "in a meeting", "\u{fc}/\"\\"][usize::from(number)].into()
}

/// A login keeps its token version: what is cut ends with its whole login, and the next has a higher one. The last of
/// the three logins is the old one.
fn who() -> impl Strategy<Value = Who> {
    (0..3u8, 0..2u8, 0..3u8).prop_map(|(user, org, login)| {
        let version = if login == 2 { 1 } else { 5 };
        Who { user, org, login, version }
    })
}

/// Moments around every edge of the policy.
fn span() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![
        0, 1, 400, 4_999, 5_000, 25_000, 30_000, 59_999, 60_001, 119_999, 120_000, 120_001, 199_999, 200_000,
        900_000, 1_680_001, 1_799_999, 1_800_000, 4_000_000,
    ])
}

fn amend() -> impl Strategy<Value = Op> {
    (
        who(),
        0..8u8,
        prop::option::of(prop::sample::select(Status::ALL.to_vec())),
        prop::option::of(0..3u8),
        prop::option::of(prop::option::of(span())),
    )
        .prop_map(|(who, id, status, text, ends_in)| Op::Amend { who, id, status, text, ends_in })
}

fn end() -> impl Strategy<Value = Op> {
    (who(), prop::sample::select(vec![Reason::Logout, Reason::ForceLogout]))
        .prop_map(|(who, reason)| Op::EndLogin { who, reason })
}

fn beat() -> impl Strategy<Value = Op> {
    let said = prop::option::of((prop::sample::select(Activity::ALL.to_vec()), prop::option::of(span())));
    (
        who(),
        0..4u8,
        said,
        prop::sample::select(Pace::ALL.to_vec()),
        prop::option::of(prop::sample::select(Device::ALL.to_vec())),
        prop::option::of(0..3u8),
        any::<bool>(),
        prop::bool::weighted(0.7),
    )
        .prop_map(|(who, tab, said, pace, device, connection, login, takes)| Op::Beat {
            who,
            tab,
            said,
            pace,
            device,
            connection,
            login,
            takes,
        })
}

fn op() -> impl Strategy<Value = Op> {
    let claim = (
        who(),
        prop::sample::select(vec![Whose::Manual, Whose::Admin]),
        prop::option::weighted(
            0.7,
            (0..8u8, prop::sample::select(Status::ALL.to_vec()), 0..3u8, prop::option::of(span())),
        ),
    )
        .prop_map(|(who, whose, claim)| Op::Claim { who, whose, claim });
    let gate = (
        who(),
        prop::option::of(prop::sample::select(GateKind::ALL.to_vec())),
        0..6i64,
        prop::option::of(span()),
    )
        .prop_map(|(who, kind, version, ends_in)| Op::Gate { who, kind, version, ends_in });
    let cut =
        (who(), 1..6i64, any::<bool>(), prop::sample::select(vec![Reason::LogoutAll, Reason::ForceLogout]))
            .prop_map(|(who, version, keep, reason)| Op::Cut { who, version, keep, reason });
    prop_oneof![
        6 => span().prop_map(Op::Wait),
        12 => beat(),
        3 => who().prop_map(Op::Touch),
        3 => (who(), 0..4u8, prop::option::of(0..3u8)).prop_map(|(who, tab, connection)| Op::Close { who, tab, connection }),
        1 => end(),
        1 => cut,
        1 => gate,
        3 => claim,
        2 => amend(),
        5 => Just(Op::Expire),
    ]
}

/// Machine and store side by side.
struct Pair {
    machine: Machine,
    store: Arc<Store>,
    now: Millis,
}

impl Pair {
    async fn apply(&mut self, op: &Op) {
        if let Op::Wait(ms) = op {
            self.now = self.now + Millis(*ms);
            self.store.clock().set(self.now);
            return;
        }
        let verdict = self.machine_applies(op);
        let answer = self.store_applies(op).await;
        if let (Some(verdict), Some(answer)) = (verdict, answer.clone()) {
            match (verdict, answer) {
                (Verdict::Gated(kind), Answer::Gated(said)) => assert_eq!(kind, said),
                (Verdict::Ended, Answer::Ended) | (Verdict::Superseded, Answer::Superseded) => {}
                (Verdict::Standing, Answer::Standing { status, since, last_seen, .. }) => {
                    let id = user(op.who().unwrap().user);
                    match self.machine.user(&id) {
                        Some(user) => {
                            assert_eq!(
                                (status, since, last_seen),
                                (user.status, user.since, user.last_seen())
                            );
                        }
                        None => assert_eq!(status, Status::Offline),
                    }
                }
                (verdict, answer) => panic!("machine says {verdict:?}, store says {answer:?}"),
            }
        }
        self.compare().await;
        // A call that timed out may have run: made again it changes nothing.
        let again = self.store_applies(op).await;
        if let (Some(Answer::Standing { status, .. }), Some(Answer::Standing { status: first, .. })) =
            (&again, &answer)
        {
            assert_eq!(status, first);
        }
        self.compare().await;
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    fn machine_applies(&mut self, op: &Op) -> Option<Verdict> {
        let now = self.now;
        match op.clone() {
            Op::Wait(_) => None,
            Op::Beat { who, tab, said, pace, device, connection: number, login, takes } => {
                let (activity, idle_ms) = said.unzip();
                let sign = Sign {
                    user: user(who.user),
                    org: org(who.org),
                    session: who.session(tab),
                    token_version: who.version,
                    said: Said::new(activity, idle_ms.flatten()),
                    pace,
                    device,
                    connection: number.map(connection),
                    reason: if login { Reason::Login } else { Reason::Connect },
                    takes,
                };
                Some(self.machine.beat(now, &sign))
            }
            Op::Touch(who) => {
                Some(self.machine.touch(now, &user(who.user), &org(who.org), &login(who.login), who.version))
            }
            Op::Close { who, tab, connection: number } => {
                self.machine.close(now, &user(who.user), &who.session(tab), number.map(connection).as_ref());
                Some(Verdict::Standing)
            }
            Op::EndLogin { who, reason } => {
                self.machine.end_login(now, &user(who.user), &org(who.org), &login(who.login), reason);
                None
            }
            Op::Cut { who, version, keep, reason } => {
                let keep = keep.then(|| login(who.login));
                self.machine.cut(now, &user(who.user), &org(who.org), version, keep.as_ref(), reason);
                None
            }
            Op::Gate { who, kind, version, ends_in } => {
                self.machine.gate(now, &user(who.user), &org(who.org), self.gate(kind, version, ends_in));
                None
            }
            Op::Claim { who, whose, claim } => {
                self.machine.claim(now, &user(who.user), &org(who.org), whose, self.claim(claim));
                Some(Verdict::Standing)
            }
            Op::Amend { who, .. } => {
                self.machine.amend(now, &user(who.user), &org(who.org), Whose::Manual, self.amendment(op));
                None
            }
            Op::Expire => {
                for number in 0..3 {
                    self.machine.expire(now, &user(number), &org(0));
                }
                None
            }
        }
    }

    async fn store_applies(&self, op: &Op) -> Option<Answer> {
        let store = &self.store;
        match op.clone() {
            Op::Wait(_) => None,
            Op::Beat { who, .. } => Some(store.beat(&op.beat(who)).await.unwrap()),
            Op::Touch(who) => Some(store.touch_now(&who.bearer()).await.unwrap()),
            Op::Close { who, tab: number, connection: link } => {
                let link = link.map(connection);
                Some(store.close(&who.bearer(), &tab(number), link.as_ref()).await.unwrap())
            }
            Op::EndLogin { who, reason } => {
                let (user, org, login) = (user(who.user), org(who.org), login(who.login));
                store.end_login_for(&user, &org, &login, reason, None, None).await.unwrap();
                None
            }
            Op::Cut { who, version, keep, reason } => {
                let keep = keep.then(|| login(who.login));
                store
                    .cut(&user(who.user), &org(who.org), version, keep.as_ref(), reason, None)
                    .await
                    .unwrap();
                None
            }
            Op::Gate { who, kind, version, ends_in } => {
                let gate = self.gate(kind, version, ends_in);
                store.gate(&user(who.user), &org(who.org), &gate, None).await.unwrap();
                None
            }
            Op::Claim { who, whose, claim } => {
                let claim = self.claim(claim);
                Some(store.claim(&user(who.user), &org(who.org), whose, claim.as_ref(), None).await.unwrap())
            }
            Op::Amend { who, .. } => {
                store.amend_claim(&user(who.user), &org(who.org), &self.amendment(op)).await.unwrap();
                None
            }
            Op::Expire => {
                // One by one: where the organisation was guessed wrong a user comes later, and takes a later n.
                for number in 0..3 {
                    store.expire(0, &[user(number)]).await.unwrap();
                }
                None
            }
        }
    }

    fn gate(&self, kind: Option<GateKind>, version: i64, ends_in: Option<i64>) -> Gate {
        let until = ends_in.filter(|_| kind.is_some()).map(|ms| self.now + Millis(ms));
        Gate { kind, version, until }
    }

    fn claim(&self, claim: Option<(u8, Status, u8, Option<i64>)>) -> Option<Claim> {
        claim.map(|(id, status, text, ends_in)| Claim {
            id: format!("claim{id}"),
            status,
            text: words(text),
            emoji: String::new(),
            until: ends_in.map(|ms| self.now + Millis(ms)),
        })
    }

    fn amendment(&self, op: &Op) -> Amendment {
        let Op::Amend { id, status, text, ends_in, .. } = op else {
            panic!("{op:?} amends nothing");
        };
        Amendment {
            id: format!("claim{id}"),
            status: *status,
            text: text.map(words),
            emoji: None,
            until: ends_in.map(|ends_in| ends_in.map(|ms| self.now + Millis(ms))),
        }
    }

    async fn compare(&self) {
        let users = [user(0), user(1), user(2)];
        let views = self.store.views(&users).await.unwrap();
        for (id, view) in users.iter().zip(views) {
            let expected = self.machine.user(id);
            assert_eq!(view.is_some(), expected.is_some(), "record of {id}");
            let (Some(view), Some(expected)) = (view, expected) else {
                continue;
            };
            assert_eq!(view.org, expected.org);
            assert_eq!((view.status, view.since), (expected.status, expected.since));
            assert_eq!((view.online_since, view.last_seen), (expected.online_since, expected.last_seen()));
            assert_eq!(view.shown.status, expected.status.shown());
            assert_eq!(
                (view.shown.since, view.shown.online_since),
                (expected.shown.since, expected.shown.online_since)
            );
            assert_eq!(
                (view.shown.last_seen, view.shown.version),
                (expected.shown_last_seen(), expected.shown.version)
            );
            let devices: BTreeSet<Device> =
                expected.sessions.iter().filter_map(|session| session.device).collect();
            assert_eq!(view.devices, devices.into_iter().collect::<Vec<_>>());
            let claims = self.machine.claims(id);
            let text = claims.in_force().map(|claim| claim.text.clone()).filter(|text| !text.is_empty());
            assert_eq!(view.text, text);
        }
        self.compare_counts().await;
        let expected: Vec<_> = self.machine.log().iter().cloned().map(Outgoing::Entry).collect();
        assert_eq!(self.store.entries(0, 0, 1_000).await.unwrap(), expected);
        self.compare_due(&users).await;
    }

    async fn compare_counts(&self) {
        for scope in [None, Some(org(0)), Some(org(1))] {
            let stats = self.store.stats(scope.as_ref()).await.unwrap();
            let in_scope =
                || self.machine.users().filter(|(_, user)| scope.as_ref().is_none_or(|org| user.org == *org));
            let count = |status| in_scope().filter(|(_, user)| user.status == status).count() as u64;
            assert_eq!(stats.online, count(Status::Online));
            assert_eq!(stats.away, count(Status::Away));
            assert_eq!(stats.busy, count(Status::Busy));
            assert_eq!(stats.invisible, count(Status::Invisible));
            assert_eq!(stats.sessions, in_scope().map(|(_, user)| user.shown_sessions() as u64).sum::<u64>());
            if scope.is_none() {
                let present = self.store.present(None, None, 10).await.unwrap();
                assert_eq!(present.len() as u64, stats.online + stats.away + stats.busy);
            }
        }
    }

    async fn compare_due(&self, users: &[UserId]) {
        let due = self.store.due(&[0], Duration::ZERO, 500, false).await.unwrap().remove(0);
        let found: BTreeSet<_> =
            due.members.iter().filter_map(|due| Some((due.user.clone(), due.session.clone()?))).collect();
        let sessions = users.iter().filter_map(|id| Some((id, self.machine.user(id)?)));
        let expected: BTreeSet<_> = sessions
            .flat_map(|(id, user)| user.sessions.iter().map(move |session| (id, session)))
            .filter(|(_, session)| session.deadline <= self.now)
            .map(|(id, session)| (id.clone(), Keys::handle(&session.id)))
            .collect();
        assert_eq!(found, expected);
    }
}

impl Op {
    /// The heartbeat that this is.
    fn beat(&self, who: Who) -> Beat {
        let Self::Beat { tab: number, said, pace, device, connection: link, login, takes, .. } = self else {
            panic!("{self:?} is no heartbeat");
        };
        let (activity, idle_ms) = said.unzip();
        Beat {
            bearer: who.bearer(),
            tab: tab(*number),
            activity,
            idle_ms: idle_ms.flatten(),
            pace: *pace,
            device: *device,
            connection: link.map(connection),
            reason: if *login { Reason::Login } else { Reason::Connect },
            takes: *takes,
        }
    }

    fn who(&self) -> Option<Who> {
        match self {
            Self::Beat { who, .. } | Self::Touch(who) | Self::Close { who, .. } | Self::Claim { who, .. } => {
                Some(*who)
            }
            _ => None,
        }
    }
}

#[test]
fn scripts_do_what_the_machine_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let result = TestRunner::new(config).run(&prop::collection::vec(op(), STEPS), |ops| {
        let outcome = runtime.block_on(async {
            let store = super::store(1).await;
            store.open_empty(0, EPOCH).await.unwrap();
            let now = super::a_day_ahead();
            store.clock().set(now);
            let mut pair = Pair { machine: Machine::new(Policy::default(), EPOCH), store, now };
            tokio::spawn(async move {
                for op in &ops {
                    pair.apply(op).await;
                }
            })
            .await
        });
        outcome.map_err(|panic| TestCaseError::fail(panic.to_string()))
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
