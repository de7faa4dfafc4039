//! An embedded KMIP key server, for development, tests and small installations.
//!
//! - [`engine`]: requests in, responses out, without I/O.
//! - [`store`]: where managed objects are kept, in memory or in one file.

pub mod engine;
pub mod store;
