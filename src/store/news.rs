//! News: what happens that is no change of status and that nobody audits: rooms, typing, logins that ended. Scripts append
//! it to a stream of the shard, which forgets it after a minute (`lua/lib/news.lua`); whoever does not listen misses it.

use fred::prelude::*;

use super::keys::Shard;
use super::reply::Parts;
use super::{Store, StoreError};
use crate::presence::{Millis, Org, Room, Status, UserId};

/// Something that has just happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The first session of a user came to a room.
    Joined {
        /// Who.
        user: UserId,
        /// The organisation that the room belongs to.
        org: Org,
        /// Which room.
        room: Room,
        /// In which status others see the user.
        status: Status,
        /// Since when.
        since: Millis,
        /// Of which change.
        version: i64,
    },
    /// The last session of a user left a room, whether or not others could see the user there. Where several ended at once
    /// it may be told of each.
    Left {
        /// Who.
        user: UserId,
        /// The organisation that the room belongs to.
        org: Org,
        /// Which room.
        room: Room,
    },
    /// Somebody in a room types, or no longer does.
    Typing {
        /// Who.
        user: UserId,
        /// The organisation that the room belongs to.
        org: Org,
        /// Which room.
        room: Room,
        /// Whether they do.
        on: bool,
    },
    /// A login of the user ended, tokens of theirs were cut, or their account may not be online: whoever holds connections
    /// of theirs must ask whether those are still good.
    Ended {
        /// Whose.
        user: UserId,
    },
}

impl Store {
    /// What a shard's stream of news holds after an entry (`0` for all of it), and the id of the newest of it.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn news(
        &self,
        shard: Shard,
        after: &str,
        limit: u64,
    ) -> Result<(Vec<News>, Option<String>), StoreError> {
        let stream = self.keys.news(shard);
        let primary = self.link.primary(&stream)?;
        let start = format!("({after}");
        let range = primary.client().xrange::<Value, _, _, _>(stream, start, "+", Some(limit)).await;
        read(primary.judge(range)?)
    }
}

/// Decodes entries of a stream of news, `[[id, [field, value, ...]], ...]`: the news in order, and the id of the newest.
/// What this version does not understand is left out.
pub(super) fn read(entries: Value) -> Result<(Vec<News>, Option<String>), StoreError> {
    let (mut news, mut newest) = (Vec::new(), None);
    // A null would become an array of one.
    let entries = if entries.is_null() { Vec::new() } else { entries.into_array() };
    for entry in entries {
        let mut parts = Parts::new("news", entry);
        newest = Some(parts.text()?);
        let fields = parts.value()?.into_map().map_err(|_| parts.wrong())?;
        let text = |name: &'static str| fields.get(&name.into()).and_then(Value::as_str);
        news.extend(one(|name| text(name).map(|text| text.to_string())));
    }
    Ok((news, newest))
}

fn one(text: impl Fn(&'static str) -> Option<String>) -> Option<News> {
    let user: UserId = text("u")?.parse().ok()?;
    let kind = text("k")?;
    if kind == "e" {
        return Some(News::Ended { user });
    }
    let (org, room) = (text("o")?.parse().ok()?, text("r")?.parse().ok()?);
    match kind.as_str() {
        "j" => Some(News::Joined {
            user,
            org,
            room,
            status: Status::from_code(text("c")?.parse().ok()?)?,
            since: Millis(text("t")?.parse().ok()?),
            version: text("n")?.parse().ok()?,
        }),
        "l" => Some(News::Left { user, org, room }),
        "t" => Some(News::Typing { user, org, room, on: text("s")? == "1" }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, fields: &[(&str, &str)]) -> Value {
        let fields = fields.iter().flat_map(|(name, value)| [Value::from(*name), Value::from(*value)]);
        Value::Array(vec![id.into(), Value::Array(fields.collect())])
    }

    #[test]
    fn what_is_not_understood_is_left_out_and_read_over() {
        let of = |kind| {
            let member = [("k", kind), ("u", "42"), ("o", "main"), ("r", "a:b"), ("s", "0")];
            [&member[..], &[("c", "1"), ("t", "5"), ("n", "7")]].concat()
        };
        let entries = vec![
            entry("1-0", &of("j")),
            entry("1-1", &of("z")),
            entry("2-0", &[("k", "j"), ("u", "42"), ("o", "main"), ("r", "no spaces")]),
            entry("3-0", &of("t")),
            entry("4-0", &[("k", "e"), ("u", "7"), ("later", "more")]),
            entry("5-0", &[("k", "e")]),
        ];
        let user = UserId::parse("42").unwrap();
        let (org, room) = (Org::default(), Room::parse("a:b").unwrap());
        let told = vec![
            News::Joined {
                user: user.clone(),
                org: org.clone(),
                room: room.clone(),
                status: Status::Online,
                since: Millis(5),
                version: 7,
            },
            News::Typing { user, org, room, on: false },
            News::Ended { user: UserId::parse("7").unwrap() },
        ];
        assert_eq!(read(Value::Array(entries)).unwrap(), (told, Some("5-0".to_owned())));
        assert_eq!(read(Value::Null).unwrap(), (Vec::new(), None));
    }
}
