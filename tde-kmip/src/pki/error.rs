//! What can go wrong in making certificates.

use std::io;
use std::path::PathBuf;

/// Certificates could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A file is there already; nothing was changed.
    #[error("{} exists already and was not replaced", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The server must be reached by something.
    #[error("no host name or address is given for the server's certificate")]
    NoHosts,
    /// Neither a DNS name nor an address.
    #[error("\"{name}\" is neither a host name nor an IP address")]
    HostName {
        /// What was given.
        name: String,
    },
    /// A client's name cannot be used.
    #[error("client name \"{name}\" {reason}")]
    ClientName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A time of validity that no calendar has.
    #[error("{days} days of validity are not within 1 to 36525")]
    Days {
        /// Days.
        days: u32,
    },
    /// The authority in the directory cannot sign.
    #[error("the authority {} {reason}", path.display())]
    Authority {
        /// Its certificate or key.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
    /// The operating system refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}
