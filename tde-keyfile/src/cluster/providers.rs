//! The key providers of a cluster, as its providers files list them.

use alloc::vec::Vec;
use core::{error, fmt};
use std::path::{Path, PathBuf};

use crate::format::header::ProviderId;
use crate::format::provider_options::{OptionsError, ProviderOptions};
use crate::format::providers::{ProviderKind, ProviderRecord, ProviderRecords};
use crate::format::{FormatError, TornTail};
use crate::name::ProviderName;
use crate::oid::Oid;

/// One providers file of a cluster.
#[derive(Debug)]
pub struct ProvidersFile {
    scope: Oid,
    path: PathBuf,
    records: Vec<ListedProvider>,
    torn_tail: Option<TornTail>,
}

/// A record of a providers file: its id, and what stands there.
#[derive(Debug)]
pub struct ListedProvider {
    id: ProviderId,
    offset: u64,
    contents: Result<Option<Provider>, ProviderRecordError>,
}

/// A key provider: its id, name and options.
#[derive(Debug, Clone)]
pub struct Provider {
    id: ProviderId,
    name: ProviderName,
    options: ProviderOptions,
}

impl ProvidersFile {
    pub(crate) fn parse(scope: Oid, path: PathBuf, bytes: &[u8]) -> Self {
        let records = ProviderRecords::parse(bytes);
        let torn_tail = records.torn_tail();
        let records = records
            .records()
            .map(|record| ListedProvider {
                id: record.id(),
                offset: record.offset(),
                contents: Provider::read(&record),
            })
            .collect();
        Self { scope, path, records, torn_tail }
    }

    /// The OID in the file's name: a database, or 1664 for the global providers.
    #[must_use]
    pub const fn scope(&self) -> Oid {
        self.scope
    }

    /// The file, relative to the data directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All records in the order of the file, deleted and damaged ones included.
    #[must_use]
    pub fn records(&self) -> &[ListedProvider] {
        &self.records
    }

    /// Bytes behind the last whole record, with which the server refuses the file.
    #[must_use]
    pub const fn torn_tail(&self) -> Option<TornTail> {
        self.torn_tail
    }

    /// The first record with this id that is not deleted.
    pub(crate) fn find(&self, id: ProviderId) -> Option<&ListedProvider> {
        self.records.iter().find(|record| record.id == id && !record.is_deleted())
    }
}

impl ListedProvider {
    /// The provider's id, which stays when it is deleted.
    #[must_use]
    pub const fn id(&self) -> ProviderId {
        self.id
    }

    /// Where the record begins, in bytes from the start of the file.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the provider was deleted.
    #[must_use]
    pub const fn is_deleted(&self) -> bool {
        matches!(self.contents, Ok(None))
    }

    /// The provider, or `None` if it was deleted.
    ///
    /// # Errors
    /// [`ProviderRecordError`] if the record or its options cannot be read.
    pub const fn provider(&self) -> Result<Option<&Provider>, &ProviderRecordError> {
        match &self.contents {
            Ok(Some(provider)) => Ok(Some(provider)),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Provider {
    /// A provider, as if it had been read from a record.
    #[must_use]
    pub const fn new(id: ProviderId, name: ProviderName, options: ProviderOptions) -> Self {
        Self { id, name, options }
    }

    fn read(record: &ProviderRecord<'_>) -> Result<Option<Self>, ProviderRecordError> {
        let Some(kind) = record.kind()? else { return Ok(None) };
        let name = record.name()?;
        let options = ProviderOptions::parse(kind, record.options()?)
            .map_err(|error| ProviderRecordError::Options { offset: record.offset() + 132, error })?;
        Ok(Some(Self { id: record.id(), name, options }))
    }

    /// The provider's id.
    #[must_use]
    pub const fn id(&self) -> ProviderId {
        self.id
    }

    /// The provider's name.
    #[must_use]
    pub const fn name(&self) -> &ProviderName {
        &self.name
    }

    /// The kind of key store.
    #[must_use]
    pub const fn kind(&self) -> ProviderKind {
        self.options.kind()
    }

    /// Where it is and how to reach it.
    #[must_use]
    pub const fn options(&self) -> &ProviderOptions {
        &self.options
    }
}

/// Why a provider's record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderRecordError {
    /// A field of the record is damaged.
    Format(FormatError),
    /// The options are not those of a provider of this type.
    Options {
        /// Where the options begin, in bytes from the start of the file.
        offset: u64,
        /// What is wrong with them.
        error: OptionsError,
    },
}

impl From<FormatError> for ProviderRecordError {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl fmt::Display for ProviderRecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(error) => error.fmt(f),
            Self::Options { offset, error } => {
                write!(f, "providers file, offset {offset}, provider options: {error}")
            }
        }
    }
}

impl error::Error for ProviderRecordError {}
