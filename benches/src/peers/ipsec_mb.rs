//! Intel's multi-buffer library: the other implementation that encrypts several CBC chains side by side.

#![allow(unsafe_code, reason = "a C library is reached through its foreign interface")]

use std::ffi::{CStr, c_char};
use std::ptr::NonNull;

/// Opaque to Rust; made, used and freed by the C half beside this file.
#[repr(C)]
struct Raw {
    _private: [u8; 0],
}

unsafe extern "C" {
    safe fn tde_ipsec_mb_version() -> *const c_char;
    fn tde_ipsec_mb_new(key: *const u8, key_len: usize) -> *mut Raw;
    fn tde_ipsec_mb_free(manager: *mut Raw);
    fn tde_ipsec_mb_encrypt(manager: *mut Raw, pages: *mut u8, len: usize, ivs: *const u8, count: u32)
    -> u32;
    fn tde_ipsec_mb_encrypt_jobs(
        manager: *mut Raw,
        pages: *mut u8,
        len: usize,
        ivs: *const u8,
        count: u32,
    ) -> u32;
}

/// Which of the library's interfaces to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// All pages in one call, which encrypts them at once.
    Burst,
    /// A job for each page, collected when they are done.
    Jobs,
}

/// The library's own description of its version.
#[must_use]
pub fn version() -> String {
    // SAFETY: the library gives a static string that ends in a zero byte.
    unsafe { CStr::from_ptr(tde_ipsec_mb_version()) }.to_string_lossy().into_owned()
}

/// A manager with one expanded key.
pub struct Manager(NonNull<Raw>);

impl Manager {
    /// Sets the library up for this CPU and expands a key of 16 or 32 bytes; `None` when it cannot.
    #[must_use]
    pub fn new(key: &[u8]) -> Option<Self> {
        if ![16, 32].contains(&key.len()) {
            return None;
        }
        // SAFETY: the key is readable for its length, which is one that the C half knows.
        NonNull::new(unsafe { tde_ipsec_mb_new(key.as_ptr(), key.len()) }).map(Self)
    }

    /// Encrypts up to 32 pages of `len` bytes in place, each with its vector; whether all were done.
    pub fn encrypt(&mut self, interface: Interface, pages: &mut [u8], len: usize, ivs: &[[u8; 16]]) -> bool {
        let Ok(count) = u32::try_from(ivs.len()) else { return false };
        if ivs.len() * len != pages.len() || !len.is_multiple_of(16) {
            return false;
        }
        // SAFETY: `pages` has `count` times `len` bytes and `ivs` `count` times 16, as the C half needs; a
        // burst of more than 32 pages is refused. The manager is alive and borrowed for this call alone.
        let done = unsafe {
            let (manager, pages, ivs) = (self.0.as_ptr(), pages.as_mut_ptr(), ivs.as_ptr().cast());
            match interface {
                Interface::Burst => tde_ipsec_mb_encrypt(manager, pages, len, ivs, count),
                Interface::Jobs => tde_ipsec_mb_encrypt_jobs(manager, pages, len, ivs, count),
            }
        };
        done == count
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // SAFETY: made by `tde_ipsec_mb_new`, freed nowhere else.
        unsafe { tde_ipsec_mb_free(self.0.as_ptr()) };
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").finish_non_exhaustive()
    }
}
