//! The public API over real sockets, mirroring the URL tree.

mod admin_users;
mod auth;
mod bad_input;
mod bad_tokens;
mod gates;
mod gone_clients;
mod heartbeat;
mod internal;
mod invisible;
mod layers;
mod lost_shard;
mod openapi;
mod presence;
mod server;
mod status;

mod transitions;
mod undone_logins;
mod users;
mod without_redis;
