//! How an engine is set up.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tde_kmip_codec::{
    spec::{ProtocolVersion, Versions},
    ttlv::Options,
};

use super::Authenticator;

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;
}

/// Makes keys, identifiers and initialization vectors.
pub trait Randomness: fmt::Debug + Send + Sync {
    /// Fills `room` with bytes that nobody can foretell.
    ///
    /// # Errors
    /// [`RandomnessError`] if there are none to be had.
    fn fill(&self, room: &mut [u8]) -> Result<(), RandomnessError>;
}

/// There are no random bytes to be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs)] // There is nothing to add.
pub struct RandomnessError;

impl fmt::Display for RandomnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system gives no random bytes")
    }
}

impl core::error::Error for RandomnessError {}

/// The system's clock.
#[derive(Clone, Copy, Default, Debug)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}

/// The system's random number generator.
#[derive(Clone, Copy, Default, Debug)]
#[non_exhaustive]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, room: &mut [u8]) -> Result<(), RandomnessError> {
        getrandom::fill(room).map_err(|_| RandomnessError)
    }
}

/// How an engine is set up. The default suits a server of its own, with the system's clock and randomness.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineOptions {
    /// The versions that are spoken.
    pub versions: Versions,
    /// Limits of requests: size in bytes, depth, number of items.
    pub limits: Options,
    /// The most batch items in a request.
    pub max_batch_items: usize,
    /// The most bytes of an object with its attributes, as it is kept: attributes and links are added up to it.
    ///
    /// Twice the largest request is enough for whatever Register brings, but for thousands of tiny attributes.
    pub max_object: usize,
    /// The most bytes of a response, but always twice [`max_object`](Self::max_object): whatever is kept can be had. With
    /// Maximum Response Size, the client may ask for less.
    pub max_response: usize,
    /// The most identifiers in the answer to one Locate.
    pub max_located: usize,
    /// The most bytes that RNG Retrieve gives at once.
    pub max_random: usize,
    /// The most bits of the RSA keys that are made here: the more it has, the longer a key takes, seconds at 4096. Below
    /// 1024, none are made.
    pub max_rsa_bits_made: usize,
    /// The most bits of the RSA keys that are used or converted; larger ones are kept all the same.
    pub max_rsa_bits_used: usize,
    /// The most key pairs that one batch makes.
    pub max_key_pairs: usize,
    /// The most rounds that PBKDF2 does in one batch: its iterations, for each hash that a key takes.
    pub max_derivation_rounds: u64,
    /// The most data in several parts that a client may have begun at once.
    pub max_streams: usize,
    /// The most bytes that are held for a client between parts of data.
    pub max_stream_bytes: usize,
    /// How long the next part of data is waited for, in seconds.
    pub stream_idle_time: u32,
    /// How far a request's Time Stamp may be from the clock, in seconds; `None` does not look at it.
    pub max_clock_skew: Option<u32>,
    /// The Lease Time that objects get, in seconds; `None` for objects without one.
    pub lease_time: Option<u32>,
    /// What Query says the server is.
    pub server_name: String,
    /// Checks the credentials in requests; `None` leaves it at the certificate.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes keys, identifiers and initialization vectors.
    pub randomness: Arc<dyn Randomness>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            versions: Versions::ALL,
            // What PyKMIP limits its answers to; far above any key.
            limits: Options::new().max_size(1 << 20),
            max_batch_items: 256,
            max_object: 2 << 20,
            max_response: 16 << 20,
            max_located: 100_000,
            max_random: 64 << 10,
            max_rsa_bits_made: 4096,
            max_rsa_bits_used: 4096,
            max_key_pairs: 8,
            // A few seconds.
            max_derivation_rounds: 10_000_000,
            max_streams: 16,
            max_stream_bytes: 16 << 20,
            stream_idle_time: 300,
            max_clock_skew: None,
            lease_time: Some(3600),
            server_name: "tde-kmip".to_owned(),
            authenticator: None,
            clock: Arc::new(SystemClock),
            randomness: Arc::new(SystemRandomness),
        }
    }
}

impl EngineOptions {
    /// The most bytes of a response.
    pub(super) fn response_limit(&self) -> usize {
        self.max_response.max(self.max_object.saturating_mul(2))
    }

    /// The versions that are spoken, newest first.
    pub(super) fn spoken(&self) -> impl Iterator<Item = ProtocolVersion> {
        let versions = self.versions;
        ProtocolVersion::ALL.into_iter().rev().filter(move |version| versions.contains(*version))
    }
}
