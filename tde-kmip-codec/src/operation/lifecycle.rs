//! Moving objects through their states.

use crate::{
    attribute::{RevocationReason, UniqueIdentifier},
    codec::DateTime,
    spec::{self},
};

structure! {
    /// Request payload of Activate.
    ActivateRequest = spec::operation::ACTIVATE.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Response payload of Activate.
    ActivateResponse = spec::operation::ACTIVATE.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Request payload of Revoke.
    RevokeRequest = spec::operation::REVOKE.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Revocation Reason.
    revocation_reason: req RevocationReason<'a> = REVOCATION_REASON;
    /// Compromise Occurrence Date; only with a compromise as the reason.
    compromise_occurrence_date: opt DateTime = COMPROMISE_OCCURRENCE_DATE;
}

structure! {
    /// Response payload of Revoke.
    RevokeResponse = spec::operation::REVOKE.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Request payload of Destroy.
    DestroyRequest = spec::operation::DESTROY.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Response payload of Destroy.
    DestroyResponse = spec::operation::DESTROY.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Request payload of Archive.
    ArchiveRequest = spec::operation::ARCHIVE.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Response payload of Archive.
    ArchiveResponse = spec::operation::ARCHIVE.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Request payload of Recover.
    RecoverRequest = spec::operation::RECOVER.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Response payload of Recover.
    RecoverResponse = spec::operation::RECOVER.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}
