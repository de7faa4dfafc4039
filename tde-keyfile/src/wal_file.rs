//! WAL segment files, decrypted, encrypted and rekeyed: which bytes of the log a file holds, and whether its size and
//! pages agree.

mod rekey;

use alloc::string::String;
use core::fmt;
use std::io::{self, Read, Write};

use tde_wal::io::transform_segment;
use tde_wal::{
    ExpectedPage, KeyRanges, LONG_HEADER_LEN, PageHeader, PageHeaderError, SegmentName, SegmentPosition,
    SegmentSize, WalLayout,
};

use crate::postgres::{ControlFile, DataFile};

pub use rekey::{RekeySummary, SegmentProblem};

/// A WAL segment file, told by its name and the cluster's segment size.
///
/// The keystream depends on the segment size, so that a wrong one decrypts to noise.
///
/// ```
/// use tde_keyfile::wal_file::WalSegmentFile;
///
/// let file = WalSegmentFile::new("pg_wal/00000001000000000000000E", None, Some(1 << 20))?;
/// assert_eq!(file.name().start_lsn().to_string(), "0/E00000");
/// let mut plain = Vec::new();
/// // Under no range, bytes pass as they are; the summary tells that they are no WAL.
/// let summary = file.decrypt(&tde_wal::KeyRanges::default(), &b"noise"[..], &mut plain)?;
/// assert!(summary.first_page.is_err());
/// assert!(!summary.is_whole());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WalSegmentFile {
    name: SegmentName,
    layout: WalLayout,
}

/// What was decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalSummary {
    /// Bytes read and written.
    pub bytes: u64,
    /// Bytes of a whole segment.
    pub segment_size: SegmentSize,
    /// Bytes among those read that were encrypted.
    pub encrypted: u64,
    /// The header of the first page, or why it is not one: then the key, the segment size or the name is wrong,
    /// or the segment was kept for later use and holds no WAL of this place yet.
    pub first_page: Result<PageHeader, PageHeaderError>,
}

impl WalSummary {
    /// Whether the file was as long as a segment; a `.partial` one may be shorter.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.bytes == self.segment_size.bytes()
    }
}

impl WalSegmentFile {
    /// The segment file at a path: below `pg_wal/`, or the name alone. Names may end in `.partial`.
    ///
    /// The segment size is that of the control file. Without one it is the length of the file, if that is a
    /// segment's, and else unknown.
    ///
    /// # Errors
    /// [`WalFileError`] if the name is not that of a segment, or the segment size is unknown.
    pub fn new(path: &str, control: Option<&ControlFile>, length: Option<u64>) -> Result<Self, WalFileError> {
        let name = match DataFile::classify(path) {
            DataFile::Wal { name } => name,
            _ if !path.contains('/') => path,
            _ => return Err(WalFileError::Path { path: path.into() }),
        };
        let size = match (control, length.and_then(|length| SegmentSize::new(length).ok())) {
            (Some(control), _) => control.wal_segment_size,
            (None, Some(size)) => size,
            (None, None) => return Err(WalFileError::SegmentSize { length }),
        };
        let name = SegmentName::parse(name, size)
            .map_err(|source| WalFileError::Name { name: name.into(), source })?;
        let mut layout = WalLayout::new(size);
        if let Some(control) = control {
            layout = layout
                .with_block_size(control.wal_block_size)
                .with_system_identifier(control.system_identifier);
            layout.major = control.major;
        }
        Ok(Self { name, layout })
    }

    /// The segment's name.
    #[must_use]
    pub const fn name(&self) -> &SegmentName {
        &self.name
    }

    /// What every page of this cluster's WAL has in common.
    #[must_use]
    pub const fn layout(&self) -> &WalLayout {
        &self.layout
    }

    /// Decrypts the file's bytes from one place to another, in bounded memory. Encrypting is the same operation.
    ///
    /// What lies behind the end of WAL was never written under the current key and comes out as noise; the
    /// server's own tools give the same bytes.
    ///
    /// # Errors
    /// [`WalFileError::Transform`] if reading or writing fails, if the input is longer than a segment, or if
    /// bytes lie in a range whose key could not be had. What was written before stays written.
    pub fn decrypt(
        &self,
        ranges: &KeyRanges,
        input: impl Read,
        output: impl Write,
    ) -> Result<WalSummary, WalFileError> {
        let mut output = Head { output, head: [0; LONG_HEADER_LEN], filled: 0 };
        let copied = transform_segment(ranges, SegmentPosition::start_of(&self.name), input, &mut output)
            .map_err(WalFileError::Transform)?;
        let expected = ExpectedPage::new(self.layout, self.name.timeline(), self.name.start_lsn());
        Ok(WalSummary {
            bytes: copied.bytes,
            segment_size: self.name.size(),
            encrypted: copied.transformed.encrypted,
            first_page: PageHeader::parse(output.head.get(..output.filled).unwrap_or_default(), &expected),
        })
    }
}

/// Passes bytes on and keeps the first of them.
struct Head<W> {
    output: W,
    head: [u8; LONG_HEADER_LEN],
    filled: usize,
}

impl<W: Write> Write for Head<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        for (to, from) in self.head.iter_mut().skip(self.filled).zip(bytes.iter().take(written)) {
            *to = *from;
            self.filled += 1;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Why a WAL segment cannot be decrypted.
#[derive(Debug)]
#[non_exhaustive]
pub enum WalFileError {
    /// The path is not one below `pg_wal/`.
    Path {
        /// The path.
        path: String,
    },
    /// The name is not that of a segment.
    Name {
        /// The name.
        name: String,
        /// Why not.
        source: tde_wal::Error,
    },
    /// There is no control file to tell the segment size, and the file's length is not one.
    SegmentSize {
        /// The file's length in bytes, if it has one.
        length: Option<u64>,
    },
    /// Reading, transforming or writing failed.
    Transform(io::Error),
    /// The ranges cannot be applied to the segment.
    Ranges(tde_wal::Error),
}

impl fmt::Display for WalFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path } => write!(f, "{path} is not a file of pg_wal/"),
            Self::Name { name, .. } => write!(f, "{name} is not the name of a WAL segment"),
            Self::SegmentSize { length: Some(length) } => {
                write!(
                    f,
                    "the segment size is unknown: there is no global/pg_control, and {length} bytes are none"
                )
            }
            Self::SegmentSize { length: None } => {
                f.write_str("the segment size is unknown: there is no global/pg_control")
            }
            Self::Transform(_) => f.write_str("cannot transform the segment"),
            Self::Ranges(_) => f.write_str("the key ranges do not fit the segment"),
        }
    }
}

impl core::error::Error for WalFileError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Name { source, .. } | Self::Ranges(source) => Some(source),
            Self::Transform(source) => Some(source),
            Self::Path { .. } | Self::SegmentSize { .. } => None,
        }
    }
}
