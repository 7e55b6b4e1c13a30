//! Who is timed has a thread to himself.

/// Runs what asks and takes the time on a thread and a runtime of its own: among the tasks of a crowd its answers would
/// lie there until those are done, and that would be measured as well.
pub(super) async fn apart<T: Send + 'static>(
    asking: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::spawn_blocking(move || runtime.block_on(asking)).await?
}
