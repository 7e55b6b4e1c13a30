//! What a connection that does nothing takes of the node's memory.

use std::time::Duration;

use super::Bench;
use crate::cli::bench::process::Memory;
use crate::cli::bench::report::Target;

/// Longer than the pause between two pings, so that every connection has been pinged and has answered.
const QUIET: Duration = Duration::from_secs(30);
/// What a connection may take, in KiB.
const MOST: f64 = 12.0;

impl Bench {
    /// `before`: with none of these connections.
    pub(super) async fn memory(&mut self, connections: u32, before: Memory) -> anyhow::Result<()> {
        let process = self.node.process()?;
        let each = |after: f64, before: f64| (after - before) / f64::from(connections) / 1024.0;
        let title = format!("Memory of the node for each of {connections} connections");
        self.report.title(&title)?;
        let at_once = process.memory()?;
        let row = "resident, when all have just come";
        self.report.row(row, each(at_once.resident, before.resident), "KiB", Target::None)?;
        tokio::time::sleep(QUIET).await;
        let quiet = process.memory()?;
        let row = "resident, after every one was pinged";
        self.report.row(row, each(quiet.resident, before.resident), "KiB", Target::Most(MOST))?;
        let row = "its proportional share";
        self.report.row(row, each(quiet.proportional, before.proportional), "KiB", Target::None)?;
        let row = "heap and stacks alone";
        self.report.row(row, each(quiet.anonymous, before.anonymous), "KiB", Target::None)?;
        let mib = |bytes: f64| bytes / 1024.0 / 1024.0;
        self.report.row("resident before", mib(before.resident), "MiB", Target::None)?;
        self.report.row("resident after", mib(quiet.resident), "MiB", Target::None)?;
        Ok(())
    }
}
