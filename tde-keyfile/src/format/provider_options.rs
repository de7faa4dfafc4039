//! The options of a key provider: one flat JSON object.
//!
//! Source: `pg_tde` 1.0 to 2.2, `ParseKeyringJSONOptions`. Strings and numbers are values, `null` is absence;
//! booleans, arrays, objects and unknown fields are errors; of a repeated field the last one counts. Both
//! the spaced text of the SQL functions and the compact text of the command-line tool are read.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

use super::providers::ProviderKind;

/// Where a provider is and how to reach it. No secret is among the options: credentials are in files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderOptions {
    /// A keyring file.
    File {
        /// Path of the keyring, relative to the data directory unless absolute.
        path: String,
    },
    /// The key-value store, version 2, of Vault or OpenBao.
    VaultV2 {
        /// Base address of the server.
        url: String,
        /// Where the store is mounted.
        mount_path: String,
        /// Path of the file with the access token.
        token_path: String,
        /// Path of the certificate authority's certificates.
        ca_path: Option<String>,
        /// Namespace, from `pg_tde` 2.1 on.
        namespace: Option<String>,
    },
    /// A KMIP server.
    Kmip {
        /// Host name or address.
        host: String,
        /// Port, as it was given.
        port: String,
        /// Path of the certificate authority's certificates.
        ca_path: String,
        /// Path of the client's certificate.
        cert_path: String,
        /// Path of the client's private key.
        key_path: String,
    },
}

impl ProviderOptions {
    /// Reads the options of a provider of the given kind.
    ///
    /// ```
    /// use tde_keyfile::format::provider_options::ProviderOptions;
    /// use tde_keyfile::format::providers::ProviderKind;
    ///
    /// let text = r#"{"path" : "/srv/keys/demo.keys"}"#;
    /// let options = ProviderOptions::parse(ProviderKind::File, text).unwrap();
    /// assert_eq!(options, ProviderOptions::File { path: "/srv/keys/demo.keys".into() });
    /// ```
    ///
    /// # Errors
    /// [`OptionsError::Json`] for anything but a flat object of known fields, [`OptionsError::Missing`]
    /// for a required field that is absent or empty.
    pub fn parse(kind: ProviderKind, text: &str) -> Result<Self, OptionsError> {
        match kind {
            ProviderKind::File => {
                let [path] = fields(text, ["path"])?;
                Ok(Self::File { path: required("path", path)? })
            }
            ProviderKind::VaultV2 => {
                let names = ["url", "mountPath", "tokenPath", "caPath", "namespace"];
                let [url, mount_path, token_path, ca_path, namespace] = fields(text, names)?;
                Ok(Self::VaultV2 {
                    url: required("url", url)?,
                    mount_path: required("mountPath", mount_path)?,
                    token_path: required("tokenPath", token_path)?,
                    ca_path: optional(ca_path),
                    namespace: optional(namespace),
                })
            }
            ProviderKind::Kmip => {
                let names = ["host", "port", "caPath", "certPath", "keyPath"];
                let [host, port, ca_path, cert_path, key_path] = fields(text, names)?;
                Ok(Self::Kmip {
                    host: required("host", host)?,
                    port: required("port", port)?,
                    ca_path: required("caPath", ca_path)?,
                    cert_path: required("certPath", cert_path)?,
                    key_path: required("keyPath", key_path)?,
                })
            }
        }
    }

    /// The kind of provider that these are options of.
    #[must_use]
    pub const fn kind(&self) -> ProviderKind {
        match self {
            Self::File { .. } => ProviderKind::File,
            Self::VaultV2 { .. } => ProviderKind::VaultV2,
            Self::Kmip { .. } => ProviderKind::Kmip,
        }
    }
}

/// Why options cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// Not a flat JSON object with known fields.
    Json {
        /// What is wrong and where in the text, in one clause.
        message: String,
    },
    /// A required field is absent, `null` or empty.
    Missing {
        /// The field.
        field: &'static str,
    },
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { message } => f.write_str(message),
            Self::Missing { field } => write!(f, "the required field \"{field}\" is missing or empty"),
        }
    }
}

impl core::error::Error for OptionsError {}

fn required(field: &'static str, value: Option<String>) -> Result<String, OptionsError> {
    optional(value).ok_or(OptionsError::Missing { field })
}

/// The command-line tool writes an empty string for what was left out.
fn optional(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

fn fields<const N: usize>(text: &str, names: [&'static str; N]) -> Result<[Option<String>; N], OptionsError> {
    let mut json = serde_json::Deserializer::from_str(text);
    FlatObject(names)
        .deserialize(&mut json)
        .and_then(|values| json.end().map(|()| values))
        .map_err(|error| OptionsError::Json { message: error.to_string() })
}

/// Reads an object that has no other fields than these.
struct FlatObject<const N: usize>([&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for FlatObject<N> {
    type Value = [Option<String>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for FlatObject<N> {
    type Value = [Option<String>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [const { None }; N];
        while let Some(name) = map.next_key::<String>()? {
            let place = self.0.iter().position(|known| *known == name);
            let Some(slot) = place.and_then(|place| values.get_mut(place)) else {
                return Err(A::Error::custom(format!("unknown field {name:?}")));
            };
            *slot = map.next_value_seed(Scalar)?;
        }
        Ok(values)
    }
}

/// Reads a string, a number or `null`.
struct Scalar;

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Scalar {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number or null")
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(value.to_owned()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<String, String> {
        match ProviderOptions::parse(ProviderKind::File, text) {
            Ok(ProviderOptions::File { path }) => Ok(path),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn text_of_the_sql_functions_and_of_the_tool_reads_alike() {
        let sql =
            r#"{"host" : "127.0.0.1", "port" : 5697, "certPath" : "c", "keyPath" : "k", "caPath" : "ca"}"#;
        let tool = r#"{"host":"127.0.0.1","port":"5697","caPath":"ca","certPath":"c","keyPath":"k"}"#;
        let read = |text| ProviderOptions::parse(ProviderKind::Kmip, text).unwrap();
        assert_eq!(read(sql), read(tool));
        let sql =
            r#"{"url" : "u", "mountPath" : "m", "tokenPath" : "t", "caPath" : null, "namespace" : null}"#;
        let tool = r#"{"url":"u","tokenPath":"t","mountPath":"m","caPath":"","namespace":""}"#;
        let read = |text| ProviderOptions::parse(ProviderKind::VaultV2, text).unwrap();
        assert_eq!(read(sql), read(tool));
    }

    #[test]
    fn the_last_of_a_repeated_field_counts() {
        assert_eq!(file(r#"{"path":"a","path":"b"}"#).unwrap(), "b");
        assert_eq!(file(r#"{"path":"a","path":7}"#).unwrap(), "7");
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(file(r#"{"path":"\u00e4 \"\\\/\n"}"#).unwrap(), "\u{e4} \"\\/\n");
    }

    #[test]
    fn what_is_not_a_flat_object_of_known_fields_is_an_error() {
        for (text, part) in [
            (r#"{"path":true}"#, "boolean"),
            (r#"{"path":["a"]}"#, "sequence"),
            (r#"{"path":{"file":"a"}}"#, "map"),
            (r#"{"path":"a","other":"b"}"#, "unknown field \"other\""),
            (r#"{"path":"a"} x"#, "trailing"),
            (r#"["path"]"#, "a JSON object"),
            (r#"{"path":"a""#, "EOF"),
            ("", "EOF"),
            (r#"{"path":null}"#, "\"path\" is missing"),
            (r#"{"path":""}"#, "\"path\" is missing"),
            ("{}", "\"path\" is missing"),
        ] {
            let error = file(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
