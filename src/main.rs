//! The program `rollcall`: parse, dispatch, exit code. Everything else is in the library.

use std::process::ExitCode;

use rollcall::cli::{self, Cli};
use rollcall::config;

fn main() -> ExitCode {
    match config::load_process::<Cli>() {
        Ok(loaded) => cli::run(&loaded),
        Err(error) => cli::refused(&error),
    }
}
