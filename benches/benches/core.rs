//! Page cipher, keystream and key wrap with their peers in the same groups; `ratios` compares them turn by turn.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, reason = "a bench may panic")]

use std::hint::black_box;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, KeyInit};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tde_benches::buffers::Aligned;
use tde_benches::peers::{openssl, rustcrypto};
use tde_core::{
    Backend, BaseIv, BlockNumber, Cipher, Fork, InternalKey, Keystream, KeystreamPrefix, PageCipher,
    PageSize, PrincipalKey, WrapKey,
};

const PAGE: usize = 8192;
const KEY: [u8; 16] = *b"0123456789abcdef";
const PREFIX: KeystreamPrefix = KeystreamPrefix::new(*b"segment no 3");

fn internal_key() -> InternalKey {
    InternalKey::from_slice(Cipher::Aes128, &KEY, BaseIv::new([9; 16])).expect("16 bytes")
}

fn pages(c: &mut Criterion) {
    let (size, first) = (PageSize::DEFAULT, BlockNumber::new(7));
    let iv = |page: usize| [page as u8; 16];
    for (name, encrypting) in [("encrypt pages", true), ("decrypt pages", false)] {
        let mut group = c.benchmark_group(name);
        for count in [1, 16, 256] {
            let mut data = Aligned::new(count * PAGE + openssl::SLACK);
            group.throughput(Throughput::Bytes((count * PAGE) as u64));
            for backend in Backend::available() {
                let cipher =
                    PageCipher::with_backend(&internal_key(), backend).expect("an available backend");
                group.bench_function(BenchmarkId::new(backend.name(), count), |b| {
                    let run = &mut data[..count * PAGE];
                    b.iter(|| {
                        if encrypting {
                            cipher.encrypt_pages(size, Fork::Main, first, black_box(&mut *run))
                        } else {
                            cipher.decrypt_pages(size, Fork::Main, first, black_box(&mut *run))
                        }
                        .expect("whole pages");
                    });
                });
            }
            let mut context = openssl::Context::cbc(&KEY, encrypting).expect("OpenSSL to know CBC");
            group.bench_function(BenchmarkId::new("openssl", count), |b| {
                b.iter(|| {
                    for page in 0..count {
                        let data = &mut data[page * PAGE..(page + 1) * PAGE + openssl::SLACK];
                        context
                            .apply_in_place(&iv(page), black_box(data), PAGE)
                            .expect("OpenSSL to take a page");
                    }
                });
            });
            let (encryptor, decryptor) = (aes::Aes128Enc::new(&KEY.into()), aes::Aes128Dec::new(&KEY.into()));
            group.bench_function(BenchmarkId::new("rustcrypto cbc", count), |b| {
                b.iter(|| {
                    for (i, page) in data[..count * PAGE].chunks_exact_mut(PAGE).enumerate() {
                        if encrypting {
                            rustcrypto::cbc_encrypt(&encryptor, &iv(i), black_box(page));
                        } else {
                            rustcrypto::cbc_decrypt(&decryptor, &iv(i), black_box(page));
                        }
                    }
                });
            });
        }
        group.finish();
    }
}

fn wal(c: &mut Criterion) {
    let mut group = c.benchmark_group("WAL stream");
    for (name, offset, len) in [("8 KiB at an odd offset", 8195, PAGE), ("1 MiB", 0, 1 << 20)] {
        let mut data = Aligned::new(len);
        group.throughput(Throughput::Bytes(len as u64));
        for backend in Backend::available() {
            let stream = Keystream::with_backend(&internal_key(), backend).expect("an available backend");
            group.bench_function(BenchmarkId::new(backend.name(), name), |b| {
                b.iter(|| {
                    stream.apply(&PREFIX, offset, black_box(&mut data)).expect("a range inside the stream")
                });
            });
        }
        let mut context = openssl::Context::ctr(&KEY).expect("OpenSSL to know CTR");
        group.bench_function(BenchmarkId::new("openssl ctr", name), |b| {
            b.iter(|| {
                context.apply_in_place(&[3; 16], black_box(&mut data), len).expect("OpenSSL to take a range")
            });
        });
        let mut ecb = openssl::EcbStream::new(&KEY).expect("OpenSSL to know ECB");
        group.bench_function(BenchmarkId::new("openssl ecb and xor", name), |b| {
            b.iter(|| {
                ecb.apply(PREFIX.as_bytes(), offset, black_box(&mut data)).expect("OpenSSL to take a range")
            });
        });
        let key = aes::Aes128Enc::new(&KEY.into());
        group.bench_function(BenchmarkId::new("rustcrypto ctr", name), |b| {
            b.iter(|| rustcrypto::ctr_apply(&key, &[3; 16], black_box(&mut data)));
        });
    }
    group.finish();
}

fn key_unwrap(c: &mut Criterion) {
    let mut group = c.benchmark_group("key unwrap");
    group.throughput(Throughput::Elements(1));
    let (iv, aad) = ([1; 16], [2; 16]);
    let wrap = WrapKey::new(&PrincipalKey::from_slice(&KEY).expect("16 bytes"));
    let mut wrapped = [0; 16];
    let tag = wrap.seal(&iv, &aad, &[42; 16], &mut wrapped).expect("matching lengths");
    group.bench_function("tde-core", |b| {
        b.iter(|| {
            wrap.open_internal_key(Cipher::Aes128, BaseIv::new([3; 16]), &iv, &aad, black_box(&wrapped), &tag)
        });
    });
    group.bench_function("openssl", |b| {
        b.iter(|| {
            let cipher = ::openssl::symm::Cipher::aes_128_gcm();
            ::openssl::symm::decrypt_aead(cipher, &KEY, Some(&iv), &aad, black_box(&wrapped), &tag)
        });
    });
    let gcm = AesGcm::<aes::Aes128, aes::cipher::consts::U16>::new(&KEY.into());
    group.bench_function("rustcrypto aes-gcm", |b| {
        b.iter(|| {
            let mut out = wrapped;
            gcm.decrypt_inout_detached(&iv.into(), &aad, black_box(&mut out[..]).into(), &tag.into())
                .expect("the right tag");
            out
        });
    });
    group.finish();
}

criterion_group!(benches, pages, wal, key_unwrap);
criterion_main!(benches);
