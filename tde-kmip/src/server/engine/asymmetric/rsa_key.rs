//! RSA (RFC 8017). Keys are kept as PKCS#1 has them, and taken apart for each use.

use rsa::{
    BoxedUint, Oaep, Pkcs1v15Encrypt, Pkcs1v15Sign, Pss,
    pkcs1::{
        DecodeRsaPrivateKey as _, DecodeRsaPublicKey as _, EncodeRsaPrivateKey as _, RsaPrivateKey,
        RsaPrivateKeyRef, RsaPublicKeyRef, UintRef,
        der::{Decode as _, Encode as _},
    },
    traits::PublicKeyParts as _,
};
use zeroize::Zeroizing;

use super::{EncryptionPadding, KeyError, Scheme, SignaturePadding, Source, hash::with_hash};

/// The fewest bits of a modulus.
pub(in crate::server::engine) const MIN_RSA_BITS: usize = 1024;

/// Does something with OAEP over two hashes, by their names.
macro_rules! with_oaep {
    ($hash:expr, $mask:expr, $label:expr, $oaep:ident => $body:expr) => {
        with_hash!($hash, Hash => with_hash!($mask, Mask => {
            let $oaep = Oaep::<Hash, Mask>::new_with_mgf_hash_and_label($label);
            $body
        }))
        .flatten()
        .ok_or(KeyError::Unsupported)
    };
}

/// A private key.
pub(in crate::server::engine) struct RsaPrivate {
    der: Zeroizing<Vec<u8>>,
}

/// A public key.
pub(in crate::server::engine) struct RsaPublic {
    der: Vec<u8>,
}

/// The numbers of a private key, big-endian; those that can be worked out from others may be missing.
pub(super) struct RsaNumbers<'a> {
    pub(super) modulus: &'a [u8],
    pub(super) public_exponent: Option<&'a [u8]>,
    pub(super) private_exponent: Option<&'a [u8]>,
    pub(super) primes: Option<(&'a [u8], &'a [u8])>,
}

/// Whether a modulus of that many bytes may be worked with: work grows with the cube of its length, or faster.
fn check_size(modulus: &[u8], max_bits: usize) -> Result<(), KeyError> {
    let leading = modulus.iter().take_while(|byte| **byte == 0).count();
    if modulus.len().saturating_sub(leading) > max_bits.div_ceil(8) { Err(KeyError::Size) } else { Ok(()) }
}

fn number(bytes: &[u8], bits: u32) -> Result<BoxedUint, KeyError> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    BoxedUint::from_be_slice(bytes.get(start..).unwrap_or_default(), bits).map_err(|_| KeyError::Malformed)
}

impl RsaPrivate {
    /// A new key. What `max_bits` allows can take seconds.
    pub(in crate::server::engine) fn generate(
        bits: usize,
        source: &mut Source<'_>,
    ) -> Result<Self, KeyError> {
        let key = rsa::PrivateKey::new(source, bits).map_err(|error| match error {
            rsa::Error::Rng => KeyError::Random,
            _ => KeyError::Malformed,
        })?;
        Self::of(&key)
    }

    fn of(key: &rsa::PrivateKey) -> Result<Self, KeyError> {
        let der = key.to_pkcs1_der().map_err(|_| KeyError::Malformed)?;
        Ok(Self { der: der.to_bytes() })
    }

    /// A key as PKCS#1 has it.
    pub(super) fn from_pkcs1(der: &[u8], max_bits: usize) -> Result<Self, KeyError> {
        let numbers = RsaPrivateKeyRef::from_der(der).map_err(|_| KeyError::Malformed)?;
        check_size(numbers.modulus.as_bytes(), max_bits)?;
        Ok(Self { der: Zeroizing::new(der.to_vec()) })
    }

    /// A key from its numbers.
    pub(super) fn from_numbers(numbers: &RsaNumbers<'_>, max_bits: usize) -> Result<Self, KeyError> {
        check_size(numbers.modulus, max_bits)?;
        let bits = u32::try_from(numbers.modulus.len().saturating_mul(8)).map_err(|_| KeyError::Size)?;
        let of = |bytes| number(bytes, bits);
        // Without one, the exponent that everybody has.
        let public_exponent = match numbers.public_exponent {
            Some(exponent) => number(exponent, 64)?,
            None => BoxedUint::from(65_537_u64),
        };
        let primes = match numbers.primes {
            Some((first, second)) => vec![of(first)?, of(second)?],
            None => Vec::new(),
        };
        let key = match numbers.private_exponent {
            Some(exponent) => {
                rsa::PrivateKey::from_components(of(numbers.modulus)?, public_exponent, of(exponent)?, primes)
            }
            None => rsa::PrivateKey::from_primes(primes, public_exponent),
        };
        Self::of(&key.map_err(|_| KeyError::Malformed)?)
    }

    pub(super) fn pkcs1(&self) -> &[u8] {
        &self.der
    }

    /// The numbers, for a transparent key.
    pub(super) fn numbers(&self) -> Result<RsaPrivateKey<UintRef<'_>>, KeyError> {
        RsaPrivateKeyRef::from_der(&self.der).map_err(|_| KeyError::Malformed)
    }

    pub(in crate::server::engine) fn public(&self) -> Result<RsaPublic, KeyError> {
        let der = self.numbers()?.public_key().to_der().map_err(|_| KeyError::Malformed)?;
        Ok(RsaPublic { der })
    }

    /// The key, checked.
    fn key(&self) -> Result<rsa::PrivateKey, KeyError> {
        rsa::PrivateKey::from_pkcs1_der(&self.der).map_err(|_| KeyError::Malformed)
    }

    pub(super) fn sign(
        &self,
        Scheme { hash, padding }: Scheme,
        digest: &[u8],
        source: &mut Source<'_>,
    ) -> Result<Vec<u8>, KeyError> {
        let key = self.key()?;
        let signed = match padding {
            SignaturePadding::Pkcs1 => {
                let scheme = with_hash!(hash, Hash => Pkcs1v15Sign::new::<Hash>());
                key.sign_with_rng(source, scheme.ok_or(KeyError::Unsupported)?, digest)
            }
            SignaturePadding::Pss(salt) => {
                // RFC 8017, section 9.1.1: what is left of the encoded message.
                let bits = usize::try_from(key.n().bit_width()).map_err(|_| KeyError::Size)?;
                let room = bits.saturating_sub(1).div_ceil(8).checked_sub(digest.len() + 2);
                let room = room.ok_or(KeyError::Data)?;
                let salt = salt.unwrap_or(room);
                if salt > room {
                    return Err(KeyError::Data);
                }
                with_hash!(hash, Hash => key.sign_with_rng(source, Pss::<Hash>::new_with_salt(salt), digest))
                    .ok_or(KeyError::Unsupported)?
            }
        };
        signed.map_err(failed)
    }

    /// Takes padding away and what was encrypted out of it.
    pub(in crate::server::engine) fn decrypt(
        &self,
        padding: EncryptionPadding<'_>,
        data: &[u8],
        source: &mut Source<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let key = self.key()?;
        let opened = match padding {
            EncryptionPadding::Pkcs1 => key.decrypt_blinded(source, Pkcs1v15Encrypt, data),
            EncryptionPadding::Oaep { hash, mask, label } => {
                with_oaep!(hash, mask, label, oaep => key.decrypt_blinded(source, oaep, data))?
            }
        };
        opened.map(Zeroizing::new).map_err(failed)
    }
}

impl RsaPublic {
    /// A key as PKCS#1 has it.
    pub(super) fn from_pkcs1(der: &[u8], max_bits: usize) -> Result<Self, KeyError> {
        let numbers = RsaPublicKeyRef::from_der(der).map_err(|_| KeyError::Malformed)?;
        check_size(numbers.modulus.as_bytes(), max_bits)?;
        Ok(Self { der: der.to_vec() })
    }

    /// A key from its numbers.
    pub(super) fn from_numbers(modulus: &[u8], exponent: &[u8], max_bits: usize) -> Result<Self, KeyError> {
        check_size(modulus, max_bits)?;
        let malformed = |_| KeyError::Malformed;
        let key = RsaPublicKeyRef {
            modulus: UintRef::new(modulus).map_err(malformed)?,
            public_exponent: UintRef::new(exponent).map_err(malformed)?,
        };
        Ok(Self { der: key.to_der().map_err(malformed)? })
    }

    pub(super) fn pkcs1(&self) -> &[u8] {
        &self.der
    }

    /// The numbers, for a transparent key.
    pub(super) fn numbers(&self) -> Result<RsaPublicKeyRef<'_>, KeyError> {
        RsaPublicKeyRef::from_der(&self.der).map_err(|_| KeyError::Malformed)
    }

    fn key(&self) -> Result<rsa::PublicKey, KeyError> {
        rsa::PublicKey::from_pkcs1_der(&self.der).map_err(|_| KeyError::Malformed)
    }

    pub(super) fn verify(
        &self,
        Scheme { hash, padding }: Scheme,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, KeyError> {
        let key = self.key()?;
        let holds = match padding {
            SignaturePadding::Pkcs1 => {
                let scheme = with_hash!(hash, Hash => Pkcs1v15Sign::new::<Hash>());
                key.verify(scheme.ok_or(KeyError::Unsupported)?, digest, signature)
            }
            SignaturePadding::Pss(salt_len) => with_hash!(hash, Hash => {
                key.verify(Pss::<Hash> { salt_len, ..Pss::new() }, digest, signature)
            })
            .ok_or(KeyError::Unsupported)?,
        };
        Ok(holds.is_ok())
    }

    pub(in crate::server::engine) fn encrypt(
        &self,
        padding: EncryptionPadding<'_>,
        data: &[u8],
        source: &mut Source<'_>,
    ) -> Result<Vec<u8>, KeyError> {
        let key = self.key()?;
        let sealed = match padding {
            EncryptionPadding::Pkcs1 => key.encrypt(source, Pkcs1v15Encrypt, data),
            EncryptionPadding::Oaep { hash, mask, label } => {
                with_oaep!(hash, mask, label, oaep => key.encrypt(source, oaep, data))?
            }
        };
        sealed.map_err(failed)
    }
}

/// What a failure is called here. Why decryption failed is nobody's business.
fn failed(error: rsa::Error) -> KeyError {
    match error {
        rsa::Error::Rng => KeyError::Random,
        _ => KeyError::Data,
    }
}
