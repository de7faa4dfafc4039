//! Archive and Recover (KMIP 1.4, sections 4.22 and 4.23): done at once, and noted in Archive Date.

use tde_kmip_codec::{
    DateTime,
    attribute::AttributeValue,
    operation::{ArchiveRequest, ArchiveResponse, RecoverRequest, RecoverResponse},
    spec::{enumeration::Operation, tag},
};

use super::retrieve::check_state;
use crate::server::engine::{batch::Batch, failure::Outcome};

/// Puts an object aside: until it is recovered, only its attributes can be had.
pub(super) fn archive(batch: &mut Batch<'_>, request: &ArchiveRequest<'_>) -> Outcome {
    let mut object = batch.object(request.unique_identifier)?;
    check_state(batch, Operation::ARCHIVE, &object)?;
    object.set(AttributeValue::ArchiveDate(DateTime(batch.now)))?;
    object.changed(batch.now)?;
    batch.store.put(&mut object)?;
    batch.answer(ArchiveResponse::new(object.id.as_str().into()))
}

/// Brings an object back.
pub(super) fn recover(batch: &mut Batch<'_>, request: &RecoverRequest<'_>) -> Outcome {
    let mut object = batch.object(request.unique_identifier)?;
    check_state(batch, Operation::RECOVER, &object)?;
    object.attributes.remove(|kept| kept.key.tag() == Some(tag::ARCHIVE_DATE));
    object.changed(batch.now)?;
    batch.store.put(&mut object)?;
    batch.answer(RecoverResponse::new(object.id.as_str().into()))?;
    batch.remember(Operation::RECOVER, vec![object.id]);
    Ok(())
}
