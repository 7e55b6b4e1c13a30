//! Rooms, as one socket is in them.

use super::socket::{Flow, Socket};
use crate::http::ApiError;
use crate::http::rooms::{admit, joined};
use crate::presence::Room;
use crate::store::{Bearer, Join, StoreError};

impl Socket {
    /// Enters a room, and stays in it for as long as the socket lives: also in sessions that follow this one.
    pub(super) async fn join(&mut self, room: Room, grant: Option<&str>) -> Flow {
        let Some(claims) = self.claims.clone() else { return Flow::Continue(()) };
        if let Err(error) = admit(&self.live.app, &claims, &room, grant).await {
            return self.refuse(&error).await;
        }
        let entered = self.enter(&room).await;
        // Whoever is shown offline is told so, and enters when they are seen.
        if matches!(entered, Ok(Join::Joined | Join::Already | Join::Hidden)) {
            self.rooms.insert(room);
        }
        match entered.map_err(ApiError::from).and_then(joined) {
            Ok(()) => Flow::Continue(()),
            Err(error) => self.refuse(&error).await,
        }
    }

    async fn enter(&mut self, room: &Room) -> Result<Join, StoreError> {
        let Some(claims) = self.claims.clone() else { return Ok(Join::NoSession) };
        self.live.app.store.join(&Bearer::from(&*claims), self.session.tab(), room).await
    }

    /// Enters all rooms again, in a session that is new.
    pub(super) async fn join_again(&mut self) -> Flow {
        for room in self.rooms.clone() {
            match self.enter(&room).await {
                // Whoever is not seen, or has no session yet, may enter later.
                Ok(Join::Joined | Join::Already | Join::Hidden | Join::NoSession) => {}
                Ok(refused) => {
                    tracing::debug!(?refused, "a room was not entered again");
                    self.rooms.remove(&room);
                }
                Err(error) => {
                    tracing::debug!(%error, "a room could not be entered again; trying again");
                    self.refresh_soon();
                }
            }
        }
        Flow::Continue(())
    }

    /// Leaves a room.
    pub(super) async fn leave_room(&mut self, room: &Room) -> Flow {
        self.rooms.remove(room);
        let Some(claims) = self.claims.clone() else { return Flow::Continue(()) };
        match self.live.app.store.leave(&Bearer::from(&*claims), self.session.tab(), room).await {
            Ok(()) => Flow::Continue(()),
            Err(error) => self.refuse(&error.into()).await,
        }
    }

    /// Tells the others of a room that the user types, or no longer does.
    pub(super) async fn type_in(&mut self, room: &Room, on: bool) -> Flow {
        let Some(claims) = self.claims.clone() else { return Flow::Continue(()) };
        match self.live.app.store.typing(&Bearer::from(&*claims), self.session.tab(), room, on).await {
            Ok(true) => Flow::Continue(()),
            Ok(false) => {
                let detail = "Only who is in a room, and shown there, types in it.".to_owned();
                self.refuse(&ApiError::Conflict(detail)).await
            }
            Err(error) => self.refuse(&error.into()).await,
        }
    }
}
