//! Room grants of ours and of hosts: what lets in whom, and what is none.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use rollcall::auth::{Claims, Grant, RoomGrant, RoomPattern, TokenError, Tokens, Verifier};
use rollcall::config::IssuerKeys;
use rollcall::presence::{LoginId, Org, Role, Room, UserId};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{HASTE, Signer, claims, issuer, now, own, with};

const SHOP: &str = "https://shop";
const HOUR: Duration = Duration::from_secs(3_600);

struct Fixture {
    verifier: Verifier,
    own: Arc<Tokens>,
    shop: Signer,
    club: Signer,
    _dir: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let (own, dir) = (Arc::new(own()), tempfile::tempdir().unwrap());
    let (shop, club) = (Signer::ed25519("a"), Signer::ed25519("a"));
    let host = |name: &str, signer: &Signer| {
        let path = dir.path().join(name);
        std::fs::write(&path, json!({"keys": [signer.jwk()]}).to_string()).unwrap();
        issuer(name, IssuerKeys::File(path))
    };
    let hosts = [host("shop", &shop), host("club", &club)];
    let verifier = Verifier::new(Arc::clone(&own), &hosts, HASTE).unwrap();
    Fixture { verifier, own, shop, club, _dir: dir }
}

impl Fixture {
    async fn read(&self, grant: &str) -> Result<RoomGrant, TokenError> {
        self.verifier.room_grant(grant, OffsetDateTime::now_utc()).await
    }

    async fn of_shop(&self, claims: &Value) -> Result<RoomGrant, TokenError> {
        self.read(&self.shop.sign_as(Some("room+jwt"), claims)).await
    }

    /// The bearer of an access token of this user of the shop.
    async fn bearer(&self, subject: &str, org: &str) -> Claims {
        let token = self.shop.sign(&with(claims(SHOP, subject), "org", json!(org)));
        self.verifier.verify(&token, OffsetDateTime::now_utc()).await.unwrap()
    }

    fn ours(&self, org: Option<&Org>, room: &str, at: OffsetDateTime, life: Duration) -> String {
        self.own.issue_room_grant(&user("42"), org, &pattern(room), at, life)
    }
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn room(name: &str) -> Room {
    Room::parse(name).unwrap()
}

fn pattern(text: &str) -> RoomPattern {
    text.parse().unwrap()
}

/// What a host's grant says.
fn words(subject: &str, room: &str) -> Value {
    let now = now();
    json!({"iss": SHOP, "aud": "rollcall", "sub": subject, "room": room, "iat": now, "exp": now + 600})
}

#[tokio::test]
async fn a_grant_of_ours_lets_in_whom_it_names() {
    let f = fixture();
    let now = OffsetDateTime::now_utc();
    let read = f.read(&f.ours(None, "doc:*", now, HOUR)).await.unwrap();
    assert_eq!((&read.user, &read.org), (&user("42"), &None));
    assert!(read.rooms.admits(&room("doc:7")) && !read.rooms.admits(&room("lobby")));
    let acme = Org::parse("acme").unwrap();
    let bound = f.read(&f.ours(Some(&acme), "lobby", now, HOUR)).await.unwrap();
    assert_eq!(bound.org, Some(acme));
    for (at, expected) in [
        (now - HOUR - Duration::from_secs(6), TokenError::Expired),
        (now + Duration::from_secs(10), TokenError::Invalid),
    ] {
        assert_eq!(f.read(&f.ours(None, "lobby", at, HOUR)).await, Err(expected));
    }
    assert_eq!(
        f.read(&fixture().ours(None, "lobby", now, HOUR)).await,
        Err(TokenError::Invalid),
        "another key"
    );
}

#[tokio::test]
async fn a_grant_of_a_host_lets_in_its_own_users() {
    let f = fixture();
    let read = f.of_shop(&words("42", "doc:7")).await.unwrap();
    assert_eq!(read.user, user("shop~42"), "and never one of ours");
    let ann = f.bearer("42", "shops").await;
    assert!(read.admits(&ann, &room("doc:7")) && !read.admits(&ann, &room("doc:8")));
    assert!(!read.admits(&f.bearer("43", "shops").await, &room("doc:7")));
    let bound = f.of_shop(&with(words("42", "*"), "org", json!("shops"))).await.unwrap();
    assert!(bound.admits(&ann, &room("lobby")));
    assert!(!bound.admits(&f.bearer("42", "others").await, &room("lobby")));
    // The same words signed by another host, who says that they are the shop's.
    let by_club = f.club.sign_as(Some("room+jwt"), &words("42", "doc:7"));
    assert_eq!(f.read(&by_club).await, Err(TokenError::Invalid));
    let late = with(with(words("42", "a"), "iat", json!(now() - 900)), "exp", json!(now() - 100));
    assert_eq!(f.of_shop(&late).await, Err(TokenError::Expired));
    for (name, value) in [
        ("room", json!("no room")),
        ("room", json!(["a"])),
        ("room", Value::Null),
        ("sub", json!("")),
        ("sub", Value::Null),
        ("aud", json!("another")),
        ("org", json!("no org")),
        ("org", json!(7)),
        ("iat", Value::Null),
        ("exp", Value::Null),
        ("exp", json!(now() + 4_000)),
    ] {
        let bad = with(words("42", "doc:7"), name, value);
        assert_eq!(f.of_shop(&bad).await, Err(TokenError::Invalid), "{bad}");
    }
}

#[tokio::test]
async fn a_grant_is_no_access_token_and_an_access_token_no_grant() {
    let f = fixture();
    let now = OffsetDateTime::now_utc();
    // Everything that either of the two demands.
    let both = with(claims(SHOP, "42"), "room", json!("*"));
    for typ in [None, Some("JWT"), Some("at+jwt"), Some("application/at+jwt"), Some("room"), Some("")] {
        let token = f.shop.sign_as(typ, &both);
        assert_eq!(f.read(&token).await, Err(TokenError::Invalid), "{typ:?}");
    }
    let grant = f.shop.sign_as(Some("room+jwt"), &both);
    assert!(f.read(&grant).await.is_ok());
    assert_eq!(f.verifier.verify(&grant, now).await, Err(TokenError::Invalid));
    let of_login = Grant {
        user: user("42"),
        org: Org::default(),
        login: LoginId::parse("login").unwrap(),
        token_version: 1,
        role: Role::User,
    };
    assert_eq!(f.read(&f.own.issue(&of_login, now)).await, Err(TokenError::Invalid));
    assert_eq!(f.verifier.verify(&f.ours(None, "*", now, HOUR), now).await, Err(TokenError::Invalid));
    for text in ["", "a.b.c", &"x".repeat(9_000)] {
        assert_eq!(f.read(text).await, Err(TokenError::Invalid));
    }
}

#[tokio::test]
async fn rooms_of_a_token_are_those_of_its_claim_unless_all_are_open() {
    let f = fixture();
    let named = f.shop.sign(&with(claims(SHOP, "1"), "rooms", json!(["lobby", "doc:*"])));
    let of_login = Grant {
        user: user("42"),
        org: Org::default(),
        login: LoginId::parse("login").unwrap(),
        token_version: 1,
        role: Role::User,
    };
    let ours = f.own.issue(&of_login, OffsetDateTime::now_utc());
    let admitted = async |verifier: &Verifier, token: &str| {
        let claims = verifier.verify(token, OffsetDateTime::now_utc()).await.unwrap();
        ["lobby", "doc:7", "other"].map(|name| claims.rooms.admits(&room(name)))
    };
    for _ in 0..2 {
        assert_eq!(admitted(&f.verifier, &named).await, [true, true, false]);
        assert_eq!(admitted(&f.verifier, &ours).await, [false; 3]);
    }
    let open = f.verifier.with_open_rooms(true);
    let fresh = f.shop.sign(&claims(SHOP, "2"));
    for _ in 0..2 {
        assert_eq!(admitted(&open, &fresh).await, [true; 3]);
    }
    assert_eq!(
        Algorithm::EdDSA,
        jsonwebtoken::decode_header(&ours).unwrap().alg,
        "of the kind that is remembered"
    );
}
