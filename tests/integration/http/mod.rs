//! The public API over real sockets.

mod layers;
mod server;
