//! Who asks.

use crate::{
    codec::{DateTimeExtended, Secret, SecretText},
    message::CredentialValue,
    spec::{
        self,
        enumeration::{AttestationType, CredentialType, HashingAlgorithm, TicketType},
    },
};

structure! {
    /// Authentication.
    Authentication = spec::structure::AUTHENTICATION.fields;

    /// Credential.
    credentials: many Credential<'a> = CREDENTIAL;
}

structure! {
    /// Credential.
    Credential = spec::structure::CREDENTIAL.fields;

    /// Credential Type.
    credential_type: req CredentialType = CREDENTIAL_TYPE;
    /// Credential Value.
    credential_value: req_by CredentialValue<'a> = CREDENTIAL_VALUE, by credential_type;
}

structure! {
    /// Credential Value: UsernameAndPassword.
    UsernameAndPassword = spec::structure::CREDENTIAL_VALUE_USERNAME_AND_PASSWORD.fields;

    /// Username.
    username: req &'a str = USERNAME;
    /// Password.
    password: opt SecretText<'a> = PASSWORD;
}

structure! {
    /// Credential Value: Device; KMIP 1.1 and later.
    DeviceCredential = spec::structure::CREDENTIAL_VALUE_DEVICE.fields;

    /// Device Serial Number; at least one field of the structure is there.
    device_serial_number: opt &'a str = DEVICE_SERIAL_NUMBER;
    /// Password; at least one field of the structure is there.
    password: opt SecretText<'a> = PASSWORD;
    /// Device Identifier; at least one field of the structure is there.
    device_identifier: opt &'a str = DEVICE_IDENTIFIER;
    /// Network Identifier; at least one field of the structure is there.
    network_identifier: opt &'a str = NETWORK_IDENTIFIER;
    /// Machine Identifier; at least one field of the structure is there.
    machine_identifier: opt &'a str = MACHINE_IDENTIFIER;
    /// Media Identifier; at least one field of the structure is there.
    media_identifier: opt &'a str = MEDIA_IDENTIFIER;
}

structure! {
    /// Credential Value: Attestation; KMIP 1.2 and later.
    AttestationCredential = spec::structure::CREDENTIAL_VALUE_ATTESTATION.fields;

    /// Nonce.
    nonce: req Nonce<'a> = NONCE;
    /// Attestation Type.
    attestation_type: req AttestationType = ATTESTATION_TYPE;
    /// Attestation Measurement; there when Attestation Assertion is absent.
    attestation_measurement: opt &'a [u8] = ATTESTATION_MEASUREMENT;
    /// Attestation Assertion; there when Attestation Measurement is absent.
    attestation_assertion: opt &'a [u8] = ATTESTATION_ASSERTION;
}

structure! {
    /// Credential Value: OneTimePassword; KMIP 2.0 and later.
    OneTimePassword = spec::structure::CREDENTIAL_VALUE_ONE_TIME_PASSWORD.fields;

    /// Username.
    username: req &'a str = USERNAME;
    /// Password.
    password: opt SecretText<'a> = PASSWORD;
    /// One Time Password.
    one_time_password: req SecretText<'a> = ONE_TIME_PASSWORD;
}

structure! {
    /// Credential Value: HashedPassword; KMIP 2.0 and later.
    HashedPassword = spec::structure::CREDENTIAL_VALUE_HASHED_PASSWORD.fields;

    /// Username.
    username: req &'a str = USERNAME;
    /// Time Stamp.
    time_stamp: req DateTimeExtended = TIME_STAMP;
    /// Hashing Algorithm.
    hashing_algorithm: opt HashingAlgorithm = HASHING_ALGORITHM;
    /// Hashed Password.
    hashed_password: req &'a [u8] = HASHED_PASSWORD;
}

structure! {
    /// Credential Value: Ticket; KMIP 2.0 and later.
    TicketCredential = spec::structure::CREDENTIAL_VALUE_TICKET.fields;

    /// Ticket.
    ticket: req Ticket<'a> = TICKET;
}

structure! {
    /// Nonce; KMIP 1.2 and later.
    Nonce = spec::structure::NONCE.fields;

    /// Nonce ID.
    nonce_id: req &'a [u8] = NONCE_ID;
    /// Nonce Value.
    nonce_value: req &'a [u8] = NONCE_VALUE;
}

structure! {
    /// Ticket; KMIP 2.0 and later.
    Ticket = spec::structure::TICKET.fields;

    /// Ticket Type.
    ticket_type: req TicketType = TICKET_TYPE;
    /// Ticket Value.
    ticket_value: req Secret<'a> = TICKET_VALUE;
}
