//! Sign and Signature Verify (KMIP 1.4, sections 4.31 and 4.32; KMIP 2.1, sections 6.1.49 and 6.1.50).

use std::borrow::Cow;

use tde_kmip_codec::{
    operation::{Data, SignRequest, SignResponse, SignatureVerifyRequest, SignatureVerifyResponse},
    spec::{
        enumeration::{HashingAlgorithm, ObjectType, Operation, ResultReason, ValidityIndicator},
        mask::CryptographicUsageMask,
    },
};
use zeroize::Zeroizing;

use super::{
    asymmetric::{self, Scheme, failed, unfit},
    parts,
    using::{self, Use},
};
use crate::server::engine::{
    asymmetric::{Source, digest},
    batch::Batch,
    failure::{Failure, Outcome},
};

/// Signs with a private key.
pub(super) fn sign(batch: &mut Batch<'_>, request: &SignRequest<'_>) -> Outcome {
    parts::whole(request.init_indicator, request.final_indicator, request.correlation_value)?;
    let mut object = batch.object(request.unique_identifier)?;
    let wanted = Use::new(Operation::SIGN, CryptographicUsageMask::SIGN).protects();
    let key = asymmetric::key(batch, &object, ObjectType::PRIVATE_KEY, &wanted)?;
    let parameters = asymmetric::parameters(&object, request.cryptographic_parameters.as_ref());
    let scheme = Scheme::new(&key, parameters.as_ref())?;
    // Forgeable (NIST SP 800-131A): what is old can be verified, nothing new is signed so.
    if scheme.hash == HashingAlgorithm::SHA_1 {
        return Err(unfit("Hashing Algorithm"));
    }
    let signed = signed(batch, scheme.hash, request.data.as_ref(), request.digested_data)?;
    using::allocate(batch, &mut object, signed.len)?;
    let mut source = Source::new(&*batch.options.randomness);
    let signature = key.sign(scheme.hash, scheme.padding, &signed.digest, &mut source).map_err(failed)?;
    let mut response = SignResponse::new(object.id.as_str().into());
    response.signature_data = Some(&signature);
    batch.answer(response)?;
    batch.given.push((Operation::SIGN, Zeroizing::new(signature)));
    Ok(())
}

/// Whether a signature is that of data, by a public key.
pub(super) fn verify(batch: &mut Batch<'_>, request: &SignatureVerifyRequest<'_>) -> Outcome {
    parts::whole(request.init_indicator, request.final_indicator, request.correlation_value)?;
    let object = batch.object(request.unique_identifier)?;
    let wanted = Use::new(Operation::SIGNATURE_VERIFY, CryptographicUsageMask::VERIFY);
    let key = asymmetric::key(batch, &object, ObjectType::PUBLIC_KEY, &wanted)?;
    let parameters = asymmetric::parameters(&object, request.cryptographic_parameters.as_ref());
    let scheme = Scheme::new(&key, parameters.as_ref())?;
    let Some(signature) = request.signature_data else {
        let message = "there is no Signature Data to verify";
        return Err(Failure::exactly(ResultReason::MISSING_DATA, message).into());
    };
    let signed = signed(batch, scheme.hash, request.data.as_ref(), request.digested_data)?;
    let holds = key.verify(scheme.hash, scheme.padding, &signed.digest, signature).map_err(failed)?;
    let mut response = SignatureVerifyResponse::new(object.id.as_str().into());
    response.validity_indicator =
        Some(if holds { ValidityIndicator::VALID } else { ValidityIndicator::INVALID });
    batch.answer(response)
}

/// What is signed.
struct Signed<'a> {
    digest: Cow<'a, [u8]>,
    /// How much data that is, as far as it is known.
    len: usize,
}

/// The hash of Data, or Digested Data, which is a hash (KMIP 1.4, section 4.31): one of the two.
fn signed<'a>(
    batch: &Batch<'_>,
    hash: HashingAlgorithm,
    data: Option<&Data<'_>>,
    digested: Option<&'a [u8]>,
) -> Outcome<Signed<'a>> {
    match (data, digested) {
        (Some(_), Some(_)) => {
            Err(Failure::invalid_field("Data and Digested Data cannot both be signed").into())
        }
        (None, Some(digested)) => {
            // Told by the hash of nothing.
            if digest(hash, &[]).ok_or_else(|| unfit("Hashing Algorithm"))?.len() != digested.len() {
                let message = "Digested Data has not the length of the hash";
                return Err(Failure::invalid_field(message).into());
            }
            Ok(Signed { digest: Cow::Borrowed(digested), len: digested.len() })
        }
        (data, None) => {
            let data = batch.data(data)?;
            let digest = digest(hash, &data).ok_or_else(|| unfit("Hashing Algorithm"))?;
            Ok(Signed { digest: Cow::Owned(digest), len: data.len() })
        }
    }
}
