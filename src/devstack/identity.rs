//! As whom Postgres runs. It refuses root, and containers are root: there it runs as `postgres`, else `nobody`.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::{DevStackError, failed};

/// A user and group that are not ours; `None` inside means ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity(Option<(u32, u32)>);

impl Identity {
    /// Ourselves, unless we are root.
    pub(super) fn of_children() -> Result<Self, DevStackError> {
        if id(&["-u"])? != Some(0) {
            return Ok(Self(None));
        }
        for name in ["postgres", "nobody"] {
            if let (Some(user), Some(group)) = (id(&["-u", name])?, id(&["-g", name])?) {
                return Ok(Self(Some((user, group))));
            }
        }
        Err(DevStackError::Missing {
            what: "a user for Postgres, which refuses to run as root",
            looked: "looked for `postgres` and `nobody`".into(),
            advice: "`useradd --system postgres`",
        })
    }

    /// Whether it differs from ours.
    pub(super) const fn is_foreign(self) -> bool {
        self.0.is_some()
    }

    /// Makes a command run as this identity.
    pub(super) fn apply(self, command: &mut Command) {
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
    }

    /// Gives a path to this identity.
    pub(super) fn own(self, path: &Path) -> Result<(), DevStackError> {
        let Some((user, group)) = self.0 else {
            return Ok(());
        };
        std::os::unix::fs::chown(path, Some(user), Some(group))
            .map_err(failed(format!("give {} to uid {user}", path.display())))
    }

    /// Whether this identity can enter a directory: `/root/project` is closed to `postgres`.
    pub(super) fn can_enter(self, dir: &Path) -> bool {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "cd \"$1\"", "sh"]).arg(dir).current_dir("/").stderr(std::process::Stdio::null());
        self.apply(&mut command);
        command.status().is_ok_and(|status| status.success())
    }
}

/// A number that `id` answers; `None` if it knows no such user.
fn id(args: &[&str]) -> Result<Option<u32>, DevStackError> {
    let output = Command::new("id").args(args).output().map_err(failed("run `id`"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(if output.status.success() { text.trim().parse().ok() } else { None })
}
