//! Which version to speak: asked with Discover Versions, and 1.0 with servers that do not know that operation.

use tde_kmip_codec::{
    operation::{DiscoverVersionsRequest, QueryRequest, ResponsePayload},
    spec::{
        ProtocolVersion,
        enumeration::{Operation, QueryFunction},
    },
};
use zeroize::Zeroizing;

use super::protocol::{Exchange, MessageOptions, Outcome, Protocol, ProtocolError};

/// What is asked before the version is settled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    /// Discover Versions, in this version.
    Versions(ProtocolVersion),
    /// Query in 1.0, of a server that closed the connection on Discover Versions.
    Operations,
}

/// The first question: in the oldest of our versions that has Discover Versions, for it is the likeliest to be
/// understood (KMIP 1.4, section 4.26).
pub(super) fn first_question(versions: &[ProtocolVersion]) -> Option<Question> {
    versions.iter().copied().filter(|version| *version >= ProtocolVersion::V1_1).min().map(Question::Versions)
}

impl Protocol {
    /// The next message to send before any other, encoded into `out`; `None` once the version is settled.
    ///
    /// # Errors
    /// [`ProtocolError::Encode`], and [`ProtocolError::NoCommonVersion`] if there is no version to speak.
    pub fn negotiate(&mut self, out: &mut Zeroizing<Vec<u8>>) -> Result<Option<Exchange>, ProtocolError> {
        if self.version.is_some() {
            return Ok(None);
        }
        let (version, payload) = match self.asking {
            // Without a list the server names all it has, so that an error can name them too.
            Some(Question::Versions(version)) => (version, DiscoverVersionsRequest::default().into()),
            Some(Question::Operations) => {
                let query_functions = (&[QueryFunction::QUERY_OPERATIONS]).into();
                (ProtocolVersion::V1_0, QueryRequest { query_functions, ..QueryRequest::default() }.into())
            }
            None => return Err(self.no_common_version()),
        };
        self.encode(version, &[payload], &MessageOptions::default(), out).map(Some)
    }

    /// Takes note that the server closed the connection instead of answering what [`Protocol::negotiate`] made, as
    /// some servers of 1.0 do: they do not know the operation, nor the version that it is asked in.
    ///
    /// Says whether it is worth another connection, on which [`Protocol::negotiate`] asks in 1.0 then: once, and if
    /// 1.0 may be spoken.
    pub fn hung_up(&mut self) -> bool {
        let again = !self.hung_up && self.options.versions.contains(&ProtocolVersion::V1_0);
        if again {
            self.hung_up = true;
            self.asking = Some(Question::Operations);
        }
        again
    }

    /// Takes the answer to what [`Protocol::negotiate`] made; call that again then.
    ///
    /// # Errors
    /// [`ProtocolError::NoCommonVersion`]; [`ProtocolError::Refused`] if the server lets nobody ask; whatever makes
    /// the answer none.
    pub fn negotiated(&mut self, exchange: &Exchange, response: &[u8]) -> Result<(), ProtocolError> {
        let refusal = match exchange.outcomes(response) {
            Err(ProtocolError::Refused(refusal)) => refusal,
            Err(error) => return Err(error),
            Ok(outcomes) => match outcomes.into_iter().next() {
                Some(Outcome::Done(Some(ResponsePayload::DiscoverVersions(payload)))) => {
                    self.server_versions = payload.protocol_versions.iter().collect();
                    return self.choose();
                }
                // Which operations it has does not matter: in 1.0 no server can say that it has Discover Versions.
                Some(Outcome::Done(_)) if exchange.operations == [Operation::QUERY] => {
                    self.version = Some(ProtocolVersion::V1_0);
                    return Ok(());
                }
                Some(Outcome::Refused(refusal)) => refusal,
                _ => {
                    let operation = Operation::DISCOVER_VERSIONS;
                    return Err(ProtocolError::Lacking { operation, what: "the versions" });
                }
            },
        };
        if refusal.denies_access() {
            return Err(ProtocolError::Refused(refusal));
        }
        // A server of newer versions only answers in one of them; ask again in that.
        let newer = refusal.version > exchange.version && self.options.versions.contains(&refusal.version);
        if newer {
            self.asking = Some(Question::Versions(refusal.version));
        } else if self.options.versions.contains(&ProtocolVersion::V1_0) {
            self.version = Some(ProtocolVersion::V1_0);
        } else {
            return Err(ProtocolError::Refused(refusal));
        }
        Ok(())
    }

    fn choose(&mut self) -> Result<(), ProtocolError> {
        let best = self.options.versions.iter().find(|version| self.server_versions.contains(version));
        self.version = best.copied();
        if best.is_none() {
            return Err(self.no_common_version());
        }
        Ok(())
    }

    fn no_common_version(&self) -> ProtocolError {
        let (ours, theirs) = (self.options.versions.clone(), self.server_versions.clone());
        ProtocolError::NoCommonVersion { ours, theirs }
    }
}
