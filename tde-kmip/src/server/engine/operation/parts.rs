//! Data that comes in several parts (KMIP 1.4, sections 4.29 to 4.37, and 2.1.15 to 2.1.17; KMIP 2.1, sections 7.8, 7.14
//! and 7.17): Init Indicator, Correlation Value, Final Indicator.

use tde_kmip_codec::{
    attribute::{AttributeValue, UniqueIdentifier},
    operation::Data,
    spec::{
        enumeration::{Operation, UsageLimitsUnit, ValidityIndicator},
        tag,
    },
};
use zeroize::Zeroizing;

use super::using::{self, Use};
use crate::server::engine::{
    batch::Batch,
    failure::{Failure, Outcome},
    record::Object,
    streams::{Stream, Work},
};

/// Which part of the data a request carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part<'a> {
    /// All of it.
    Whole,
    /// The first of several.
    First,
    /// One of those that follow.
    Later { correlation: &'a [u8], is_last: bool },
}

impl<'a> Part<'a> {
    pub(super) fn of(init: Option<bool>, last: Option<bool>, correlation: Option<&'a [u8]>) -> Outcome<Self> {
        let (init, is_last) = (init == Some(true), last == Some(true));
        match (init, is_last, correlation) {
            (true, true, None) | (false, false, None) => Ok(Self::Whole),
            (true, false, None) => Ok(Self::First),
            (false, is_last, Some(correlation)) => Ok(Self::Later { correlation, is_last }),
            (true, _, Some(_)) => {
                let message = "a Correlation Value does not go with Init Indicator";
                Err(Failure::invalid_field(message).into())
            }
            (false, true, None) => {
                Err(Failure::invalid_field("Final Indicator needs a Correlation Value or Init Indicator")
                    .into())
            }
        }
    }

    pub(super) const fn is_last(self) -> bool {
        matches!(self, Self::Whole | Self::Later { is_last: true, .. })
    }
}

/// The data of a request: all of it has to be there, a part may be empty.
pub(super) fn data(
    batch: &Batch<'_>,
    data: Option<&Data<'_>>,
    part: Part<'_>,
) -> Outcome<Zeroizing<Vec<u8>>> {
    if data.is_none() && part != Part::Whole { Ok(Zeroizing::default()) } else { batch.data(data) }
}

/// The key for a part: that of the request, or the one that the first part was worked on with.
pub(super) fn object(
    batch: &mut Batch<'_>,
    stream: Option<&Stream>,
    named: Option<UniqueIdentifier<'_>>,
) -> Outcome<Object> {
    let Some(stream) = stream else { return batch.object(named) };
    let id = stream.object.clone().unwrap_or_default();
    if named.is_some() && batch.identifier(named)? != id {
        let message = "the Unique Identifier is not that of the first part";
        return Err(Failure::invalid_field(message).into());
    }
    batch.object_by_id(&id)
}

/// The key for a part, and its bytes. It has to be usable still.
pub(super) fn key(
    batch: &mut Batch<'_>,
    stream: Option<&Stream>,
    named: Option<UniqueIdentifier<'_>>,
    wanted: &Use,
) -> Outcome<(Object, Zeroizing<Vec<u8>>)> {
    let object = object(batch, stream, named)?;
    let key = using::key(batch, &object, wanted)?;
    Ok((object, key))
}

/// Takes from the usage limits: bytes for every part, other units once for all.
pub(super) fn allocate(batch: &mut Batch<'_>, object: &mut Object, part: Part<'_>, bytes: usize) -> Outcome {
    let by_bytes = match object.attributes.get(tag::USAGE_LIMITS) {
        Some(AttributeValue::UsageLimits(limits)) => limits.usage_limits_unit == UsageLimitsUnit::BYTE,
        _ => false,
    };
    if by_bytes || !matches!(part, Part::Later { .. }) {
        using::allocate(batch, object, bytes)?;
    }
    Ok(())
}

/// What an answer says before the last part has come: until 2.0, it has to say something.
pub(super) fn validity_so_far(batch: &Batch<'_>) -> Option<ValidityIndicator> {
    (batch.version.major < 2).then_some(ValidityIndicator::UNKNOWN)
}

impl Batch<'_> {
    /// The stream that a part belongs to; none for the first part.
    pub(super) fn stream(&mut self, part: Part<'_>, operation: Operation) -> Outcome<Option<Stream>> {
        match part {
            Part::Later { correlation, .. } => {
                let owner = self.owner.clone();
                self.streams.get(correlation, &owner, operation).map(Some)
            }
            Part::First | Part::Whole => Ok(None),
        }
    }

    /// Keeps where a stream stands, and gives the Correlation Value for the next part; after the last one, forgets it.
    pub(super) fn keep_stream(
        &mut self,
        part: Part<'_>,
        operation: Operation,
        object: Option<&Object>,
        work: Work,
    ) -> Outcome<Option<Vec<u8>>> {
        if part.is_last() {
            self.end_stream(part);
            return Ok(None);
        }
        let correlation = match part {
            Part::Later { correlation, .. } => correlation.to_vec(),
            Part::First | Part::Whole => {
                let mut correlation = vec![0; 16];
                self.options.randomness.fill(&mut correlation)?;
                correlation
            }
        };
        let object = object.map(|object| object.id.clone());
        self.streams.put(&correlation, Stream { operation, object, work });
        Ok(Some(correlation))
    }

    /// Forgets a stream.
    pub(super) fn end_stream(&mut self, part: Part<'_>) {
        if let Part::Later { correlation, .. } = part {
            self.streams.close(correlation);
        }
    }
}
