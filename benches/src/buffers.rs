//! Page-aligned memory, as databases have it.

use std::fmt;

/// Bytes whose start is aligned to 4096, or some bytes beyond.
pub struct Aligned {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` bytes that are no constant, page-aligned.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self::beyond(0, len)
    }

    /// `len` bytes that start `skew` bytes beyond a page boundary.
    #[must_use]
    pub fn beyond(skew: usize, len: usize) -> Self {
        let memory: Vec<u8> = (0..len + skew + 4096).map(|i| (i * 31 + 7) as u8).collect();
        let start = memory.as_ptr().align_offset(4096) + skew;
        Self { memory, start, len }
    }
}

impl std::ops::Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl std::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

impl fmt::Debug for Aligned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aligned").field("len", &self.len).finish_non_exhaustive()
    }
}
