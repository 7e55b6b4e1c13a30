//! Postgres: there, of the right schema, with the right rights and no more, and with room for what comes.

use std::time::Duration;

use super::Patient;
use super::report::Check;
use crate::app::POSTGRES_CONNECTIONS;
use crate::audit::{AuditError, LateEvents, Quarantined, Reserve, Rights, Schema, Server};
use crate::moment::Timestamp;

/// The oldest Postgres.
const OLDEST: i32 = 14;
/// Nodes make partitions for two months ahead; with less than this left none of them does.
const SHORT: Duration = Duration::from_secs(7 * 86_400);
/// Events of late.
const LATELY: Duration = Duration::from_secs(7 * 86_400);

/// Looks at the server and at what is in it; `live`: how many nodes share it.
pub(super) async fn check(patient: &Patient, live: usize) -> Vec<Check> {
    let audit = &patient.audit;
    let server = match audit.server().await {
        Ok(server) => server,
        Err(error) => return vec![unreachable(patient, &error)],
    };
    let place = patient.config.database.url.as_ref().map_or_else(String::new, ToString::to_string);
    vec![
        Check::ok("postgres.reachable", place),
        version(&server),
        told("postgres.schema", audit.schema().await, |schema| self::schema(&schema)),
        told("postgres.rights", audit.rights().await, |rights| self::rights(&rights, &server)),
        told("postgres.partitions", audit.reserve().await, partitions),
        told("postgres.quarantine", audit.quarantined().await, quarantine),
        told("postgres.events", audit.late_events(LATELY).await, |events| self::events(&events)),
        connections(&server, live),
    ]
}

fn unreachable(patient: &Patient, error: &AuditError) -> Check {
    let place = patient.config.database.url.as_ref().map_or_else(String::new, ToString::to_string);
    Check::failure(
        "postgres.reachable",
        format!("{place}: {error}"),
        "presence goes on and nothing is lost, but nobody can log in, no history is written, and a Redis that comes back \
         empty stays closed",
        "Look whether Postgres runs, and whether this machine may reach it by the URL of the settings",
    )
}

fn told<T>(name: &str, answer: Result<T, AuditError>, judge: impl FnOnce(T) -> Check) -> Check {
    match answer {
        Ok(answer) => judge(answer),
        Err(AuditError::Schema(problem)) => Check::failure(
            name,
            problem,
            "the schema is not the one that this program needs: requests and the copy fail",
            "Run `rollcall migrate`",
        ),
        Err(error) => Check::not_checked(name, error.to_string()),
    }
}

fn version(server: &Server) -> Check {
    let (name, found) = ("postgres.version", format!("postgres {}", server.version));
    if server.is_standby {
        return Check::failure(
            name,
            format!("{found}, a standby"),
            "nothing can be written: nobody can log in, and the outbox grows",
            "Let the URL name the primary (`target_session_attrs=read-write`)",
        );
    }
    if server.major < OLDEST {
        return Check::failure(name, found, "it lacks what the statements use", "14 or newer is needed");
    }
    Check::ok(name, found)
}

fn schema(schema: &Schema) -> Check {
    let name = "postgres.schema";
    let list = |numbers: &[i64]| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let Schema { applied, known, missing, newer, altered } = schema;
    if !missing.is_empty() {
        return Check::failure(
            name,
            format!("migrations {} are not applied; this program needs up to {known}", list(missing)),
            "what they add fails: with whose parts of the service depends on them",
            "Run `rollcall migrate`",
        );
    }
    if !altered.is_empty() {
        return Check::failure(
            name,
            format!("migrations {} were applied in another form, or not to the end", list(altered)),
            "nobody knows what the tables are like",
            "Compare them with migrations/ of the version that applied them",
        );
    }
    if !newer.is_empty() {
        return Check::warning(
            name,
            format!("at {applied}, and this program knows up to {known}"),
            "fine while a roll-out is under way; a program that is older than its schema is not to stay",
            "Run the newer version",
        );
    }
    Check::ok(name, format!("at {applied}, as this program"))
}

fn rights(rights: &Rights, server: &Server) -> Check {
    let name = "postgres.rights";
    let who = if server.role == server.login {
        format!("as {}", server.role)
    } else {
        format!("as {}, logged in as {}", server.role, server.login)
    };
    if !rights.lacking.is_empty() {
        return Check::failure(
            name,
            format!("{who} the service may not read or not add to {}", rights.lacking.join(", ")),
            "the outbox is not copied, or administrators' actions fail",
            "Run `rollcall migrate` as the owner; GRANT rollcall_app to the login of the service",
        );
    }
    if !rights.excessive.is_empty() {
        return Check::failure(
            name,
            format!("{who} the service may change {}", rights.excessive.join(", ")),
            "whoever takes over a node can rewrite the past",
            "Let the service log in as a role of its own, to which rollcall_app is granted and nothing else",
        );
    }
    Check::ok(name, format!("{who}: may add to the logs and change nothing in them"))
}

fn partitions(reserve: Reserve) -> Check {
    let name = "postgres.partitions";
    let days = reserve.ahead.as_secs() / 86_400;
    if !reserve.has_now {
        return Check::failure(
            name,
            "this month has no partition in some table",
            "administrators' actions and system events fail",
            "Nodes make partitions when they start and each hour: look for `cannot keep house` in their logs",
        );
    }
    let found = format!("there are partitions for the next {days} days");
    if reserve.ahead < SHORT {
        return Check::warning(
            name,
            found,
            "then administrators' actions and system events fail",
            "Nodes make partitions when they start and each hour: look for `cannot keep house` in their logs",
        );
    }
    Check::ok(name, found)
}

fn quarantine(quarantined: Quarantined) -> Check {
    let name = "postgres.quarantine";
    match (quarantined.count, quarantined.newest) {
        (count @ 1.., Some(newest)) => Check::warning(
            name,
            format!("{count} entries could not be stored, the last at {}", Timestamp::from(newest)),
            "these changes of status are missing in the history",
            "`SELECT * FROM quarantine` says what is wrong with each",
        ),
        _ => Check::ok(name, "empty"),
    }
}

fn events(events: &[LateEvents]) -> Check {
    let name = "postgres.events";
    if events.is_empty() {
        return Check::ok(name, "no gap and no conflict within 7 days");
    }
    let line = |event: &LateEvents| {
        format!("{}: {}, the last at {}", event.kind, event.count, Timestamp::from(event.newest))
    };
    Check::warning(
        name,
        "rows are missing in the history, or contradict each other, since less than 7 days",
        "`gap`: entries were gone before they were copied; `copy_conflict`: another entry was stored under their numbers",
        "`SELECT * FROM system_events WHERE kind IN ('gap', 'copy_conflict')` names them; it is usually a backup that was put back",
    )
    .of(events.iter().map(line).collect())
}

fn connections(server: &Server, live: usize) -> Check {
    let name = "postgres.connections";
    let wanted = live as u64 * u64::from(POSTGRES_CONNECTIONS);
    let most = u64::try_from(server.connections).unwrap_or(0);
    let found = format!("{most} are allowed, {} are open; {live} nodes want up to {wanted}", server.used);
    if wanted > most {
        return Check::warning(
            name,
            found,
            "under load logins and the copy wait for a connection, and fail after 3 s",
            "Raise `max_connections`, or put a pooler between (in session mode)",
        );
    }
    Check::ok(name, found)
}
