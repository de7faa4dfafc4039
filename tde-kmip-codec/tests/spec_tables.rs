//! The tables of the standard agree with each other, and every lookup finds what it should.

use std::collections::HashSet;

use tde_kmip_codec::{
    spec::{
        self, Content, Enumerated, Names, ProtocolVersion, Versions, attribute,
        enumeration::{BlockCipherMode, CryptographicAlgorithm, ObjectType, Operation, ResultReason, State},
        mask::CryptographicUsageMask,
        operation, structure, tag,
    },
    ttlv::{ItemType, Tag},
};

#[test]
fn every_tag_is_found_by_its_number_and_by_its_name() {
    assert_eq!(tag::TABLE.len(), 371);
    for facts in tag::TABLE {
        assert_eq!(spec::tag_facts(facts.tag).unwrap().name, facts.name);
        assert_eq!(spec::tag_named(facts.camel_name), Some(facts.tag));
        assert!(!facts.versions.is_empty(), "{}", facts.name);
        let v1 = !facts.versions.intersection(Versions::V1).is_empty();
        let v2 = !facts.versions.intersection(Versions::V2).is_empty();
        assert_eq!((!facts.types.v1.is_empty(), !facts.types.v2.is_empty()), (v1, v2), "{}", facts.name);
    }
}

#[test]
fn no_other_tag_is_found() {
    for unknown in [0x42_0000, 0x42_0137, 0x42_013E, 0x42_013F, 0x42_0177, 0x42_FFFF, 0x54_0001] {
        assert!(spec::tag_facts(Tag::new(unknown).unwrap()).is_none(), "{unknown:06X}");
    }
    for unknown in ["", "Activation Date", "activationDate", "Zzz"] {
        assert_eq!(spec::tag_named(unknown), None);
    }
}

#[test]
fn every_value_is_found_by_its_number_and_by_its_name() {
    let mut enumerations = HashSet::new();
    for facts in tag::TABLE {
        let (Names::Enumeration(table) | Names::Mask(table)) = facts.names else { continue };
        enumerations.insert(table.camel_name);
        assert!(table.values.windows(2).all(|pair| pair[0].value < pair[1].value), "{}", table.name);
        for row in table.values {
            assert_eq!(table.value(row.value).unwrap().name, row.name);
            assert_eq!(table.named(row.camel_name).unwrap().value, row.value);
        }
        assert!(table.value(0x7FFF_FFFF).is_none());
        assert!(table.named("").is_none());
    }
    // 60 enumerations and 3 masks of the standard, and PKCS#11's two.
    assert_eq!(enumerations.len(), 65);
}

#[test]
fn an_enumeration_names_its_tag_where_they_are_called_the_same() {
    for facts in tag::TABLE {
        if let Names::Enumeration(table) = facts.names {
            let takes = facts.types.v1.contains(ItemType::Enumeration)
                || facts.types.v2.contains(ItemType::Enumeration);
            assert!(takes, "{} has names for {} but takes no Enumeration", facts.name, table.name);
        }
    }
}

#[test]
fn unknown_values_are_kept_and_extensions_are_allowed_everywhere() {
    let vendor = CryptographicAlgorithm(0x8880_0001);
    assert_eq!((vendor.name(), vendor.versions()), (None, Versions::ALL));
    assert_eq!(u32::from(CryptographicAlgorithm::from_value(0x7777)), 0x7777);
    assert_eq!(CryptographicAlgorithm(0x7777).versions(), Versions::NONE);
    assert_eq!(CryptographicAlgorithm(0x7777).to_string(), "0x00007777");
    assert_eq!(format!("{:?}", BlockCipherMode::AES_KEY_WRAP_PADDING), "BlockCipherMode(AESKeyWrapPadding)");
    assert_eq!(State::DESTROYED_COMPROMISED.name(), Some("Destroyed Compromised"));
    assert_eq!(ResultReason::WRONG_KEY_LIFECYCLE_STATE.0, 0x43);
    assert_eq!(ObjectType::TEMPLATE.versions(), Versions::V1);
}

#[test]
fn masks_print_known_bits_by_name_and_the_rest_as_a_number() {
    let mask = CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT;
    assert_eq!(mask.to_string(), "Encrypt|Decrypt");
    assert_eq!(CryptographicUsageMask(0x4000_000C).to_string(), "Encrypt|Decrypt|0x40000000");
    assert_eq!(CryptographicUsageMask(0x4000_000C).unknown(), 0x4000_0000);
    assert_eq!(CryptographicUsageMask(0).to_string(), "0x00000000");
    assert_eq!(CryptographicUsageMask::from_integer(-1).to_integer(), -1);
    assert!(mask.contains(CryptographicUsageMask::ENCRYPT) && !mask.contains(CryptographicUsageMask::SIGN));
}

#[test]
fn every_operation_is_found_and_only_notify_and_put_come_from_the_server() {
    assert_eq!(operation::TABLE.len(), Operation::FACTS.values.len());
    for facts in operation::TABLE {
        assert_eq!(spec::operation_facts(facts.operation).unwrap().name, facts.name);
        assert_eq!(facts.operation.camel_name(), Some(facts.camel_name));
        let server = [Operation::NOTIFY, Operation::PUT].contains(&facts.operation);
        assert_eq!(facts.from_server, server, "{}", facts.name);
    }
    assert!(spec::operation_facts(Operation(0)).is_none());
    assert!(spec::operation_facts(Operation(0x3C)).is_none());
}

#[test]
fn fields_exist_where_their_structure_and_their_tag_do() {
    let payloads = operation::TABLE.iter().flat_map(|facts| {
        [(facts.name, facts.versions, facts.request), (facts.name, facts.versions, facts.response)]
    });
    let structures = structure::TABLE.iter().map(|facts| (facts.name, facts.versions, facts.fields));
    let mut count = 0;
    for (name, versions, fields) in payloads.chain(structures) {
        for field in fields {
            let place = format!("{name}, {}", field.name);
            assert!(versions.includes(field.versions), "{place}");
            assert!(!field.versions.is_empty(), "{place}");
            for set in [field.required, field.conditional, field.repeatable] {
                assert!(field.versions.includes(set), "{place}");
            }
            assert!(field.required.intersection(field.conditional).is_empty(), "{place}");
            if let Content::Tagged(tag) = field.content {
                let facts = spec::tag_facts(tag).unwrap();
                assert_eq!(facts.name, field.name);
                assert!(facts.versions.includes(field.versions), "{place}");
                // A structure among the fields has fields of its own, payloads and batch items apart.
                if field.types.v1.contains(ItemType::Structure) && field.types.v1.single().is_some() {
                    let opaque = [tag::REQUEST_PAYLOAD, tag::RESPONSE_PAYLOAD].contains(&tag);
                    assert!(opaque || !spec::structures_of(tag).is_empty(), "{place}");
                }
            }
            count += 1;
        }
    }
    assert!(count > 660, "{count} fields");
}

#[test]
fn structures_are_found_by_tag_in_all_their_forms() {
    let forms = |tag| spec::structures_of(tag).iter().map(|facts| facts.variant).collect::<Vec<_>>();
    assert_eq!(forms(tag::KEY_BLOCK), [""]);
    assert_eq!(forms(tag::CREDENTIAL_VALUE).len(), 6);
    assert_eq!(forms(tag::KEY_MATERIAL).len(), 15);
    assert_eq!(forms(tag::BATCH_ITEM), ["", ""]);
    assert!(forms(tag::ACTIVATION_DATE).is_empty());
}

#[test]
fn attributes_are_found_by_their_1x_names_and_have_one_rule_a_version() {
    for facts in attribute::TABLE {
        assert_eq!(spec::attribute_named(facts.name), Some(facts.tag));
        for version in ProtocolVersion::ALL {
            let rows =
                spec::attribute_rows(facts.tag).iter().filter(|row| row.versions.contains(version)).count();
            assert!(rows <= 1, "{} in {version}", facts.name);
        }
    }
    assert_eq!(spec::attribute_named("Cryptographic usage mask"), None);
    assert_eq!(spec::attribute_named("x-custom"), None);
    let digest = spec::attribute_facts(tag::DIGEST, ProtocolVersion::V1_0).unwrap();
    assert!(digest.applies_to.includes(ObjectType::OPAQUE_OBJECT));
    assert!(!digest.applies_to.includes(ObjectType::TEMPLATE));
    assert!(spec::attribute_facts(tag::FRESH, ProtocolVersion::V1_0).is_none());
}

#[test]
fn result_reasons_depend_on_the_version() {
    let reasons = |version| spec::result_reasons(Operation::ACTIVATE, version).collect::<Vec<_>>();
    assert!(reasons(ProtocolVersion::V1_2).contains(&ResultReason::ILLEGAL_OPERATION));
    assert!(reasons(ProtocolVersion::V1_2).contains(&ResultReason::INVALID_MESSAGE));
    assert!(!reasons(ProtocolVersion::V1_2).contains(&ResultReason::WRONG_KEY_LIFECYCLE_STATE));
    assert!(reasons(ProtocolVersion::V2_1).contains(&ResultReason::WRONG_KEY_LIFECYCLE_STATE));
}
