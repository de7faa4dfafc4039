//! Known answers of the page cipher: NIST SP 800-38A and pages whose ciphertext pg_tde's own routines gave.

use tde_core::{BlockNumber, Fork, InternalKey, PageCipher, PageRead, PageSize};

use super::support::{counting, each_backend, hex, hex_array, internal_key, sha256};

const NIST_PLAINTEXT: &str = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
    30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710";

/// Encrypts and decrypts by every call there is, and compares.
fn holds(key: &InternalKey, fork: Fork, block: u32, plaintext: &[u8], ciphertext: &[u8]) {
    let block = BlockNumber::new(block);
    let size = PageSize::new(plaintext.len()).unwrap();
    each_backend(|backend| {
        let cipher = PageCipher::with_backend(key, backend).unwrap();
        assert_eq!(cipher.backend(), backend);

        let mut page = plaintext.to_vec();
        cipher.encrypt_page(fork, block, &mut page).unwrap();
        assert_eq!(page, ciphertext, "{backend}");
        assert_eq!(cipher.decrypt_page(fork, block, &mut page).unwrap(), PageRead::Decrypted);
        assert_eq!(page, plaintext, "{backend}");

        let mut out = vec![0x5a; plaintext.len()];
        cipher.encrypt_page_to(fork, block, plaintext, &mut out).unwrap();
        assert_eq!(out, ciphertext, "{backend}");
        assert_eq!(cipher.decrypt_page_to(fork, block, ciphertext, &mut out).unwrap(), PageRead::Decrypted);
        assert_eq!(out, plaintext, "{backend}");

        cipher.encrypt_pages(size, fork, block, &mut page).unwrap();
        assert_eq!(page, ciphertext, "{backend}");
        cipher.decrypt_pages(size, fork, block, &mut page).unwrap();
        assert_eq!(page, plaintext, "{backend}");
    });
}

#[test]
fn nist_sp_800_38a_cbc_examples_hold() {
    let iv = counting(0);
    // F.2.1 and F.2.2.
    let key = internal_key(&hex("2b7e151628aed2a6abf7158809cf4f3c"), iv);
    let ciphertext = hex("7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2
        73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7");
    holds(&key, Fork::Main, 0, &hex(NIST_PLAINTEXT), &ciphertext);
    // F.2.5 and F.2.6.
    let key = internal_key(&hex("603deb1015ca71be2b73aef0857d7781 1f352c073b6108d72d9810a30914dff4"), iv);
    let ciphertext = hex("f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d
        39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b");
    holds(&key, Fork::Main, 0, &hex(NIST_PLAINTEXT), &ciphertext);
}

struct StoredPage {
    key: InternalKey,
    fork: Fork,
    block: u32,
    first: &'static str,
    last: &'static str,
    sha256: &'static str,
}

fn aes128() -> InternalKey {
    internal_key(&counting::<16>(0x20), counting(0x30))
}

fn aes256() -> InternalKey {
    internal_key(&counting::<32>(0x20), counting(0x30))
}

#[test]
fn pages_are_stored_as_pg_tde_stores_them() {
    let plaintext: Vec<u8> = (0..8192_usize).map(|i| (7 * i + 3) as u8).collect();
    assert_eq!(sha256(&plaintext), "79a68194a5a1dc354264d70a556ff0a6acf1478d589a98cbb22bbb81fe55b5e5");
    let main = |fork| StoredPage {
        key: aes128(),
        fork,
        block: 0,
        first: "59d341bf6e624027a288bf9508f38819",
        last: "b04342243e79b95ecaa29bf706f8e2a7",
        sha256: "29488ce4d940e3ead65ac0632aef361054450eddb9ea9199569ca6d6966ec4b9",
    };
    let pages = [
        main(Fork::Main),
        main(Fork::Init),
        StoredPage {
            key: aes128(),
            fork: Fork::Fsm,
            block: 5,
            first: "1aec920a04d426f1d1a0524bd3d1ac0b",
            last: "f619a9f61072d767a48a63a47794e656",
            sha256: "a3d2f0879efbbb7ce1f92c7cbe9bb43e6f9994d2cce0fdbdae36135f252fbb5d",
        },
        StoredPage {
            key: aes128(),
            fork: Fork::Main,
            block: 131_072,
            first: "ba0db0397b508bc9cc6e768d336dcc89",
            last: "b6f1f2acdbee2a7fedce8ad9fbea4f24",
            sha256: "c2ca2477a139624ff484e31b8593be0c37011260ef478a1c70c6c470cc464e86",
        },
        StoredPage {
            key: aes128(),
            fork: Fork::Vm,
            block: 4_294_967_294,
            first: "",
            last: "c6bf64b6a9213e8564114fa2d851d054",
            sha256: "98540cdd3a7a1b72d3dc3b1255e2f209ec1876f455af6183d976d4affb45b88c",
        },
        StoredPage {
            key: aes256(),
            fork: Fork::Main,
            block: 0,
            first: "1163206f7627b6d27749bd415cbd01e6",
            last: "e633ad89009f01587a8a32a9af276adc",
            sha256: "25a2f256bf505ed1563abb026394344b532c1fb64dcdadfdfdd5bd8fb9a85040",
        },
    ];
    for stored in &pages {
        let mut page = plaintext.clone();
        PageCipher::new(&stored.key)
            .encrypt_page(stored.fork, BlockNumber::new(stored.block), &mut page)
            .unwrap();
        assert_eq!(sha256(&page), stored.sha256);
        assert!(page.starts_with(&hex(stored.first)));
        assert!(page.ends_with(&hex(stored.last)));
        holds(&stored.key, stored.fork, stored.block, &plaintext, &page);
    }
}

#[test]
fn a_zero_page_that_is_written_is_encrypted() {
    let mut page = vec![0; 8192];
    each_backend(|backend| {
        page.fill(0);
        let cipher = PageCipher::with_backend(&aes128(), backend).unwrap();
        cipher.encrypt_page(Fork::Main, BlockNumber::new(0), &mut page).unwrap();
        assert_eq!(page[..16], hex_array::<16>("a7adeeaecca54889b8621bec18527044"));
        assert_eq!(
            sha256(&page),
            "bd43698b2e60b989affc08b2a7fdd1cab4d1b0dc31beb528d7ff9ca3bd9ee9e5",
            "{backend}"
        );
    });
}
