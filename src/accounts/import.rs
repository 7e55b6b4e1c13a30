//! Accounts from a file: read and checked line by line, then made in one transaction or not at all.
//!
//! All or nothing, because a file that was half imported cannot be mended and sent again. A first line names the columns:
//! `username`, and of the others what is known: `email`, `first_name`, `last_name`, `role`, `status`, `org`, the fields of
//! [`Profile`], and `password` or `password_hash`.

use std::collections::HashSet;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::entitlement::check_entitled;
use super::people::creation;
use super::{
    Account, AccountError, AccountStatus, Accounts, Action, Email, NewAccount, Origin, Permission, Profile,
    Username, actions, sql,
};
use crate::presence::{Org, Role};

/// Lines of a file, at most.
pub const MOST_LINES: usize = 10_000;
/// Accounts made by one statement: each by its own took milliseconds for a line.
const TOGETHER: usize = 1_000;
/// Errors that are told, at most.
const MOST_ERRORS: usize = 100;
/// Longest first or last name, in characters.
const LONGEST_NAME: usize = 150;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Counted from 1, the line with the columns' names included.
    pub line: u64,
    /// The column at fault; empty if the whole line is.
    pub column: String,
    /// What, in words. Never a value: it may be a password.
    pub detail: String,
}

impl std::fmt::Display for LineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let column = if self.column.is_empty() { String::new() } else { format!(", {}", self.column) };
        write!(f, "line {}{column}: {}", self.line, self.detail)
    }
}

/// How somebody from a file is to log in.
#[derive(Clone, Debug)]
pub enum Secret {
    /// By the password that this is the hash of: a PHC string, or one of Django's.
    Hash(String),
    /// By this password.
    Password(SecretString),
    /// Not before an administrator has made a reset link.
    None,
}

/// Somebody from a file.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// Where it stands.
    pub line: u64,
    /// The account; its hash is still to be filled in.
    pub account: NewAccount,
    /// The rest.
    pub profile: Profile,
    /// How to log in.
    pub secret: Secret,
}

/// Reads a file of accounts (CSV in UTF-8). `is_hash` knows the hashes that can be checked at a login.
///
/// # Errors
/// All that is wrong with it, up to a hundred lines.
pub fn read(file: &[u8], is_hash: impl Fn(&str) -> bool) -> Result<Vec<Newcomer>, Vec<LineError>> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    // Where lines end in two characters, the library counts the second to the next line.
    let kept = |(at, byte): &(usize, &u8)| **byte != b'\r' || file.get(at + 1) != Some(&b'\n');
    let file: Vec<u8> = file.iter().enumerate().filter(kept).map(|(_, byte)| *byte).collect();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file.as_slice());
    let columns = reader.headers().map_err(|error| vec![broken(&error, 1)])?.clone();
    check_columns(&columns).map_err(|error| vec![error])?;
    let (mut people, mut errors) = (Vec::new(), Vec::new());
    let (mut names, mut addresses) = (HashSet::new(), HashSet::new());
    for record in reader.records() {
        let read = record.map_err(|error| broken(&error, 0)).and_then(|record| {
            let line = record.position().map_or(0, csv::Position::line);
            if people.len() == MOST_LINES {
                return Err(whole(line, format!("a file has at most {MOST_LINES} accounts")));
            }
            let newcomer = parse(&columns, &record, line, &is_hash)?;
            let account = &newcomer.account;
            let twice = |column: &str| at(line, column, "stands in an earlier line, too");
            if !names.insert(account.username.as_str().to_lowercase()) {
                return Err(twice("username"));
            }
            if !addresses.insert(account.email.as_str().to_lowercase()) {
                return Err(twice("email"));
            }
            Ok(newcomer)
        });
        match read {
            Ok(newcomer) => people.push(newcomer),
            Err(error) => errors.push(error),
        }
        if errors.len() == MOST_ERRORS || people.len() > MOST_LINES {
            break;
        }
    }
    match (errors.is_empty(), people.is_empty()) {
        (true, false) => Ok(people),
        (true, true) => Err(vec![whole(1, "there is nobody in the file")]),
        (false, _) => Err(errors),
    }
}

fn at(line: u64, column: &str, detail: impl Into<String>) -> LineError {
    LineError { line, column: column.to_owned(), detail: detail.into() }
}

fn whole(line: u64, detail: impl Into<String>) -> LineError {
    at(line, "", detail)
}

/// The library's own words would repeat the line.
fn broken(error: &csv::Error, otherwise: u64) -> LineError {
    let line = error.position().map_or(otherwise, csv::Position::line);
    let detail = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8",
        csv::ErrorKind::UnequalLengths { .. } => "the line has more or fewer columns than the first one",
        _ => "the line cannot be read as CSV",
    };
    whole(line, detail)
}

const COLUMNS: &[&str] =
    &["username", "email", "first_name", "last_name", "role", "status", "org", "password", "password_hash"];

fn check_columns(columns: &csv::StringRecord) -> Result<(), LineError> {
    let mut met = HashSet::new();
    for column in columns {
        if !COLUMNS.contains(&column) && !Profile::FIELDS.contains(&column) {
            return Err(at(1, column, "there is no such column"));
        }
        if !met.insert(column) {
            return Err(at(1, column, "the column stands there twice"));
        }
    }
    if met.contains("username") { Ok(()) } else { Err(at(1, "username", "the column is missing")) }
}

fn parse(
    columns: &csv::StringRecord,
    record: &csv::StringRecord,
    line: u64,
    is_hash: &impl Fn(&str) -> bool,
) -> Result<Newcomer, LineError> {
    let given = |name: &str| {
        let place = columns.iter().position(|column| column == name);
        place.and_then(|place| record.get(place)).filter(|text| !text.is_empty())
    };
    /// Reads a column by its own rule.
    fn ruled<T, E: std::fmt::Display>(line: u64, column: &str, read: Result<T, E>) -> Result<T, LineError> {
        read.map_err(|rule| at(line, column, rule.to_string()))
    }
    let username = ruled(line, "username", Username::parse(given("username").unwrap_or_default()))?;
    let email = given("email").map_or_else(|| Email::of(&username), Email::parse);
    let name = |column: &str| {
        let text = given(column).unwrap_or_default();
        let fits = text.chars().count() <= LONGEST_NAME;
        if fits {
            Ok(text.to_owned())
        } else {
            Err(at(line, column, format!("expected at most {LONGEST_NAME} characters")))
        }
    };
    let mut profile = Profile::default();
    for field in Profile::FIELDS {
        if let Some(text) = given(field) {
            profile.set(field, text.to_owned());
        }
    }
    if let Some((field, most)) = profile.too_long() {
        return Err(at(line, field, format!("expected at most {most} characters")));
    }
    let secret = match (given("password_hash"), given("password")) {
        (None, None) => Secret::None,
        (Some(hash), None) if is_hash(hash) => Secret::Hash(hash.to_owned()),
        (Some(_), None) => {
            return Err(at(line, "password_hash", "expected a hash of argon2 or Django's pbkdf2_sha256"));
        }
        (None, Some(password)) => Secret::Password(password.into()),
        (Some(_), Some(_)) => return Err(at(line, "password", "expected a password or its hash, not both")),
    };
    let account = NewAccount {
        email: ruled(line, "email", email)?,
        username,
        password_hash: String::new(),
        role: given("role").map_or(Ok(Role::User), |word| ruled(line, "role", word.parse()))?,
        status: given("status")
            .map_or(Ok(AccountStatus::Active), |word| ruled(line, "status", word.parse()))?,
        org: given("org").map_or(Ok(Org::default()), |word| ruled(line, "org", Org::parse(word)))?,
        first_name: name("first_name")?,
        last_name: name("last_name")?,
    };
    Ok(Newcomer { line, account, profile, secret })
}

impl Accounts {
    /// Lines whose name or address somebody has already.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn taken(&self, people: &[Newcomer]) -> Result<Vec<LineError>, AccountError> {
        let names: Vec<&str> = people.iter().map(|each| each.account.username.as_str()).collect();
        let addresses: Vec<&str> = people.iter().map(|each| each.account.email.as_str()).collect();
        let taken: Vec<(i64, String)> =
            sqlx::query_as(sql::IMPORT_TAKEN).bind(&names).bind(&addresses).fetch_all(&self.pool).await?;
        let line = |place: i64| usize::try_from(place - 1).ok().and_then(|place| people.get(place));
        let errors = taken.into_iter().filter_map(|(place, column)| {
            let detail = if column == "email" { "Email already exists" } else { "Username already exists" };
            Some(at(line(place)?.line, &column, detail))
        });
        Ok(errors.take(MOST_ERRORS).collect())
    }

    /// Makes all of these accounts, their hashes filled in, or none.
    ///
    /// # Errors
    /// [`AccountError::UsernameTaken`] or [`AccountError::EmailTaken`] by somebody who came meanwhile;
    /// [`AccountError::NotEntitled`].
    pub async fn import(&self, people: &[Newcomer], origin: &Origin) -> Result<(), AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ImportUsers).await?;
        for part in people.chunks(TOGETHER) {
            let rows: Vec<Value> =
                part.iter().enumerate().map(|(place, newcomer)| row(place, newcomer)).collect();
            let made: Vec<Account> =
                sqlx::query_as(sql::IMPORT_MAKE).bind(Value::from(rows)).fetch_all(&mut *transaction).await?;
            let told: Vec<Action<'_>> = made.iter().map(|account| creation(account, origin)).collect();
            actions::record_all(&mut transaction, &told, origin).await?;
        }
        let action = Action::on_system(actions::DATA_IMPORTED, "accounts were imported", origin);
        let after = Some(json!({"accounts": people.len()}));
        actions::record(&mut transaction, &Action { after, ..action }).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Somebody as [`sql::IMPORT_MAKE`] reads them.
fn row(place: usize, newcomer: &Newcomer) -> Value {
    let new = &newcomer.account;
    json!({
        "place": place, "username": new.username.as_str(), "email": new.email.as_str(),
        "password_hash": new.password_hash, "role": new.role, "status": new.status, "org": new.org,
        "first_name": new.first_name, "last_name": new.last_name, "profile": newcomer.profile,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(file: &str) -> Vec<String> {
        let read = read(file.as_bytes(), |hash| hash.starts_with('$'));
        read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_is_read_by_the_names_of_its_columns() {
        let file = "\u{feff}email,username,role,position,password_hash\r\nANN@example.com, ann ,admin,clerk,$x\n,bob lee,,,\n";
        let people = read(file.as_bytes(), |hash| hash == "$x").unwrap();
        assert_eq!((people[0].line, people[1].line), (2, 3));
        assert_eq!((people[0].account.username.as_str(), people[0].account.role), ("ann", Role::Admin));
        assert_eq!(people[0].profile.position.as_deref(), Some("clerk"));
        assert!(matches!(&people[0].secret, Secret::Hash(hash) if hash == "$x"));
        assert!(matches!(people[1].secret, Secret::None));
        assert_eq!(people[1].account.email.as_str(), "bob+lee@offchat.local");
    }

    #[test]
    fn every_wrong_line_is_named_with_its_column_and_without_its_values() {
        let file = "username,email,role,password,password_hash\nann,a@b,,,\nANN,c@d,,,\nbob,A@B,,,\nx,,,,\ncid,,king,,\n\
            dot,,,secret12,$y\neve,,,,secret34\nfay,,,\n\"gus\nlee\",,,,\nhal,,,,\n";
        assert_eq!(
            errors(file),
            [
                "line 3, username: stands in an earlier line, too",
                "line 4, email: stands in an earlier line, too",
                "line 5, username: Username must be 3-150 characters",
                "line 6, role: \"king\" is not a role",
                "line 7, password: expected a password or its hash, not both",
                "line 8, password_hash: expected a hash of argon2 or Django's pbkdf2_sha256",
                "line 9: the line has more or fewer columns than the first one",
                "line 10, username: Username may contain letters, digits, spaces and _ . - only",
            ]
        );
        assert_eq!(errors("email\na@b\n"), ["line 1, username: the column is missing"]);
        assert_eq!(errors("username,colour\n"), ["line 1, colour: there is no such column"]);
        assert_eq!(errors("username,username\n"), ["line 1, username: the column stands there twice"]);
        assert_eq!(errors("username\n"), ["line 1: there is nobody in the file"]);
        assert_eq!(errors(""), ["line 1, username: the column is missing"]);
        assert_eq!(errors(&format!("username\n{}", "x\n".repeat(300))).len(), 100);
    }
}
