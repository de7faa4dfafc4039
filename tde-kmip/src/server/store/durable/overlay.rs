//! The file of a store while the device takes no writes: as it is, with what `redb` would write over it in memory.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Backend;

/// What is kept in memory is kept in blocks of so many bytes.
const BLOCK: usize = 4096;
/// The most blocks: opening and closing a database writes a few.
const MOST_BLOCKS: usize = 4096;

/// A file that can be read but not changed, for a `redb` that wants to write when it opens and closes a database.
///
/// What it writes is what it would write after a crash: it settles which of the changes that began are whole. Here that
/// lasts for as long as this value; the device is left as it is, to be settled anew once it takes writes again.
#[derive(Debug)]
pub(super) struct Overlay {
    file: Box<dyn Backend>,
    over: Mutex<Over>,
}

#[derive(Debug)]
struct Over {
    length: u64,
    /// How much of the file shows; it does not show again what was cut off.
    shown: u64,
    blocks: BTreeMap<u64, Box<[u8; BLOCK]>>,
}

impl Overlay {
    pub(super) fn new(file: Box<dyn Backend>) -> io::Result<Self> {
        let length = file.len()?;
        let over = Over { length, shown: length, blocks: BTreeMap::new() };
        Ok(Self { file, over: Mutex::new(over) })
    }

    fn lock(&self) -> MutexGuard<'_, Over> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl redb::StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let over = self.lock();
        over.check(offset, out.len())?;
        read_shown(&*self.file, over.shown, offset, out)?;
        for (start, part) in pieces(offset, out.len()) {
            let Some(block) = over.blocks.get(&start) else { continue };
            if let (Some(to), Some(from)) = (out.get_mut(part.outside), block.get(part.inside)) {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut over = self.lock();
        over.length = length;
        over.shown = over.shown.min(length);
        over.blocks.retain(|&start, _| start < length);
        if let Some((&start, block)) = over.blocks.iter_mut().next_back()
            && let Ok(kept) = usize::try_from(length - start)
            && let Some(cut) = block.get_mut(kept..)
        {
            cut.fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut over = self.lock();
        over.check(offset, data.len())?;
        for (start, part) in pieces(offset, data.len()) {
            if !over.blocks.contains_key(&start) {
                if over.blocks.len() >= MOST_BLOCKS {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                let mut block = Box::new([0; BLOCK]);
                read_shown(&*self.file, over.shown, start, &mut block[..])?;
                over.blocks.insert(start, block);
            }
            let block = over.blocks.get_mut(&start).and_then(|block| block.get_mut(part.inside));
            if let (Some(to), Some(from)) = (block, data.get(part.outside)) {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }
}

impl Over {
    fn check(&self, offset: u64, length: usize) -> io::Result<()> {
        match offset.checked_add(length as u64) {
            Some(end) if end <= self.length => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Reads what shows of the file, and zeros behind that.
fn read_shown(file: &dyn Backend, shown: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
    let there = usize::try_from(shown.saturating_sub(offset)).unwrap_or(usize::MAX);
    let (there, behind) = out.split_at_mut(there.min(out.len()));
    behind.fill(0);
    if there.is_empty() { Ok(()) } else { file.read(offset, there) }
}

/// Where a part of a block is in the block, and in what is read or written.
struct Part {
    inside: std::ops::Range<usize>,
    outside: std::ops::Range<usize>,
}

/// The blocks, by their first byte, of so many bytes from an offset on.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, Part)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % BLOCK as u64) as usize;
        let count = (BLOCK - within).min(length - done);
        let part = Part { inside: within..within + count, outside: done..done + count };
        done += count;
        (count != 0).then_some((at - within as u64, part))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use redb::StorageBackend;

    use super::*;

    /// Bytes that can only be read.
    #[derive(Debug)]
    struct Fixed(Arc<Vec<u8>>);

    impl StorageBackend for Fixed {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let start = offset as usize;
            out.copy_from_slice(&self.0[start..start + out.len()]);
            Ok(())
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            panic!("the file is changed");
        }

        fn sync_data(&self) -> io::Result<()> {
            panic!("the file is changed");
        }

        fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
            panic!("the file is changed");
        }
    }

    proptest::proptest! {
        #[test]
        fn it_reads_like_a_file_that_was_written(
            steps in proptest::collection::vec((0..3, 0..20_000_u64, 0..9000_usize), 1..40),
        ) {
            let mut plain: Vec<u8> = (0..10_000_u32).map(|at| (at % 251) as u8).collect();
            let overlay = Overlay::new(Box::new(Fixed(Arc::new(plain.clone())))).unwrap();
            for (number, (what, offset, length)) in steps.into_iter().enumerate() {
                let start = offset as usize;
                let fits = start + length <= plain.len();
                match what {
                    0 => {
                        overlay.set_len(offset).unwrap();
                        plain.resize(start, 0);
                    }
                    1 => {
                        let data = vec![number as u8 + 1; length];
                        assert_eq!(overlay.write(offset, &data).is_ok(), fits);
                        if fits {
                            plain[start..start + length].copy_from_slice(&data);
                        }
                    }
                    _ => {
                        let mut data = vec![0xEE; length];
                        assert_eq!(overlay.read(offset, &mut data).is_ok(), fits);
                        assert!(!fits || data == plain[start..start + length]);
                    }
                }
                let mut all = vec![0xEE; plain.len()];
                overlay.sync_data().unwrap();
                overlay.read(0, &mut all).unwrap();
                assert!(all == plain && overlay.len().unwrap() == plain.len() as u64);
            }
        }
    }

    #[test]
    fn its_memory_is_bounded() {
        let overlay = Overlay::new(Box::new(Fixed(Arc::default()))).unwrap();
        overlay.set_len(1 << 40).unwrap();
        let full =
            (0..).find_map(|block: u64| overlay.write(block << 20, b"x").err().map(|error| (block, error)));
        let (blocks, error) = full.unwrap();
        assert_eq!((blocks, error.kind()), (MOST_BLOCKS as u64, io::ErrorKind::StorageFull));
    }
}
