//! The 24-byte header of a data page, and the rules by which the server takes a page for sane.

use core::fmt;

use tde_wal::Lsn;

use super::PageLengthError;

/// The header at the start of every data page (`storage/bufpage.h`, `PageHeaderData`; the same in
/// PostgreSQL 14 to 18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageHeader {
    /// `pd_lsn`: the position just after the WAL record that last changed the page.
    pub lsn: Lsn,
    /// `pd_checksum`: see [`page_checksum`](super::page_checksum); 0 while checksums are off.
    pub checksum: u16,
    /// `pd_flags`: 1 free line pointers, 2 page full, 4 all tuples visible.
    pub flags: u16,
    /// `pd_lower`: end of the line pointers, in bytes from the page's start.
    pub lower: u16,
    /// `pd_upper`: start of the tuples; 0 only on a page never initialised.
    pub upper: u16,
    /// `pd_special`: start of the special space; the page's length if there is none.
    pub special: u16,
    /// `pd_pagesize_version`: page size in the upper eight bits, layout version in the lower.
    pub size_and_layout: u16,
    /// `pd_prune_xid`: oldest transaction whose leavings may be pruned, 0 if none.
    pub prune_xid: u32,
}

impl PageHeader {
    /// Length on disk, in bytes.
    pub const LEN: usize = 24;
    /// The layout version of all majors since 8.3.
    pub const LAYOUT: u16 = 4;
    /// All flag bits that a server sets.
    pub const KNOWN_FLAGS: u16 = 0x7;

    /// Reads the header of a plaintext page; takes any values.
    ///
    /// # Errors
    /// [`PageLengthError`] if there are fewer than 24 bytes.
    pub fn parse(page: &[u8]) -> Result<Self, PageLengthError> {
        let header = page.first_chunk::<{ Self::LEN }>().ok_or(PageLengthError { actual: page.len() })?;
        let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let u32_at =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        Ok(Self {
            // Two 32-bit halves, the upper one first, each in the server's byte order.
            lsn: Lsn::new((u64::from(u32_at(0)) << 32) | u64::from(u32_at(4))),
            checksum: u16_at(8),
            flags: u16_at(10),
            lower: u16_at(12),
            upper: u16_at(14),
            special: u16_at(16),
            size_and_layout: u16_at(18),
            prune_xid: u32_at(20),
        })
    }

    /// Whether the page was never initialised by an access method (`pd_upper` is 0).
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.upper == 0
    }

    /// Whether the size and layout field is what pages of this size carry: 0x2004 for 8192 bytes.
    ///
    /// The field lies in the page's second cipher block, out of reach of the IV: in a decrypted page it
    /// is right with the right key and a wrong IV, and wrong (all but once in 65536) with a wrong key.
    #[must_use]
    pub fn has_size_and_layout(&self, page_size: usize) -> bool {
        usize::from(self.size_and_layout) == page_size | usize::from(Self::LAYOUT)
    }

    /// Checks what the server checks when it reads a page (`bufpage.c`, `PageIsVerified`), and further
    /// that the size and layout field is right and that `pd_lower` lies behind the header.
    ///
    /// A page with `pd_upper` 0 fails here too; whether it is entirely zero is for the caller to see.
    ///
    /// # Errors
    /// The first rule that does not hold. The size and layout field is looked at first: if it alone is
    /// right, suspect the IV rather than the key.
    pub fn check(&self, page_size: usize) -> Result<(), PageHeaderError> {
        if !self.has_size_and_layout(page_size) {
            return Err(PageHeaderError::SizeAndLayout { stored: self.size_and_layout });
        }
        if self.flags & !Self::KNOWN_FLAGS != 0 {
            return Err(PageHeaderError::Flags { stored: self.flags });
        }
        if usize::from(self.lower) < Self::LEN {
            return Err(PageHeaderError::Lower { lower: self.lower });
        }
        if self.lower > self.upper {
            return Err(PageHeaderError::Upper { lower: self.lower, upper: self.upper });
        }
        if self.upper > self.special
            || usize::from(self.special) > page_size
            || !self.special.is_multiple_of(8)
        {
            return Err(PageHeaderError::Special { upper: self.upper, special: self.special });
        }
        Ok(())
    }
}

/// Which field of a page's header makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageHeaderError {
    /// `pd_pagesize_version` is not this page size with layout 4.
    SizeAndLayout {
        /// The value found.
        stored: u16,
    },
    /// `pd_flags` has bits that no server sets.
    Flags {
        /// The value found.
        stored: u16,
    },
    /// `pd_lower` points into the header.
    Lower {
        /// The value found, bytes from the page's start.
        lower: u16,
    },
    /// `pd_upper` lies before `pd_lower`.
    Upper {
        /// `pd_lower`, bytes from the page's start.
        lower: u16,
        /// `pd_upper`, bytes from the page's start.
        upper: u16,
    },
    /// `pd_special` lies before `pd_upper`, behind the page's end, or not on a multiple of 8.
    Special {
        /// `pd_upper`, bytes from the page's start.
        upper: u16,
        /// `pd_special`, bytes from the page's start.
        special: u16,
    },
}

impl fmt::Display for PageHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SizeAndLayout { stored } => {
                write!(f, "page size and layout version 0x{stored:04X} are not those of this cluster")
            }
            Self::Flags { stored } => write!(f, "page flags 0x{stored:04X} have unknown bits"),
            Self::Lower { lower } => write!(f, "pd_lower {lower} points into the page header"),
            Self::Upper { lower, upper } => write!(f, "pd_upper {upper} lies before pd_lower {lower}"),
            Self::Special { upper, special } => {
                write!(f, "pd_special {special} does not fit pd_upper {upper} and the page size")
            }
        }
    }
}

impl core::error::Error for PageHeaderError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn header() -> PageHeader {
        PageHeader {
            lsn: Lsn::new(0x12_3456_78AB),
            checksum: 7,
            flags: 4,
            lower: 40,
            upper: 8000,
            special: 8176,
            size_and_layout: 0x2004,
            prune_xid: 0,
        }
    }

    #[test]
    fn fields_stand_where_the_server_puts_them() {
        let bytes = [
            0x12, 0, 0, 0, 0xAB, 0x78, 0x56, 0x34, // lsn, upper half first
            7, 0, 4, 0, 40, 0, 0x40, 0x1F, 0xF0, 0x1F, 0x04, 0x20, 9, 0, 0, 0,
        ];
        let parsed = PageHeader::parse(&bytes).unwrap();
        assert_eq!(parsed, PageHeader { lsn: Lsn::new(0x12_3456_78AB), prune_xid: 9, ..header() });
        assert_eq!(PageHeader::parse(&bytes[..23]), Err(PageLengthError { actual: 23 }));
        assert_eq!(parsed.check(8192), Ok(()));
    }

    #[test]
    fn each_rule_is_checked() {
        let wrong = [
            (PageHeader { size_and_layout: 0x2003, ..header() }, "page size and layout version 0x2003"),
            (PageHeader { flags: 8, ..header() }, "page flags 0x0008"),
            (PageHeader { lower: 20, ..header() }, "pd_lower 20"),
            (PageHeader { lower: 8001, ..header() }, "pd_upper 8000"),
            (PageHeader { upper: 0, ..header() }, "pd_upper 0"),
            (PageHeader { upper: 8177, ..header() }, "pd_special 8176"),
            (PageHeader { special: 8188, ..header() }, "pd_special 8188"),
            (PageHeader { special: 8200, ..header() }, "pd_special 8200"),
        ];
        for (header, beginning) in wrong {
            let error = header.check(8192).unwrap_err().to_string();
            assert!(error.starts_with(beginning), "{error}");
        }
        assert_eq!(
            PageHeader { lower: 24, upper: 8192, special: 8192, flags: 0, ..header() }.check(8192),
            Ok(())
        );
        // The largest block size: its length alone does not fit 16 bits with the version beside it.
        let large = PageHeader { size_and_layout: 0x8004, special: 32_760, upper: 32_760, ..header() };
        assert_eq!(large.check(32_768), Ok(()));
    }
}
