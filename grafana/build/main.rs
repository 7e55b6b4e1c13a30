//! Builds the dashboards of Grafana from their sources: `./run dashboards`. What it writes is committed, so that nobody
//! needs a toolchain to use it; `tests/integration/dashboards` says when it is behind its sources.

mod dashboards;

use std::fs;
use std::path::Path;

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let grafana = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana");
    for built in dashboards::build(&grafana.join("source"))? {
        let path = grafana.join("dashboards").join(&built.file);
        fs::write(&path, &built.text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
