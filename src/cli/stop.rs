//! The wish to stop: SIGTERM, SIGINT (Ctrl-C), or the end of whoever started a node for a purpose of their own.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code of a process that was told to stop while it was stopping.
const IMPATIENT: i32 = 130;

/// A token that the first signal cancels. The second one ends the process at once.
///
/// # Errors
/// If the system does not let signals be handled.
pub(super) fn on_signal() -> anyhow::Result<CancellationToken> {
    let listen = |kind| signal(kind).context("cannot listen to signals");
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        told.cancel();
        either(&mut terminate, &mut interrupt).await;
        std::process::exit(IMPATIENT);
    });
    Ok(stop)
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Cancels the token when standard input closes. A thread of its own, for nothing can interrupt such a read.
pub(super) fn with_stdin(stop: CancellationToken) {
    std::thread::spawn(move || {
        // An input that cannot be read is as good as a closed one.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        stop.cancel();
    });
}
