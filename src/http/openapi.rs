//! The description of the API, built from the same routes that serve it, so that the two cannot differ.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{Schema, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response,
    ResponseBuilder,
};
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
        (name = "rooms", description = "Who is in a channel, group or document"),
        (name = "users", description = "People"),
        (name = "administration", description = "People, for moderators and administrators")
    )
)]
struct Described;

/// What stands in the description before any route is added.
pub(super) fn base() -> OpenApi {
    Described::openapi()
}

/// Errors that follow from what an operation is: its number, the name of its answer, what it says, and where it is.
/// What only some may answer besides (409, say) stands at the handler, with its description alone.
const ERRORS: [(&str, &str, &str, Where); 9] = [
    ("400", "Invalid", "A value breaks a rule, or a field is not known", Where::Input),
    ("401", "Unauthenticated", "No token, or none that is good (any more)", Where::Token),
    ("403", "Forbidden", "The role, the account's state or the address does not allow it", Where::Everywhere),
    ("404", "NotFound", "There is no such thing", Where::Path),
    ("409", "Conflict", "What is there does not allow the change", Where::Change),
    ("413", "TooLarge", "The body is larger than the service accepts", Where::Body),
    ("429", "RateLimited", "Too many requests", Where::Everywhere),
    ("500", "Internal", "A defect of the service", Where::Everywhere),
    ("503", "Unavailable", "A store is away, or there is more work than can be done now", Where::Everywhere),
];

/// Which operations may answer an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Everywhere,
    /// Those with parameters or a body.
    Input,
    Body,
    /// Those that change what there is, for somebody.
    Change,
    /// Those with a part of the path to choose.
    Path,
    /// Those that ask for a token.
    Token,
}

impl Where {
    fn holds(self, path: &str, reads: bool, operation: &Operation) -> bool {
        let body = operation.request_body.is_some();
        match self {
            Self::Everywhere => true,
            Self::Input => body || operation.parameters.as_ref().is_some_and(|all| !all.is_empty()),
            Self::Body => body,
            Self::Change => !reads && operation.security.is_none(),
            Self::Path => path.contains('{'),
            Self::Token => operation.security.is_none(),
        }
    }
}

/// Adds what all routes share: the token, and the errors with their shape.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(operation_id(method, path));
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                absent_is_not_null(body);
            }
            add_errors(path, method == "get", operation);
        }
    }
    let mut components = document.components.take().unwrap_or_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    components.schemas.insert(ProblemField::name().into_owned(), ProblemField::schema());
    for (number, name, description, _) in ERRORS {
        components.responses.insert(name.to_owned(), problem(number, description).into());
    }
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components
        .security_schemes
        .extend(ComponentsBuilder::new().security_scheme(BEARER, token).build().security_schemes);
    document.components = Some(components);
    document
}

/// The name of an operation in programs that are made from the description: of method and path, so that no two share one
/// however their handlers are called. `GET /api/users/{id}/` is `get_users_by_id`.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.strip_prefix("/api").unwrap_or(path).replace('{', "by_").replace('}', "");
    let words = path.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

/// A body that need not come may be absent, which is not `null`.
fn absent_is_not_null(body: &mut RequestBody) {
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && let Some(RefOr::T(Schema::OneOf(one))) = &content.schema
            && let [RefOr::T(_), some @ RefOr::Ref(_)] | [some @ RefOr::Ref(_), RefOr::T(_)] =
                one.items.as_slice()
        {
            content.schema = Some(some.clone());
        }
    }
}

/// Names every error that the operation may answer; one that its handler names keeps its words and gets its shape.
fn add_errors(path: &str, reads: bool, operation: &mut Operation) {
    for (number, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && number.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            *response = problem(number, &response.description);
        }
    }
    let shared = ERRORS.iter().filter(|(.., place)| place.holds(path, reads, operation)).collect::<Vec<_>>();
    for (number, name, ..) in shared {
        let response = Ref::from_response_name(*name).into();
        operation.responses.responses.entry((*number).to_owned()).or_insert(response);
    }
}

/// An error's answer, with the headers that come with it.
fn problem(number: &str, description: &str) -> Response {
    let schema = Ref::from_schema_name(Problem::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let header = |description: &str, kind: Type| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(kind).build()))
            .description(Some(description))
            .build()
    };
    let answer = ResponseBuilder::new().description(description).content("application/problem+json", content);
    match number {
        "401" => answer
            .header("WWW-Authenticate", header("`Bearer`, and what is wrong with the token", Type::String)),
        "429" | "503" => {
            answer.header("Retry-After", header("Seconds until it is worth trying again", Type::Integer))
        }
        _ => answer,
    }
    .build()
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

/// The operations of a path by their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let methods = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}
