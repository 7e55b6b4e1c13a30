//! The public API over real sockets, mirroring the URL tree.

mod admin_users;
mod at;
mod audit_logs;
mod auth;
mod bad_input;
mod bad_tokens;
mod blocked_addresses;
mod explain;
mod export;
mod gates;
mod gone_clients;
mod health;
mod heartbeat;
pub mod host_tokens;
mod internal;
mod invisible;
mod layers;
mod limits;
mod lost_shard;
mod old_bugs;
mod opaque;
mod openapi;
mod own;
mod pages;
mod people;
mod people_changes;
mod people_files;
mod permissions;
mod personal_data;
mod presence;
mod privacy;
mod recorded;
mod rooms;
mod server;
mod service_keys;
mod sessions;
mod status;
mod timeline;
mod totp;

mod transitions;
mod undone_logins;
mod users;
mod webhooks;
mod without_redis;

pub use transitions::copy;
