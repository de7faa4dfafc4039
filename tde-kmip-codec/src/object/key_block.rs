//! Key Block.

use crate::{
    attribute::{Attributes, CryptographicParameters, UniqueIdentifier},
    codec::Nested,
    object::{KeyMaterial, KeyValue},
    spec::{
        self,
        enumeration::{
            CryptographicAlgorithm, EncodingOption, KeyCompressionType, KeyFormatType, WrappingMethod,
        },
    },
};

structure! {
    /// Key Block.
    KeyBlock = spec::structure::KEY_BLOCK.fields;

    /// Key Format Type.
    key_format_type: req KeyFormatType = KEY_FORMAT_TYPE;
    /// Key Compression Type.
    key_compression_type: opt KeyCompressionType = KEY_COMPRESSION_TYPE;
    /// Key Value; absent when the key material is kept elsewhere (Key Value Present is false).
    key_value: opt_by KeyValue<'a> = KEY_VALUE, by key_format_type;
    /// Cryptographic Algorithm; absent only when the Key Value tells it, or for Secret Data and Opaque Objects;
    /// present together with Cryptographic Length.
    cryptographic_algorithm: opt CryptographicAlgorithm = CRYPTOGRAPHIC_ALGORITHM;
    /// Cryptographic Length; absent only when the Key Value tells it, or for Secret Data and Opaque Objects;
    /// present together with Cryptographic Algorithm.
    cryptographic_length: opt i32 = CRYPTOGRAPHIC_LENGTH;
    /// Key Wrapping Data; there when Key Value is a Byte String; with a structure only where the material alone is
    /// encrypted (No Encoding), or nothing is (MAC/sign).
    key_wrapping_data: opt Nested<'a, KeyWrappingData<'a>> = KEY_WRAPPING_DATA;
}

structure! {
    /// Key Value.
    PlainKeyValue = spec::structure::KEY_VALUE.fields;

    /// Key Material.
    key_material: req KeyMaterial<'a> = KEY_MATERIAL;
    /// The attributes: repeated Attribute in KMIP 1.x, one Attributes in 2.x.
    attributes: attrs Attributes<'a> = ATTRIBUTE | ATTRIBUTES;
}

structure! {
    /// Key Wrapping Data.
    KeyWrappingData = spec::structure::KEY_WRAPPING_DATA.fields;

    /// Wrapping Method.
    wrapping_method: req WrappingMethod = WRAPPING_METHOD;
    /// Encryption Key Information.
    encryption_key_information: opt EncryptionKeyInformation<'a> = ENCRYPTION_KEY_INFORMATION;
    /// MAC/Signature Key Information.
    mac_signature_key_information: opt MacSignatureKeyInformation<'a> = MAC_SIGNATURE_KEY_INFORMATION;
    /// MAC/Signature.
    mac_signature: opt &'a [u8] = MAC_SIGNATURE;
    /// IV/Counter/Nonce.
    iv_counter_nonce: opt &'a [u8] = IV_COUNTER_NONCE;
    /// Encoding Option; KMIP 1.1 and later.
    encoding_option: opt EncodingOption = ENCODING_OPTION;
}

structure! {
    /// Key Wrapping Specification.
    KeyWrappingSpecification = spec::structure::KEY_WRAPPING_SPECIFICATION.fields;

    /// Wrapping Method.
    wrapping_method: req WrappingMethod = WRAPPING_METHOD;
    /// Encryption Key Information; there when MAC/Signature Key Information is absent.
    encryption_key_information: opt EncryptionKeyInformation<'a> = ENCRYPTION_KEY_INFORMATION;
    /// MAC/Signature Key Information; there when Encryption Key Information is absent.
    mac_signature_key_information: opt MacSignatureKeyInformation<'a> = MAC_SIGNATURE_KEY_INFORMATION;
    /// Attribute Name.
    attribute_names: many &'a str = ATTRIBUTE_NAME;
    /// Encoding Option; KMIP 1.1 and later.
    encoding_option: opt EncodingOption = ENCODING_OPTION;
}

structure! {
    /// Encryption Key Information.
    EncryptionKeyInformation = spec::structure::ENCRYPTION_KEY_INFORMATION.fields;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Cryptographic Parameters.
    cryptographic_parameters: opt CryptographicParameters<'a> = CRYPTOGRAPHIC_PARAMETERS;
}

structure! {
    /// MAC/Signature Key Information.
    MacSignatureKeyInformation = spec::structure::MAC_SIGNATURE_KEY_INFORMATION.fields;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Cryptographic Parameters.
    cryptographic_parameters: opt CryptographicParameters<'a> = CRYPTOGRAPHIC_PARAMETERS;
}
