//! The item layer: tag, type, length, value (KMIP 1.4, section 9.1; KMIP 2.1, section 10.1).
//!
//! [`decode`] takes one whole item apart and checks everything in it, [`Reader`] walks items one by one,
//! [`Writer`] writes them. Nothing here allocates, recurses or knows what a tag means.
//!
//! ```
//! use tde_kmip_codec::ttlv::{self, Tag, Value, Writer};
//!
//! let mut out = [0_u8; 64];
//! let mut writer = Writer::new(&mut out);
//! writer.structure(Tag::new(0x42_0053)?, |name| {
//!     name.text_string(Tag::new(0x42_0055)?, "orders");
//!     name.enumeration(Tag::new(0x42_0054)?, 1);
//!     Ok(())
//! })?;
//! let bytes = writer.finish()?;
//!
//! let item = ttlv::decode(bytes)?;
//! let first = item.children().read()?;
//! assert_eq!(first.value, Value::TextString("orders"));
//! assert_eq!(first.offset, 8);
//! # Ok::<(), tde_kmip_codec::ttlv::Error>(())
//! ```

mod big_integer;
pub(crate) mod error;
mod item;
mod item_type;
mod options;
mod path;
pub(crate) mod raw;
pub(crate) mod reader;
pub(crate) mod tag;
mod walk;
pub(crate) mod writer;

pub use self::{
    big_integer::BigInteger,
    error::{Because, Error, ErrorKind, Layer},
    item::{Item, Value},
    item_type::ItemType,
    options::{Leniency, Options, Tolerated},
    path::TagPath,
    reader::{Reader, framed_len},
    tag::Tag,
    walk::{Visit, Walk, decode, decode_with},
    writer::{Open, Writer},
};
