//! `rollcall user`: accounts without the API, above all the first administrator.
//!
//! Postgres first, then Redis: what Redis misses is only late, what Postgres misses is lost.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};

use crate::accounts::import::{Secret, read};
use crate::accounts::{Account, AccountStatus, Accounts, Email, NewAccount, Origin, Username};
use crate::app::connect_store;
use crate::auth::{Password, PasswordCost, Passwords, ResetToken, is_stored_hash};
use crate::config::Config;
use crate::database;
use crate::presence::{Org, Reason, Role};

/// How actions from here are signed.
const ACTOR: &str = "cli";
/// One command needs no more.
const CONNECTIONS: u32 = 1;
/// How long a link for a new password is good.
const LINK_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What to do with accounts.
#[derive(Debug, clap::Subcommand)]
pub(super) enum UserCommand {
    /// Make an account; prints its id
    Create {
        /// Name to log in with: 3-150 letters, digits, spaces and _ . -
        #[arg(long)]
        username: String,
        /// E-mail address
        #[arg(long)]
        email: String,
        /// user, moderator or admin
        #[arg(long, default_value = "user")]
        role: Role,
        /// Organisation
        #[arg(long, default_value = "main")]
        org: Org,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Make accounts from a CSV file, all of them or none
    ///
    /// The first line names the columns: username, and as far as known email, first_name, last_name, role, status, org,
    /// password or password_hash (argon2 or Django's pbkdf2_sha256), and facts of the profile.
    Import {
        /// The file
        file: std::path::PathBuf,
        /// Only say what is wrong with it
        #[arg(long)]
        dry_run: bool,
    },
    /// Print all accounts, oldest first: id, user name, e-mail address, role, status, organisation
    List,
    /// Give an account another role
    SetRole {
        /// User name or e-mail address
        #[arg(long)]
        username: String,
        /// user, moderator or admin
        #[arg(long)]
        role: Role,
    },
    /// Set an account's password; ends all its logins
    SetPassword {
        /// User name or e-mail address
        #[arg(long)]
        username: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Make a link by which somebody sets a new password, once, within a day; prints its token
    ResetLink {
        /// User name or e-mail address
        user: String,
    },
    /// Take away somebody's second factor, whose authenticator is lost
    ResetTotp {
        /// User name or e-mail address
        user: String,
    },
}

/// Where a password comes from. A flag of its own would show it to everyone on the machine.
#[derive(Debug, clap::Args)]
pub(super) struct PasswordSource {
    /// Read the password (8-128 characters) from the first line of standard input
    #[arg(long, required = true)]
    password_stdin: bool,
}

/// Does it.
pub(super) async fn run(config: &Config, command: &UserCommand) -> anyhow::Result<bool> {
    let database = config.database.url()?.expose().into();
    let accounts = Accounts::new(database::connect(&database, true, CONNECTIONS)?);
    let origin = Origin { actor: Some(ACTOR.to_owned()), ..Origin::default() };
    match command {
        UserCommand::Create { username, email, role, org, password: _ } => {
            let new = NewAccount {
                username: Username::parse(username)?,
                email: Email::parse(email)?,
                password_hash: hash_of_stdin().await?,
                role: *role,
                status: AccountStatus::Active,
                org: org.clone(),
                first_name: String::new(),
                last_name: String::new(),
            };
            say(&accounts.create(&new, &origin).await?.id.to_string())?;
        }
        UserCommand::Import { file, dry_run } => return import(&accounts, file, *dry_run, &origin).await,
        UserCommand::List => list(accounts.all().await?)?,
        UserCommand::SetRole { username, role } => {
            let account = find(&accounts, username).await?;
            accounts.set_role(account.id, *role, &origin).await?;
            say(&format!("{} is {role} from now on", account.username))?;
        }
        UserCommand::SetPassword { username, password: _ } => {
            let account = find(&accounts, username).await?;
            let hash = hash_of_stdin().await?;
            let version = accounts.set_password(account.id, &hash, None, &origin).await?;
            let outcome = end_sessions(config, &account, version).await;
            say(&password_set(config, &account, &outcome))?;
        }
        UserCommand::ResetLink { user } => {
            let (account, token) = (find(&accounts, user).await?, ResetToken::random());
            accounts.create_reset_link(account.id, token.hash(), LINK_LIFE, &origin).await?;
            say(token.text().expose_secret())?;
        }
        UserCommand::ResetTotp { user } => {
            let account = find(&accounts, user).await?;
            accounts.reset_totp(account.id, None, &origin).await?;
            say(&format!("{} logs in without a second factor", account.username))?;
        }
    }
    Ok(true)
}

/// Imports a file; whether it was good.
async fn import(accounts: &Accounts, file: &Path, dry_run: bool, origin: &Origin) -> anyhow::Result<bool> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (mut people, errors) = match read(&text, is_stored_hash) {
        Ok(people) => {
            let taken = accounts.taken(&people).await?;
            (people, taken)
        }
        Err(errors) => (Vec::new(), errors),
    };
    for error in &errors {
        say(&error.to_string())?;
    }
    if !errors.is_empty() {
        say("nothing was imported")?;
        return Ok(false);
    }
    let passwords = Passwords::new(PasswordCost::default(), 1, 0)?;
    for newcomer in &mut people {
        newcomer.account.password_hash = match &newcomer.secret {
            Secret::Hash(hash) => hash.clone(),
            Secret::None => passwords.unusable(),
            Secret::Password(text) => {
                let password = Password::parse(text.clone())
                    .with_context(|| format!("line {} of {}", newcomer.line, file.display()))?;
                if dry_run { String::new() } else { passwords.hash(password).await? }
            }
        };
    }
    if !dry_run {
        accounts.import(&people, origin).await?;
    }
    say(&format!(
        "{} accounts {}",
        people.len(),
        if dry_run { "would be imported" } else { "were imported" }
    ))?;
    Ok(true)
}

/// In words, what the change of a password did to the account's logins.
fn password_set(config: &Config, account: &Account, ended: &anyhow::Result<()>) -> String {
    let (name, most) = (&account.username, config.auth.access_ttl);
    match ended {
        Ok(()) => format!("the password of {name} is set; all sessions and tokens have ended"),
        Err(error) => format!(
            "the password of {name} is set and no login can be refreshed; sessions and access tokens run out within \
             {most}, because Redis could not be told ({error:#})"
        ),
    }
}

fn say(what: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{what}")
}

async fn find(accounts: &Accounts, username: &str) -> anyhow::Result<Account> {
    match accounts.credentials(username).await? {
        Some(found) => Ok(found.account),
        None => bail!("no account has the user name or address {username:?}"),
    }
}

/// Takes the first line of standard input, with or without its end, as the new password.
async fn hash_of_stdin() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
    let password = SecretString::from(line.trim_end_matches(['\r', '\n']));
    let password = Password::parse(password)?;
    Ok(Passwords::new(PasswordCost::default(), 1, 0)?.hash(password).await?)
}

/// Ends every session and token of an account in Redis.
async fn end_sessions(config: &Config, account: &Account, token_version: i64) -> anyhow::Result<()> {
    let store = connect_store(config).await?;
    store
        .cut(&account.id.user(), &account.org, token_version, None, Reason::ForceLogout, Some(ACTOR))
        .await?;
    Ok(())
}

fn list(mut accounts: Vec<Account>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    accounts.sort_by_key(|account| account.id);
    for account in accounts {
        let gate = account.gate().map_or("active", |gate| gate.as_str());
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{gate}\t{}",
            account.id, account.username, account.email, account.role, account.org
        )?;
    }
    Ok(())
}
