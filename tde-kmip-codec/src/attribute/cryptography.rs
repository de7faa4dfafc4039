//! Cryptographic parameters.

use crate::{
    codec::Secret,
    spec::{
        self,
        enumeration::{
            BlockCipherMode, CryptographicAlgorithm, DRBGAlgorithm, DigitalSignatureAlgorithm,
            FIPS186Variation, HashingAlgorithm, KeyFormatType, KeyRoleType, MaskGenerator, PaddingMethod,
            RNGAlgorithm, RecommendedCurve,
        },
    },
};

structure! {
    /// Cryptographic Parameters.
    #[derive(Copy)]
    CryptographicParameters = spec::structure::CRYPTOGRAPHIC_PARAMETERS.fields;

    /// Block Cipher Mode.
    block_cipher_mode: opt BlockCipherMode = BLOCK_CIPHER_MODE;
    /// Padding Method.
    padding_method: opt PaddingMethod = PADDING_METHOD;
    /// Hashing Algorithm.
    hashing_algorithm: opt HashingAlgorithm = HASHING_ALGORITHM;
    /// Key Role Type.
    key_role_type: opt KeyRoleType = KEY_ROLE_TYPE;
    /// Digital Signature Algorithm; KMIP 1.2 and later.
    digital_signature_algorithm: opt DigitalSignatureAlgorithm = DIGITAL_SIGNATURE_ALGORITHM;
    /// Cryptographic Algorithm; KMIP 1.2 and later.
    cryptographic_algorithm: opt CryptographicAlgorithm = CRYPTOGRAPHIC_ALGORITHM;
    /// Random IV; KMIP 1.2 and later.
    random_iv: opt bool = RANDOM_IV;
    /// IV Length; KMIP 1.2 and later; there when Block Cipher Mode has IVs of several lengths.
    iv_length: opt i32 = IV_LENGTH;
    /// Tag Length; KMIP 1.2 and later; there when Block Cipher Mode is GCM.
    tag_length: opt i32 = TAG_LENGTH;
    /// Fixed Field Length; KMIP 1.2 and later.
    fixed_field_length: opt i32 = FIXED_FIELD_LENGTH;
    /// Invocation Field Length; KMIP 1.2 and later.
    invocation_field_length: opt i32 = INVOCATION_FIELD_LENGTH;
    /// Counter Length; KMIP 1.2 and later.
    counter_length: opt i32 = COUNTER_LENGTH;
    /// Initial Counter Value; KMIP 1.2 and later.
    initial_counter_value: opt i32 = INITIAL_COUNTER_VALUE;
    /// Salt Length; KMIP 1.4 and later.
    salt_length: opt i32 = SALT_LENGTH;
    /// Mask Generator; KMIP 1.4 and later.
    mask_generator: opt MaskGenerator = MASK_GENERATOR;
    /// Mask Generator Hashing Algorithm; KMIP 1.4 and later.
    mask_generator_hashing_algorithm: opt HashingAlgorithm = MASK_GENERATOR_HASHING_ALGORITHM;
    /// P Source; KMIP 1.4 and later.
    p_source: opt &'a [u8] = P_SOURCE;
    /// Trailer Field; KMIP 1.4 and later.
    trailer_field: opt i32 = TRAILER_FIELD;
}

structure! {
    /// Cryptographic Domain Parameters.
    #[derive(Copy)]
    CryptographicDomainParameters = spec::structure::CRYPTOGRAPHIC_DOMAIN_PARAMETERS.fields;

    /// Qlength.
    qlength: opt i32 = QLENGTH;
    /// Recommended Curve.
    recommended_curve: opt RecommendedCurve = RECOMMENDED_CURVE;
}

structure! {
    /// Digest.
    #[derive(Copy)]
    Digest = spec::structure::DIGEST.fields;

    /// Hashing Algorithm.
    hashing_algorithm: req HashingAlgorithm = HASHING_ALGORITHM;
    /// Digest Value; there when the server can see the digested value.
    digest_value: opt &'a [u8] = DIGEST_VALUE;
    /// Key Format Type; KMIP 1.1 and later; there when the object is a key or secret data.
    key_format_type: opt KeyFormatType = KEY_FORMAT_TYPE;
}

structure! {
    /// RNG Parameters; KMIP 1.3 and later.
    #[derive(Copy)]
    RngParameters = spec::structure::RNG_PARAMETERS.fields;

    /// RNG Algorithm.
    rng_algorithm: req RNGAlgorithm = RNG_ALGORITHM;
    /// Cryptographic Algorithm.
    cryptographic_algorithm: opt CryptographicAlgorithm = CRYPTOGRAPHIC_ALGORITHM;
    /// Cryptographic Length.
    cryptographic_length: opt i32 = CRYPTOGRAPHIC_LENGTH;
    /// Hashing Algorithm.
    hashing_algorithm: opt HashingAlgorithm = HASHING_ALGORITHM;
    /// DRBG Algorithm.
    drbg_algorithm: opt DRBGAlgorithm = DRBG_ALGORITHM;
    /// Recommended Curve.
    recommended_curve: opt RecommendedCurve = RECOMMENDED_CURVE;
    /// FIPS186 Variation.
    fips186_variation: opt FIPS186Variation = FIPS186_VARIATION;
    /// Prediction Resistance.
    prediction_resistance: opt bool = PREDICTION_RESISTANCE;
}

structure! {
    /// Derivation Parameters.
    DerivationParameters = spec::structure::DERIVATION_PARAMETERS.fields;

    /// Cryptographic Parameters.
    cryptographic_parameters: opt CryptographicParameters<'a> = CRYPTOGRAPHIC_PARAMETERS;
    /// Initialization Vector.
    initialization_vector: opt &'a [u8] = INITIALIZATION_VECTOR;
    /// Derivation Data; absent when a Secret Data object supplies it.
    derivation_data: many Secret<'a> = DERIVATION_DATA;
    /// Salt; there when Derivation Method is PBKDF2.
    salt: opt &'a [u8] = SALT;
    /// Iteration Count; there when Derivation Method is PBKDF2.
    iteration_count: opt i32 = ITERATION_COUNT;
}
