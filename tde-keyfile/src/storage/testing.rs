//! Storages for tests: one that fails at a chosen call, and one that forgets what was not made durable.
//!
//! Not covered by the promises of semantic versioning.
//!
//! A test of an operation runs it again and again, with the fault one call later each time, until it runs through:
//!
//! ```
//! use std::path::Path;
//! use tde_keyfile::storage::testing::{ForgettingStorage, SampleLimit};
//! use tde_keyfile::storage::{Before, NewFileAccess, read_file, replace_file};
//!
//! for halt_at in 0.. {
//!     let storage = ForgettingStorage::new();
//!     storage.put("/d/file", b"old");
//!     let old = read_file(&storage, Path::new("/d/file"), 100).unwrap().hash();
//!     storage.halt_at(halt_at);
//!     let before = Before::Content(old);
//!     let done = replace_file(&storage, Path::new("/d/file"), before, b"new", NewFileAccess::Private);
//!     for survivor in storage.crash(SampleLimit::default()) {
//!         let content = survivor.get("/d/file").unwrap();
//!         assert!(content == b"new" || (content == b"old" && done.is_err()));
//!     }
//!     if done.is_ok() {
//!         break;
//!     }
//! }
//! ```

mod crash;
mod failing;
mod forgetting;

pub use crash::SampleLimit;
pub use failing::{FailingStorage, Fault, Persistence};
pub use forgetting::ForgettingStorage;
