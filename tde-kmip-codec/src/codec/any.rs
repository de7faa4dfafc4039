use core::fmt;

use super::{Decoder, Encoder, Failed, FieldValue, Found};
use crate::ttlv::{ItemType, Reader, Tag, Value, reader::Checked};

/// A value whose type the standard leaves open: custom attributes, vendors' extensions.
///
/// `Debug` shows the shape and not the value.
#[derive(Clone, Copy, PartialEq)]
pub struct AnyValue<'a>(Value<'a>);

impl<'a> AnyValue<'a> {
    /// The value. A structure's items have been checked at every level.
    #[must_use]
    pub const fn get(self) -> Value<'a> {
        self.0
    }
}

impl<'a> From<Value<'a>> for AnyValue<'a> {
    /// Any value; of a structure, the items that the reader has left are written as they are.
    fn from(value: Value<'a>) -> Self {
        Self(value)
    }
}

impl fmt::Debug for AnyValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'a> FieldValue<'a> for AnyValue<'a> {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        d.any(found).map(Self)
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.value(tag, &self.0);
    }
}

/// A structure whose items the standard leaves open: a vendor's extension. All items are checked, at every level.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AnyStructure<'a>(Reader<'a>);

impl<'a> AnyStructure<'a> {
    /// The structure that holds these encoded items.
    #[must_use]
    pub const fn new(items: &'a [u8]) -> Self {
        Self(Reader::new(items))
    }

    /// The items.
    #[must_use]
    pub const fn items(self) -> Reader<'a> {
        self.0
    }
}

impl<'a> FieldValue<'a> for AnyStructure<'a> {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        if found.is(ItemType::Structure) {
            d.checked_items(found).map(Self)
        } else {
            Err(d.wrong_type(found))
        }
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.value(tag, &Value::Structure(self.0));
    }
}

impl<'a> Decoder<'a, '_> {
    /// The value of an item of any type, everything in it checked.
    pub(crate) fn any(&self, found: Found<'a>) -> Result<Value<'a>, Failed> {
        if found.is(ItemType::Structure) {
            return self.checked_items(found).map(Value::Structure);
        }
        let start = self.offset(found);
        let end = start + found.item().len();
        let checked = Checked::at(self.input, start, end, self.cx.leniency);
        let checked = checked.map_err(|fault| self.failed(fault))?;
        if !checked.tolerated.is_empty() {
            self.bad_padding(found)?;
        }
        checked.value(self.input).map_err(|fault| self.failed(fault))
    }
}
