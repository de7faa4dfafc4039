//! Hash, MAC, MAC Verify, RNG Retrieve, RNG Seed (KMIP 1.4, sections 4.33 to 4.37).

use tde_kmip_codec::{
    Secret,
    attribute::{AttributeValue, CryptographicParameters},
    operation::{
        HashRequest, HashResponse, MacRequest, MacResponse, MacVerifyRequest, MacVerifyResponse,
        RngRetrieveRequest, RngRetrieveResponse, RngSeedRequest, RngSeedResponse,
    },
    spec::{
        enumeration::{CryptographicAlgorithm, HashingAlgorithm, Operation, ResultReason, ValidityIndicator},
        mask::CryptographicUsageMask,
        tag,
    },
};
use zeroize::Zeroizing;

use crate::server::engine::{
    batch::Batch,
    failure::{Failure, Outcome, Why},
    hashing,
    operation::{
        parts::{self, Part},
        using::Use,
    },
    record::Object,
    streams::{Digesting, Stream, Work},
};

/// The hash of data.
pub(super) fn hash(batch: &mut Batch<'_>, request: &HashRequest<'_>) -> Outcome {
    let part = Part::of(request.init_indicator, request.final_indicator, request.correlation_value)?;
    let data = parts::data(batch, request.data.as_ref(), part)?;
    let mut digest = match batch.stream(part, Operation::HASH)?.map(|stream| stream.work) {
        Some(Work::Digest(digest)) => digest,
        _ => {
            let algorithm = request.cryptographic_parameters.hashing_algorithm;
            let running = algorithm.and_then(hashing::hashing);
            let running = running.ok_or_else(|| parameters("Hashing Algorithm"))?;
            Digesting { running, expected: None }
        }
    };
    digest.running.update(&data);
    let mut response = HashResponse::default();
    if !part.is_last() {
        let correlation = batch.keep_stream(part, Operation::HASH, None, Work::Digest(digest))?;
        response.correlation_value = correlation.as_deref();
        return batch.answer(response);
    }
    batch.end_stream(part);
    let hash = digest.running.finish();
    response.data = Some(hash.as_slice().into());
    batch.answer(response)?;
    batch.given.push((Operation::HASH, hash));
    Ok(())
}

/// The HMAC of data.
pub(super) fn mac(batch: &mut Batch<'_>, request: &MacRequest<'_>) -> Outcome {
    let part = Part::of(request.init_indicator, request.final_indicator, request.correlation_value)?;
    let stream = batch.stream(part, Operation::MAC)?;
    let wanted = Use::new(Operation::MAC, CryptographicUsageMask::MAC_GENERATE).protects();
    let (mut object, key) = parts::key(batch, stream.as_ref(), request.unique_identifier, &wanted)?;
    let data = parts::data(batch, request.data.as_ref(), part)?;
    let parameters = request.cryptographic_parameters.as_ref();
    let mut digest = hmac(stream, &object, parameters, &key)?;
    digest.running.update(&data);
    parts::allocate(batch, &mut object, part, data.len())?;
    let mut response = MacResponse::new(object.id.as_str().into());
    if !part.is_last() {
        let work = Work::Digest(digest);
        let correlation = batch.keep_stream(part, Operation::MAC, Some(&object), work)?;
        response.correlation_value = correlation.as_deref();
        return batch.answer(response);
    }
    batch.end_stream(part);
    let mac = digest.running.finish();
    response.mac_data = Some(&mac);
    batch.answer(response)?;
    batch.given.push((Operation::MAC, mac));
    Ok(())
}

/// Whether an HMAC is that of the data.
pub(super) fn mac_verify(batch: &mut Batch<'_>, request: &MacVerifyRequest<'_>) -> Outcome {
    let part = Part::of(request.init_indicator, request.final_indicator, request.correlation_value)?;
    let stream = batch.stream(part, Operation::MAC_VERIFY)?;
    let wanted = Use::new(Operation::MAC_VERIFY, CryptographicUsageMask::MAC_VERIFY);
    let (object, key) = parts::key(batch, stream.as_ref(), request.unique_identifier, &wanted)?;
    let data = parts::data(batch, request.data.as_ref(), part)?;
    let parameters = request.cryptographic_parameters.as_ref();
    let mut digest = hmac(stream, &object, parameters, &key)?;
    digest.running.update(&data);
    if let Some(expected) = request.mac_data {
        digest.expected = Some(expected.to_vec());
    }
    let mut response = MacVerifyResponse::new(object.id.as_str().into());
    if !part.is_last() {
        let work = Work::Digest(digest);
        let correlation = batch.keep_stream(part, Operation::MAC_VERIFY, Some(&object), work)?;
        response.validity_indicator = parts::validity_so_far(batch);
        response.correlation_value = correlation.as_deref();
        return batch.answer(response);
    }
    batch.end_stream(part);
    let expected = digest
        .expected
        .take()
        .ok_or_else(|| Failure::exactly(ResultReason::MISSING_DATA, "there is no MAC Data to verify"))?;
    let mac = digest.running.finish();
    // In constant time.
    let holds = Secret::new(&mac) == Secret::new(&expected);
    response.validity_indicator =
        Some(if holds { ValidityIndicator::VALID } else { ValidityIndicator::INVALID });
    batch.answer(response)
}

/// An HMAC where the stream stands, or at its beginning.
fn hmac(
    stream: Option<Stream>,
    object: &Object,
    given: Option<&CryptographicParameters<'_>>,
    key: &[u8],
) -> Outcome<Digesting> {
    match stream.map(|stream| stream.work) {
        Some(Work::Digest(digest)) => Ok(digest),
        _ => {
            let hash = hash_of_mac(object, given);
            let running = hash.and_then(|hash| hashing::authenticating(hash, key));
            let running = running.ok_or_else(|| parameters("Cryptographic Algorithm"))?;
            Ok(Digesting { running, expected: None })
        }
    }
}

/// The hash in the HMAC that the request asks for, which names the algorithm whole or its hash; else the key's own.
fn hash_of_mac(object: &Object, given: Option<&CryptographicParameters<'_>>) -> Option<HashingAlgorithm> {
    let named = |parameters: &CryptographicParameters<'_>| match parameters.cryptographic_algorithm {
        Some(algorithm) => hashing::hash_of_hmac(algorithm),
        None => parameters.hashing_algorithm,
    };
    let of_key = || match object.attributes.get(tag::CRYPTOGRAPHIC_PARAMETERS) {
        Some(AttributeValue::CryptographicParameters(known)) => named(&known),
        _ => {
            let algorithm = object.attributes.enumeration(tag::CRYPTOGRAPHIC_ALGORITHM)?;
            hashing::hash_of_hmac(CryptographicAlgorithm(algorithm))
        }
    };
    given.map_or_else(of_key, named)
}

/// Random bytes.
pub(super) fn rng_retrieve(batch: &mut Batch<'_>, request: &RngRetrieveRequest<'_>) -> Outcome {
    let len = usize::try_from(request.data_length).ok().filter(|len| *len <= batch.options.max_random);
    let len = len.ok_or_else(|| {
        let message = format!("Data Length must be between 0 and {}", batch.options.max_random);
        Failure::invalid_field(message)
    })?;
    let mut data = Zeroizing::new(vec![0; len]);
    batch.options.randomness.fill(&mut data)?;
    batch.answer(RngRetrieveResponse::new(data.as_slice().into()))?;
    batch.given.push((Operation::RNG_RETRIEVE, data));
    Ok(())
}

/// Seeds are accepted and not used, which the answer says: the system's generator needs none.
pub(super) fn rng_seed(batch: &mut Batch<'_>, request: &RngSeedRequest<'_>) -> Outcome {
    batch.data(Some(&request.data))?;
    batch.answer(RngSeedResponse::new(0))
}

fn parameters(name: &str) -> crate::server::engine::failure::Stop {
    Failure::new(Why::Parameters, format!("{name} is missing or not supported here")).into()
}
