//! Where the servers' programs are. Debian keeps Postgres' off the PATH, macOS has three homes for them.

use std::path::{Path, PathBuf};

use super::DevStackError;

/// Where to look. The environment is read by the caller, because settings have one home.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A directory with `initdb` and `postgres`, looked at before all others.
    pub postgres_bin: Option<PathBuf>,
    /// The directories of `PATH`.
    pub path: Vec<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    pub(super) redis_server: PathBuf,
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
}

const REDIS_HOMES: &[&str] = &[
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/opt/homebrew/opt/redis/bin",
    "/opt/homebrew/opt/valkey/bin",
    "/usr/local/opt/redis/bin",
];

/// Parents of versioned directories: parent, prefix of the version's name, path below it.
const POSTGRES_HOMES: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/usr", "pgsql-", "bin"),
];

impl Binaries {
    /// Finds all, or says which one is missing and how to install it.
    pub(super) fn find(search: &Search) -> Result<Self, DevStackError> {
        let redis_server = redis_server(search)?;
        let bin = postgres(search).ok_or_else(|| DevStackError::Missing {
            what: "PostgreSQL's initdb and postgres",
            looked:
                "looked in ROLLCALL_POSTGRES_BIN, PATH, /usr/lib/postgresql/*/bin, Homebrew and Postgres.app"
                    .into(),
            advice: "`apt-get install postgresql`, or `brew install postgresql@17`",
        })?;
        Ok(Self { redis_server, initdb: bin.join("initdb"), postgres: bin.join("postgres") })
    }
}

/// Finds Redis, or says how to install it.
pub(super) fn redis_server(search: &Search) -> Result<PathBuf, DevStackError> {
    redis(search).ok_or_else(|| DevStackError::Missing {
        what: "redis-server (or valkey-server)",
        looked: "looked in PATH and in Homebrew's directories".into(),
        advice: "`apt-get install redis-server`, or `brew install redis`",
    })
}

fn redis(search: &Search) -> Option<PathBuf> {
    let dirs = || search.path.iter().map(PathBuf::as_path).chain(REDIS_HOMES.iter().map(Path::new));
    ["redis-server", "valkey-server"]
        .iter()
        .find_map(|name| dirs().map(|dir| dir.join(name)).find(|program| program.is_file()))
}

fn postgres(search: &Search) -> Option<PathBuf> {
    let complete = |dir: &PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    search
        .postgres_bin
        .iter()
        .chain(&search.path)
        .find(|dir| complete(dir))
        .cloned()
        .or_else(|| POSTGRES_HOMES.iter().find_map(|home| newest(home, complete)))
}

fn newest(home: &(&str, &str, &str), complete: impl Fn(&PathBuf) -> bool) -> Option<PathBuf> {
    let (parent, prefix, below) = home;
    std::fs::read_dir(parent)
        .ok()?
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let version: f64 = name.strip_prefix(prefix)?.parse().ok()?;
            let dir = Path::new(parent).join(&name).join(below);
            complete(&dir).then_some((version, dir))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, dir)| dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin_with(dir: &Path, names: &[&str]) {
        std::fs::create_dir_all(dir).unwrap();
        for name in names {
            std::fs::write(dir.join(name), "").unwrap();
        }
    }

    #[test]
    fn the_named_directory_wins_over_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let (named, path) = (dir.path().join("named"), dir.path().join("path"));
        bin_with(&named, &["initdb", "postgres"]);
        bin_with(&path, &["initdb", "postgres", "redis-server"]);
        let found =
            Binaries::find(&Search { postgres_bin: Some(named.clone()), path: vec![path.clone()] }).unwrap();
        assert_eq!(found.initdb, named.join("initdb"));
        assert_eq!(found.redis_server, path.join("redis-server"));
    }

    #[test]
    fn the_highest_version_is_taken_by_number() {
        let dir = tempfile::tempdir().unwrap();
        for version in ["9.6", "14", "17"] {
            bin_with(&dir.path().join(version).join("bin"), &["initdb", "postgres"]);
        }
        let parent = dir.path().to_str().unwrap();
        let found = newest(&(parent, "", "bin"), |dir| dir.join("initdb").is_file());
        assert_eq!(found, Some(dir.path().join("17/bin")));
    }
}
