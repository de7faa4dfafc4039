//! The names of the files in `pg_tde/`.
//!
//! Source: `pg_tde` 2.2.0, `pg_tde_set_db_file_path` and its siblings. The OID is printed with a signed
//! conversion, so that the keys of database 3000000000 are in `-1294967296_keys`.

use core::fmt;

use crate::oid::Oid;

/// The directory below the data directory that holds all of them.
pub const DIRECTORY: &str = "pg_tde";
/// The file of the server's WAL keys.
pub const WAL_KEYS: &str = "wal_keys";
/// The file that tells the versions in use.
pub const KEYS_VERSION: &str = "keys_version";

/// What the name of a file in `pg_tde/` says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileName {
    /// `<oid>_keys`: a database's keys, or the default principal key (OID 1663).
    RelationKeys(Oid),
    /// `wal_keys`.
    WalKeys,
    /// `<oid>_providers`; OID 1664 holds the global ones.
    Providers(Oid),
    /// `keys_version`.
    KeysVersion,
    /// `<oid>_keys.r`: left by a rotation or migration that was interrupted.
    RelationKeysTemporary(Oid),
    /// `wal_keys.r`: the same for the WAL keys.
    WalKeysTemporary,
    /// `1664_keys`: WAL keys of `pg_tde` 1.0, which no later release reads.
    ServerKeys1,
    /// `pg_tde_<oid>_map` or `pg_tde_<oid>_dat`: the file pair of releases before 1.0.
    BetaKeys(Oid),
    /// `tde.lock`, `tde.journal`, `tde-<id>-<index>.new`: of the writers of this project, and nobody's business
    /// but theirs.
    Writer,
    /// Not a name that `pg_tde` uses.
    Foreign,
}

impl FileName {
    /// What `name` is the name of.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            WAL_KEYS => return Self::WalKeys,
            "wal_keys.r" => return Self::WalKeysTemporary,
            KEYS_VERSION => return Self::KeysVersion,
            "1664_keys" => return Self::ServerKeys1,
            "tde.lock" | "tde.journal" => return Self::Writer,
            _ if name.starts_with("tde-") && name.ends_with(".new") => return Self::Writer,
            _ => {}
        }
        let with_suffix = |suffix| name.strip_suffix(suffix).and_then(parse_signed);
        let beta = |suffix| {
            name.strip_prefix("pg_tde_").and_then(|rest| rest.strip_suffix(suffix)).and_then(parse_either)
        };
        if let Some(oid) = with_suffix("_keys") {
            Self::RelationKeys(oid)
        } else if let Some(oid) = with_suffix("_providers") {
            Self::Providers(oid)
        } else if let Some(oid) = with_suffix("_keys.r") {
            Self::RelationKeysTemporary(oid)
        } else if let Some(oid) = beta("_map").or_else(|| beta("_dat")) {
            Self::BetaKeys(oid)
        } else {
            Self::Foreign
        }
    }
}

/// The name of a scope's key file, `<oid>_keys`.
#[must_use]
pub fn relation_keys(scope: Oid) -> impl fmt::Display {
    Suffixed { oid: scope, suffix: "_keys" }
}

/// The name of a scope's providers file, `<oid>_providers`.
#[must_use]
pub fn providers(scope: Oid) -> impl fmt::Display {
    Suffixed { oid: scope, suffix: "_providers" }
}

struct Suffixed {
    oid: Oid,
    suffix: &'static str,
}

impl fmt::Display for Suffixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.oid.get().cast_signed(), self.suffix)
    }
}

/// A number as `%d` prints it: no plus sign, no leading zero.
fn parse_signed(text: &str) -> Option<Oid> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" && text == "0" || !digits.starts_with('0'));
    let number: i32 = canonical.then(|| text.parse().ok())??;
    Some(Oid::new(number.cast_unsigned()))
}

/// The betas differed in the conversion they used.
fn parse_either(text: &str) -> Option<Oid> {
    let unsigned = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    parse_signed(text).or_else(|| unsigned().map(Oid::new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn oids_are_printed_and_read_as_signed_numbers() {
        let high = Oid::new(3_000_000_000);
        assert_eq!(relation_keys(high).to_string(), "-1294967296_keys");
        assert_eq!(providers(Oid::new(16384)).to_string(), "16384_providers");
        assert_eq!(FileName::parse("-1294967296_keys"), FileName::RelationKeys(high));
        for number in [0, 1, 1663, 16384, i32::MAX.cast_unsigned(), 1 << 31, u32::MAX] {
            let oid = Oid::new(number);
            assert_eq!(FileName::parse(&relation_keys(oid).to_string()), FileName::RelationKeys(oid));
            assert_eq!(FileName::parse(&providers(oid).to_string()), FileName::Providers(oid));
        }
    }

    #[test]
    fn leftovers_are_told_by_name() {
        assert_eq!(FileName::parse("16384_keys.r"), FileName::RelationKeysTemporary(Oid::new(16384)));
        assert_eq!(FileName::parse("wal_keys.r"), FileName::WalKeysTemporary);
        assert_eq!(FileName::parse("1664_keys"), FileName::ServerKeys1);
        assert_eq!(FileName::parse("pg_tde_16384_map"), FileName::BetaKeys(Oid::new(16384)));
        assert_eq!(FileName::parse("pg_tde_3000000000_dat"), FileName::BetaKeys(Oid::new(3_000_000_000)));
    }

    #[test]
    fn names_that_the_server_never_opens_are_foreign() {
        for name in [
            "",
            "_keys",
            "keys",
            "+5_keys",
            "05_keys",
            "-0_keys",
            "00_keys",
            "--1_keys",
            "3000000000_keys",
            "16384_keys.bak",
            "wal_keys.bak",
            " 5_keys",
            "5_keysx",
            "x5_keys",
            "-_keys",
            "99999999999_keys",
        ] {
            assert_eq!(FileName::parse(name), FileName::Foreign, "{name}");
        }
    }
}
