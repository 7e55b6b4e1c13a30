//! `/api/auth/totp/`: the second factor, from its beginning to its end.

use reqwest::{Method, StatusCode};
use rollcall::accounts::AccountId;
use rollcall::auth::Vault;
use rollcall::presence::Role;
use serde_json::{Value, json};
use sqlx::PgPool;
use totp_rs::{Builder, Secret, Totp};

use crate::support;
use crate::support::service::{PASSWORD, Person, SECRET, Service, answer};

const TOTP: &str = "/api/auth/totp/";
const CONFIRM: &str = "/api/auth/totp/confirm/";

/// A service that counts no logins, and a look into its database.
async fn fixture(flags: &[&str]) -> (Service, PgPool) {
    let database = support::database_url().await;
    let flags = [&["--limits-login-account", "none"], flags].concat();
    let service = Service::on(&support::stack().redis_url(), &database, &flags).await;
    (service, PgPool::connect(&database).await.unwrap())
}

/// Somebody's authenticator. It remembers the last step that it showed, so that each code is a new one.
struct Authenticator {
    totp: Totp,
    shown: u64,
}

impl Authenticator {
    fn new(begun: &Value) -> Self {
        let secret = Secret::try_from_base32(begun["secret"].as_str().unwrap()).unwrap();
        let totp = Builder::new().with_secret(secret).build_noncompliant();
        Self { totp, shown: 0 }
    }

    /// The code of this step or, if that was shown, of the next one: both are good for half a minute at least, however
    /// slow the machine. That makes two at a time.
    fn code(&mut self) -> String {
        self.shown = (self.shown + 1).max(now() / 30);
        assert!(self.shown <= now() / 30 + 1, "too many codes at a time");
        self.last()
    }

    /// The last one again.
    fn last(&self) -> String {
        self.totp.generate(self.shown * 30).to_string()
    }

    /// Moves time: what was used was used long ago.
    async fn rest(&mut self, pool: &PgPool) {
        self.shown = 0;
        sqlx::query("UPDATE totp_factors SET last_step = 1").execute(pool).await.unwrap();
    }
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

async fn log_in(service: &Service, name: &str, totp: Option<&str>) -> (StatusCode, Value) {
    let mut body = json!({"username": name, "password": PASSWORD});
    if let Some(totp) = totp {
        body["totp"] = json!(totp);
    }
    service.send(Method::POST, "/api/auth/login/", body).await
}

/// Enrols somebody: the authenticator and the recovery codes.
async fn enrol(service: &Service, token: &str) -> (Authenticator, Vec<String>) {
    let (status, begun) = service.post(token, TOTP, json!({"password": PASSWORD})).await;
    assert_eq!(status, StatusCode::OK, "{begun}");
    let mut authenticator = Authenticator::new(&begun);
    let (status, said) = service.post(token, CONFIRM, json!({"totp": authenticator.code()})).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    let codes = said["recovery_codes"].as_array().unwrap();
    (authenticator, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

async fn disable(service: &Service, person: &Person, password: &str, totp: &str) -> (StatusCode, Value) {
    let request = service.request(Method::DELETE, TOTP).bearer_auth(&person.token);
    answer(request.json(&json!({"password": password, "totp": totp}))).await
}

async fn actions(pool: &PgPool, name: &str) -> Vec<(Option<String>, Option<String>, String)> {
    let rows = sqlx::query_as(
        "SELECT actor, target_id, detail FROM admin_actions WHERE action = $1 ORDER BY occurred_at",
    );
    rows.bind(name).fetch_all(pool).await.unwrap()
}

#[tokio::test]
async fn a_second_factor_is_enrolled_by_password_and_code() {
    let (service, pool) = fixture(&[]).await;
    let ada = service.person("ada", Role::User).await;
    let standing = async || service.get(&ada.token, TOTP).await.1;
    let none = json!({"enabled": false, "pending": false, "required": false, "recovery_codes_left": 0});
    assert_eq!(standing().await, none);
    let (status, _) = service.post(&ada.token, TOTP, json!({"password": "wrong password"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "enrolling needs the password");
    let (_, begun) = service.post(&ada.token, TOTP, json!({"password": PASSWORD})).await;
    let uri = begun["otpauth_uri"].as_str().unwrap();
    assert!(
        uri.starts_with("otpauth://totp/rollcall:ada?secret=") && uri.ends_with("&issuer=rollcall"),
        "{uri}"
    );
    assert_eq!(standing().await["pending"], true);
    assert_eq!(log_in(&service, "ada", None).await.0, StatusCode::OK, "not asked for before it is confirmed");

    let mut authenticator = Authenticator::new(&begun);
    for wrong in ["", "000", "not a code", "0123-4567-89ab-cdef"] {
        let (status, problem) = service.post(&ada.token, CONFIRM, json!({"totp": wrong})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/totp")));
    }
    let (status, said) = service.post(&ada.token, CONFIRM, json!({"totp": authenticator.code()})).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    assert_eq!(said["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(
        (&standing().await["enabled"], &standing().await["recovery_codes_left"]),
        (&json!(true), &json!(10))
    );
    let (status, _) = service.post(&ada.token, TOTP, json!({"password": PASSWORD})).await;
    assert_eq!(status, StatusCode::CONFLICT, "one that is in use is not begun anew");
    let (status, _) = service.post(&ada.token, CONFIRM, json!({"totp": "123456"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "nor confirmed again");
    assert_eq!(actions(&pool, "IDENTITY_REFUSED").await.len(), 5);
}

#[tokio::test]
async fn a_login_needs_a_code_that_is_new_and_its_end_both_proofs() {
    let (service, pool) = fixture(&[]).await;
    let ada = service.person("ada", Role::User).await;
    let (mut authenticator, _) = enrol(&service, &ada.token).await;
    let used = authenticator.last();
    for (totp, code) in [
        (None, "totp_required"),
        (Some(""), "totp_required"),
        (Some("12345"), "totp_invalid"),
        (Some(used.as_str()), "totp_invalid"),
    ] {
        let (status, problem) = log_in(&service, "ada", totp).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!(code)), "{totp:?}");
    }
    let wrong = json!({"username": "ada", "password": "wrong password", "totp": "123456"});
    let (_, problem) = service.send(Method::POST, "/api/auth/login/", wrong).await;
    assert_eq!(
        problem["code"], "bad_credentials",
        "who does not know the password learns of no second factor"
    );
    let code = authenticator.code();
    let (status, said) = log_in(&service, "ada", Some(&format!(" {} {} ", &code[..3], &code[3..]))).await;
    assert_eq!((status, &said["user"]["username"]), (StatusCode::OK, &json!("ada")));
    assert_eq!(
        log_in(&service, "ada", Some(&code)).await.1["code"],
        "totp_invalid",
        "each code is good once"
    );

    authenticator.rest(&pool).await;
    let code = authenticator.code();
    assert_eq!(disable(&service, &ada, "wrong password", &code).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(disable(&service, &ada, PASSWORD, "000000000").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(disable(&service, &ada, PASSWORD, &code).await.0, StatusCode::OK);
    assert_eq!(log_in(&service, "ada", None).await.0, StatusCode::OK);

    let id = Some(ada.id.to_string());
    for name in ["TOTP_ENABLED", "TOTP_DISABLED"] {
        let rows = actions(&pool, name).await;
        assert_eq!((rows.len(), &rows[0].0, &rows[0].1), (1, &id, &id), "{name}");
    }
    assert_eq!(actions(&pool, "TOTP_ASKED").await.len(), 2);
    let failed = actions(&pool, "USER_FAILED_LOGIN").await;
    let second = failed.iter().filter(|(.., detail)| detail == "Wrong second factor").count();
    assert_eq!((failed.len(), second), (4, 3));
    assert_eq!(actions(&pool, "IDENTITY_REFUSED").await.len(), 2);
}

#[tokio::test]
async fn of_some_with_the_same_code_one_comes_in() {
    let (service, pool) = fixture(&[]).await;
    let ada = service.person("ada", Role::User).await;
    let (mut authenticator, recovery) = enrol(&service, &ada.token).await;
    let codes = [authenticator.code(), recovery[0].clone(), recovery[1].to_uppercase()];
    for code in &codes {
        let tries = (0..4).map(|_| log_in(&service, "ada", Some(code)));
        let answers = futures::future::join_all(tries).await;
        let let_in = answers.iter().filter(|(status, _)| *status == StatusCode::OK).count();
        let refused = answers.iter().filter(|(_, said)| said["code"] == "totp_invalid").count();
        assert_eq!((let_in, refused), (1, 3), "{code} {answers:?}");
    }
    let sessions = service.app.accounts.sessions(AccountId(ada.id)).await.unwrap();
    assert_eq!(sessions.len(), codes.len(), "whose code was used by another leaves no login");
    let failed = actions(&pool, "USER_FAILED_LOGIN").await;
    assert_eq!(failed.len(), 3 * codes.len());
}

#[tokio::test]
async fn a_recovery_code_stands_in_once() {
    let (service, pool) = fixture(&[]).await;
    let ada = service.person("ada", Role::User).await;
    let eve = service.person("eve", Role::User).await;
    let (_, codes) = enrol(&service, &ada.token).await;
    let (_, of_eve) = enrol(&service, &eve.token).await;
    assert_eq!(
        log_in(&service, "ada", Some(&of_eve[0])).await.1["code"],
        "totp_invalid",
        "another's is none"
    );
    assert_eq!(log_in(&service, "ada", Some(&codes[0])).await.0, StatusCode::OK);
    assert_eq!(log_in(&service, "ada", Some(&codes[0])).await.1["code"], "totp_invalid");
    assert_eq!(service.get(&ada.token, TOTP).await.1["recovery_codes_left"], 9);
    assert_eq!(actions(&pool, "RECOVERY_CODE_USED").await.len(), 1);
    assert_eq!(disable(&service, &ada, PASSWORD, &codes[1]).await.0, StatusCode::OK, "good to disable, too");
    let (_, again) = enrol(&service, &ada.token).await;
    assert_eq!(log_in(&service, "ada", Some(&codes[2])).await.1["code"], "totp_invalid", "they went with it");
    assert_eq!(log_in(&service, "ada", Some(&again[0])).await.0, StatusCode::OK);
    let stored: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT hash FROM recovery_codes").fetch_all(&pool).await.unwrap();
    assert_eq!(stored.len(), 19);
}

#[tokio::test]
async fn a_secret_is_stored_sealed_and_opens_under_the_previous_one() {
    let database = support::database_url().await;
    let service = Service::on(&support::stack().redis_url(), &database, &[]).await;
    let pool = PgPool::connect(&database).await.unwrap();
    let ada = service.person("ada", Role::User).await;
    let (mut authenticator, recovery) = enrol(&service, &ada.token).await;
    let stored = async || -> Vec<u8> {
        sqlx::query_scalar("SELECT secret FROM totp_factors").fetch_one(&pool).await.unwrap()
    };
    let (owner, plain) = (ada.id.to_string(), authenticator.totp.secret().as_bytes().to_vec());
    assert!(!stored().await.windows(8).any(|part| part == &plain[..8]));
    let vault = Vault::new(&SECRET.into(), None);
    assert_eq!(vault.open(&owner, &stored().await).unwrap().plain, plain);

    // As if the secret had been changed since.
    let before = "the secret before it, of thirty-two bytes";
    let old = Vault::new(&before.into(), None).seal(&owner, &plain);
    sqlx::query("UPDATE totp_factors SET secret = $1").bind(old).execute(&pool).await.unwrap();
    let code = authenticator.code();
    assert_eq!(log_in(&service, "ada", Some(&code)).await.1["code"], "totp_invalid", "the old one is gone");
    assert_eq!(log_in(&service, "ada", Some(&recovery[0])).await.0, StatusCode::OK, "recovery codes go on");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), before).unwrap();
    let flags = ["--auth-previous-secret-file", file.path().to_str().unwrap()];
    let knowing = Service::on(&support::stack().redis_url(), &database, &flags).await;
    assert_eq!(log_in(&knowing, "ada", Some(&code)).await.0, StatusCode::OK, "it still opens");
    assert_eq!(vault.open(&owner, &stored().await).unwrap().plain, plain, "and was sealed anew by its use");
}

#[tokio::test]
async fn whose_role_needs_a_second_factor_enrols_it_with_the_rights_of_everybody() {
    for (setting, moderator_needs) in [("admin", false), ("moderator", true)] {
        let (service, _) = fixture(&["--auth-require-totp", setting]).await;
        let ada = service.person("ada", Role::Admin).await;
        let mod_ = service.person("mod", Role::Moderator).await;
        let user = service.person("user", Role::User).await;
        assert_eq!(service.get(&ada.token, TOTP).await.1["required"], true);
        assert_eq!(service.get(&mod_.token, TOTP).await.1["required"], moderator_needs);
        assert_eq!(service.get(&user.token, TOTP).await.1["required"], false);
        let list = "/api/users/admin/users/";
        let expected = if moderator_needs { StatusCode::FORBIDDEN } else { StatusCode::OK };
        assert_eq!(service.get(&mod_.token, list).await.0, expected);

        let (status, said) = log_in(&service, "ada", None).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        let token = said["tokens"]["access"].as_str().unwrap();
        let (status, problem) = service.get(token, list).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::FORBIDDEN, &json!("totp_enrolment_required")),
            "{problem}"
        );
        let (_, everybody) = service.get(token, "/api/users/all-users/").await;
        let emails: Vec<&str> = everybody["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["email"].as_str().unwrap())
            .collect();
        assert_eq!(emails, ["", "", "ada@example.com"], "what everybody may read");
        assert_eq!(service.get(token, "/api/admin/my-permissions/").await.1["role"], "user");
        assert_eq!(service.beat(token, json!({})).await.0, StatusCode::OK);

        let (mut authenticator, _) = enrol(&service, token).await;
        assert_eq!(service.get(token, list).await.0, StatusCode::OK, "at once, by the token at hand");
        let (_, said) = log_in(&service, "ada", Some(&authenticator.code())).await;
        assert_eq!(service.get(said["tokens"]["access"].as_str().unwrap(), list).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn an_administrator_takes_away_a_second_factor_but_not_their_own() {
    let (service, pool) = fixture(&[]).await;
    let ada = service.person("ada", Role::User).await;
    let eve = service.person("eve", Role::Admin).await;
    let moderator = service.person("mod", Role::Moderator).await;
    enrol(&service, &ada.token).await;
    enrol(&service, &eve.token).await;
    let reset = async |by: &Person, id: i64| {
        let path = format!("/api/users/admin/users/{id}/reset-totp/");
        service.post(&by.token, &path, json!({"reason": "lost phone"})).await.0
    };
    assert_eq!(reset(&moderator, ada.id).await, StatusCode::FORBIDDEN);
    assert_eq!(reset(&eve, 4711).await, StatusCode::NOT_FOUND);
    assert_eq!(reset(&eve, eve.id).await, StatusCode::CONFLICT, "one's own needs its code");
    assert_eq!(log_in(&service, "ada", None).await.1["code"], "totp_required");
    assert_eq!(reset(&eve, ada.id).await, StatusCode::OK);
    assert_eq!(reset(&eve, ada.id).await, StatusCode::CONFLICT, "there is none any more");
    assert_eq!(log_in(&service, "ada", None).await.0, StatusCode::OK);
    let rows = actions(&pool, "TOTP_RESET").await;
    assert_eq!((rows.len(), rows[0].0.clone()), (1, Some(eve.id.to_string())));
    assert!(rows[0].2.ends_with(": lost phone"), "{rows:?}");
}

#[tokio::test]
async fn whoever_has_a_second_factor_erases_themselves_with_it() {
    let (service, pool) = fixture(&[]).await;
    let ada = service.person("ada", Role::User).await;
    let (mut authenticator, _) = enrol(&service, &ada.token).await;
    let used = authenticator.last();
    for body in [json!({"password": PASSWORD}), json!({"password": PASSWORD, "totp": used})] {
        let (status, problem) = service.post(&ada.token, "/api/auth/erase/", body).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::BAD_REQUEST, &json!("/totp")),
            "{problem}"
        );
    }
    assert!(service.app.accounts.by_id(AccountId(ada.id)).await.unwrap().is_some());
    let body = json!({"password": PASSWORD, "totp": authenticator.code()});
    let (status, said) = service.post(&ada.token, "/api/auth/erase/", body).await;
    assert_eq!((status, &said["account"]), (StatusCode::OK, &json!(true)), "{said}");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM totp_factors").fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0, "the factor goes with the account");
}

#[tokio::test]
async fn wrong_codes_count_as_attempts() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let (mut authenticator, _) = enrol(&service, &ada.token).await;
    for tries in 1.. {
        let (status, problem) = log_in(&service, "ada", Some("not-a-code")).await;
        if status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        assert_eq!((&problem["code"], tries <= 10), (&json!("totp_invalid"), true), "{tries}");
    }
    let (status, _) = log_in(&service, "ada", Some(&authenticator.code())).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "the right one waits, too");
}

#[tokio::test]
async fn what_proved_somebody_goes_with_them() {
    let (service, pool) = fixture(&[]).await;
    let eve = service.person("eve", Role::Admin).await;
    let ada = service.person("ada", Role::User).await;
    enrol(&service, &ada.token).await;
    let account = format!("/api/users/admin/users/{}/", ada.id);
    let (status, _) = service.post(&eve.token, &format!("{account}reset-link/"), json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let request = service.request(Method::DELETE, &format!("{account}?permanent=true"));
    assert_eq!(answer(request.bearer_auth(&eve.token)).await.0, StatusCode::OK);
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM totp_factors) + (SELECT count(*) FROM recovery_codes) \
            + (SELECT count(*) FROM reset_links)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(left, 0);
}
