use std::cell::Cell;
use std::time::Duration;

use tde_kmip_codec::message::UsernameAndPassword;
use tde_kmip_codec::spec::enumeration::CredentialType;

use super::*;

/// A hash that costs little, of "password".
const HASH: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

fn asks(
    passwords: &Passwords,
    client: &str,
    username: &str,
    password: Option<&str>,
    now: &Cell<Instant>,
) -> Result<String, AuthenticationError> {
    let mut value = UsernameAndPassword::new(username);
    value.password = password.map(Into::into);
    let value = CredentialValue::UsernameAndPassword(value);
    let credentials = [Credential::new(CredentialType::USERNAME_AND_PASSWORD, value)];
    passwords.owner_at(&ClientIdentity::new(client), &credentials, || now.get())
}

#[test]
fn the_right_password_gives_the_owner_that_the_line_says() {
    let text = format!("# users\n\nalice:orders:{HASH}\n  bob::{HASH}\n");
    let passwords = Passwords::parse(&text).unwrap();
    let now = Cell::new(Instant::now());
    for _ in 0..2 {
        assert_eq!(asks(&passwords, "db", "alice", Some("password"), &now).unwrap(), "orders");
        assert_eq!(asks(&passwords, "db", "bob", Some("password"), &now).unwrap(), "db");
    }
    assert!(passwords.owner(&ClientIdentity::new("db"), &[]).is_err(), "without a credential");
    assert!(!format!("{passwords:?}").contains("alice"));
}

#[test]
fn whoever_is_wrong_waits_and_what_was_right_is_remembered() {
    let text = format!("alice:orders:{HASH}\nbob::{HASH}");
    let passwords = Passwords::parse(&text).unwrap();
    let now = Cell::new(Instant::now());
    assert!(asks(&passwords, "known", "alice", Some("password"), &now).is_ok());
    for (user, password) in [
        ("alice", Some("wrong")),
        ("alice", Some("")),
        ("alice", None),
        ("Alice", Some("password")),
        ("", Some("password")),
        ("nobody", Some("password")),
    ] {
        let begin = now.get();
        assert!(asks(&passwords, "new", user, password, &now).is_err(), "{user}");
        if password.is_some() {
            assert!(asks(&passwords, "new", "bob", Some("password"), &now).is_err(), "it did not wait");
        }
        now.set(begin + Duration::from_secs(60));
    }
    let begin = now.get();
    assert!(asks(&passwords, "new", "alice", Some("wrong"), &now).is_err());
    // What was right is known without another attempt, of the client that sent it; others do not wait for this one.
    assert!(asks(&passwords, "known", "alice", Some("password"), &now).is_ok());
    assert!(asks(&passwords, "new", "alice", Some("password"), &now).is_err(), "it did not wait");
    assert!(asks(&passwords, "other", "bob", Some("password"), &now).is_ok());
    now.set(begin + Duration::from_secs(60));
    assert!(asks(&passwords, "new", "bob", Some("password"), &now).is_ok());
}

#[test]
fn a_password_that_is_remembered_cannot_be_guessed_faster() {
    let passwords = Passwords::parse(&format!("alice:orders:{HASH}")).unwrap();
    let now = Cell::new(Instant::now());
    let begin = now.get();
    assert!(asks(&passwords, "known", "alice", Some("password"), &now).is_ok());
    // A wrong one counts, also of the client whose right one is known: it waits with everything but that.
    assert!(asks(&passwords, "known", "alice", Some("wrong"), &now).is_err());
    assert!(!passwords.attempts.lock().unwrap().may_try("known", now.get()));
    assert!(asks(&passwords, "known", "alice", Some("password"), &now).is_ok());
    // And not for ever.
    for guess in 1..MOST_WRONG {
        assert!(asks(&passwords, "known", "alice", Some(&guess.to_string()), &now).is_err());
    }
    assert!(asks(&passwords, "known", "alice", Some("password"), &now).is_err(), "it did not wait");
    now.set(begin + Duration::from_secs(60));
    assert!(asks(&passwords, "known", "alice", Some("password"), &now).is_ok());
    assert!(asks(&passwords, "known", "alice", Some("password"), &Cell::new(begin)).is_ok());
}

#[test]
fn what_is_remembered_is_bounded() {
    let passwords = Passwords::parse(&format!("alice:orders:{HASH}")).unwrap();
    for client in 0..=MOST_REMEMBERED {
        passwords.remember(&passwords.users[0], &ClientIdentity::new(client.to_string()), b"password");
    }
    assert_eq!(passwords.users[0].verified().len(), 1);
}

#[test]
fn lines_are_made_and_read_and_refused_by_number() {
    let line = Passwords::line("alice", Some("orders db"), b"a password").unwrap();
    assert!(line.starts_with("alice:orders db:$argon2id$v=19$m=19456,t=2,p=1$"), "{line}");
    assert_ne!(line, Passwords::line("alice", Some("orders db"), b"a password").unwrap(), "the same salt");
    let passwords = Passwords::parse(&line).unwrap();
    let now = Cell::new(Instant::now());
    assert_eq!(asks(&passwords, "db", "alice", Some("a password"), &now).unwrap(), "orders db");
    assert!(asks(&passwords, "db", "alice", Some("A password"), &now).is_err());

    for name in ["", "a:b", "a\nb", " a", "#a"] {
        assert!(matches!(Passwords::line(name, None, b"x"), Err(PasswordsError::Name)), "{name:?}");
    }
    assert!(matches!(Passwords::line("a", Some("b:c"), b"x"), Err(PasswordsError::Name)));
    for (text, reason) in [
        ("alice", "line 2 is not NAME:OWNER:HASH"),
        (":owner:hash", "line 2 names no user"),
        ("bob::$1$salt$hash", "line 2 has no hash of the form"),
        (&line, "line 2 names a user that a line before names"),
    ] {
        let error = Passwords::parse(&format!("{line}\n{text}")).unwrap_err();
        assert!(error.to_string().starts_with(reason), "{error}");
    }
    assert!(matches!(Passwords::parse("# nobody\n"), Err(PasswordsError::Empty)));
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passwords");
    std::fs::write(&path, format!("alice::{HASH}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = Passwords::read_file(&path).unwrap_err();
    assert!(error.to_string().contains("has mode 640"), "{error}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(Passwords::read_file(&path).is_ok());
    std::fs::write(&path, vec![b'#'; (MAX_FILE + 1) as usize]).unwrap();
    assert!(matches!(Passwords::read_file(&path), Err(PasswordsError::Io { .. })));
}
