//! What the environment says besides settings: where programs are found.

use std::path::PathBuf;

/// Facts about the machine that only `rollcall dev` and the tests need.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `ROLLCALL_POSTGRES_BIN`: a directory with `initdb` and `postgres` to use before all others.
    pub postgres_bin: Option<PathBuf>,
    /// The directories of `PATH`.
    pub path: Vec<PathBuf>,
    /// The file of the running program, if the system tells.
    pub program: Option<PathBuf>,
}

impl Surroundings {
    /// Reads the environment.
    #[must_use]
    pub fn read() -> Self {
        Self {
            postgres_bin: std::env::var_os("ROLLCALL_POSTGRES_BIN")
                .filter(|dir| !dir.is_empty())
                .map(PathBuf::from),
            path: std::env::var_os("PATH")
                .map(|path| std::env::split_paths(&path).collect())
                .unwrap_or_default(),
            program: std::env::current_exe().ok(),
        }
    }
}
