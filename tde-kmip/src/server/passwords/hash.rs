//! Argon2id hashes of passwords, in the form that the reference implementation prints.

use core::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64ct::{Base64Unpadded, Encoding as _};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// What a new hash costs: 19 MiB and two passes, the least that OWASP advises.
const NEW: (u32, u32, u32) = (19 << 10, 2, 1);
/// The most that a hash may cost: each first request of a client does.
const MAX_MEMORY_KIB: u32 = 256 << 10;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;

/// The hash of a password, with its salt and costs.
#[derive(Clone)]
pub(super) struct PasswordHash {
    costs: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl PasswordHash {
    pub(super) fn new(password: &[u8], salt: &[u8]) -> Option<Self> {
        let (memory, passes, lanes) = NEW;
        let costs = Params::new(memory, passes, lanes, Some(32)).ok()?;
        let output = derive(&costs, password, salt, 32)?;
        Some(Self { costs, salt: salt.to_vec(), output: output.to_vec() })
    }

    /// Reads `$argon2id$v=19$m=19456,t=2,p=1$SALT$OUTPUT`, both in base64 without padding.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut fields = text.split('$');
        let head = [fields.next(), fields.next(), fields.next()];
        if head != [Some(""), Some("argon2id"), Some("v=19")] {
            return Err("has no hash of the form $argon2id$v=19$m=...,t=...,p=...$SALT$OUTPUT");
        }
        let [Some(costs), Some(salt), Some(output), None] =
            [fields.next(), fields.next(), fields.next(), fields.next()]
        else {
            return Err("has a hash that is cut short or too long");
        };
        let mut numbers = costs.split(',');
        let mut cost = |name: &str| {
            let number = numbers.next().and_then(|field| field.strip_prefix(name));
            number
                .and_then(|number| number.parse::<u32>().ok())
                .ok_or("has a hash whose costs cannot be read")
        };
        let (memory, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
        if numbers.next().is_some() {
            return Err("has a hash whose costs cannot be read");
        }
        if memory > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
            return Err("has a hash that costs more than 256 MiB, 16 passes or 16 lanes");
        }
        let bytes = |text| Base64Unpadded::decode_vec(text).map_err(|_| "has a hash that is no base64");
        let (salt, output) = (bytes(salt)?, bytes(output)?);
        if !(8..=64).contains(&salt.len()) || !(16..=64).contains(&output.len()) {
            return Err(
                "has a hash with a salt of other than 8 to 64 bytes, or an output of other than 16 to 64",
            );
        }
        let costs = Params::new(memory, passes, lanes, Some(output.len()))
            .map_err(|_| "has a hash whose costs Argon2 does not take")?;
        Ok(Self { costs, salt, output })
    }

    /// Whether it is the hash of that password. Takes as long whether or not it is.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        derive(&self.costs, password, &self.salt, self.output.len())
            .is_some_and(|derived| derived.ct_eq(&self.output).into())
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (memory, passes, lanes) = (self.costs.m_cost(), self.costs.t_cost(), self.costs.p_cost());
        let [salt, output] = [&self.salt, &self.output].map(|bytes| Base64Unpadded::encode_string(bytes));
        write!(f, "$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}")
    }
}

/// None if there is no memory.
fn derive(costs: &Params, password: &[u8], salt: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut output = Zeroizing::new(vec![0; length]);
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(costs.block_count()).ok()?;
    memory.resize(costs.block_count(), Block::default());
    let derived = Argon2::new(Algorithm::Argon2id, Version::V0x13, costs.clone())
        .hash_password_into_with_memory(password, salt, &mut output, &mut memory);
    memory.iter_mut().for_each(|block| block.zeroize());
    derived.ok().map(|()| output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_implementations_hashes_are_understood() {
        // Of the tests of the reference implementation (phc-winner-argon2, src/test.c), version 19.
        for (text, password) in [
            (
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                "password",
            ),
            (
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                "password",
            ),
        ] {
            let hash = PasswordHash::parse(text).unwrap();
            assert!(hash.matches(password.as_bytes()), "{text}");
            assert!(!hash.matches(b"passwore") && !hash.matches(b""));
            assert_eq!(hash.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let good = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(PasswordHash::parse(good).is_ok());
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("m=256,t=2,p=1", "t=2,m=256,p=1"),
            ("p=1", "p=1,x=1"),
            ("m=256", "m=4294967296"),
            ("m=256", "m=1000000"),
            ("t=2", "t=0"),
            ("t=2", "t=1000"),
            ("m=256,t=2,p=1", "m=256,t=2,p=64"),
            ("c29tZXNhbHQ", "c29t"),
            ("c29tZXNhbHQ", "c29tZXNhbHQ="),
            ("nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1b", ""),
            ("Gi/4", "Gi/4$"),
            ("/uIP", "-uIP"),
        ] {
            assert!(good.contains(from), "{from}");
            let bad = good.replace(from, to);
            assert!(PasswordHash::parse(&bad).is_err(), "{bad}");
        }
    }
}
