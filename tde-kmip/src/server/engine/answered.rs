//! What was asked and answered, for the audit log: facts, never secrets.

use tde_kmip_codec::spec::{
    ProtocolVersion,
    enumeration::{Operation, ResultReason, ResultStatus},
};

/// A request that was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Answered {
    /// The version of the response.
    pub version: ProtocolVersion,
    /// Who asked: the owner of what the request made.
    pub owner: String,
    /// The Server Correlation Value of the response, if it has one.
    pub correlation: Option<String>,
    /// The batch items of the response.
    pub items: Vec<AnsweredItem>,
}

/// A batch item that was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AnsweredItem {
    /// The operation; none if the request could not be read that far.
    pub operation: Option<Operation>,
    /// The objects that it was about or that it made.
    pub unique_identifiers: Vec<String>,
    /// How it went.
    pub status: ResultStatus,
    /// Why it failed.
    pub reason: Option<ResultReason>,
    /// The Result Message.
    pub message: Option<String>,
}
