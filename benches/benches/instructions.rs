//! Hot paths for `instruction-counts.sh`, which runs this under callgrind: `instructions BACKEND PATH REPEATS`.

#![allow(clippy::expect_used, reason = "a bench may panic")]

use std::hint::black_box;

use tde_core::{
    Backend, BaseIv, BlockNumber, Cipher, Fork, InternalKey, Keystream, KeystreamPrefix, PageCipher,
    PageSize, PrincipalKey, WrapKey,
};

const PAGES: usize = 16;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [backend, path, repeats] = &arguments[..] else {
        // `cargo bench` runs every bench; this one is for the script.
        return;
    };
    let backend = Backend::all().find(|known| known.name() == backend).expect("the name of a backend");
    let repeats: usize = repeats.parse().expect("a number of repeats");
    let (cipher, work) = path.split_once(':').expect("CIPHER:WORK");
    let cipher = if cipher == "aes-256" { Cipher::Aes256 } else { Cipher::Aes128 };
    let key = InternalKey::from_slice(cipher, &[7; 32][..cipher.key_len()], BaseIv::new([9; 16]))
        .expect("a key of its length");
    let mut data = vec![5; PAGES * 8192];
    let (size, first) = (PageSize::DEFAULT, BlockNumber::new(7));
    match work {
        "encrypt" => {
            let cipher = PageCipher::with_backend(&key, backend).expect("an available backend");
            for _ in 0..repeats {
                cipher.encrypt_pages(size, Fork::Main, first, black_box(&mut data)).expect("whole pages");
            }
        }
        "encrypt-1" => {
            let cipher = PageCipher::with_backend(&key, backend).expect("an available backend");
            for _ in 0..repeats {
                cipher.encrypt_page(Fork::Main, first, black_box(&mut data[..8192])).expect("a page");
            }
        }
        "decrypt" => {
            let cipher = PageCipher::with_backend(&key, backend).expect("an available backend");
            for _ in 0..repeats {
                cipher.decrypt_pages(size, Fork::Main, first, black_box(&mut data)).expect("whole pages");
            }
        }
        "wal" => {
            let stream = Keystream::with_backend(&key, backend).expect("an available backend");
            let prefix = KeystreamPrefix::new([3; 12]);
            for _ in 0..repeats {
                stream.apply(&prefix, 8195, black_box(&mut data)).expect("a range inside the stream");
            }
        }
        "unwrap" => {
            let wrap = WrapKey::new(&PrincipalKey::from_slice(&[1; 16]).expect("16 bytes"));
            let mut wrapped = [0; 16];
            let tag = wrap.seal(&[1; 16], &[2; 16], &[3; 16], &mut wrapped).expect("matching lengths");
            for _ in 0..repeats {
                wrap.open(&[1; 16], &[2; 16], black_box(&wrapped), &tag, &mut [0; 16])
                    .expect("the right tag");
            }
        }
        _ => unreachable!("unknown work {work}"),
    }
}
