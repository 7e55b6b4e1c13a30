//! `/api/users/all-users/`.

use reqwest::StatusCode;
use rollcall::accounts::AccountStatus;
use rollcall::presence::Role;
use serde_json::{Value, json};

use crate::support::service::Service;

#[tokio::test]
async fn everybody_is_listed_newest_first() {
    let service = Service::start().await;
    let ada = service.person("ada", Role::User).await;
    let bob = service.person("bob", Role::Moderator).await;
    service.person_of("far", Role::User, "elsewhere", AccountStatus::Active).await;
    let list = async |token: &str| {
        let (status, answer) = service.get(token, "/api/users/all-users/").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer["count"], answer["users"].as_array().unwrap().len());
        answer["users"].as_array().unwrap().clone()
    };
    let of = |users: &[Value], field: &str| users.iter().map(|each| each[field].clone()).collect::<Vec<_>>();
    let by_ada = list(&ada.token).await;
    assert_eq!(of(&by_ada, "username"), ["bob", "ada"]);
    assert_eq!(of(&by_ada, "email"), ["", "ada@example.com"]);
    assert_eq!(of(&by_ada, "online_status"), ["offline", "online"]);
    let by_bob = list(&bob.token).await;
    assert_eq!(of(&by_bob, "username"), ["far", "bob", "ada"]);
    assert_eq!(of(&by_bob, "email"), ["far@example.com", "bob@example.com", "ada@example.com"]);
    let names: Vec<&str> = by_bob[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "avatar",
            "created_at",
            "email",
            "first_name",
            "id",
            "is_active",
            "join_date",
            "last_name",
            "last_seen",
            "online_status",
            "role",
            "status",
            "username"
        ]
    );
    assert_eq!(by_bob[0]["last_seen"], json!(null));
}
