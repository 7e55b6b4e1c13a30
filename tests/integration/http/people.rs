//! `GET /api/users/admin/users/`: the directory of people.

use std::time::Duration;

use reqwest::StatusCode;
use rollcall::accounts::import::{Newcomer, Secret};
use rollcall::accounts::{AccountStatus, Email, NewAccount, Origin, Profile, Username};
use rollcall::presence::{Org, Role};
use serde_json::{Value, json};

use crate::support::service::Service;

const LIST: &str = "/api/users/admin/users/";

fn names(page: &Value) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|each| each["username"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn filters_go_together() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Moderator).await;
    for (name, org) in [("Ann", "main"), ("Björn", "lab"), ("annika", "lab")] {
        service.person_of(name, Role::User, org, AccountStatus::Active).await;
    }
    let get = async |query: &str| {
        let (status, page) = service.get(&eve.token, &format!("{LIST}?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{query}: {page}");
        assert_eq!(page["count"], page["results"].as_array().unwrap().len(), "{query}");
        names(&page).join(" ")
    };
    for (query, found) in [
        ("search=ANN", "annika Ann"),
        ("search=ann&org=lab", "annika"),
        ("search=bj%C3%B6rn", "Björn"),
        ("search=rst%20la", "annika Björn Ann eve"),
        ("search=%25", ""),
        ("search=n%0Aann", ""),
        ("org=lab&sort=oldest", "Björn annika"),
        ("sort=username", "Ann annika Björn eve"),
        ("role=moderator&is_active=true", "eve"),
        ("is_active=false", ""),
        ("created_since=2001-01-01T00:00:00Z&created_until=2002-01-01T00:00:00Z", ""),
        ("created_since=2001-01-01T00:00:00Z&created_until=2200-01-01T00:00:00Z&search=eve", "eve"),
        ("online_status=online", "eve"),
        ("online_status=busy", ""),
        ("online_status=offline&search=ann", "annika Ann"),
        ("online_status=offline&org=lab&sort=username", "annika Björn"),
    ] {
        assert_eq!(get(query).await, found, "{query}");
    }
}

#[tokio::test]
async fn those_who_are_named_by_number_are_listed_alone() {
    let service = Service::start().await;
    let (eve, ann) = (service.person("eve", Role::Moderator).await, service.person("ann", Role::User).await);
    service.person("bob", Role::User).await;
    let ids = format!("ids={},{}, 987654321", eve.id, ann.id);
    for (more, found) in [
        ("", "ann eve"),
        ("&sort=oldest", "eve ann"),
        ("&online_status=online", "eve"),
        ("&online_status=offline", "ann"),
        ("&search=nn", "ann"),
        ("&per_page=1&page=2", "eve"),
    ] {
        let (status, page) = service.get(&eve.token, &format!("{LIST}?{ids}{more}")).await;
        assert_eq!((status, names(&page).join(" ").as_str()), (StatusCode::OK, found), "{more}: {page}");
    }
    let (_, first) = service.get(&eve.token, &format!("{LIST}?{ids}&per_page=1")).await;
    let (_, next) = service.get(&eve.token, first["next"].as_str().unwrap()).await;
    assert_eq!(names(&next), ["eve"]);
    let many = (0..1_001).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    for (ids, detail) in [("7,x", "numbers of accounts"), (many.as_str(), "at most 1000")] {
        let (status, problem) = service.get(&eve.token, &format!("{LIST}?ids={ids}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        assert!(problem.to_string().contains(detail), "{problem}");
    }
}

#[tokio::test]
async fn cursors_walk_every_order_to_its_end() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    for name in ["dan", "Cid", "bob", "Ada"] {
        service.person(name, Role::User).await;
    }
    for (query, expected) in [
        ("", "Ada bob Cid dan eve"),
        ("sort=oldest", "eve dan Cid bob Ada"),
        ("sort=username", "Ada bob Cid dan eve"),
        ("online_status=offline&sort=oldest", "dan Cid bob Ada"),
    ] {
        let (_, mut page) = service.get(&eve.token, &format!("{LIST}?{query}&per_page=2")).await;
        let mut walked: Vec<String> = names(&page).into_iter().map(str::to_owned).collect();
        while let Some(cursor) = page["next_cursor"].as_str() {
            let at = format!("{LIST}?{query}&per_page=2&cursor={cursor}");
            page = service.get(&eve.token, &at).await.1;
            assert_eq!((&page["count"], &page["previous"]), (&json!(null), &json!(null)), "{page}");
            walked.extend(names(&page).into_iter().map(str::to_owned));
        }
        assert_eq!(walked.join(" "), expected, "{query}");
    }
    // What came in between disturbs no walk, and a link is good as it stands.
    let (_, page) = service.get(&eve.token, &format!("{LIST}?per_page=2")).await;
    service.person("zoe", Role::User).await;
    let at = format!("{LIST}?per_page=2&cursor={}", page["next_cursor"].as_str().unwrap());
    let (_, page) = service.get(&eve.token, &at).await;
    assert_eq!(names(&page), ["Cid", "dan"]);
    let (_, page) = service.get(&eve.token, page["next"].as_str().unwrap()).await;
    assert_eq!((names(&page), &page["next_cursor"]), (vec!["eve"], &json!(null)));
}

#[tokio::test]
async fn numbered_pages_are_cut_from_the_same_list_however_far() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    for number in 0..11 {
        let org = if number % 2 == 0 { "main" } else { "lab" };
        let name = format!("number{number:02}");
        service.person_of(&name, Role::User, org, AccountStatus::Active).await;
    }
    for filter in [
        "",
        "sort=oldest",
        "sort=username",
        "org=lab",
        "org=lab&sort=oldest",
        "role=user&is_active=true",
        "search=number0",
        "search=number&sort=oldest",
        "online_status=offline",
        "online_status=offline&sort=username",
        "online_status=online",
    ] {
        let (_, whole) = service.get(&eve.token, &format!("{LIST}?{filter}&per_page=1000")).await;
        let mut walked = Vec::new();
        for number in 1.. {
            let (status, page) =
                service.get(&eve.token, &format!("{LIST}?{filter}&per_page=3&page={number}")).await;
            assert_eq!(status, StatusCode::OK, "{filter}: {page}");
            assert_eq!(page["count"], whole["count"], "{filter}");
            walked.extend(names(&page).into_iter().map(str::to_owned));
            if page["next"].is_null() {
                break;
            }
        }
        assert_eq!(walked, names(&whole), "{filter}");
        assert_eq!(whole["count"], walked.len(), "{filter}");
        let (_, beyond) = service.get(&eve.token, &format!("{LIST}?{filter}&page=900")).await;
        assert_eq!((&beyond["results"], &beyond["next"]), (&json!([]), &json!(null)), "{filter}");
    }
}

#[tokio::test]
async fn the_count_of_many_is_remembered_for_a_moment_and_that_of_few_is_not() {
    const MANY: i64 = 10_001;
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    let people: Vec<Newcomer> = (0..MANY).map(newcomer).collect();
    for some in people.chunks(2_000) {
        service.app.accounts.import(some, &Origin::default()).await.unwrap();
    }
    let count = async |query: &str| {
        let (status, page) = service.get(&eve.token, &format!("{LIST}?{query}&per_page=1")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["count"].as_i64().unwrap()
    };
    assert_eq!((count("").await, count("search=eve").await), (MANY + 1, 1));
    service.person("evelyn", Role::User).await;
    assert_eq!((count("").await, count("page=2").await), (MANY + 1, MANY + 1), "as of before");
    assert_eq!(count("search=eve").await, 2);
    let counted_anew = async {
        while count("").await != MANY + 2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counted_anew).await.expect("a new count");
}

fn newcomer(number: i64) -> Newcomer {
    let account = NewAccount {
        username: Username::parse(&format!("many.{number}")).unwrap(),
        email: Email::parse(&format!("many.{number}@example.com")).unwrap(),
        password_hash: "-".to_owned(),
        role: Role::User,
        status: AccountStatus::Active,
        org: Org::default(),
        first_name: String::new(),
        last_name: String::new(),
    };
    Newcomer { line: 0, account, profile: Profile::default(), secret: Secret::None }
}

#[tokio::test]
async fn a_cursor_is_taken_for_what_it_is() {
    let service = Service::start().await;
    let eve = service.person("eve", Role::Admin).await;
    service.person("ann", Role::User).await;
    let (_, page) = service.get(&eve.token, &format!("{LIST}?per_page=1")).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    for (query, pointer) in [
        ("cursor=x".to_owned(), "cursor"),
        (format!("cursor={cursor}&sort=username"), "cursor"),
        (format!("cursor={cursor}&page=2"), "page"),
        ("sort=shoe_size".to_owned(), "sort"),
        ("org=a%20b".to_owned(), "org"),
        ("created_since=yesterday".to_owned(), "created_since"),
    ] {
        let (status, problem) = service.get(&eve.token, &format!("{LIST}?{query}")).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_value")), "{query}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{query}: {problem}");
    }
}
