//! What a socket is, without the socket: what it hears and the time go in, what is to be done comes out. It knows no
//! store, no hub and no connection, and reads no clock.
//!
//! Longer than the house number because what one connection may do at which moment is judged in one place.

use std::time::{Duration, Instant};

use super::act::{Act, Beaten, Input, Sign, Times};
use super::activity::Said;
use super::bucket::{Bucket, Measure};
use super::goodbye::Goodbye;
use super::protocol::{ClientFrame, Heartbeat, Hello};
use crate::http::ApiError;
use crate::metrics::labels::LiveMessage;
use crate::presence::{ConnectionId, Device, Tab};

/// How long a client may take to say who it is.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Signs of life that say nothing new become one of the store's at most this often: so much earlier may a lease end.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// A sign of life that could not be recorded is tried again after this long.
const RETRY: Duration = Duration::from_secs(1);
/// Frames that may wait for the welcome.
const MOST_HELD: usize = 10;
/// Frames of one connection.
const FRAMES: Measure = Measure { each: Duration::from_millis(50), burst: 100 };
/// Frames that cannot be understood, or are too many, before the connection is closed.
const STRIKES: Measure = Measure { each: Duration::from_secs(10), burst: 20 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nobody has said anything yet.
    Silent,
    /// A hello is being looked at.
    Greeted,
    /// Present.
    Open,
}

/// One connection, as far as the protocol goes.
#[derive(Debug)]
pub struct Session {
    times: Times,
    phase: Phase,
    began: Instant,
    tab: Tab,
    connection: ConnectionId,
    device: Option<Device>,
    activity: Said,
    /// When the client was last heard.
    heard: Instant,
    /// When the last sign of life was made.
    signed: Instant,
    /// When the last one was made that was recorded: not when that was known, which a slow store tells late.
    recorded: Option<Instant>,
    /// When one that was not is tried again.
    retry_at: Option<Instant>,
    ping_at: Instant,
    /// When the token ends; `None` before there is one.
    expires: Option<Instant>,
    frames: Bucket,
    strikes: Bucket,
    /// What was asked for before the welcome.
    held: Vec<Act>,
}

impl Session {
    /// A connection that has just been made. Names are for a client that brings none.
    #[must_use]
    pub const fn new(times: Times, tab: Tab, connection: ConnectionId, now: Instant) -> Self {
        Self {
            times,
            phase: Phase::Silent,
            began: now,
            tab,
            connection,
            device: None,
            activity: Said::new(),
            heard: now,
            signed: now,
            recorded: None,
            retry_at: None,
            ping_at: now,
            expires: None,
            frames: Bucket::new(now),
            strikes: Bucket::new(now),
            held: Vec::new(),
        }
    }

    /// Its tab.
    #[must_use]
    pub const fn tab(&self) -> &Tab {
        &self.tab
    }

    /// Its connection.
    #[must_use]
    pub const fn connection(&self) -> &ConnectionId {
        &self.connection
    }

    /// Its device.
    #[must_use]
    pub const fn device(&self) -> Option<Device> {
        self.device
    }

    /// Whether the last sign of life could not be recorded.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.retry_at.is_some()
    }

    /// Whether the client was welcomed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// A token came with the handshake, or was verified; it ends then.
    pub fn admit(&mut self, expires: Instant, now: Instant) -> Vec<Act> {
        let is_first = self.expires.is_none();
        self.expires = Some(expires);
        match self.phase {
            // What was said before was the hello.
            Phase::Greeted if is_first => vec![Act::Beat(self.sign(true, false, now))],
            _ => Vec::new(),
        }
    }

    /// Something was heard; answers what it was, too.
    pub fn hear(&mut self, input: &Input<'_>, now: Instant) -> (LiveMessage, Vec<Act>) {
        self.heard = now;
        let frame = match input {
            _ if !self.frames.take(FRAMES, now) => Err(ApiError::RateLimited(1)),
            Input::Pong => return (LiveMessage::Pong, self.living(now)),
            Input::Binary => Err(ApiError::invalid("", "expected a frame of text")),
            Input::Oversized => Err(ApiError::TooLarge),
            Input::Text(text) => ClientFrame::parse(text),
        };
        match frame {
            Ok(frame) => (frame.label(), self.said(frame, now)),
            // It is a sign of life all the same.
            Err(error) => {
                let mut acts = self.strike(error, now);
                acts.extend(self.living(now));
                (LiveMessage::Unknown, acts)
            }
        }
    }

    fn said(&mut self, frame: ClientFrame, now: Instant) -> Vec<Act> {
        let mut acts = Vec::new();
        if self.phase == Phase::Silent && !matches!(frame, ClientFrame::Hello(_)) {
            // Whoever has a token and says something else first has no names and nothing to say of itself.
            acts = self.greet(Hello::default(), now);
        }
        match frame {
            ClientFrame::Hello(hello) => acts.extend(self.greet(hello, now)),
            ClientFrame::Heartbeat(heartbeat) => acts.extend(self.heartbeat(&heartbeat, now)),
            ClientFrame::StatusChange(body) => acts.extend(self.when_open(Act::Status(Box::new(body)), now)),
            ClientFrame::Watch(targets) => acts.extend(self.when_open(Act::Watch(targets), now)),
            ClientFrame::Unwatch(targets) => acts.extend(self.when_open(Act::Unwatch(targets), now)),
            ClientFrame::Join { room, grant } => acts.extend(self.when_open(Act::Join { room, grant }, now)),
            ClientFrame::Leave { room } => acts.extend(self.when_open(Act::Leave(room), now)),
            ClientFrame::Typing { room, on } => acts.extend(self.when_open(Act::Typing { room, on }, now)),
        }
        acts
    }

    /// The first hello begins the session; later ones bring a token, or say how the client is.
    fn greet(&mut self, hello: Hello, now: Instant) -> Vec<Act> {
        self.activity.note(hello.activity, hello.idle_ms, now);
        let is_first = self.phase == Phase::Silent;
        if is_first {
            self.tab = hello.session.unwrap_or_else(|| self.tab.clone());
            self.connection = hello.connection.unwrap_or_else(|| self.connection.clone());
            self.device = hello.device;
            self.phase = Phase::Greeted;
        }
        match hello.token {
            Some(token) => vec![Act::Verify(token)],
            None if self.expires.is_none() => vec![Act::Close(Goodbye::Token(ApiError::TokenMissing.code()))],
            None if is_first => vec![Act::Beat(self.sign(true, false, now))],
            None => self.living(now),
        }
    }

    fn heartbeat(&mut self, said: &Heartbeat, now: Instant) -> Vec<Act> {
        let is_news = self.activity.note(said.activity, said.idle_ms, now);
        if self.phase != Phase::Open {
            return Vec::new();
        }
        if is_news || self.is_beat_due(now) {
            vec![Act::Beat(self.sign(false, true, now))]
        } else {
            vec![Act::Pong]
        }
    }

    fn sign(&mut self, takes: bool, answer: bool, now: Instant) -> Sign {
        self.signed = now;
        let (activity, idle_ms) = self.activity.tell(now);
        Sign { activity, idle_ms, takes, answer }
    }

    fn is_beat_due(&self, now: Instant) -> bool {
        self.recorded.is_none_or(|recorded| now.saturating_duration_since(recorded) >= BEAT_EVERY)
    }

    /// Something that says nothing but that the client lives.
    fn living(&mut self, now: Instant) -> Vec<Act> {
        let is_due = self.phase == Phase::Open && self.is_beat_due(now);
        if is_due { vec![Act::Beat(self.sign(false, false, now))] } else { Vec::new() }
    }

    /// Does what only somebody who is present may ask for. Any frame is a sign of life, too.
    fn when_open(&mut self, act: Act, now: Instant) -> Vec<Act> {
        if self.phase != Phase::Open {
            // The hello could not be recorded yet, and is tried again: what followed it waits for that.
            return if self.held.len() < MOST_HELD {
                self.held.push(act);
                Vec::new()
            } else {
                vec![Act::Refuse(ApiError::Overloaded)]
            };
        }
        let mut acts = self.living(now);
        acts.push(act);
        acts
    }

    /// What was asked for before the welcome.
    pub fn take_held(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.held)
    }

    fn strike(&mut self, error: ApiError, now: Instant) -> Vec<Act> {
        if self.strikes.take(STRIKES, now) {
            vec![Act::Refuse(error)]
        } else {
            vec![Act::Close(Goodbye::Abusive)]
        }
    }

    /// Tells what became of a sign of life. A first one that was recorded opens the session.
    pub fn beaten(&mut self, beaten: Beaten, now: Instant) {
        self.retry_at = None;
        match beaten {
            Beaten::Recorded => {
                self.recorded = Some(self.signed);
                if self.phase == Phase::Greeted {
                    self.phase = Phase::Open;
                    self.ping_at = now + self.times.interval;
                }
            }
            Beaten::Superseded => {}
            Beaten::Failed => self.retry_at = Some(now + RETRY),
        }
    }

    /// Goes on as a session of its own, because a newer connection has taken this one: a copied tab, say.
    pub fn rename(&mut self, tab: Tab, now: Instant) -> Sign {
        self.tab = tab;
        self.phase = Phase::Greeted;
        self.sign(true, false, now)
    }

    /// When [`Session::tick`] has something to do next.
    #[must_use]
    pub fn next_tick(&self) -> Instant {
        let silence = self.heard + self.times.ttl;
        let next = match self.phase {
            Phase::Silent => self.began + HELLO_TIMEOUT,
            Phase::Greeted => self.retry_at.unwrap_or(silence),
            Phase::Open => self.ping_at.min(self.retry_at.unwrap_or(silence)).min(silence),
        };
        self.expires.map_or(next, |expires| next.min(expires))
    }

    /// The time has come for something. `interval`: until the next ping.
    pub fn tick(&mut self, interval: Duration, now: Instant) -> Vec<Act> {
        if self.expires.is_some_and(|expires| expires <= now) {
            return vec![Act::Close(Goodbye::Token(ApiError::TokenExpired.code()))];
        }
        if self.phase == Phase::Silent {
            return if now < self.began + HELLO_TIMEOUT {
                Vec::new()
            } else {
                // Who came with a token and says nothing is welcome; who did not is not.
                self.greet(Hello::default(), now)
            };
        }
        if now.saturating_duration_since(self.heard) >= self.times.ttl {
            return vec![Act::Close(Goodbye::Silent)];
        }
        let mut acts = Vec::new();
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            acts.push(Act::Beat(self.sign(self.phase == Phase::Greeted, false, now)));
        }
        if self.phase == Phase::Open && self.ping_at <= now {
            self.ping_at = now + interval;
            acts.push(Act::Ping);
        }
        acts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::acts::name;
    use crate::presence::Activity;

    const TIMES: Times = Times { interval: Duration::from_secs(25), ttl: Duration::from_secs(60) };
    const HOUR: Duration = Duration::from_hours(1);

    /// A connection and its clock.
    struct Line {
        session: Session,
        now: Instant,
    }

    impl Line {
        fn new() -> Self {
            let now = Instant::now();
            Self { session: Session::new(TIMES, name(), name(), now), now }
        }

        /// One whose client has a token and was welcomed.
        fn open() -> Self {
            let mut line = Self::new();
            line.session.admit(line.now + HOUR, line.now);
            assert!(matches!(
                line.say(r#"{"type":"hello","session":"one"}"#)[..],
                [Act::Beat(Sign { takes: true, .. })]
            ));
            line.session.beaten(Beaten::Recorded, line.now);
            line
        }

        fn say(&mut self, text: &str) -> Vec<Act> {
            self.session.hear(&Input::Text(text), self.now).1
        }

        fn pong(&mut self) -> Vec<Act> {
            self.session.hear(&Input::Pong, self.now).1
        }

        /// Moves to the next moment at which something is to be done, and does it.
        fn tick(&mut self) -> Vec<Act> {
            self.now = self.session.next_tick();
            self.session.tick(TIMES.interval, self.now)
        }
    }

    fn sign(acts: &[Act]) -> &Sign {
        match acts {
            [Act::Beat(sign)] => sign,
            other => panic!("no sign of life: {other:?}"),
        }
    }

    #[test]
    fn a_hello_without_any_token_ends_it_and_so_does_silence() {
        let mut line = Line::new();
        assert!(matches!(line.say(r#"{"type":"hello"}"#)[..], [Act::Close(Goodbye::Token("token_missing"))]));
        let mut line = Line::new();
        assert!(matches!(line.tick()[..], [Act::Close(Goodbye::Token("token_missing"))]));
        assert!(line.now.duration_since(line.session.began) == HELLO_TIMEOUT);
    }

    #[test]
    fn the_token_may_come_with_the_hello_and_silence_is_welcome_with_one() {
        let mut line = Line::new();
        let acts = line.say(r#"{"type":"hello","token":"t","session":"one","activity":"active"}"#);
        assert!(matches!(&acts[..], [Act::Verify(token)] if token == "t"));
        let acts = line.session.admit(line.now + HOUR, line.now);
        assert_eq!(
            sign(&acts),
            &Sign { activity: Some(Activity::Active), idle_ms: None, takes: true, answer: false }
        );
        assert_eq!(line.session.tab().as_str(), "one");
        let mut line = Line::new();
        line.session.admit(line.now + HOUR, line.now);
        assert!(sign(&line.tick()).takes);
    }

    #[test]
    fn signs_of_life_are_recorded_once_a_second_and_pings_set_the_pace() {
        let mut line = Line::open();
        assert!(line.pong().is_empty(), "the hello was one");
        assert!(matches!(line.say(r#"{"type":"heartbeat"}"#)[..], [Act::Pong]));
        line.now += Duration::from_secs(1);
        let acts = line.say(r#"{"type":"heartbeat"}"#);
        assert_eq!(sign(&acts), &Sign { activity: None, idle_ms: None, takes: false, answer: true });
        line.session.beaten(Beaten::Recorded, line.now);
        assert!(
            matches!(line.say(r#"{"type":"heartbeat","activity":"idle"}"#)[..], [Act::Beat(_)]),
            "that is news"
        );
        line.session.beaten(Beaten::Recorded, line.now);
        assert!(matches!(line.tick()[..], [Act::Ping]));
        assert!(!sign(&line.pong()).answer);
    }

    #[test]
    fn a_slow_store_does_not_make_the_second_longer() {
        let mut line = Line::open();
        line.now += BEAT_EVERY;
        sign(&line.say(r#"{"type":"heartbeat"}"#));
        line.now += Duration::from_millis(700);
        line.session.beaten(Beaten::Recorded, line.now);
        line.now += Duration::from_millis(299);
        assert!(matches!(line.say(r#"{"type":"heartbeat"}"#)[..], [Act::Pong]));
        line.now += Duration::from_millis(1);
        assert!(matches!(line.say(r#"{"type":"heartbeat"}"#)[..], [Act::Beat(_)]));
    }

    #[test]
    fn who_is_idle_stays_so_until_they_say_otherwise() {
        let mut line = Line::open();
        line.say(r#"{"type":"heartbeat","activity":"idle","idle_ms":300000}"#);
        line.session.beaten(Beaten::Recorded, line.now);
        line.now += Duration::from_secs(25);
        assert_eq!(sign(&line.pong()).idle_ms, Some(325_000));
        line.session.beaten(Beaten::Recorded, line.now);
        assert_eq!(sign(&line.say(r#"{"type":"heartbeat","activity":"active"}"#)).idle_ms, None);
        line.session.beaten(Beaten::Recorded, line.now);
        line.now += Duration::from_secs(25);
        assert_eq!(sign(&line.pong()).activity, Some(Activity::Active), "as they said last");
    }

    #[test]
    fn a_silent_client_is_given_up_when_its_session_has_ended() {
        let mut line = Line::open();
        let began = line.now;
        assert!(matches!(line.tick()[..], [Act::Ping]));
        assert!(matches!(line.tick()[..], [Act::Ping]));
        assert!(matches!(line.tick()[..], [Act::Close(Goodbye::Silent)]));
        assert_eq!(line.now - began, TIMES.ttl);
    }

    #[test]
    fn what_is_not_recorded_is_tried_again() {
        let mut line = Line::open();
        line.now += BEAT_EVERY;
        line.pong();
        line.session.beaten(Beaten::Failed, line.now);
        assert!(!sign(&line.tick()).takes);
        line.session.beaten(Beaten::Recorded, line.now);
        assert!(matches!(line.tick()[..], [Act::Ping]));
        let mut line = Line::new();
        line.session.admit(line.now + HOUR, line.now);
        line.say(r#"{"type":"hello"}"#);
        line.session.beaten(Beaten::Failed, line.now);
        assert!(sign(&line.tick()).takes, "a hello that failed is a hello still");
    }

    #[test]
    fn a_token_ends_the_socket_unless_another_comes() {
        let mut line = Line::new();
        line.session.admit(line.now + Duration::from_secs(10), line.now);
        line.say(r#"{"type":"hello"}"#);
        line.session.beaten(Beaten::Recorded, line.now);
        assert!(matches!(line.say(r#"{"type":"hello","token":"u"}"#)[..], [Act::Verify(_)]));
        assert!(line.session.admit(line.now + Duration::from_secs(20), line.now).is_empty());
        assert!(matches!(line.tick()[..], [Act::Close(Goodbye::Token("token_expired"))]));
        assert_eq!(line.now - line.session.began, Duration::from_secs(20));
    }

    #[test]
    fn whoever_goes_on_with_nonsense_is_sent_away() {
        let mut line = Line::open();
        let mut say = |text: &str| line.say(text);
        for _ in 0..STRIKES.burst {
            assert!(matches!(say("[1]")[..], [Act::Refuse(ApiError::InvalidValue(_))]));
        }
        assert!(matches!(say("[1]")[..], [Act::Close(Goodbye::Abusive)]));
        let mut line = Line::open();
        let refused = (0..200).flat_map(|_| line.pong()).find(|act| matches!(act, Act::Refuse(_)));
        assert!(matches!(refused, Some(Act::Refuse(ApiError::RateLimited(_)))), "pongs are frames, too");
    }

    #[test]
    fn an_older_connection_goes_on_as_another_session() {
        let mut line = Line::open();
        assert!(line.session.rename(Tab::parse("two").unwrap(), line.now).takes);
        assert!(!line.session.is_open());
        line.session.beaten(Beaten::Recorded, line.now);
        assert_eq!((line.session.tab().as_str(), line.session.is_open()), ("two", true));
    }
}
