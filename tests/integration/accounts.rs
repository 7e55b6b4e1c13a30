//! Accounts on a real Postgres, working as the role that the service works as.

use std::time::Duration;

use rollcall::accounts::{
    Account, AccountError, AccountId, AccountStatus, Accounts, Email, EndReason, Family, Filter, LoginMeta,
    NewAccount, Order, Origin, Place, Proved, RefreshError, RefreshMode, RefreshRules, STATEMENTS, Username,
};
use rollcall::presence::{Device, GateKind, Org, Reason, Role};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor};

use crate::support;

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// A database with the accounts on it. `owner` moves time and looks at what the service cannot.
struct Fixture {
    owner: PgPool,
    accounts: Accounts,
}

async fn fixture() -> Fixture {
    let owner = support::database().await;
    let app = PgPoolOptions::new()
        .max_connections(4)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute("SET ROLE rollcall_app").await?;
                Ok(())
            })
        })
        .connect_with(owner.connect_options().as_ref().clone())
        .await
        .unwrap();
    Fixture { owner, accounts: Accounts::new(app) }
}

/// What `admin_actions` says of an action.
type Row = (String, Option<String>, Option<String>, String, String, Option<String>);

impl Fixture {
    async fn sql(&self, sql: &'static str) {
        self.owner.execute(sql).await.unwrap();
    }

    async fn user(&self, name: &str, role: Role) -> Account {
        self.accounts.create(&new(name, role), &Origin::default()).await.unwrap()
    }

    async fn login(&self, account: &Account) -> Family {
        self.accounts.open_family(account, &LoginMeta::default(), WEEK).await.unwrap()
    }

    async fn actions(&self, name: &str) -> Vec<Row> {
        sqlx::query_as(
            "SELECT action, actor, target_id, severity, category, request_id FROM admin_actions \
             WHERE action = $1 ORDER BY occurred_at",
        )
        .bind(name)
        .fetch_all(&self.owner)
        .await
        .unwrap()
    }

    /// Returns when `count` connections to this database wait for a lock.
    async fn waiting(&self, count: i64) {
        let reached = async {
            while sqlx::query_scalar::<_, i64>(
                "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .fetch_one(&self.owner)
            .await
            .unwrap()
                < count
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached).await.expect("calls wait for the lock");
    }

    async fn rotate(&self, token: &SecretString) -> Result<SecretString, RefreshError> {
        self.rotate_by(token, &rules()).await
    }

    async fn rotate_by(
        &self,
        token: &SecretString,
        rules: &RefreshRules,
    ) -> Result<SecretString, RefreshError> {
        self.accounts.rotate(token, rules, &origin()).await.map(|rotation| rotation.refresh)
    }
}

fn new(name: &str, role: Role) -> NewAccount {
    NewAccount {
        username: Username::parse(name).unwrap(),
        email: Email::parse(&format!("{}@example.org", name.replace(' ', "."))).unwrap(),
        password_hash: "$argon2id$first".into(),
        role,
        status: AccountStatus::Active,
        org: Org::default(),
        first_name: String::new(),
        last_name: String::new(),
    }
}

fn origin() -> Origin {
    Origin {
        actor: Some("cli".into()),
        address: Some("192.0.2.1".into()),
        user_agent: Some("test".into()),
        session_id: None,
        request_id: Some("request-1".into()),
    }
}

fn rules() -> RefreshRules {
    RefreshRules {
        mode: RefreshMode::Rotate,
        grace: Duration::from_secs(10),
        secret: "a secret of at least thirty-two bytes".into(),
    }
}

fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

#[tokio::test]
async fn every_statement_fits_the_schema() {
    let Fixture { owner, .. } = fixture().await;
    assert!(STATEMENTS.len() > 20);
    for (name, sql) in STATEMENTS {
        let prepare = format!("PREPARE {name} AS {sql}");
        let result = owner.execute(AssertSqlSafe(prepare)).await;
        assert!(result.is_ok(), "{name}: {result:?}");
    }
}

#[tokio::test]
async fn names_are_unique_whatever_their_case_and_free_after_deletion() {
    let f = fixture().await;
    f.user("Ann Lee", Role::User).await;
    let refused = f.accounts.create(&new("ann lee", Role::User), &origin()).await.unwrap_err();
    assert_eq!((refused.to_string().as_str(), refused.code()), ("Username already exists", Some("conflict")));
    let mut other = new("Another", Role::User);
    other.email = Email::parse("ANN.LEE@example.org").unwrap();
    let refused = f.accounts.create(&other, &origin()).await.unwrap_err();
    assert_eq!(refused.to_string(), "Email already exists");
    assert_eq!(f.actions("USER_CREATED").await, [], "a refused account leaves no row");
    f.sql("UPDATE users SET deleted_at = now()").await;
    assert!(f.accounts.create(&other, &origin()).await.is_ok());
}

#[tokio::test]
async fn a_new_account_is_recorded_in_the_words_of_who_made_it() {
    let f = fixture().await;
    let own = f.user("Björn", Role::User).await;
    let id = own.id.to_string();
    assert_eq!(
        f.actions("USER_REGISTERED").await,
        [("USER_REGISTERED".into(), Some(id.clone()), Some(id), "info".into(), "user".into(), None)]
    );
    let mut pending = new("pending", Role::Moderator);
    (pending.status, pending.first_name, pending.last_name) =
        (AccountStatus::Pending, "Ad".into(), "Min".into());
    let made = f.accounts.create(&pending, &origin()).await.unwrap();
    assert_eq!(
        f.actions("USER_CREATED").await,
        [(
            "USER_CREATED".into(),
            Some("cli".into()),
            Some(made.id.to_string()),
            "info".into(),
            "admin".into(),
            Some("request-1".into())
        )]
    );
    assert_eq!((own.gate(), own.gate_version, own.token_version), (None, 0, 1));
    assert_eq!((made.gate(), made.gate_version), (Some(GateKind::Pending), 1));
    assert_eq!((made.full_name().as_str(), own.full_name().as_str()), ("Ad Min", ""));
    assert_eq!(f.accounts.by_id(made.id).await.unwrap().unwrap(), made);
    assert_eq!(f.accounts.by_id(AccountId(999)).await.unwrap(), None);
}

#[tokio::test]
async fn no_change_without_its_row() {
    let f = fixture().await;
    let admin = f.user("first", Role::Admin).await;
    f.user("second", Role::Admin).await;
    let family = f.login(&admin).await;
    f.sql("ALTER TABLE admin_actions RENAME TO away").await;
    assert!(f.accounts.create(&new("third", Role::User), &origin()).await.is_err());
    assert!(f.accounts.set_role(admin.id, Role::User, &origin()).await.is_err());
    assert!(f.accounts.set_password(admin.id, "$other", None, &origin()).await.is_err());
    assert!(f.accounts.end_family(admin.id, &family.login, EndReason::Logout, &origin()).await.is_err());
    assert!(f.accounts.end_all(admin.id, None, EndReason::LogoutAll, &origin()).await.is_err());
    assert_eq!(f.accounts.all().await.unwrap().len(), 2);
    assert_eq!(f.accounts.by_id(admin.id).await.unwrap().unwrap(), admin);
    assert_eq!(f.accounts.sessions(admin.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn values_that_postgres_refuses_are_the_callers_mistake() {
    let f = fixture().await;
    for first_name in ["x".repeat(151), "nul \0".to_owned()] {
        let result =
            f.accounts.create(&NewAccount { first_name, ..new("somebody", Role::User) }, &origin()).await;
        assert!(matches!(result, Err(AccountError::Invalid(_))), "{result:?}");
    }
}

#[tokio::test]
async fn people_log_in_by_name_or_address() {
    let f = fixture().await;
    let ann = f.user("Ann Lee", Role::User).await;
    for name in ["Ann Lee", " ann lee ", "ANN.LEE@example.org"] {
        let found = f.accounts.credentials(name).await.unwrap().unwrap();
        assert_eq!((found.account, found.password_hash.as_str()), (ann.clone(), "$argon2id$first"));
    }
    for name in ["", "ann", "ann%", "\0"] {
        assert!(f.accounts.credentials(name).await.unwrap().is_none(), "{name:?}");
    }
    f.sql("UPDATE users SET deleted_at = now()").await;
    assert!(f.accounts.credentials("Ann Lee").await.unwrap().is_none());
}

#[tokio::test]
async fn pages_are_newest_first_and_filtered() {
    let f = fixture().await;
    for name in ["one", "two_x", "three", "four"] {
        f.user(name, if name == "four" { Role::Admin } else { Role::User }).await;
    }
    f.sql("UPDATE users SET status = 'banned', first_name = 'Drei', last_name = 'Zahl' WHERE username = 'three'").await;
    let names = |accounts: &[Account]| accounts.iter().map(|a| a.username.clone()).collect::<Vec<_>>();
    assert_eq!(names(&f.accounts.all().await.unwrap()), ["four", "three", "two_x", "one"]);
    let page = async |filter: Filter, page: u64, per_page: u32| {
        let place = Place::After((page - 1) * u64::from(per_page));
        let count = f.accounts.count(&filter).await.unwrap();
        let page = f.accounts.page(&filter, Order::Newest, &place, per_page).await.unwrap();
        (count, names(&page.accounts))
    };
    let search = |text: &str| Filter { search: Some(text.into()), ..Filter::default() };
    assert_eq!(page(Filter::default(), 2, 3).await, (4, vec!["one".into()]));
    assert_eq!(page(Filter::default(), 9, 3).await, (4, vec![]));
    assert_eq!(page(search("THR"), 1, 9).await, (1, vec!["three".into()]));
    assert_eq!(page(search("ei za"), 1, 9).await, (1, vec!["three".into()]));
    assert_eq!(page(search("two_x@EX"), 1, 9).await, (1, vec!["two_x".into()]));
    assert_eq!(page(search("_"), 1, 9).await, (1, vec!["two_x".into()]));
    assert_eq!(page(search("%"), 1, 9).await, (0, vec![]));
    assert_eq!(page(search("\0"), 1, 9).await, (0, vec![]));
    assert_eq!(page(search("  "), 1, 9).await.0, 4);
    assert_eq!(
        page(Filter { role: Some(Role::Admin), ..Filter::default() }, 1, 9).await,
        (1, vec!["four".into()])
    );
    let banned = Filter { status: Some(AccountStatus::Banned), role: Some(Role::User), ..Filter::default() };
    assert_eq!(page(banned, 1, 9).await, (1, vec!["three".into()]));
}

#[tokio::test]
async fn a_gate_follows_from_status_switch_and_end() {
    let f = fixture().await;
    let id = f.user("somebody", Role::User).await.id;
    let gate = async |change: &'static str| {
        f.sql(change).await;
        f.accounts.by_id(id).await.unwrap().unwrap().gate()
    };
    assert_eq!(gate("UPDATE users SET status = 'suspended'").await, Some(GateKind::Suspended));
    assert_eq!(gate("UPDATE users SET suspended_until = now() + '1 h'").await, Some(GateKind::Suspended));
    assert_eq!(gate("UPDATE users SET suspended_until = now() - '1 s'::interval").await, None);
    assert_eq!(
        gate("UPDATE users SET status = 'banned', suspended_until = NULL").await,
        Some(GateKind::Banned)
    );
    assert_eq!(gate("UPDATE users SET status = 'pending'").await, Some(GateKind::Pending));
    assert_eq!(gate("UPDATE users SET is_active = false").await, Some(GateKind::Inactive));
    assert_eq!(gate("UPDATE users SET is_active = true, status = 'active'").await, None);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let f = fixture().await;
    let admin = f.user("admin", Role::Admin).await;
    let banned = f.user("banned", Role::Admin).await;
    f.sql("UPDATE users SET status = 'banned' WHERE username = 'banned'").await;
    let refused = f.accounts.set_role(admin.id, Role::User, &origin()).await.unwrap_err();
    assert_eq!(refused.code(), Some("last_admin"));
    assert!(f.accounts.set_role(banned.id, Role::User, &origin()).await.is_ok());
    let user = f.user("somebody", Role::User).await;
    let promoted = f.accounts.set_role(user.id, Role::Admin, &origin()).await.unwrap();
    assert_eq!(promoted.role, Role::Admin);
    assert!(f.accounts.set_role(admin.id, Role::Moderator, &origin()).await.is_ok());
    assert_eq!(f.actions("ROLE_CHANGED").await.len(), 3);
    let missing = f.accounts.set_role(AccountId(999), Role::User, &origin()).await.unwrap_err();
    assert_eq!(missing.code(), Some("not_found"));
}

#[tokio::test]
async fn two_demotions_at_once_leave_one_administrator() {
    let f = fixture().await;
    for round in 0..5 {
        f.sql("UPDATE users SET role = 'user'").await;
        let one = f.user(&format!("one {round}"), Role::Admin).await.id;
        let two = f.user(&format!("two {round}"), Role::Admin).await.id;
        let by = origin();
        let (first, second) = tokio::join!(
            f.accounts.set_role(one, Role::User, &by),
            f.accounts.set_role(two, Role::User, &by)
        );
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    }
}

#[tokio::test]
async fn a_new_password_ends_every_login_but_one() {
    let f = fixture().await;
    let user = f.user("somebody", Role::User).await;
    let (kept, other) = (f.login(&user).await, f.login(&user).await);
    let version = f.accounts.set_password(user.id, "$second", Some(&kept.login), &origin()).await.unwrap();
    assert_eq!(version, user.token_version + 1);
    let found = f.accounts.credentials("somebody").await.unwrap().unwrap();
    assert_eq!((found.password_hash.as_str(), found.account.token_version), ("$second", version));
    assert!(f.rotate(&kept.refresh).await.is_ok());
    assert!(matches!(f.rotate(&other.refresh).await, Err(RefreshError::Ended { .. })));
    assert_eq!(f.actions("PASSWORD_CHANGED").await.len(), 1);
}

#[tokio::test]
async fn a_hash_made_anew_goes_with_the_login_that_brought_it() {
    let f = fixture().await;
    f.user("somebody", Role::User).await;
    let found = f.accounts.credentials("somebody").await.unwrap().unwrap();
    let log_in = async |hash: &str| {
        let proved = Proved { rehash: Some(hash.to_owned()), second: None };
        f.accounts.log_in(&found, &proved, &LoginMeta::default(), WEEK, &origin()).await
    };
    let hash = async || f.accounts.credentials("somebody").await.unwrap().unwrap().password_hash;
    log_in("$dearer").await.unwrap();
    assert_eq!(hash().await, "$dearer");
    log_in("$too late").await.unwrap();
    assert_eq!(hash().await, "$dearer", "it is not the hash any more that was checked");
    f.accounts.set_password(found.account.id, "$first", None, &origin()).await.unwrap();
    f.sql("UPDATE users SET password_hash = '$argon2id$first'").await;
    assert!(matches!(log_in("$dearer").await, Err(AccountError::LoginEnded)));
    assert_eq!(hash().await, "$argon2id$first", "no login, no new hash");
}

#[tokio::test]
async fn a_login_cannot_outrun_the_end_of_all_logins() {
    let f = fixture().await;
    let read_before = f.user("somebody", Role::User).await;
    f.accounts.set_password(read_before.id, "$second", None, &origin()).await.unwrap();
    let result = f.accounts.open_family(&read_before, &LoginMeta::default(), WEEK).await;
    assert!(matches!(result, Err(AccountError::LoginEnded)), "{result:?}");
    let read_after = f.accounts.by_id(read_before.id).await.unwrap().unwrap();
    f.login(&read_after).await;
}

#[tokio::test]
async fn logins_are_listed_with_where_they_come_from() {
    let f = fixture().await;
    let (user, other) = (f.user("somebody", Role::User).await, f.user("other", Role::User).await);
    f.login(&other).await;
    let first = f.login(&user).await;
    let meta = LoginMeta {
        device: Some(Device::Mobile),
        user_agent: Some("é".repeat(600)),
        address: Some("2001:db8::1".into()),
    };
    let second = f.accounts.open_family(&user, &meta, WEEK).await.unwrap();
    assert_eq!(second.login.as_str().len(), 12);
    let names = async || {
        f.accounts.sessions(user.id).await.unwrap().into_iter().map(|login| login.login).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [second.login.clone(), first.login.clone()]);
    f.rotate(&first.refresh).await.unwrap();
    assert_eq!(names().await, [first.login.clone(), second.login.clone()]);
    let listed = f.accounts.sessions(user.id).await.unwrap().pop().unwrap();
    let kept = LoginMeta { user_agent: Some("é".repeat(512)), ..meta };
    assert_eq!((listed.meta, listed.expires_at), (kept, second.expires_at));
    f.sql("UPDATE token_families SET expires_at = now()").await;
    assert_eq!(names().await, []);
}

#[tokio::test]
async fn a_login_ends_once_and_only_for_its_user() {
    let f = fixture().await;
    let (user, other) = (f.user("somebody", Role::User).await, f.user("other", Role::User).await);
    let family = f.login(&user).await;
    let end =
        async |id| f.accounts.end_family(id, &family.login, EndReason::Logout, &origin()).await.unwrap();
    assert!(!end(other.id).await);
    assert!(end(user.id).await);
    assert!(!end(user.id).await);
    assert_eq!(f.actions("USER_LOGOUT").await.len(), 1);
    assert!(matches!(f.rotate(&family.refresh).await, Err(RefreshError::Ended { .. })));
}

#[tokio::test]
async fn what_ended_lately_can_be_loaded_again() {
    let f = fixture().await;
    let (one, all) = (f.user("one", Role::User).await, f.user("all", Role::User).await);
    let (ended, kept) = (f.login(&one).await, f.login(&all).await);
    let life = Duration::from_secs(900);
    assert_eq!(f.accounts.ended_since(None, life).await.unwrap(), rollcall::accounts::Ended::default());
    f.accounts.end_family(one.id, &ended.login, EndReason::ForceLogout, &origin()).await.unwrap();
    let version =
        f.accounts.end_all(all.id, Some(&kept.login), EndReason::LogoutAll, &origin()).await.unwrap();
    assert!(matches!(f.rotate(&ended.refresh).await, Err(RefreshError::Ended { .. })));
    assert!(f.rotate(&kept.refresh).await.is_ok());
    let found = f.accounts.ended_since(None, life).await.unwrap();
    let logins: Vec<_> = found.logins.into_iter().map(|login| (login.user, login.login)).collect();
    assert_eq!(logins, [(one.id.user(), ended.login.clone())]);
    let tokens = |keep: &Family| rollcall::accounts::EndedTokens {
        user: all.id.user(),
        org: Org::default(),
        version,
        keep: Some(keep.login.clone()),
        reason: Reason::LogoutAll,
        actor: None,
    };
    assert_eq!(found.tokens, [tokens(&kept)]);
    let since = f.login(&f.accounts.by_id(all.id).await.unwrap().unwrap()).await;
    assert_eq!(f.accounts.ended_since(None, life).await.unwrap().tokens, [tokens(&kept)]);
    f.accounts.end_family(all.id, &kept.login, EndReason::Logout, &origin()).await.unwrap();
    assert_eq!(f.accounts.ended_since(None, life).await.unwrap().tokens, [tokens(&since)]);
    assert_eq!((f.actions("FORCE_LOGOUT").await.len(), f.actions("LOGOUT_ALL").await.len()), (1, 1));

    f.sql("UPDATE users SET tokens_ended_at = now() - interval '16 min' WHERE tokens_ended_at IS NOT NULL")
        .await;
    f.sql("UPDATE token_families SET ended_at = now() - interval '16 min' WHERE ended_at IS NOT NULL").await;
    assert_eq!(f.accounts.ended_since(None, life).await.unwrap(), rollcall::accounts::Ended::default());
    assert_eq!(f.accounts.forget_families(life).await.unwrap(), 2);
    assert!(matches!(f.rotate(&ended.refresh).await, Err(RefreshError::Unknown)));
}

#[tokio::test]
async fn logins_and_refusals_are_recorded() {
    let f = fixture().await;
    let user = f.user("somebody", Role::User).await;
    let from = Origin { actor: None, ..origin() };
    f.accounts.record_login(user.id, &from).await.unwrap();
    f.accounts.record_failed_login(Some(user.id), &from).await.unwrap();
    f.accounts.record_failed_login(None, &from).await.unwrap();
    assert!(f.accounts.by_id(user.id).await.unwrap().unwrap().last_login_at.is_some());
    let id = Some(user.id.to_string());
    let row = |name: &str, actor: &Option<String>, target: &Option<String>, severity: &str| -> Row {
        (
            name.into(),
            actor.clone(),
            target.clone(),
            severity.into(),
            "security".into(),
            Some("request-1".into()),
        )
    };
    assert_eq!(f.actions("USER_LOGIN").await, [row("USER_LOGIN", &id, &id, "info")]);
    assert_eq!(
        f.actions("USER_FAILED_LOGIN").await,
        [row("USER_FAILED_LOGIN", &None, &id, "warning"), row("USER_FAILED_LOGIN", &None, &None, "warning"),]
    );
}

#[tokio::test]
async fn a_token_is_exchanged_once_and_a_lost_answer_is_given_again() {
    let f = fixture().await;
    let user = f.user("somebody", Role::User).await;
    let first = f.login(&user).await;
    let done = f.accounts.rotate(&first.refresh, &rules(), &origin()).await.unwrap();
    assert_eq!((&done.account, &done.login, done.expires_at), (&user, &first.login, first.expires_at));
    assert!(!same(&done.refresh, &first.refresh));
    let again = f.rotate(&first.refresh).await.unwrap();
    assert!(same(&again, &done.refresh), "the same successor");
    let third = f.rotate(&done.refresh).await.unwrap();
    assert!(same(&f.rotate(&done.refresh).await.unwrap(), &third));
    let stored: Vec<(Vec<u8>,)> =
        sqlx::query_as("SELECT hash FROM refresh_tokens").fetch_all(&f.owner).await.unwrap();
    assert_eq!(stored.len(), 3);
}

#[tokio::test]
async fn a_predecessor_of_a_used_token_ends_the_login() {
    let f = fixture().await;
    let user = f.user("somebody", Role::User).await;
    let (first, bystander) = (f.login(&user).await, f.login(&user).await);
    let second = f.rotate(&first.refresh).await.unwrap();
    let third = f.rotate(&second).await.unwrap();
    let refused = f.rotate(&first.refresh).await.unwrap_err();
    let RefreshError::Reused { account, login } = refused else { panic!("{refused:?}") };
    assert_eq!((account, login), (user.id, first.login.clone()));
    for token in [&first.refresh, &second, &third] {
        assert!(matches!(f.rotate(token).await, Err(RefreshError::Ended { .. })));
    }
    assert!(f.rotate(&bystander.refresh).await.is_ok(), "other logins go on");
    assert_eq!(
        f.actions("REFRESH_REUSED").await,
        [(
            "REFRESH_REUSED".into(),
            None,
            Some(user.id.to_string()),
            "warning".into(),
            "security".into(),
            Some("request-1".into())
        )]
    );
}

#[tokio::test]
async fn after_the_grace_a_predecessor_ends_the_login() {
    let f = fixture().await;
    let family = f.login(&f.user("somebody", Role::User).await).await;
    f.rotate(&family.refresh).await.unwrap();
    f.sql("UPDATE refresh_tokens SET used_at = used_at - interval '10 s' WHERE used_at IS NOT NULL").await;
    assert!(matches!(f.rotate(&family.refresh).await, Err(RefreshError::Reused { .. })));
}

#[tokio::test]
async fn one_token_exchanged_many_times_at_once_has_one_successor() {
    let f = fixture().await;
    let family = f.login(&f.user("somebody", Role::User).await).await;
    // Holds all exchanges back until each has a connection and waits.
    let mut gate = f.owner.begin().await.unwrap();
    gate.execute("SELECT FROM token_families FOR UPDATE").await.unwrap();
    let open = async {
        f.waiting(4).await;
        gate.commit().await.unwrap();
    };
    let exchanges = futures::future::join_all((0..4).map(|_| f.rotate(&family.refresh)));
    let (answers, ()) = tokio::join!(exchanges, open);
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| same(answer, &answers[0])));
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM refresh_tokens").fetch_one(&f.owner).await.unwrap();
    assert_eq!(count, 2);
}

#[tokio::test]
async fn a_login_waits_for_a_password_that_is_being_changed() {
    let f = fixture().await;
    let user = f.user("somebody", Role::User).await;
    let mut change = f.owner.begin().await.unwrap();
    change.execute("UPDATE users SET token_version = token_version + 1").await.unwrap();
    let finish = async {
        f.waiting(1).await;
        change.commit().await.unwrap();
    };
    let meta = LoginMeta::default();
    let (opened, ()) = tokio::join!(f.accounts.open_family(&user, &meta, WEEK), finish);
    assert!(matches!(opened, Err(AccountError::LoginEnded)), "{opened:?}");
}

#[tokio::test]
async fn a_changed_secret_is_no_theft() {
    let f = fixture().await;
    let family = f.login(&f.user("somebody", Role::User).await).await;
    let second = f.rotate(&family.refresh).await.unwrap();
    let changed = RefreshRules { secret: "another secret of thirty-two bytes".into(), ..rules() };
    assert!(matches!(f.rotate_by(&family.refresh, &changed).await, Err(RefreshError::Unknown)));
    assert!(f.rotate_by(&second, &changed).await.is_ok(), "the login goes on");
}

#[tokio::test]
async fn fixed_tokens_stay_the_same_and_may_come_back() {
    let f = fixture().await;
    let family = f.login(&f.user("somebody", Role::User).await).await;
    let fixed = RefreshRules { mode: RefreshMode::Fixed, ..rules() };
    for _ in 0..3 {
        assert!(same(&f.rotate_by(&family.refresh, &fixed).await.unwrap(), &family.refresh));
    }
    assert!(!same(&f.rotate(&family.refresh).await.unwrap(), &family.refresh));
}

#[tokio::test]
async fn a_spent_token_stays_spent_where_tokens_become_fixed() {
    let f = fixture().await;
    let user = f.user("somebody", Role::User).await;
    let fixed = RefreshRules { mode: RefreshMode::Fixed, ..rules() };
    let (lost, stolen) = (f.login(&user).await, f.login(&user).await);
    let successor = f.rotate(&lost.refresh).await.unwrap();
    assert!(
        same(&f.rotate_by(&lost.refresh, &fixed).await.unwrap(), &successor),
        "a lost answer is given again"
    );
    assert!(same(&f.rotate_by(&successor, &fixed).await.unwrap(), &successor), "and stays from now on");
    let second = f.rotate(&stolen.refresh).await.unwrap();
    f.rotate(&second).await.unwrap();
    assert!(matches!(f.rotate_by(&stolen.refresh, &fixed).await, Err(RefreshError::Reused { .. })));
    assert_eq!(f.actions("REFRESH_REUSED").await.len(), 1);
}

#[tokio::test]
async fn a_gate_refuses_without_spending_the_token() {
    let f = fixture().await;
    let family = f.login(&f.user("somebody", Role::User).await).await;
    f.sql("UPDATE users SET status = 'suspended'").await;
    for _ in 0..2 {
        let refused = f.rotate(&family.refresh).await.unwrap_err();
        assert_eq!(refused.code(), Some("account_suspended"));
    }
    f.sql("UPDATE users SET status = 'active'").await;
    assert!(f.rotate(&family.refresh).await.is_ok());
    f.sql("UPDATE users SET deleted_at = now()").await;
    assert!(matches!(f.rotate(&family.refresh).await, Err(RefreshError::Ended { .. })));
}

#[tokio::test]
async fn unknown_and_expired_tokens_are_refused() {
    let f = fixture().await;
    let family = f.login(&f.user("somebody", Role::User).await).await;
    let stranger = format!("rt_{}", "A".repeat(43)).into();
    for token in [&stranger, &"".into(), &"not a token".into()] {
        assert!(matches!(f.rotate(token).await, Err(RefreshError::Unknown)));
    }
    f.sql("UPDATE token_families SET expires_at = now()").await;
    let refused = f.rotate(&family.refresh).await.unwrap_err();
    assert_eq!(refused.code(), Some("token_expired"));
}

#[tokio::test]
async fn the_service_cannot_change_what_was_recorded() {
    let f = fixture().await;
    let user = f.user("somebody", Role::User).await;
    let mut app = f.owner.acquire().await.unwrap();
    app.execute("SET ROLE rollcall_app").await.unwrap();
    for sql in [
        "UPDATE admin_actions SET actor = 'nobody'",
        "DELETE FROM admin_actions",
        "DELETE FROM users",
        "DELETE FROM refresh_tokens",
    ] {
        let refused = app.execute(sql).await.unwrap_err();
        let code =
            refused.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{sql}");
    }
    assert_eq!(f.actions("USER_REGISTERED").await.len(), 1);
    assert!(f.accounts.by_id(user.id).await.unwrap().is_some());
}

#[tokio::test]
async fn without_postgres_the_error_says_so() {
    let f = fixture().await;
    let missing = PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(200))
        .connect_lazy_with(f.owner.connect_options().as_ref().clone().socket("/nonexistent"));
    let error = Accounts::new(missing).all().await.unwrap_err();
    assert_eq!(error.code(), Some("store_unavailable"), "{error:?}");
}

#[test]
fn names_are_parsed_at_the_door() {
    for (text, rule) in [
        ("ab", "Username must be 3-150 characters"),
        ("  ab  ", "Username must be 3-150 characters"),
        ("a@b.c", "Username may contain letters, digits, spaces and _ . - only"),
        ("tab\tbed", "Username may contain letters, digits, spaces and _ . - only"),
    ] {
        assert_eq!(Username::parse(text).unwrap_err().to_string(), rule);
    }
    assert_eq!(Username::parse(" J. R. Öl_7-b ").unwrap().as_str(), "J. R. Öl_7-b");
    assert!(Username::parse(&"x".repeat(150)).is_ok() && Username::parse(&"x".repeat(151)).is_err());
    for text in ["", "x", "@x", "x@", "a@b@c", "a b@c", "a@b\0", &format!("{}@x", "a".repeat(253))] {
        assert_eq!(Email::parse(text).unwrap_err().to_string(), "Invalid email format", "{text}");
    }
    assert_eq!(Email::parse(" Ann@Example.org ").unwrap().as_str(), "Ann@Example.org");
    let user = |text| rollcall::presence::UserId::parse(text).unwrap();
    assert_eq!(AccountId::of(&user("42")), Some(AccountId(42)));
    for other in ["007", "0", "-7", "host~42", "99999999999999999999"] {
        assert_eq!(AccountId::of(&user(other)), None);
    }
    assert_eq!(AccountId(42).user(), user("42"));
}
