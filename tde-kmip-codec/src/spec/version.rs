use core::fmt;

/// A version of the protocol, as Protocol Version carries it (KMIP 1.4, section 6.1; KMIP 2.1, section 9.16).
///
/// Any pair of numbers can be held, since peers send any; [`ProtocolVersion::is_known`] tells the seven editions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion {
    /// Protocol Version Major.
    pub major: i32,
    /// Protocol Version Minor.
    pub minor: i32,
}

impl ProtocolVersion {
    /// KMIP 1.0 (2010).
    pub const V1_0: Self = Self::new(1, 0);
    /// KMIP 1.1 (2013).
    pub const V1_1: Self = Self::new(1, 1);
    /// KMIP 1.2 (2015).
    pub const V1_2: Self = Self::new(1, 2);
    /// KMIP 1.3 (2016).
    pub const V1_3: Self = Self::new(1, 3);
    /// KMIP 1.4 (2017).
    pub const V1_4: Self = Self::new(1, 4);
    /// KMIP 2.0 (2019).
    pub const V2_0: Self = Self::new(2, 0);
    /// KMIP 2.1 (2020).
    pub const V2_1: Self = Self::new(2, 1);

    /// The seven editions, oldest first.
    pub const ALL: [Self; 7] =
        [Self::V1_0, Self::V1_1, Self::V1_2, Self::V1_3, Self::V1_4, Self::V2_0, Self::V2_1];

    /// A version from its two numbers.
    #[must_use]
    pub const fn new(major: i32, minor: i32) -> Self {
        Self { major, minor }
    }

    /// Whether this is one of the seven editions.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.index().is_some()
    }

    /// The place of this version in [`ProtocolVersion::ALL`], if it is one of the seven editions.
    #[must_use]
    pub const fn index(self) -> Option<usize> {
        match (self.major, self.minor) {
            (1, 0) => Some(0),
            (1, 1) => Some(1),
            (1, 2) => Some(2),
            (1, 3) => Some(3),
            (1, 4) => Some(4),
            (2, 0) => Some(5),
            (2, 1) => Some(6),
            _ => None,
        }
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl fmt::Debug for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProtocolVersion({self})")
    }
}

/// A set of the seven editions of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Versions(u8);

impl Versions {
    /// No version.
    pub const NONE: Self = Self(0);
    /// All seven versions.
    pub const ALL: Self = Self(0x7F);
    /// KMIP 1.0 to 1.4.
    pub const V1: Self = Self(0x1F);
    /// KMIP 2.0 and 2.1.
    pub const V2: Self = Self(0x60);

    /// The set of one version; empty if it is not one of the seven editions.
    #[must_use]
    pub const fn only(version: ProtocolVersion) -> Self {
        match version.index() {
            Some(index) => Self(1 << index),
            None => Self::NONE,
        }
    }

    /// The versions from `first` to `last`, both included; empty if either is not one of the seven editions.
    #[must_use]
    pub const fn range(first: ProtocolVersion, last: ProtocolVersion) -> Self {
        match (first.index(), last.index()) {
            (Some(first), Some(last)) => Self((0x7F << first) & (0x7F >> (6 - last)) & 0x7F),
            _ => Self::NONE,
        }
    }

    /// The version and all later ones.
    #[must_use]
    pub const fn since(first: ProtocolVersion) -> Self {
        Self::range(first, ProtocolVersion::V2_1)
    }

    /// The versions that are in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The versions that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the version is in the set.
    #[must_use]
    pub const fn contains(self, version: ProtocolVersion) -> bool {
        match version.index() {
            Some(index) => self.0 & (1 << index) != 0,
            None => false,
        }
    }

    /// Whether every version of `other` is in the set.
    #[must_use]
    pub const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// As [`Self::includes`], of a set of exactly one version. Nothing is left to do at run time where this set is
    /// known to be empty or full.
    #[inline(always)]
    pub(crate) const fn covers(self, one: Self) -> bool {
        self.0 == Self::ALL.0 || self.0 & one.0 != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The versions of the set, oldest first.
    pub fn iter(self) -> impl Iterator<Item = ProtocolVersion> {
        ProtocolVersion::ALL.into_iter().filter(move |version| self.contains(*version))
    }
}

/// Ranges separated by blanks, such as `1.0-1.4 2.1`, or `none`.
impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let mut separator = "";
        let mut run: Option<(ProtocolVersion, ProtocolVersion)> = None;
        for version in ProtocolVersion::ALL.into_iter().map(Some).chain([None]) {
            let inside = version.filter(|version| self.contains(*version));
            run = match (run, inside) {
                (None, next) => next.map(|first| (first, first)),
                (Some((first, _)), Some(last)) => Some((first, last)),
                (Some((first, last)), None) => {
                    write!(f, "{separator}{first}")?;
                    if first != last {
                        write!(f, "-{last}")?;
                    }
                    separator = " ";
                    None
                }
            };
        }
        Ok(())
    }
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Versions({self})")
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn ranges_hold_their_ends_and_what_is_between() {
        let middle = Versions::range(ProtocolVersion::V1_1, ProtocolVersion::V1_4);
        assert!(middle.iter().eq(ProtocolVersion::ALL[1..5].iter().copied()));
        assert_eq!(Versions::since(ProtocolVersion::V1_0), Versions::ALL);
        assert_eq!(Versions::V1.union(Versions::V2), Versions::ALL);
        assert!(Versions::range(ProtocolVersion::V2_0, ProtocolVersion::V1_0).is_empty());
        assert!(!Versions::ALL.contains(ProtocolVersion::new(9, 9)));
        assert!(!Versions::ALL.contains(ProtocolVersion::new(-1, 4)));
    }

    #[test]
    fn sets_print_as_ranges() {
        assert_eq!(Versions::ALL.to_string(), "1.0-2.1");
        assert_eq!(Versions::NONE.to_string(), "none");
        let split = Versions::V1.union(Versions::only(ProtocolVersion::V2_1));
        assert_eq!(split.to_string(), "1.0-1.4 2.1");
        assert_eq!(Versions::only(ProtocolVersion::V2_0).to_string(), "2.0");
    }
}
