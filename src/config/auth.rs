//! Tokens and accounts.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{ConfigError, Issuer, Span, error, weak};
use crate::presence::Role;

/// Who signs tokens, how long they live, and who may register.
#[derive(Clone, Debug, clap::Args)]
pub struct Auth {
    // Read from environment and file; on the command line, where all users of the machine can read it, it is refused.
    #[arg(id = "auth_secret", long = "auth-secret", env = "ROLLCALL_AUTH_SECRET", hide = true)]
    secret: Option<SecretString>,

    /// File with the secret that signs access tokens, at least 32 bytes (or ROLLCALL_AUTH_SECRET: the secret itself)
    #[arg(
        id = "auth_secret_file",
        long = "auth-secret-file",
        env = "ROLLCALL_AUTH_SECRET_FILE",
        value_name = "FILE"
    )]
    secret_file: Option<PathBuf>,

    #[arg(
        id = "auth_previous_secret",
        long = "auth-previous-secret",
        env = "ROLLCALL_AUTH_PREVIOUS_SECRET",
        hide = true
    )]
    previous_secret: Option<SecretString>,

    /// File with the secret before it, which still verifies (or ROLLCALL_AUTH_PREVIOUS_SECRET)
    #[arg(
        id = "auth_previous_secret_file",
        long = "auth-previous-secret-file",
        env = "ROLLCALL_AUTH_PREVIOUS_SECRET_FILE",
        value_name = "FILE"
    )]
    previous_secret_file: Option<PathBuf>,

    #[arg(
        id = "auth_signing_key",
        long = "auth-signing-key",
        env = "ROLLCALL_AUTH_SIGNING_KEY",
        hide = true
    )]
    signing_key: Option<SecretString>,

    /// File with an Ed25519 key (PKCS #8, PEM) that signs access tokens in place of the secret; its public half is
    /// at /.well-known/jwks.json (or ROLLCALL_AUTH_SIGNING_KEY: the key itself)
    #[arg(
        id = "auth_signing_key_file",
        long = "auth-signing-key-file",
        env = "ROLLCALL_AUTH_SIGNING_KEY_FILE",
        value_name = "FILE"
    )]
    signing_key_file: Option<PathBuf>,

    #[arg(
        id = "auth_previous_signing_key",
        long = "auth-previous-signing-key",
        env = "ROLLCALL_AUTH_PREVIOUS_SIGNING_KEY",
        hide = true
    )]
    previous_signing_key: Option<SecretString>,

    /// File with the key before it, which still verifies (or ROLLCALL_AUTH_PREVIOUS_SIGNING_KEY)
    #[arg(
        id = "auth_previous_signing_key_file",
        long = "auth-previous-signing-key-file",
        env = "ROLLCALL_AUTH_PREVIOUS_SIGNING_KEY_FILE",
        value_name = "FILE"
    )]
    previous_signing_key_file: Option<PathBuf>,

    /// File with issuers whose tokens are trusted, besides those of the settings file (TOML or JSON)
    #[arg(
        id = "auth_issuers_file",
        long = "auth-issuers-file",
        env = "ROLLCALL_AUTH_ISSUERS_FILE",
        value_name = "FILE"
    )]
    pub(super) issuers_file: Option<PathBuf>,

    /// Issuers whose tokens are trusted.
    #[arg(skip)]
    pub issuers: Vec<Issuer>,

    /// Issuer of access tokens (claim iss)
    #[arg(
        id = "auth_issuer",
        long = "auth-issuer",
        env = "ROLLCALL_AUTH_ISSUER",
        value_name = "NAME",
        default_value = "rollcall"
    )]
    pub issuer: String,

    /// Audience of access tokens (claim aud)
    #[arg(
        id = "auth_audience",
        long = "auth-audience",
        env = "ROLLCALL_AUTH_AUDIENCE",
        value_name = "NAME",
        default_value = "rollcall"
    )]
    pub audience: String,

    /// Life of an access token
    #[arg(
        id = "auth_access_ttl",
        long = "auth-access-ttl",
        env = "ROLLCALL_AUTH_ACCESS_TTL",
        value_name = "DURATION",
        default_value = "15m"
    )]
    pub access_ttl: Span,

    /// Life of a refresh token
    #[arg(
        id = "auth_refresh_ttl",
        long = "auth-refresh-ttl",
        env = "ROLLCALL_AUTH_REFRESH_TTL",
        value_name = "DURATION",
        default_value = "7d"
    )]
    pub refresh_ttl: Span,

    /// Whether a refresh gives a new refresh token, or the same again for clients that keep their first one
    #[arg(
        id = "auth_refresh_rotation",
        long = "auth-refresh-rotation",
        env = "ROLLCALL_AUTH_REFRESH_ROTATION",
        value_name = "MODE",
        default_value = "rotate",
        value_enum
    )]
    pub refresh_rotation: RefreshRotation,

    /// Whose role needs a second factor: without one they may do what every user may, enrolling among it
    #[arg(
        id = "auth_require_totp",
        long = "auth-require-totp",
        env = "ROLLCALL_AUTH_REQUIRE_TOTP",
        value_name = "ROLE",
        default_value = "none",
        value_enum
    )]
    pub require_totp: RequireTotp,

    /// What becomes of a new account
    #[arg(
        id = "auth_registration",
        long = "auth-registration",
        env = "ROLLCALL_AUTH_REGISTRATION",
        value_name = "MODE",
        default_value = "active",
        value_enum
    )]
    pub registration: Registration,
}

/// What a refresh answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RefreshRotation {
    /// A new refresh token each time; the reuse of an old one ends the family.
    Rotate,
    /// The same refresh token.
    Fixed,
}

/// Whose role needs a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RequireTotp {
    /// Nobody's.
    None,
    /// Administrators'.
    Admin,
    /// Moderators' and administrators'.
    Moderator,
}

impl RequireTotp {
    /// The lowest role that needs one; `None` if no role does.
    #[must_use]
    pub const fn lowest_role(self) -> Option<Role> {
        match self {
            Self::None => None,
            Self::Admin => Some(Role::Admin),
            Self::Moderator => Some(Role::Moderator),
        }
    }
}

/// Who may have an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Registration {
    /// Everyone, at once.
    Active,
    /// Everyone whom an administrator approves.
    Approval,
    /// Nobody but those whom an administrator creates.
    Closed,
}

impl Auth {
    /// The secret that signs; where there is none, the signing key, which then does everything that the secret would.
    ///
    /// # Errors
    /// [`ConfigError`] that names the setting, if neither is set.
    pub fn secret(&self) -> Result<&SecretString, ConfigError> {
        self.secret
            .as_ref()
            .or(self.signing_key.as_ref())
            .ok_or_else(|| error::missing("auth_secret", "at least 32 random bytes to sign tokens"))
    }

    /// The secret by which tokens are signed, or verified where a key signs; `None` if only the key does.
    #[must_use]
    pub const fn shared_secret(&self) -> Option<&SecretString> {
        self.secret.as_ref()
    }

    /// The key that signs in place of the secret.
    #[must_use]
    pub const fn signing_key(&self) -> Option<&SecretString> {
        self.signing_key.as_ref()
    }

    /// The key before it, which still verifies.
    #[must_use]
    pub const fn previous_signing_key(&self) -> Option<&SecretString> {
        self.previous_signing_key.as_ref()
    }

    /// The longest life of any token that is accepted.
    #[must_use]
    pub fn longest_life(&self) -> Span {
        self.issuers.iter().map(|issuer| issuer.longest_life).fold(self.access_ttl, Span::max)
    }

    /// The secret before it, which still verifies.
    #[must_use]
    pub fn previous_secret(&self) -> Option<&SecretString> {
        self.previous_secret.as_ref()
    }

    /// Signs with this secret: for `rollcall dev`, which makes its own.
    pub fn set_secret(&mut self, secret: SecretString) {
        self.secret = Some(secret);
    }

    /// Puts the content of the files in the place of their names.
    pub(super) fn read_files(&mut self) -> Vec<String> {
        let forms = [
            ("auth_secret", &mut self.secret, &self.secret_file),
            ("auth_previous_secret", &mut self.previous_secret, &self.previous_secret_file),
            ("auth_signing_key", &mut self.signing_key, &self.signing_key_file),
            ("auth_previous_signing_key", &mut self.previous_signing_key, &self.previous_signing_key_file),
        ];
        let mut problems = Vec::new();
        for (id, secret, file) in forms {
            let Some(file) = file else { continue };
            let name = error::variable(id);
            if secret.is_some() {
                problems.push(format!("{name} and {name}_FILE are both set: keep one"));
                continue;
            }
            match read(file) {
                Ok(content) => *secret = Some(content),
                Err(error) => problems.push(format!("{name}_FILE: cannot read {}: {error}", file.display())),
            }
        }
        problems
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (id, secret) in [("auth_secret", &self.secret), ("auth_previous_secret", &self.previous_secret)] {
            let weakness = secret.as_ref().and_then(|secret| weak::of_key(secret.expose_secret()));
            problems.extend(weakness.map(|why| format!("{} {why}", error::names(id))));
        }
        if self.access_ttl < Span::from_secs(10) {
            let (name, ttl) = (error::names("auth_access_ttl"), self.access_ttl);
            problems.push(format!("{name} is {ttl}: expected at least 10s"));
        }
        if self.refresh_ttl < self.access_ttl {
            let (name, ttl, access) = (error::names("auth_refresh_ttl"), self.refresh_ttl, self.access_ttl);
            problems.push(format!("{name} is {ttl}, shorter than ROLLCALL_AUTH_ACCESS_TTL ({access})"));
        }
        problems
    }
}

/// The content of a secret's file without the line end that editors add.
pub(super) fn read(file: &Path) -> std::io::Result<SecretString> {
    std::fs::read_to_string(file).map(|text| text.trim_end_matches(['\r', '\n']).into())
}
