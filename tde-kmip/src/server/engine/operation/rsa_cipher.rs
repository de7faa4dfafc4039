//! Encrypt and Decrypt with RSA: to a public key, with its private key.

use tde_kmip_codec::{
    operation::{DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse},
    spec::{
        enumeration::{ObjectType, Operation},
        mask::CryptographicUsageMask,
    },
};
use zeroize::Zeroizing;

use super::{
    asymmetric::{self, encryption_padding, failed},
    using::{self, Use},
};
use crate::server::engine::{
    asymmetric::{KeyError, PairKey, Source},
    batch::Batch,
    failure::Outcome,
    record::Object,
};

/// Whether the object is a key of a pair.
pub(super) fn takes(object: &Object) -> bool {
    matches!(object.object_type, ObjectType::PUBLIC_KEY | ObjectType::PRIVATE_KEY)
}

/// Encrypts to a public key.
pub(super) fn encrypt(batch: &mut Batch<'_>, mut object: Object, request: &EncryptRequest<'_>) -> Outcome {
    let wanted = Use::new(Operation::ENCRYPT, CryptographicUsageMask::ENCRYPT).protects();
    let key = asymmetric::key(batch, &object, ObjectType::PUBLIC_KEY, &wanted)?;
    let PairKey::RsaPublic(key) = key else { return Err(failed(KeyError::Unsupported)) };
    let data = batch.data(request.data.as_ref())?;
    let mut source = Source::new(&*batch.options.randomness);
    let sealed = {
        let parameters = asymmetric::parameters(&object, request.cryptographic_parameters.as_ref());
        key.encrypt(encryption_padding(parameters.as_ref())?, &data, &mut source).map_err(failed)?
    };
    using::allocate(batch, &mut object, data.len())?;
    let mut response = EncryptResponse::new(object.id.as_str().into());
    response.data = Some(sealed.as_slice().into());
    batch.answer(response)?;
    batch.given.push((Operation::ENCRYPT, Zeroizing::new(sealed)));
    Ok(())
}

/// Decrypts with a private key.
pub(super) fn decrypt(batch: &mut Batch<'_>, object: &Object, request: &DecryptRequest<'_>) -> Outcome {
    let wanted = Use::new(Operation::DECRYPT, CryptographicUsageMask::DECRYPT);
    let key = asymmetric::key(batch, object, ObjectType::PRIVATE_KEY, &wanted)?;
    let PairKey::RsaPrivate(key) = key else { return Err(failed(KeyError::Unsupported)) };
    let parameters = asymmetric::parameters(object, request.cryptographic_parameters.as_ref());
    let padding = encryption_padding(parameters.as_ref())?;
    let sealed = batch.data(request.data.as_ref())?;
    let mut source = Source::new(&*batch.options.randomness);
    let data = key.decrypt(padding, &sealed, &mut source).map_err(failed)?;
    let mut response = DecryptResponse::new(object.id.as_str().into());
    response.data = Some(data.as_slice().into());
    batch.answer(response)?;
    batch.given.push((Operation::DECRYPT, data));
    Ok(())
}
