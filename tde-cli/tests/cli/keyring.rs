//! `tde keyring` and `tde scope create`: keys are made, listed and put to use.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tde_testkit::from_hex;

use crate::edit::{Copy, json};
use crate::tde::tde;

#[test]
fn keys_are_added_and_listed_without_being_shown() {
    let directory = tempfile::tempdir().unwrap();
    let (ring, hex) = (directory.path().join("ring"), directory.path().join("key.hex"));
    let ring = ring.to_str().unwrap();
    fs::write(&hex, "000102030405060708090a0b0c0d0e0f\n").unwrap();
    let dry = tde(["keyring", "add", ring, "--key", "one", "--dry-run"]).expect(0);
    assert!(dry.stdout_text().contains("(dry run) make keyring file"), "{dry}");
    assert!(fs::metadata(ring).is_err());
    tde(["keyring", "add", ring, "--key", "one"]).expect(0);
    assert_eq!(fs::metadata(ring).unwrap().permissions().mode() & 0o777, 0o600);
    tde(["keyring", "add", ring, "--key", "two", "--key-bits", "128", "--json"]).expect(0);
    let given = tde(["keyring", "add", ring, "--key", "three", "--from", hex.to_str().unwrap(), "--json"]);
    let given = json(&given.expect(0));
    assert_eq!((&given["bits"], &given["random"]), (&128.into(), &false.into()));
    let before = fs::read(ring).unwrap();
    let taken = tde(["keyring", "add", ring, "--key", "ONE"]).expect(2);
    assert!(taken.stderr.contains("already"), "{taken}");
    assert_eq!(fs::read(ring).unwrap(), before);

    let listed = tde(["keyring", "list", ring]).expect(0);
    assert_eq!(listed.stdout_text(), "256 bits  one\n128 bits  two\n128 bits  three\n");
    let listed = tde(["keyring", "list", ring, "--json"]).expect(0);
    assert!(!listed.stdout_text().contains("000102"), "{listed}");
    let keys = json(&listed)["keys"].clone();
    assert_eq!(keys[2]["name"], "three");
    // As the format says: name, key, length.
    assert_eq!(before.len(), 3 * 292);
    assert_eq!(before[2 * 292 + 256..][..16], from_hex("000102030405060708090a0b0c0d0e0f")[..]);

    fs::write(ring, [&before[..], &[7; 10]].concat()).unwrap();
    let torn = tde(["keyring", "list", ring]).expect(1);
    assert!(torn.stderr.contains("last 10 bytes"), "{torn}");
    tde(["keyring", "add", ring, "--key", "four"]).expect(1);
    tde(["keyring", "list", "nowhere"]).expect(2);
}

#[test]
fn a_database_without_a_key_gets_its_first() {
    let Some(copy) = Copy::named("B-excerpt") else { return };
    let words = ["scope", "create", "--scope", "database", "4711", "--key", "first", "--to-provider", "-1"];
    let dry = copy.run(&[&words[..], &["--create", "--dry-run"]].concat()).expect(0);
    assert!(dry.stdout_text().contains("create pg_tde/4711_keys (320 bytes)"), "{dry}");
    assert!(!copy.data.join("pg_tde/4711_keys").exists());
    let missing = copy.run(&words).expect(2);
    assert!(missing.stderr.contains("no such key"), "{missing}");
    let done = json(&copy.run(&[&words[..], &["--create", "--json"]].concat()).expect(0));
    assert_eq!(
        (&done["operation"], &done["steps"][0]["action"]),
        (&"scope create".into(), &"scope_created".into())
    );
    copy.verify();
    let again = copy.run(&[&words[..], &["--create"]].concat()).expect(2);
    assert!(again.stderr.contains("already"), "{again}");
    let rings: Vec<_> = fs::read_dir(copy.rings.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let listed = tde(["keyring".as_ref(), "list".as_ref(), rings[0].as_os_str()]).expect(0);
    assert!(listed.stdout_text().contains("256 bits  first"), "{listed}");
}
