//! Names of keys as paths of the interface.
//!
//! `pg_tde` puts names into addresses as they are. What an address would take for something else than a part of the
//! path is refused, since the server would look elsewhere; what cannot stand in an address is percent-encoded, which
//! means the same path to a Vault server.

use std::fmt::Write as _;

use tde_keyfile::PrincipalKeyName;

use super::VaultError;

/// `pg_tde` cuts addresses there, silently.
const MAX_URL: usize = 511;

/// A name as it stands in an address.
pub(super) fn of_name(name: &PrincipalKeyName) -> Result<String, VaultError> {
    let bytes = name.as_bytes();
    let problem = if bytes.iter().any(|byte| b"?#%".contains(byte)) {
        "it has one of ? # % inside, which mean something else in an address"
    } else if bytes.iter().any(u8::is_ascii_control) {
        "it has a control character inside"
    } else if bytes.split(|byte| *byte == b'/').any(|part| matches!(part, b"" | b"." | b"..")) {
        "a part of the path between slashes is empty, `.` or `..`"
    } else {
        return Ok(encode(bytes));
    };
    Err(VaultError::Name { problem })
}

/// Percent-encodes what cannot stand in the path of an address (RFC 3986, section 3.3).
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Refuses an address that `pg_tde` would cut.
pub(super) const fn check_length(url: &str) -> Result<(), VaultError> {
    if url.len() <= MAX_URL {
        return Ok(());
    }
    Err(VaultError::Name { problem: "the address has more than 511 bytes, where pg_tde cuts it" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_addresses_as_they_are_or_mean_the_same() {
        let of = |name: &str| of_name(&name.parse().unwrap());
        for (name, path) in [
            ("db-key_1.2", "db-key_1.2"),
            ("a/b", "a/b"),
            ("a b", "a%20b"),
            ("k\u{e4}", "k%C3%A4"),
            ("a:b@c+d", "a:b@c+d"),
        ] {
            assert_eq!(of(name).unwrap(), path);
        }
        for name in ["a?list=true", "a#b", "%41", "..", "a/../b", "/a", "a/", "a//b", "a\nb"] {
            assert!(of(name).is_err(), "{name}");
        }
    }
}
