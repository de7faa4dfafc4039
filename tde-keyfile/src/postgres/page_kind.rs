//! Which access method a page belongs to, told by the markers in its special space.

use core::fmt;

use tde_core::Fork;

use super::PageHeader;

/// What a plaintext page holds, as far as its special space tells.
///
/// Heap and TOAST pages have no special space and no marker: [`Heap`](Self::Heap) means "nothing speaks
/// against it". Extensions may bring access methods of their own, which come out as
/// [`Unknown`](Self::Unknown).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageKind {
    /// A heap or TOAST page.
    Heap,
    /// A page of the free space map.
    FreeSpaceMap,
    /// A page of the visibility map.
    VisibilityMap,
    /// The one page of a sequence.
    Sequence,
    /// A B-tree page (`nbtree.h`, `BTPageOpaqueData`).
    BTree,
    /// A hash page (`hash.h`, `HASHO_PAGE_ID`).
    Hash,
    /// A GiST page (`gist.h`, `GIST_PAGE_ID`).
    Gist,
    /// An SP-GiST page (`spgist_private.h`, `SPGIST_PAGE_ID`).
    SpGist,
    /// A GIN page (`ginblock.h`, `GinPageOpaqueData`).
    Gin,
    /// A BRIN page (`brin_page.h`).
    Brin,
    /// A page of the extension `bloom` (`BLOOM_PAGE_ID`).
    Bloom,
    /// A special space that none of the above has.
    Unknown {
        /// Its length in bytes.
        special_size: u16,
    },
}

impl PageKind {
    /// Tells the kind of a plaintext page whose header passed [`PageHeader::check`].
    #[must_use]
    pub fn of(page: &[u8], header: &PageHeader, fork: Fork) -> Self {
        let size = page.len().saturating_sub(usize::from(header.special));
        let unknown = Self::Unknown { special_size: u16::try_from(size).unwrap_or(u16::MAX) };
        match (fork, size) {
            (Fork::Fsm, 0) => return Self::FreeSpaceMap,
            (Fork::Vm, 0) => return Self::VisibilityMap,
            (_, 0) => return Self::Heap,
            _ => {}
        }
        let from_end = |distance: usize| {
            let at = page.len().checked_sub(distance)?;
            page.get(at..)?.first_chunk::<2>().map(|bytes| u16::from_le_bytes(*bytes))
        };
        let (Some(last), Some(flags), Some(third), Some(fourth)) =
            (from_end(2), from_end(4), from_end(6), from_end(8))
        else {
            return unknown;
        };
        match size {
            16 => match last {
                0xFF80 => Self::Hash,
                0xFF81 => Self::Gist,
                0..=0xFF7F if flags < 1 << 10 => Self::BTree,
                _ => unknown,
            },
            8 => match (last, fourth) {
                (0x0000, 0x1717) if third == 0 => Self::Sequence,
                (0xFF82, _) => Self::SpGist,
                (0xFF83, _) => Self::Bloom,
                (0xF091..=0xF093, _) => Self::Brin,
                (0..=0x00FF, _) => Self::Gin,
                _ => unknown,
            },
            _ => unknown,
        }
    }
}

impl fmt::Display for PageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heap => "heap",
            Self::FreeSpaceMap => "free space map",
            Self::VisibilityMap => "visibility map",
            Self::Sequence => "sequence",
            Self::BTree => "B-tree",
            Self::Hash => "hash",
            Self::Gist => "GiST",
            Self::SpGist => "SP-GiST",
            Self::Gin => "GIN",
            Self::Brin => "BRIN",
            Self::Bloom => "bloom",
            Self::Unknown { .. } => "unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn kind(special: &[u8], fork: Fork) -> PageKind {
        let mut page = vec![0; 8192];
        let start = 8192 - special.len();
        page[start..].copy_from_slice(special);
        page[12..20].copy_from_slice(&[
            24,
            0,
            start as u8,
            (start >> 8) as u8,
            start as u8,
            (start >> 8) as u8,
            4,
            0x20,
        ]);
        let header = PageHeader::parse(&page).unwrap();
        assert_eq!(header.check(8192), Ok(()));
        PageKind::of(&page, &header, fork)
    }

    #[test]
    fn markers_tell_the_access_method() {
        assert_eq!(kind(&[], Fork::Main), PageKind::Heap);
        assert_eq!(kind(&[], Fork::Fsm), PageKind::FreeSpaceMap);
        assert_eq!(kind(&[], Fork::Vm), PageKind::VisibilityMap);
        assert_eq!(kind(&[0x17, 0x17, 0, 0, 0, 0, 0, 0], Fork::Main), PageKind::Sequence);
        assert_eq!(kind(&[0, 0, 0, 0, 0, 0, 0x82, 0xFF], Fork::Main), PageKind::SpGist);
        assert_eq!(kind(&[0, 0, 0, 0, 0, 0, 0x92, 0xF0], Fork::Main), PageKind::Brin);
        assert_eq!(kind(&[0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 8, 0], Fork::Main), PageKind::Gin);
        assert_eq!(kind(&[0, 0, 0, 0, 0, 0, 0, 0x7F], Fork::Main), PageKind::Unknown { special_size: 8 });
        let mut sixteen = [0; 16];
        assert_eq!(kind(&sixteen, Fork::Init), PageKind::BTree);
        sixteen[14..].copy_from_slice(&[0x80, 0xFF]);
        assert_eq!(kind(&sixteen, Fork::Main), PageKind::Hash);
        sixteen[14] = 0x81;
        assert_eq!(kind(&sixteen, Fork::Main), PageKind::Gist);
        assert_eq!(kind(&[0; 24], Fork::Main), PageKind::Unknown { special_size: 24 });
    }
}
