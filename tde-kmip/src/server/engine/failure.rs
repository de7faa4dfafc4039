//! Why an item fails: a reason in the words of the version, and a message that says what was wrong.

use std::borrow::Cow;

use tde_kmip_codec::{
    spec::{ProtocolVersion, enumeration::ResultReason},
    ttlv::{self, ErrorKind},
};

use crate::server::store::StoreError;

/// What went wrong, before the version says what it is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// The same in every version.
    Exactly(ResultReason),
    /// No such object, or not this client's.
    NoObject,
    /// The object has no such attribute.
    NoAttribute,
    /// The attribute has no such instance.
    NoInstance,
    /// The client may not set or change the attribute.
    ReadOnly,
    /// The attribute has one value at most, or has several where one is meant.
    SingleValued,
    /// The attribute does not belong to such objects, or is not known.
    Unsupported,
    /// The attribute cannot have this value.
    BadValue,
    /// The name belongs to another object.
    NameTaken,
    /// The operation does not fit the type of the object.
    WrongType,
    /// Nothing can be derived of objects of the type (KMIP 1.4, section 11.5).
    BaseType,
    /// The usage mask does not allow to derive of the object.
    BaseUsage,
    /// The derivation method or its parameters are not supported, or do not go together.
    Derivation,
    /// The key that is to wrap or unwrap another does not exist, or is not this client's.
    NoWrappingKey,
    /// It is archived.
    WrappingKeyArchived,
    /// It is destroyed.
    WrappingKeyDestroyed,
    /// Nothing says how it wraps.
    NoParameters,
    /// It does not wrap so.
    WrapParameters,
    /// The Encoding Option does not fit what is to be wrapped.
    Encoding,
    /// The state of the object does not allow it.
    WrongState,
    /// The dates of the object do not allow it (CS-BC-M-14: KMIP 2.0 kept the reason of 1.x).
    Dates,
    /// The usage mask does not allow it.
    Usage,
    /// The usage limits are used up.
    UsageLimits,
    /// The cryptographic parameters are not supported.
    Parameters,
    /// An initialization vector is needed.
    NoVector,
    /// No data in parts has that Correlation Value.
    NoStream,
    /// More than the server keeps.
    ServerLimit,
    /// The key is sensitive, or not to be extracted.
    Sensitive,
    NotExtractable,
    /// What the batch refers to does not exist.
    NoPlaceholder,
}

impl Why {
    /// The reason in a version (KMIP 1.4, section 11; KMIP 2.1, section 6).
    fn reason(self, version: ProtocolVersion) -> ResultReason {
        use ResultReason as R;
        let (v1, v2) = match self {
            Self::Exactly(reason) => (reason, reason),
            Self::NoObject => (R::ITEM_NOT_FOUND, R::OBJECT_NOT_FOUND),
            Self::NoAttribute => (R::ITEM_NOT_FOUND, R::ATTRIBUTE_NOT_FOUND),
            Self::NoInstance => (R::ITEM_NOT_FOUND, R::ATTRIBUTE_INSTANCE_NOT_FOUND),
            Self::ReadOnly => (R::PERMISSION_DENIED, R::ATTRIBUTE_READ_ONLY),
            Self::SingleValued => (R::ILLEGAL_OPERATION, R::ATTRIBUTE_SINGLE_VALUED),
            Self::Unsupported => (R::INVALID_FIELD, R::UNSUPPORTED_ATTRIBUTE),
            Self::BadValue => (R::INVALID_FIELD, R::INVALID_ATTRIBUTE_VALUE),
            Self::NameTaken => (R::INVALID_FIELD, R::NON_UNIQUE_NAME_ATTRIBUTE),
            Self::WrongType => (R::ILLEGAL_OPERATION, R::INVALID_OBJECT_TYPE),
            Self::BaseType => (R::INVALID_FIELD, R::INVALID_OBJECT_TYPE),
            Self::BaseUsage => (R::INVALID_FIELD, R::INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK),
            Self::Derivation => (R::INVALID_FIELD, R::BAD_CRYPTOGRAPHIC_PARAMETERS),
            Self::NoWrappingKey => (R::ITEM_NOT_FOUND, R::WRAPPING_OBJECT_NOT_FOUND),
            Self::WrappingKeyArchived => (R::OBJECT_ARCHIVED, R::WRAPPING_OBJECT_ARCHIVED),
            Self::WrappingKeyDestroyed => (R::ITEM_NOT_FOUND, R::WRAPPING_OBJECT_DESTROYED),
            Self::NoParameters => (R::ITEM_NOT_FOUND, R::BAD_CRYPTOGRAPHIC_PARAMETERS),
            Self::WrapParameters => (R::INVALID_FIELD, R::BAD_CRYPTOGRAPHIC_PARAMETERS),
            Self::Encoding => (R::ENCODING_OPTION_ERROR, R::ENCODING_OPTION_ERROR),
            Self::WrongState => (R::PERMISSION_DENIED, R::WRONG_KEY_LIFECYCLE_STATE),
            Self::Usage => (R::PERMISSION_DENIED, R::INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK),
            Self::UsageLimits => (R::PERMISSION_DENIED, R::USAGE_LIMIT_EXCEEDED),
            Self::Parameters => (R::CRYPTOGRAPHIC_FAILURE, R::UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
            // As the published test cases have it (CS-BC-M-12), of every version.
            Self::NoVector => (R::INVALID_MESSAGE, R::INVALID_MESSAGE),
            Self::Dates if version == ProtocolVersion::V2_0 => (R::PERMISSION_DENIED, R::PERMISSION_DENIED),
            Self::Dates => (R::PERMISSION_DENIED, R::WRONG_KEY_LIFECYCLE_STATE),
            Self::NoStream => (R::INVALID_FIELD, R::INVALID_CORRELATION_VALUE),
            Self::ServerLimit => (R::GENERAL_FAILURE, R::SERVER_LIMIT_EXCEEDED),
            Self::Sensitive => (R::SENSITIVE, R::SENSITIVE),
            Self::NotExtractable => (R::NOT_EXTRACTABLE, R::NOT_EXTRACTABLE),
            Self::NoPlaceholder => (R::ITEM_NOT_FOUND, R::OBJECT_NOT_FOUND),
        };
        let reason = if version.major < 2 { v1 } else { v2 };
        if reason.versions().contains(version) { reason } else { R::PERMISSION_DENIED }
    }
}

/// Why an item fails. The message says what was wrong and never holds a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Failure {
    why: Why,
    pub(super) message: Cow<'static, str>,
}

impl Failure {
    pub(super) fn new(why: Why, message: impl Into<Cow<'static, str>>) -> Self {
        Self { why, message: message.into() }
    }

    /// A failure whose reason is called the same in every version.
    pub(super) fn exactly(reason: ResultReason, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Why::Exactly(reason), message)
    }

    pub(super) fn invalid_field(message: impl Into<Cow<'static, str>>) -> Self {
        Self::exactly(ResultReason::INVALID_FIELD, message)
    }

    pub(super) fn general(message: impl Into<Cow<'static, str>>) -> Self {
        Self::exactly(ResultReason::GENERAL_FAILURE, message)
    }

    pub(super) fn no_object(id: &str) -> Self {
        Self::new(Why::NoObject, format!("there is no object {}", Shown(id)))
    }

    pub(super) fn reason(&self, version: ProtocolVersion) -> ResultReason {
        self.why.reason(version)
    }

    /// What is wrong with a request that cannot be decoded (KMIP 1.4, section 11.1).
    pub(super) fn undecodable(error: &ttlv::Error) -> Self {
        let reason = match error.kind() {
            ErrorKind::UnknownField { .. }
            | ErrorKind::FieldNotInVersion { .. }
            | ErrorKind::UnknownEnumerationValue { .. }
            | ErrorKind::EnumerationValueNotInVersion { .. }
            | ErrorKind::InvalidValue { .. }
            | ErrorKind::ConditionalFieldPresent { .. } => ResultReason::INVALID_FIELD,
            // KMIP 1.4, section 6.10: what the operation needs was not in the request.
            ErrorKind::ConditionalFieldMissing { .. } => ResultReason::MISSING_DATA,
            ErrorKind::UnknownOperation { .. } | ErrorKind::OperationNotInVersion { .. } => {
                ResultReason::OPERATION_NOT_SUPPORTED
            }
            _ => ResultReason::INVALID_MESSAGE,
        };
        Self::exactly(reason, error.to_string())
    }
}

/// A piece of a request in a message: cut, and without anything that could break a log line.
struct Shown<'a>(&'a str);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const MOST: usize = 128;
        let shown: String = self.0.chars().take(MOST).collect();
        let dots = if shown.len() < self.0.len() { "..." } else { "" };
        write!(f, "{shown:?}{dots}")
    }
}

/// Why an operation stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// It fails; the client is told so.
    Failed(Failure),
    /// Somebody else changed the same records in the meantime: read again and retry.
    Conflict,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::Conflict,
            // What exactly is for the operator, not for the client.
            error => {
                tracing::error!(%error, "the object store failed");
                Self::Failed(Failure::general("the object store failed"))
            }
        }
    }
}

impl From<super::RandomnessError> for Stop {
    fn from(error: super::RandomnessError) -> Self {
        Self::Failed(Failure::exactly(ResultReason::CRYPTOGRAPHIC_FAILURE, error.to_string()))
    }
}

/// What operations give: they have answered, or they stopped.
pub(super) type Outcome<T = ()> = Result<T, Stop>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_exists_in_the_version_that_it_is_given_in() {
        for version in ProtocolVersion::ALL {
            for why in [
                Why::NoObject,
                Why::NoAttribute,
                Why::NoInstance,
                Why::ReadOnly,
                Why::SingleValued,
                Why::Unsupported,
                Why::BadValue,
                Why::NameTaken,
                Why::WrongType,
                Why::BaseType,
                Why::BaseUsage,
                Why::Derivation,
                Why::NoWrappingKey,
                Why::WrappingKeyArchived,
                Why::WrappingKeyDestroyed,
                Why::NoParameters,
                Why::WrapParameters,
                Why::Encoding,
                Why::WrongState,
                Why::Usage,
                Why::UsageLimits,
                Why::Parameters,
                Why::NoVector,
                Why::Dates,
                Why::NoStream,
                Why::ServerLimit,
                Why::Sensitive,
                Why::NotExtractable,
                Why::NoPlaceholder,
                Why::Exactly(ResultReason::OBJECT_DESTROYED),
            ] {
                assert!(why.reason(version).versions().contains(version), "{why:?} in {version}");
            }
        }
    }

    #[test]
    fn what_a_client_sent_is_cut_and_escaped_in_messages() {
        let failure = Failure::no_object(&format!("a\nb{}", "x".repeat(500)));
        assert!(failure.message.len() < 200, "{}", failure.message);
        assert!(!failure.message.contains('\n'));
    }
}
