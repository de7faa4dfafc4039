//! Which instructions do the work: chosen once for each key, from what the CPU has.

use core::fmt;

use aes::cipher::inout::InOutBuf;

use crate::Error;
use crate::key::KeyBytes;

mod portable;

/// How AES is computed. All backends give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// The `aes` crate on any CPU: in constant time, by AES instructions where it knows the CPU's (x86 and
    /// 64-bit Arm), else by bit slicing.
    Portable,
    /// AES-NI: one block to an instruction, eight pages side by side.
    X86AesNi,
    /// AVX2 with VAES: two blocks to an instruction.
    X86Vaes256,
    /// AVX-512 with VAES: four blocks to an instruction, sixteen pages side by side.
    X86Vaes512,
}

impl Backend {
    /// Every backend that there is, slowest first.
    const ALL: [Self; 4] = [Self::Portable, Self::X86AesNi, Self::X86Vaes256, Self::X86Vaes512];

    /// The fastest backend of this CPU.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().last().unwrap_or(Self::Portable)
    }

    /// Every backend that there is, on this CPU or another, slowest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + Clone {
        Self::ALL.into_iter()
    }

    /// The backends of this CPU, slowest first; the portable one is always there.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> + Clone {
        Self::all().filter(|backend| backend.is_available())
    }

    /// Whether this CPU has the backend.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            _ => false,
        }
    }

    pub(crate) fn require(self) -> Result<(), Error> {
        if self.is_available() { Ok(()) } else { Err(Error::BackendUnavailable { backend: self }) }
    }

    /// The name that `Display` prints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::X86AesNi => "x86-aes-ni",
            Self::X86Vaes256 => "x86-vaes-256",
            Self::X86Vaes512 => "x86-vaes-512",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One page on its way through CBC: whole blocks, in place or from one buffer to another.
pub(crate) struct Lane<'a> {
    pub(crate) iv: [u8; 16],
    pub(crate) data: InOutBuf<'a, 'a, u8>,
}

/// The most pages that are encrypted side by side.
const MAX_LANES: usize = 16;

/// How many of `pages` equally long pages to encrypt in the next batch.
pub(crate) fn batch_of(pages: usize) -> usize {
    pages.min(MAX_LANES)
}

/// Room for a batch.
pub(crate) fn lanes<'a>() -> [Lane<'a>; MAX_LANES] {
    core::array::from_fn(|_| Lane { iv: [0; 16], data: InOutBuf::from(&mut [][..]) })
}

/// A key expanded for CBC both ways.
pub(crate) enum CbcKey {
    Portable(portable::CbcKey),
}

impl CbcKey {
    pub(crate) fn new(key: &KeyBytes, _backend: Backend) -> Self {
        Self::Portable(portable::CbcKey::new(key))
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Self::Portable(_) => Backend::Portable,
        }
    }

    /// Encrypts pages side by side; all are equally long.
    pub(crate) fn encrypt(&self, lanes: &mut [Lane<'_>]) {
        match self {
            Self::Portable(key) => key.encrypt(lanes),
        }
    }

    /// Decrypts one page, whose blocks do not wait for each other.
    pub(crate) fn decrypt(&self, lane: Lane<'_>) {
        match self {
            Self::Portable(key) => key.decrypt(lane),
        }
    }
}

/// A key expanded for the keystream.
pub(crate) enum StreamKey {
    Portable(portable::StreamKey),
}

impl StreamKey {
    pub(crate) fn new(key: &KeyBytes, _backend: Backend) -> Self {
        Self::Portable(portable::StreamKey::new(key))
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Self::Portable(_) => Backend::Portable,
        }
    }

    /// XORs the stream onto `data`, which is not empty and starts at byte `skip` of block `counter`. The
    /// counter does not pass its last value before the end of `data`.
    pub(crate) fn apply(&self, prefix: &[u8; 12], counter: u32, skip: usize, data: InOutBuf<'_, '_, u8>) {
        match self {
            Self::Portable(key) => key.apply(prefix, counter, skip, data),
        }
    }
}
