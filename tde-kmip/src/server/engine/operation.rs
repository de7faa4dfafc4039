//! The operations, a file for each family.

mod archive;
mod asymmetric;
mod attribute;
mod cipher;
mod derive;
mod digest;
mod key_format;
mod key_pair;
mod lifecycle;
mod locate;
mod make;
mod parts;
mod query;
mod rekey;
mod retrieve;
mod rsa_cipher;
mod sign;
mod transfer;
mod trivial;
mod usage;
mod using;
mod wrapping;

use tde_kmip_codec::{
    message::RequestBatchItem,
    operation::RequestPayload,
    spec::enumeration::{Operation, ResultReason},
};

use super::{
    batch::Batch,
    failure::{Failure, Outcome},
};

/// The operations that are supported, in the order of their numbers.
pub(super) const SUPPORTED: &[Operation] = &[
    Operation::CREATE,
    Operation::CREATE_KEY_PAIR,
    Operation::REGISTER,
    Operation::RE_KEY,
    Operation::DERIVE_KEY,
    Operation::LOCATE,
    Operation::CHECK,
    Operation::GET,
    Operation::GET_ATTRIBUTES,
    Operation::GET_ATTRIBUTE_LIST,
    Operation::ADD_ATTRIBUTE,
    Operation::MODIFY_ATTRIBUTE,
    Operation::DELETE_ATTRIBUTE,
    Operation::OBTAIN_LEASE,
    Operation::GET_USAGE_ALLOCATION,
    Operation::ACTIVATE,
    Operation::REVOKE,
    Operation::DESTROY,
    Operation::ARCHIVE,
    Operation::RECOVER,
    Operation::QUERY,
    Operation::RE_KEY_KEY_PAIR,
    Operation::DISCOVER_VERSIONS,
    Operation::ENCRYPT,
    Operation::DECRYPT,
    Operation::SIGN,
    Operation::SIGNATURE_VERIFY,
    Operation::MAC,
    Operation::MAC_VERIFY,
    Operation::RNG_RETRIEVE,
    Operation::RNG_SEED,
    Operation::HASH,
    Operation::IMPORT,
    Operation::EXPORT,
    Operation::LOG,
    Operation::ADJUST_ATTRIBUTE,
    Operation::SET_ATTRIBUTE,
    Operation::INTEROP,
    Operation::PING,
];

/// Does what an item asks for and answers it.
pub(super) fn run(batch: &mut Batch<'_>, item: &RequestBatchItem<'_>) -> Outcome {
    if item.ephemeral == Some(true) {
        let message = "ephemeral results are not supported";
        return Err(Failure::exactly(ResultReason::FEATURE_NOT_SUPPORTED, message).into());
    }
    match &item.payload {
        RequestPayload::Create(request) => make::create(batch, request),
        RequestPayload::CreateKeyPair(request) => key_pair::create(batch, request),
        RequestPayload::Register(request) => make::register(batch, request),
        RequestPayload::ReKey(request) => rekey::re_key(batch, request),
        RequestPayload::ReKeyKeyPair(request) => key_pair::re_key(batch, request),
        RequestPayload::DeriveKey(request) => derive::derive_key(batch, request),
        RequestPayload::Check(request) => usage::check(batch, request),
        RequestPayload::ObtainLease(request) => usage::obtain_lease(batch, request),
        RequestPayload::GetUsageAllocation(request) => usage::get_usage_allocation(batch, request),
        RequestPayload::Archive(request) => archive::archive(batch, request),
        RequestPayload::Recover(request) => archive::recover(batch, request),
        RequestPayload::Encrypt(request) => cipher::encrypt(batch, request),
        RequestPayload::Decrypt(request) => cipher::decrypt(batch, request),
        RequestPayload::Sign(request) => sign::sign(batch, request),
        RequestPayload::SignatureVerify(request) => sign::verify(batch, request),
        RequestPayload::Mac(request) => digest::mac(batch, request),
        RequestPayload::MacVerify(request) => digest::mac_verify(batch, request),
        RequestPayload::Hash(request) => digest::hash(batch, request),
        RequestPayload::RngRetrieve(request) => digest::rng_retrieve(batch, request),
        RequestPayload::RngSeed(request) => digest::rng_seed(batch, request),
        RequestPayload::Import(request) => transfer::import(batch, request),
        RequestPayload::Export(request) => transfer::export(batch, request),
        RequestPayload::Locate(request) => locate::locate(batch, request),
        RequestPayload::Get(request) => retrieve::get(batch, request),
        RequestPayload::GetAttributes(request) => attribute::get(batch, request),
        RequestPayload::GetAttributeList(request) => attribute::list(batch, request),
        RequestPayload::AddAttribute(request) => attribute::add(batch, request),
        RequestPayload::ModifyAttribute(request) => attribute::modify(batch, request),
        RequestPayload::DeleteAttribute(request) => attribute::delete(batch, request),
        RequestPayload::SetAttribute(request) => attribute::set(batch, request),
        RequestPayload::AdjustAttribute(request) => attribute::adjust(batch, request),
        RequestPayload::Activate(request) => lifecycle::activate(batch, request),
        RequestPayload::Revoke(request) => lifecycle::revoke(batch, request),
        RequestPayload::Destroy(request) => lifecycle::destroy(batch, request),
        RequestPayload::Query(request) => query::query(batch, request),
        RequestPayload::DiscoverVersions(request) => query::discover_versions(batch, request),
        RequestPayload::Log(request) => trivial::log(batch, request),
        RequestPayload::Interop(_) => trivial::interop(batch),
        RequestPayload::Ping(_) => trivial::ping(batch),
        _ => {
            let name = tde_kmip_codec::spec::operation_facts(item.operation)
                .map_or("this operation", |row| row.name);
            let message = format!("{name} is not supported");
            Err(Failure::exactly(ResultReason::OPERATION_NOT_SUPPORTED, message).into())
        }
    }
}
