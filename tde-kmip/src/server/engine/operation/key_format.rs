//! Which format Get gives a key in (KMIP 1.4, section 4.11; KMIP 2.1, section 6.1.19).

use tde_kmip_codec::{
    object::ManagedObject,
    spec::enumeration::{CryptographicAlgorithm, KeyFormatType, ResultReason},
};

use crate::server::engine::{
    asymmetric::{PairKey, default_format},
    attributes::key_block,
    batch::Batch,
    failure::{Failure, Outcome},
    record::Material,
};

/// The object in another format, if it is asked for, or if the version does not have the one that it came in.
pub(super) fn converted(
    batch: &Batch<'_>,
    managed: &ManagedObject<'_>,
    wanted: Option<KeyFormatType>,
) -> Outcome<Option<Material>> {
    let Some(block) = key_block(managed) else {
        return match wanted {
            None | Some(KeyFormatType::X_509) => Ok(None),
            Some(wanted) => Err(unsupported(wanted).into()),
        };
    };
    let has = block.key_format_type;
    let (object_type, version) = (managed.object_type(), batch.version);
    let read = || PairKey::read(object_type, block, batch.options.max_rsa_bits_used);
    let to = |key: &PairKey, format| {
        key.to_object(format, block.cryptographic_algorithm, block.cryptographic_length, version)
    };
    match wanted {
        Some(wanted) if wanted != has => {
            let made = read().and_then(|key| to(&key, wanted));
            Ok(Some(made.map_err(|_| unsupported(wanted))?))
        }
        None if !has.versions().contains(version) => {
            let algorithm = block.cryptographic_algorithm.unwrap_or(CryptographicAlgorithm::ECDSA);
            // As it came where that cannot be helped: the answer then says that it does not fit.
            Ok(read().and_then(|key| to(&key, default_format(&key, algorithm, version))).ok())
        }
        _ => Ok(None),
    }
}

fn unsupported(wanted: KeyFormatType) -> Failure {
    let message = format!("the object cannot be had as {wanted}");
    Failure::exactly(ResultReason::KEY_FORMAT_TYPE_NOT_SUPPORTED, message)
}
