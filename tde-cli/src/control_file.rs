//! What `global/pg_control` says of a cluster, if the copy has one.

use std::io;
use std::path::Path;

use serde::Serialize;
use tde_keyfile::postgres::ControlFile;

/// The part of the control file that reports show.
#[derive(Debug, Serialize)]
pub(crate) struct ControlReport {
    /// In decimal, as text: it has more digits than many JSON readers keep.
    system_identifier: String,
    catalog_version: u32,
    /// None for a beta release or a fork.
    postgresql_major: Option<u32>,
    state: String,
    data_checksums: bool,
    page_size: usize,
    pages_per_segment: u32,
    wal_segment_size: u64,
}

impl ControlReport {
    pub(crate) const PATH: &'static str = ControlFile::PATH;

    /// Reads it, or says why it cannot: a severity and a text.
    pub(crate) fn read(data_directory: &Path) -> (Option<Self>, Option<(&'static str, String)>) {
        match read(data_directory) {
            Ok(Some(control)) => (Some(Self::of(&control)), None),
            Ok(None) => (None, Some(("notice", "absent from this copy".into()))),
            Err(error) => (None, Some(("problem", error))),
        }
    }

    fn of(control: &ControlFile) -> Self {
        Self {
            system_identifier: control.system_identifier.to_string(),
            catalog_version: control.catalog_version.get(),
            postgresql_major: control.major.and_then(|major| major.to_string().parse().ok()),
            state: control.state.to_string(),
            data_checksums: control.has_data_checksums(),
            page_size: control.block_size.get(),
            pages_per_segment: control.blocks_per_segment,
            wal_segment_size: control.wal_segment_size.bytes(),
        }
    }

    /// One line for people.
    pub(crate) fn summary(&self) -> String {
        format!(
            "PostgreSQL {}, {}, data checksums {}, pages of {} bytes, relation segments of {} pages, \
             WAL segments of {} MiB, system identifier {}",
            match self.postgresql_major {
                Some(major) => major.to_string(),
                None => format!("of catalog version {}", self.catalog_version),
            },
            self.state,
            if self.data_checksums { "on" } else { "off" },
            self.page_size,
            self.pages_per_segment,
            self.wal_segment_size >> 20,
            self.system_identifier
        )
    }
}

/// The control file; `None` if the copy has none.
///
/// # Errors
/// In words, if it is there and cannot be read.
pub(crate) fn read(data_directory: &Path) -> Result<Option<ControlFile>, String> {
    let path = data_directory.join(ControlFile::PATH);
    match std::fs::read(&path) {
        Ok(bytes) => ControlFile::parse(&bytes).map(Some).map_err(|error| error.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
