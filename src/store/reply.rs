//! Replies of scripts, decoded in one place. What does not fit is a defect and says so.

use std::borrow::Cow;
use std::collections::BTreeMap;

use fred::prelude::Value;
use serde::Deserialize;

use super::present::Present;
use super::{Answer, Shown, StoreError, View, parse_score};
use crate::presence::{Claim, Claims, Device, Entry, EntryKind, Millis, Outgoing, RawEntry, Status, UserId};

/// What a script of a user answered.
pub(super) enum Said {
    /// Judged, with a note: late, ignored, idle, new, evicted, repeated.
    Judged(Answer, String),
    /// The caller took the wrong organisation, or the wrong session, for the true one.
    Stale(Vec<String>),
}

/// The parts of an array reply, read one after the other.
pub(super) struct Parts {
    script: &'static str,
    parts: std::vec::IntoIter<Value>,
    read: usize,
}

impl Parts {
    pub(super) fn new(script: &'static str, reply: Value) -> Self {
        Self { script, parts: reply.into_array().into_iter(), read: 0 }
    }

    pub(super) fn wrong(&self) -> StoreError {
        StoreError::Reply { script: self.script, part: self.read }
    }

    pub(super) fn value(&mut self) -> Result<Value, StoreError> {
        self.read += 1;
        self.parts.next().ok_or_else(|| self.wrong())
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.value()?.into_string().ok_or_else(|| self.wrong())
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        self.value()?.as_i64().ok_or_else(|| self.wrong())
    }

    pub(super) fn millis(&mut self) -> Result<Millis, StoreError> {
        self.int().map(Millis)
    }

    pub(super) fn count(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.int()?).map_err(|_| self.wrong())
    }

    pub(super) fn status(&mut self) -> Result<Status, StoreError> {
        Status::from_code(self.int()?).ok_or_else(|| self.wrong())
    }

    pub(super) fn parse<T: std::str::FromStr>(&mut self) -> Result<T, StoreError> {
        self.text()?.parse().map_err(|_| self.wrong())
    }

    pub(super) fn is_over(&self) -> bool {
        self.parts.as_slice().is_empty()
    }

    pub(super) fn rest(self) -> impl Iterator<Item = Value> {
        self.parts
    }
}

/// Decodes what every script of a user answers.
pub(super) fn said(script: &'static str, reply: Value) -> Result<Said, StoreError> {
    let mut parts = Parts::new(script, reply);
    match parts.text()?.as_str() {
        "ok" => {
            let (status, since) = (parts.status()?, parts.millis()?);
            let (last_seen, now, note) = (parts.millis()?, parts.millis()?, parts.text()?);
            let is_new = matches!(note.as_str(), "new" | "evicted");
            let answer = match note.as_str() {
                "superseded" => Answer::Superseded,
                _ => Answer::Standing { status, since, last_seen, now, is_new },
            };
            Ok(Said::Judged(answer, note))
        }
        "gated" => Ok(Said::Judged(Answer::Gated(parts.parse()?), String::new())),
        "ended" => Ok(Said::Judged(Answer::Ended, String::new())),
        "stale" => Ok(Said::Stale(parts.rest().filter_map(Value::into_string).collect())),
        "restoring" => Err(StoreError::Restoring),
        "pressure" => Err(StoreError::Overloaded),
        _ => Err(parts.wrong()),
    }
}

/// A record as `lua/lib/glance.lua` packs it: by the name under which its reader knows it, and lists in this order.
#[derive(Deserialize)]
struct Packed<'a, N>(N, #[serde(borrow)] Times<'a>, &'a str, &'a str, Vec<&'a str>);

#[derive(Deserialize)]
struct Times<'a> {
    org: &'a str,
    status: i64,
    since: i64,
    online_since: i64,
    last_seen: i64,
    shown_since: i64,
    shown_online_since: i64,
    shown_last_seen: i64,
    version: i64,
}

/// Reads what a script has packed by MessagePack.
fn unpack<'a, T: Deserialize<'a>>(script: &'static str, packed: &'a Value) -> Result<T, StoreError> {
    let unpacked = packed.as_bytes().and_then(|packed| rmp_serde::from_slice(packed).ok());
    unpacked.ok_or(StoreError::Reply { script, part: 1 })
}

/// Decodes lists of users and their scores, as `shard_present` packs them. A name that this version cannot read is left
/// out.
pub(super) fn present(packed: &Value) -> Result<Vec<Present>, StoreError> {
    let lists: Vec<Vec<&str>> = unpack("shard_present", packed)?;
    let parse = |pair: &[&str]| {
        let (status, since) = parse_score(pair[1])?;
        Some((pair[0].parse().ok()?, status, since))
    };
    Ok(lists.iter().flat_map(|words| words.chunks_exact(2)).filter_map(parse).collect())
}

/// Decodes the records of those users who have one, with their places among `users`.
pub(super) fn views(users: &[&UserId], packed: &Value) -> Result<Vec<(usize, View)>, StoreError> {
    let records: Vec<Packed<'_, usize>> = unpack("user_views", packed)?;
    let view = |record: Packed<'_, usize>| {
        let place = record.0.checked_sub(1).filter(|place| *place < users.len())?;
        Some((place, view(users[place].clone(), &record)?))
    };
    let views: Option<Vec<_>> = records.into_iter().map(view).collect();
    views.ok_or(StoreError::Reply { script: "user_views", part: 1 })
}

/// Decodes the records of those present. A name that this version cannot read is left out.
pub(super) fn present_views(packed: &Value) -> Result<Vec<View>, StoreError> {
    let records: Vec<Packed<'_, &str>> = unpack("present_views", packed)?;
    let views = records.iter().filter_map(|record| Some(view(record.0.parse().ok()?, record)));
    let views: Option<Vec<View>> = views.collect();
    views.ok_or(StoreError::Reply { script: "present_views", part: 1 })
}

/// A record as it is read; `None` if this version cannot read it.
fn view<N>(user: UserId, Packed(_, times, text, emoji, devices): &Packed<'_, N>) -> Option<View> {
    let status = Status::from_code(times.status)?;
    let mut devices: Vec<Device> = devices.iter().filter_map(|device| device.parse().ok()).collect();
    devices.sort();
    devices.dedup();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Some(View {
        user,
        org: times.org.parse().ok()?,
        status,
        since: Millis(times.since),
        online_since: Millis(times.online_since),
        last_seen: Millis(times.last_seen),
        shown: Shown {
            status: status.shown(),
            since: Millis(times.shown_since),
            online_since: Millis(times.shown_online_since),
            last_seen: Millis(times.shown_last_seen),
            version: times.version,
        },
        text: some(text),
        emoji: some(emoji),
        devices,
    })
}

/// The device of an entry. A version that knows no more than it wrote everything that stands behind it in the record.
fn device(text: &str) -> Option<Device> {
    text.split(';').next()?.parse().ok()
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Decodes one entry of the outbox: `[id, [field, value, ...]]`. One that this version cannot read is handed on as
/// it came, so that it does not stand in the way of those behind it.
pub(super) fn entry(reply: Value) -> Result<Outgoing, StoreError> {
    let mut parts = Parts::new("outbox", reply);
    let id = parts.text()?;
    let n = id.split_once('-').and_then(|(n, _)| n.parse().ok()).ok_or_else(|| parts.wrong())?;
    let fields = Fields(parts.value()?.into_array());
    Ok(match read_entry(n, &fields) {
        Ok(entry) => Outgoing::Entry(entry),
        Err(field) => Outgoing::Raw(RawEntry {
            n,
            user: fields.get("u").and_then(|user| user.parse().ok()),
            detected_at: fields.get("d").and_then(|at| at.parse().ok()).map(Millis),
            problem: format!("this version cannot read its field `{field}`"),
            fields: fields.all(),
        }),
    })
}

/// The fields of an entry as they came: name, value, name, value. A node reads every entry of every other, so they are
/// looked up where they are, and not sorted into a map first, which would take three times as long.
struct Fields(Vec<Value>);

impl Fields {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let pair = self.0.chunks_exact(2).find(|pair| pair[0].as_bytes() == Some(name.as_bytes()))?;
        pair[1].as_str()
    }

    fn text(&self, name: &'static str) -> Result<Cow<'_, str>, &'static str> {
        self.get(name).ok_or(name)
    }

    fn parse<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, &'static str> {
        self.text(name)?.parse().map_err(|_| name)
    }

    fn millis(&self, name: &'static str) -> Result<Millis, &'static str> {
        self.parse(name).map(Millis)
    }

    fn status(&self, name: &'static str) -> Result<Status, &'static str> {
        Status::from_code(self.parse(name)?).ok_or(name)
    }

    /// All of them, for people to look at.
    fn all(&self) -> BTreeMap<String, String> {
        let text = |value: &Value| String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned();
        self.0.chunks_exact(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
    }
}

/// Answers the name of the field that is missing or cannot be read.
fn read_entry(n: i64, fields: &Fields) -> Result<Entry, &'static str> {
    Ok(Entry {
        n,
        kind: match fields.text("k")?.as_ref() {
            "t" => EntryKind::Transition,
            "c" => EntryKind::Claim,
            "w" => EntryKind::Wish,
            _ => return Err("k"),
        },
        user: fields.parse("u")?,
        org: fields.parse("o")?,
        from: fields.status("f")?,
        to: fields.status("t")?,
        reason: fields.parse("r")?,
        occurred_at: fields.millis("a")?,
        detected_at: fields.millis("d")?,
        since: fields.millis("s")?,
        online_since: fields.millis("os")?,
        last_seen: fields.millis("l")?,
        shown_since: fields.millis("ss")?,
        shown_online_since: fields.millis("so")?,
        shown_last_seen: fields.millis("sl")?,
        shown_version: fields.parse("sv")?,
        uncertainty_ms: fields.get("y").map_or(Ok(0), |_| fields.parse("y"))?,
        session: fields.text("i")?.parse().ok(),
        device: device(&fields.text("v")?),
        actor: some(fields.text("x")?.into_owned()),
        claims: fields.get("c").map(|text| claims(&text).ok_or("c")).transpose()?,
        text: fields.get("w").map(Cow::into_owned),
        emoji: fields.get("e").map(Cow::into_owned),
    })
}

/// Reads the claims that an entry carries: `[manual, admin]`, each `false` or `[id, status, text, emoji, until]`.
fn claims(text: &str) -> Option<Claims> {
    let [manual, admin]: [serde_json::Value; 2] = serde_json::from_str(text).ok()?;
    Some(Claims { manual: claim(manual)?, admin: claim(admin)? })
}

fn claim(value: serde_json::Value) -> Option<Option<Claim>> {
    if value == false {
        return Some(None);
    }
    let (id, status, text, emoji, until): (_, _, _, _, i64) = serde_json::from_value(value).ok()?;
    let until = Some(Millis(until)).filter(|until| until.0 > 0);
    Some(Some(Claim { id, status: Status::from_code(status)?, text, emoji, until }))
}
