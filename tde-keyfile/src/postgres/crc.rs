//! CRC-32C (Castagnoli), which guards PostgreSQL's small files; they are read once, so a small table does.

pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    const CRC: crc::Crc<u32, crc::Table<1>> = crc::Crc::<u32, crc::Table<1>>::new(&crc::CRC_32_ISCSI);
    CRC.checksum(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn check_value_is_right() {
        assert_eq!(super::crc32c(b"123456789"), 0xE306_9283);
    }
}
