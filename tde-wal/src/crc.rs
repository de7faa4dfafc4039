//! CRC-32C (Castagnoli), the checksum of WAL records.
//!
//! Table-driven without `std`, which needs no knowledge of the CPU. With `std` the CPU's own instruction is found
//! at run time: measured on x86-64 with SSE 4.2, 20 instead of 31 ns over 76 bytes, 340 instead of 1619 ns over 8 KiB.

/// A CRC-32C that bytes are fed to piece by piece.
#[derive(Clone)]
pub(crate) struct Crc32c(State);

#[cfg(feature = "std")]
type State = u32;
#[cfg(not(feature = "std"))]
type State = crc::Digest<'static, u32, crc::Table<16>>;

impl Crc32c {
    #[cfg(feature = "std")]
    pub(crate) fn new() -> Self {
        Self(0)
    }

    #[cfg(feature = "std")]
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0 = crc32c::crc32c_append(self.0, bytes);
    }

    #[cfg(feature = "std")]
    pub(crate) fn finish(self) -> u32 {
        self.0
    }
}

#[cfg(not(feature = "std"))]
impl Crc32c {
    pub(crate) fn new() -> Self {
        static TABLES: crc::Crc<u32, crc::Table<16>> =
            crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_ISCSI);
        Self(TABLES.digest())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> u32 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_catalogue_and_of_rfc_3720() {
        let of = |bytes: &[u8]| {
            let mut crc = Crc32c::new();
            crc.update(bytes);
            crc.finish()
        };
        assert_eq!(of(b"123456789"), 0xE306_9283);
        // RFC 3720, B.4: 32 bytes of zeros, of ones, ascending.
        assert_eq!(of(&[0; 32]), 0x8A91_36AA);
        assert_eq!(of(&[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(of(&core::array::from_fn::<u8, 32, _>(|i| i as u8)), 0x46DD_794E);
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let bytes: [u8; 300] = core::array::from_fn(|i| (i * 7) as u8);
        let mut whole = Crc32c::new();
        whole.update(&bytes);
        let whole = whole.finish();
        for split in 0..bytes.len() {
            let mut crc = Crc32c::new();
            crc.update(&bytes[..split]);
            crc.update(&bytes[split..]);
            assert_eq!(crc.finish(), whole);
        }
    }
}
