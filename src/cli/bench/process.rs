//! What the system says of another process: its memory and its time. Only Linux tells both without asking it.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// A process, by its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(pub(super) u32);

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// All that is resident.
    pub(super) resident: f64,
    /// The same, with what it shares divided by those who share it.
    pub(super) proportional: f64,
    /// What is no file: heap and stacks.
    pub(super) anonymous: f64,
}

impl Process {
    /// Its memory now.
    pub(super) fn memory(self) -> anyhow::Result<Memory> {
        let path = format!("/proc/{}/smaps_rollup", self.0);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {path}, which Linux has"))?;
        let of = |name: &str| figure(&text, name).with_context(|| format!("{path} does not say {name}"));
        Ok(Memory { resident: of("Rss")?, proportional: of("Pss")?, anonymous: of("Pss_Anon")? })
    }

    /// For how long its threads have been running on a processor so far.
    pub(super) fn time(self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/task", self.0);
        let mut time = Duration::ZERO;
        for thread in fs::read_dir(&path).with_context(|| format!("cannot read {path}, which Linux has"))? {
            // A thread may have ended since it was listed.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            let nanos = text.split_whitespace().next().context("a time in schedstat")?.parse()?;
            time += Duration::from_nanos(nanos);
        }
        Ok(time)
    }
}

/// The bytes of a line `name:  12 kB`.
fn figure(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_bytes() {
        let text = "55f9-7ffc ---p 0 [rollup]\nRss:                1756 kB\nPss:                 264 kB\n";
        assert_eq!(figure(text, "Pss").map(f64::to_bits), Some((264.0 * 1024.0_f64).to_bits()));
        assert_eq!(figure(text, "Swap"), None);
    }
}
