//! Pages that lie apart in memory, such as those of a vectored write from a buffer pool.

use core::fmt;

use crate::backend::{Lane, batch_of, lanes};
use crate::page::{Parts, pair};
use crate::{BlockNumber, Error, Fork, PageCipher, PageSize};

/// A page to be encrypted or decrypted in place.
pub struct Page<'a> {
    /// The fork it stands in.
    pub fork: Fork,
    /// Its block number in that fork.
    pub block: BlockNumber,
    /// Its bytes, a positive multiple of 16.
    pub data: &'a mut [u8],
}

/// A page to be encrypted or decrypted from one buffer to another.
pub struct PagePair<'a> {
    /// The fork it stands in.
    pub fork: Fork,
    /// Its block number in that fork.
    pub block: BlockNumber,
    /// Its bytes, a positive multiple of 16; not changed.
    pub from: &'a [u8],
    /// Where the result goes; as long as `from`.
    pub to: &'a mut [u8],
}

impl PageCipher {
    /// Encrypts pages that lie apart, in place. Neighbours in the list that are equally long are worked on side
    /// by side.
    ///
    /// # Errors
    /// [`Error::PageSize`] unless each page is a positive multiple of 16 bytes long.
    ///
    /// ```
    /// # fn main() -> Result<(), tde_core::Error> {
    /// # use tde_core::{BaseIv, BlockNumber, Cipher, Fork, InternalKey, Page, PageCipher};
    /// # let key = InternalKey::from_slice(Cipher::Aes128, &[7; 16], BaseIv::new([1; 16]))?;
    /// # let cipher = PageCipher::new(&key);
    /// let (mut one, mut two) = (vec![1; 8192], vec![2; 8192]);
    /// cipher.encrypt_scattered(&mut [
    ///     Page { fork: Fork::Main, block: BlockNumber::new(17), data: &mut one },
    ///     Page { fork: Fork::Vm, block: BlockNumber::new(0), data: &mut two },
    /// ])?;
    /// # cipher.decrypt_page(Fork::Vm, BlockNumber::new(0), &mut two)?;
    /// # assert_eq!(two, [2; 8192]);
    /// # Ok(()) }
    /// ```
    pub fn encrypt_scattered(&self, pages: &mut [Page<'_>]) -> Result<(), Error> {
        for page in pages.iter() {
            PageSize::new(page.data.len())?;
        }
        self.encrypt_each(
            pages,
            |page| page.data.len(),
            |page| Ok((page.fork, page.block, (&mut *page.data).into())),
        )
    }

    /// Encrypts pages that lie apart, each into another buffer.
    ///
    /// # Errors
    /// As [`encrypt_scattered`](Self::encrypt_scattered), and [`Error::BufferLength`] unless each page's two
    /// buffers are equally long.
    pub fn encrypt_scattered_to(&self, pages: &mut [PagePair<'_>]) -> Result<(), Error> {
        check_pairs(pages)?;
        self.encrypt_each(
            pages,
            |page| page.from.len(),
            |page| Ok((page.fork, page.block, pair(page.from, page.to)?)),
        )
    }

    /// Decrypts stored pages that lie apart, in place. Those that were [never
    /// written](crate::is_never_written) are left as they are.
    ///
    /// # Errors
    /// [`Error::PageSize`] unless each page is a positive multiple of 16 bytes long.
    pub fn decrypt_scattered(&self, pages: &mut [Page<'_>]) -> Result<(), Error> {
        for page in pages.iter() {
            PageSize::new(page.data.len())?;
        }
        self.decrypt_each(pages.iter_mut().map(|page| (page.fork, page.block, (&mut *page.data).into())));
        Ok(())
    }

    /// Decrypts stored pages that lie apart, each into another buffer. Those that were [never
    /// written](crate::is_never_written) are copied.
    ///
    /// # Errors
    /// As for [`encrypt_scattered_to`](Self::encrypt_scattered_to).
    pub fn decrypt_scattered_to(&self, pages: &mut [PagePair<'_>]) -> Result<(), Error> {
        check_pairs(pages)?;
        // The lengths were found equal, so no page is left out here.
        let pairs = pages
            .iter_mut()
            .filter_map(|page| pair(page.from, page.to).ok().map(|data| (page.fork, page.block, data)));
        self.decrypt_each(pairs);
        Ok(())
    }

    /// Encrypts batches of neighbours of one length.
    fn encrypt_each<T>(
        &self,
        mut pages: &mut [T],
        len: impl Fn(&T) -> usize,
        mut parts: impl FnMut(&mut T) -> Result<Parts<'_>, Error>,
    ) -> Result<(), Error> {
        while let Some(first) = pages.first() {
            let size = len(first);
            let alike = pages.iter().take_while(|page| len(page) == size).count();
            let (now, later) = pages.split_at_mut(batch_of(alike));
            pages = later;
            let mut lanes = lanes();
            let lanes = &mut lanes[..now.len()];
            for (lane, page) in lanes.iter_mut().zip(now) {
                let (fork, block, data) = parts(page)?;
                *lane = Lane { iv: self.iv(fork, block), data };
            }
            self.key.encrypt(lanes);
        }
        Ok(())
    }
}

impl fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("fork", &self.fork)
            .field("block", &self.block)
            .field("len", &self.data.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PagePair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagePair")
            .field("fork", &self.fork)
            .field("block", &self.block)
            .field("len", &self.from.len())
            .finish_non_exhaustive()
    }
}

fn check_pairs(pages: &[PagePair<'_>]) -> Result<(), Error> {
    for page in pages {
        PageSize::new(page.from.len())?;
        if page.from.len() != page.to.len() {
            return Err(Error::BufferLength { expected: page.from.len(), actual: page.to.len() });
        }
    }
    Ok(())
}
