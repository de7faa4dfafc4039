use std::fmt;

use tde_kmip_codec::spec::{
    ProtocolVersion,
    enumeration::{Operation, ResultReason, ResultStatus},
};

/// What a server said when it did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The operation, if the server named it: without one the whole message was refused.
    pub operation: Option<Operation>,
    /// Result Status.
    pub status: ResultStatus,
    /// Result Reason; its number where no edition has a name for it, and 2.x reasons also in 1.x answers.
    pub reason: Option<ResultReason>,
    /// Result Message, with control characters replaced and cut to a length that fits a log.
    pub message: Option<String>,
    /// The version of the answer.
    pub version: ProtocolVersion,
}

/// The longest text of a peer's that is kept, in characters.
const MESSAGE_LIMIT: usize = 500;

/// Text of a peer's, made fit for a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(MESSAGE_LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Refusal {
    /// Whether it is about who asks and what they may do, so that asking in another way is of no use.
    pub(crate) const fn denies_access(&self) -> bool {
        matches!(
            self.reason,
            Some(
                ResultReason::AUTHENTICATION_NOT_SUCCESSFUL
                    | ResultReason::PERMISSION_DENIED
                    | ResultReason::NOT_AUTHORISED
                    | ResultReason::BAD_PASSWORD
            )
        )
    }

    /// What to try, if there is something that usually helps.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        let text = match self.reason? {
            ResultReason::ITEM_NOT_FOUND | ResultReason::OBJECT_NOT_FOUND => {
                "Check the identifier; many servers also answer so when the object belongs to another client: \
                 check that this client's certificate is that of the owner."
            }
            ResultReason::OBJECT_DESTROYED => {
                "The key is gone for good: restore it from a backup of the key server."
            }
            ResultReason::AUTHENTICATION_NOT_SUCCESSFUL | ResultReason::BAD_PASSWORD => {
                "Check that the client certificate has the extended key usage clientAuth and a common name that the \
                 server knows, and the username and password if the server wants them."
            }
            ResultReason::PERMISSION_DENIED | ResultReason::NOT_AUTHORISED => match self.operation {
                Some(Operation::DESTROY) => {
                    "An active key must be revoked before it can be destroyed; else this client may not do this to \
                     the object."
                }
                Some(Operation::ACTIVATE) => {
                    "Only a pre-active key can be activated; look at its State attribute."
                }
                _ => "This client may not do this to the object: check who owns it and the server's policy.",
            },
            ResultReason::WRONG_KEY_LIFECYCLE_STATE | ResultReason::ILLEGAL_OPERATION => {
                "The state of the object does not allow this: look at its State attribute."
            }
            ResultReason::OPERATION_NOT_SUPPORTED => {
                "Ask the server with Query which operations it has; some have them in newer versions only."
            }
            ResultReason::FEATURE_NOT_SUPPORTED => "Leave the optional fields out, or use another version.",
            ResultReason::UNSUPPORTED_PROTOCOL_VERSION => {
                "Ask the server with Discover Versions what it speaks."
            }
            ResultReason::INVALID_MESSAGE => {
                "The server could not read the request: try an older version of KMIP, and compare the clocks if the \
                 request has a time stamp."
            }
            ResultReason::RESPONSE_TOO_LARGE => "Allow larger responses, or ask for fewer items at a time.",
            ResultReason::NON_UNIQUE_NAME_ATTRIBUTE | ResultReason::OBJECT_ALREADY_EXISTS => {
                "There is an object of this name already: locate it, or take another name."
            }
            ResultReason::SENSITIVE | ResultReason::NOT_EXTRACTABLE => {
                "The server gives this key out only wrapped, or not at all: use its Encrypt and Decrypt."
            }
            ResultReason::USAGE_LIMIT_EXCEEDED | ResultReason::SERVER_LIMIT_EXCEEDED => {
                "A limit on the server is reached: raise it there."
            }
            ResultReason::GENERAL_FAILURE | ResultReason::INTERNAL_SERVER_ERROR => "Read the server's log.",
            _ => return None,
        };
        Some(text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status.name().unwrap_or("unknown Result Status"))?;
        if let Some(reason) = self.reason {
            match reason.name() {
                Some(name) => write!(f, ": {name}")?,
                None => write!(f, ": Result Reason {reason}")?,
            }
        }
        if let Some(message) = &self.message {
            write!(f, " ({message:?})")?;
        }
        Ok(())
    }
}
