//! What can go wrong when a provider is asked for a key.

use alloc::boxed::Box;
use alloc::string::String;
use core::error::Error;
use core::fmt;

/// A provider that could not be asked, or whose answer cannot be used. "No such key" is not an error.
#[derive(Debug)]
pub struct ProviderError {
    place: String,
    kind: ProviderErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
    advice: Option<String>,
}

/// Why a provider gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProviderErrorKind {
    /// The provider cannot be reached or read.
    Unavailable,
    /// The provider refused: credentials or permissions.
    Refused,
    /// What it holds or answers is damaged.
    Damaged,
    /// It has a key of this name, but not one of 16 or 32 bytes.
    InvalidKey,
    /// It has several keys of this name.
    Ambiguous,
    /// Its options do not lead anywhere.
    Options,
    /// It cannot do this by its nature.
    Unsupported,
    /// It has a key of this name already.
    Exists,
    /// It cannot hold a key of this name, or `pg_tde` would not find it there.
    Name,
    /// It was reached and did not do what was asked.
    Failed,
    /// The system gives no random bytes for a new key.
    Random,
}

impl ProviderError {
    /// An error of the provider at `place` (see `KeyProvider::place`).
    #[must_use]
    pub fn new(place: String, kind: ProviderErrorKind) -> Self {
        Self { place, kind, source: None, advice: None }
    }

    /// The same with what caused it. The cause must not hold key material.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same with what somebody who meets this error can do.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// What somebody who meets this error can do, if there is something to say.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// What and where the provider is.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> ProviderErrorKind {
        self.kind
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ProviderErrorKind::Unavailable => "cannot be read or reached",
            ProviderErrorKind::Refused => "access is refused",
            ProviderErrorKind::Damaged => "the contents are damaged",
            ProviderErrorKind::InvalidKey => "the key is not one of 16 or 32 bytes",
            ProviderErrorKind::Ambiguous => "there are several keys of this name",
            ProviderErrorKind::Options => "the provider's options cannot be used",
            ProviderErrorKind::Unsupported => "this cannot be done here",
            ProviderErrorKind::Exists => "there is a key of this name already",
            ProviderErrorKind::Name => "the name cannot be used here",
            ProviderErrorKind::Failed => "it did not do what was asked",
            ProviderErrorKind::Random => "the system gives no random bytes",
        };
        write!(f, "{}: {what}", self.place)
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
