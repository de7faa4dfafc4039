//! An object as an item of its own: the form in which a server keeps it.

use super::ManagedObject;
use crate::{
    codec::{Decoder, Encoder},
    spec::ProtocolVersion,
    ttlv::{Error, Leniency, Options, Writer},
};

impl<'a> ManagedObject<'a> {
    /// Decodes an object that stands under its own tag.
    ///
    /// # Errors
    /// Every error of the item and message layers that `options` does not tolerate.
    pub fn from_item(input: &'a [u8], version: ProtocolVersion, options: Options) -> Result<Self, Error> {
        Decoder::item(input, version, options, Self::decode)
    }

    /// Encodes the object under its own tag and returns the part of `buffer` that it takes.
    ///
    /// # Errors
    /// [`crate::ttlv::ErrorKind::BufferTooSmall`] with the size that is needed; what the version does not have and
    /// `leniency` does not allow.
    pub fn to_item<'b>(
        &self,
        version: ProtocolVersion,
        leniency: Leniency,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], Error> {
        let mut encoder = Encoder::new(Writer::new(buffer), version, leniency);
        self.encode_as_itself(&mut encoder);
        encoder.finish()
    }
}
