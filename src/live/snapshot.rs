//! How those who are watched stand at one moment: what comes before the changes.

use std::collections::{BTreeMap, BTreeSet};

use super::Live;
use super::protocol::{Counts, ServerFrame, Targets};
use crate::auth::Claims;
use crate::http::{ApiError, Seen, see};
use crate::presence::{Org, UserId};

/// People of one frame: some tens of kilobytes.
const VIEWS_PER_FRAME: usize = 250;

/// A snapshot.
#[derive(Debug)]
pub(super) struct Snapshot {
    views: Vec<Seen>,
    counts: BTreeMap<Org, Counts>,
}

impl Snapshot {
    /// Looks. Of an organisation with more people than the configured audience there are counts alone.
    ///
    /// # Errors
    /// The store or the audit does not answer.
    pub(super) async fn take(live: &Live, viewer: &Claims, targets: &Targets) -> Result<Self, ApiError> {
        let (app, audience) = (&live.app, live.audience());
        let mut counts = BTreeMap::new();
        let mut users: BTreeSet<UserId> = targets.users.iter().cloned().collect();
        for org in &targets.orgs {
            let counted = Counts::from(&app.store.stats(Some(org)).await?);
            live.hub.count(org, counted, audience);
            counts.insert(org.clone(), counted);
            if counted.users() <= audience {
                let most = usize::try_from(audience).unwrap_or(usize::MAX);
                users.extend(
                    app.store.present(Some(org), None, most).await?.into_iter().map(|(user, ..)| user),
                );
            }
        }
        let users: Vec<UserId> = users.into_iter().collect();
        Ok(Self { views: see(app, viewer, &users).await?, counts })
    }

    /// Who is shown in which version.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&UserId, i64)> {
        self.views.iter().filter_map(|view| Some((&view.user_id, view.version?)))
    }

    /// The frames that say it, at least one.
    pub(super) fn frames(self) -> Vec<ServerFrame<'static>> {
        let mut frames: Vec<ServerFrame<'static>> = self
            .views
            .chunks(VIEWS_PER_FRAME)
            .map(|views| ServerFrame::Snapshot {
                views: views.to_vec(),
                counts: BTreeMap::new(),
                complete: false,
            })
            .collect();
        if frames.is_empty() {
            frames.push(ServerFrame::Snapshot {
                views: Vec::new(),
                counts: BTreeMap::new(),
                complete: false,
            });
        }
        if let Some(ServerFrame::Snapshot { counts, complete, .. }) = frames.last_mut() {
            *counts = self.counts;
            *complete = true;
        }
        frames
    }
}
