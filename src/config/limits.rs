//! How often callers may do what is costly or guessable.

use super::{Cidrs, Limit};

/// Rate limits; `none` switches one off.
#[derive(Clone, Debug, clap::Args)]
pub struct Limits {
    /// Registrations per address
    #[arg(
        id = "limits_register",
        long = "limits-register",
        env = "ROLLCALL_LIMITS_REGISTER",
        value_name = "RATE",
        default_value = "120/min"
    )]
    pub register: Limit,

    /// Logins per address
    #[arg(
        id = "limits_login",
        long = "limits-login",
        env = "ROLLCALL_LIMITS_LOGIN",
        value_name = "RATE",
        default_value = "60/min"
    )]
    pub login: Limit,

    /// Logins per account
    #[arg(
        id = "limits_login_account",
        long = "limits-login-account",
        env = "ROLLCALL_LIMITS_LOGIN_ACCOUNT",
        value_name = "RATE",
        default_value = "10/min"
    )]
    pub login_account: Limit,

    /// Requests per login
    #[arg(
        id = "limits_requests",
        long = "limits-requests",
        env = "ROLLCALL_LIMITS_REQUESTS",
        value_name = "RATE",
        default_value = "200/s burst 400"
    )]
    pub requests: Limit,

    /// Addresses or CIDRs that are neither limited nor blocked, comma-separated; trusted proxies never are
    #[arg(
        id = "limits_allow",
        long = "limits-allow",
        env = "ROLLCALL_LIMITS_ALLOW",
        value_name = "CIDRS",
        default_value = "127.0.0.0/8,::1/128"
    )]
    pub allow: Cidrs,
}
