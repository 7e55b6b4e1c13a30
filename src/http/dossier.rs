//! Everything that is kept about one person, as one JSON document. What is short is read first, so that a failure is an
//! answer; what is long is read by pages and sent as it comes, without a connection to Postgres while the client is
//! slow. What fails in the middle breaks the connection off: a document that ends well is whole.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::error::ApiError;
use super::explain::{KeptPresence, explain};
use super::pieces::Out;
use super::routes::audit_logs::AuditLogRow;
use super::routes::timeline::{TimelineEntry, TimelineInterval};
use super::time::Timestamp;
use crate::accounts::{
    Account, AccountId, ActionFilter, KeptAccount, KeptHostEnd, KeptLogin, RecordedAction,
};
use crate::app::App;
use crate::audit::{Cursor, Sight, Timeline};
use crate::presence::{LastSeenVisibility, Millis, UserId};

/// Rows that are read, and held, at a time.
const PAGE: u32 = 1_000;
/// Pieces that wait for a slow client.
const AHEAD: usize = 2;

/// Which parts of the document are asked for.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Selected {
    pub(super) profile: bool,
    pub(super) messages: bool,
    pub(super) activity: bool,
    pub(super) connections: bool,
}

impl Selected {
    pub(super) const ALL: Self = Self { profile: true, messages: false, activity: true, connections: false };

    /// What was asked for and is not this service's.
    pub(super) fn unsupported(self) -> Vec<&'static str> {
        let others = [("messages", self.messages), ("connections", self.connections)];
        others.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name).collect()
    }
}

/// What is short of a person, and what the rest of the document is read by.
pub(super) struct Dossier {
    app: App,
    user: UserId,
    selected: Selected,
    /// Whether the person asks for it: then others who acted have no names.
    is_own: bool,
    /// Nothing that came later is in it.
    now: Millis,
    account: Option<KeptAccount>,
    host_ends: Vec<KeptHostEnd>,
    visibility: LastSeenVisibility,
    presence: Option<KeptPresence>,
}

impl Dossier {
    /// Reads what is short.
    ///
    /// # Errors
    /// 404 of somebody of whom nothing is kept; a store does not answer.
    pub(super) async fn open(
        app: App,
        user: UserId,
        selected: Selected,
        is_own: bool,
    ) -> Result<Self, ApiError> {
        let now = app.audit.reach().await?.now;
        let account = match AccountId::of(&user) {
            Some(id) => app.accounts.kept(id).await?,
            None => None,
        };
        let host_ends = app.accounts.kept_host_ends(&user).await?;
        let visibility = app.accounts.visibility(&user).await?;
        let presence = explain(&app.store, &app.audit, &app.accounts, &user, Sight::Truth).await?;
        let is_known = account.is_some() || presence.is_some() || !host_ends.is_empty();
        if !is_known && visibility == LastSeenVisibility::default() {
            return Err(ApiError::NotFound("User"));
        }
        let presence = presence.map(KeptPresence::from);
        Ok(Self { app, user, selected, is_own, now, account, host_ends, visibility, presence })
    }

    /// When it was read.
    pub(super) fn generated_at(&self) -> Timestamp {
        self.now.into()
    }

    /// The document, piece by piece.
    pub(super) fn stream(self) -> impl futures::Stream<Item = Result<Bytes, io::Error>> + Send + 'static {
        let (out, pieces) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let out = Out(out);
            if let Err(error) = self.write(&out).await {
                tracing::warn!(%error, "an export of a person's data broke off in the middle");
                let _ = out.0.send(Err(error)).await;
            }
        });
        futures::stream::unfold(pieces, async |mut pieces| pieces.recv().await.map(|piece| (piece, pieces)))
    }

    async fn write(&self, out: &Out) -> Result<(), io::Error> {
        out.text("{").await?;
        out.field("user_id", &self.user).await?;
        out.next_field("generated_at", &self.generated_at()).await?;
        out.next_field("selected", &self.selected).await?;
        out.next_field("unsupported", &self.selected.unsupported()).await?;
        out.next_field("kept", &self.places()).await?;
        out.text(",\"data\":{").await?;
        out.field("profile", &self.profile()).await?;
        out.text(",\"messages\":null,\"connections\":null,\"activity\":").await?;
        if self.selected.activity {
            self.write_activity(out).await?;
        } else {
            out.text("null").await?;
        }
        out.text("}}\n").await
    }

    async fn write_activity(&self, out: &Out) -> Result<(), io::Error> {
        let logins = self.account.as_ref().map_or(&[][..], |kept| &kept.logins);
        out.text("{").await?;
        out.field("logins", &logins.iter().map(login).collect::<Vec<_>>()).await?;
        out.next_field("ended_logins", &self.host_ends.iter().map(host_end).collect::<Vec<_>>()).await?;
        out.next_field("presence", &self.presence).await?;
        out.text(",\"transitions\":[").await?;
        self.write_timeline(out, |page| {
            page.entries.into_iter().map(|told| TimelineEntry::told(told, Sight::Truth))
        })
        .await?;
        out.text("],\"intervals\":[").await?;
        self.write_timeline(out, |page| page.stretches.into_iter().map(TimelineInterval::from)).await?;
        let name = || Some(self.user.to_string());
        out.text("],\"actions_by\":[").await?;
        self.write_actions(out, ActionFilter { actor: name(), ..ActionFilter::default() }).await?;
        out.text("],\"actions_on\":[").await?;
        self.write_actions(out, ActionFilter { target: name(), ..ActionFilter::default() }).await?;
        out.text("]}").await
    }

    /// What the history has, page by page, newest first.
    async fn write_timeline<T: Serialize, I: Iterator<Item = T>>(
        &self,
        out: &Out,
        rows: impl Fn(Timeline) -> I,
    ) -> Result<(), io::Error> {
        let (mut cursor, mut is_first) = (None::<Cursor>, true);
        loop {
            let page =
                self.app.audit.timeline(&self.user, Millis(0), self.now, cursor, PAGE, Sight::Truth).await;
            let Some(page) = page.map_err(io::Error::other)? else { return Ok(()) };
            cursor = page.next_cursor;
            out.rows(rows(page), &mut is_first).await?;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Actions, page by page, newest first. Those by others on the person say nothing of where the others are.
    async fn write_actions(&self, out: &Out, filter: ActionFilter) -> Result<(), io::Error> {
        let (mut cursor, mut is_first) = (None, true);
        loop {
            let (page, next) =
                self.app.accounts.actions(&filter, cursor, PAGE).await.map_err(io::Error::other)?;
            let of_person = page.into_iter().filter(|action| self.is_of_person(action, &filter));
            out.rows(of_person.map(|action| self.told(action)), &mut is_first).await?;
            cursor = next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Of all things with the name, only people; and what one does to oneself stands once, among what one did.
    fn is_of_person(&self, action: &RecordedAction, filter: &ActionFilter) -> bool {
        let is_by = action.origin.actor.as_deref() == Some(self.user.as_str());
        let is_on_people = matches!(action.target_type.as_deref(), Some("USER" | "AUTH"));
        if filter.target.is_some() { is_on_people && !is_by } else { is_by }
    }

    fn told(&self, mut action: RecordedAction) -> AuditLogRow {
        if action.origin.actor.as_deref() != Some(self.user.as_str()) {
            (action.origin.address, action.origin.user_agent) = (None, None);
            action.origin.session_id = None;
            if self.is_own && action.origin.actor.is_some() {
                action.origin.actor = None;
                action.actor_name = Some("an administrator".to_owned());
            }
        }
        action.into()
    }

    fn profile(&self) -> Value {
        if !self.selected.profile {
            return Value::Null;
        }
        let kept = self.account.as_ref();
        let (account, facts) = (kept.map(|kept| profile(&kept.account)), kept.map(|kept| &kept.profile));
        let totp = kept.and_then(|kept| kept.totp).map(|(begun, confirmed)| {
            json!({"since": Timestamp::from(begun), "confirmed_at": confirmed.map(Timestamp::from)})
        });
        let link = kept.and_then(|kept| kept.reset_link).map(|(made, until)| {
            json!({"created_at": Timestamp::from(made), "expires_at": Timestamp::from(until)})
        });
        json!({
            "account": account, "facts": facts, "last_seen_visibility": self.visibility, "totp": totp, "reset_link": link,
        })
    }

    /// What is kept where, and how long.
    fn places(&self) -> Value {
        let audit = &self.app.config.audit;
        json!([
            {"what": "the account: names, e-mail address, the password as a hash, what was chosen",
             "where": "Postgres", "how_long": "until the account is erased"},
            {"what": "a second factor: the secret sealed, recovery codes as hashes", "where": "Postgres",
             "how_long": "until it is given up, or the account is erased"},
            {"what": "a link for a new password, as a hash", "where": "Postgres",
             "how_long": "until it is used, another is made, or the account is erased"},
            {"what": "ended logins of a host application's person", "where": "Postgres",
             "how_long": "until the last token of them is over"},
            {"what": "logins: device, program, address", "where": "Postgres",
             "how_long": format!("30d after their end; program and address {}", audit.address_retention)},
            {"what": "presence now: sessions, claims, status", "where": "Redis",
             "how_long": "a minute after going offline; claims until they end"},
            {"what": "the last known status, and claims", "where": "Postgres", "how_long": "until erased"},
            {"what": "every change of status", "where": "Postgres", "how_long": audit.retention.to_string()},
            {"what": "changes of status that servers of host applications (webhooks) have not taken yet", "where": "Postgres",
             "how_long": "until they are taken, 33d at most"},
            {"what": "actions by and on the person", "where": "Postgres",
             "how_long": format!("{}; program and address {}", audit.retention, audit.address_retention)},
        ])
    }
}

fn profile(account: &Account) -> Value {
    json!({
        "id": account.id, "username": account.username, "email": account.email, "first_name": account.first_name,
        "last_name": account.last_name, "bio": account.bio, "avatar": account.avatar, "role": account.role,
        "status": account.status, "is_active": account.is_active, "org": account.org,
        "email_verified": account.email_verified, "suspended_until": account.suspended_until.map(Timestamp::from),
        "created_at": Timestamp::from(account.created_at), "updated_at": Timestamp::from(account.updated_at),
        "last_login_at": account.last_login_at.map(Timestamp::from),
        "deleted_at": account.deleted_at.map(Timestamp::from),
    })
}

fn login(kept: &KeptLogin) -> Value {
    let login = &kept.login;
    json!({
        "id": login.login, "created_at": Timestamp::from(login.created_at),
        "last_used_at": Timestamp::from(login.last_used_at), "expires_at": Timestamp::from(login.expires_at),
        "ended_at": kept.ended_at.map(Timestamp::from), "end_reason": kept.end_reason,
        "device": login.meta.device, "user_agent": login.meta.user_agent, "address": login.meta.address,
    })
}

fn host_end(end: &KeptHostEnd) -> Value {
    json!({
        "login": end.login, "reason": end.reason, "ended_at": Timestamp::from(end.ended_at),
        "kept_until": Timestamp::from(end.until),
    })
}
