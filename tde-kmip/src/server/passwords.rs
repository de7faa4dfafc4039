//! Users with passwords, beside the certificate: the Username and Password credential of KMIP.

mod attempts;
mod hash;

use core::fmt;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tde_kmip_codec::message::{Credential, CredentialValue};
use zeroize::Zeroizing;

use super::engine::{AuthenticationError, Authenticator, ClientIdentity};
use attempts::Attempts;
use hash::PasswordHash;

/// The largest file that is read: room for thousands of users.
const MAX_FILE: u64 = 1 << 20;
/// How many clients one user's password is remembered of; beyond that, all of them are forgotten.
const MOST_REMEMBERED: usize = 1000;
/// After so many wrong passwords of a client, the right one is forgotten: trying against it costs no wait.
const MOST_WRONG: u32 = 8;

/// Users and the hashes of their passwords, which every request must bring: an [`Authenticator`].
///
/// As text, a line for each user: `NAME:OWNER:HASH`. OWNER is whose objects the user works with; empty, it is the name in
/// the client's certificate, as without passwords. HASH is Argon2id in the usual form, `$argon2id$v=19$m=...`. Empty lines
/// and those that begin with `#` do not count.
///
/// Argon2 is slow on purpose. One password is hashed at a time, and one that was right is remembered, as a keyed hash, for
/// the client that sent it. After a wrong one, the client that sent it waits, the longer the more there were.
pub struct Passwords {
    users: Vec<User>,
    /// Compared with when there is no such user, so that both take the same time.
    nobody: PasswordHash,
    /// Of the hashes of passwords that were right.
    memory_key: Zeroizing<[u8; 32]>,
    /// Held while a password is hashed.
    attempts: Mutex<Attempts>,
}

struct User {
    name: String,
    owner: Option<String>,
    hash: PasswordHash,
    /// By the client's name: nobody learns from another client's success without waiting.
    verified: Mutex<HashMap<String, Verified>>,
}

/// A password that was right.
struct Verified {
    keyed: [u8; 32],
    /// How often the client sent another one since.
    wrong: u32,
}

impl User {
    fn verified(&self) -> MutexGuard<'_, HashMap<String, Verified>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passwords {
    /// Reads them from a file that nobody but its owner has access to.
    ///
    /// # Errors
    /// Every [`PasswordsError`].
    pub fn read_file(path: &Path) -> Result<Self, PasswordsError> {
        let failed = |source| PasswordsError::Io { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(PasswordsError::Access { path: path.to_path_buf(), mode });
        }
        let mut text = String::new();
        file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_FILE {
            return Err(failed(io::ErrorKind::FileTooLarge.into()));
        }
        Self::parse(&text)
    }

    /// Reads them from text.
    ///
    /// # Errors
    /// [`PasswordsError::Line`], [`PasswordsError::Empty`], [`PasswordsError::Random`].
    pub fn parse(text: &str) -> Result<Self, PasswordsError> {
        let mut users: Vec<User> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |reason| PasswordsError::Line { number, reason };
            let mut fields = line.splitn(3, ':');
            let (Some(name), Some(owner), Some(hash)) = (fields.next(), fields.next(), fields.next()) else {
                return Err(wrong("is not NAME:OWNER:HASH"));
            };
            if name.is_empty() {
                return Err(wrong("names no user"));
            }
            if users.iter().any(|user| user.name == name) {
                return Err(wrong("names a user that a line before names"));
            }
            let hash = PasswordHash::parse(hash).map_err(wrong)?;
            let owner = Some(owner.to_owned()).filter(|owner| !owner.is_empty());
            users.push(User { name: name.to_owned(), owner, hash, verified: Mutex::default() });
        }
        let Some(first) = users.first() else { return Err(PasswordsError::Empty) };
        let mut memory_key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *memory_key).map_err(|_| PasswordsError::Random)?;
        let nobody = first.hash.clone();
        Ok(Self { users, nobody, memory_key, attempts: Mutex::default() })
    }

    /// The line of a user, with a salt of its own.
    ///
    /// # Errors
    /// [`PasswordsError::Name`] if a name has a colon, a control character or spaces at its ends, or the user's is empty
    /// or begins with `#`; [`PasswordsError::Random`]; [`PasswordsError::OutOfMemory`].
    pub fn line(name: &str, owner: Option<&str>, password: &[u8]) -> Result<String, PasswordsError> {
        let owner = owner.unwrap_or_default();
        let bad = |text: &str| text.contains(':') || text.contains(char::is_control) || text.trim() != text;
        if name.is_empty() || name.starts_with('#') || bad(name) || bad(owner) {
            return Err(PasswordsError::Name);
        }
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|_| PasswordsError::Random)?;
        let hash = PasswordHash::new(password, &salt).ok_or(PasswordsError::OutOfMemory)?;
        Ok(format!("{name}:{owner}:{hash}"))
    }

    fn owner_at(
        &self,
        client: &ClientIdentity,
        credentials: &[Credential<'_>],
        now: impl Fn() -> Instant,
    ) -> Result<String, AuthenticationError> {
        let given = credentials.iter().find_map(|credential| match &credential.credential_value {
            CredentialValue::UsernameAndPassword(given) => Some(given),
            _ => None,
        });
        let given = given.ok_or(AuthenticationError)?;
        let password = given.password.as_ref().ok_or(AuthenticationError)?.expose().as_bytes();
        let user = self.users.iter().find(|user| user.name == given.username);
        if !user.is_some_and(|user| self.remembers(user, client, password)) {
            let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
            if !attempts.may_try(client.name(), now()) {
                return Err(AuthenticationError);
            }
            let right = user.map_or(&self.nobody, |user| &user.hash).matches(password);
            match user {
                Some(user) if right => {
                    attempts.succeeded(client.name());
                    self.remember(user, client, password);
                }
                _ => {
                    attempts.failed(client.name(), now());
                    return Err(AuthenticationError);
                }
            }
        }
        let owner = user.and_then(|user| user.owner.as_deref());
        Ok(owner.unwrap_or(client.name()).to_owned())
    }

    /// Whether this client sent this password before, and it was right.
    fn remembers(&self, user: &User, client: &ClientIdentity, password: &[u8]) -> bool {
        let mut verified = user.verified();
        let Some(known) = verified.get_mut(client.name()) else { return false };
        if known.keyed.ct_eq(&self.keyed(user, password)).into() {
            return true;
        }
        known.wrong += 1;
        if known.wrong >= MOST_WRONG {
            verified.remove(client.name());
        }
        false
    }

    fn remember(&self, user: &User, client: &ClientIdentity, password: &[u8]) {
        let known = Verified { keyed: self.keyed(user, password), wrong: 0 };
        let mut verified = user.verified();
        if verified.len() >= MOST_REMEMBERED {
            verified.clear();
        }
        verified.insert(client.name().to_owned(), known);
    }

    fn keyed(&self, user: &User, password: &[u8]) -> [u8; 32] {
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.memory_key) else { return [0; 32] };
        // Names have no zero, so that the two cannot run into each other.
        mac.update(user.name.as_bytes());
        mac.update(&[0]);
        mac.update(password);
        mac.finalize().into_bytes().into()
    }
}

impl Authenticator for Passwords {
    fn owner(
        &self,
        client: &ClientIdentity,
        credentials: &[Credential<'_>],
    ) -> Result<String, AuthenticationError> {
        self.owner_at(client, credentials, Instant::now)
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

/// Passwords that cannot be read or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordsError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than the owner have access to the file.
    #[error("{} has mode {mode:03o}, so that others have access; use `chmod 600`", path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A line is not as it must be.
    #[error("line {number} {reason}")]
    Line {
        /// Which line, counted from 1.
        number: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no user.
    #[error("there is no user, so that nobody could use the server")]
    Empty,
    /// A name that a line cannot have.
    #[error("a name has no colon, no control character and no space at its ends, and does not begin with #")]
    Name,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// There is no memory for Argon2.
    #[error("there is not enough memory to hash a password")]
    OutOfMemory,
}

#[cfg(test)]
mod tests;
