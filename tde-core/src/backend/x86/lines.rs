//! Where the kernels meet memory: pages as pairs of pointers, made from safe buffers and never kept.

use core::arch::asm;
use core::ptr;

use aes::cipher::inout::InOutBuf;

use crate::backend::Lane;

/// Up to `N` equally long pages. Unused places read the last page again and write nowhere.
pub(super) struct Pages<const N: usize> {
    /// Bytes in each page.
    pub(super) len: usize,
    /// Pages that are there.
    pub(super) count: usize,
    /// Valid for reads of `len` bytes each.
    pub(super) from: [*const u8; N],
    /// The first `count` are valid for writes of `len` bytes each. A page's `to` is its `from` or apart from
    /// every `from`.
    pub(super) to: [*mut u8; N],
    pub(super) ivs: [[u8; 16]; N],
}

impl<const N: usize> Pages<N> {
    /// The pointers stay valid for as long as `lanes` is borrowed by the caller, which must outlive their use.
    pub(super) fn new(lanes: &mut [Lane<'_>]) -> Self {
        let len = lanes.first().map_or(0, |lane| lane.data.len());
        assert!(lanes.len() <= N && len.is_multiple_of(16));
        let mut pages = Self {
            len,
            count: lanes.len(),
            from: [ptr::null(); N],
            to: [ptr::null_mut(); N],
            ivs: [[0; 16]; N],
        };
        for (i, lane) in lanes.iter_mut().enumerate() {
            assert!(lane.data.len() == len);
            (pages.from[i], pages.to[i]) = lane.data.reborrow().into_raw();
            pages.ivs[i] = lane.iv;
        }
        if let Some(last) = lanes.len().checked_sub(1) {
            for i in lanes.len()..N {
                (pages.from[i], pages.ivs[i]) = (pages.from[last], pages.ivs[last]);
            }
        }
        pages
    }
}

/// Pointers to one buffer or two, and their common length.
pub(super) struct Span {
    pub(super) from: *const u8,
    pub(super) to: *mut u8,
    pub(super) len: usize,
}

impl Span {
    /// As for [`Pages::new`].
    pub(super) fn new(data: &mut InOutBuf<'_, '_, u8>) -> Self {
        let len = data.len();
        let (from, to) = data.reborrow().into_raw();
        Self { from, to, len }
    }

    /// The same without what comes after the first `len` bytes.
    pub(super) fn up_to(&self, len: usize) -> Self {
        Self { from: self.from, to: self.to, len: len.min(self.len) }
    }
}

/// Hides from the optimiser that a reference is the same as before. Round keys behind it are loaded again
/// where they are used, once for all pages in flight: held in registers throughout they leave too few for the
/// data, and the optimiser would park them on the stack, where nobody wipes them.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block, reason = "what the pointer leads to is not touched")]
pub(super) fn afresh<T>(reference: &T) -> &T {
    let mut pointer = ptr::from_ref(reference);
    // SAFETY: the assembly is empty: it touches no memory and leaves the pointer, and with it the reference's
    // lifetime and validity, as it was.
    unsafe {
        asm!("/* {0} */", inout(reg) pointer, options(nomem, nostack, preserves_flags));
        &*pointer
    }
}
