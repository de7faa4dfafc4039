//! From the standard's words to Rust's.

use anyhow::{Result, bail, ensure};

/// The name of a constant: `X.509 Certificate Subject` becomes `X_509_CERTIFICATE_SUBJECT`, `3DES` becomes `DES3`,
/// `NISTKeyWrap` becomes `NIST_KEY_WRAP`.
pub(crate) fn constant(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| if ONE_WORD.contains(&word) { word.to_owned() } else { spaced(word).replace(' ', "_") })
        .map(|word| word.to_ascii_uppercase())
        .collect();
    let joined = words.join("_");
    // An identifier cannot begin with a digit: as in the CamelCase names, the digits go behind the word.
    let digits = joined.chars().take_while(char::is_ascii_digit).count();
    let (digits, rest) = joined.split_at(digits);
    match rest.split_once('_') {
        _ if digits.is_empty() => joined,
        Some((first, rest)) => format!("{first}{digits}_{rest}"),
        None => format!("{rest}{digits}"),
    }
}

/// Words with a capital inside.
const ONE_WORD: [&str; 5] = ["ChaCha20", "ChaCha20Poly1305", "McEliece", "minLOS", "RNGs"];

/// `TransparentDSAPrivateKey` as `Transparent DSA Private Key`.
pub(crate) fn spaced(camel_name: &str) -> String {
    let chars: Vec<char> = camel_name.chars().collect();
    let mut text = String::new();
    for (index, c) in chars.iter().enumerate() {
        let after_lower = index > 0 && chars[index - 1].is_ascii_lowercase();
        let before_lower = index > 0 && chars.get(index + 1).is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && (after_lower || before_lower) {
            text.push(' ');
        }
        text.push(*c);
    }
    text
}

const VERSIONS: [&str; 7] = ["1.0", "1.1", "1.2", "1.3", "1.4", "2.0", "2.1"];

/// `1.4` as `V1_4`.
pub(crate) fn version(version: &str) -> Result<String> {
    ensure!(VERSIONS.contains(&version), "{version:?} is no version of the protocol");
    Ok(format!("V{}", version.replace('.', "_")))
}

/// `1.0-1.4 2.1` as `V1_0 V1_4 V2_1 V2_1`: the ends of each range.
pub(crate) fn versions(set: &str) -> Result<String> {
    let mut ends = Vec::new();
    for range in set.split_whitespace() {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let place = |version| VERSIONS.iter().position(|known| *known == version);
        ensure!(place(first) <= place(last), "{range:?} ends before it begins");
        ends.push(self::version(first)?);
        ends.push(self::version(last)?);
    }
    Ok(ends.join(" "))
}

/// `TextString|Integer` as `TextString Integer`; a choice of items becomes what such items are.
pub(crate) fn types(types: &str) -> Result<String> {
    const TYPES: [&str; 11] = [
        "Structure",
        "Integer",
        "LongInteger",
        "BigInteger",
        "Enumeration",
        "Boolean",
        "TextString",
        "ByteString",
        "DateTime",
        "Interval",
        "DateTimeExtended",
    ];
    match types {
        "Any" | "AnyAttribute" => return Ok("Any".into()),
        "ManagedObject" => return Ok("Structure".into()),
        _ => {}
    }
    for name in types.split('|').filter(|name| !name.is_empty()) {
        if !TYPES.contains(&name) {
            bail!("{name:?} is no type of item");
        }
    }
    Ok(types.replace('|', " "))
}

/// The places of the names in rising order of the names, for a binary search.
pub(crate) fn by_name<'n>(names: impl Iterator<Item = &'n str>) -> Result<String> {
    let mut places: Vec<(&str, usize)> = names.enumerate().map(|(place, name)| (name, place)).collect();
    places.sort_unstable();
    if let Some(twice) = places.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        bail!("the name {:?} stands twice", twice[0].0);
    }
    Ok(places.iter().map(|(_, place)| place.to_string()).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_identifiers() {
        for (name, expected) in [
            ("X.509 Certificate Subject", "X_509_CERTIFICATE_SUBJECT"),
            ("3DES", "DES3"),
            ("IV/Counter/Nonce", "IV_COUNTER_NONCE"),
            ("PKCS#8", "PKCS_8"),
            ("Pre-Active", "PRE_ACTIVE"),
            ("NISTKeyWrap", "NIST_KEY_WRAP"),
            ("C_GetInfo", "C_GET_INFO"),
            ("ChaCha20Poly1305", "CHACHA20POLY1305"),
        ] {
            assert_eq!(constant(name), expected);
        }
    }

    #[test]
    fn version_sets_become_ends_of_ranges() {
        assert_eq!(versions("1.0-1.4 2.1").unwrap(), "V1_0 V1_4 V2_1 V2_1");
        assert_eq!(versions("").unwrap(), "");
        assert!(versions("1.5").is_err());
        assert!(versions("2.1-2.0").is_err());
    }
}
