use std::{io, path::PathBuf};

use tde_keyfile::provider::ProviderErrorKind;

use crate::tls::TlsError;

/// Why a Vault or OpenBao server did not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The address is none of a server.
    #[error("the address {url:?} is not of the form http(s)://HOST[:PORT][/PATH]")]
    Address {
        /// As it was given.
        url: String,
    },
    /// Certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system has no authorities that could be trusted.
    #[error("the system has no certificates of authorities{problem}")]
    NoSystemAuthorities {
        /// What went wrong when they were looked for, after a colon, or nothing.
        problem: String,
    },
    /// The token cannot be had.
    #[error("the token in {}: {source}", path.display())]
    Token {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Token or namespace have bytes that no header may have.
    #[error("the {what} has bytes that cannot be sent in a header")]
    Header {
        /// `token` or `namespace`.
        what: &'static str,
    },
    /// The name of a key cannot be a path of the store.
    #[error("{problem}")]
    Name {
        /// Why.
        problem: &'static str,
    },
    /// No connection.
    #[error("{detail}")]
    Connect {
        /// Why.
        detail: String,
    },
    /// The connection failed, or too much time went by, after the request was on its way.
    #[error("{detail}")]
    Connection {
        /// Why.
        detail: String,
        /// Whether the request could have changed something.
        changing: bool,
    },
    /// The answer is too large.
    #[error("the answer has more than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: u64,
    },
    /// The server sends to another one.
    #[error("the server redirects to {location:?}, which is not followed: the token would go there")]
    Redirect {
        /// Where.
        location: String,
    },
    /// The server refuses, or fails.
    #[error("HTTP status {status}{messages}")]
    Status {
        /// The status.
        status: u16,
        /// What the server says about it, after a colon, or nothing.
        messages: String,
    },
    /// The answer is not that of a key-value store.
    #[error("the answer is not that of a key-value store: {detail}")]
    Answer {
        /// What is wrong.
        detail: String,
    },
    /// The mount is something else.
    #[error("the mount {mount} is {found}, not a key-value store of version 2")]
    NotKeyValue2 {
        /// The mount.
        mount: String,
        /// What it is.
        found: String,
    },
    /// The secret has no key in base64.
    #[error("the field `key` is not base64")]
    KeyText,
    /// The key has another length.
    #[error("the field `key` has {length} bytes")]
    KeyLength {
        /// How many.
        length: usize,
    },
    /// The secret has a version already.
    #[error("the secret has a version already (a deleted one counts)")]
    Exists,
    /// More keys than are listed.
    #[error("there are more than {limit} names")]
    TooMany {
        /// How many are listed.
        limit: usize,
    },
    /// More folders than are looked into.
    #[error("there are names in more than {limit} folders")]
    TooManyFolders {
        /// How many are looked into.
        limit: usize,
    },
}

impl VaultError {
    /// What it means for a provider.
    #[must_use]
    pub const fn kind(&self) -> ProviderErrorKind {
        match self {
            Self::Address { .. }
            | Self::Tls(_)
            | Self::NoSystemAuthorities { .. }
            | Self::Token { .. }
            | Self::Header { .. }
            | Self::NotKeyValue2 { .. } => ProviderErrorKind::Options,
            Self::Name { .. } => ProviderErrorKind::Name,
            Self::Connect { .. } | Self::Connection { .. } | Self::Redirect { .. } => {
                ProviderErrorKind::Unavailable
            }
            Self::Status { status: 401 | 403, .. } => ProviderErrorKind::Refused,
            Self::Status { status: 429 | 472 | 473 | 500..=599, .. } => ProviderErrorKind::Unavailable,
            Self::Status { .. } => ProviderErrorKind::Failed,
            Self::TooLarge { .. } | Self::Answer { .. } => ProviderErrorKind::Damaged,
            Self::KeyText | Self::KeyLength { .. } => ProviderErrorKind::InvalidKey,
            Self::Exists => ProviderErrorKind::Exists,
            Self::TooMany { .. } | Self::TooManyFolders { .. } => ProviderErrorKind::Unsupported,
        }
    }

    /// Whether the server may have done what was asked, although the call failed.
    #[must_use]
    pub const fn may_have_happened(&self) -> bool {
        match self {
            Self::Connection { changing, .. } => *changing,
            Self::TooLarge { .. } | Self::Answer { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// What to try, if there is something that usually helps.
    #[must_use]
    pub const fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Connect { .. } => "check address and port, and that the server runs and is unsealed",
            Self::Redirect { .. } => "give that address as the provider's url",
            Self::Status { status: 401 | 403, .. } => {
                "check that the token has not expired and that its policy allows `read` (for new keys `create`) on \
                 MOUNT/data/* and `list` on MOUNT/metadata/*"
            }
            Self::Status { status: 404, .. } => "check the mount path and the namespace",
            Self::Status { status: 503, .. } => "the server is sealed or in maintenance: unseal it",
            Self::Token { .. } => "check the path of the token file, and that you may read it",
            _ => return None,
        })
    }
}
