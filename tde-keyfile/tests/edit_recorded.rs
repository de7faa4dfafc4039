//! After each edit of a copy of every recorded cluster, an independent reader sees the same internal keys, WAL ranges
//! and plaintext.
//!
//! The reader is a program that shares no code with these crates: a script that the variable `TDE_REFERENCE_READER`
//! names, or `../shared/tools/pgtde-ref.py` beside the checkout. Without it, or without Python and its
//! `cryptography` package, the comparison is skipped, and says so.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core)]

#[path = "support/edit.rs"]
mod edit;
#[path = "support/reader.rs"]
mod reader;

use std::path::Path;

use edit::{internal_key, location, locator};
use reader::Copy;
use tde_core::PrincipalKey;
use tde_keyfile::Oid;
use tde_keyfile::edit::{
    Draft, EditError, EditOptions, Editor, Existing, Generation, KeyCheck, NewPrincipalKey,
};
use tde_keyfile::format::header::Magic;
use tde_keyfile::format::providers::ProviderKind;
use tde_keyfile::storage::DiskStorage;
use tde_keyfile::verify::{VerifyOptions, verify};
use tde_testkit::{recorded_clusters, reference_reader, to_hex};
use tde_wal::RangeKind;

/// Edits that change no internal key.
#[test]
fn rotations_conversions_and_repairs_leave_keys_ranges_and_plaintext_as_they_were() {
    let reader = reference_reader();
    for cluster in recorded_clusters() {
        let mut copy = Copy::of(&cluster, reader.as_ref());
        copy.add_key("new-128", &[0x5a; 16]);
        copy.add_key("new-256", &[0xa5; 32]);
        let (keys, files) = (copy.seen(), copy.ask("files"));
        let clean = verify(&copy.cluster(), &VerifyOptions::default(), &mut ()).findings.is_empty();
        let scopes: Vec<_> = copy
            .cluster()
            .scopes()
            .filter_map(|scope| Some((scope.oid(), *scope.principal_key()?, scope.magic()?)))
            .collect();
        let check = |copy: &Copy, what: &str| {
            assert_eq!(copy.seen(), keys, "{} after {what}", copy.name);
            if clean && copy.name.ends_with("-excerpt") {
                copy.assert_verifies(what);
            }
        };

        let nothing = copy.edit(|draft| {
            draft.repair();
            assert_eq!(draft.steps(), []);
            Ok(())
        });
        assert_eq!(nothing.unwrap(), 0, "{}: nothing is broken", copy.name);
        for (oid, info, magic) in scopes {
            let old = matches!(magic, Magic::RelationKeys3 | Magic::WalKeys1);
            let name = if old { "new-128" } else { "new-256" };
            let key = PrincipalKey::from_slice(&copy.keys[name]).unwrap();
            let new = NewPrincipalKey::new(info.provider(), name.parse().unwrap(), &key);
            let rotated = copy.edit(|draft| draft.rotate(oid, &new)).unwrap();
            assert!(rotated >= 1, "{}", copy.name);
            let now = copy.cluster();
            let scope = now.scope(oid).unwrap();
            assert_eq!(scope.principal_key().unwrap().name(), new.name());
            assert_eq!(scope.magic(), Some(magic), "a rotation converts nothing");
            check(&copy, &format!("the rotation of {oid}"));
        }
        copy.edit(|draft| draft.convert(Generation::Release22)).unwrap();
        check(&copy, "the upgrade");
        let current = |magic| matches!(magic, Magic::RelationKeys4 | Magic::WalKeys2);
        assert!(copy.cluster().scopes().filter_map(|scope| scope.magic()).all(current));
        let short = PrincipalKey::from_slice(&copy.keys["new-128"]).unwrap();
        let scopes: Vec<_> = copy
            .cluster()
            .scopes()
            .filter_map(|scope| Some((scope.oid(), scope.principal_key()?.provider())))
            .collect();
        for (oid, provider) in scopes {
            let new = NewPrincipalKey::new(provider, "new-128".parse().unwrap(), &short);
            copy.edit(|draft| draft.rotate(oid, &new)).unwrap();
        }
        check(&copy, "the rotations to a short key");
        match copy.edit(|draft| draft.convert(Generation::Release20)) {
            Ok(_) => {
                assert!(!copy.directory.path().join("pg_tde/keys_version").exists());
                check(&copy, "the way back");
                copy.edit(|draft| draft.convert(Generation::Release22)).unwrap();
                check(&copy, "the second upgrade");
            }
            Err(EditError::Encode(error)) => {
                assert!(error.to_string().contains("holds no key for"), "{error}");
                check(&copy, "the way back was refused");
            }
            Err(error) => panic!("{}: {error:?}", copy.name),
        }
        assert_eq!(copy.ask("files"), files, "{}: plaintext", copy.name);
        if clean {
            copy.assert_verifies("everything");
        }
    }
}

#[test]
fn relation_keys_ranges_and_providers_that_are_written_are_read_by_others() {
    let reader = reference_reader();
    for cluster in recorded_clusters() {
        let copy = Copy::of(&cluster, reader.as_ref());
        let found = copy.cluster();
        let is_database = |oid: Oid| oid != Oid::PG_DEFAULT && oid != Oid::PG_GLOBAL;
        let database = found
            .scopes()
            .find(|scope| is_database(scope.oid()) && scope.principal_key().is_some())
            .map(|scope| (scope.oid(), scope.magic() == Some(Magic::RelationKeys4)));
        let before = copy.seen();
        if let Some((database, long)) = database {
            let number = 3_999_999_999;
            let relation = locator(database.get(), number);
            let key = internal_key(0x0102_0304, long);
            copy.edit(|draft| draft.put_relation_key(relation, &key, Existing::Refuse)).unwrap();
            let refused = copy.edit(|draft| draft.put_relation_key(relation, &key, Existing::Refuse));
            assert!(matches!(refused, Err(EditError::RelationKeyExists { .. })));
            if let Some((mut relations, ranges)) = copy.seen() {
                let seen = relations.remove(&format!("{database}/1663/{number}")).unwrap();
                assert_eq!(seen["key"], to_hex(key.expose_bytes()), "{}", copy.name);
                assert_eq!(seen["base_iv"], to_hex(key.base_iv().as_bytes()));
                assert_eq!(Some((relations, ranges)), before);
            }
            copy.edit(|draft| draft.free_relation_key(relation)).unwrap();
            assert_eq!(copy.seen(), before, "{}", copy.name);
        }
        if let Some(server) = found.scope(Oid::PG_GLOBAL).filter(|scope| scope.magic().is_some()) {
            let long = server.magic() == Some(Magic::WalKeys2);
            let key = internal_key(0x0506_0708, long);
            copy.edit(|draft| draft.append_wal_range(RangeKind::Encrypted, &key)).unwrap();
            assert_eq!(copy.seen(), before, "{}: it has not begun", copy.name);
            let (timeline, lsn) = (77, 0x1234_5678_9000);
            copy.edit(|draft| draft.start_wal_range(location(timeline, lsn))).unwrap();
            copy.edit(|draft| draft.close_wal_range(location(timeline + 1, 16))).unwrap();
            if let (Some((relations, ranges)), Some((old_relations, old_ranges))) = (copy.seen(), &before) {
                assert_eq!(&relations, old_relations);
                let (ranges, old) = (ranges.as_array().unwrap(), old_ranges.as_array().unwrap());
                assert_eq!(ranges.len(), old.len() + 2, "{}", copy.name);
                let [.., encrypted, plain] = &ranges[..] else { panic!() };
                assert_eq!(encrypted["key"], to_hex(key.expose_bytes()));
                assert_eq!(encrypted["start"], serde_json::json!([timeline, lsn]));
                assert_eq!(
                    (&plain["type"], &plain["start"]),
                    (&1.into(), &serde_json::json!([timeline + 1, 16]))
                );
            }
        }
        let mut id = None;
        copy.edit(|draft| {
            let name = "added".parse().unwrap();
            id = Some(draft.add_provider(Oid::PG_GLOBAL, name, ProviderKind::File, r#"{"path" : "/a"}"#)?);
            Ok(())
        })
        .unwrap();
        let id = id.unwrap();
        let change = |draft: &mut Draft<'_>| {
            draft.change_provider(
                Oid::PG_GLOBAL,
                id,
                ProviderKind::File,
                r#"{"path":"b"}"#,
                KeyCheck::Required,
            )
        };
        copy.edit(change).unwrap();
        copy.edit(|draft| draft.delete_provider(Oid::PG_GLOBAL, id)).unwrap();
        let missing = copy.edit(change);
        assert!(matches!(missing, Err(EditError::ProviderNotFound { .. })), "{missing:?}");
        let records = std::fs::read(copy.directory.path().join(Path::new("pg_tde/1664_providers"))).unwrap();
        assert_eq!(
            edit::provider_ids(&records).last(),
            Some(&id.get()),
            "the number is never given out again"
        );
    }
}

/// Killed between recording a change and completing it, a cluster is in a state that verification names.
#[test]
fn an_interrupted_change_is_found_and_completed() {
    use tde_keyfile::storage::testing::{FailingStorage, Fault, Persistence};
    use tde_keyfile::verify::{Cause, Problem};
    let clusters = recorded_clusters();
    let cluster = clusters.iter().find(|cluster| cluster.manifest.principal_keys_in_use.len() > 1).unwrap();
    let mut copy = Copy::of(cluster, None);
    copy.add_key("new", &[0x5a; 16]);
    let key = PrincipalKey::from_slice(&copy.keys["new"]).unwrap();
    let mut seen = Vec::new();
    for fail_at in 0.. {
        let storage = FailingStorage::new(DiskStorage::new());
        let mut options = EditOptions::new("test");
        options.keys = copy.open_options();
        options.allow_unclean_shutdown = true;
        storage.fail_at(fail_at, Fault::Device, Persistence::FromThenOn);
        let rotate_all = || {
            let editor = Editor::open(&storage, copy.directory.path(), &options)?;
            let edit = edit::plan(editor.files(), |draft| {
                for scope in editor.files().cluster().scopes() {
                    let Some(info) = scope.principal_key() else { continue };
                    let new = NewPrincipalKey::new(info.provider(), "new".parse().unwrap(), &key);
                    draft.rotate(scope.oid(), &new)?;
                }
                Ok(())
            })?;
            editor.apply(edit)
        };
        let done = rotate_all().is_ok();
        let report = verify(&copy.cluster(), &VerifyOptions::default(), &mut ());
        let interrupted = report.findings.iter().find_map(|finding| match &finding.problem {
            Problem::InterruptedChange { pending, .. } => {
                assert_eq!(finding.cause, Cause::Interrupted);
                Some(*pending)
            }
            _ => None,
        });
        seen.push(interrupted);
        copy.edit(|_| Ok(())).unwrap();
        let report = verify(&copy.cluster(), &VerifyOptions::default(), &mut ());
        let journal = |file: &str| file.ends_with("tde.journal");
        assert!(
            !report.findings.iter().any(|finding| journal(&finding.file)),
            "opening it has completed the change"
        );
        if done {
            break;
        }
    }
    seen.dedup();
    assert!(seen.contains(&Some(1)) && seen.contains(&Some(0)), "{seen:?}");
    assert_eq!((seen.first(), seen.last()), (Some(&None), Some(&None)));
}
