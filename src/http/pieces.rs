//! A JSON document that is sent piece by piece, while it is read.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;

/// Where a document goes.
pub(super) struct Out(pub(super) mpsc::Sender<Result<Bytes, io::Error>>);

impl Out {
    pub(super) async fn piece(&self, piece: impl Into<Bytes>) -> Result<(), io::Error> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the client went away");
        self.0.send(Ok(piece.into())).await.map_err(gone)
    }

    /// A piece as it is.
    pub(super) async fn text(&self, text: &'static str) -> Result<(), io::Error> {
        self.piece(text).await
    }

    /// The first member of an object that has begun.
    pub(super) async fn field(&self, name: &str, value: &impl Serialize) -> Result<(), io::Error> {
        self.piece(format!("\"{name}\":{}", serde_json::to_string(value)?)).await
    }

    /// A further one.
    pub(super) async fn next_field(&self, name: &str, value: &impl Serialize) -> Result<(), io::Error> {
        self.text(",").await?;
        self.field(name, value).await
    }

    /// Rows of an array that has begun.
    pub(super) async fn rows<T: Serialize>(
        &self,
        rows: impl Iterator<Item = T>,
        is_first: &mut bool,
    ) -> Result<(), io::Error> {
        let mut piece = Vec::new();
        for row in rows {
            if !std::mem::take(is_first) {
                piece.push(b',');
            }
            serde_json::to_writer(&mut piece, &row)?;
        }
        if piece.is_empty() { Ok(()) } else { self.piece(piece).await }
    }
}
