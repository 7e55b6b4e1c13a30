//! The programs that these tests call.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Calls a program in a directory of the repository, with this on its standard input. Answers what it said on both
/// outputs; fails with that if it is not content.
pub fn content(program: &str, args: &[&str], dir: &str, input: &str) -> String {
    let mut child = Command::new(program)
        .args(args)
        .current_dir(root().join(dir))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} cannot be called ({error}): ./run operations installs it"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{program} {}: {said}", args.join(" "));
    said
}
