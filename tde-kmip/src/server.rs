//! An embedded KMIP key server, for development, tests and small installations.
//!
//! - [`store`]: where managed objects are kept, in memory or in one file.

pub mod store;
