#![no_std]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod bytes;
#[cfg(feature = "alloc")]
mod coverage;
mod crc;
mod error;
mod history;
mod location;
mod major;
mod page_evidence;
mod page_header;
mod range;
mod record;
mod segment;
mod transform;
mod wal_file;
mod walker;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
#[cfg(feature = "std")]
pub mod io;
#[cfg(feature = "alloc")]
mod key_ranges;

#[cfg(feature = "alloc")]
pub use coverage::{SegmentPart, segment_parts, uncovered_bytes};
pub use error::{Error, HistoryProblem};
pub use history::{Ancestor, TimelineHistory};
#[cfg(feature = "alloc")]
pub use key_ranges::KeyRanges;
pub use location::{Location, Lsn, TimelineId};
pub use major::Major;
pub use page_evidence::{PageEvidence, PageVerdict};
pub use page_header::{
    BlockSize, ExpectedPage, LONG_HEADER_LEN, LongPageHeader, PageFlags, PageHeader, PageHeaderError,
    SHORT_HEADER_LEN, WalLayout,
};
pub use range::{KeyRange, Protection, RangeEntry, RangeKind, Resolve, out_of_order, resolve};
pub use record::{RECORD_HEADER_LEN, RecordHeader, ResourceManager};
pub use segment::{SegmentName, SegmentNumber, SegmentSize};
pub use transform::{
    EncryptedPart, SegmentPosition, Transformed, WalCipher, encrypted_parts, transform, transform_to,
};
pub use wal_file::WalFile;
pub use walker::{EndReason, Record, RecordWalker, WalkEnd, WalkStart};
