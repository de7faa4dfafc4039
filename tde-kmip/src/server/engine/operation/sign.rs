//! Sign and Signature Verify (KMIP 1.4, sections 4.31 and 4.32; KMIP 2.1, sections 6.1.55 and 6.1.56).

use tde_kmip_codec::{
    attribute::CryptographicParameters,
    operation::{Data, SignRequest, SignResponse, SignatureVerifyRequest, SignatureVerifyResponse},
    spec::{
        enumeration::{HashingAlgorithm, ObjectType, Operation, ResultReason, ValidityIndicator},
        mask::CryptographicUsageMask,
    },
};
use zeroize::Zeroizing;

use super::{
    asymmetric::{self, failed, unfit},
    parts::{self, Part},
    using::Use,
};
use crate::server::engine::{
    asymmetric::{PairKey, Scheme, Source, hash_size},
    batch::Batch,
    failure::{Failure, Outcome},
    hashing,
    record::Object,
    streams::{Digesting, Stream, Work},
};

/// Signs with a private key.
pub(super) fn sign(batch: &mut Batch<'_>, request: &SignRequest<'_>) -> Outcome {
    let part = Part::of(request.init_indicator, request.final_indicator, request.correlation_value)?;
    let stream = batch.stream(part, Operation::SIGN)?;
    let mut object = parts::object(batch, stream.as_ref(), request.unique_identifier)?;
    let wanted = Use::new(Operation::SIGN, CryptographicUsageMask::SIGN).protects();
    let key = asymmetric::key(batch, &object, ObjectType::PRIVATE_KEY, &wanted)?;
    let mut signing = Signing::new(stream, &object, &key, request.cryptographic_parameters.as_ref())?;
    // Forgeable (NIST SP 800-131A): what is old can be verified, nothing new is signed so.
    if signing.scheme.hash == HashingAlgorithm::SHA_1 {
        return Err(unfit("Hashing Algorithm"));
    }
    let len = signing.take(batch, part, request.data.as_ref(), request.digested_data)?;
    parts::allocate(batch, &mut object, part, len)?;
    let mut response = SignResponse::new(object.id.as_str().into());
    if !part.is_last() {
        let correlation = batch.keep_stream(part, Operation::SIGN, Some(&object), signing.into_work())?;
        response.correlation_value = correlation.as_deref();
        return batch.answer(response);
    }
    batch.end_stream(part);
    let scheme = signing.scheme;
    let mut source = Source::new(&*batch.options.randomness);
    let signature = key.sign(scheme, &signing.finish(), &mut source).map_err(failed)?;
    response.signature_data = Some(&signature);
    batch.answer(response)?;
    batch.given.push((Operation::SIGN, Zeroizing::new(signature)));
    Ok(())
}

/// Whether a signature is that of data, by a public key.
pub(super) fn verify(batch: &mut Batch<'_>, request: &SignatureVerifyRequest<'_>) -> Outcome {
    let part = Part::of(request.init_indicator, request.final_indicator, request.correlation_value)?;
    let stream = batch.stream(part, Operation::SIGNATURE_VERIFY)?;
    let object = parts::object(batch, stream.as_ref(), request.unique_identifier)?;
    let wanted = Use::new(Operation::SIGNATURE_VERIFY, CryptographicUsageMask::VERIFY);
    let key = asymmetric::key(batch, &object, ObjectType::PUBLIC_KEY, &wanted)?;
    let mut signing = Signing::new(stream, &object, &key, request.cryptographic_parameters.as_ref())?;
    signing.take(batch, part, request.data.as_ref(), request.digested_data)?;
    if let Some(signature) = request.signature_data {
        signing.hashed.expected = Some(signature.to_vec());
    }
    let mut response = SignatureVerifyResponse::new(object.id.as_str().into());
    if !part.is_last() {
        let work = signing.into_work();
        let correlation = batch.keep_stream(part, Operation::SIGNATURE_VERIFY, Some(&object), work)?;
        response.validity_indicator = parts::validity_so_far(batch);
        response.correlation_value = correlation.as_deref();
        return batch.answer(response);
    }
    batch.end_stream(part);
    let Some(signature) = signing.hashed.expected.take() else {
        let message = "there is no Signature Data to verify";
        return Err(Failure::exactly(ResultReason::MISSING_DATA, message).into());
    };
    let scheme = signing.scheme;
    let holds = key.verify(scheme, &signing.finish(), &signature).map_err(failed)?;
    response.validity_indicator =
        Some(if holds { ValidityIndicator::VALID } else { ValidityIndicator::INVALID });
    batch.answer(response)
}

/// A signature that is being made or verified.
struct Signing<'a> {
    scheme: Scheme,
    /// What of the data has come, and the signature, if it is to be verified and has come.
    hashed: Digesting,
    /// The hash, where the client made it.
    digested: Option<&'a [u8]>,
}

impl<'a> Signing<'a> {
    /// Where the stream stands, or at the beginning.
    fn new(
        stream: Option<Stream>,
        object: &Object,
        key: &PairKey,
        given: Option<&CryptographicParameters<'_>>,
    ) -> Outcome<Self> {
        if let Some(Work::Signature(hashed, scheme)) = stream.map(|stream| stream.work) {
            return Ok(Self { scheme, hashed, digested: None });
        }
        let parameters = asymmetric::parameters(object, given);
        let scheme = Scheme::new(key, parameters.as_ref())?;
        let running = hashing::hashing(scheme.hash).filter(|_| hash_size(scheme.hash).is_some());
        let running = running.ok_or_else(|| unfit("Hashing Algorithm"))?;
        Ok(Self { scheme, hashed: Digesting { running, expected: None }, digested: None })
    }

    /// Takes a part of Data, or Digested Data, which is the hash of all of it (KMIP 1.4, section 4.31). How many bytes
    /// that is, as far as it is known.
    fn take(
        &mut self,
        batch: &Batch<'_>,
        part: Part<'_>,
        data: Option<&Data<'_>>,
        digested: Option<&'a [u8]>,
    ) -> Outcome<usize> {
        let Some(digested) = digested else {
            let data = parts::data(batch, data, part)?;
            self.hashed.running.update(&data);
            return Ok(data.len());
        };
        let wrong = if data.is_some() {
            "Data and Digested Data cannot both be signed"
        } else if part != Part::Whole {
            "Digested Data is the hash of all the data: it does not come in parts"
        } else if hash_size(self.scheme.hash) != Some(digested.len()) {
            "Digested Data has not the length of the hash"
        } else {
            self.digested = Some(digested);
            return Ok(digested.len());
        };
        Err(Failure::invalid_field(wrong).into())
    }

    fn into_work(self) -> Work {
        Work::Signature(self.hashed, self.scheme)
    }

    /// The hash that is signed.
    fn finish(self) -> Zeroizing<Vec<u8>> {
        match self.digested {
            Some(digested) => Zeroizing::new(digested.to_vec()),
            None => self.hashed.running.finish(),
        }
    }
}
