//! Work that the server does with its keys.

use tde_kmip_codec::{
    attribute::CryptographicParameters,
    operation::{Data, DecryptRequest, EncryptRequest, RequestPayload, ResponsePayload, RngRetrieveRequest},
    spec::enumeration::Operation,
};
use zeroize::Zeroizing;

use super::{lacking, same};
use crate::client::{Client, Error, ProtocolError};

/// What to encrypt, and how.
#[derive(Clone, Copy, Default, Debug)]
pub struct Encryption<'a> {
    /// Block Cipher Mode, Padding Method and the like; `None` for those of the key.
    pub parameters: Option<CryptographicParameters<'a>>,
    /// IV/Counter/Nonce; `None` lets the server choose.
    pub iv_counter_nonce: Option<&'a [u8]>,
    /// Authenticated Encryption Additional Data; KMIP 1.4 and later.
    pub additional_data: Option<&'a [u8]>,
}

/// What Encrypt gave.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Encrypted {
    /// The ciphertext.
    pub data: Vec<u8>,
    /// IV/Counter/Nonce, where the server chose it.
    pub iv_counter_nonce: Option<Vec<u8>>,
    /// Authenticated Encryption Tag, for modes that have one; KMIP 1.4 and later.
    pub tag: Option<Vec<u8>>,
}

/// How something was encrypted.
#[derive(Clone, Copy, Default, Debug)]
pub struct Decryption<'a> {
    /// Block Cipher Mode, Padding Method and the like; `None` for those of the key.
    pub parameters: Option<CryptographicParameters<'a>>,
    /// IV/Counter/Nonce.
    pub iv_counter_nonce: Option<&'a [u8]>,
    /// Authenticated Encryption Additional Data; KMIP 1.4 and later.
    pub additional_data: Option<&'a [u8]>,
    /// Authenticated Encryption Tag; KMIP 1.4 and later.
    pub tag: Option<&'a [u8]>,
}

impl Client {
    /// Encrypt, on the server; KMIP 1.2 and later.
    ///
    /// # Errors
    /// [`Error`].
    pub fn encrypt(
        &self,
        unique_identifier: &str,
        data: &[u8],
        how: &Encryption<'_>,
    ) -> Result<Encrypted, Error> {
        let operation = Operation::ENCRYPT;
        let request = EncryptRequest {
            unique_identifier: Some(unique_identifier.into()),
            cryptographic_parameters: how.parameters,
            data: Some(data.into()),
            iv_counter_nonce: how.iv_counter_nonce,
            authenticated_encryption_additional_data: how.additional_data,
            ..EncryptRequest::default()
        };
        self.ask(request.into(), |payload| {
            let payload = expect!(payload, Encrypt, ENCRYPT);
            same(operation, unique_identifier, payload.unique_identifier)?;
            Ok(Encrypted {
                data: bytes(operation, payload.data)?.to_vec(),
                iv_counter_nonce: payload.iv_counter_nonce.map(<[u8]>::to_vec),
                tag: payload.authenticated_encryption_tag.map(<[u8]>::to_vec),
            })
        })
    }

    /// Decrypt, on the server; KMIP 1.2 and later. The plaintext is wiped on drop.
    ///
    /// # Errors
    /// [`Error`].
    pub fn decrypt(
        &self,
        unique_identifier: &str,
        data: &[u8],
        how: &Decryption<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let operation = Operation::DECRYPT;
        let request = DecryptRequest {
            unique_identifier: Some(unique_identifier.into()),
            cryptographic_parameters: how.parameters,
            data: Some(data.into()),
            iv_counter_nonce: how.iv_counter_nonce,
            authenticated_encryption_additional_data: how.additional_data,
            authenticated_encryption_tag: how.tag,
            ..DecryptRequest::default()
        };
        self.ask(request.into(), |payload| {
            let payload = expect!(payload, Decrypt, DECRYPT);
            same(operation, unique_identifier, payload.unique_identifier)?;
            Ok(Zeroizing::new(bytes(operation, payload.data)?.to_vec()))
        })
    }

    /// RNG Retrieve: random bytes of the server's, fewer than asked for if it has no more; KMIP 1.2 and later.
    ///
    /// # Errors
    /// [`Error`].
    pub fn rng_retrieve(&self, length: u32) -> Result<Zeroizing<Vec<u8>>, Error> {
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.ask(RequestPayload::from(RngRetrieveRequest::new(length)), |payload| {
            let payload = expect!(payload, RngRetrieve, RNG_RETRIEVE);
            Ok(Zeroizing::new(bytes(Operation::RNG_RETRIEVE, Some(payload.data))?.to_vec()))
        })
    }
}

fn bytes(operation: Operation, data: Option<Data<'_>>) -> Result<&[u8], ProtocolError> {
    match data {
        Some(Data::Bytes(bytes)) => Ok(bytes.expose()),
        _ => Err(lacking(operation, "Data")),
    }
}
