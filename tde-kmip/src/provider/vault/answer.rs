//! What the interface answers, as JSON.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::VaultError;

/// `data.data.key` of a secret.
pub(super) fn key(body: &[u8]) -> Result<Zeroizing<String>, VaultError> {
    #[derive(Deserialize)]
    struct Outer {
        data: Option<Inner>,
    }
    #[derive(Deserialize)]
    struct Inner {
        data: Option<Fields>,
    }
    #[derive(Deserialize)]
    struct Fields {
        #[serde(default, deserialize_with = "secret")]
        key: Option<Zeroizing<String>>,
    }
    fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Zeroizing<String>>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Zeroizing::new))
    }
    let outer: Outer = read(body)?;
    let fields = outer.data.and_then(|inner| inner.data);
    fields.and_then(|fields| fields.key).ok_or_else(|| lacking("data.data.key"))
}

/// `data.keys` of a list: names, and folders with a slash behind. An empty one would be the folder itself.
pub(super) fn keys(body: &[u8]) -> Result<Vec<String>, VaultError> {
    #[derive(Deserialize)]
    struct Outer {
        data: Option<Inner>,
    }
    #[derive(Deserialize)]
    struct Inner {
        keys: Option<Vec<String>>,
    }
    let outer: Outer = read(body)?;
    let keys = outer.data.and_then(|inner| inner.keys).ok_or_else(|| lacking("data.keys"))?;
    if keys.iter().any(|key| matches!(&**key, "" | "/")) {
        return Err(VaultError::Answer { detail: "a name in data.keys is empty".to_owned() });
    }
    Ok(keys)
}

/// What is mounted somewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    kind: String,
    version: Option<String>,
}

impl Mount {
    pub(super) fn is_kv_2(&self) -> bool {
        self.kind == "kv" && self.version.as_deref() == Some("2")
    }
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type {}", printable(&self.kind))?;
        match &self.version {
            Some(version) => write!(f, ", version {}", printable(version)),
            None => Ok(()),
        }
    }
}

/// `data.type` and `data.options.version` of a mount.
pub(super) fn mount(body: &[u8]) -> Result<Mount, VaultError> {
    #[derive(Deserialize)]
    struct Outer {
        data: Option<Inner>,
    }
    #[derive(Deserialize)]
    struct Inner {
        r#type: Option<String>,
        options: Option<Options>,
    }
    #[derive(Deserialize)]
    struct Options {
        version: Option<String>,
    }
    let outer: Outer = read(body)?;
    let inner = outer.data.ok_or_else(|| lacking("data"))?;
    Ok(Mount {
        kind: inner.r#type.ok_or_else(|| lacking("data.type"))?,
        version: inner.options.and_then(|options| options.version),
    })
}

/// `errors`, in one clause after a colon; nothing if there are none.
pub(super) fn errors(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Outer {
        #[serde(default)]
        errors: Vec<String>,
    }
    let errors = serde_json::from_slice::<Outer>(body).map(|outer| outer.errors).unwrap_or_default();
    let text = printable(&errors.join("; "));
    if text.is_empty() { text } else { format!(": {text}") }
}

/// Text of a server's without what would move the cursor, and not too much of it.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect::<String>().trim().into()
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, VaultError> {
    // The text of the error says what was found, which may be a secret: only the place is passed on.
    serde_json::from_slice(body).map_err(|error| VaultError::Answer {
        detail: format!("not the JSON that was expected, column {} of line {}", error.column(), error.line()),
    })
}

fn lacking(field: &str) -> VaultError {
    VaultError::Answer { detail: format!("there is no {field}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_and_nothing_of_them_is_shown_in_errors() {
        let text =
            br#"{"request_id":"x","data":{"data":{"key":"a\/b","other":[1]},"metadata":{"version":3}}}"#;
        assert_eq!(**key(text).unwrap(), *"a/b");
        for text in [
            &br#"{}"#[..],
            br#"{"data":null}"#,
            br#"{"data":{"data":null}}"#,
            br#"{"data":{"data":{}}}"#,
            br#"{"data":{"data":{"key":7123456}}}"#,
            br#"{"data":{"data":{"key":"7123456""#,
            b"",
            b"<html>7123456",
        ] {
            let error = key(text).unwrap_err().to_string();
            assert!(!error.contains("7123456"), "{error}");
        }
        assert_eq!(keys(br#"{"data":{"keys":["a","b/"]}}"#).unwrap(), ["a", "b/"]);
        let found = mount(br#"{"data":{"type":"kv","options":{"version":"2"}}}"#).unwrap();
        assert!(found.is_kv_2());
        let found = mount(br#"{"data":{"type":"kv","options":null}}"#).unwrap();
        assert!(!found.is_kv_2());
        assert_eq!(found.to_string(), "type kv");
        assert_eq!(errors(br#"{"errors":["a\nb","c"]}"#), ": a b; c");
        assert_eq!(errors(b"<html>"), "");
    }

    #[test]
    fn deep_nesting_is_refused() {
        let text = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(key(&text).is_err());
        assert!(keys(&text).is_err());
    }
}
