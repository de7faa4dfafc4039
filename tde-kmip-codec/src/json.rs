//! JSON TTLV: the JSON encoding of items, as the KMIP JSON profile defines it and Cosmian KMS speaks it over HTTPS,
//! and the tree form, which says what every byte means (feature `json`).
//!
//! An item is `{"tag": "UniqueIdentifier", "type": "TextString", "value": "1"}`; a structure has a list of items as its
//! value and may leave out its type. [`write()`] and [`read()`] turn items into such text and back without loss: what was
//! read from canonical TTLV becomes the same bytes again.
//!
//! ```
//! use tde_kmip_codec::{json, spec::tag, ttlv};
//!
//! let text = r#"{"tag": "RequestPayload", "value": [{"tag": "UniqueIdentifier", "type": "TextString", "value": "1"}]}"#;
//! let bytes = json::read(text)?;
//! let payload = ttlv::decode(&bytes)?;
//! assert_eq!(payload.tag, tag::REQUEST_PAYLOAD);
//! assert_eq!(json::read(&json::write(&payload)?)?, bytes);
//!
//! let error = json::read(r#"{"tag": "UniqueIdentifier", "type": "TextString", "value": 1}"#).unwrap_err();
//! assert_eq!(error.to_string(), "TextString must be text at line 1, column 61, in UniqueIdentifier");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! How values are spelt:
//!
//! | type | written | read as well |
//! | --- | --- | --- |
//! | Integer, Interval | number | `"0x"` and 8 digits; a mask's names joined by `\|` |
//! | Long Integer | `"0x"` and 16 digits | number, decimal text |
//! | Big Integer | `"0x"` and the bytes | number of 64 bits, without `0x` |
//! | Enumeration | name, or `"0x"` and 8 digits where there is none | number; a name in another case or without `_` |
//! | Boolean | `true`, `false` | `"0x"` and 16 digits |
//! | Text String, Byte String | text; hexadecimal in upper case | |
//! | Date-Time | `"2009-11-12T12:13:14Z"`; `"0x"` and 16 digits outside the years 0 to 9999 | other offsets, decimal text |
//! | Date-Time Extended | the same with six digits of a fraction | number |

mod payload;
mod read;
mod tree;
mod write;

use alloc::string::String;
use core::fmt;

pub use self::{
    payload::{Direction, Payload, read_payload, write_payload},
    read::{Options, read, read_with},
    tree::write_tree,
    write::write,
};
pub use crate::text::error::ErrorKind;

/// What is wrong with a message in JSON, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    kind: ErrorKind,
    line: usize,
    column: usize,
    path: String,
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
        if self.path.is_empty() { Ok(()) } else { write!(f, ", in {}", self.path) }
    }
}

impl core::error::Error for Error {}
