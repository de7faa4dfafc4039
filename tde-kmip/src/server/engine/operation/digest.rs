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
    operation::using::{self, Use},
    record::Object,
};

/// The hash of data.
pub(super) fn hash(batch: &mut Batch<'_>, request: &HashRequest<'_>) -> Outcome {
    using::single_part(request.init_indicator, request.final_indicator, request.correlation_value)?;
    let data = batch.data(request.data.as_ref())?;
    let algorithm = request.cryptographic_parameters.hashing_algorithm;
    let hash = algorithm.and_then(|algorithm| hashing::hash(algorithm, &data));
    let hash = hash.ok_or_else(|| parameters("Hashing Algorithm"))?;
    let response = HashResponse { data: Some(hash.as_slice().into()), ..HashResponse::default() };
    batch.answer(response)?;
    batch.given.push((Operation::HASH, hash));
    Ok(())
}

/// The HMAC of data.
pub(super) fn mac(batch: &mut Batch<'_>, request: &MacRequest<'_>) -> Outcome {
    using::single_part(request.init_indicator, request.final_indicator, request.correlation_value)?;
    let mut object = batch.object(request.unique_identifier)?;
    let wanted = Use::new(Operation::MAC, CryptographicUsageMask::MAC_GENERATE).protects();
    let key = using::key(batch, &object, &wanted)?;
    let hash = hash_of_mac(&object, request.cryptographic_parameters.as_ref());
    let data = batch.data(request.data.as_ref())?;
    let mac = hash.and_then(|hash| hashing::hmac(hash, &key, &data));
    let mac = mac.ok_or_else(|| parameters("Cryptographic Algorithm"))?;
    using::allocate(batch, &mut object, data.len())?;
    let mut response = MacResponse::new(object.id.as_str().into());
    response.mac_data = Some(&mac);
    batch.answer(response)?;
    batch.given.push((Operation::MAC, mac));
    Ok(())
}

/// Whether an HMAC is that of the data.
pub(super) fn mac_verify(batch: &mut Batch<'_>, request: &MacVerifyRequest<'_>) -> Outcome {
    using::single_part(request.init_indicator, request.final_indicator, request.correlation_value)?;
    let object = batch.object(request.unique_identifier)?;
    let wanted = Use::new(Operation::MAC_VERIFY, CryptographicUsageMask::MAC_VERIFY);
    let key = using::key(batch, &object, &wanted)?;
    let hash = hash_of_mac(&object, request.cryptographic_parameters.as_ref());
    let data = batch.data(request.data.as_ref())?;
    let Some(given) = request.mac_data else {
        return Err(Failure::exactly(ResultReason::MISSING_DATA, "there is no MAC Data to verify").into());
    };
    let mac = hash.and_then(|hash| hashing::hmac(hash, &key, &data));
    let mac = mac.ok_or_else(|| parameters("Cryptographic Algorithm"))?;
    // In constant time.
    let holds = Secret::new(&mac) == Secret::new(given);
    let mut response = MacVerifyResponse::new(object.id.as_str().into());
    response.validity_indicator =
        Some(if holds { ValidityIndicator::VALID } else { ValidityIndicator::INVALID });
    batch.answer(response)
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
