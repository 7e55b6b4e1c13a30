//! The units of `deploy/systemd` before the judge that comes with systemd: it understands every word of them, and finds
//! little that the service could do to its machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The most that `systemd-analyze security` may find, in tenths: 0 is nothing, 100 is everything.
const EXPOSURE: &str = "15";

/// The units in a directory of their own, with the program where it is.
fn units(dir: &Path) -> Vec<String> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd");
    let mut names = Vec::new();
    for entry in fs::read_dir(home).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = text.replace("/usr/local/bin/rollcall", env!("CARGO_BIN_EXE_rollcall"));
        fs::write(dir.join(&name), text).unwrap();
        names.push(dir.join(name).display().to_string());
    }
    assert_eq!(names.len(), 2, "{names:?}");
    names
}

fn analyze(args: &[&str], units: &[String]) -> Output {
    let mut command = Command::new("systemd-analyze");
    command.args(args).args(units).env("SYSTEMD_COLORS", "0").output().expect("systemd-analyze is installed")
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "there is no systemd")]
fn systemd_understands_every_word() {
    let dir = tempfile::tempdir().unwrap();
    let units = units(dir.path());
    let said = analyze(&["verify", "--man=no", "--recursive-errors=no"], &units);
    let complaints = String::from_utf8_lossy(&said.stderr).into_owned();
    let about_ours: Vec<&str> = complaints.lines().filter(|line| line.contains("rollcall")).collect();
    assert!(said.status.success() && about_ours.is_empty(), "{complaints}");
    // It would say so.
    let broken = dir.path().join("rollcall-broken.service");
    let text = fs::read_to_string(&units[0]).unwrap();
    fs::write(
        &broken,
        text.replace("DynamicUser=", "DynamicUsers=").replace("rollcall serve", "rollcal serve"),
    )
    .unwrap();
    let said = analyze(&["verify", "--man=no"], &[broken.display().to_string()]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("DynamicUsers"));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "there is no systemd")]
fn the_service_can_do_little_to_its_machine() {
    let dir = tempfile::tempdir().unwrap();
    for unit in units(dir.path()) {
        let threshold = format!("--threshold={EXPOSURE}");
        let said =
            analyze(&["security", "--offline=true", "--no-pager", &threshold], std::slice::from_ref(&unit));
        let (report, error) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(
            said.status.success() && report.contains("Overall exposure level"),
            "{unit}: {report}{error}"
        );
    }
}
