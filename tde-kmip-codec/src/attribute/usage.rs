//! Limits and reasons.

use crate::spec::{
    self,
    enumeration::{RevocationReasonCode, UsageLimitsUnit},
};

structure! {
    /// Usage Limits.
    #[derive(Copy)]
    UsageLimits = spec::structure::USAGE_LIMITS.fields;

    /// Usage Limits Total.
    usage_limits_total: req i64 = USAGE_LIMITS_TOTAL;
    /// Usage Limits Count; absent where the client sets the limits and the server is to count.
    usage_limits_count: opt i64 = USAGE_LIMITS_COUNT;
    /// Usage Limits Unit.
    usage_limits_unit: req UsageLimitsUnit = USAGE_LIMITS_UNIT;
}

structure! {
    /// Revocation Reason.
    #[derive(Copy)]
    RevocationReason = spec::structure::REVOCATION_REASON.fields;

    /// Revocation Reason Code.
    revocation_reason_code: req RevocationReasonCode = REVOCATION_REASON_CODE;
    /// Revocation Message.
    revocation_message: opt &'a str = REVOCATION_MESSAGE;
}
