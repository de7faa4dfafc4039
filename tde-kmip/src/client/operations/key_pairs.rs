//! Key pairs and their signatures.

use tde_kmip_codec::{
    attribute::{Attribute, CryptographicParameters, TemplateAttribute},
    operation::{CreateKeyPairRequest, ResponsePayload, SignRequest, SignatureVerifyRequest},
    spec::enumeration::{Operation, ValidityIndicator},
};

use super::{identifier, lacking, same};
use crate::client::{Client, Error};

/// What Create Key Pair made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CreatedKeyPair {
    /// Private Key Unique Identifier.
    pub private_key: String,
    /// Public Key Unique Identifier.
    pub public_key: String,
}

impl Client {
    /// Create Key Pair: the server makes a private key and its public key. `common` attributes go to both.
    ///
    /// # Errors
    /// [`Error`]. If [`Error::may_have_happened`], there may be keys that nobody knows the identifiers of.
    pub fn create_key_pair(
        &self,
        common: &[Attribute<'_>],
        private: &[Attribute<'_>],
        public: &[Attribute<'_>],
    ) -> Result<CreatedKeyPair, Error> {
        let operation = Operation::CREATE_KEY_PAIR;
        let request = CreateKeyPairRequest {
            common_attributes: Some(TemplateAttribute::new(common)),
            private_key_attributes: Some(TemplateAttribute::new(private)),
            public_key_attributes: Some(TemplateAttribute::new(public)),
            ..CreateKeyPairRequest::default()
        };
        self.ask(request.into(), |payload| {
            let payload = expect!(payload, CreateKeyPair, CREATE_KEY_PAIR);
            Ok(CreatedKeyPair {
                private_key: identifier(operation, payload.private_key_unique_identifier)?,
                public_key: identifier(operation, payload.public_key_unique_identifier)?,
            })
        })
    }

    /// Sign, on the server, with a private key; KMIP 1.2 and later. Without parameters, those of the key count.
    ///
    /// # Errors
    /// [`Error`].
    pub fn sign(
        &self,
        private_key: &str,
        data: &[u8],
        parameters: Option<CryptographicParameters<'_>>,
    ) -> Result<Vec<u8>, Error> {
        let operation = Operation::SIGN;
        let request = SignRequest {
            unique_identifier: Some(private_key.into()),
            cryptographic_parameters: parameters,
            data: Some(data.into()),
            ..SignRequest::default()
        };
        self.ask(request.into(), |payload| {
            let payload = expect!(payload, Sign, SIGN);
            same(operation, private_key, payload.unique_identifier)?;
            Ok(payload.signature_data.ok_or(lacking(operation, "Signature Data"))?.to_vec())
        })
    }

    /// Signature Verify, on the server, with a public key: whether the signature is that of the data; KMIP 1.2 and
    /// later. Without parameters, those of the key count.
    ///
    /// # Errors
    /// [`Error`].
    pub fn signature_verify(
        &self,
        public_key: &str,
        data: &[u8],
        signature: &[u8],
        parameters: Option<CryptographicParameters<'_>>,
    ) -> Result<bool, Error> {
        let operation = Operation::SIGNATURE_VERIFY;
        let request = SignatureVerifyRequest {
            unique_identifier: Some(public_key.into()),
            cryptographic_parameters: parameters,
            data: Some(data.into()),
            signature_data: Some(signature),
            ..SignatureVerifyRequest::default()
        };
        self.ask(request.into(), |payload| {
            let payload = expect!(payload, SignatureVerify, SIGNATURE_VERIFY);
            same(operation, public_key, payload.unique_identifier)?;
            let validity = payload.validity_indicator.ok_or(lacking(operation, "Validity Indicator"))?;
            Ok(validity == ValidityIndicator::VALID)
        })
    }
}
