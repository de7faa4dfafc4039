//! XML TTLV: the XML encoding of items, as the KMIP XML profile defines it and OASIS publishes its test cases
//! (feature `xml`).
//!
//! An item is an element under the name of its tag, with a type and a value; a structure has its items inside and may
//! leave out its type. A tag without a name becomes `<TTLV tag="0x540001" …/>`. [`write()`] and [`read()`] turn items
//! into such text and back without loss: what was read from canonical TTLV becomes the same bytes again.
//!
//! ```
//! use tde_kmip_codec::{spec::tag, ttlv, xml};
//!
//! let text = r#"<RequestPayload>
//!   <UniqueIdentifier type="TextString" value="1"/>
//!   <CryptographicUsageMask type="Integer" value="Encrypt Decrypt"/>
//! </RequestPayload>
//! "#;
//! let bytes = xml::read(text)?;
//! let payload = ttlv::decode(&bytes)?;
//! assert_eq!(payload.tag, tag::REQUEST_PAYLOAD);
//! assert_eq!(xml::write(&payload)?, text);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! How values are spelt:
//!
//! | type | written | read as well |
//! | --- | --- | --- |
//! | Integer | decimal; a mask as names separated by blanks | `0x` and 8 digits |
//! | Long Integer, Interval | decimal | `0x` and 16 or 8 digits |
//! | Big Integer, Byte String | hexadecimal in lower case | Big Integers of any number of digits, sign-extended |
//! | Enumeration | name, or `0x` and 8 digits where there is none | a name in another case or without `_` |
//! | Boolean | `true`, `false` | `0x` and 16 digits |
//! | Text String | text | |
//! | Date-Time | `2009-11-12T12:13:14+00:00`; `0x` and 16 digits outside the years 0 to 9999 | other offsets |
//! | Date-Time Extended | the same with six digits of a fraction | decimal |
//!
//! XML cannot hold most control characters; a Text String with one cannot be written ([`WriteError::Character`]).

mod read;
mod write;

pub use self::{
    read::{Options, read, read_all, read_with},
    write::{WriteError, write},
};
pub use crate::text::error::{Error, ErrorKind};
