#![no_std]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod cipher;
mod error;
mod key;
mod page;
mod scattered;
mod stream;
mod wrap;

pub use backend::Backend;
pub use cipher::{BaseIv, Cipher};
pub use error::Error;
pub use key::{InternalKey, PrincipalKey};
pub use page::{BlockNumber, Fork, PageCipher, PageRead, PageSize, is_never_written};
pub use scattered::{Page, PagePair};
pub use stream::{Keystream, KeystreamPrefix};
#[cfg(feature = "getrandom")]
pub use wrap::random_iv;
pub use wrap::{IV_LEN, TAG_LEN, WrapKey};
