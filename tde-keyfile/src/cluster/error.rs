//! Why a cluster, a scope, or a principal key could not be opened.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::{error, fmt};
use std::path::PathBuf;

use super::providers::ProviderRecordError;
use crate::file::FileError;
use crate::format::FormatError;
use crate::format::header::ProviderId;
use crate::format::providers::ProviderKind;
use crate::name::PrincipalKeyName;
use crate::provider::ProviderError;

/// Why a scope, or something in it, could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum ScopeError {
    /// The key file cannot be read.
    File(FileError),
    /// The key file is damaged.
    Format {
        /// The file, relative to the data directory.
        path: PathBuf,
        /// What is wrong and where.
        error: FormatError,
    },
    /// The principal key cannot be had.
    PrincipalKey {
        /// The key file, relative to the data directory.
        path: PathBuf,
        /// Why not.
        error: Box<PrincipalKeyError>,
    },
}

impl ScopeError {
    /// What somebody who meets this error can do.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::File(_) => "check that the file is complete and that you may read it",
            Self::Format { error, .. } => error.advice(),
            Self::PrincipalKey { error, .. } => error.advice(),
        }
    }
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Format { path, error } => write!(f, "{}: {error}", path.display()),
            Self::PrincipalKey { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl error::Error for ScopeError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::File(error) => error.source(),
            Self::Format { .. } => None,
            Self::PrincipalKey { error, .. } => error.source(),
        }
    }
}

/// Why the principal key of a scope cannot be had.
#[derive(Debug)]
pub struct PrincipalKeyError {
    pub(super) name: PrincipalKeyName,
    pub(super) provider: ProviderId,
    pub(super) kind: PrincipalKeyErrorKind,
}

/// Why a principal key cannot be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum PrincipalKeyErrorKind {
    /// There is no record of the provider, and nothing was given in its place.
    ProviderAbsent,
    /// The record of the provider cannot be used, and nothing was given in its place.
    ProviderDamaged(ProviderRecordError),
    /// Providers of this kind are not reached, and the key was not given in another way.
    NotConnected(ProviderKind),
    /// No place that was searched has a key of this name.
    NotFound {
        /// The places.
        searched: Vec<String>,
    },
    /// A place could not be searched, and no other has the key.
    Failed(ProviderError),
    /// Keys of this name were found, but none of them made the header's signature.
    WrongKey {
        /// Where they were found.
        tried: Vec<String>,
    },
}

impl PrincipalKeyError {
    /// The name of the key.
    #[must_use]
    pub const fn name(&self) -> &PrincipalKeyName {
        &self.name
    }

    /// The provider that the header names.
    #[must_use]
    pub const fn provider(&self) -> ProviderId {
        self.provider
    }

    /// Why the key cannot be had.
    #[must_use]
    pub const fn kind(&self) -> &PrincipalKeyErrorKind {
        &self.kind
    }

    /// What somebody who meets this error can do.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self.kind {
            PrincipalKeyErrorKind::ProviderAbsent => {
                "copy the providers file too, or give a keyring or the principal key"
            }
            PrincipalKeyErrorKind::ProviderDamaged(_) => "give a keyring or the principal key instead",
            PrincipalKeyErrorKind::NotConnected(_) => "give the principal key as a file",
            PrincipalKeyErrorKind::NotFound { .. } => {
                "give the keyring that holds the key, or the principal key as a file"
            }
            PrincipalKeyErrorKind::Failed(_) => "make it available, or give the principal key as a file",
            PrincipalKeyErrorKind::WrongKey { .. } => {
                "give the key that was in use when the file was copied; if it is, the header is damaged"
            }
        }
    }
}

impl fmt::Display for PrincipalKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, provider, kind } = self;
        write!(f, "principal key \"{name}\" of provider {provider}: ")?;
        match kind {
            PrincipalKeyErrorKind::ProviderAbsent => f.write_str("the provider has no record"),
            PrincipalKeyErrorKind::ProviderDamaged(error) => {
                write!(f, "the provider cannot be used: {error}")
            }
            PrincipalKeyErrorKind::NotConnected(kind) => {
                write!(f, "a {kind} provider is not asked, and the key was not given")
            }
            PrincipalKeyErrorKind::NotFound { searched } => {
                write!(f, "no such key in {}", searched.join(", "))
            }
            PrincipalKeyErrorKind::Failed(error) => error.fmt(f),
            PrincipalKeyErrorKind::WrongKey { tried } => {
                write!(f, "the header is not signed with the key from {}", tried.join(" or "))
            }
        }
    }
}

impl error::Error for PrincipalKeyError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.kind {
            PrincipalKeyErrorKind::Failed(error) => error.source(),
            _ => None,
        }
    }
}

/// Why a data directory could not be opened at all.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClusterError {
    /// There is no `pg_tde` directory in it: not the data directory of a cluster with `pg_tde`.
    NoKeyDirectory {
        /// The directory that was looked for.
        path: PathBuf,
    },
    /// The `pg_tde` directory cannot be listed.
    Directory(FileError),
}

impl ClusterError {
    /// What somebody who meets this error can do.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::NoKeyDirectory { .. } => {
                "give the data directory, with its pg_tde subdirectory: the keys are in there"
            }
            Self::Directory(_) => "check that you may read the directory",
        }
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeyDirectory { path } => write!(f, "{}: no such directory", path.display()),
            Self::Directory(error) => error.fmt(f),
        }
    }
}

impl error::Error for ClusterError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::NoKeyDirectory { .. } => None,
            Self::Directory(error) => error.source(),
        }
    }
}
