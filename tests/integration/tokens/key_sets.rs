//! The keys of other issuers, read from a server that rotates, hangs and fails, and from a file.

use std::time::Duration;

use futures::future::join_all;
use rollcall::auth::{Claims, KeyTimes, TokenError, Verifier};
use rollcall::config::IssuerKeys;
use time::OffsetDateTime;

use super::{Answer, HASTE, KeyServer, Signer, claims, issuer, verifier};
use crate::journeys::eventually;

const SHOP: &str = "https://shop";

async fn verify(verifier: &Verifier, token: &str) -> Result<Claims, TokenError> {
    verifier.verify(token, OffsetDateTime::now_utc()).await
}

#[tokio::test]
async fn keys_of_every_kind_verify_and_are_read_once_for_all_who_wait() {
    let signers = [Signer::ed25519("a"), Signer::es256("b"), Signer::rs256("c")];
    let server = KeyServer::start(&signers.iter().collect::<Vec<_>>()).await;
    let verifier = verifier(&[server.issuer("shop")], HASTE);
    let tokens: Vec<String> =
        (0..30).map(|number| signers[number % 3].sign(&claims(SHOP, &number.to_string()))).collect();
    let verified = join_all(tokens.iter().map(|token| verify(&verifier, token))).await;
    for (number, claims) in verified.into_iter().enumerate() {
        assert_eq!(claims.unwrap().user.as_str(), format!("shop~{number}"));
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_unknown_names_are_asked_for_now_and_then_only() {
    let (old, new, never) = (Signer::ed25519("old"), Signer::ed25519("new"), Signer::ed25519("never"));
    let server = KeyServer::start(&[&old]).await;
    let times = KeyTimes { pause: Duration::from_millis(1_500), ..HASTE };
    let verifier = verifier(&[server.issuer("shop")], times);
    let known = old.sign(&claims(SHOP, "1"));
    assert!(verify(&verifier, &known).await.is_ok());
    // Names that nobody has: however many, and at once, they are one question.
    let unknown: Vec<String> = (0..40).map(|number| never.sign(&claims(SHOP, &number.to_string()))).collect();
    eventually("they are asked for", Duration::from_secs(10), async || {
        let refused = join_all(unknown.iter().map(|token| verify(&verifier, token))).await;
        assert!(refused.iter().all(|claims| *claims == Err(TokenError::Invalid)));
        (server.fetches() > 1).then_some(())
    })
    .await;
    assert_eq!(verify(&verifier, &unknown[0]).await, Err(TokenError::Invalid));
    assert_eq!(server.fetches(), 2, "not again so soon");
    // A key that was added is found by its name, and one that was taken back is good no longer, nor are tokens that
    // were verified by it before.
    server.answers(KeyServer::keys(&[&new]));
    let fresh = new.sign(&claims(SHOP, "1"));
    eventually("the new key is read", Duration::from_secs(10), async || verify(&verifier, &fresh).await.ok())
        .await;
    assert_eq!(server.fetches(), 3);
    assert_eq!(verify(&verifier, &known).await, Err(TokenError::Invalid));
}

#[tokio::test]
async fn keys_are_read_anew_when_they_are_not_fresh_though_every_token_is_known() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let server = KeyServer::start(&[&old]).await;
    let times = KeyTimes { least: Duration::from_millis(50), pause: Duration::from_millis(50), ..HASTE };
    let verifier = verifier(&[server.issuer("shop")], times);
    let known = old.sign(&claims(SHOP, "1"));
    assert!(verify(&verifier, &known).await.is_ok());
    server.answers(KeyServer::keys(&[&new]));
    eventually("the key that was taken back is noticed", Duration::from_secs(5), async || {
        (verify(&verifier, &known).await == Err(TokenError::Invalid)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn keys_go_on_being_good_while_their_server_fails() {
    let signer = Signer::ed25519("a");
    let server = KeyServer::start(&[&signer]).await;
    let patience = Duration::from_secs(1);
    let times = KeyTimes { least: Duration::ZERO, pause: Duration::from_millis(20), patience, ..HASTE };
    let verifier = verifier(&[server.issuer("shop")], times);
    assert!(verify(&verifier, &signer.sign(&claims(SHOP, "0"))).await.is_ok());
    for (number, answer) in
        [Answer::Status(500), Answer::Hang, Answer::Text("<html>".to_owned())].into_iter().enumerate()
    {
        server.answers(answer);
        let before = server.fetches();
        eventually("the server is asked and fails", Duration::from_secs(10), async || {
            let token = signer.sign(&claims(SHOP, &format!("{number}")));
            let asked = std::time::Instant::now();
            assert!(verify(&verifier, &token).await.is_ok());
            assert!(asked.elapsed() < patience, "nobody waits for keys that are there");
            (server.fetches() > before + 1).then_some(())
        })
        .await;
    }
    // But not for ever.
    let times = KeyTimes { longest: Duration::from_millis(100), ..times };
    let impatient = super::verifier(&[server.issuer("shop")], times);
    server.answers(KeyServer::keys(&[&signer]));
    let token = signer.sign(&claims(SHOP, "9"));
    assert!(verify(&impatient, &token).await.is_ok());
    server.answers(Answer::Status(500));
    eventually("keys that are too old say nothing", Duration::from_secs(5), async || {
        (verify(&impatient, &token).await == Err(TokenError::Unavailable)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_keys_nobody_is_called_a_liar() {
    let signer = Signer::ed25519("a");
    let server = KeyServer::start(&[&signer]).await;
    let token = signer.sign(&claims(SHOP, "1"));
    let elsewhere = KeyServer::start(&[&signer]).await;
    for answer in [
        Answer::Status(503),
        Answer::Hang,
        Answer::Text("nothing".to_owned()),
        Answer::Text(" ".repeat(70_000) + r#"{"keys":[]}"#),
        Answer::Redirect(elsewhere.url.clone()),
    ] {
        server.answers(answer);
        let times = KeyTimes { short_pause: Duration::from_secs(1), ..HASTE };
        let verifier = verifier(&[server.issuer("shop")], times);
        assert_eq!(verify(&verifier, &token).await, Err(TokenError::Unavailable));
        let before = server.fetches();
        assert_eq!(verify(&verifier, &token).await, Err(TokenError::Unavailable));
        assert_eq!(server.fetches(), before, "not again so soon");
        server.answers(KeyServer::keys(&[&signer]));
        eventually("the keys are there at last", Duration::from_secs(5), async || {
            verify(&verifier, &token).await.ok()
        })
        .await;
    }
    assert_eq!(elsewhere.fetches(), 0, "redirects are not followed");
}

#[tokio::test]
async fn a_key_of_one_issuer_says_nothing_for_another() {
    let (ours, theirs) = (Signer::ed25519("same"), Signer::ed25519("same"));
    let (shop, club) = (KeyServer::start(&[&ours]).await, KeyServer::start(&[&theirs]).await);
    let verifier = verifier(&[shop.issuer("shop"), club.issuer("club")], HASTE);
    assert_eq!(verify(&verifier, &ours.sign(&claims(SHOP, "1"))).await.unwrap().user.as_str(), "shop~1");
    assert_eq!(
        verify(&verifier, &theirs.sign(&claims("https://club", "1"))).await.unwrap().user.as_str(),
        "club~1"
    );
    for forged in [
        theirs.sign(&claims(SHOP, "1")),
        ours.sign(&claims("https://club", "1")),
        ours.sign(&claims("rollcall", "1")),
    ] {
        assert_eq!(verify(&verifier, &forged).await, Err(TokenError::Invalid));
    }
}

#[tokio::test]
async fn a_file_of_keys_is_followed_as_it_changes() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.json");
    let write = |signer: &Signer| {
        std::fs::write(&path, serde_json::json!({"keys": [signer.jwk()]}).to_string()).unwrap();
    };
    let verifier = verifier(&[issuer("shop", IssuerKeys::File(path.clone()))], HASTE);
    let token = old.sign(&claims(SHOP, "1"));
    assert_eq!(verify(&verifier, &token).await, Err(TokenError::Unavailable), "there is no file");
    write(&old);
    eventually("the file is read", Duration::from_secs(5), async || verify(&verifier, &token).await.ok())
        .await;
    write(&new);
    let token = new.sign(&claims(SHOP, "1"));
    eventually("the file is read again", Duration::from_secs(5), async || {
        verify(&verifier, &token).await.ok()
    })
    .await;
}
