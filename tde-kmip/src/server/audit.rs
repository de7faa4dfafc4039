//! The audit log: who did what to which key with which result, as events of the target [`TARGET`].
//!
//! One event for each batch item, at level INFO if it succeeded and WARN if not, with the fields `client`, `owner`,
//! `peer`, `certificate`, `version`, `operation`, `objects`, `result`, `reason` and `message`. Refused connections are
//! events too, with `peer` and `refused`. No event holds a secret: what requests and responses say beyond identifiers
//! stays out, and so do secrets of the server.

use core::fmt;
use std::net::SocketAddr;

use tde_kmip_codec::spec::enumeration::ResultStatus;
use tracing::{info, warn};

use super::engine::{Answered, ClientIdentity};

/// The target of all audit events, to tell them from other logs.
pub const TARGET: &str = "tde_kmip::audit";

/// One event for each item of a request that was answered.
pub(super) fn answered(peer: SocketAddr, client: &ClientIdentity, answered: &Answered) {
    if !tracing::enabled!(target: TARGET, tracing::Level::WARN) {
        return;
    }
    let certificate = client.fingerprint();
    for item in &answered.items {
        macro_rules! event {
            ($level:ident) => {
                $level!(
                    target: TARGET,
                    client = client.name(),
                    owner = answered.owner,
                    %peer,
                    certificate,
                    version = %answered.version,
                    operation = item.operation.map(tracing::field::display),
                    objects = %List(&item.unique_identifiers),
                    result = %item.status,
                    reason = item.reason.map(tracing::field::display),
                    message = item.message,
                )
            };
        }
        if item.status == ResultStatus::SUCCESS { event!(info) } else { event!(warn) }
    }
}

/// A connection that got no further, or was ended by us.
pub(super) fn refused(peer: SocketAddr, client: Option<&ClientIdentity>, why: &dyn fmt::Display) {
    warn!(target: TARGET, client = client.map(ClientIdentity::name), %peer, refused = %why);
}

/// The most identifiers in one event: Locate finds any number.
const MOST_LISTED: usize = 100;
/// The most characters of an identifier: requests may name any text.
const MOST_CHARACTERS: usize = 128;

/// Identifiers, separated by spaces. Nothing in one can be taken for a space or the end of a line.
struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, id) in self.0.iter().take(MOST_LISTED).enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            let mut characters = id.chars();
            for character in characters.by_ref().take(MOST_CHARACTERS) {
                if character.is_whitespace() {
                    write!(f, "{}", character.escape_unicode())?;
                } else {
                    write!(f, "{}", character.escape_debug())?;
                }
            }
            if !characters.as_str().is_empty() {
                f.write_str("...")?;
            }
        }
        match self.0.len().saturating_sub(MOST_LISTED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(ids: &[&str]) -> String {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        List(&ids).to_string()
    }

    #[test]
    fn identifiers_are_told_apart_whatever_is_in_them() {
        let id = "0b4c9f0e-75f9-4d0a-9d67-6a2f9d0f5d3e";
        assert_eq!(listed(&[id, "a_b"]), format!("{id} a_b"));
        assert_eq!(listed(&["a b", r"c\u{20}d"]), r"a\u{20}b c\\u{20}d");
        let forged =
            listed(&["x\r\nINFO tde_kmip::audit: client=\"y\"", "\u{1b}[2K", "\u{202e}\u{85}\u{3000}"]);
        assert!(forged.chars().all(|c| !c.is_control()), "{forged}");
        assert_eq!(forged.split_whitespace().count(), 3, "{forged}");
        assert!(!forged.contains('\u{202e}'), "{forged}");
    }

    #[test]
    fn an_event_has_a_largest_size() {
        assert_eq!(listed(&["x".repeat(10_000).as_str(), "y"]), format!("{}... y", "x".repeat(128)));
        let many = listed(&["x"; 1000]);
        assert!(many.starts_with("x x x ") && many.ends_with(" x and 900 more"), "{many}");
        assert_eq!(listed(&["x"; 100]).len(), 199);
    }
}
