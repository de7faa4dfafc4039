//! Keys and what carries them.

use crate::{
    object::KeyBlock,
    spec::{
        self,
        enumeration::{SecretDataType, SplitKeyMethod},
    },
    ttlv::BigInteger,
};

structure! {
    /// Symmetric Key.
    SymmetricKey = spec::structure::SYMMETRIC_KEY.fields;

    /// Key Block.
    key_block: req KeyBlock<'a> = KEY_BLOCK;
}

structure! {
    /// Public Key.
    PublicKey = spec::structure::PUBLIC_KEY.fields;

    /// Key Block.
    key_block: req KeyBlock<'a> = KEY_BLOCK;
}

structure! {
    /// Private Key.
    PrivateKey = spec::structure::PRIVATE_KEY.fields;

    /// Key Block.
    key_block: req KeyBlock<'a> = KEY_BLOCK;
}

structure! {
    /// Split Key.
    SplitKey = spec::structure::SPLIT_KEY.fields;

    /// Split Key Parts.
    split_key_parts: req i32 = SPLIT_KEY_PARTS;
    /// Key Part Identifier.
    key_part_identifier: req i32 = KEY_PART_IDENTIFIER;
    /// Split Key Threshold.
    split_key_threshold: req i32 = SPLIT_KEY_THRESHOLD;
    /// Split Key Method.
    split_key_method: req SplitKeyMethod = SPLIT_KEY_METHOD;
    /// Prime Field Size; there when Split Key Method is Polynomial Sharing Prime Field.
    prime_field_size: opt BigInteger<'a> = PRIME_FIELD_SIZE;
    /// Key Block.
    key_block: req KeyBlock<'a> = KEY_BLOCK;
}

structure! {
    /// PGP Key; KMIP 1.2 and later.
    PgpKey = spec::structure::PGP_KEY.fields;

    /// PGP Key Version.
    pgp_key_version: req i32 = PGP_KEY_VERSION;
    /// Key Block.
    key_block: req KeyBlock<'a> = KEY_BLOCK;
}

structure! {
    /// Secret Data.
    SecretData = spec::structure::SECRET_DATA.fields;

    /// Secret Data Type.
    secret_data_type: req SecretDataType = SECRET_DATA_TYPE;
    /// Key Block.
    key_block: req KeyBlock<'a> = KEY_BLOCK;
}
