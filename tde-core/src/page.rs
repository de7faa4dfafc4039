//! The page cipher: AES-CBC over whole pages, each started by a vector of its own.
//!
//! Source: pg_tde 2.2, `pg_tde_smgr.c` (`CalcBlockIv`, `tde_mdwritev`, `tde_mdreadv`).

use core::fmt;

use aes::cipher::inout::InOutBuf;
use zeroize::ZeroizeOnDrop;

use crate::backend::{CbcKey, Lane, batch_of, lanes};
use crate::{Backend, BaseIv, Cipher, Error, InternalKey};

/// Which file of a relation a page stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums, reason = "PostgreSQL defines these four")]
pub enum Fork {
    /// The rows or index entries themselves; fork number 0.
    Main,
    /// The free space map; fork number 1.
    Fsm,
    /// The visibility map; fork number 2.
    Vm,
    /// What an unlogged relation is reset to; fork number 3.
    Init,
}

impl Fork {
    /// The fork with PostgreSQL's `ForkNumber`.
    ///
    /// # Errors
    /// [`Error::UnknownFork`] for any number but 0 to 3.
    pub const fn from_number(number: u32) -> Result<Self, Error> {
        match number {
            0 => Ok(Self::Main),
            1 => Ok(Self::Fsm),
            2 => Ok(Self::Vm),
            3 => Ok(Self::Init),
            _ => Err(Error::UnknownFork { number }),
        }
    }

    /// PostgreSQL's `ForkNumber`: 0 to 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Main => 0,
            Self::Fsm => 1,
            Self::Vm => 2,
            Self::Init => 3,
        }
    }

    /// What follows the relation number and an underscore in the file's name; empty for the main fork.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Fsm => "fsm",
            Self::Vm => "vm",
            Self::Init => "init",
        }
    }

    /// The fork's byte in a page's vector. The init fork counts as the main fork, since PostgreSQL copies its
    /// file over the main fork's after a crash.
    const fn iv_byte(self) -> u8 {
        match self {
            Self::Main | Self::Init => 0,
            Self::Fsm => 1,
            Self::Vm => 2,
        }
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Main => "main",
            other => other.suffix(),
        })
    }
}

/// A page's place in its fork, counted in pages from the fork's start over all its segment files: the first
/// page of `16385.1` is block 131072 where segment files hold 1 GiB of 8192-byte pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockNumber(u32);

impl BlockNumber {
    /// The last block number there is, 4294967295.
    pub const MAX: Self = Self(u32::MAX);

    /// The block with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The block `pages` further on, if there is one.
    #[must_use]
    pub const fn checked_add(self, pages: u32) -> Option<Self> {
        match self.0.checked_add(pages) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl From<u32> for BlockNumber {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Display for BlockNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Bytes in a page: any positive multiple of 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(usize);

impl PageSize {
    /// PostgreSQL's page size as it is shipped, 8192 bytes.
    pub const DEFAULT: Self = Self(8192);

    /// A page size in bytes.
    ///
    /// # Errors
    /// [`Error::PageSize`] for 0 and what is no multiple of 16.
    pub const fn new(bytes: usize) -> Result<Self, Error> {
        if bytes == 0 || !bytes.is_multiple_of(16) {
            return Err(Error::PageSize { actual: bytes });
        }
        Ok(Self(bytes))
    }

    /// Bytes in a page.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
#[allow(clippy::exhaustive_enums, reason = "a page is one or the other")]
pub enum PageRead {
    /// The page was decrypted. Whether it was decrypted to sense is for the page's own header and checksum to
    /// tell: the cipher authenticates nothing.
    Decrypted,
    /// The page was never written since the file was extended by zeros, and is handed back as it stands.
    NeverWritten,
}

/// Whether a stored page counts as never written: its first 32 bytes are zero, whatever follows them. (A page
/// of 16 bytes has only these to look at.)
///
/// Extending a file leaves such pages, unencrypted; a written page is encrypted even when it is all zeros.
///
/// Source: pg_tde 2.2, `tde_mdreadv`, which looks at the first 32 bytes and no more.
#[must_use]
pub fn is_never_written(stored: &[u8]) -> bool {
    match stored.first_chunk::<32>() {
        Some(head) => *head == [0; 32],
        None => stored.iter().all(|byte| *byte == 0),
    }
}

/// What a page comes down to: where it stands, and its bytes.
pub(crate) type Parts<'a> = (Fork, BlockNumber, InOutBuf<'a, 'a, u8>);

/// Encrypts and decrypts pages under one internal key.
///
/// The key is expanded once, here; no call expands it again or allocates. Calls that take many pages encrypt
/// up to 32 of them side by side, which is several times as fast as page by page.
///
/// Every call checks all its arguments before it writes the first byte.
///
/// ```
/// # fn main() -> Result<(), tde_core::Error> {
/// use tde_core::{BaseIv, BlockNumber, Cipher, Fork, InternalKey, PageCipher, PageRead, PageSize};
///
/// let key = InternalKey::from_slice(Cipher::Aes128, &[7; 16], BaseIv::new([1; 16]))?;
/// let cipher = PageCipher::new(&key);
///
/// // Sixteen pages that follow each other, from block 40 on.
/// let mut pages = vec![0xab; 16 * 8192];
/// cipher.encrypt_pages(PageSize::DEFAULT, Fork::Main, BlockNumber::new(40), &mut pages)?;
///
/// // One of them, into another buffer.
/// let mut page = [0; 8192];
/// let read = cipher.decrypt_page_to(Fork::Main, BlockNumber::new(41), &pages[8192..2 * 8192], &mut page)?;
/// assert_eq!((read, page), (PageRead::Decrypted, [0xab; 8192]));
/// # Ok(()) }
/// ```
pub struct PageCipher {
    pub(crate) key: CbcKey,
    base_iv: BaseIv,
    cipher: Cipher,
}

impl PageCipher {
    /// Expands the key for the fastest backend of this CPU.
    #[must_use]
    pub fn new(key: &InternalKey) -> Self {
        Self::expand(key, Backend::detect())
    }

    /// Expands the key for a backend of the caller's choice, for tests and measurements.
    ///
    /// # Errors
    /// [`Error::BackendUnavailable`] when this CPU or this build does not have it.
    pub fn with_backend(key: &InternalKey, backend: Backend) -> Result<Self, Error> {
        backend.require()?;
        Ok(Self::expand(key, backend))
    }

    fn expand(key: &InternalKey, backend: Backend) -> Self {
        Self { key: CbcKey::new(key.key(), backend), base_iv: *key.base_iv(), cipher: key.cipher() }
    }

    /// The backend that does the work.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.key.backend()
    }

    /// The cipher of the key.
    #[must_use]
    pub fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// Encrypts a page in place.
    ///
    /// # Errors
    /// [`Error::PageSize`] unless the page is a positive multiple of 16 bytes long.
    pub fn encrypt_page(&self, fork: Fork, block: BlockNumber, page: &mut [u8]) -> Result<(), Error> {
        PageSize::new(page.len())?;
        self.encrypt_one(fork, block, page.into());
        Ok(())
    }

    /// Encrypts a page into another buffer; `page` is not changed.
    ///
    /// # Errors
    /// As [`encrypt_page`](Self::encrypt_page), and [`Error::BufferLength`] unless `out` is as long as `page`.
    pub fn encrypt_page_to(
        &self,
        fork: Fork,
        block: BlockNumber,
        page: &[u8],
        out: &mut [u8],
    ) -> Result<(), Error> {
        PageSize::new(page.len())?;
        self.encrypt_one(fork, block, pair(page, out)?);
        Ok(())
    }

    /// Decrypts a stored page in place, unless it was [never written](is_never_written).
    ///
    /// # Errors
    /// [`Error::PageSize`] unless the page is a positive multiple of 16 bytes long.
    pub fn decrypt_page(&self, fork: Fork, block: BlockNumber, page: &mut [u8]) -> Result<PageRead, Error> {
        PageSize::new(page.len())?;
        Ok(self.decrypt_one(fork, block, page.into()))
    }

    /// Decrypts a stored page into another buffer, or copies it there if it was [never
    /// written](is_never_written); `page` is not changed.
    ///
    /// # Errors
    /// As [`decrypt_page`](Self::decrypt_page), and [`Error::BufferLength`] unless `out` is as long as `page`.
    pub fn decrypt_page_to(
        &self,
        fork: Fork,
        block: BlockNumber,
        page: &[u8],
        out: &mut [u8],
    ) -> Result<PageRead, Error> {
        PageSize::new(page.len())?;
        Ok(self.decrypt_one(fork, block, pair(page, out)?))
    }

    /// Encrypts pages that follow each other, from block `first` on, in place.
    ///
    /// # Errors
    /// [`Error::RunLength`] unless `pages` is a multiple of `size` long (none is fine),
    /// [`Error::BlockOverflow`] when the run goes past block 4294967295.
    pub fn encrypt_pages(
        &self,
        size: PageSize,
        fork: Fork,
        first: BlockNumber,
        pages: &mut [u8],
    ) -> Result<(), Error> {
        check_run(size, first, pages.len())?;
        self.encrypt_run(size, fork, first, pages.into());
        Ok(())
    }

    /// Encrypts pages that follow each other into another buffer; `pages` is not changed.
    ///
    /// # Errors
    /// As [`encrypt_pages`](Self::encrypt_pages), and [`Error::BufferLength`] unless `out` is as long as
    /// `pages`.
    pub fn encrypt_pages_to(
        &self,
        size: PageSize,
        fork: Fork,
        first: BlockNumber,
        pages: &[u8],
        out: &mut [u8],
    ) -> Result<(), Error> {
        check_run(size, first, pages.len())?;
        self.encrypt_run(size, fork, first, pair(pages, out)?);
        Ok(())
    }

    /// Decrypts stored pages that follow each other, from block `first` on, in place. Those that were [never
    /// written](is_never_written) are left as they are.
    ///
    /// # Errors
    /// As for [`encrypt_pages`](Self::encrypt_pages).
    pub fn decrypt_pages(
        &self,
        size: PageSize,
        fork: Fork,
        first: BlockNumber,
        pages: &mut [u8],
    ) -> Result<(), Error> {
        check_run(size, first, pages.len())?;
        self.decrypt_run(size, fork, first, pages.into());
        Ok(())
    }

    /// Decrypts stored pages that follow each other into another buffer; `pages` is not changed. Those that
    /// were [never written](is_never_written) are copied.
    ///
    /// # Errors
    /// As for [`encrypt_pages_to`](Self::encrypt_pages_to).
    pub fn decrypt_pages_to(
        &self,
        size: PageSize,
        fork: Fork,
        first: BlockNumber,
        pages: &[u8],
        out: &mut [u8],
    ) -> Result<(), Error> {
        check_run(size, first, pages.len())?;
        self.decrypt_run(size, fork, first, pair(pages, out)?);
        Ok(())
    }

    fn encrypt_one(&self, fork: Fork, block: BlockNumber, data: InOutBuf<'_, '_, u8>) {
        self.key.encrypt(&mut [Lane { iv: self.iv(fork, block), data }]);
    }

    fn decrypt_one(&self, fork: Fork, block: BlockNumber, data: InOutBuf<'_, '_, u8>) -> PageRead {
        if is_never_written(data.get_in()) {
            let _copied = data.into_out_with_copied_in();
            return PageRead::NeverWritten;
        }
        self.key.decrypt(&mut [Lane { iv: self.iv(fork, block), data }]);
        PageRead::Decrypted
    }

    fn encrypt_run(&self, size: PageSize, fork: Fork, first: BlockNumber, mut run: InOutBuf<'_, '_, u8>) {
        let mut block = first.0;
        while !run.is_empty() {
            let batch = batch_of(run.len() / size.0);
            let (mut now, later) = run.split_at(batch * size.0);
            run = later;
            let mut lanes = lanes();
            for lane in &mut lanes[..batch] {
                let (page, rest) = now.split_at(size.0);
                now = rest;
                *lane = Lane { iv: self.iv(fork, BlockNumber(block)), data: page };
                // The check of the run let this wrap after its last page at most.
                block = block.wrapping_add(1);
            }
            self.key.encrypt(&mut lanes[..batch]);
        }
    }

    fn decrypt_run(&self, size: PageSize, fork: Fork, first: BlockNumber, run: InOutBuf<'_, '_, u8>) {
        let mut block = first.0;
        let mut rest = run;
        self.decrypt_each(core::iter::from_fn(|| {
            if rest.is_empty() {
                return None;
            }
            let (page, later) = core::mem::replace(&mut rest, (&mut [][..]).into()).split_at(size.0);
            let place = (fork, BlockNumber(block), page);
            (rest, block) = (later, block.wrapping_add(1));
            Some(place)
        }));
    }

    /// Decrypts or copies pages in batches, so that one follows the other without a pause.
    pub(crate) fn decrypt_each<'a>(&self, pages: impl Iterator<Item = Parts<'a>>) {
        let mut batch = lanes();
        let mut count = 0;
        for (fork, block, data) in pages {
            if is_never_written(data.get_in()) {
                let _copied = data.into_out_with_copied_in();
                continue;
            }
            batch[count] = Lane { iv: self.iv(fork, block), data };
            count += 1;
            if count == batch.len() {
                self.key.decrypt(&mut batch);
                count = 0;
            }
        }
        self.key.decrypt(&mut batch[..count]);
    }

    /// The vector of a page: the base vector with the fork XORed into byte 7 and the block number, big-endian,
    /// into bytes 12 to 15.
    ///
    /// Source: pg_tde 2.2, `CalcBlockIv`.
    pub(crate) fn iv(&self, fork: Fork, block: BlockNumber) -> [u8; 16] {
        let mut iv = *self.base_iv.as_bytes();
        iv[7] ^= fork.iv_byte();
        for (byte, with) in iv[12..].iter_mut().zip(block.0.to_be_bytes()) {
            *byte ^= with;
        }
        iv
    }
}

impl fmt::Debug for PageCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCipher")
            .field("cipher", &self.cipher)
            .field("backend", &self.backend())
            .finish_non_exhaustive()
    }
}

impl ZeroizeOnDrop for PageCipher {}

fn check_run(size: PageSize, first: BlockNumber, len: usize) -> Result<(), Error> {
    if !len.is_multiple_of(size.0) {
        return Err(Error::RunLength { page_size: size.0, actual: len });
    }
    let pages = len / size.0;
    // Pages up to and with the last block.
    let room = u64::from(u32::MAX - first.0) + 1;
    if u64::try_from(pages).is_ok_and(|pages| pages <= room) {
        Ok(())
    } else {
        Err(Error::BlockOverflow { first, pages })
    }
}

pub(crate) fn pair<'a>(from: &'a [u8], to: &'a mut [u8]) -> Result<InOutBuf<'a, 'a, u8>, Error> {
    let (expected, actual) = (from.len(), to.len());
    InOutBuf::new(from, to).map_err(|_| Error::BufferLength { expected, actual })
}
