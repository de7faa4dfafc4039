//! What the encodings as text share: names, dates, hexadecimal, and how each type of value is spelt.

pub(crate) mod date;
pub(crate) mod names;

#[cfg(any(feature = "json", feature = "xml"))]
pub(crate) mod builder;
#[cfg(any(feature = "json", feature = "xml"))]
pub(crate) mod error;
#[cfg(any(feature = "json", feature = "xml"))]
pub(crate) mod scalar;
