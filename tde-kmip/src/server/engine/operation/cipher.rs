//! Encrypt and Decrypt (KMIP 1.4, sections 4.29 and 4.30; KMIP 2.1, sections 6.1.11 and 6.1.17).

use tde_kmip_codec::{
    attribute::{AttributeValue, CryptographicParameters},
    operation::{DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse},
    spec::{
        ProtocolVersion,
        enumeration::{BlockCipherMode, CryptographicAlgorithm, Operation, PaddingMethod, ResultReason},
        mask::CryptographicUsageMask,
        tag,
    },
};

use zeroize::Zeroizing;

use crate::server::engine::{
    batch::Batch,
    cipher_stream::{Advanced, CipherStream},
    crypto::{self, BLOCK, CryptoError, MAX_NONCE, Mode, TAG},
    failure::{Failure, Outcome, Why},
    operation::{
        parts::{self, Part},
        rsa_cipher,
        using::{self, Use},
    },
    record::Object,
    streams::Work,
};

/// Encrypts with a symmetric key, or to a public key.
pub(super) fn encrypt(batch: &mut Batch<'_>, request: &EncryptRequest<'_>) -> Outcome {
    let part = Part::of(request.init_indicator, request.final_indicator, request.correlation_value)?;
    if part != Part::Whole {
        return encrypt_part(batch, request, part);
    }
    let mut object = batch.object(request.unique_identifier)?;
    if rsa_cipher::takes(&object) {
        return rsa_cipher::encrypt(batch, object, request);
    }
    let protect = Use::new(Operation::ENCRYPT, CryptographicUsageMask::ENCRYPT).protects();
    let key = using::key(batch, &object, &protect)?;
    let choice = Choice::new(&object, request.cryptographic_parameters.as_ref())?;
    let data = batch.data(request.data.as_ref())?;
    using::allocate(batch, &mut object, data.len())?;

    let (vector, made) = vector(batch, &choice, request.iv_counter_nonce)?;
    let additional = request.authenticated_encryption_additional_data.unwrap_or_default();
    let mut data = crypto::pad(&data, choice.padding).ok_or_else(|| parameters("Padding Method"))?;
    let mode = choice.mode(&vector, additional);
    let tag = crypto::encrypt(&mode, &key, &mut data).map_err(refused)?;
    // KMIP 1.4 gave the tag a field of its own; before, it follows the data.
    let apart = batch.version >= ProtocolVersion::V1_4;
    let tag = tag.as_ref().and_then(|tag| tag.get(..choice.tag_len));
    if let Some(tag) = tag.filter(|_| !apart) {
        let mut whole = Zeroizing::new(Vec::with_capacity(data.len() + tag.len()));
        whole.extend_from_slice(&data);
        whole.extend_from_slice(tag);
        data = whole;
    }
    let mut response = EncryptResponse::new(object.id.as_str().into());
    response.data = Some(data.as_slice().into());
    response.iv_counter_nonce = made.then_some(&vector);
    response.authenticated_encryption_tag = tag.filter(|_| apart);
    batch.answer(response)?;
    batch.given.push((Operation::ENCRYPT, data));
    Ok(())
}

/// The initialization vector of the request, or a new one: asked for with Random IV, or left to the server as PyKMIP's
/// clients do. Whether it is new, since what the server made is in the answer.
fn vector(batch: &Batch<'_>, choice: &Choice, given: Option<&[u8]>) -> Outcome<(Vec<u8>, bool)> {
    match given {
        Some(vector) => Ok((vector.to_vec(), false)),
        None if !choice.has_vector() => Ok((Vec::new(), false)),
        None => {
            let mut vector = vec![0; choice.made_vector_len()?];
            batch.options.randomness.fill(&mut vector)?;
            Ok((vector, true))
        }
    }
}

/// Encrypts one of several parts.
fn encrypt_part(batch: &mut Batch<'_>, request: &EncryptRequest<'_>, part: Part<'_>) -> Outcome {
    let stream = batch.stream(part, Operation::ENCRYPT)?;
    let protect = Use::new(Operation::ENCRYPT, CryptographicUsageMask::ENCRYPT).protects();
    let (mut object, key) = parts::key(batch, stream.as_ref(), request.unique_identifier, &protect)?;
    let data = parts::data(batch, request.data.as_ref(), part)?;
    parts::allocate(batch, &mut object, part, data.len())?;
    let additional = request.authenticated_encryption_additional_data;
    let mut made = None;
    let mut cipher = match stream.map(|stream| stream.work) {
        Some(Work::Cipher(cipher)) => later(cipher, additional)?,
        _ => {
            let choice = Choice::new(&object, request.cryptographic_parameters.as_ref())?;
            let (vector, is_new) = vector(batch, &choice, request.iv_counter_nonce)?;
            let cipher = CipherStream::new(true, choice.settings(), &vector, additional.unwrap_or_default());
            made = is_new.then_some(vector);
            cipher
        }
    };
    let Advanced { mut data, tag } = cipher.advance(&key, &data, part.is_last()).map_err(refused)?;
    let apart = batch.version >= ProtocolVersion::V1_4;
    let tag = tag.as_ref().and_then(|tag| tag.get(..cipher.tag_len));
    if let Some(tag) = tag.filter(|_| !apart) {
        data.extend_from_slice(tag);
    }
    let correlation = batch.keep_stream(part, Operation::ENCRYPT, Some(&object), Work::Cipher(cipher))?;
    let mut response = EncryptResponse::new(object.id.as_str().into());
    response.data = Some(data.as_slice().into()).filter(|_| !data.is_empty());
    response.iv_counter_nonce = made.as_deref();
    response.correlation_value = correlation.as_deref();
    response.authenticated_encryption_tag = tag.filter(|_| apart);
    batch.answer(response)?;
    batch.given.push((Operation::ENCRYPT, data));
    Ok(())
}

/// Decrypts one of several parts.
fn decrypt_part(batch: &mut Batch<'_>, request: &DecryptRequest<'_>, part: Part<'_>) -> Outcome {
    let stream = batch.stream(part, Operation::DECRYPT)?;
    let process = Use::new(Operation::DECRYPT, CryptographicUsageMask::DECRYPT);
    let (object, key) = parts::key(batch, stream.as_ref(), request.unique_identifier, &process)?;
    let data = parts::data(batch, request.data.as_ref(), part)?;
    let additional = request.authenticated_encryption_additional_data;
    let mut cipher = match stream.map(|stream| stream.work) {
        Some(Work::Cipher(cipher)) => later(cipher, additional)?,
        _ => {
            let choice = Choice::new(&object, request.cryptographic_parameters.as_ref())?;
            let vector = match request.iv_counter_nonce {
                Some(vector) => vector,
                None if !choice.has_vector() => &[],
                None => return Err(no_vector()),
            };
            CipherStream::new(false, choice.settings(), vector, additional.unwrap_or_default())
        }
    };
    if let Some(tag) = request.authenticated_encryption_tag {
        cipher.tag = Some(tag.to_vec());
    }
    let Advanced { data, .. } = cipher.advance(&key, &data, part.is_last()).map_err(refused)?;
    let correlation = batch.keep_stream(part, Operation::DECRYPT, Some(&object), Work::Cipher(cipher))?;
    let mut response = DecryptResponse::new(object.id.as_str().into());
    response.data = Some(data.as_slice().into()).filter(|_| !data.is_empty());
    response.correlation_value = correlation.as_deref();
    batch.answer(response)?;
    batch.given.push((Operation::DECRYPT, data));
    Ok(())
}

/// A stream that goes on: its additional data came with the first part.
fn later(cipher: CipherStream, additional: Option<&[u8]>) -> Outcome<CipherStream> {
    if additional.is_some() {
        let message = "Authenticated Encryption Additional Data goes with the first part";
        return Err(Failure::invalid_field(message).into());
    }
    Ok(cipher)
}

/// Decrypts with a symmetric key, or with a private key.
pub(super) fn decrypt(batch: &mut Batch<'_>, request: &DecryptRequest<'_>) -> Outcome {
    let part = Part::of(request.init_indicator, request.final_indicator, request.correlation_value)?;
    if part != Part::Whole {
        return decrypt_part(batch, request, part);
    }
    let object = batch.object(request.unique_identifier)?;
    if rsa_cipher::takes(&object) {
        return rsa_cipher::decrypt(batch, &object, request);
    }
    let process = Use::new(Operation::DECRYPT, CryptographicUsageMask::DECRYPT);
    let key = using::key(batch, &object, &process)?;
    let choice = Choice::new(&object, request.cryptographic_parameters.as_ref())?;
    let mut data = batch.data(request.data.as_ref())?;
    let vector = match request.iv_counter_nonce {
        Some(vector) => vector,
        None if !choice.has_vector() => &[],
        None => return Err(no_vector()),
    };
    let mut tag = request.authenticated_encryption_tag.map(<[u8]>::to_vec);
    if tag.is_none() && matches!(choice.block_mode, BlockCipherMode::GCM) {
        let start = data.len().checked_sub(choice.tag_len).ok_or_else(|| refused(CryptoError::Failed))?;
        tag = Some(data.split_off(start));
    }
    let additional = request.authenticated_encryption_additional_data.unwrap_or_default();
    let mode = choice.mode(vector, additional);
    if tag.as_ref().is_some_and(|tag| tag.len() != choice.tag_len) {
        return Err(refused(CryptoError::Failed));
    }
    crypto::decrypt(&mode, &key, &mut data, tag.as_deref()).map_err(refused)?;
    crypto::unpad(&mut data, choice.padding).map_err(refused)?;

    let mut response = DecryptResponse::new(object.id.as_str().into());
    response.data = Some(data.as_slice().into());
    batch.answer(response)?;
    batch.given.push((Operation::DECRYPT, data));
    Ok(())
}

/// Encrypts as a derivation method does (KMIP 1.4, section 4.6): with the parameters of the request, or the first of
/// the key, and without a tag.
pub(super) fn derive(
    object: &Object,
    given: Option<&CryptographicParameters<'_>>,
    key: &[u8],
    vector: &[u8],
    data: &[u8],
) -> Outcome<Zeroizing<Vec<u8>>> {
    let choice = Choice::new(object, given)?;
    if choice.block_mode == BlockCipherMode::GCM {
        return Err(parameters("Block Cipher Mode"));
    }
    let mut data = crypto::pad(data, choice.padding).ok_or_else(|| parameters("Padding Method"))?;
    crypto::encrypt(&choice.mode(vector, &[]), key, &mut data).map_err(refused)?;
    Ok(data)
}

/// How to encrypt: the parameters of the request, or the first of the key.
struct Choice {
    block_mode: BlockCipherMode,
    padding: PaddingMethod,
    /// The length of the tag of GCM.
    tag_len: usize,
    /// IV Length, for an initialization vector that the server makes: in bits (KMIP 1.4, section 3.6).
    vector_bits: Option<i32>,
}

impl Choice {
    fn new(object: &Object, given: Option<&CryptographicParameters<'_>>) -> Outcome<Self> {
        let first;
        let parameters = match given {
            Some(given) => given,
            None => match object.attributes.get(tag::CRYPTOGRAPHIC_PARAMETERS) {
                Some(AttributeValue::CryptographicParameters(known)) => {
                    first = known;
                    &first
                }
                _ => return Err(self::parameters("Cryptographic Parameters")),
            },
        };
        let algorithm = parameters.cryptographic_algorithm.map(|algorithm| algorithm.0);
        if algorithm.or_else(|| object.attributes.enumeration(tag::CRYPTOGRAPHIC_ALGORITHM))
            != Some(CryptographicAlgorithm::AES.0)
        {
            return Err(self::parameters("Cryptographic Algorithm"));
        }
        let block_mode = parameters.block_cipher_mode.ok_or_else(|| self::parameters("Block Cipher Mode"))?;
        let padding = match block_mode {
            BlockCipherMode::ECB | BlockCipherMode::CBC => {
                parameters.padding_method.unwrap_or(PaddingMethod::NONE)
            }
            BlockCipherMode::CTR | BlockCipherMode::GCM => PaddingMethod::NONE,
            _ => return Err(self::parameters("Block Cipher Mode")),
        };
        if !matches!(padding, PaddingMethod::NONE | PaddingMethod::PKCS5 | PaddingMethod::ANSI_X9_23) {
            return Err(self::parameters("Padding Method"));
        }
        let tag_len = parameters.tag_length.map_or(Ok(TAG), usize::try_from).unwrap_or_default();
        // NIST SP 800-38D, section 5.2.1.2.
        if block_mode == BlockCipherMode::GCM && !(12..=TAG).contains(&tag_len) {
            return Err(self::parameters("Tag Length"));
        }
        Ok(Self { block_mode, padding, tag_len, vector_bits: parameters.iv_length })
    }

    /// What a stream needs of it.
    const fn settings(&self) -> (BlockCipherMode, PaddingMethod, usize) {
        (self.block_mode, self.padding, self.tag_len)
    }

    fn has_vector(&self) -> bool {
        self.block_mode != BlockCipherMode::ECB
    }

    /// How many bytes an initialization vector has that the server makes.
    fn made_vector_len(&self) -> Outcome<usize> {
        match (self.block_mode, self.vector_bits) {
            (BlockCipherMode::GCM, None) => Ok(12),
            (BlockCipherMode::GCM, Some(bits)) => {
                // NIST SP 800-38D, section 8.2.2: a random one has 96 bits at least.
                let len = usize::try_from(bits / 8).unwrap_or_default();
                if bits % 8 == 0 && (12..=MAX_NONCE).contains(&len) {
                    return Ok(len);
                }
                let message = format!("IV Length must be 96 to {} bits, in whole bytes", 8 * MAX_NONCE);
                Err(Failure::new(Why::Parameters, message).into())
            }
            _ => Ok(BLOCK),
        }
    }

    fn mode<'a>(&self, vector: &'a [u8], additional: &'a [u8]) -> Mode<'a> {
        match self.block_mode {
            BlockCipherMode::CBC => Mode::Cbc { vector },
            BlockCipherMode::CTR => Mode::Ctr { counter: vector },
            BlockCipherMode::GCM => Mode::Gcm { nonce: vector, additional },
            _ => Mode::Ecb,
        }
    }
}

fn parameters(name: &str) -> crate::server::engine::failure::Stop {
    Failure::new(Why::Parameters, format!("{name} is missing or not supported here")).into()
}

fn no_vector() -> crate::server::engine::failure::Stop {
    Failure::new(Why::NoVector, "an IV/Counter/Nonce is needed, or Random IV").into()
}

fn refused(error: CryptoError) -> crate::server::engine::failure::Stop {
    let message = match error {
        CryptoError::KeySize => "the key has no size of AES",
        CryptoError::VectorSize => "the IV/Counter/Nonce has not the size that the mode takes",
        CryptoError::DataSize => "the data is no whole number of blocks",
        CryptoError::Failed => "the data cannot be decrypted so",
    };
    Failure::exactly(ResultReason::CRYPTOGRAPHIC_FAILURE, message).into()
}
