//! Which instructions do the work: chosen once for each key, from what the CPU has.

use core::fmt;

use aes::cipher::inout::InOutBuf;

use crate::Error;
use crate::key::KeyBytes;

mod portable;

// Miri knows no AES instructions.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[path = "backend/absent.rs"]
mod x86;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86;

/// How AES is computed. All backends give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// The `aes` crate on any CPU: in constant time, by AES instructions where it knows the CPU's (x86 and
    /// 64-bit Arm), else by bit slicing.
    Portable,
    /// AES-NI: one block to an instruction, up to eight pages side by side.
    X86AesNi,
    /// AVX2 with VAES: two blocks to an instruction, up to sixteen pages side by side.
    X86Vaes256,
    /// AVX-512 with VAES: four blocks to an instruction, up to 32 pages side by side.
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
            Self::X86AesNi => x86::aesni::is_available(),
            Self::X86Vaes256 => x86::vaes256::is_available(),
            Self::X86Vaes512 => x86::vaes512::is_available(),
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
const MAX_LANES: usize = 32;

/// How many of `pages` equally long pages to encrypt in the next batch.
///
/// A batch takes hardly less time for having fewer pages, so that a small tail is dear: 33 to 40 pages are shared out
/// over two batches instead. (AVX-512, 8 KiB pages: 9.1 us for 32 and 5.2 us for one, but 7.1 us for 17 and 5.7 us
/// for 16.)
pub(crate) fn batch_of(pages: usize) -> usize {
    if (MAX_LANES + 1..=MAX_LANES + 8).contains(&pages) { pages - 16 } else { pages.min(MAX_LANES) }
}

/// Room for a batch.
pub(crate) fn lanes<'a>() -> [Lane<'a>; MAX_LANES] {
    core::array::from_fn(|_| Lane { iv: [0; 16], data: InOutBuf::from(&mut [][..]) })
}

/// What the key types below have in common: one variant for each backend, and the portable one where a backend is
/// not there after all (which `Backend::require` and `Backend::detect` rule out).
macro_rules! over_backends {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[allow(clippy::large_enum_variant, reason = "there is no heap to put the larger ones on")]
        pub(crate) enum $name {
            Portable(portable::$name),
            AesNi(x86::aesni::$name),
            Vaes256(x86::vaes256::$name),
            Vaes512(x86::vaes512::$name),
        }

        impl $name {
            pub(crate) fn new(key: &KeyBytes, backend: Backend) -> Self {
                let portable = || Self::Portable(portable::$name::new(key));
                match backend {
                    Backend::X86AesNi => x86::aesni::$name::new(key).map_or_else(portable, Self::AesNi),
                    Backend::X86Vaes256 => x86::vaes256::$name::new(key).map_or_else(portable, Self::Vaes256),
                    Backend::X86Vaes512 => x86::vaes512::$name::new(key).map_or_else(portable, Self::Vaes512),
                    Backend::Portable => portable(),
                }
            }

            pub(crate) fn backend(&self) -> Backend {
                match self {
                    Self::Portable(_) => Backend::Portable,
                    Self::AesNi(_) => Backend::X86AesNi,
                    Self::Vaes256(_) => Backend::X86Vaes256,
                    Self::Vaes512(_) => Backend::X86Vaes512,
                }
            }
        }
    };
}

over_backends! {
    /// A key expanded for CBC both ways.
    CbcKey
}

over_backends! {
    /// A key expanded for the keystream.
    StreamKey
}

impl CbcKey {
    /// Encrypts up to [`MAX_LANES`] pages side by side; all are equally long.
    pub(crate) fn encrypt(&self, lanes: &mut [Lane<'_>]) {
        match self {
            Self::Portable(key) => key.encrypt(lanes),
            Self::AesNi(key) => key.encrypt(lanes),
            Self::Vaes256(key) => key.encrypt(lanes),
            Self::Vaes512(key) => key.encrypt(lanes),
        }
    }

    /// Decrypts pages one after the other: the blocks of one do not wait for each other.
    pub(crate) fn decrypt(&self, lanes: &mut [Lane<'_>]) {
        match self {
            Self::Portable(key) => key.decrypt(lanes),
            Self::AesNi(key) => key.decrypt(lanes),
            Self::Vaes256(key) => key.decrypt(lanes),
            Self::Vaes512(key) => key.decrypt(lanes),
        }
    }
}

impl StreamKey {
    /// XORs the stream onto `data`, which is not empty and starts at byte `skip` of block `counter`. The
    /// counter does not pass its last value before the end of `data`.
    pub(crate) fn apply(&self, prefix: &[u8; 12], counter: u32, skip: usize, data: InOutBuf<'_, '_, u8>) {
        match self {
            Self::Portable(key) => key.apply(prefix, counter, skip, data),
            Self::AesNi(key) => key.apply(prefix, counter, skip, data),
            Self::Vaes256(key) => key.apply(prefix, counter, skip, data),
            Self::Vaes512(key) => key.apply(prefix, counter, skip, data),
        }
    }
}
