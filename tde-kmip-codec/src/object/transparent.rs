//! Transparent keys.

use crate::{
    codec::Secret,
    spec::{self, enumeration::RecommendedCurve},
    ttlv::BigInteger,
};

structure! {
    /// Key Material: TransparentSymmetricKey.
    TransparentSymmetricKey = spec::structure::KEY_MATERIAL_TRANSPARENT_SYMMETRIC_KEY.fields;

    /// Key.
    key: req Secret<'a> = KEY;
}

structure! {
    /// Key Material: TransparentDSAPrivateKey.
    TransparentDsaPrivateKey = spec::structure::KEY_MATERIAL_TRANSPARENT_DSA_PRIVATE_KEY.fields;

    /// P.
    p: req BigInteger<'a> = P;
    /// Q.
    q: req BigInteger<'a> = Q;
    /// G.
    g: req BigInteger<'a> = G;
    /// X.
    x: req BigInteger<'a> = X;
}

structure! {
    /// Key Material: TransparentDSAPublicKey.
    TransparentDsaPublicKey = spec::structure::KEY_MATERIAL_TRANSPARENT_DSA_PUBLIC_KEY.fields;

    /// P.
    p: req BigInteger<'a> = P;
    /// Q.
    q: req BigInteger<'a> = Q;
    /// G.
    g: req BigInteger<'a> = G;
    /// Y.
    y: req BigInteger<'a> = Y;
}

structure! {
    /// Key Material: TransparentRSAPrivateKey.
    TransparentRsaPrivateKey = spec::structure::KEY_MATERIAL_TRANSPARENT_RSA_PRIVATE_KEY.fields;

    /// Modulus.
    modulus: req BigInteger<'a> = MODULUS;
    /// Private Exponent.
    private_exponent: opt BigInteger<'a> = PRIVATE_EXPONENT;
    /// Public Exponent.
    public_exponent: opt BigInteger<'a> = PUBLIC_EXPONENT;
    /// P.
    p: opt BigInteger<'a> = P;
    /// Q.
    q: opt BigInteger<'a> = Q;
    /// Prime Exponent P.
    prime_exponent_p: opt BigInteger<'a> = PRIME_EXPONENT_P;
    /// Prime Exponent Q.
    prime_exponent_q: opt BigInteger<'a> = PRIME_EXPONENT_Q;
    /// CRT Coefficient.
    crt_coefficient: opt BigInteger<'a> = CRT_COEFFICIENT;
}

structure! {
    /// Key Material: TransparentRSAPublicKey.
    TransparentRsaPublicKey = spec::structure::KEY_MATERIAL_TRANSPARENT_RSA_PUBLIC_KEY.fields;

    /// Modulus.
    modulus: req BigInteger<'a> = MODULUS;
    /// Public Exponent.
    public_exponent: req BigInteger<'a> = PUBLIC_EXPONENT;
}

structure! {
    /// Key Material: TransparentDHPrivateKey.
    TransparentDhPrivateKey = spec::structure::KEY_MATERIAL_TRANSPARENT_DH_PRIVATE_KEY.fields;

    /// P.
    p: req BigInteger<'a> = P;
    /// Q.
    q: opt BigInteger<'a> = Q;
    /// G.
    g: req BigInteger<'a> = G;
    /// J.
    j: opt BigInteger<'a> = J;
    /// X.
    x: req BigInteger<'a> = X;
}

structure! {
    /// Key Material: TransparentDHPublicKey.
    TransparentDhPublicKey = spec::structure::KEY_MATERIAL_TRANSPARENT_DH_PUBLIC_KEY.fields;

    /// P.
    p: req BigInteger<'a> = P;
    /// Q.
    q: opt BigInteger<'a> = Q;
    /// G.
    g: req BigInteger<'a> = G;
    /// J.
    j: opt BigInteger<'a> = J;
    /// Y.
    y: req BigInteger<'a> = Y;
}

structure! {
    /// Key Material: TransparentECDSAPrivateKey; KMIP up to 1.4.
    TransparentEcdsaPrivateKey = spec::structure::KEY_MATERIAL_TRANSPARENT_ECDSA_PRIVATE_KEY.fields;

    /// Recommended Curve.
    recommended_curve: req RecommendedCurve = RECOMMENDED_CURVE;
    /// D.
    d: req BigInteger<'a> = D;
}

structure! {
    /// Key Material: TransparentECDSAPublicKey; KMIP up to 1.4.
    TransparentEcdsaPublicKey = spec::structure::KEY_MATERIAL_TRANSPARENT_ECDSA_PUBLIC_KEY.fields;

    /// Recommended Curve.
    recommended_curve: req RecommendedCurve = RECOMMENDED_CURVE;
    /// Q String.
    q_string: req &'a [u8] = Q_STRING;
}

structure! {
    /// Key Material: TransparentECDHPrivateKey; KMIP up to 1.4.
    TransparentEcdhPrivateKey = spec::structure::KEY_MATERIAL_TRANSPARENT_ECDH_PRIVATE_KEY.fields;

    /// Recommended Curve.
    recommended_curve: req RecommendedCurve = RECOMMENDED_CURVE;
    /// D.
    d: req BigInteger<'a> = D;
}

structure! {
    /// Key Material: TransparentECDHPublicKey; KMIP up to 1.4.
    TransparentEcdhPublicKey = spec::structure::KEY_MATERIAL_TRANSPARENT_ECDH_PUBLIC_KEY.fields;

    /// Recommended Curve.
    recommended_curve: req RecommendedCurve = RECOMMENDED_CURVE;
    /// Q String.
    q_string: req &'a [u8] = Q_STRING;
}

structure! {
    /// Key Material: TransparentECMQVPrivateKey; KMIP up to 1.4.
    TransparentEcmqvPrivateKey = spec::structure::KEY_MATERIAL_TRANSPARENT_ECMQV_PRIVATE_KEY.fields;

    /// Recommended Curve.
    recommended_curve: req RecommendedCurve = RECOMMENDED_CURVE;
    /// D.
    d: req BigInteger<'a> = D;
}

structure! {
    /// Key Material: TransparentECMQVPublicKey; KMIP up to 1.4.
    TransparentEcmqvPublicKey = spec::structure::KEY_MATERIAL_TRANSPARENT_ECMQV_PUBLIC_KEY.fields;

    /// Recommended Curve.
    recommended_curve: req RecommendedCurve = RECOMMENDED_CURVE;
    /// Q String.
    q_string: req &'a [u8] = Q_STRING;
}

structure! {
    /// Key Material: TransparentECPrivateKey; KMIP 1.3 and later.
    TransparentEcPrivateKey = spec::structure::KEY_MATERIAL_TRANSPARENT_EC_PRIVATE_KEY.fields;

    /// Recommended Curve.
    recommended_curve: req RecommendedCurve = RECOMMENDED_CURVE;
    /// D.
    d: req BigInteger<'a> = D;
}

structure! {
    /// Key Material: TransparentECPublicKey; KMIP 1.3 and later.
    TransparentEcPublicKey = spec::structure::KEY_MATERIAL_TRANSPARENT_EC_PUBLIC_KEY.fields;

    /// Recommended Curve.
    recommended_curve: req RecommendedCurve = RECOMMENDED_CURVE;
    /// Q String.
    q_string: req &'a [u8] = Q_STRING;
}
