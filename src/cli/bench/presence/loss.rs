//! Redis comes back empty: how long until everybody is there again, and whether anybody was falsely told to have gone
//! or come.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{PATIENCE, STEP, count};
use crate::app::App;
use crate::audit::{Filter, MAX_LIMIT};
use crate::cli::bench::report::{Report, Target, tell};
use crate::devstack::{Data, DevStack};
use crate::presence::{Millis, Status};

/// Kills Redis, starts it empty, and waits until everybody is present again. Nobody sends heartbeats meanwhile, so that
/// nobody is there who was not restored.
pub(super) async fn lose(
    app: &App,
    stack: &DevStack,
    people: u32,
    report: &mut Report,
) -> anyhow::Result<Millis> {
    tell("\n  Redis is killed and comes back empty\n")?;
    let lost_at = app.store.now().await?;
    tokio::task::block_in_place(|| {
        stack.redis().kill();
        stack.redis().start(Data::Lost)
    })?;
    let started = Instant::now();
    while present(app).await < u64::from(people) {
        ensure!(
            started.elapsed() < PATIENCE,
            "not restored within {PATIENCE:?}: {} present",
            present(app).await
        );
        tokio::time::sleep(STEP).await;
    }
    report.title(&format!("Redis came back empty; {people} were online"))?;
    report.row("until everybody was restored", started.elapsed().as_secs_f64(), "s", Target::None)?;
    Ok(lost_at)
}

/// Users present; none while a shard is being restored.
async fn present(app: &App) -> u64 {
    app.store.stats(None).await.map_or(0, |stats| stats.online)
}

/// Heartbeats have gone on for a while: what does the history say of anybody since the loss?
pub(super) async fn aftermath(
    app: &App,
    lost_at: Millis,
    people: u32,
    span: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    let what = format!("users present after {} s of heartbeats", span.as_secs());
    report.row(&what, count(present(app).await), "", Target::Equal(people.into()))?;
    for (what, to) in [("told to have gone offline", Status::Offline), ("told to have come", Status::Online)]
    {
        let filter = Filter { to: Some(to), since: Some(lost_at), ..Filter::default() };
        let page = app.audit.transitions(&filter, None, MAX_LIMIT).await?;
        report.row(what, count(page.rows.len() as u64), "", Target::Equal(0.0))?;
    }
    Ok(())
}
