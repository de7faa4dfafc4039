//! Create Key Pair and Re-key Key Pair (KMIP 1.4, sections 4.2 and 4.5; KMIP 2.1, sections 6.1.9 and 6.1.47).

use sha2::{Digest as _, Sha256};
use tde_kmip_codec::{
    attribute::{Attribute, AttributeValue, CryptographicDomainParameters, Digest, TemplateAttribute},
    operation::{CreateKeyPairRequest, CreateKeyPairResponse, ReKeyKeyPairRequest, ReKeyKeyPairResponse},
    spec::{
        enumeration::{
            CryptographicAlgorithm, HashingAlgorithm, KeyFormatType, LinkType, ObjectType, Operation,
            RecommendedCurve, ResultReason,
        },
        tag,
    },
};

use super::{
    asymmetric::failed,
    make::{add_templates, keep_new},
    rekey::{inherit, is_link, link, shift},
    retrieve::check_state,
};
use crate::server::engine::{
    asymmetric::{Curve, EcPrivate, MIN_RSA_BITS, PairKey, RsaPrivate, Source, default_format},
    attributes::{AttributeSet, NewAttributes},
    batch::Batch,
    failure::{Failure, Outcome, Why},
    record::Object,
};

/// Makes a private key and its public key, linked to each other.
pub(super) fn create(batch: &mut Batch<'_>, request: &CreateKeyPairRequest<'_>) -> Outcome {
    let common = request.common_attributes.as_ref();
    let own = (request.private_key_attributes.as_ref(), request.public_key_attributes.as_ref());
    let private = given(batch, ObjectType::PRIVATE_KEY, common, own.0)?;
    let public = given(batch, ObjectType::PUBLIC_KEY, common, own.1)?;
    let (private, public) = make(batch, private, public)?;
    batch.answer(CreateKeyPairResponse::new(private.id.as_str().into(), public.id.as_str().into()))?;
    batch.remember(Operation::CREATE_KEY_PAIR, vec![private.id, public.id]);
    Ok(())
}

/// A new pair in the place of another: its keys take over attributes and names, and each is linked to the one before.
pub(super) fn re_key(batch: &mut Batch<'_>, request: &ReKeyKeyPairRequest<'_>) -> Outcome {
    let mut old_private = batch.object(request.private_key_unique_identifier)?;
    check_part(batch, &old_private, ObjectType::PRIVATE_KEY)?;
    let public_id = public_of(&old_private)?;
    let mut old_public = batch.object_by_id(&public_id)?;
    check_part(batch, &old_public, ObjectType::PUBLIC_KEY)?;

    let common = request.common_attributes.as_ref();
    let renewed = |batch: &Batch<'_>, old: &Object, own: Option<&TemplateAttribute<'_>>| {
        let mut inherited = inherit(&old.attributes)?;
        if let Some(offset) = request.offset {
            shift(&mut inherited, batch.now, offset.0)?;
        }
        let given = given(batch, old.object_type, common, own)?;
        let mut new = NewAttributes::inheriting(old.object_type, batch.version, inherited);
        new.add(batch, given.kept().filter_map(|kept| kept.value().map(Attribute::new)))?;
        Outcome::Ok(new.finish())
    };
    let private = renewed(batch, &old_private, request.private_key_attributes.as_ref())?;
    let public = renewed(batch, &old_public, request.public_key_attributes.as_ref())?;
    // The names must be free before the new keys take them.
    for old in [&mut old_private, &mut old_public] {
        old.attributes.remove(|kept| kept.key.tag() == Some(tag::NAME));
        batch.store.put(old)?;
    }
    let (mut private, mut public) = make(batch, private, public)?;
    for (old, new) in [(&mut old_private, &mut private), (&mut old_public, &mut public)] {
        link(new, LinkType::REPLACED_OBJECT_LINK, &old.id)?;
        batch.store.put(new)?;
        old.attributes.remove(|kept| is_link(kept, LinkType::REPLACEMENT_OBJECT_LINK));
        link(old, LinkType::REPLACEMENT_OBJECT_LINK, &new.id)?;
        old.changed(batch.now)?;
        batch.store.put(old)?;
    }
    batch.answer(ReKeyKeyPairResponse::new(private.id.as_str().into(), public.id.as_str().into()))?;
    batch.remember(Operation::RE_KEY_KEY_PAIR, vec![private.id, public.id]);
    Ok(())
}

/// Whether an object can be this half of a pair that is re-keyed.
fn check_part(batch: &Batch<'_>, object: &Object, wanted: ObjectType) -> Outcome {
    if object.object_type != wanted {
        let message = "a key pair is named by its private key, which is linked to its public key";
        return Err(Failure::new(Why::WrongType, message).into());
    }
    check_state(batch, Operation::RE_KEY_KEY_PAIR, object)
}

/// The identifier of the public key that a private key is linked to.
fn public_of(private: &Object) -> Outcome<String> {
    let links = private.attributes.instances_of(tag::LINK).filter_map(|kept| match kept.value()? {
        AttributeValue::Link(link) if link.link_type == LinkType::PUBLIC_KEY_LINK => {
            link.linked_object_identifier.as_text().map(str::to_owned)
        }
        _ => None,
    });
    Ok(links.last().ok_or_else(|| Failure::new(Why::NoObject, "the key is linked to no public key"))?)
}

/// The attributes that a request gives to one key of a pair: its own win over those that both get.
fn given(
    batch: &Batch<'_>,
    object_type: ObjectType,
    common: Option<&TemplateAttribute<'_>>,
    own: Option<&TemplateAttribute<'_>>,
) -> Outcome<AttributeSet> {
    let mut new = NewAttributes::new(object_type, batch.version);
    if let Some(own) = own {
        add_templates(batch, &mut new, own)?;
    }
    if let Some(common) = common {
        new.add_weak(batch, common.attributes.iter())?;
        add_templates(batch, &mut new, common)?;
    }
    if let Some(own) = own {
        new.add(batch, own.attributes.iter())?;
    }
    Ok(new.finish())
}

/// What a pair is to be.
struct Kind {
    algorithm: CryptographicAlgorithm,
    bits: i32,
    /// None for RSA.
    curve: Option<Curve>,
}

impl Kind {
    fn of(batch: &Batch<'_>, private: &AttributeSet, public: &AttributeSet) -> Result<Self, Failure> {
        let missing =
            |name: &str| Failure::new(Why::BadValue, format!("{name} is needed to create a key pair"));
        let algorithm = same(private, public, |set| set.enumeration(tag::CRYPTOGRAPHIC_ALGORITHM))?;
        let algorithm =
            algorithm.map(CryptographicAlgorithm).ok_or_else(|| missing("Cryptographic Algorithm"))?;
        let bits = same(private, public, |set| set.integer(tag::CRYPTOGRAPHIC_LENGTH))?;
        let has_masks = [private, public].iter().all(|set| set.has_tag(tag::CRYPTOGRAPHIC_USAGE_MASK));
        if !has_masks && batch.version.major < 2 {
            return Err(missing("Cryptographic Usage Mask"));
        }
        match algorithm {
            CryptographicAlgorithm::RSA => {
                let bits = match bits {
                    Some(bits) => bits,
                    None if batch.version.major >= 2 => 2048,
                    None => return Err(missing("Cryptographic Length")),
                };
                let most = batch.options.max_rsa_bits_made;
                let fits = usize::try_from(bits).is_ok_and(|bits| (MIN_RSA_BITS..=most).contains(&bits));
                if !fits || bits % 8 != 0 {
                    let made = if most < MIN_RSA_BITS {
                        "none at all".to_owned()
                    } else {
                        format!("only of {MIN_RSA_BITS} to {most} bits in whole bytes")
                    };
                    let message = format!("RSA keys of {bits} bits are not made here, {made}");
                    return Err(Failure::new(Why::BadValue, message));
                }
                Ok(Self { algorithm, bits, curve: None })
            }
            CryptographicAlgorithm::EC | CryptographicAlgorithm::ECDSA | CryptographicAlgorithm::ECDH => {
                let named = same(private, public, recommended_curve)?;
                let curve = match (named, bits) {
                    (Some(named), _) => Curve::of_recommended(named),
                    (None, Some(bits)) => Curve::of_bits(bits),
                    (None, None) if batch.version.major >= 2 => Some(Curve::P256),
                    (None, None) => return Err(missing("Cryptographic Length")),
                };
                let curve = curve.filter(|curve| bits.is_none_or(|bits| bits == curve.bits()));
                let curve = curve.ok_or_else(|| {
                    let message = "keys of this length or curve are not made here, only on P-256, P-384, P-521 and \
                                   SECP256K1";
                    Failure::new(Why::BadValue, message)
                })?;
                Ok(Self { algorithm, bits: curve.bits(), curve: Some(curve) })
            }
            _ => {
                let message = format!("key pairs of the algorithm {algorithm} cannot be created");
                Err(Failure::new(Why::BadValue, message))
            }
        }
    }
}

/// What both keys of a pair must have in common (KMIP 1.4, section 4.2).
fn same<T: PartialEq>(
    private: &AttributeSet,
    public: &AttributeSet,
    of: impl Fn(&AttributeSet) -> Option<T>,
) -> Result<Option<T>, Failure> {
    match (of(private), of(public)) {
        (Some(private), Some(public)) if private != public => {
            let message = "the keys of a pair have one algorithm, length and curve";
            Err(Failure::new(Why::BadValue, message))
        }
        (private, public) => Ok(private.or(public)),
    }
}

fn recommended_curve(set: &AttributeSet) -> Option<RecommendedCurve> {
    match set.get(tag::CRYPTOGRAPHIC_DOMAIN_PARAMETERS)? {
        AttributeValue::CryptographicDomainParameters(parameters) => parameters.recommended_curve,
        _ => None,
    }
}

/// Makes a pair with these attributes and keeps it.
fn make(batch: &mut Batch<'_>, private: AttributeSet, public: AttributeSet) -> Outcome<(Object, Object)> {
    let kind = Kind::of(batch, &private, &public)?;
    let made = [Operation::CREATE_KEY_PAIR, Operation::RE_KEY_KEY_PAIR];
    let so_far = batch.made.iter().filter(|made_by| made.contains(&made_by.operation)).count();
    if so_far >= batch.options.max_key_pairs {
        let message = format!("a batch makes at most {} key pairs", batch.options.max_key_pairs);
        return Err(Failure::exactly(ResultReason::FEATURE_NOT_SUPPORTED, message).into());
    }
    let mut source = Source::new(&*batch.options.randomness);
    let private_key = match kind.curve {
        None => {
            let bits = usize::try_from(kind.bits).unwrap_or_default();
            RsaPrivate::generate(bits, &mut source).map(PairKey::RsaPrivate)
        }
        Some(curve) => EcPrivate::generate(curve, &mut source).map(PairKey::EcPrivate),
    };
    let private_key = private_key.map_err(failed)?;
    let public_key = private_key.public().map_err(failed)?;
    let mut private = keep(batch, &kind, &private_key, private)?;
    let mut public = keep(batch, &kind, &public_key, public)?;
    link(&mut private, LinkType::PUBLIC_KEY_LINK, &public.id)?;
    batch.store.put(&mut private)?;
    link(&mut public, LinkType::PRIVATE_KEY_LINK, &private.id)?;
    batch.store.put(&mut public)?;
    Ok((private, public))
}

/// Keeps one key of a pair, in the format that it has where none is asked for.
fn keep(batch: &mut Batch<'_>, kind: &Kind, key: &PairKey, mut set: AttributeSet) -> Outcome<Object> {
    let format = default_format(key, kind.algorithm, batch.version);
    if let Some(curve) = kind.curve {
        let parameters = CryptographicDomainParameters {
            recommended_curve: Some(curve.recommended()),
            ..CryptographicDomainParameters::default()
        };
        set.set(AttributeValue::CryptographicDomainParameters(parameters))?;
        // A transparent key has no bytes: the digest is that of the same key in a format that has some.
        let format = if key.is_private() { KeyFormatType::PKCS_8 } else { KeyFormatType::X_509 };
        let value = Sha256::digest(&*key.to_bytes(format).map_err(failed)?);
        let mut digest = Digest::new(HashingAlgorithm::SHA_256);
        digest.digest_value = Some(&value);
        digest.key_format_type = Some(format);
        set.set(AttributeValue::Digest(digest))?;
    }
    let object = key.to_object(format, Some(kind.algorithm), Some(kind.bits), batch.version);
    let object = object.map_err(failed)?;
    let managed = object
        .object()
        .map_err(|error| Failure::general(format!("the key that was made cannot be read: {error}")))?;
    keep_new(batch, &managed, set, true)
}
