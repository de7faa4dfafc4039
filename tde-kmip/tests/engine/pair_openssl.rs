//! Key pairs against OpenSSL: it reads our keys, verifies our signatures and opens what we encrypt, and the other way
//! round.

use std::{fs, process::Command};

use tde_kmip_codec::{
    attribute::CryptographicParameters,
    operation::{DecryptRequest, EncryptRequest, ResponsePayload, SignRequest},
    spec::{
        ProtocolVersion,
        enumeration::{
            DigitalSignatureAlgorithm, HashingAlgorithm, KeyFormatType, PaddingMethod, RecommendedCurve,
        },
    },
};

use crate::{
    pairs::{Pair, material, parameters, sign, signature, verify},
    support::Server,
};

/// A folder in which OpenSSL works.
struct OpenSsl(tempfile::TempDir);

impl OpenSsl {
    /// `None`, said loudly, where there is no OpenSSL.
    fn there() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("SKIPPED: no openssl here");
            return None;
        }
        Some(Self(tempfile::tempdir().unwrap()))
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join(name)).unwrap()
    }

    #[track_caller]
    fn run(&self, arguments: &str) {
        let output =
            Command::new("openssl").args(arguments.split_whitespace()).current_dir(self.0.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The keys of a pair, for OpenSSL to read.
    fn take(&self, server: &Server, (private, public): &(String, String)) {
        let bytes = |id, format| material(server, ProtocolVersion::V1_4, id, Some(format)).1.unwrap();
        self.write("private.der", &bytes(private, KeyFormatType::PKCS_8));
        self.write("public.der", &bytes(public, KeyFormatType::X_509));
        self.run("pkey -inform DER -in private.der -out private.pem");
        self.run("pkey -pubin -inform DER -in public.der -out public.pem");
    }
}

const DATA: &[u8] = b"what is signed";

fn every_kind() -> Vec<Pair> {
    let mut kinds = vec![Pair::rsa(), Pair { bits: Some(2048), ..Pair::rsa() }];
    kinds.extend(
        [
            RecommendedCurve::P_256,
            RecommendedCurve::P_384,
            RecommendedCurve::P_521,
            RecommendedCurve::SECP256K1,
        ]
        .map(Pair::ec),
    );
    kinds
}

/// The parameters of a signature, and how OpenSSL is told the same.
fn schemes(kind: &Pair) -> Vec<(CryptographicParameters<'static>, String)> {
    let hashes = [
        (HashingAlgorithm::SHA_224, "-sha224"),
        (HashingAlgorithm::SHA_256, "-sha256"),
        (HashingAlgorithm::SHA_384, "-sha384"),
        (HashingAlgorithm::SHA_512, "-sha512"),
        (HashingAlgorithm::SHA_512_256, "-sha512-256"),
    ];
    let mut schemes = Vec::new();
    for (hash, name) in hashes {
        if kind.curve.is_some() {
            let mut scheme = CryptographicParameters::default();
            scheme.hashing_algorithm = Some(hash);
            schemes.push((scheme, name.to_owned()));
            continue;
        }
        schemes.push((parameters(PaddingMethod::PKCS1_V1_5, hash), name.to_owned()));
        let pss = parameters(PaddingMethod::PSS, hash);
        let options = format!("{name} -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen");
        schemes.push((pss, format!("{options}:max")));
        for length in [0, 20, 32] {
            let pss = CryptographicParameters { salt_length: Some(length), ..pss };
            schemes.push((pss, format!("{options}:{length}")));
        }
    }
    schemes
}

#[test]
fn keys_and_signatures_go_both_ways() {
    let Some(openssl) = OpenSsl::there() else { return };
    openssl.write("data", DATA);
    for kind in every_kind() {
        let server = Server::new();
        let pair = kind.make(&server, ProtocolVersion::V1_4);
        openssl.take(&server, &pair);
        openssl.run("pkey -in private.pem -check -noout");
        openssl.run("pkey -in private.pem -pubout -outform DER -out again.der");
        assert_eq!(openssl.read("again.der"), openssl.read("public.der"));
        let (format, line) = match kind.curve {
            None => (KeyFormatType::PKCS_1, "rsa -in private.pem -traditional -outform DER -out old.der"),
            Some(_) => (KeyFormatType::EC_PRIVATE_KEY, "ec -in private.pem -outform DER -out old.der"),
        };
        openssl.run(line);
        let ours = material(&server, ProtocolVersion::V1_4, &pair.0, Some(format)).1.unwrap();
        assert_eq!(openssl.read("old.der"), ours);

        for (scheme, options) in schemes(&kind) {
            let signed = server.ask(ProtocolVersion::V1_4, sign(&pair.0, Some(scheme), DATA));
            openssl.write("signature", &signature(&signed));
            openssl.run(&format!("dgst {options} -verify public.pem -signature signature data"));
            openssl.run(&format!("dgst {options} -sign private.pem -out signature data"));
            let theirs = openssl.read("signature");
            assert!(verify(&server, &pair.1, Some(scheme), DATA, &theirs), "{options}");
            assert!(!verify(&server, &pair.1, Some(scheme), b"what is not", &theirs), "{options}");
            let mut broken = theirs.clone();
            *broken.last_mut().unwrap() ^= 1;
            assert!(!verify(&server, &pair.1, Some(scheme), DATA, &broken), "{options}");
            assert!(!verify(&server, &pair.1, Some(scheme), DATA, &theirs[1..]), "{options}");
            assert!(!verify(&server, &pair.1, Some(scheme), DATA, b""), "{options}");
        }
    }
}

/// Digested Data of KMIP 1.4 is what Data hashes to; a Digital Signature Algorithm says the rest.
#[test]
fn hashes_and_named_algorithms_sign_alike() {
    let Some(openssl) = OpenSsl::there() else { return };
    use DigitalSignatureAlgorithm as D;
    openssl.write("data", DATA);
    openssl.run("dgst -sha256 -binary -out hash data");
    let hash = openssl.read("hash");
    let server = Server::new();
    let rsa = Pair::rsa().make(&server, ProtocolVersion::V1_4);
    openssl.take(&server, &rsa);
    let named = |name| CryptographicParameters {
        digital_signature_algorithm: Some(name),
        ..CryptographicParameters::default()
    };
    let digested =
        |id, scheme| SignRequest { data: None, digested_data: Some(&hash), ..sign(id, Some(scheme), DATA) };
    let pkcs1 = parameters(PaddingMethod::PKCS1_V1_5, HashingAlgorithm::SHA_256);
    let ask = |request| signature(&server.ask(ProtocolVersion::V1_4, request));
    let expected = ask(sign(&rsa.0, Some(pkcs1), DATA));
    openssl.write("signature", &expected);
    openssl.run("dgst -sha256 -verify public.pem -signature signature data");
    assert_eq!(ask(digested(&rsa.0, pkcs1)), expected);
    assert_eq!(ask(sign(&rsa.0, Some(named(D::SHA_256_WITH_RSA_ENCRYPTION)), DATA)), expected);
    let pss = CryptographicParameters {
        hashing_algorithm: Some(HashingAlgorithm::SHA_256),
        ..named(D::RSASSA_PSS)
    };
    openssl.write("signature", &ask(digested(&rsa.0, pss)));
    openssl.run("dgst -sha256 -sigopt rsa_padding_mode:pss -verify public.pem -signature signature data");
    // A name of another kind of key, and one that contradicts the hash.
    for wrong in [
        named(D::ECDSA_WITH_SHA256),
        named(D::MD5_WITH_RSA_ENCRYPTION),
        CryptographicParameters {
            hashing_algorithm: Some(HashingAlgorithm::SHA_384),
            ..named(D::SHA_256_WITH_RSA_ENCRYPTION)
        },
    ] {
        assert!(server.ask(ProtocolVersion::V1_4, sign(&rsa.0, Some(wrong), DATA)).reason().is_some());
    }
    let server = Server::new();
    let ec = Pair::ec(RecommendedCurve::P_256).make(&server, ProtocolVersion::V1_4);
    openssl.take(&server, &ec);
    for scheme in [named(D::ECDSA_WITH_SHA256), CryptographicParameters::default()] {
        let signed = server.ask(ProtocolVersion::V1_4, digested(&ec.0, scheme));
        openssl.write("signature", &signature(&signed));
        openssl.run("dgst -sha256 -verify public.pem -signature signature data");
    }
    let wrong = server.ask(ProtocolVersion::V1_4, sign(&ec.0, Some(named(D::RSASSA_PSS)), DATA));
    assert!(wrong.reason().is_some());
}

#[test]
fn what_is_encrypted_opens_on_the_other_side() {
    let Some(openssl) = OpenSsl::there() else { return };
    const SECRET: &[u8] = b"a key of 16 byte";
    let server = Server::new();
    let pair = Pair { bits: Some(2048), ..Pair::rsa() }.make(&server, ProtocolVersion::V1_4);
    openssl.take(&server, &pair);
    openssl.write("secret", SECRET);
    let oaep = |hash, mask, label: Option<&'static [u8]>| CryptographicParameters {
        mask_generator_hashing_algorithm: mask,
        p_source: label,
        ..parameters(PaddingMethod::OAEP, hash)
    };
    let mode = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md";
    for (scheme, options) in [
        (parameters(PaddingMethod::PKCS1_V1_5, HashingAlgorithm::SHA_256), String::new()),
        (oaep(HashingAlgorithm::SHA_1, None, None), format!("{mode}:sha1 -pkeyopt rsa_mgf1_md:sha1")),
        (oaep(HashingAlgorithm::SHA_256, None, None), format!("{mode}:sha256 -pkeyopt rsa_mgf1_md:sha256")),
        (
            oaep(HashingAlgorithm::SHA_512, Some(HashingAlgorithm::SHA_1), Some(b"Kilroy")),
            format!("{mode}:sha512 -pkeyopt rsa_mgf1_md:sha1 -pkeyopt rsa_oaep_label:4b696c726f79"),
        ),
    ] {
        let encrypt = EncryptRequest {
            unique_identifier: Some(pair.1.as_str().into()),
            cryptographic_parameters: Some(scheme),
            data: Some(SECRET.into()),
            ..EncryptRequest::default()
        };
        let answer = server.ask(ProtocolVersion::V1_4, encrypt);
        let ResponsePayload::Encrypt(sealed) = answer.payload() else { panic!() };
        let Some(tde_kmip_codec::operation::Data::Bytes(sealed)) = sealed.data else { panic!() };
        openssl.write("sealed", sealed.expose());
        openssl.run(&format!("pkeyutl -decrypt -inkey private.pem -in sealed -out opened {options}"));
        assert_eq!(openssl.read("opened"), SECRET);

        openssl.run(&format!("pkeyutl -encrypt -pubin -inkey public.pem -in secret -out sealed {options}"));
        let sealed = openssl.read("sealed");
        let decrypt = |data| {
            server.ask(
                ProtocolVersion::V1_4,
                DecryptRequest {
                    unique_identifier: Some(pair.0.as_str().into()),
                    cryptographic_parameters: Some(scheme),
                    data: Some(data),
                    ..DecryptRequest::default()
                },
            )
        };
        let answer = decrypt(sealed.as_slice().into());
        let ResponsePayload::Decrypt(opened) = answer.payload() else { panic!() };
        let Some(tde_kmip_codec::operation::Data::Bytes(opened)) = opened.data else { panic!() };
        assert_eq!(opened.expose(), SECRET);
        // Bad padding of PKCS#1 v1.5 gives made-up data, so that nobody learns that it was bad.
        let answer = decrypt([1; 256][..].into());
        match answer.item().payload {
            Some(ResponsePayload::Decrypt(made_up)) => {
                assert_eq!(scheme.padding_method, Some(PaddingMethod::PKCS1_V1_5));
                let Some(tde_kmip_codec::operation::Data::Bytes(made_up)) = made_up.data else { panic!() };
                assert_ne!(made_up.expose(), SECRET);
            }
            _ => assert_eq!(scheme.padding_method, Some(PaddingMethod::OAEP)),
        }
    }
}
