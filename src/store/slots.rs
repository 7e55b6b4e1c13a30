//! Which primary of a cluster serves which slot, as the cluster itself says. No I/O.
//!
//! Nodes differ while a failover spreads, and one that was cut off goes on saying what it last knew. So claims of all
//! who answered are laid side by side, and of two claims to a slot the one of the higher configuration epoch counts:
//! the rule by which the nodes themselves settle it.

use std::fmt;

/// Slots of a cluster; fixed by Redis.
pub(super) const SLOTS: u16 = 16_384;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What one primary serves, in the words of some node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub address: Address,
    /// Its configuration epoch.
    pub epoch: u64,
    /// First and last slot of each range.
    pub ranges: Vec<(u16, u16)>,
}

/// The primaries, and who serves each slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Served {
    pub primaries: Vec<Address>,
    /// For each slot its primary, if it has one.
    pub slots: Vec<Option<u16>>,
}

/// The slot of a key: of what stands in its first braces, if it has some.
pub(super) fn slot_of(key: &[u8]) -> u16 {
    let tagged = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16::State::<crc16::XMODEM>::calculate(tagged.unwrap_or(key)) % SLOTS
}

/// Reads the answer of `CLUSTER NODES`. A node that does not know its own address yet is where it was `asked`. By
/// names where certificates are checked, if the cluster announces names; else by addresses.
pub(super) fn claims(answer: &str, asked: &str, by_name: bool) -> Vec<Claim> {
    answer.lines().filter_map(|line| claim(line, asked, by_name)).collect()
}

/// `<id> <ip:port@bus[,name]> <flags> <primary> <ping> <pong> <epoch> <link> <slot> <slot-slot> [<slot>-<-<id>] ...`
fn claim(line: &str, asked: &str, by_name: bool) -> Option<Claim> {
    let mut words = line.split_ascii_whitespace();
    let place = words.nth(1)?;
    let flags = words.next()?;
    let has = |flag: &str| flags.split(',').any(|word| word == flag);
    if !has("master") || has("fail") || has("noaddr") || has("handshake") {
        return None;
    }
    let epoch = words.nth(3)?.parse().ok()?;
    let ranges: Vec<_> = words.skip(1).filter_map(range).collect();
    let address = address(place, asked, by_name)?;
    (!ranges.is_empty()).then_some(Claim { address, epoch, ranges })
}

fn address(place: &str, asked: &str, by_name: bool) -> Option<Address> {
    let mut parts = place.split(',');
    let (host, port) = parts.next()?.split('@').next()?.rsplit_once(':')?;
    let name = parts.next().filter(|name| by_name && !name.is_empty() && !name.contains('='));
    let host = name.unwrap_or(if host.is_empty() { asked } else { host });
    Some(Address { host: host.to_owned(), port: port.parse().ok()? })
}

/// A slot or a range of them; a slot on its way (`[93-<-..]`) is still where it was.
fn range(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last < SLOTS).then_some((first, last))
}

/// Lays all claims side by side.
pub(super) fn settle(mut claims: Vec<Claim>) -> Served {
    claims.sort_by(|a, b| a.epoch.cmp(&b.epoch).then_with(|| a.address.cmp(&b.address)));
    let mut holders = vec![None; usize::from(SLOTS)];
    for (number, claim) in claims.iter().enumerate() {
        for (first, last) in &claim.ranges {
            holders[usize::from(*first)..=usize::from(*last)].fill(Some(number));
        }
    }
    let mut served = Served::default();
    let mut known = std::collections::BTreeMap::<&Address, u16>::new();
    for holder in holders {
        served.slots.push(holder.map(|number| {
            let address = &claims[number].address;
            *known.entry(address).or_insert_with(|| {
                served.primaries.push(address.clone());
                u16::try_from(served.primaries.len() - 1).unwrap_or(u16::MAX)
            })
        }));
    }
    served
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
07c3 127.0.0.1:30004@31004,hostname4 slave e7d1 0 1426238317239 4 connected\n\
67ed 127.0.0.1:30002@31002,hostname2 master - 0 1426238316232 2 connected 5461-10922\n\
292f 127.0.0.1:30003@31003,hostname3 master,fail - 0 1426238318243 3 connected 10923-16383\n\
e7d1 :30001@31001 myself,master - 0 0 1 connected 0-5459 5460 [93-<-292f]\n";

    fn at(host: &str, port: u16) -> Address {
        Address { host: host.to_owned(), port }
    }

    #[test]
    fn the_slot_of_a_key_is_that_of_its_tag() {
        // As `CLUSTER KEYSLOT` of Redis 7.0 answers.
        for (key, slot) in [("foo", 12182), ("rc:{00}:due", 13_254), ("{}x", 10_595), ("", 0)] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
        assert_eq!(slot_of(b"rc:{07}:due"), slot_of(b"rc:{07}:live:1:a.0"));
    }

    #[test]
    fn only_primaries_that_are_there_serve() {
        let served = settle(claims(NODES, "10.0.0.7", false));
        assert_eq!(served.primaries, [at("10.0.0.7", 30001), at("127.0.0.1", 30002)]);
        assert_eq!((served.slots[5460], served.slots[5461], served.slots[16383]), (Some(0), Some(1), None));
        let named = settle(claims(NODES, "seed", true));
        assert_eq!(named.primaries, [at("seed", 30001), at("hostname2", 30002)]);
    }

    #[test]
    fn the_younger_claim_counts_whoever_says_it() {
        let claim = |port, epoch| Claim { address: at("h", port), epoch, ranges: vec![(0, 99)] };
        for claims in [vec![claim(1, 3), claim(2, 7)], vec![claim(2, 7), claim(1, 3)]] {
            let served = settle(claims);
            assert_eq!(served.primaries, [at("h", 2)]);
            assert_eq!(served.slots[0], Some(0));
        }
    }

    #[test]
    fn what_is_no_answer_serves_nothing() {
        for text in ["", "gibberish", "a b c d e f g h i", "id :x@1 master - 0 0 1 connected 9-1 99999"] {
            assert_eq!(claims(text, "h", false), []);
        }
    }
}
