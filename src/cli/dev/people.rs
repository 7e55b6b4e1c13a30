//! The accounts of `rollcall dev`: one of each role to log in with, and those of the crowd. They share one password,
//! because hashing two hundred would take longer than starting the service.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::kept::Kept;
use crate::accounts::{AccountId, AccountStatus, Email, NewAccount, Origin, Username};
use crate::app::App;
use crate::auth::Password;
use crate::http::Guest;
use crate::presence::{Org, Role};

/// Those to log in with.
pub(super) const HANDS: [Role; 3] = [Role::Admin, Role::Moderator, Role::User];

const FIRST: [&str; 20] = [
    "Ada", "Alan", "Barbara", "Claude", "Dorothy", "Edsger", "Frances", "Grace", "Hedy", "Ivan", "Jean",
    "Ken", "Lynn", "Margaret", "Niklaus", "Olga", "Peter", "Radia", "Sophie", "Tim",
];
const LAST: [&str; 10] =
    ["Berg", "Castro", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanova", "Jansen", "Kovacs"];

/// Those whom one can be at `/demo/`. They are not in the crowd: nobody else moves them.
const GUESTS: [&str; 12] =
    ["Aiko", "Bruno", "Chidi", "Dilek", "Emil", "Farah", "Gustav", "Hana", "Ines", "Jonas", "Kemi", "Luca"];

/// One of the crowd.
#[derive(Clone, Debug)]
pub(super) struct DemoPerson {
    pub(super) username: String,
    first_name: &'static str,
    last_name: &'static str,
}

/// Those whom one can be: 12 people.
pub(super) fn guests() -> Vec<DemoPerson> {
    let guest = |first_name: &'static str| DemoPerson {
        username: first_name.to_lowercase(),
        first_name,
        last_name: "",
    };
    GUESTS.into_iter().map(guest).collect()
}

/// All of the crowd: 200 people.
pub(super) fn crowd() -> Vec<DemoPerson> {
    let person = |first_name: &'static str, last_name: &'static str| DemoPerson {
        username: format!("{first_name}.{last_name}").to_lowercase(),
        first_name,
        last_name,
    };
    LAST.into_iter().flat_map(|last| FIRST.into_iter().map(move |first| person(first, last))).collect()
}

/// Makes the accounts that do not exist yet. With a new password (its file was removed) the others get it, too.
pub(super) async fn ensure(app: &App, more: &[DemoPerson], password: &Kept) -> anyhow::Result<()> {
    let existing = app.accounts.all().await?;
    let existing: BTreeMap<String, AccountId> =
        existing.into_iter().map(|account| (account.username, account.id)).collect();
    let hands = HANDS.map(|role| (role, role.as_str(), "", ""));
    let more =
        more.iter().map(|person| (Role::User, person.username.as_str(), person.first_name, person.last_name));
    let wanted: Vec<_> = hands.into_iter().chain(more).collect();
    if !password.new && wanted.iter().all(|(_, name, ..)| existing.contains_key(*name)) {
        return Ok(());
    }
    let secret = SecretString::from(password.text.as_str());
    let hash = app.passwords.hash(Password::parse(secret)?).await?;
    let origin = Origin { actor: Some("dev".to_owned()), ..Origin::default() };
    for (role, username, first_name, last_name) in wanted {
        if let Some(id) = existing.get(username) {
            if password.new {
                app.accounts.set_password(*id, &hash, None, &origin).await?;
            }
            continue;
        }
        let new = NewAccount {
            username: Username::parse(username)?,
            email: Email::parse(&format!("{username}@example.com"))?,
            password_hash: hash.clone(),
            role,
            status: AccountStatus::Active,
            org: Org::default(),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
        };
        app.accounts.create(&new, &origin).await?;
    }
    Ok(())
}

/// The accounts of these people.
pub(super) async fn found(app: &App, people: &[DemoPerson]) -> anyhow::Result<Vec<Guest>> {
    let all: BTreeMap<String, AccountId> =
        app.accounts.all().await?.into_iter().map(|account| (account.username, account.id)).collect();
    let guest = |person: &DemoPerson| {
        let id = all.get(&person.username)?;
        Some(Guest {
            username: person.username.clone(),
            user_id: id.to_string(),
            name: person.first_name.to_owned(),
        })
    };
    Ok(people.iter().filter_map(guest).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_crowd_has_two_hundred_different_people_with_good_names() {
        let names: BTreeSet<_> = crowd().into_iter().chain(guests()).map(|person| person.username).collect();
        assert_eq!(names.len(), 212);
        assert!(names.iter().all(|name| Username::parse(name).is_ok()));
    }
}
