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

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, id) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(id)?;
        }
        Ok(())
    }
}
