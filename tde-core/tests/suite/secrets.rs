//! What must not be seen: keys in `Debug`, in errors, or in memory that a key has left.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use tde_core::{BaseIv, Cipher, Error, InternalKey, Keystream, PageCipher, PrincipalKey, WrapKey};

use super::support::{counting, each_backend, internal_key};

#[test]
fn debug_output_names_the_cipher_and_no_byte_of_a_key() {
    let principal = PrincipalKey::from_slice(&[0xa7; 32]).unwrap();
    let internal = internal_key(&[0xa7; 16], [0xa7; 16]);
    let printed = [
        format!("{principal:?}"),
        format!("{internal:?}"),
        format!("{:?}", WrapKey::new(&principal)),
        format!("{:#?}", PageCipher::new(&internal)),
        format!("{:?}", Keystream::new(&internal)),
    ];
    for text in &printed {
        // 0xa7 in decimal and in both cases of hexadecimal.
        assert!(!text.contains("167") && !text.to_lowercase().contains("a7"), "{text}");
        assert!(text.contains("Aes"), "{text}");
    }
}

#[test]
fn every_type_that_holds_a_key_wipes_it_on_drop() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() -> bool {
        core::mem::needs_drop::<T>()
    }
    assert!(wiped::<PrincipalKey>());
    assert!(wiped::<InternalKey>());
    assert!(wiped::<WrapKey>());
    assert!(wiped::<PageCipher>());
    assert!(wiped::<Keystream>());
}

#[test]
fn keys_are_the_same_only_when_every_bit_is() {
    let key = counting::<32>(1);
    let first = PrincipalKey::from_slice(&key).unwrap();
    assert!(first.ct_eq(&PrincipalKey::from_slice(&key).unwrap()));
    assert!(!first.ct_eq(&PrincipalKey::from_slice(&key[..16]).unwrap()));
    let internal = internal_key(&key, counting(2));
    assert!(internal.ct_eq(&internal_key(&key, counting(2))));
    assert!(!internal.ct_eq(&internal_key(&key[..16], counting(2))));
    for bit in 0..256 {
        let mut other = key;
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!first.ct_eq(&PrincipalKey::from_slice(&other).unwrap()));
        assert!(!internal.ct_eq(&internal_key(&other, counting(2))));
    }
    for bit in 0..128 {
        let mut other = counting(2);
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!internal.ct_eq(&internal_key(&key, other)));
    }
}

#[test]
fn keys_of_other_lengths_are_refused_with_the_length_found() {
    for len in (0..70).filter(|len| ![16, 32].contains(len)) {
        let key = vec![1; len];
        assert_eq!(PrincipalKey::from_slice(&key).err(), Some(Error::KeyLength { actual: len }));
    }
    for (cipher, len) in [(Cipher::Aes128, 32), (Cipher::Aes256, 16), (Cipher::Aes128, 0)] {
        let refused = InternalKey::from_slice(cipher, &vec![1; len], BaseIv::new([0; 16])).err();
        assert_eq!(refused, Some(Error::InternalKeyLength { cipher, actual: len }));
    }
    assert_eq!(Cipher::from_id(2), Err(Error::UnknownCipher { id: 2 }));
    for cipher in [Cipher::Aes128, Cipher::Aes256] {
        assert_eq!(Cipher::from_id(cipher.id()), Ok(cipher));
        assert_eq!(Cipher::from_key_len(cipher.key_len()), Ok(cipher));
    }
}

/// Gives the bytes 1, 2, 3, and so on.
struct Counting(u8);

impl TryRng for Counting {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

#[test]
fn a_generated_key_is_what_the_generator_gave() {
    let principal = PrincipalKey::generate(Cipher::Aes256, &mut Counting(0));
    assert_eq!(principal.expose_bytes(), counting::<32>(1));
    let internal = InternalKey::generate(Cipher::Aes128, &mut Counting(0));
    assert_eq!(internal.expose_bytes(), counting::<16>(1));
    assert_eq!(internal.base_iv().as_bytes(), &counting(17));
}

#[cfg(feature = "getrandom")]
#[test]
fn random_keys_and_vectors_differ() {
    for cipher in [Cipher::Aes128, Cipher::Aes256] {
        let keys = [InternalKey::random(cipher).unwrap(), InternalKey::random(cipher).unwrap()];
        assert_eq!(keys[0].cipher(), cipher);
        assert_ne!(keys[0].expose_bytes(), keys[1].expose_bytes());
        assert_ne!(keys[0].base_iv(), keys[1].base_iv());
        assert!(!PrincipalKey::random(cipher).unwrap().ct_eq(&PrincipalKey::random(cipher).unwrap()));
    }
    assert_ne!(tde_core::random_iv(), tde_core::random_iv());
}

#[test]
fn expanded_keys_do_not_depend_on_the_key_they_came_from() {
    each_backend(|backend| {
        let cipher = {
            let key = internal_key(&counting::<16>(1), [0; 16]);
            PageCipher::with_backend(&key, backend).unwrap()
        };
        let mut page = [3; 64];
        cipher.encrypt_page(tde_core::Fork::Main, tde_core::BlockNumber::new(1), &mut page).unwrap();
        assert_ne!(page, [3; 64]);
    });
}
