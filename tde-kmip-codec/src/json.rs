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

pub use self::{
    payload::{Direction, Payload, read_payload, write_payload},
    read::{Options, read, read_with},
    tree::{write_tree, write_tree_without_secrets},
    write::write,
};
pub use crate::text::error::{Error, ErrorKind};
