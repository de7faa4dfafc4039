//! A KMIP server as a key provider, in step with `pg_tde`.
//!
//! Source: the KMIP calls of `pg_tde` 2.2.0 (`keyring_kmip_impl.c`) as recorded: Register of a raw symmetric key with
//! Cryptographic Algorithm, Cryptographic Length, Cryptographic Usage Mask and Name; Locate by Object Type and Name with
//! at most 16 items; Get. What it stores is found here and the other way round, whatever version of KMIP is spoken.

use tde_core::PrincipalKey;
use tde_keyfile::{
    PrincipalKeyName,
    provider::{KeyProvider, NamedKey, ProviderCheck, ProviderError, ProviderErrorKind},
};
use tde_kmip_codec::{
    attribute::{Attribute, AttributeReference, AttributeValue},
    object::{KeyValue, ManagedObject},
    spec::{
        enumeration::{CryptographicAlgorithm, KeyFormatType, ObjectType, Operation, QueryFunction},
        mask::CryptographicUsageMask,
        tag,
    },
};

use super::{KmipSettings, SettingsError};
use crate::{
    client::{Client, ConnectionFacts, Error, ProtocolError, Retrieved, printable},
    tls::CertificateFacts,
};

/// Names are cut there by `pg_tde`, in bytes.
const MAX_NAME: usize = 250;

/// The most keys whose names are asked for; more are an error, not a part.
const MAX_LISTED: usize = 10_000;

/// Certificates that end within this time are worth a warning, in seconds: 30 days.
const SOON: i64 = 30 * 24 * 3600;

/// A KMIP server that holds principal keys.
///
/// Nothing is connected before the first request; the connection is kept. Keys are stored as `pg_tde` stores them, and
/// are neither activated nor destroyed.
#[derive(Debug)]
pub struct KmipProvider {
    client: Client,
    place: String,
    /// What our own certificate says, if there are settings to read it by.
    settings: Option<KmipSettings>,
}

impl KmipProvider {
    /// The server behind these settings. Certificates and keys are read, nothing is connected.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Options`].
    pub fn new(settings: KmipSettings) -> Result<Self, ProviderError> {
        let place = format!("KMIP server {}", settings.servers_text());
        match settings.client() {
            Ok(client) => Ok(Self { client, place, settings: Some(settings) }),
            Err(error) => Err(options_error(place, &error)),
        }
    }

    /// The server behind a client of the application's own; `place` is what messages call it.
    #[must_use]
    pub fn with_client(client: Client, place: impl Into<String>) -> Self {
        Self { client, place: place.into(), settings: None }
    }

    /// The client, for what a provider does not do.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The Unique Identifiers of all symmetric keys of that name.
    fn locate(&self, name: &str) -> Result<Vec<String>, ProviderError> {
        let located = self.client.locate_by_name(name, ObjectType::SYMMETRIC_KEY);
        Ok(located.map_err(|error| self.error(error))?.unique_identifiers)
    }

    fn failed(&self, kind: ProviderErrorKind, what: impl Into<String>) -> ProviderError {
        ProviderError::new(self.place(), kind).with_source(what.into())
    }

    fn error(&self, error: Error) -> ProviderError {
        let kind = kind_of(&error);
        let advice = error.advice();
        // Its text says its causes already, which a chain of sources would repeat.
        let failed = ProviderError::new(self.place(), kind).with_source(error.to_string());
        match advice {
            Some(advice) => failed.with_advice(advice),
            None => failed,
        }
    }

    /// Why a key was not stored: a server that keeps names unique says so in its own way.
    fn not_stored(&self, name: &str, error: Error) -> ProviderError {
        if error.refusal().is_some()
            && let Ok(ids) = self.locate(name)
            && let [id, ..] = &*ids
        {
            let what = format!("another client registered \"{name}\" at the same time, as {}", printable(id));
            return self.failed(ProviderErrorKind::Exists, what);
        }
        let unknown = error.may_have_happened();
        let failed = self.error(error);
        if !unknown {
            return failed;
        }
        failed.with_advice(format!("the server may have stored the key: {}", look_for(name)))
    }

    /// Several keys have the name: `pg_tde` refuses them all, and so do we.
    fn ambiguous(&self, name: &str, ids: &[String]) -> ProviderError {
        let kind = ProviderErrorKind::Ambiguous;
        self.failed(kind, format!("\"{name}\" is the name of {}", printable(&ids.join(", ")))).with_advice(
            "look at each with `tde kmip attributes`, and destroy or rename all but the right one: pg_tde does not \
             open the cluster otherwise",
        )
    }
}

impl KeyProvider for KmipProvider {
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError> {
        let text = self.name(name)?;
        let ids = self.locate(text)?;
        let id = match &*ids {
            [] => return Ok(None),
            [id] => id,
            several => return Err(self.ambiguous(text, several)),
        };
        let found = match self.client.get(id) {
            Ok(found) => found,
            // Destroyed in between.
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(self.error(error)),
        };
        match raw_key(&found) {
            Ok(Some(key)) => Ok(Some(NamedKey { name: *name, key })),
            Ok(None) => {
                let what = format!("object {}: not 16 or 32 bytes", printable(id));
                Err(self.failed(ProviderErrorKind::InvalidKey, what))
            }
            Err(what) => {
                Err(self.failed(ProviderErrorKind::Damaged, format!("object {}: {what}", printable(id))))
            }
        }
    }

    fn place(&self) -> String {
        self.place.clone()
    }

    fn store(&self, name: &PrincipalKeyName, key: &PrincipalKey) -> Result<(), ProviderError> {
        let text = self.name(name)?;
        if let [id, ..] = &*self.locate(text)? {
            return Err(self.failed(ProviderErrorKind::Exists, format!("object {}", printable(id))));
        }
        let usage = CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT;
        let registered =
            self.client.register_symmetric_key(text, key.expose_bytes(), CryptographicAlgorithm::AES, usage);
        let own = match registered {
            Ok(own) => own,
            Err(error) => return Err(self.not_stored(text, error)),
        };
        let shown = printable(&own);
        // KMIP has no "only if the name is free". Whoever registered the same name meanwhile sees two keys as well.
        let located = self.client.locate_by_name(text, ObjectType::SYMMETRIC_KEY);
        let ids = match located {
            Ok(located) => located.unique_identifiers,
            Err(error) => {
                let what = format!(
                    "the key was stored as {shown}, but whether another client registered \"{text}\" at the same time \
                     is not known: {error}"
                );
                return Err(self.failed(kind_of(&error), what).with_advice(look_for(text)));
            }
        };
        if ids.len() < 2 {
            return Ok(());
        }
        let what = match self.client.destroy(&own) {
            Ok(()) => {
                format!("another client registered \"{text}\" at the same time; ours was destroyed again")
            }
            Err(error) => format!(
                "another client registered \"{text}\" at the same time, and ours, {shown}, could not be destroyed: \
                 {error}"
            ),
        };
        Err(self.failed(ProviderErrorKind::Exists, what))
    }

    /// The names of all symmetric keys that this client may see; those of other applications are among them.
    fn list(&self) -> Result<Vec<PrincipalKeyName>, ProviderError> {
        let symmetric =
            Attribute { index: None, value: AttributeValue::ObjectType(ObjectType::SYMMETRIC_KEY) };
        let located = self.client.locate(&[symmetric], None).map_err(|error| self.error(error))?;
        let ids = located.unique_identifiers;
        if ids.len() > MAX_LISTED {
            let what = format!("{} symmetric keys, more than the {MAX_LISTED} that are listed", ids.len());
            return Err(self.failed(ProviderErrorKind::Unsupported, what));
        }
        let mut names = Vec::new();
        for id in &ids {
            let attributes = match self.client.get_attributes(id, &[AttributeReference::Standard(tag::NAME)])
            {
                Ok(attributes) => attributes,
                // Destroyed in between.
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(self.error(error)),
            };
            for attribute in attributes.attributes() {
                if let AttributeValue::Name(name) = attribute.value
                    && let Ok(name) = name.name_value.parse()
                {
                    names.push(name);
                }
            }
        }
        Ok(names)
    }

    fn check(&self) -> Result<ProviderCheck, ProviderError> {
        let facts = self.client.connect().map_err(|error| self.error(error))?;
        let mut check = ProviderCheck::new();
        describe(&facts, &mut check);
        match self.settings.as_ref().map(KmipSettings::identity).transpose() {
            Ok(None) => {}
            Ok(Some(Some(identity))) => certificate("client certificate", identity.certificate(), &mut check),
            Ok(Some(None)) => {
                check.warn("client certificate", "none is shown: few servers know their clients otherwise")
            }
            Err(error) => return Err(options_error(self.place(), &error)),
        }
        match self.client.query(&[QueryFunction::QUERY_OPERATIONS]) {
            Ok(server) if server.operations.is_empty() => {}
            Ok(server) => {
                let needed = [Operation::LOCATE, Operation::GET, Operation::REGISTER];
                let missing: Vec<_> =
                    needed.iter().filter(|needed| !server.operations.contains(needed)).collect();
                if missing.is_empty() {
                    check.good(
                        "operations",
                        format!("{}, with Locate, Get and Register", server.operations.len()),
                    );
                }
                for missing in missing {
                    check.warn("operations", format!("the server says that it has no {missing}"));
                }
            }
            Err(error) => check.warn("operations", error.to_string()),
        }
        // The same request as for a key, so that a missing permission shows.
        let symmetric =
            Attribute { index: None, value: AttributeValue::ObjectType(ObjectType::SYMMETRIC_KEY) };
        let located = self.client.locate(&[symmetric], Some(1)).map_err(|error| self.error(error))?;
        let text = if located.unique_identifiers.is_empty() {
            "no symmetric key is to be seen"
        } else {
            "to be seen"
        };
        check.good("keys", text);
        Ok(check)
    }
}

impl KmipProvider {
    /// The name as it stands in Name Value.
    fn name<'n>(&self, name: &'n PrincipalKeyName) -> Result<&'n str, ProviderError> {
        let bytes = name.as_bytes();
        let cut = bytes.get(..MAX_NAME).unwrap_or(bytes);
        std::str::from_utf8(cut).map_err(|_| {
            let what = if name.as_str().is_some() {
                "pg_tde cuts names at 250 bytes, which is within a character here"
            } else {
                "the name is not UTF-8, as a Text String has to be"
            };
            self.failed(ProviderErrorKind::Name, what)
        })
    }
}

/// The bytes of a symmetric key in the clear; `None` if they are too many or too few, or why it is no such key.
fn raw_key(found: &Retrieved) -> Result<Option<PrincipalKey>, &'static str> {
    let Some(ManagedObject::SymmetricKey(key)) = found.object() else { return Err("it is no symmetric key") };
    let block = key.key_block;
    if block.key_format_type != KeyFormatType::RAW {
        return Err("the key is not in the format Raw");
    }
    if block.key_wrapping_data.is_some() || !matches!(block.key_value, Some(KeyValue::Plain(_))) {
        return Err("the server gives the key out wrapped, or not at all");
    }
    Ok(found.key_material().and_then(|bytes| PrincipalKey::from_slice(bytes).ok()))
}

/// How to see which keys have a name.
fn look_for(name: &str) -> String {
    let quoted = name.replace('\'', r"'\''");
    format!("look with `tde kmip locate --name '{quoted}'` before it is done again")
}

fn options_error(place: String, error: &SettingsError) -> ProviderError {
    ProviderError::new(place, ProviderErrorKind::Options).with_source(error.to_string())
}

fn kind_of(error: &Error) -> ProviderErrorKind {
    // Of one operation or of the whole message.
    if let Some(refusal) = error.refusal() {
        return if refusal.denies_access() { ProviderErrorKind::Refused } else { ProviderErrorKind::Failed };
    }
    match error {
        Error::Connect { .. } | Error::NoServer | Error::Connection { .. } | Error::HangsUp { .. } => {
            ProviderErrorKind::Unavailable
        }
        Error::AllServers { attempts } => {
            let mut kinds = attempts.iter().map(kind_of);
            match kinds.next() {
                Some(first) if kinds.all(|kind| kind == first) => first,
                _ => ProviderErrorKind::Unavailable,
            }
        }
        Error::Tls(_) | Error::NotExpressible { .. } => ProviderErrorKind::Options,
        Error::Protocol {
            source: ProtocolError::Encode { .. } | ProtocolError::NoCommonVersion { .. },
            ..
        } => ProviderErrorKind::Unsupported,
        Error::Pending { .. } => ProviderErrorKind::Failed,
        _ => ProviderErrorKind::Damaged,
    }
}

fn describe(facts: &ConnectionFacts, check: &mut ProviderCheck) {
    let transport = &facts.transport;
    let address = transport.address.map_or_else(|| facts.server.to_string(), |address| address.to_string());
    check.good("connection", address);
    if let (Some(version), Some(suite)) = (&transport.tls_version, &transport.cipher_suite) {
        check.good("TLS", format!("{version}, {suite}"));
    }
    for (place, facts) in transport.server_certificates.iter().enumerate() {
        certificate(if place == 0 { "server certificate" } else { "issuer" }, facts, check);
    }
    check.good("protocol", format!("KMIP {}", facts.version));
}

/// Whose certificate it is and how long it is good.
fn certificate(subject: &'static str, facts: &CertificateFacts, check: &mut ProviderCheck) {
    let text = format!("{}, issued by {}, valid until {}", facts.subject, facts.issuer, facts.not_after);
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    let left = facts.not_after.0.saturating_sub(now);
    if left < 0 {
        check.warn(subject, format!("{text}: it has expired"));
    } else if left < SOON {
        check.warn(subject, format!("{text}: it expires within {} days", left / (24 * 3600) + 1));
    } else {
        check.good(subject, text);
    }
}
