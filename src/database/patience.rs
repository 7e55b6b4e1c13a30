//! How long an answer is waited for.

use std::io;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use sqlx::Error;
use tokio::time::timeout;

/// For the way, and for a Postgres that has much to do.
const MARGIN: Duration = Duration::from_secs(3);

/// How long an answer is waited for: its first part, or the next one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// As long as it takes.
    Endless,
    /// Then it will not come any more.
    Limited(Duration),
}

impl Patience {
    /// Where Postgres ends each statement after so long, and should be heard of soon after that.
    pub(super) const fn for_statements_of(limit: Duration) -> Self {
        Self::Limited(limit.saturating_add(MARGIN))
    }

    /// The answer as a whole; where it does not come, that is noted.
    pub(super) fn answer<'e, T: 'e>(
        self,
        asked: impl Future<Output = Result<T, Error>> + Send + 'e,
        is_silent: &'e mut bool,
    ) -> BoxFuture<'e, Result<T, Error>> {
        let Self::Limited(limit) = self else { return asked.boxed() };
        let answer = async move {
            timeout(limit, asked).await.unwrap_or_else(|_| {
                *is_silent = true;
                Err(silence(limit))
            })
        };
        answer.boxed()
    }

    /// An answer in parts. Whoever takes them slowly may: only what is waited for counts.
    pub(super) fn parts<'e, T: Send + 'e>(
        self,
        parts: BoxStream<'e, Result<T, Error>>,
        is_silent: &'e mut bool,
    ) -> BoxStream<'e, Result<T, Error>> {
        let Self::Limited(limit) = self else { return parts };
        let next = move |waiting: Option<(BoxStream<'e, _>, &'e mut bool)>| async move {
            let (mut parts, is_silent) = waiting?;
            match timeout(limit, parts.next()).await {
                Ok(part) => part.map(|part| (part, Some((parts, is_silent)))),
                Err(_) => {
                    *is_silent = true;
                    Some((Err(silence(limit)), None))
                }
            }
        };
        stream::unfold(Some((parts, is_silent)), next).boxed()
    }

    /// What comes of something, if it ends in time.
    pub(super) async fn within<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self {
            Self::Endless => Some(work.await),
            Self::Limited(limit) => timeout(limit, work).await.ok(),
        }
    }
}

/// As if the connection had been lost, which it has.
fn silence(limit: Duration) -> Error {
    Error::Io(io::Error::new(io::ErrorKind::TimedOut, format!("no answer for {} s", limit.as_secs())))
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use tokio::time::sleep;

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_an_error_of_the_connection() {
        let mut is_silent = false;
        let answer = Patience::Limited(SHORT).answer::<()>(std::future::pending(), &mut is_silent);
        assert!(matches!(answer.await, Err(Error::Io(_))));
        assert!(is_silent);
        let late = async {
            sleep(SHORT * 2).await;
            Ok(())
        };
        assert!(Patience::Endless.answer(late, &mut false).await.is_ok());
    }

    #[tokio::test]
    async fn parts_may_be_taken_slowly_but_must_come() {
        let (patience, mut is_silent) = (Patience::Limited(SHORT), false);
        let taken = patience.parts(stream::iter((0..3).map(Ok)).boxed(), &mut is_silent);
        let slowly = taken.and_then(|number| async move {
            sleep(SHORT * 2).await;
            Ok(number)
        });
        assert_eq!(slowly.try_collect::<Vec<_>>().await.unwrap(), [0, 1, 2]);
        assert!(!is_silent);

        let mut broken =
            patience.parts(stream::iter([Ok(0)]).chain(stream::pending()).boxed(), &mut is_silent);
        assert_eq!(broken.try_next().await.unwrap(), Some(0));
        assert!(broken.try_next().await.is_err());
        assert_eq!(broken.try_next().await.unwrap(), None, "it is over");
        drop(broken);
        assert!(is_silent);
    }
}
