use core::fmt;

use super::{ItemType, Tag, TagPath};

/// What is wrong with a message, at which byte, inside which structures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    offset: usize,
    path: TagPath,
}

impl Error {
    #[cold]
    #[inline(never)]
    pub(crate) fn in_input(fault: Fault, input: &[u8]) -> Self {
        let offset = fault.offset as usize;
        Self { kind: fault.kind, offset, path: TagPath::locate(input, offset) }
    }

    pub(crate) const fn without_input(kind: ErrorKind, offset: usize) -> Self {
        Self { kind, offset, path: TagPath::EMPTY }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The byte of the input (or, encoding, of the output) at which the trouble begins.
    ///
    /// For an item as a whole, its length or its value, that is the item's first byte; for its type, the type byte;
    /// for padding, the first bad padding byte; for something missing, the structure that lacks it.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The tags from the outermost structure to the item that the error is about.
    #[must_use]
    pub const fn path(&self) -> &TagPath {
        &self.path
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("offset", &self.offset)
            .field("path", &self.path)
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)?;
        if self.path.as_slice().is_empty() { Ok(()) } else { write!(f, " in {}", self.path) }
    }
}

impl core::error::Error for Error {}

/// Who can see that something is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Layer {
    /// A reader of items, without knowing what they mean.
    Item,
    /// A reader that knows KMIP's structures.
    Message,
    /// An encoder: the caller asked for what cannot be written.
    Encoding,
}

/// The ways in which a message can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input ends inside the eight bytes of an item header.
    TruncatedHeader {
        /// How many of the eight bytes are there.
        available: u8,
    },
    /// The first byte of a tag is neither 0x42 nor 0x54.
    TagOutOfRange {
        /// The number found.
        tag: u32,
    },
    /// No such item type up to KMIP 2.1.
    UnknownType {
        /// The byte found.
        type_byte: u8,
    },
    /// This type of item cannot have this length.
    InvalidLength {
        /// The item's type.
        item_type: ItemType,
        /// The length claimed, in bytes.
        length: u32,
    },
    /// The value, or its padding, ends after the structure or the input around it.
    ValueTooLong {
        /// The length claimed, in bytes.
        length: u32,
        /// How many bytes are left.
        room: u32,
    },
    /// A padding byte is not zero.
    NonZeroPadding,
    /// A Boolean is neither 0 nor 1.
    InvalidBoolean {
        /// The value found.
        value: u64,
    },
    /// A Text String is not UTF-8.
    InvalidUtf8 {
        /// How many bytes of the value are good.
        valid_up_to: u32,
    },
    /// Something follows the outermost item.
    TrailingBytes {
        /// How many bytes.
        count: u32,
    },
    /// There is no item where one must be.
    NoItem,
    /// Structures are nested too deeply.
    TooDeep {
        /// The limit.
        limit: u8,
    },
    /// The input is larger than the limit.
    TooLarge {
        /// The limit, in bytes.
        limit: u32,
    },
    /// The input holds more items than the limit.
    TooManyItems {
        /// The limit.
        limit: u32,
    },

    /// A required field is not there.
    MissingField {
        /// The field.
        tag: Tag,
    },
    /// A field that may come once comes again.
    RepeatedField {
        /// The field.
        tag: Tag,
    },
    /// A field comes after one that it must precede.
    FieldOutOfOrder {
        /// The field.
        tag: Tag,
    },
    /// The structure has no such field.
    UnknownField {
        /// The field.
        tag: Tag,
    },
    /// The structure has this field in other versions only.
    FieldNotInVersion {
        /// The field.
        tag: Tag,
    },
    /// A field has another item type than it must have.
    WrongType {
        /// The field.
        tag: Tag,
        /// The type found.
        found: ItemType,
    },
    /// A field holds a value that the standard does not define.
    UnknownEnumerationValue {
        /// The field.
        tag: Tag,
        /// The value found.
        value: u32,
    },
    /// A field holds a value that other versions define.
    EnumerationValueNotInVersion {
        /// The field.
        tag: Tag,
        /// The value found.
        value: u32,
    },
    /// A field's value contradicts the standard or another field.
    InvalidValue {
        /// The field.
        tag: Tag,
    },
    /// A field is not there that must be, since another field is as it is.
    ConditionalFieldMissing {
        /// The field.
        tag: Tag,
        /// The other field.
        other: Tag,
        /// How that is.
        because: Because,
    },
    /// A field is there that may not be, since another field is as it is.
    ConditionalFieldPresent {
        /// The field.
        tag: Tag,
        /// The other field.
        other: Tag,
        /// How that is.
        because: Because,
    },
    /// No edition of KMIP up to 2.1 has this version number.
    UnknownVersion {
        /// Protocol Version Major.
        major: i32,
        /// Protocol Version Minor.
        minor: i32,
    },
    /// The operation is not in the standard.
    UnknownOperation {
        /// Its number.
        value: u32,
    },
    /// The operation is in other versions only.
    OperationNotInVersion {
        /// Its number.
        value: u32,
    },
    /// Batch Count is not the number of Batch Items.
    BatchCount {
        /// Batch Count.
        claimed: i32,
        /// Batch Items.
        found: u32,
    },
    /// The outermost item is not the message that was asked for.
    NotThisMessage {
        /// The tag asked for.
        expected: Tag,
        /// The tag found.
        found: Tag,
    },

    /// The buffer is too small.
    BufferTooSmall {
        /// How many bytes the encoding needs.
        needed: usize,
    },
    /// A value is longer than 4 GiB - 8.
    ValueTooLarge,
    /// A field is set that the negotiated version does not have.
    CannotEncodeInVersion {
        /// The field.
        tag: Tag,
    },
    /// A field is not set that the negotiated version requires.
    CannotEncodeWithout {
        /// The field.
        tag: Tag,
    },
}

/// How a field is that makes another one required or forbidden.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_enums)] // It is there or not, or what it holds decides.
pub enum Because {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// Its value decides.
    Value,
}

/// As a message says it before the name of the field.
impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "with",
            Self::Absent => "without",
            Self::Value => "with this value of",
        })
    }
}

impl ErrorKind {
    /// Who can see this.
    #[must_use]
    pub const fn layer(self) -> Layer {
        match self {
            Self::TruncatedHeader { .. }
            | Self::TagOutOfRange { .. }
            | Self::UnknownType { .. }
            | Self::InvalidLength { .. }
            | Self::ValueTooLong { .. }
            | Self::NonZeroPadding
            | Self::InvalidBoolean { .. }
            | Self::InvalidUtf8 { .. }
            | Self::TrailingBytes { .. }
            | Self::NoItem
            | Self::TooDeep { .. }
            | Self::TooLarge { .. }
            | Self::TooManyItems { .. } => Layer::Item,
            Self::BufferTooSmall { .. }
            | Self::ValueTooLarge
            | Self::CannotEncodeInVersion { .. }
            | Self::CannotEncodeWithout { .. } => Layer::Encoding,
            _ => Layer::Message,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TruncatedHeader { available } => {
                write!(f, "item header cut short: {available} of 8 bytes")
            }
            Self::TagOutOfRange { tag } => {
                write!(f, "tag 0x{tag:06X} begins with neither 0x42 nor 0x54")
            }
            Self::UnknownType { type_byte } => write!(f, "unknown item type 0x{type_byte:02X}"),
            Self::InvalidLength { item_type, length } => {
                write!(f, "length {length} is not valid for {item_type}")
            }
            Self::ValueTooLong { length, room } => {
                write!(f, "value of {length} bytes runs past its container, which has {room} left")
            }
            Self::NonZeroPadding => f.write_str("padding byte is not zero"),
            Self::InvalidBoolean { value } => write!(f, "boolean {value:#x} is neither 0 nor 1"),
            Self::InvalidUtf8 { valid_up_to } => {
                write!(f, "text string is not UTF-8 after {valid_up_to} bytes of its value")
            }
            Self::TrailingBytes { count } => write!(f, "{count} bytes after the outermost item"),
            Self::NoItem => f.write_str("no item where one must be"),
            Self::TooDeep { limit } => write!(f, "structures nest deeper than {limit} levels"),
            Self::TooLarge { limit } => write!(f, "input is larger than {limit} bytes"),
            Self::TooManyItems { limit } => write!(f, "input has more than {limit} items"),
            Self::MissingField { tag } => write!(f, "required field {} is missing", Named(tag)),
            Self::RepeatedField { tag } => write!(f, "field {} may not be repeated", Named(tag)),
            Self::FieldOutOfOrder { tag } => write!(f, "field {} is out of order", Named(tag)),
            Self::UnknownField { tag } => write!(f, "field {} does not belong here", Named(tag)),
            Self::FieldNotInVersion { tag } => {
                write!(f, "field {} does not belong here in this protocol version", Named(tag))
            }
            Self::WrongType { tag, found } => write!(f, "field {} cannot be of type {found}", Named(tag)),
            Self::UnknownEnumerationValue { tag, value } => {
                write!(f, "value 0x{value:08X} of {} is not defined", Named(tag))
            }
            Self::EnumerationValueNotInVersion { tag, value } => {
                write!(f, "value 0x{value:08X} of {} is not defined in this protocol version", Named(tag))
            }
            Self::InvalidValue { tag } => write!(f, "value of {} is not valid here", Named(tag)),
            Self::ConditionalFieldMissing { tag, other, because } => {
                write!(f, "field {} must be there {because} {}", Named(tag), Named(other))
            }
            Self::ConditionalFieldPresent { tag, other, because } => {
                write!(f, "field {} may not be there {because} {}", Named(tag), Named(other))
            }
            Self::UnknownVersion { major, minor } => {
                write!(f, "protocol version {major}.{minor} is not known")
            }
            Self::UnknownOperation { value } => write!(f, "operation 0x{value:08X} is not known"),
            Self::OperationNotInVersion { value } => {
                write!(f, "operation 0x{value:08X} does not exist in this protocol version")
            }
            Self::BatchCount { claimed, found } => {
                write!(f, "batch count is {claimed}, but there are {found} batch items")
            }
            Self::NotThisMessage { expected, found } => {
                write!(f, "expected {}, found {}", Named(expected), Named(found))
            }
            Self::BufferTooSmall { needed } => write!(f, "buffer is too small, {needed} bytes are needed"),
            Self::ValueTooLarge => f.write_str("value is too long for a 32-bit length"),
            Self::CannotEncodeInVersion { tag } => {
                write!(f, "field {} does not exist in the negotiated protocol version", Named(tag))
            }
            Self::CannotEncodeWithout { tag } => {
                write!(f, "field {} is required by the negotiated protocol version", Named(tag))
            }
        }
    }
}

/// A tag, with its name where there is one.
struct Named(Tag);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match crate::spec::tag_facts(self.0) {
            Some(facts) => write!(f, "{} ({})", facts.name, self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A kind and a place: what the inside of the decoder passes around, small enough for registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) offset: u32,
}

impl Fault {
    #[cold]
    #[inline(never)]
    pub(crate) const fn new(kind: ErrorKind, offset: usize) -> Self {
        Self { kind, offset: offset as u32 }
    }
}
