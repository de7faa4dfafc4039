//! What can be wrong with names, sizes, positions and buffers.
//!
//! What can be wrong with the log itself has its own types: [`PageHeaderError`](crate::PageHeaderError) and
//! [`WalkEnd`](crate::WalkEnd).

use core::fmt;

/// Why a value was refused or a transformation was not made.
///
/// Every check comes before the first byte is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A text is not two hexadecimal halves with a slash between.
    LsnText,
    /// A segment size is not a power of two from 1 MiB to 1 GiB.
    SegmentSize {
        /// The size in bytes.
        bytes: u64,
    },
    /// A WAL block size is not a power of two from 1 KiB to 64 KiB.
    BlockSize {
        /// The size in bytes.
        bytes: u64,
    },
    /// A segment would lie past the last LSN.
    SegmentNumber {
        /// The number of the segment.
        number: u64,
        /// The segment size in bytes.
        segment_size: u64,
    },
    /// A file name is not 24 upper-case hexadecimal digits, with or without `.partial`.
    SegmentNameText,
    /// The third group of a segment name is impossible with this segment size.
    SegmentNameGroup {
        /// The third group.
        found: u32,
        /// What it must be below: 2³² divided by the segment size.
        limit: u32,
    },
    /// A line of a timeline history file makes no sense.
    History {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: HistoryProblem,
    },
    /// A range of bytes does not lie within its segment.
    PastSegmentEnd {
        /// Where the range begins: byte offset in the segment.
        offset: u64,
        /// Its length in bytes.
        len: u64,
        /// The segment size in bytes.
        segment_size: u64,
    },
    /// Source and destination differ in length.
    BufferLength {
        /// Bytes in the source.
        expected: usize,
        /// Bytes in the destination.
        actual: usize,
    },
    /// Bytes lie in an encrypted key range whose key the caller did not have.
    KeyUnavailable {
        /// The index of the range.
        range: usize,
    },
    /// The crypto core refused.
    Crypto(tde_core::Error),
}

/// What is wrong with a line of a timeline history file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryProblem {
    /// It does not begin with a timeline in decimal.
    Timeline,
    /// The second word is not an LSN.
    SwitchLsn,
    /// Its timeline is not above that of the ancestor before.
    Order,
    /// Its timeline is not below that of the file.
    NotAnAncestor,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LsnText => f.write_str("not an LSN (two hexadecimal halves such as 0/E54740)"),
            Self::SegmentSize { bytes } => {
                write!(f, "WAL segment size of {bytes} bytes is not a power of two from 1 MiB to 1 GiB")
            }
            Self::BlockSize { bytes } => {
                write!(f, "WAL block size of {bytes} bytes is not a power of two from 1 KiB to 64 KiB")
            }
            Self::SegmentNumber { number, segment_size } => {
                write!(f, "segment {number} of {segment_size} bytes would lie past the last LSN")
            }
            Self::SegmentNameText => {
                f.write_str("not the name of a WAL segment (24 upper-case hexadecimal digits)")
            }
            Self::SegmentNameGroup { found, limit } => write!(
                f,
                "third group {found:08X} of the segment name is not below {limit:08X}: \
                 the segment size is another one"
            ),
            Self::History { line, problem } => {
                write!(f, "timeline history file, line {line}: ")?;
                f.write_str(match problem {
                    HistoryProblem::Timeline => "does not begin with a timeline",
                    HistoryProblem::SwitchLsn => "has no switch LSN",
                    HistoryProblem::Order => "timelines do not ascend",
                    HistoryProblem::NotAnAncestor => "timeline is not below that of the file",
                })
            }
            Self::PastSegmentEnd { offset, len, segment_size } => write!(
                f,
                "{len} bytes at offset {offset} do not lie within a segment of {segment_size} bytes"
            ),
            Self::BufferLength { expected, actual } => {
                write!(f, "destination holds {actual} bytes, source {expected}")
            }
            Self::KeyUnavailable { range } => {
                write!(f, "key of the encrypted WAL range {range} is not available")
            }
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl From<tde_core::Error> for Error {
    fn from(error: tde_core::Error) -> Self {
        Self::Crypto(error)
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn messages_say_what_and_where() {
        for (error, text) in [
            (Error::LsnText, "not an LSN (two hexadecimal halves such as 0/E54740)"),
            (
                Error::SegmentNameGroup { found: 0x100, limit: 0x100 },
                "third group 00000100 of the segment name is not below 00000100: the segment size is another one",
            ),
            (
                Error::History { line: 3, problem: HistoryProblem::Order },
                "timeline history file, line 3: timelines do not ascend",
            ),
            (
                Error::PastSegmentEnd { offset: 1048570, len: 8, segment_size: 1048576 },
                "8 bytes at offset 1048570 do not lie within a segment of 1048576 bytes",
            ),
            (Error::KeyUnavailable { range: 2 }, "key of the encrypted WAL range 2 is not available"),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
