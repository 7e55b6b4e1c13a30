//! Lists as files, however long: read by pages and sent as they come, so that a node holds one page, and no connection to
//! Postgres while the reader is slow. What fails in the middle breaks the file off: one that ends well is whole.

use std::fmt::Display;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::Stream;
use serde::Serialize;

use super::error::ApiError;
use super::failures::Asked;
pub use super::rows::Form;
use super::rows::Writer;
use super::time::Timestamp;
use crate::presence::Millis;

/// Rows that are read, and held, at a time.
const PAGE: u32 = 2_000;
/// Proxies that gather answers before they pass them on (nginx) should not.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A list that can be read page by page.
pub trait Pages: Send + Sync + 'static {
    /// A row: a struct whose fields are the columns.
    type Row: Serialize + Send + 'static;
    /// Where a page ended.
    type Cursor: Send + 'static;
    /// Why a page cannot be read.
    type Error: Display + Send + Sync + 'static;
    /// Every field of a row, in order.
    const COLUMNS: &'static [&'static str];

    /// At most `limit` rows behind the cursor, and where the next page begins, if one follows.
    fn page(
        &self,
        behind: Option<Self::Cursor>,
        limit: u32,
    ) -> impl Future<Output = Result<Page<Self>, Self::Error>> + Send;
}

/// Rows, and where the next page begins.
pub type Page<P> = (Vec<<P as Pages>::Row>, Option<<P as Pages>::Cursor>);

/// Where a file is.
enum Place<P: Pages + ?Sized> {
    Begin(Option<Page<P>>),
    Behind(P::Cursor),
    End,
}

/// The file as an answer, named after the list and the moment up to which it goes.
///
/// # Errors
/// Those of the first page.
pub(super) async fn attachment<P: Pages>(
    pages: P,
    form: Form,
    name: &str,
    up_to: Millis,
) -> Result<Response, ApiError>
where
    P::Error: Asked,
{
    let first = pages.page(None, PAGE).await.map_err(Asked::answer)?;
    let name = format!("{name}-{}.{}", Timestamp::from(up_to).compact(), form.ending());
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let headers = [
        (header::CONTENT_TYPE, form.content_type()),
        (header::CONTENT_DISPOSITION, disposition.map_err(ApiError::internal)?),
        (UNBUFFERED, HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(pieces(pages, form, Place::Begin(Some(first))))).into_response())
}

/// The file, piece by piece.
pub fn file<P: Pages>(pages: P, form: Form) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    pieces(pages, form, Place::Begin(None))
}

fn pieces<P: Pages>(
    pages: P,
    form: Form,
    place: Place<P>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    futures::stream::try_unfold((pages, place), move |(pages, place)| async move {
        let is_first = matches!(place, Place::Begin(_));
        let (rows, next) = match place {
            Place::Begin(Some(page)) => page,
            Place::Begin(None) => read(&pages, None).await?,
            Place::Behind(cursor) => read(&pages, Some(cursor)).await?,
            Place::End => return Ok(None),
        };
        let mut writer = Writer::new(form, P::COLUMNS, is_first)?;
        for row in &rows {
            writer.row(row)?;
        }
        if next.is_none() {
            writer.end();
        }
        Ok(Some((writer.finish()?, (pages, next.map_or(Place::End, Place::Behind)))))
    })
}

async fn read<P: Pages>(pages: &P, behind: Option<P::Cursor>) -> Result<Page<P>, std::io::Error> {
    pages.page(behind, PAGE).await.map_err(|error| {
        tracing::error!(%error, "a file broke off in the middle");
        std::io::Error::other(error.to_string())
    })
}
