//! Sockets and event streams.

use clap::builder::BoolishValueParser;

/// What live connections may do.
#[derive(Clone, Debug, clap::Args)]
pub struct Live {
    /// Take a socket's token from its query string, where proxies and logs can see it
    #[arg(id = "live_query_token", long = "live-query-token", env = "ROLLCALL_LIVE_QUERY_TOKEN", value_name = "BOOL",
          action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", value_parser = BoolishValueParser::new())]
    pub query_token: bool,

    /// Sockets that watch an organisation are told of each change while so many of its people are present; beyond, they
    /// get counts
    #[arg(id = "live_audience", long = "live-audience", env = "ROLLCALL_LIVE_AUDIENCE", value_name = "COUNT",
          default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub audience: u32,

    /// Who may join rooms: those whose token or grant says so, or everybody those of their organisation [dev: open]
    #[arg(
        id = "live_rooms",
        long = "live-rooms",
        env = "ROLLCALL_LIVE_ROOMS",
        value_name = "POLICY",
        default_value = "granted",
        value_enum
    )]
    pub rooms: RoomPolicy,

    /// Most members of a room, more or less: nodes count once a second
    #[arg(id = "live_room_members", long = "live-room-members", env = "ROLLCALL_LIVE_ROOM_MEMBERS", value_name = "COUNT",
          default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub room_members: u64,
}

/// Who may join rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RoomPolicy {
    /// Everybody, the rooms of their organisation.
    Open,
    /// Those whose token or grant says so.
    Granted,
}
