//! `pg_control` of a cluster that was shut down.
//!
//! Source: `catalog/pg_control.h` of PostgreSQL 17 (control version 1700, catalog version 202406281).

use crc::{CRC_32_ISCSI, Crc};

const FILE: usize = 8192;
const CHECKSUM: usize = 288;

/// The checkpoint of a shutdown, as its record and the control file have it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checkpoint {
    /// Seconds since 1970.
    pub(super) time: i64,
}

impl Checkpoint {
    /// `CheckPoint`; at a shutdown, replay would begin with the record itself.
    pub(super) fn bytes(self, at: u64) -> [u8; 88] {
        let mut bytes = [0; 88];
        // Redo position, timeline and the one before, full page writes.
        put(&mut bytes, 0, &at.to_le_bytes());
        put(&mut bytes, 8, &1_u32.to_le_bytes());
        put(&mut bytes, 12, &1_u32.to_le_bytes());
        put(&mut bytes, 16, &[1]);
        // Next transaction, OID, multixact; oldest ones and their databases; time.
        put(&mut bytes, 24, &732_u64.to_le_bytes());
        put(&mut bytes, 32, &24_576_u32.to_le_bytes());
        put(&mut bytes, 36, &1_u32.to_le_bytes());
        put(&mut bytes, 44, &722_u32.to_le_bytes());
        put(&mut bytes, 48, &1_u32.to_le_bytes());
        put(&mut bytes, 52, &1_u32.to_le_bytes());
        put(&mut bytes, 56, &1_u32.to_le_bytes());
        put(&mut bytes, 64, &self.time.to_le_bytes());
        bytes
    }
}

/// The file of a cluster with data checksums whose last record is this checkpoint.
pub(super) fn bytes(
    system_identifier: u64,
    segment_size: usize,
    checkpoint: Checkpoint,
    checkpoint_at: u64,
) -> [u8; FILE] {
    let mut file = [0; FILE];
    let words: [(usize, u32); 14] = [
        (8, 1700),
        (12, 202_406_281),
        // Shut down.
        (16, 1),
        // `wal_level` replica.
        (172, 1),
        // Largest alignment, block and segment sizes of the usual build.
        (204, 8),
        (216, 8192),
        (220, 131_072),
        (224, super::wal::BLOCK as u32),
        (228, segment_size as u32),
        (232, 64),
        (236, 32),
        (240, 1996),
        (244, 2048),
        // Data checksums.
        (252, 1),
    ];
    for (at, word) in words {
        put(&mut file, at, &word.to_le_bytes());
    }
    put(&mut file, 0, &system_identifier.to_le_bytes());
    put(&mut file, 24, &checkpoint.time.to_le_bytes());
    put(&mut file, 32, &checkpoint_at.to_le_bytes());
    put(&mut file, 40, &checkpoint.bytes(checkpoint_at));
    // How a floating point number looks here; 64-bit ones are passed by value.
    put(&mut file, 208, &1_234_567.0_f64.to_le_bytes());
    put(&mut file, 248, &[1]);
    let crc = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&file[..CHECKSUM]);
    put(&mut file, CHECKSUM, &crc.to_le_bytes());
    file
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tde_keyfile::postgres::{ClusterState, ControlFile};
    use tde_wal::Major;

    #[test]
    fn the_file_is_one_of_a_cluster_that_was_shut_down() {
        let file = bytes(7, 16 << 20, Checkpoint { time: 1_750_000_000 }, 0x0100_0028);
        let control = ControlFile::parse(&file).unwrap();
        assert_eq!((control.state, control.major), (ClusterState::ShutDown, Some(Major::V17)));
        assert_eq!((control.checkpoint, control.redo), (control.redo, control.checkpoint));
        assert!(control.has_data_checksums());
        assert_eq!((control.next_oid, control.timeline.get()), (24_576, 1));
    }
}
