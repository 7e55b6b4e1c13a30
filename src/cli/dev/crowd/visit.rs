//! What somebody will do from coming to going, decided at once: pure, so that it can be read and tested.

use std::ops::Range;

use rand::RngExt;
use rand::rngs::StdRng;

/// One part of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Uses the page.
    Active,
    /// Has the page open and does nothing.
    Idle,
    /// Looks at something else.
    Hidden,
    /// Does not want to be disturbed.
    Busy,
    /// Has the page open and no network: a tunnel.
    Lost,
}

/// How somebody leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// Closes the page, which says so.
    Goodbye,
    /// Logs out.
    Logout,
    /// Is gone without a word: a flat battery, a tunnel.
    Silence,
}

/// From coming to coming again.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// Tabs open at the same time.
    pub(super) tabs: usize,
    /// Moods, and for how many seconds each.
    pub(super) moods: Vec<(Mood, f64)>,
    pub(super) farewell: Farewell,
    /// Seconds until the next visit.
    pub(super) absence: f64,
}

/// Every visit begins so, in seconds.
const BEGINNING: Range<f64> = 8.0..40.0;
/// One more mood, in seconds.
const MORE: Range<f64> = 8.0..35.0;
/// Without network, in seconds: short enough that nobody notices.
const TUNNEL: Range<f64> = 1.0..6.0;
/// Seconds away after a farewell, and after none: then the others have to notice first.
const AWAY: Range<f64> = 4.0..25.0;
const AWAY_SILENTLY: Range<f64> = 18.0..45.0;

impl Visit {
    /// Makes one up.
    pub(super) fn plan(rng: &mut StdRng) -> Self {
        let mut moods = vec![(Mood::Active, rng.random_range(BEGINNING))];
        for _ in 0..rng.random_range(0..4) {
            let mood = match rng.random_range(0..12) {
                0..4 => Mood::Idle,
                4..7 => Mood::Hidden,
                7..9 => Mood::Busy,
                9 => Mood::Lost,
                _ => Mood::Active,
            };
            if mood == Mood::Lost {
                moods.push((mood, rng.random_range(TUNNEL)));
                moods.push((Mood::Active, rng.random_range(MORE)));
            } else {
                moods.push((mood, rng.random_range(MORE)));
            }
        }
        let farewell = match rng.random_range(0..10) {
            0..5 => Farewell::Goodbye,
            5..8 => Farewell::Silence,
            _ => Farewell::Logout,
        };
        let absence = match farewell {
            Farewell::Silence => AWAY_SILENTLY,
            Farewell::Goodbye | Farewell::Logout => AWAY,
        };
        Self {
            tabs: if rng.random_bool(0.2) { 2 } else { 1 },
            moods,
            farewell,
            absence: rng.random_range(absence),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn many_come_and_go_within_a_minute() {
        let mut rng = StdRng::seed_from_u64(7);
        let visits: Vec<_> = (0..1_000).map(|_| Visit::plan(&mut rng)).collect();
        let length =
            |visit: &Visit| visit.moods.iter().map(|(_, seconds)| seconds).sum::<f64>() + visit.absence;
        let mean = visits.iter().map(length).sum::<f64>() / 1_000.0;
        assert!(mean < 100.0, "{mean}");
        for farewell in [Farewell::Goodbye, Farewell::Logout, Farewell::Silence] {
            assert!(visits.iter().any(|visit| visit.farewell == farewell));
        }
        for mood in [Mood::Idle, Mood::Hidden, Mood::Busy, Mood::Lost] {
            assert!(visits.iter().any(|visit| visit.moods.iter().any(|(each, _)| *each == mood)));
        }
        assert!(visits.iter().all(|visit| visit.moods[0].0 == Mood::Active));
    }
}
