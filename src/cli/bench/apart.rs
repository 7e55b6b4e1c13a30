//! Who makes load, who asks and what is measured do not stand in each other's way.

use tokio::runtime::{Builder, Handle, Runtime};

/// How far load yields, of 19: it gets a tenth of what others get, where they want all.
const NICE: i32 = 10;

/// Runs what asks and takes the time on a thread and a runtime of its own: among the tasks of a crowd its answers would
/// lie there until those are done, and that would be measured as well.
pub(super) async fn apart<T: Send + 'static>(
    asking: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    tokio::task::spawn_blocking(move || runtime.block_on(asking)).await?
}

/// A runtime whose threads yield the processor to whatever else wants it. Load comes from other machines; where it has
/// to be made on the one that is measured, it must not push in.
pub(super) struct Yielding(Option<Runtime>);

impl Yielding {
    pub(super) fn new() -> std::io::Result<Self> {
        let yields = || {
            // On Linux this is a thread's own. Where it is not allowed, load and what is measured share as equals.
            let _ = rustix::process::nice(NICE);
        };
        Builder::new_multi_thread()
            .enable_all()
            .on_thread_start(yields)
            .build()
            .map(|runtime| Self(Some(runtime)))
    }

    pub(super) fn handle(&self) -> Handle {
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for Yielding {
    fn drop(&mut self) {
        // To wait for its tasks is not allowed here, and none of them matters any more.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
