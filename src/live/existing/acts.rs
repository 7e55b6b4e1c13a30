//! What a socket does otherwise for a client of an older protocol: it begins without a hello, watches the client's own
//! organisation, and tells of each person by a frame of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::ws::Message;

use super::Existing;
use crate::accounts::AccountId;
use crate::auth::Claims;
use crate::live::Live;
use crate::live::act::Input;
use crate::live::hub::{Change, Place};
use crate::live::protocol::Targets;
use crate::live::snapshot::Snapshot;
use crate::live::socket::{Flow, Socket};
use crate::metrics::labels::LiveMessage;
use crate::metrics::record;
use crate::presence::{Status, UserId};

/// What these clients do not say, because connecting is enough for their servers.
const HELLO: &str = r#"{"type":"hello"}"#;

impl Socket {
    /// The client is here: it has shown its token and will not say more about itself.
    pub(in crate::live) async fn arrive(&mut self) -> Flow {
        if self.existing.is_some() {
            let (_, acts) = self.session.hear(&Input::Text(HELLO), Instant::now());
            for act in acts {
                Box::pin(self.perform(act)).await?;
            }
        }
        Flow::Continue(())
    }

    /// Watches the client's own organisation, and looks at it as soon as the loop comes round: a look that fails there is
    /// repeated.
    pub(in crate::live) fn watch_own(&mut self, place: &mut Place, claims: &Claims) {
        if self.existing.is_some() {
            place.watch(&Targets { orgs: vec![claims.org.clone()], ..Targets::default() });
            self.refresh_at = Some(Instant::now());
        }
    }

    /// What a client of an older protocol says, in ours. One that turns out to speak another protocol than it was told of
    /// everybody in is told again, once.
    pub(in crate::live) fn translate(&mut self, text: &str) -> Option<String> {
        let existing = self.existing.as_mut()?;
        let before = existing.tongue();
        let ours = existing.translate(text);
        if existing.tongue() != before && self.place.is_some() {
            self.refresh_at = Some(Instant::now());
        }
        Some(ours)
    }

    /// Tells of everybody who is present, and of those who no longer are. Of an organisation that is too large for that
    /// there is nothing to tell: these protocols have no counts.
    pub(in crate::live) async fn tell_all(&mut self, snapshot: &Snapshot) -> Flow {
        let Some(existing) = &mut self.existing else { return Flow::Continue(()) };
        if snapshot.is_partial(self.live.audience()) {
            return Flow::Continue(());
        }
        let present = snapshot.views().iter().map(|view| (view.user_id.clone(), view.status.shown()));
        let mut news: HashMap<UserId, Status> =
            present.filter(|(_, status)| *status != Status::Offline).collect();
        let gone = existing.present.keys().filter(|user| !news.contains_key(user)).cloned();
        let gone: Vec<UserId> = gone.collect();
        news.retain(|user, status| existing.note(user, *status));
        for user in gone {
            existing.note(&user, Status::Offline);
            news.insert(user, Status::Offline);
        }
        let names = names(&self.live, existing, news.keys()).await;
        let tongue = existing.tongue();
        let told = |(user, status): (&UserId, &Status)| tongue.told(user, name(&names, user), *status);
        let messages: Vec<Message> = news.iter().map(|who| Message::Text(told(who).into())).collect();
        record::live_sent(LiveMessage::Snapshot, messages.len());
        self.push_all(messages).await
    }

    /// Tells of changes. Each is written once for all clients of a protocol, by the first that is told.
    pub(in crate::live) async fn tell_changes(&mut self, mut changes: HashMap<UserId, Arc<Change>>) -> Flow {
        let Some(existing) = &mut self.existing else { return Flow::Continue(()) };
        changes.retain(|user, change| existing.note(user, change.entry.to.shown()));
        let tongue = existing.tongue();
        let unwritten = changes.values().filter(|change| change.existing(tongue).get().is_none());
        let names = names(&self.live, existing, unwritten.map(|change| change.user())).await;
        let told = |change: &Arc<Change>| {
            let write =
                || tongue.told(change.user(), name(&names, change.user()), change.entry.to.shown()).into();
            Message::Text(change.existing(tongue).get_or_init(write).clone())
        };
        let messages: Vec<Message> = changes.values().map(told).collect();
        record::live_sent(LiveMessage::Presence, messages.len());
        if messages.is_empty() { Flow::Continue(()) } else { self.push_all(messages).await }
    }
}

/// What accounts are called.
type Names = HashMap<AccountId, Arc<str>>;

/// What these people are called, if the client is to know.
async fn names(live: &Live, existing: &Existing, users: impl Iterator<Item = &UserId>) -> Names {
    if !existing.tongue().has_names() {
        return Names::new();
    }
    let accounts: Vec<AccountId> = users.filter_map(AccountId::of).collect();
    live.usernames.of(&accounts).await
}

/// What somebody is called; who has no account here is called by their id.
fn name<'a>(names: &'a Names, user: &'a UserId) -> &'a str {
    AccountId::of(user).and_then(|account| names.get(&account)).map_or(user.as_str(), AsRef::as_ref)
}
