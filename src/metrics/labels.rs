//! The closed vocabularies of labels that are not presence's own. No user, token or address is ever a label.

/// Declares a label: an enum and its words.
macro_rules! label {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The value as it stands in the label.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

label! {
    /// How a client talks to us.
    Transport {
        /// Requests.
        Http = "http",
        /// A WebSocket.
        Socket = "socket",
    }
}

label! {
    /// Which way a message goes.
    Direction {
        /// From a client.
        Received = "in",
        /// To a client.
        Sent = "out",
    }
}

label! {
    /// What a message on a socket is.
    LiveMessage {
        /// The client says who it is.
        Hello = "hello",
        /// A sign of life that says something.
        Heartbeat = "heartbeat",
        /// A status to be seen in.
        StatusChange = "status_change",
        /// Whom to watch.
        Watch = "watch",
        /// Whom no longer.
        Unwatch = "unwatch",
        /// Enters a room.
        Join = "join",
        /// Leaves a room.
        Leave = "leave",
        /// Types, or no longer does.
        Typing = "typing",
        /// What nobody understands.
        Unknown = "unknown",
        /// The client is present.
        Welcome = "welcome",
        /// An answer to a heartbeat, or to a ping.
        Pong = "pong",
        /// How those who are watched stand.
        Snapshot = "snapshot",
        /// Somebody changed.
        Presence = "presence",
        /// How many are present.
        Counts = "counts",
        /// Something happened in a room.
        Room = "room",
        /// Something was not done.
        Error = "error",
        /// The server is about to close.
        Goodbye = "goodbye",
    }
}

label! {
    /// Why the server closed a socket.
    LiveDrop {
        /// No good token, or not any more.
        Token = "token",
        /// The account may not be online.
        Gated = "gated",
        /// The login has ended.
        LoggedOut = "logged_out",
        /// Nothing was heard.
        Silent = "silent",
        /// It does not read what it watches.
        Slow = "slow",
        /// It says too much, or nonsense.
        Abusive = "abusive",
        /// The node stops.
        Restarting = "restarting",
    }
}

label! {
    /// What became of a heartbeat.
    Heartbeat {
        /// Counted.
        Ok = "ok",
        /// The account may not be online.
        Gated = "gated",
        /// The login has ended.
        Ended = "ended",
        /// The shard is being restored.
        Restoring = "restoring",
        /// Redis did not answer.
        Unavailable = "unavailable",
        /// A queue or Redis' memory is full.
        Overloaded = "overloaded",
        /// A script answered what it never should.
        Failed = "failed",
    }
}

label! {
    /// Who noticed that a deadline had passed.
    ExpiryPath {
        /// The event of Redis.
        Event = "event",
        /// The owner's nudge found the lease gone.
        Nudge = "nudge",
        /// The sweep of what is a second overdue.
        Sweep = "sweep",
    }
}

label! {
    /// What became of an entry on its way into Postgres.
    AuditRow {
        /// Stored.
        Stored = "stored",
        /// There already: compared and left.
        Duplicate = "duplicate",
        /// Refused by Postgres, kept aside.
        Quarantined = "quarantined",
        /// Not stored now; it will be tried again.
        Retried = "retried",
    }
}

label! {
    /// What became of an attempt to tell another server.
    Webhook {
        /// Taken.
        Delivered = "delivered",
        /// Not taken now; it will be tried again.
        Failed = "failed",
        /// Not taken, and given up.
        Dead = "dead",
    }
}

label! {
    /// What a connection of the pool is doing.
    PoolState {
        /// Waiting for work.
        Idle = "idle",
        /// At work.
        Busy = "busy",
    }
}

label! {
    /// A setting of Redis that presence depends on.
    RedisSetting {
        /// Nothing is thrown away.
        Eviction = "maxmemory-policy",
        /// Ends of leases are told.
        Notifications = "notify-keyspace-events",
        /// Records stay packed.
        Packing = "hash-max-listpack-value",
        /// A restart keeps what there was.
        AppendOnly = "appendonly",
    }
}

label! {
    /// What is watched.
    WatchKind {
        /// A person.
        Users = "users",
        /// Everybody of an organisation.
        Orgs = "orgs",
        /// Everybody in a room.
        Rooms = "rooms",
    }
}

label! {
    /// How a caller proves who it is.
    AuthMethod {
        /// A new account.
        Register = "register",
        /// User name and password.
        Password = "password",
        /// A refresh token.
        Refresh = "refresh",
        /// An access token.
        Access = "access",
        /// A service key.
        ServiceKey = "service_key",
    }
}

label! {
    /// How it went.
    AuthResult {
        /// Proved.
        Ok = "ok",
        /// Wrong name or password.
        BadCredentials = "bad_credentials",
        /// Not a token of ours, or damaged.
        Invalid = "invalid",
        /// Too old.
        Expired = "expired",
        /// The login was ended.
        Ended = "ended",
        /// The account may not be used.
        Gated = "gated",
        /// Too often.
        Limited = "limited",
    }
}

label! {
    /// How it went when the keys of a trusted issuer were read.
    KeyReading {
        /// They were.
        Ok = "ok",
        /// They were not: no answer, not the right one, or no key set.
        Failed = "failed",
    }
}

label! {
    /// Which rate limit refused.
    LimitPolicy {
        /// Registrations per address.
        Register = "register",
        /// Logins per address.
        Login = "login",
        /// Logins per account.
        LoginAccount = "login_account",
        /// The wait after failed logins.
        LoginWait = "login_wait",
        /// Requests per login.
        Requests = "requests",
    }
}
