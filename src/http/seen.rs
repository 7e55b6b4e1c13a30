//! What one person may see of another. The store knows everybody who has a record; the audit remembers the
//! rest. Others see the shown state (`invisible` is `offline`, its times frozen); a person sees their own truth.
//! Whoever lets nobody see when they were last seen is, once offline, like somebody who was never seen.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::extract::Source;
use super::time::Timestamp;
use crate::accounts::{AccountId, Choices, Permission, actions};
use crate::app::App;
use crate::audit::LastKnown;
use crate::auth::Claims;
use crate::presence::{Millis, Org, Role, Status, UserId};
use crate::store::View;

/// People who are looked at together: as many as the store reads by one call.
pub(super) const PART: usize = 250;
/// Parts that are looked at at a time.
const AT_ONCE: usize = 4;

/// A user's presence, as the caller may see it. A user nobody knows is offline, without times.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Seen {
    /// Who.
    #[schema(value_type = String, example = "42")]
    pub user_id: UserId,
    /// `online`, `away`, `busy`, `offline`; `invisible` to the user themselves, and to administrators who say why.
    #[schema(value_type = String, example = "online")]
    pub status: Status,
    /// Since when the user has had this status.
    pub since: Option<Timestamp>,
    /// Since when the user has been present without a break.
    pub online_since: Option<Timestamp>,
    /// The last sign of life.
    pub last_seen: Option<Timestamp>,
    /// Grows with every change that others could see; a client drops what is not newer.
    pub version: Option<i64>,
    /// The user's own words, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The user's emoji, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    /// Kinds of devices the user is present on.
    #[schema(value_type = Vec<String>)]
    pub devices: Vec<crate::presence::Device>,
}

impl Seen {
    /// Whether the user is present.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.status != Status::Offline
    }

    /// A user of whom nothing is known.
    #[must_use]
    pub fn unknown(user_id: UserId) -> Self {
        Self {
            user_id,
            status: Status::Offline,
            since: None,
            online_since: None,
            last_seen: None,
            version: None,
            text: None,
            emoji: None,
            devices: Vec::new(),
        }
    }

    /// How a sign of life was answered, to the user themselves.
    #[must_use]
    pub fn standing(user_id: UserId, status: Status, since: Millis, last_seen: Millis) -> Self {
        Self {
            status,
            since: Timestamp::unless_never(since),
            last_seen: Timestamp::unless_never(last_seen),
            ..Self::unknown(user_id)
        }
    }

    fn by_others(view: View) -> Self {
        let shown = view.shown;
        // Text and devices of someone who is invisible would give them away.
        let present = shown.status != Status::Offline;
        Self {
            user_id: view.user,
            status: shown.status,
            since: Timestamp::unless_never(shown.since),
            online_since: Timestamp::unless_never(shown.online_since),
            last_seen: Timestamp::unless_never(shown.last_seen),
            version: seen_version(shown.version),
            text: view.text.filter(|_| present),
            emoji: view.emoji.filter(|_| present),
            devices: if present { view.devices } else { Vec::new() },
        }
    }

    fn by_themselves(view: View) -> Self {
        Self {
            user_id: view.user,
            status: view.status,
            since: Timestamp::unless_never(view.since),
            online_since: Timestamp::unless_never(view.online_since),
            last_seen: Timestamp::unless_never(view.last_seen),
            version: Some(view.shown.version),
            text: view.text,
            emoji: view.emoji,
            devices: view.devices,
        }
    }

    /// For a viewer who may not see when the user was last seen. Of somebody who is offline, since when and the version
    /// (which grows with the shard's changes) would tell the same: nothing is left that one who was never seen has not.
    fn without_last_seen(self) -> Self {
        if self.is_present() { Self { last_seen: None, ..self } } else { Self::unknown(self.user_id) }
    }

    /// Of a user without a record in the store: offline, whatever the last known status was. If that was another, its
    /// version is not that of being offline: who was told so would drop the very change that says otherwise.
    fn remembered(user_id: UserId, last: &LastKnown) -> Self {
        let is_offline = last.status.shown() == Status::Offline;
        Self {
            since: Timestamp::unless_never(last.shown_since).filter(|_| is_offline),
            last_seen: Timestamp::unless_never(last.shown_last_seen),
            version: seen_version(last.shown_version).filter(|_| is_offline),
            ..Self::unknown(user_id)
        }
    }
}

/// The version of what others have seen: none if they have seen nothing, as of somebody whom nobody knows.
fn seen_version(version: i64) -> Option<i64> {
    Some(version).filter(|version| *version > 0)
}

/// The presence of `users`, in the order asked, as `viewer` may see it. Plain users see their own organisation;
/// everybody else is unknown to them.
///
/// # Errors
/// The store or the audit does not answer.
pub async fn see(app: &App, viewer: &Claims, users: &[UserId]) -> Result<Vec<Seen>, ApiError> {
    // By parts, so that the audit is asked of the absent of one while the store still reads the next; few at a time, because
    // a list of everybody must let heartbeats pass.
    let parts = users.chunks(PART).map(|part| see_part(app, viewer, part));
    let seen: Vec<Vec<Seen>> =
        stream::iter(parts.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await?;
    Ok(seen.into_iter().flatten().collect())
}

async fn see_part(app: &App, viewer: &Claims, users: &[UserId]) -> Result<Vec<Seen>, ApiError> {
    let (views, last) = look(app, viewer, users).await?;
    let choices = app.visibilities.choices();
    let seen = users.iter().zip(views).map(|(user, view)| match view {
        Some(view) => known(&choices, viewer, view),
        None => remembered(&choices, viewer, user, last.get(user)),
    });
    Ok(seen.collect())
}

/// Those of these views who are shown present, as `viewer` may see them: what [`see`] tells of people whom the store has just
/// listed. Not `viewer` who is invisible: who sees their own truth would stand among those whom others see.
#[must_use]
pub fn see_present(app: &App, viewer: &Claims, views: Vec<View>) -> Vec<Seen> {
    let choices = app.visibilities.choices();
    let seen = views.into_iter().map(|view| known(&choices, viewer, view));
    seen.filter(|seen| seen.status.shown() != Status::Offline).collect()
}

/// Of whom the store knows, as the viewer may see them.
fn known(choices: &Choices<'_>, viewer: &Claims, view: View) -> Seen {
    if view.user == viewer.user {
        return Seen::by_themselves(view);
    }
    if viewer.role == Role::User && view.org != viewer.org {
        return Seen::unknown(view.user);
    }
    let is_open = may_see_last_seen(choices, viewer, &view.user, &view.org);
    let seen = Seen::by_others(view);
    if is_open { seen } else { seen.without_last_seen() }
}

/// What the store knows of each, and what the audit remembers of those of whom it knows nothing that others saw.
async fn look(app: &App, viewer: &Claims, users: &[UserId]) -> Result<(Vec<Option<View>>, Memory), ApiError> {
    // Of somebody who has come back unseen the store does not know what others saw before.
    let is_news = |view: &View| view.user == viewer.user || view.shown.version > 0;
    let views = app.store.views(users).await?;
    let mut views: Vec<Option<View>> = views.into_iter().map(|view| view.filter(is_news)).collect();
    let unseen = users.iter().zip(&views).filter(|(_, view)| view.is_none());
    let unseen: Vec<UserId> = unseen.map(|(user, _)| user.clone()).collect();
    let last = remember(app, &unseen).await?;
    // Who is present by the audit has come between the two looks: the store knew first, and is asked again.
    let come = last.values().filter(|last| last.status.shown() != Status::Offline);
    let come: Vec<UserId> = come.map(|last| last.user.clone()).collect();
    if !come.is_empty() {
        let again = app.store.views(&come).await?.into_iter().flatten().filter(is_news);
        let again: HashMap<UserId, View> = again.map(|view| (view.user.clone(), view)).collect();
        for (user, view) in users.iter().zip(&mut views) {
            *view = view.take().or_else(|| again.get(user).cloned());
        }
    }
    Ok((views, last))
}

/// Whether a viewer may see when a user of this organisation was last seen. People see their own; moderators and
/// administrators, who look after others, see everybody's.
#[must_use]
pub fn may_see_last_seen(choices: &Choices<'_>, viewer: &Claims, user: &UserId, org: &Org) -> bool {
    viewer.user == *user || viewer.role != Role::User || choices.of(user).admits(viewer.org == *org)
}

/// What the audit remembers of people.
type Memory = HashMap<UserId, LastKnown>;

async fn remember(app: &App, users: &[UserId]) -> Result<Memory, ApiError> {
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let last = app.audit.last(users).await?.into_iter().flatten();
    Ok(last.map(|last| (last.user.clone(), last)).collect())
}

/// A user without a record, by what the audit remembers, as the viewer may see them.
fn remembered(choices: &Choices<'_>, viewer: &Claims, user: &UserId, last: Option<&LastKnown>) -> Seen {
    let last = last.filter(|last| viewer.role != Role::User || last.org == viewer.org);
    match last.filter(|last| may_see_last_seen(choices, viewer, user, &last.org)) {
        Some(last) => Seen::remembered(user.clone(), last),
        None => Seen::unknown(user.clone()),
    }
}

/// The true presence of a user, `invisible` included, for an administrator who says why. The look leaves its row first.
///
/// # Errors
/// 403 for others; the store, the audit or the accounts do not answer; no account is this user's.
pub async fn reveal(
    app: &App,
    viewer: &Claims,
    user: &UserId,
    why: &str,
    source: Source,
) -> Result<Seen, ApiError> {
    if !viewer.role.may(Permission::RevealPresence) {
        return Err(ApiError::Forbidden);
    }
    let (name, origin, after) = (actions::PRESENCE_REVEALED, source.of(viewer), serde_json::Value::Null);
    match AccountId::of(user) {
        Some(account) => {
            app.accounts.record_presence_action(account, name, after, Some(why), &origin).await?;
        }
        None if user.issuer().is_some() => {
            app.accounts.record_host_presence_action(user, name, after, Some(why), &origin).await?;
        }
        None => return Err(ApiError::NotFound("User")),
    }
    match app.store.views(std::slice::from_ref(user)).await?.pop().flatten() {
        Some(view) => Ok(Seen::by_themselves(view)),
        None => {
            let seen = see(app, viewer, std::slice::from_ref(user)).await?.pop();
            Ok(seen.unwrap_or_else(|| Seen::unknown(user.clone())))
        }
    }
}

/// The presence of the caller; when the store does not answer, the last that is known.
///
/// # Errors
/// The audit does not answer.
pub async fn see_oneself(app: &App, caller: &Claims) -> Result<Seen, ApiError> {
    let users = std::slice::from_ref(&caller.user);
    let seen = match see(app, caller, users).await {
        Ok(seen) => seen.into_iter().next(),
        Err(ApiError::Unavailable(_) | ApiError::Restoring | ApiError::Overloaded) => {
            let last = remember(app, users).await?;
            Some(remembered(&app.visibilities.choices(), caller, &caller.user, last.get(&caller.user)))
        }
        Err(error) => return Err(error),
    };
    Ok(seen.unwrap_or_else(|| Seen::unknown(caller.user.clone())))
}
