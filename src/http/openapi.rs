//! The description of the API, built from the same routes that serve it, so that the two cannot differ.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, OpenApi, Ref, ResponseBuilder};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};

use super::problem::{Problem, ProblemField};

/// The name of the bearer token in the description.
const BEARER: &str = "access_token";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Rollcall",
        description = "Who is online, since when, and when each person was last seen. Times are RFC 3339 in UTC with \
            milliseconds. Paths answer the same without their last `/`. Unknown fields are refused by name. An empty \
            body is `{}`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    security(("access_token" = [])),
    tags(
        (name = "auth", description = "Accounts, logins and tokens"),
        (name = "heartbeat", description = "The sign of life of a page"),
        (name = "presence", description = "Who is present, now and before"),
        (name = "users", description = "People"),
        (name = "administration", description = "People, for moderators and administrators")
    )
)]
struct Described;

/// What stands in the description before any route is added.
pub(super) fn base() -> OpenApi {
    Described::openapi()
}

/// Adds what all routes share: the token, and the shape of errors.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let response = Ref::from_response_name("Problem");
            operation.responses.responses.insert("default".to_owned(), response.into());
        }
    }
    let problem = ResponseBuilder::new().description("What went wrong").content(
        "application/problem+json",
        ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build(),
    );
    let mut components = document.components.take().unwrap_or_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    components.schemas.insert(ProblemField::name().into_owned(), ProblemField::schema());
    components.responses.insert("Problem".to_owned(), problem.build().into());
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components
        .security_schemes
        .extend(ComponentsBuilder::new().security_scheme(BEARER, token).build().security_schemes);
    document.components = Some(components);
    document
}

/// The methods of a path.
pub(super) fn methods(item: &PathItem) -> Vec<&'static str> {
    let named = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    named.into_iter().filter(|(_, operation)| operation.is_some()).map(|(name, _)| name).collect()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
    methods.into_iter().filter_map(Option::as_mut)
}
