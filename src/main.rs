//! The program `rollcall`: parse, dispatch, exit code. Everything else is in the library.

use std::process::ExitCode;

use rollcall::cli::{self, Cli};
use rollcall::config;

/// Thousands of connections take and give back buffers of all sizes beside the little that each keeps: the C library's
/// allocator leaves holes of twice the size of what is in use (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match config::load_process::<Cli>() {
        Ok(loaded) => cli::run(&loaded),
        Err(error) => cli::refused(&error),
    }
}
