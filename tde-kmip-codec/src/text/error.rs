//! What can be wrong with a message as text.

use alloc::string::String;
use core::fmt;

use crate::ttlv::{ItemType, Tag};

/// What is wrong with a message in JSON or XML, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    pub(crate) kind: ErrorKind,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) path: String,
}

impl Error {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The line, counted from 1; 0 if the text as a whole is meant.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The column at which reading stopped, in bytes counted from 1; 0 at the start of a line.
    #[must_use]
    pub const fn column(&self) -> usize {
        self.column
    }

    /// The names of the tags from the outermost item to the one that the error is about, separated by `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if self.line != 0 {
            write!(f, " at line {}, column {}", self.line, self.column)?;
        }
        if self.path.is_empty() { Ok(()) } else { write!(f, ", in {}", self.path.escape_debug()) }
    }
}

impl core::error::Error for Error {}

/// What is wrong with a message that is written as text. Values are never quoted, as they may be secret.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not well-formed JSON or XML.
    Syntax {
        /// What its parser says.
        message: String,
    },
    /// There is no item.
    NoItem,
    /// Something follows the outermost item.
    TrailingContent,
    /// A member or attribute that an item cannot have.
    UnknownKey {
        /// Its name.
        key: String,
    },
    /// A member or attribute stands twice.
    RepeatedKey {
        /// Its name.
        key: &'static str,
    },
    /// A member or attribute is missing.
    MissingKey {
        /// Its name.
        key: &'static str,
    },
    /// The name is that of no tag.
    UnknownTag {
        /// The name.
        name: String,
    },
    /// The name is that of no item type.
    UnknownType {
        /// The name.
        name: String,
    },
    /// The name is none of the enumeration's.
    UnknownName {
        /// The enumeration.
        enumeration: &'static str,
        /// The name.
        name: String,
    },
    /// A name stands where there are only numbers.
    NoNames {
        /// The tag.
        tag: Option<Tag>,
    },
    /// The value is not spelt as a value of its type.
    InvalidValue {
        /// The type.
        item_type: ItemType,
        /// How it must be spelt.
        expected: &'static str,
    },
    /// A value among items, or items where there must be a value.
    NotThisValue {
        /// The type.
        item_type: ItemType,
    },
    /// Structures are nested too deeply.
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Text among items.
    TextAmongItems,
    /// The text is larger than the limit.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A value, or the whole message, is too long for a 32-bit length.
    ValueTooLarge,
    /// The text is not that of an operation's payload.
    NotAPayload {
        /// The outermost name.
        name: String,
    },
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { message } => f.write_str(message),
            Self::NoItem => f.write_str("there is no item"),
            Self::TrailingContent => f.write_str("something follows the outermost item"),
            Self::UnknownKey { key } => write!(f, "an item has no {key:?}"),
            Self::RepeatedKey { key } => write!(f, "{key:?} stands twice in one item"),
            Self::MissingKey { key } => write!(f, "the item has no {key:?}"),
            Self::UnknownTag { name } => write!(f, "{name:?} is not the name or number of a tag"),
            Self::UnknownType { name } => write!(f, "{name:?} is not the name of an item type"),
            Self::UnknownName { enumeration, name } => write!(f, "{name:?} is not a name of {enumeration}"),
            Self::NoNames { tag: Some(tag) } => {
                write!(f, "the values of {tag} have no names, a number is needed")
            }
            Self::NoNames { tag: None } => f.write_str("the value has no names, a number is needed"),
            Self::InvalidValue { item_type, expected } => write!(f, "{item_type} must be {expected}"),
            Self::NotThisValue { item_type: ItemType::Structure } => {
                f.write_str("the value of a Structure must be a list of items")
            }
            Self::NotThisValue { item_type } => write!(f, "{item_type} cannot hold items"),
            Self::TooDeep { limit } => write!(f, "structures nest deeper than {limit} levels"),
            Self::TextAmongItems => f.write_str("text stands where only items may be"),
            Self::TooLarge { limit } => write!(f, "the text is larger than {limit} bytes"),
            Self::ValueTooLarge => f.write_str("a value is too long for a 32-bit length"),
            Self::NotAPayload { name } => {
                write!(f, "{name:?} is neither an operation nor an operation's response")
            }
        }
    }
}

/// At most this much of a name is quoted.
const QUOTED: usize = 64;

/// A name for an error: what is too long is cut.
pub(crate) fn quoted(name: &str) -> String {
    name.chars().take(QUOTED).collect()
}
