//! Links the `no_std` halves of the crates into a static library that has neither `std` nor an allocator.
//!
//! Each function takes one of them through its main journey, so that the code is compiled and not only resolved.

#![no_std]
#![forbid(unsafe_code)]

use tde_core::{BaseIv, BlockNumber, Cipher, Error, Fork, InternalKey, Keystream, KeystreamPrefix};
use tde_core::{PageCipher, PageSize, PrincipalKey, WrapKey};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// `tde-core`: a principal key unwraps an internal key, which decrypts pages and a piece of WAL.
pub extern "C" fn core_journey(pages: &mut [u8; 16384]) -> bool {
    fn journey(pages: &mut [u8]) -> Result<(), Error> {
        let principal = WrapKey::new(&PrincipalKey::from_slice(&[1; 16])?);
        let mut wrapped = [0; 32];
        let tag = principal.seal(&[2; 16], b"entry", &[3; 32], &mut wrapped)?;
        let base_iv = BaseIv::new([4; 16]);
        let key: InternalKey =
            principal.open_internal_key(Cipher::Aes256, base_iv, &[2; 16], b"entry", &wrapped, &tag)?;
        PageCipher::new(&key).decrypt_pages(PageSize::DEFAULT, Fork::Main, BlockNumber::new(7), pages)?;
        Keystream::new(&key).apply(&KeystreamPrefix::new([5; 12]), 8195, pages)
    }
    journey(pages).is_ok()
}
