//! From the claims of another issuer to our facts: its users in their own name space, its roles below the ceiling.

use std::iter;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Claims, RoomGrant, RoomRights, TokenError};
use crate::config::Issuer;
use crate::presence::{LoginId, Org, Role, UserId};

/// What stands for itself in a subject (RFC 3986 calls it unreserved); everything else is percent-encoded.
const SUBJECT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The largest time that is believed to be one, in seconds: the end of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// The login of those whose token names none.
const NO_LOGIN: &str = "-";

/// A user of this issuer; `None` if the subject is empty or too long.
pub(super) fn user(name: &str, subject: &str) -> Option<UserId> {
    let id = format!("{name}~{}", utf8_percent_encode(subject, SUBJECT));
    UserId::parse(&id).ok().filter(|_| !subject.is_empty())
}

/// The login that a host's session stands for: its own name where that has the form of one, else a name made of it.
pub(super) fn login(session: &str) -> LoginId {
    LoginId::parse(session).unwrap_or_else(|_| {
        let name = format!("h-{}", URL_SAFE_NO_PAD.encode(&Sha256::digest(session)[..16]));
        LoginId::parse(&name).expect("a digest in base64 of 22 characters is a login")
    })
}

/// A time of a token in seconds since 1970; some issuers write fractions.
#[expect(clippy::cast_possible_truncation, reason = "checked to be within the years that there are")]
#[expect(clippy::cast_precision_loss, reason = "the year 9999 is far below 2^52 seconds")]
pub(super) fn seconds(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    let seconds = value.as_i64().or_else(|| {
        let seconds = value.as_f64()?;
        (0.0..=LAST_SECOND as f64).contains(&seconds).then_some(seconds as i64)
    });
    seconds.filter(|seconds| (0..=LAST_SECOND).contains(seconds))
}

/// A claim by its name or its JSON pointer; `null` is as good as absent.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = match name.strip_prefix('/') {
        None => claims.get(name),
        Some(pointer) => {
            let (first, rest) = pointer.split_once('/').map_or((pointer, ""), |(first, rest)| (first, rest));
            let inner = claims.get(&first.replace("~1", "/").replace("~0", "~"))?;
            if rest.is_empty() { Some(inner) } else { inner.pointer(&format!("/{rest}")) }
        }
    };
    found.filter(|value| !value.is_null())
}

/// Our facts from the claims of a verified token.
pub(super) fn facts(
    issuer: &Issuer,
    claims: &Map<String, Value>,
    issued_at: i64,
    expires_at: i64,
) -> Result<Claims, TokenError> {
    let names = &issuer.claims;
    let text = |name: &str| match claim(claims, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(TokenError::Invalid),
    };
    let org = match text(&names.org)? {
        Some(org) => Org::parse(org).map_err(|_| TokenError::Invalid)?,
        None => issuer.org.clone(),
    };
    Ok(Claims {
        user: subject(issuer, claim(claims, &names.user))?,
        org,
        login: login(text(&names.login)?.filter(|login| !login.is_empty()).unwrap_or(NO_LOGIN)),
        token_version: issued_at,
        role: role(issuer, claim(claims, &names.role)),
        expires_at,
        rooms: rooms(claim(claims, &names.rooms)),
    })
}

/// Our facts from the claims of a verified room grant. They have the names that grants of ours have.
pub(super) fn grant(issuer: &Issuer, claims: &Map<String, Value>) -> Result<RoomGrant, TokenError> {
    let text = |name: &str| claim(claims, name).map(|value| value.as_str().ok_or(TokenError::Invalid));
    let room = text("room").ok_or(TokenError::Invalid)??;
    let org = text("org").transpose()?.map(Org::parse).transpose();
    Ok(RoomGrant {
        user: subject(issuer, claim(claims, "sub"))?,
        org: org.map_err(|_| TokenError::Invalid)?,
        rooms: iter::once(room.parse().map_err(|_| TokenError::Invalid)?).collect(),
    })
}

/// The user whom a claim names.
fn subject(issuer: &Issuer, said: Option<&Value>) -> Result<UserId, TokenError> {
    let subject = match said {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => return Err(TokenError::Invalid),
    };
    user(&issuer.name, &subject).ok_or(TokenError::Invalid)
}

/// The rooms that the token's words mean: a list of them, or one. A word that means nothing to us gives nothing.
fn rooms(said: Option<&Value>) -> RoomRights {
    let meant = |word: &Value| word.as_str()?.parse().ok();
    match said {
        Some(Value::Array(words)) => words.iter().filter_map(meant).collect(),
        Some(word) => meant(word).into_iter().collect(),
        None => RoomRights::default(),
    }
}

/// The highest role that the token's words mean. A word that means nothing to us takes nothing away from its bearer, and
/// gives nothing.
fn role(issuer: &Issuer, said: Option<&Value>) -> Role {
    let meant = |word: &Value| {
        let word = word.as_str()?;
        if issuer.roles.is_empty() { word.parse().ok() } else { issuer.roles.get(word).copied() }
    };
    let role = match said {
        Some(Value::Array(words)) => words.iter().filter_map(meant).max_by_key(|role| rank(*role)),
        Some(word) => meant(word),
        None => None,
    };
    match role {
        Some(Role::Admin) if !issuer.allow_admin => Role::Moderator,
        role => role.unwrap_or(Role::User),
    }
}

const fn rank(role: Role) -> u8 {
    match role {
        Role::User => 0,
        Role::Moderator => 1,
        Role::Admin => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::config::{ClaimNames, IssuerKeys, Signature, Span};
    use crate::presence::Room;

    fn issuer() -> Issuer {
        Issuer {
            name: "shop".to_owned(),
            issuer: "https://shop".to_owned(),
            audience: "rollcall".to_owned(),
            keys: IssuerKeys::File("keys".into()),
            algorithms: vec![Signature::EdDSA],
            claims: ClaimNames::default(),
            roles: BTreeMap::new(),
            org: Org::parse("shops").unwrap(),
            allow_admin: false,
            leeway: Span::from_secs(30),
            longest_life: Span::from_secs(3_600),
        }
    }

    fn mapped(issuer: &Issuer, claims: Value) -> Result<Claims, TokenError> {
        let Value::Object(claims) = claims else { panic!("not an object") };
        facts(issuer, &claims, 7, 9)
    }

    #[test]
    fn a_subject_lives_in_the_name_space_of_its_issuer() {
        let id =
            |subject: Value| mapped(&issuer(), json!({"sub": subject})).map(|facts| facts.user.to_string());
        assert_eq!(id(json!("42")), Ok("shop~42".to_owned()));
        assert_eq!(id(json!(42)), Ok("shop~42".to_owned()));
        assert_eq!(id(json!("ann@example.com")), Ok("shop~ann%40example.com".to_owned()));
        assert_eq!(id(json!("a%40b~c é")), Ok("shop~a%2540b~c%20%C3%A9".to_owned()));
        for bad in [json!(""), json!(null), json!(1.5), json!([]), json!(true), json!("x".repeat(124))] {
            assert_eq!(id(bad.clone()), Err(TokenError::Invalid), "{bad}");
        }
    }

    #[test]
    fn roles_end_at_the_ceiling() {
        let role =
            |issuer: &Issuer, role: Value| mapped(issuer, json!({"sub": "1", "role": role})).unwrap().role;
        let plain = issuer();
        assert_eq!(role(&plain, json!("moderator")), Role::Moderator);
        assert_eq!(role(&plain, json!("admin")), Role::Moderator);
        for nothing in [json!("root"), json!(null), json!(7), json!([]), json!({"admin": true})] {
            assert_eq!(role(&plain, nothing), Role::User);
        }
        assert_eq!(role(&Issuer { allow_admin: true, ..issuer() }, json!("admin")), Role::Admin);
        let roles = BTreeMap::from([("staff".to_owned(), Role::Moderator)]);
        let mapped = Issuer { roles, ..issuer() };
        assert_eq!(role(&mapped, json!(["guest", "staff"])), Role::Moderator);
        assert_eq!(role(&mapped, json!("moderator")), Role::User, "only what is mapped counts then");
    }

    #[test]
    fn facts_stand_where_the_settings_say() {
        let claims = ClaimNames {
            user: "/who/id".to_owned(),
            org: "https://shop/org".to_owned(),
            role: "/realm/roles".to_owned(),
            login: "session".to_owned(),
            rooms: "/realm/rooms".to_owned(),
        };
        let issuer = Issuer { claims, ..issuer() };
        let facts = mapped(
            &issuer,
            json!({
                "who": {"id": "ann"}, "https://shop/org": "acme", "realm": {"roles": ["moderator"], "rooms": ["lobby", "doc:*", 7, "no room"]}, "session": "a.b:c"
            }),
        );
        let facts = facts.unwrap();
        assert_eq!(
            (facts.user.as_str(), facts.org.as_str(), facts.role),
            ("shop~ann", "acme", Role::Moderator)
        );
        assert!(facts.login.as_str().starts_with("h-") && facts.login != login("a.b:d"), "{}", facts.login);
        assert_eq!((facts.token_version, facts.expires_at), (7, 9));
        let admits = |facts: &Claims, name: &str| facts.rooms.admits(&Room::parse(name).unwrap());
        assert!(admits(&facts, "lobby") && admits(&facts, "doc:7") && !admits(&facts, "other"));
        let bare = mapped(&super::tests::issuer(), json!({"sub": "1"})).unwrap();
        assert_eq!((bare.login.as_str(), bare.org.as_str()), ("-", "shops"));
        assert!(!admits(&bare, "lobby"));
        for bad in [
            json!({"sub": "1", "org": "no spaces"}),
            json!({"sub": "1", "org": 7}),
            json!({"sub": "1", "sid": {}}),
        ] {
            assert!(mapped(&super::tests::issuer(), bad).is_err());
        }
    }

    #[test]
    fn times_are_seconds_of_years_that_there_are() {
        let at = |value: Value| seconds(json!({"exp": value}).as_object().unwrap(), "exp");
        assert_eq!((at(json!(5)), at(json!(5.9))), (Some(5), Some(5)));
        for bad in [json!(-1), json!(i64::MAX), json!(1e300), json!("5"), json!(null), json!(u64::MAX)] {
            assert_eq!(at(bad.clone()), None, "{bad}");
        }
    }
}
