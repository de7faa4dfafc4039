//! The engine's randomness as RustCrypto's crates take it.

use rand_core::{TryCryptoRng, TryRng};

use crate::server::engine::{Randomness, RandomnessError};

/// Gives what the engine's [`Randomness`] gives.
pub(in crate::server::engine) struct Source<'a>(&'a dyn Randomness);

impl<'a> Source<'a> {
    pub(in crate::server::engine) fn new(randomness: &'a dyn Randomness) -> Self {
        Self(randomness)
    }
}

impl TryRng for Source<'_> {
    type Error = RandomnessError;

    fn try_next_u32(&mut self) -> Result<u32, RandomnessError> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, RandomnessError> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, room: &mut [u8]) -> Result<(), RandomnessError> {
        self.0.fill(room)
    }
}

/// [`Randomness`] promises bytes that nobody can foretell.
impl TryCryptoRng for Source<'_> {}
