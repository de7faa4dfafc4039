//! Logging in and out.

use crate::{
    attribute::UsageLimits,
    codec::Interval,
    message::Ticket,
    operation::Rights,
    spec::{self},
};

structure! {
    /// Request payload of Login; KMIP 2.0 and later.
    LoginRequest = spec::operation::LOGIN.request;

    /// Lease Time.
    lease_time: opt Interval = LEASE_TIME;
    /// Request Count.
    request_count: opt i32 = REQUEST_COUNT;
    /// Usage Limits.
    usage_limits: opt UsageLimits<'a> = USAGE_LIMITS;
}

structure! {
    /// Response payload of Login; KMIP 2.0 and later.
    LoginResponse = spec::operation::LOGIN.response;

    /// Ticket.
    ticket: req Ticket<'a> = TICKET;
}

structure! {
    /// Request payload of Logout; KMIP 2.0 and later.
    LogoutRequest = spec::operation::LOGOUT.request;

    /// Ticket.
    ticket: req Ticket<'a> = TICKET;
}

structure! {
    /// Response payload of Logout; KMIP 2.0 and later.
    LogoutResponse = spec::operation::LOGOUT.response;

}

structure! {
    /// Request payload of Delegated Login; KMIP 2.0 and later.
    DelegatedLoginRequest = spec::operation::DELEGATED_LOGIN.request;

    /// Lease Time.
    lease_time: opt Interval = LEASE_TIME;
    /// Request Count.
    request_count: opt i32 = REQUEST_COUNT;
    /// Usage Limits.
    usage_limits: opt UsageLimits<'a> = USAGE_LIMITS;
    /// Rights.
    rights: req Rights<'a> = RIGHTS;
}

structure! {
    /// Response payload of Delegated Login; KMIP 2.0 and later.
    DelegatedLoginResponse = spec::operation::DELEGATED_LOGIN.response;

    /// Ticket.
    ticket: req Ticket<'a> = TICKET;
}
