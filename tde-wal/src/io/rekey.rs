//! From one server's key ranges to another's, with a look at every page header on the way.

use std::io::{self, Read, Write};

use super::{Buffer, CHUNK};
use crate::key_ranges::KeyRanges;
use crate::page_evidence::{PageEvidence, PageVerdict};
use crate::page_header::{ExpectedPage, LONG_HEADER_LEN, PageHeader, PageHeaderError, WalLayout};
use crate::segment::SegmentName;
use crate::transform::{SegmentPosition, Transformed};

/// How many pages of a plaintext segment look like what, by their headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageTally {
    /// Pages of WAL that belong where they stand.
    pub valid: u64,
    /// Pages whose header is zero: never written, or the rest of a segment after a switch.
    pub zero: u64,
    /// Pages of an earlier place, left over in a recycled segment.
    pub older: u64,
    /// Pages that are partly right.
    pub damaged: u64,
    /// Pages with nothing right. Behind the end of WAL that is normal: what was never written through `pg_tde` comes
    /// out of decryption as noise.
    pub noise: u64,
}

/// What [`rekey_segment`] did and saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rekeyed {
    /// Bytes read and written. Fewer than the segment size if the input was cut short, which is for the caller to
    /// judge.
    pub bytes: u64,
    /// What was decrypted.
    pub decrypted: Transformed,
    /// What was encrypted.
    pub encrypted: Transformed,
    /// The header of the first page in plaintext, or why it is not one.
    pub first_page: Result<PageHeader, PageHeaderError>,
    /// The pages in plaintext.
    pub pages: PageTally,
    /// Byte offset of the first page that is no page of WAL under the ranges it should come from, but is one, as it
    /// stands, under those it should go to: most likely the work has been done before.
    pub done_before: Option<u64>,
}

/// Copies a segment, or what there is of it, from one list of ranges to another. Plaintext exists only in a buffer of
/// bounded size, which is wiped.
///
/// Without any range on the one side this encrypts, on the other side it decrypts, and the pages are looked at all the
/// same. It is for the caller to judge what was seen, before letting anybody have what was written.
///
/// # Errors
///
/// Those of the reader and the writer; [`InvalidData`](io::ErrorKind::InvalidData) if the input goes on past the
/// segment's end or lies in an encrypted range without a key, on either side. What was written before stays written.
pub fn rekey_segment(
    from: &KeyRanges,
    to: &KeyRanges,
    segment: &SegmentName,
    layout: WalLayout,
    mut input: impl Read,
    mut output: impl Write,
) -> io::Result<Rekeyed> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut at = SegmentPosition::start_of(segment);
    let mut rekeyed = Rekeyed {
        bytes: 0,
        decrypted: Transformed::default(),
        encrypted: Transformed::default(),
        first_page: PageHeader::parse(&[], &expected(segment, layout, 0)),
        pages: PageTally::default(),
        done_before: None,
    };
    let mut buffer = Buffer::new(CHUNK);
    loop {
        let chunk = buffer.fill_mut(CHUNK, &mut input)?;
        rekeyed.decrypted.add(from.transform(at, chunk).map_err(invalid)?);
        if rekeyed.bytes == 0 {
            rekeyed.first_page = PageHeader::parse(chunk, &expected(segment, layout, 0));
        }
        // A chunk is a multiple of every block size.
        let pages = chunk.chunks(layout.block_size.bytes());
        for (offset, page) in (at.offset()..).step_by(layout.block_size.bytes()).zip(pages) {
            let Some(evidence) = PageEvidence::of(page, &expected(segment, layout, offset)) else { continue };
            rekeyed.pages.count(evidence.verdict());
            if evidence.verdict() != PageVerdict::Valid && rekeyed.done_before.is_none() {
                let done = is_page_of(from, to, segment, layout, offset, page).map_err(invalid)?;
                rekeyed.done_before = done.then_some(offset);
            }
        }
        rekeyed.encrypted.add(to.transform(at, chunk).map_err(invalid)?);
        output.write_all(chunk)?;
        rekeyed.bytes += chunk.len() as u64;
        let len = chunk.len();
        at = at.advance(len as u64).map_err(invalid)?;
        if len < CHUNK {
            break;
        }
    }
    output.flush()?;
    Ok(rekeyed)
}

/// Whether a page, of which we have what `from` makes of it, is a page of WAL under `to` as it stands.
fn is_page_of(
    from: &KeyRanges,
    to: &KeyRanges,
    segment: &SegmentName,
    layout: WalLayout,
    offset: u64,
    page: &[u8],
) -> Result<bool, crate::Error> {
    let mut header = Buffer::new(LONG_HEADER_LEN);
    let Some(page) = page.get(..LONG_HEADER_LEN) else { return Ok(false) };
    header.0.copy_from_slice(page);
    let at = SegmentPosition::start_of(segment).advance(offset)?;
    // Once more is back again.
    from.transform(at, &mut header.0)?;
    to.transform(at, &mut header.0)?;
    let evidence = PageEvidence::of(&header.0, &expected(segment, layout, offset));
    Ok(evidence.is_some_and(|evidence| evidence.verdict() == PageVerdict::Valid))
}

fn expected(segment: &SegmentName, layout: WalLayout, offset: u64) -> ExpectedPage<'static> {
    let address = crate::Lsn::new(segment.start_lsn().get().saturating_add(offset));
    ExpectedPage::new(layout, segment.timeline(), address)
}

impl PageTally {
    fn count(&mut self, verdict: PageVerdict) {
        let count = match verdict {
            PageVerdict::Valid => &mut self.valid,
            PageVerdict::Zero => &mut self.zero,
            PageVerdict::Older => &mut self.older,
            PageVerdict::Damaged => &mut self.damaged,
            PageVerdict::Noise => &mut self.noise,
        };
        *count += 1;
    }
}
