//! File descriptors: each connection takes one, and a shell often gives a process no more than 1024, though it may ask
//! for more by itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a node needs beside its connections: stores, listeners, the log.
const BESIDE: u64 = 200;

/// What systems grant that have no hard limit and take none for an answer: `OPEN_MAX` of macOS.
const SURELY: u64 = 10_240;

/// Takes as many as this process may have; answers how many that is, `u64::MAX` for no limit.
pub(super) fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current.unwrap_or(u64::MAX);
    }
    // Where the system takes no limit for an answer, the one that is in force stays.
    for wanted in [maximum, Some(SURELY).filter(|sure| current.is_some_and(|current| current < *sure))] {
        if setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }).is_ok() {
            return wanted.unwrap_or(u64::MAX);
        }
    }
    current.unwrap_or(u64::MAX)
}

/// The same, and says so where it is less than a node with so many connections needs.
pub(super) fn raise_for(connections: u32) {
    let limit = raise();
    if limit < u64::from(connections) + BESIDE {
        tracing::warn!(
            limit,
            connections,
            "fewer file descriptors than connections that are allowed (ROLLCALL_HTTP_MAX_CONNECTIONS): beyond the limit \
             new ones wait; raise it by `ulimit -Hn`, LimitNOFILE or the container's ulimits"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_becomes_the_highest_there_may_be() {
        let before = getrlimit(Resource::Nofile);
        let lower = Rlimit { current: before.maximum.map(|most| most.min(512)).or(Some(512)), ..before };
        setrlimit(Resource::Nofile, lower).unwrap();
        let limit = raise();
        let now = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, before).unwrap();
        assert!(limit >= before.maximum.unwrap_or(u64::MAX).min(SURELY), "{limit}");
        assert_eq!(now.current.unwrap_or(u64::MAX), limit);
    }
}
