//! The client's side of the protocol without I/O: payloads in, bytes out; bytes in, outcomes out.

use tde_kmip_codec::{
    message::{
        Authentication, Credential, CredentialValue, RequestBatchItem, RequestHeader, RequestMessage,
        ResponseMessage, UsernameAndPassword,
    },
    operation::{RequestPayload, ResponsePayload},
    spec::{
        ProtocolVersion,
        enumeration::{BatchErrorContinuationOption, CredentialType, Operation},
    },
    ttlv::{self, Leniency, Options},
};
use zeroize::{Zeroize, Zeroizing};

use super::{
    Refusal, matching,
    negotiation::{Question, first_question},
};

/// What real servers do against the standard and a client can live with. A field that comes twice, and padding that is
/// missing, are none of them.
const TOLERATED: Leniency = Leniency::ALL.without(Leniency::REPEATED_FIELDS).without(Leniency::SHORT_PADDING);

/// A name and a password, sent with each request.
///
/// Most servers know their clients by certificate and ignore it. The password is wiped on drop.
#[derive(Clone)]
pub struct Password {
    username: String,
    password: Zeroizing<String>,
}

impl Password {
    /// For this user.
    #[must_use]
    pub fn new(username: impl Into<String>, password: Zeroizing<String>) -> Self {
        Self { username: username.into(), password }
    }

    /// The user.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Password").field("username", &self.username).finish_non_exhaustive()
    }
}

/// How a [`Protocol`] speaks.
#[derive(Clone, Debug)]
pub struct ProtocolOptions {
    /// The versions to speak, the best first. One alone is not negotiated.
    pub versions: Vec<ProtocolVersion>,
    /// The largest response, in bytes; the server is told, and a decoder refuses more.
    pub maximum_response_size: usize,
    /// The credential of every request that does not bring its own.
    pub password: Option<Password>,
    /// Whether requests of KMIP 1.4 and later carry a Client Correlation Value, which then also the server's log has.
    /// Off by default: `PyKMIP` refuses messages that have it.
    pub client_correlation: bool,
}

impl Default for ProtocolOptions {
    fn default() -> Self {
        let mut versions = ProtocolVersion::ALL.to_vec();
        versions.reverse();
        Self {
            versions,
            maximum_response_size: Options::DEFAULT_MAX_SIZE,
            password: None,
            client_correlation: false,
        }
    }
}

/// How one request is sent.
#[derive(Clone, Copy, Default, Debug)]
pub struct MessageOptions<'a> {
    /// The credential of this request; `None` for that of the [`ProtocolOptions`].
    pub password: Option<&'a Password>,
    /// What happens to a batch when an item fails; `None` leaves the server to stop.
    pub continuation: Option<BatchErrorContinuationOption>,
}

/// One conversation with one server: which version is spoken, and which numbers were given to requests.
#[derive(Debug)]
pub struct Protocol {
    pub(super) options: ProtocolOptions,
    pub(super) version: Option<ProtocolVersion>,
    pub(super) server_versions: Vec<ProtocolVersion>,
    /// What is asked next, until the version is settled.
    pub(super) asking: Option<Question>,
    /// Whether the server closed the connection on Discover Versions.
    pub(super) hung_up: bool,
    requests: u64,
}

/// What a request asked, for its response to be held against.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub(super) version: ProtocolVersion,
    pub(super) operations: Vec<Operation>,
    /// The items' identifiers; empty if they have none.
    pub(super) ids: Vec<[u8; 8]>,
    pub(super) client_correlation: Option<String>,
    /// Whether the server goes on after an item that fails.
    pub(super) continues: bool,
    pub(super) maximum_response_size: usize,
}

impl Exchange {
    /// The version of the request.
    #[must_use]
    pub const fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// What was asked, item by item.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }
}

/// What came of one item of a request.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant)] // Views of one message at a time; nobody keeps many.
pub enum Outcome<'a> {
    /// It was done. Some servers leave out payloads that are empty.
    Done(Option<ResponsePayload<'a>>),
    /// It was not done, or undone again.
    Refused(Refusal),
    /// It is being done; Poll with this Asynchronous Correlation Value.
    Pending(Option<&'a [u8]>),
    /// It was not tried, because an item before it failed.
    NotReached,
}

impl Protocol {
    /// Speaks with a server about which nothing is known.
    #[must_use]
    pub fn new(options: ProtocolOptions) -> Self {
        let version = match options.versions.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        let asking = first_question(&options.versions);
        Self { options, version, server_versions: Vec::new(), asking, hung_up: false, requests: 0 }
    }

    /// Speaks with a server whose version is known from earlier.
    #[must_use]
    pub fn resumed(options: ProtocolOptions, version: ProtocolVersion) -> Self {
        Self { version: Some(version), ..Self::new(options) }
    }

    /// The version that is spoken, once that is settled.
    #[must_use]
    pub const fn version(&self) -> Option<ProtocolVersion> {
        self.version
    }

    /// The versions that the server says it has; empty if it was not asked or could not say.
    #[must_use]
    pub fn server_versions(&self) -> &[ProtocolVersion] {
        &self.server_versions
    }

    /// Encodes a request of one or several items into `out`, whose contents are wiped before.
    ///
    /// Several items get a Unique Batch Item ID each, and are to be done in their order.
    ///
    /// # Errors
    /// [`ProtocolError::NotNegotiated`], [`ProtocolError::NothingAsked`], and [`ProtocolError::Encode`] for what the
    /// version does not have.
    pub fn request(
        &mut self,
        payloads: &[RequestPayload<'_>],
        options: &MessageOptions<'_>,
        out: &mut Zeroizing<Vec<u8>>,
    ) -> Result<Exchange, ProtocolError> {
        let version = self.version.ok_or(ProtocolError::NotNegotiated)?;
        self.encode(version, payloads, options, out)
    }

    pub(super) fn encode(
        &mut self,
        version: ProtocolVersion,
        payloads: &[RequestPayload<'_>],
        options: &MessageOptions<'_>,
        out: &mut Zeroizing<Vec<u8>>,
    ) -> Result<Exchange, ProtocolError> {
        let count = i32::try_from(payloads.len()).unwrap_or(i32::MAX);
        if count == 0 {
            return Err(ProtocolError::NothingAsked);
        }
        self.requests += 1;
        let mut ids = Vec::new();
        if count > 1 {
            ids.extend((1..=payloads.len() as u64).map(|place| (self.requests << 20 | place).to_be_bytes()));
        }
        let client_correlation = (self.options.client_correlation && version >= ProtocolVersion::V1_4)
            .then(|| format!("tde-{}", self.requests));
        let items: Vec<_> = (payloads.iter().enumerate())
            .map(|(place, payload)| {
                let mut item = RequestBatchItem::new(payload.operation(), payload.clone());
                item.unique_batch_item_id = ids.get(place).map(<[u8; 8]>::as_slice);
                item
            })
            .collect();

        let password = options.password.or(self.options.password.as_ref());
        let credential = password.map(|password| {
            let mut value = UsernameAndPassword::new(&password.username);
            value.password = Some(password.password.as_str().into());
            let value = CredentialValue::UsernameAndPassword(value);
            [Credential::new(CredentialType::USERNAME_AND_PASSWORD, value)]
        });
        let mut header = RequestHeader::new(version, count);
        header.maximum_response_size = i32::try_from(self.options.maximum_response_size).ok();
        header.client_correlation_value = client_correlation.as_deref();
        header.authentication = credential.as_ref().map(|credentials| Authentication {
            credentials: credentials.into(),
            ..Authentication::default()
        });
        if count > 1 {
            // Left out it would be false in 1.x and true in 2.x (KMIP 1.4, section 6.12; KMIP 2.1, section 9.8).
            header.batch_order_option = Some(true);
            header.batch_error_continuation_option = options.continuation;
        }
        let message = RequestMessage { header, batch_items: items.as_slice().into() };
        let unencodable = |error| ProtocolError::Encode { version, source: Box::new(error) };
        out.zeroize();
        out.resize(message.encoded_len().map_err(unencodable)?, 0);
        message.encode(out).map_err(unencodable)?;
        Ok(Exchange {
            version,
            operations: payloads.iter().map(RequestPayload::operation).collect(),
            ids,
            client_correlation,
            continues: options.continuation == Some(BatchErrorContinuationOption::CONTINUE),
            maximum_response_size: self.options.maximum_response_size,
        })
    }
}

impl Exchange {
    /// Holds a response against the request: what came of each item, in the order of the request.
    ///
    /// # Errors
    /// [`ProtocolError::Decode`]; [`ProtocolError::Refused`] if the whole message was refused; the others if the
    /// response does not belong to the request.
    pub fn outcomes<'a>(&self, response: &'a [u8]) -> Result<Vec<Outcome<'a>>, ProtocolError> {
        matching::outcomes(self, &self.decode(response)?)
    }

    /// Decodes strictly, and if that fails as leniently as is safe: strict decoding is quicker.
    fn decode<'a>(&self, response: &'a [u8]) -> Result<ResponseMessage<'a>, ProtocolError> {
        let options = Options::new().max_size(self.maximum_response_size);
        ResponseMessage::decode_with(response, options, &mut |_| {})
            .or_else(|_| {
                ResponseMessage::decode_with(response, options.leniency(TOLERATED), &mut |deviation| {
                    tracing::debug!(%deviation, "the server departs from the standard");
                })
            })
            .map_err(|error| ProtocolError::Decode(Box::new(error)))
    }
}

/// Why a request cannot be made, or a response is not one to it.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The version is not settled yet.
    #[error("the version is not negotiated yet")]
    NotNegotiated,
    /// There is no item.
    #[error("a request needs at least one item")]
    NothingAsked,
    /// The version agreed on cannot express the request.
    #[error("KMIP {version} cannot express the request: {source}")]
    Encode {
        /// The version.
        version: ProtocolVersion,
        /// What it lacks.
        source: Box<ttlv::Error>,
    },
    /// The response is no KMIP message, or one that contradicts the standard in a way that is not safe to ignore.
    #[error("the response cannot be read: {0}")]
    Decode(Box<ttlv::Error>),
    /// The response is in another version than the request.
    #[error("the request was in KMIP {asked}, the response is in {answered}")]
    OtherVersion {
        /// The version of the request.
        asked: ProtocolVersion,
        /// The version of the response.
        answered: ProtocolVersion,
    },
    /// The Client Correlation Value is not that of the request.
    #[error("the response is to another request: its Client Correlation Value is not ours")]
    OtherRequest,
    /// An item of the response has an identifier that no item of the request has, or that was answered already.
    #[error(
        "item {place} of the response answers no item of the request: its Unique Batch Item ID is not ours"
    )]
    UnknownItem {
        /// Which item of the response, counted from 1.
        place: usize,
    },
    /// The response has more items than the request.
    #[error("{asked} items were asked for, {answered} were answered")]
    TooManyItems {
        /// The items of the request.
        asked: usize,
        /// The items of the response.
        answered: usize,
    },
    /// An item was not answered, though none before it failed.
    #[error("item {place} of the request ({operation}) was not answered")]
    Unanswered {
        /// Which item of the request, counted from 1.
        place: usize,
        /// What it asked.
        operation: Operation,
    },
    /// An item of the response is about another operation.
    #[error("{asked} was asked for, {} was answered", named(*answered))]
    OtherOperation {
        /// The operation of the request.
        asked: Operation,
        /// The operation of the response.
        answered: Option<Operation>,
    },
    /// The response lacks what the operation gives.
    #[error("the response to {operation} lacks {what}")]
    Lacking {
        /// The operation.
        operation: Operation,
        /// What is missing.
        what: &'static str,
    },
    /// The server answered about another object than the one that was asked for.
    #[error("the response to {operation} is about another object than the one asked for")]
    OtherObject {
        /// The operation.
        operation: Operation,
    },
    /// The whole message was refused.
    #[error("the server refused the message: {0}")]
    Refused(Refusal),
    /// Client and server have no version in common.
    #[error("no version in common: the server has {}, the client {}", listed(theirs), listed(ours))]
    NoCommonVersion {
        /// The client's versions.
        ours: Vec<ProtocolVersion>,
        /// The server's versions.
        theirs: Vec<ProtocolVersion>,
    },
}

fn named(operation: Option<Operation>) -> String {
    operation.map_or_else(|| "no operation".to_owned(), |operation| operation.to_string())
}

fn listed(versions: &[ProtocolVersion]) -> String {
    if versions.is_empty() {
        return "none".to_owned();
    }
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
