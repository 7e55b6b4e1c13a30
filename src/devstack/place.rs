//! Where a stack lives on the disk: data, sockets, logs, and the lock that keeps a second stack away.
//!
//! Socket paths may have about 100 bytes, so a deep data directory has its sockets in a short one. And Postgres
//! must be able to reach its files, so below a closed directory (root's home) its data moves to `/var/tmp`.

use std::fs::{DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::identity::Identity;
use super::{DevStackError, failed};

/// The longest directory that still leaves room for `/.s.PGSQL.5432` and its lock's suffix on every system.
const LONGEST_SOCKET_DIR: usize = 80;

/// The directories of one stack. Holds the lock.
#[derive(Debug)]
pub(super) struct Place {
    data_dir: PathBuf,
    shared: PathBuf,
    sockets: PathBuf,
    _lock: File,
}

impl Place {
    /// Makes the directories and takes the lock.
    pub(super) fn take(data_dir: &Path, identity: &Identity) -> Result<Self, DevStackError> {
        private_dir(data_dir)?;
        let data_dir = data_dir.canonicalize().map_err(failed(format!("find {}", data_dir.display())))?;
        let lock = lock(&data_dir)?;
        if identity.is_foreign() {
            // Others may pass through, to what is theirs below; nobody may list it.
            set_mode(&data_dir, 0o711)?;
        }
        let shared =
            if identity.can_enter(&data_dir) { data_dir.clone() } else { outside("/var/tmp", &data_dir)? };
        let sockets =
            if fits(&shared) { shared.join("sockets") } else { outside("/tmp", &data_dir)?.join("sockets") };
        let place = Self { data_dir, shared, sockets, _lock: lock };
        private_dir(&place.redis_dir())?;
        for dir in [place.postgres_dir(), place.sockets.clone()] {
            private_dir(&dir)?;
            identity.own(&dir)?;
        }
        Ok(place)
    }

    /// Everything this stack made, for an ephemeral one to be swept.
    pub(super) fn dirs(&self) -> Vec<PathBuf> {
        let mut dirs = vec![self.data_dir.clone(), self.shared.clone(), self.sockets.clone()];
        if let Some(parent) = self.sockets.parent() {
            dirs.push(parent.to_owned());
        }
        dirs.sort();
        dirs.dedup();
        dirs
    }

    pub(super) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub(super) fn redis_dir(&self) -> PathBuf {
        self.data_dir.join("redis")
    }

    pub(super) fn redis_log(&self) -> PathBuf {
        self.data_dir.join("redis.log")
    }

    pub(super) fn redis_socket(&self) -> PathBuf {
        self.sockets.join("redis.sock")
    }

    pub(super) fn postgres_dir(&self) -> PathBuf {
        self.shared.join("postgres")
    }

    pub(super) fn postgres_log(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }

    pub(super) fn sockets(&self) -> &Path {
        &self.sockets
    }

    pub(super) fn postgres_socket(&self) -> PathBuf {
        self.sockets.join(".s.PGSQL.5432")
    }
}

/// Whether a socket below this directory has a path that is short, and that needs no escaping in a URL.
fn fits(dir: &Path) -> bool {
    dir.to_str().is_some_and(|text| {
        text.len() <= LONGEST_SOCKET_DIR
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-'))
    })
}

/// A short directory that belongs to this data directory, found again by its name at the next start.
fn outside(parent: &str, data_dir: &Path) -> Result<PathBuf, DevStackError> {
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let dir = Path::new(parent).join(format!("rollcall-{name}"));
    private_dir(&dir)?;
    set_mode(&dir, 0o711)?;
    let what = || format!("use {}", dir.display());
    // Anyone may make a name in /tmp first: one that is a link, or not ours, is not trusted.
    let found = dir.symlink_metadata().map_err(failed(what()))?;
    let ours = data_dir.metadata().map_err(failed(what()))?.uid();
    if !found.is_dir() || found.uid() != ours {
        return Err(failed(what())(std::io::Error::other("it is not a directory of our own")));
    }
    Ok(dir)
}

fn private_dir(dir: &Path) -> Result<(), DevStackError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed(format!("make the directory {}", dir.display())))
}

fn set_mode(dir: &Path, mode: u32) -> Result<(), DevStackError> {
    std::fs::set_permissions(dir, Permissions::from_mode(mode))
        .map_err(failed(format!("open {} to the servers", dir.display())))
}

fn lock(data_dir: &Path) -> Result<File, DevStackError> {
    let path = data_dir.join("lock");
    let file = File::create(&path).map_err(failed(format!("make {}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(DevStackError::InUse(data_dir.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(format!("lock {}", path.display()))(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_plain_directories_hold_sockets() {
        assert!(fits(Path::new("/tmp/rollcall-1")));
        assert!(!fits(Path::new("/home/a b/rollcall")));
        assert!(!fits(&Path::new("/").join("x".repeat(90))));
    }

    #[test]
    fn a_data_directory_is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let _held = lock(dir.path()).unwrap();
        assert!(matches!(lock(dir.path()), Err(DevStackError::InUse(_))));
    }
}
