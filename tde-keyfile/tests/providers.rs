//! Providers that need no network: keys made, got, listed; what they say when they cannot.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tde_core::{Cipher, PrincipalKey};
use tde_keyfile::PrincipalKeyName;
use tde_keyfile::master_key::{Argon2Params, Error, FileFormat, MasterKey, OpenOptions, Passphrase};
use tde_keyfile::master_key::{PassphraseSource, UnlockOptions, UnlockedKey, seal};
use tde_keyfile::provider::{
    FileKeyring, KeyProvider, MasterKeyProvider, NamedKey, ProviderError, ProviderErrorKind,
};
use tde_keyfile::storage::DiskStorage;

fn name(text: &str) -> PrincipalKeyName {
    text.parse().unwrap()
}

#[test]
fn a_keyring_gets_keys_that_the_server_would_find() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ring.per");
    let ring = FileKeyring::new(&path);
    assert_eq!(ring.check().unwrap().warnings().count(), 1, "absent");
    let first = ring.create(&name("first"), Cipher::Aes128).unwrap();
    let second = ring.create(&name("second"), Cipher::Aes256).unwrap();
    assert_eq!(ring.list().unwrap(), [name("first"), name("second")]);
    // Records of 292 bytes: name, key, length (format specification, section 7.4).
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 2 * 292);
    assert_eq!(&bytes[..6], b"first\0");
    assert_eq!(&bytes[256..272], first.key.expose_bytes());
    assert_eq!(&bytes[288..292], 16_u32.to_le_bytes());
    assert_eq!(&bytes[292 + 256..292 + 288], second.key.expose_bytes());
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    // Names are compared without regard to case, and nothing is written when one is taken.
    let taken = ring.create(&name("FIRST"), Cipher::Aes128).unwrap_err();
    assert_eq!(taken.kind(), ProviderErrorKind::Exists);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(ring.principal_key(&name("First")).unwrap().unwrap().key.ct_eq(&first.key));
    assert_eq!(ring.check().unwrap().warnings().count(), 0);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(ring.check().unwrap().warnings().count(), 1);
}

#[test]
fn a_damaged_keyring_is_neither_listed_nor_added_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ring.per");
    let ring = FileKeyring::new(&path);
    ring.create(&name("first"), Cipher::Aes128).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(b"torn");
    fs::write(&path, &bytes).unwrap();
    assert_eq!(ring.list().unwrap_err().kind(), ProviderErrorKind::Damaged);
    assert_eq!(ring.check().unwrap_err().kind(), ProviderErrorKind::Damaged);
    let refused = ring.create(&name("second"), Cipher::Aes128).unwrap_err();
    assert_eq!(refused.kind(), ProviderErrorKind::Damaged);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    // What is whole before the torn end is still found, as by the server.
    assert!(ring.principal_key(&name("first")).unwrap().is_some());
}

/// Always the same passphrase, and how often it was asked for.
struct Asked(Arc<AtomicUsize>, &'static str);

impl PassphraseSource for Asked {
    fn current(&mut self) -> Result<Passphrase, Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Passphrase::new(self.1.as_bytes())
    }

    fn fresh(&mut self) -> Result<Passphrase, Error> {
        self.current()
    }
}

fn locked(path: &std::path::Path, passphrase: &'static str) -> (MasterKeyProvider, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let source = Box::new(Asked(Arc::clone(&asked), passphrase));
    (MasterKeyProvider::locked(name("wal-key"), path, OpenOptions::default(), source), asked)
}

#[test]
fn a_master_key_is_made_once_and_its_passphrase_asked_for_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let (provider, asked) = locked(&path, "correct horse battery staple");
    assert!(provider.principal_key(&name("wal-key")).unwrap().is_none());
    assert!(provider.list().unwrap().is_empty());
    assert_eq!(provider.check().unwrap().warnings().count(), 1);
    let refused = |key: &str, cipher| provider.create(&name(key), cipher).unwrap_err().kind();
    assert_eq!(refused("other", Cipher::Aes256), ProviderErrorKind::Name);
    assert_eq!(refused("wal-key", Cipher::Aes128), ProviderErrorKind::Unsupported);
    let made = provider.create(&name("wal-key"), Cipher::Aes256).unwrap();
    assert_eq!(refused("wal-key", Cipher::Aes256), ProviderErrorKind::Exists);
    assert!(provider.principal_key(&name("wal-key")).unwrap().unwrap().key.ct_eq(&made.key));
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    let (again, asked) = locked(&path, "correct horse battery staple");
    assert_eq!(again.list().unwrap(), [name("wal-key")]);
    assert_eq!(again.check().unwrap().warnings().count(), 0);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    for _ in 0..2 {
        assert!(again.principal_key(&name("WAL-key")).unwrap().unwrap().key.ct_eq(&made.key));
        assert!(again.principal_key(&name("other")).unwrap().is_none());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(!format!("{again:?}").contains("horse"));
}

#[test]
fn a_wrong_passphrase_is_refused_and_a_locked_key_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let passphrase = Passphrase::new(b"correct horse battery staple").unwrap();
    let key = MasterKey::from_bytes(&[7; 32]);
    let format = FileFormat::Tde(Argon2Params::new(8 << 10, 1, 1).unwrap());
    fs::write(&path, seal(&key, &passphrase, format, 1_700_000_000).unwrap()).unwrap();
    let (provider, _) = locked(&path, "wrong horse");
    assert_eq!(provider.principal_key(&name("wal-key")).unwrap_err().kind(), ProviderErrorKind::Refused);

    let unlocked = directory.path().join("unlocked");
    let provider = MasterKeyProvider::unlocked(name("wal-key"), &unlocked);
    let error = provider.principal_key(&name("wal-key")).unwrap_err();
    assert!(error.advice().unwrap().contains("tde master-key unlock"), "{error}");
    let storage = DiskStorage::new();
    let options = UnlockOptions { allow_disk: true, ..UnlockOptions::default() };
    UnlockedKey::new(&storage, &unlocked).unlock(&key, &options).unwrap();
    let found = provider.principal_key(&name("wal-key")).unwrap().unwrap();
    assert_eq!(found.key.expose_bytes(), [7; 32]);
    assert_eq!(provider.list().unwrap(), [name("wal-key")]);
    assert!(provider.check().is_ok());
    let refused = provider.create(&name("wal-key"), Cipher::Aes256).unwrap_err();
    assert_eq!(refused.kind(), ProviderErrorKind::Unsupported);
}

/// A provider that can do no more than it must.
#[derive(Debug)]
struct Plain;

impl KeyProvider for Plain {
    fn principal_key(&self, _: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError> {
        Ok(None)
    }

    fn place(&self) -> String {
        "plain".into()
    }
}

#[test]
fn what_a_provider_cannot_do_is_an_error_of_its_own() {
    let provider: Arc<dyn KeyProvider> = Arc::new(Plain);
    let key = PrincipalKey::from_slice(&[1; 16]).unwrap();
    for error in [
        provider.store(&name("a"), &key).unwrap_err(),
        provider.create(&name("a"), Cipher::Aes256).unwrap_err(),
        provider.list().unwrap_err(),
        provider.check().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
        assert_eq!(error.to_string(), "plain: this cannot be done here");
    }
}
