//! Cryptographic operations.

use crate::{
    attribute::{CryptographicParameters, UniqueIdentifier},
    operation::Data,
    spec::{self, enumeration::ValidityIndicator},
};

structure! {
    /// Request payload of Encrypt; KMIP 1.2 and later.
    EncryptRequest = spec::operation::ENCRYPT.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Cryptographic Parameters.
    cryptographic_parameters: opt CryptographicParameters<'a> = CRYPTOGRAPHIC_PARAMETERS;
    /// Data; may be absent in a multi-part (streaming) call.
    data: opt Data<'a> = DATA;
    /// IV/Counter/Nonce.
    iv_counter_nonce: opt &'a [u8] = IV_COUNTER_NONCE;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
    /// Init Indicator; KMIP 1.3 and later.
    init_indicator: opt bool = INIT_INDICATOR;
    /// Final Indicator; KMIP 1.3 and later.
    final_indicator: opt bool = FINAL_INDICATOR;
    /// Authenticated Encryption Additional Data; KMIP 1.4 and later.
    authenticated_encryption_additional_data: opt &'a [u8] = AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA;
}

structure! {
    /// Response payload of Encrypt; KMIP 1.2 and later.
    EncryptResponse = spec::operation::ENCRYPT.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Data; may be absent in a multi-part (streaming) call.
    data: opt Data<'a> = DATA;
    /// IV/Counter/Nonce.
    iv_counter_nonce: opt &'a [u8] = IV_COUNTER_NONCE;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
    /// Authenticated Encryption Tag; KMIP 1.4 and later.
    authenticated_encryption_tag: opt &'a [u8] = AUTHENTICATED_ENCRYPTION_TAG;
}

structure! {
    /// Request payload of Decrypt; KMIP 1.2 and later.
    DecryptRequest = spec::operation::DECRYPT.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Cryptographic Parameters.
    cryptographic_parameters: opt CryptographicParameters<'a> = CRYPTOGRAPHIC_PARAMETERS;
    /// Data; may be absent in a multi-part (streaming) call.
    data: opt Data<'a> = DATA;
    /// IV/Counter/Nonce.
    iv_counter_nonce: opt &'a [u8] = IV_COUNTER_NONCE;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
    /// Init Indicator; KMIP 1.3 and later.
    init_indicator: opt bool = INIT_INDICATOR;
    /// Final Indicator; KMIP 1.3 and later.
    final_indicator: opt bool = FINAL_INDICATOR;
    /// Authenticated Encryption Additional Data; KMIP 1.4 and later.
    authenticated_encryption_additional_data: opt &'a [u8] = AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA;
    /// Authenticated Encryption Tag; KMIP 1.4 and later.
    authenticated_encryption_tag: opt &'a [u8] = AUTHENTICATED_ENCRYPTION_TAG;
}

structure! {
    /// Response payload of Decrypt; KMIP 1.2 and later.
    DecryptResponse = spec::operation::DECRYPT.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Data; may be absent in a multi-part (streaming) call.
    data: opt Data<'a> = DATA;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
}

structure! {
    /// Request payload of Sign; KMIP 1.2 and later.
    SignRequest = spec::operation::SIGN.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Cryptographic Parameters.
    cryptographic_parameters: opt CryptographicParameters<'a> = CRYPTOGRAPHIC_PARAMETERS;
    /// Data; may be absent with Digested Data or in a multi-part
    /// (streaming) call.
    data: opt Data<'a> = DATA;
    /// Digested Data; KMIP 1.4 and later.
    digested_data: opt &'a [u8] = DIGESTED_DATA;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
    /// Init Indicator; KMIP 1.3 and later.
    init_indicator: opt bool = INIT_INDICATOR;
    /// Final Indicator; KMIP 1.3 and later.
    final_indicator: opt bool = FINAL_INDICATOR;
}

structure! {
    /// Response payload of Sign; KMIP 1.2 and later.
    SignResponse = spec::operation::SIGN.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Signature Data; may be absent in a multi-part (streaming) call.
    signature_data: opt &'a [u8] = SIGNATURE_DATA;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
}

structure! {
    /// Request payload of Signature Verify; KMIP 1.2 and later.
    SignatureVerifyRequest = spec::operation::SIGNATURE_VERIFY.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Cryptographic Parameters.
    cryptographic_parameters: opt CryptographicParameters<'a> = CRYPTOGRAPHIC_PARAMETERS;
    /// Data.
    data: opt Data<'a> = DATA;
    /// Digested Data; KMIP 1.4 and later.
    digested_data: opt &'a [u8] = DIGESTED_DATA;
    /// Signature Data; may be absent in a multi-part (streaming) call.
    signature_data: opt &'a [u8] = SIGNATURE_DATA;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
    /// Init Indicator; KMIP 1.3 and later.
    init_indicator: opt bool = INIT_INDICATOR;
    /// Final Indicator; KMIP 1.3 and later.
    final_indicator: opt bool = FINAL_INDICATOR;
}

structure! {
    /// Response payload of Signature Verify; KMIP 1.2 and later.
    SignatureVerifyResponse = spec::operation::SIGNATURE_VERIFY.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Validity Indicator; may be absent in a multi-part (streaming) call.
    validity_indicator: opt ValidityIndicator = VALIDITY_INDICATOR;
    /// Data.
    data: opt Data<'a> = DATA;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
}

structure! {
    /// Request payload of MAC; KMIP 1.2 and later.
    MacRequest = spec::operation::MAC.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Cryptographic Parameters.
    cryptographic_parameters: opt CryptographicParameters<'a> = CRYPTOGRAPHIC_PARAMETERS;
    /// Data; may be absent in a multi-part (streaming) call.
    data: opt Data<'a> = DATA;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
    /// Init Indicator; KMIP 1.3 and later.
    init_indicator: opt bool = INIT_INDICATOR;
    /// Final Indicator; KMIP 1.3 and later.
    final_indicator: opt bool = FINAL_INDICATOR;
}

structure! {
    /// Response payload of MAC; KMIP 1.2 and later.
    MacResponse = spec::operation::MAC.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// MAC Data; may be absent in a multi-part (streaming) call.
    mac_data: opt &'a [u8] = MAC_DATA;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
}

structure! {
    /// Request payload of MAC Verify; KMIP 1.2 and later.
    MacVerifyRequest = spec::operation::MAC_VERIFY.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Cryptographic Parameters.
    cryptographic_parameters: opt CryptographicParameters<'a> = CRYPTOGRAPHIC_PARAMETERS;
    /// Data.
    data: opt Data<'a> = DATA;
    /// MAC Data; may be absent in a multi-part (streaming) call.
    mac_data: opt &'a [u8] = MAC_DATA;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
    /// Init Indicator; KMIP 1.3 and later.
    init_indicator: opt bool = INIT_INDICATOR;
    /// Final Indicator; KMIP 1.3 and later.
    final_indicator: opt bool = FINAL_INDICATOR;
}

structure! {
    /// Response payload of MAC Verify; KMIP 1.2 and later.
    MacVerifyResponse = spec::operation::MAC_VERIFY.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Validity Indicator; may be absent in a multi-part (streaming) call.
    validity_indicator: opt ValidityIndicator = VALIDITY_INDICATOR;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
}

structure! {
    /// Request payload of RNG Retrieve; KMIP 1.2 and later.
    RngRetrieveRequest = spec::operation::RNG_RETRIEVE.request;

    /// Data Length.
    data_length: req i32 = DATA_LENGTH;
}

structure! {
    /// Response payload of RNG Retrieve; KMIP 1.2 and later.
    RngRetrieveResponse = spec::operation::RNG_RETRIEVE.response;

    /// Data.
    data: req Data<'a> = DATA;
}

structure! {
    /// Request payload of RNG Seed; KMIP 1.2 and later.
    RngSeedRequest = spec::operation::RNG_SEED.request;

    /// Data.
    data: req Data<'a> = DATA;
}

structure! {
    /// Response payload of RNG Seed; KMIP 1.2 and later.
    RngSeedResponse = spec::operation::RNG_SEED.response;

    /// Data Length.
    data_length: req i32 = DATA_LENGTH;
}

structure! {
    /// Request payload of Hash; KMIP 1.2 and later.
    HashRequest = spec::operation::HASH.request;

    /// Cryptographic Parameters.
    cryptographic_parameters: req CryptographicParameters<'a> = CRYPTOGRAPHIC_PARAMETERS;
    /// Data; may be absent in a multi-part (streaming) call.
    data: opt Data<'a> = DATA;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
    /// Init Indicator; KMIP 1.3 and later.
    init_indicator: opt bool = INIT_INDICATOR;
    /// Final Indicator; KMIP 1.3 and later.
    final_indicator: opt bool = FINAL_INDICATOR;
}

structure! {
    /// Response payload of Hash; KMIP 1.2 and later.
    HashResponse = spec::operation::HASH.response;

    /// Data; may be absent in a multi-part (streaming) call.
    data: opt Data<'a> = DATA;
    /// Correlation Value; KMIP 1.3 and later.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
}
