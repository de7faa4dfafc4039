//! scratch
use tde_benches::{buffers::Aligned, interleaved::measure, peers::rustcrypto};
use tde_core::*;
fn main() {
    let key = InternalKey::from_slice(Cipher::Aes128, &[7; 16], BaseIv::new([9; 16])).unwrap();
    let c = PageCipher::new(&key);
    let aes = rustcrypto::aes128(&[7; 16]);
    for size in [512usize, 2048, 8192, 16384, 32768, 131072] {
        let (mut a, mut b) = (Aligned::new(131072), Aligned::new(131072));
        let t = measure(
            &mut || {
                c.decrypt_pages(PageSize::new(size).unwrap(), Fork::Main, BlockNumber::new(0), &mut a)
                    .unwrap()
            },
            &mut || rustcrypto::units_limit(&aes, &mut b),
        );
        println!("{size}: {:.3} ours {:.2}", t.median[1] / t.median[0], 131072.0 / t.median[0] / 1e9);
    }
    for size in [8192usize, 32768] {
        let (mut a, mut b) = (Aligned::new(size), Aligned::new(size));
        let t = measure(
            &mut || {
                c.decrypt_pages(PageSize::new(size).unwrap(), Fork::Main, BlockNumber::new(0), &mut a)
                    .unwrap()
            },
            &mut || rustcrypto::units_limit(&aes, &mut b),
        );
        println!(
            "L1 {size}: {:.3} ours {:.2} theirs {:.2}",
            t.median[1] / t.median[0],
            size as f64 / t.median[0] / 1e9,
            size as f64 / t.median[1] / 1e9
        );
    }
}
