//! Who asks.

use std::{fmt, sync::Arc};

use tde_kmip_codec::message::Credential;

/// The client at the other end, as its certificate says.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ClientIdentity {
    name: String,
    fingerprint: Option<String>,
}

impl ClientIdentity {
    /// A client by name: the common name of its certificate, or the whole subject where there is none.
    ///
    /// What it makes belongs to that name, so that a renewed certificate opens the same objects.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), fingerprint: None }
    }

    /// With the fingerprint of the certificate, for the audit log.
    #[must_use]
    pub fn with_fingerprint(mut self, fingerprint: impl Into<String>) -> Self {
        self.fingerprint = Some(fingerprint.into());
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fingerprint of the certificate, if it is known.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }
}

/// Checks the credentials in a request's header. Without one, the certificate alone says who asks.
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// The owner in whose name the request is served; the client's own name to leave it at that.
    ///
    /// `credentials` are those of the request, none if it has none.
    ///
    /// # Errors
    /// [`AuthenticationError`] if they do not hold: the request fails with Authentication Not Successful.
    fn owner(
        &self,
        client: &ClientIdentity,
        credentials: &[Credential<'_>],
    ) -> Result<String, AuthenticationError>;
}

impl<A: Authenticator + ?Sized> Authenticator for Arc<A> {
    fn owner(
        &self,
        client: &ClientIdentity,
        credentials: &[Credential<'_>],
    ) -> Result<String, AuthenticationError> {
        (**self).owner(client, credentials)
    }
}

/// The credentials do not hold. Which part of them is nobody's business.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs)] // There is nothing to add.
pub struct AuthenticationError;

impl fmt::Display for AuthenticationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the credentials do not hold")
    }
}

impl core::error::Error for AuthenticationError {}
