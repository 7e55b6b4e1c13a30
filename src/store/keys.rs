//! Every Redis key, and which shard a user lives on. The one home of the key layout, but for the names of sessions
//! (`lua/lib/record.lua`) and where records lie (`lua/lib/bucket.lua`), which scripts reckon as well.

use crate::presence::{Org, Room, SessionId, UserId};

/// Raised when keys or records change their form; a node refuses a store of another layout.
pub const LAYOUT: u32 = 2;

/// Records of a shard are spread over so many hashes, small enough to stay packed at a million users.
const BUCKETS: u16 = 256;

/// Longer names of sessions are shortened to so many characters: the longest that cost no more memory beside an id of 16.
const HANDLE: usize = 10;

/// A shard's number.
pub type Shard = u16;

/// Builds keys: `<prefix>:{<shard>}:<name>`; the tag keeps all keys of a shard in one cluster slot.
#[derive(Clone, Debug)]
pub struct Keys {
    prefix: Box<str>,
    shards: Shard,
}

impl Keys {
    /// Keys under a prefix, for a fixed number of shards.
    #[must_use]
    pub fn new(prefix: &str, shards: Shard) -> Self {
        Self { prefix: prefix.into(), shards }
    }

    /// How many shards there are.
    #[must_use]
    pub const fn shards(&self) -> Shard {
        self.shards
    }

    fn hash(user: &UserId) -> u16 {
        crc16::State::<crc16::XMODEM>::calculate(user.as_str().as_bytes())
    }

    /// The shard of a user.
    #[must_use]
    pub fn shard_of(&self, user: &UserId) -> Shard {
        Self::hash(user) % self.shards
    }

    fn of(&self, shard: Shard, name: &str) -> String {
        format!("{}:{{{shard:02}}}:{name}", self.prefix)
    }

    /// Epoch, counter and state of a shard.
    #[must_use]
    pub fn meta(&self, shard: Shard) -> String {
        self.of(shard, "meta")
    }

    /// Everything that happens by itself, and when.
    #[must_use]
    pub fn due(&self, shard: Shard) -> String {
        self.of(shard, "due")
    }

    /// Who is present, of one organisation.
    #[must_use]
    pub fn on(&self, shard: Shard, org: &Org) -> String {
        self.of(shard, &format!("org:{org}"))
    }

    /// Numbers of sessions of those who have several, of one organisation.
    #[must_use]
    pub fn tabs(&self, shard: Shard, org: &Org) -> String {
        self.of(shard, &format!("tabs:{org}"))
    }

    /// Who is present, of all organisations but the default one. Where there is only that one, as mostly, nobody
    /// stands in two sets.
    fn others(&self, shard: Shard) -> [String; 2] {
        ["others", "other-tabs"].map(|name| self.of(shard, name))
    }

    /// The sets that together hold everybody who is present, or those of one organisation; of each who is present, and
    /// who has several sessions.
    #[must_use]
    pub fn sets(&self, shard: Shard, org: Option<&Org>) -> Vec<[String; 2]> {
        let of = |org: &Org| [self.on(shard, org), self.tabs(shard, org)];
        org.map_or_else(|| vec![of(&Org::default()), self.others(shard)], |org| vec![of(org)])
    }

    /// Those of [`Keys::sets`] that say who is present.
    pub fn present(&self, shard: Shard, org: Option<&Org>) -> impl Iterator<Item = String> {
        self.sets(shard, org).into_iter().map(|[on, _]| on)
    }

    /// The outbox.
    #[must_use]
    pub fn log(&self, shard: Shard) -> String {
        self.of(shard, "log")
    }

    /// What happens and is no change of status.
    #[must_use]
    pub fn news(&self, shard: Shard) -> String {
        self.of(shard, "news")
    }

    /// A room as its members' shards name it: `<organisation>:<room>`.
    #[must_use]
    pub fn room_name(org: &Org, room: &Room) -> String {
        format!("{org}:{room}")
    }

    /// The sessions of a shard's users that are in the room of this name ([`Keys::room_name`]).
    #[must_use]
    pub fn room(&self, shard: Shard, name: &str) -> String {
        self.of(shard, &format!("room:{name}"))
    }

    /// Which rooms each session of the shard is in.
    #[must_use]
    pub fn joined(&self, shard: Shard) -> String {
        self.of(shard, "joined")
    }

    /// Which node nudges and copies the shard.
    #[must_use]
    pub fn owner(&self, shard: Shard) -> String {
        self.of(shard, "owner")
    }

    /// Claims of the shard's users.
    #[must_use]
    pub fn claims(&self, shard: Shard) -> String {
        self.of(shard, "claims")
    }

    /// Logins that ended early.
    #[must_use]
    pub fn ended(&self, shard: Shard) -> String {
        self.of(shard, "ended")
    }

    /// The hash that holds a user's record: as in `lua/lib/bucket.lua`.
    #[must_use]
    pub fn record(&self, user: &UserId) -> String {
        self.bucket(self.shard_of(user), (Self::hash(user) / self.shards) % BUCKETS)
    }

    fn bucket(&self, shard: Shard, number: u16) -> String {
        format!("{}{number}", self.buckets(shard))
    }

    /// What the keys of all records of a shard begin with.
    #[must_use]
    pub fn buckets(&self, shard: Shard) -> String {
        self.of(shard, "user:")
    }

    /// All hashes that hold records of a shard.
    pub fn records(&self, shard: Shard) -> impl Iterator<Item = String> {
        (0..BUCKETS).map(move |number| self.bucket(shard, number))
    }

    /// What stands for a session in keys and in `due`, however long its name is: as in `lua/lib/record.lua`.
    #[must_use]
    pub fn handle(session: &SessionId) -> String {
        let mut handle = session.to_string();
        if handle.len() > HANDLE {
            handle = fred::util::sha1_hash(&handle);
            handle.truncate(HANDLE);
        }
        handle
    }

    /// The alarm of a session.
    #[must_use]
    pub fn lease(&self, user: &UserId, session: &SessionId) -> String {
        self.alarm(user, session).0
    }

    /// The alarm of a session, and the member of `due` that belongs to it.
    #[must_use]
    pub fn alarm(&self, user: &UserId, session: &SessionId) -> (String, String) {
        let named = format!("{user}:{}", Self::handle(session));
        (format!("{}{named}", self.leases(self.shard_of(user))), format!("s:{named}"))
    }

    /// What all leases of a shard begin with.
    #[must_use]
    pub fn leases(&self, shard: Shard) -> String {
        self.of(shard, "live:")
    }

    /// The lease by which a node proves that it hears of expiry.
    #[must_use]
    pub fn canary(&self, shard: Shard, node: &str) -> String {
        self.of(shard, &format!("canary:{node}"))
    }

    /// The nodes that live. Not of a shard.
    #[must_use]
    pub fn nodes(&self) -> String {
        format!("{}:nodes", self.prefix)
    }

    /// What each of them tells of itself. In the slot of [`Keys::nodes`], which is its tag.
    #[must_use]
    pub fn nodes_told(&self) -> String {
        self.of_nodes("told")
    }

    /// The numbers by which records of sessions name nodes. In the same slot.
    #[must_use]
    pub fn node_numbers(&self) -> String {
        self.of_nodes("numbers")
    }

    fn of_nodes(&self, name: &str) -> String {
        format!("{}:{{{}}}:{name}", self.prefix, self.nodes())
    }

    /// A quota of somebody (an address, or the hash of a name). Not of a shard: all of theirs share a tag of their own.
    #[must_use]
    pub fn quota(&self, whose: &str, name: &str) -> String {
        format!("{}:limit:{{{whose}}}:{name}", self.prefix)
    }

    /// Which state the list of blocked addresses has. Not of a shard.
    #[must_use]
    pub fn blocks(&self) -> String {
        format!("{}:blocks", self.prefix)
    }

    /// The nine keys that every script of a user shares, in the order of `lua/lib/shard.lua`.
    #[must_use]
    pub fn shared(&self, shard: Shard) -> Vec<String> {
        let mut keys = Vec::with_capacity(13);
        keys.extend([self.meta(shard), self.due(shard)]);
        keys.extend(self.others(shard));
        keys.extend(["claims", "gate", "ended", "cut", "log"].map(|name| self.of(shard, name)));
        keys
    }

    /// The three keys that depend on the user: both sets of the organisation, and the record.
    #[must_use]
    pub fn place(&self, user: &UserId, org: &Org) -> [String; 3] {
        let shard = self.shard_of(user);
        [self.on(shard, org), self.tabs(shard, org), self.record(user)]
    }

    /// Reads a lease's key back: whose it is, on which shard. `None` for any other key.
    #[must_use]
    pub fn parse_lease(&self, key: &str) -> Option<(Shard, UserId)> {
        let rest = key.strip_prefix(&*self.prefix)?.strip_prefix(":{")?;
        let (shard, rest) = rest.split_once("}:live:")?;
        let (user, _handle) = rest.split_once(':')?;
        let shard = shard.parse().ok().filter(|shard| *shard < self.shards)?;
        Some((shard, UserId::parse(user).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::slots::slot_of;

    #[test]
    fn a_lease_can_be_read_back() {
        let keys = Keys::new("rc", 64);
        let user = UserId::parse("acme~a%20b").unwrap();
        let session: SessionId = "k3.tab-1".parse().unwrap();
        let lease = keys.lease(&user, &session);
        assert_eq!(keys.parse_lease(&lease), Some((keys.shard_of(&user), user)));
        assert_eq!(keys.parse_lease("rc:{00}:owner"), None);
        assert_eq!(keys.parse_lease("other:{00}:live:1:a.0"), None);
    }

    #[test]
    fn all_keys_of_a_user_share_a_tag() {
        let keys = Keys::new("rc", 64);
        let user = UserId::parse("42").unwrap();
        let tag = format!(":{{{:02}}}:", keys.shard_of(&user));
        let mut all = keys.shared(keys.shard_of(&user));
        all.extend(keys.place(&user, &Org::default()));
        let room = Keys::room_name(&Org::default(), &Room::parse("a:b").unwrap());
        let shard = keys.shard_of(&user);
        all.extend([keys.news(shard), keys.joined(shard), keys.room(shard, &room)]);
        assert!(all.iter().all(|key| key.contains(&tag)));
    }

    #[test]
    fn all_keys_of_the_nodes_share_a_slot() {
        let keys = Keys::new("rc", 64);
        let slot = |key: String| slot_of(key.as_bytes());
        assert_eq!(slot(keys.nodes()), slot(keys.nodes_told()));
        assert_eq!(slot(keys.nodes()), slot(keys.node_numbers()));
    }
}
