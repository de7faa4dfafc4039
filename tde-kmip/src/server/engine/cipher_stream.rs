//! Encrypting and decrypting data that comes in several parts.

use std::sync::Arc;

use tde_kmip_codec::spec::enumeration::{BlockCipherMode, PaddingMethod};
use zeroize::Zeroizing;

use super::crypto::{self, BLOCK, CryptoError, Mode, TAG};

/// Held data is in pieces of at least this size, but for the last.
const PIECE: usize = 64 << 10;

/// Where encrypting or decrypting stands between two parts. It holds no key.
#[derive(Clone)]
pub(super) struct CipherStream {
    encrypts: bool,
    mode: BlockCipherMode,
    padding: PaddingMethod,
    pub(super) tag_len: usize,
    /// What the next block is chained to: the vector, the last block of ciphertext, the counter, the nonce.
    vector: Vec<u8>,
    additional: Arc<[u8]>,
    /// The tag of GCM, as soon as it came.
    pub(super) tag: Option<Vec<u8>>,
    /// What came and could not be worked on yet: less than a block; all of it with GCM, whose tag is over everything.
    ///
    /// A copy of the stream shares the pieces: the next part costs no copy of those before.
    held: Vec<Arc<Zeroizing<Vec<u8>>>>,
}

/// What comes of a part.
pub(super) struct Advanced {
    pub(super) data: Zeroizing<Vec<u8>>,
    /// The tag, of the last part encrypted with GCM.
    pub(super) tag: Option<[u8; TAG]>,
}

impl CipherStream {
    pub(super) fn new(
        encrypts: bool,
        (mode, padding, tag_len): (BlockCipherMode, PaddingMethod, usize),
        vector: &[u8],
        additional: &[u8],
    ) -> Self {
        Self {
            encrypts,
            mode,
            padding,
            tag_len,
            vector: vector.to_vec(),
            additional: additional.into(),
            tag: None,
            held: Vec::new(),
        }
    }

    /// How many bytes it holds.
    pub(super) fn len(&self) -> usize {
        let tag = self.tag.as_ref().map_or(0, Vec::len);
        self.held_len() + self.vector.len() + self.additional.len() + tag
    }

    fn held_len(&self) -> usize {
        self.held.iter().map(|piece| piece.len()).sum()
    }

    /// Holds more.
    fn hold(&mut self, more: &[u8]) {
        if more.is_empty() {
            return;
        }
        let is_short = self.held.last().is_some_and(|last| last.len() < PIECE);
        let last = if is_short { self.held.pop() } else { None };
        let last = last.as_ref().map_or(&[][..], |last| last.as_slice());
        // Of the size that it ends with, so that nothing is moved and left behind.
        let mut piece = Zeroizing::new(Vec::with_capacity(last.len() + more.len()));
        piece.extend_from_slice(last);
        piece.extend_from_slice(more);
        self.held.push(Arc::new(piece));
    }

    /// Takes another part, the last one or not, and gives what can be given.
    pub(super) fn advance(
        &mut self,
        key: &[u8],
        part: &[u8],
        is_last: bool,
    ) -> Result<Advanced, CryptoError> {
        if self.mode == BlockCipherMode::GCM && !is_last {
            self.hold(part);
            return Ok(Advanced { data: Zeroizing::default(), tag: None });
        }
        let have = self.held_len() + part.len();
        let kept = self.kept(have, is_last);
        // Of the size that it ends with, so that nothing is moved and left behind.
        let mut work = Zeroizing::new(Vec::with_capacity(have + BLOCK));
        self.held.drain(..).for_each(|piece| work.extend_from_slice(&piece));
        work.extend_from_slice(part);
        let (now, later) = work.split_at_checked(have - kept).unwrap_or((&work, &[]));
        self.hold(later);
        let now = now.len();
        work.truncate(now);
        if is_last && !self.encrypts && self.mode == BlockCipherMode::GCM {
            // Without a field of its own, the tag follows the data.
            if self.tag.is_none() {
                let start = work.len().checked_sub(self.tag_len).ok_or(CryptoError::Failed)?;
                self.tag = Some(work.split_off(start));
            }
            if self.tag.as_ref().is_some_and(|tag| tag.len() != self.tag_len) {
                return Err(CryptoError::Failed);
            }
        }
        if is_last && self.encrypts {
            work = crypto::pad(&work, self.padding).ok_or(CryptoError::DataSize)?;
        }
        let tag = self.work(key, &mut work)?;
        if is_last && !self.encrypts {
            crypto::unpad(&mut work, self.padding)?;
        }
        Ok(Advanced { data: work, tag })
    }

    /// How much of so many bytes has to wait.
    fn kept(&self, have: usize, is_last: bool) -> usize {
        match have % BLOCK {
            _ if is_last => 0,
            // Padding is in the last block, and this may be it.
            0 if !self.encrypts && self.padding != PaddingMethod::NONE => have.min(BLOCK),
            rest => rest,
        }
    }

    /// Works on whole blocks, or the last of the data, and moves the vector on.
    fn work(&mut self, key: &[u8], data: &mut [u8]) -> Result<Option<[u8; TAG]>, CryptoError> {
        let last_block = |data: &[u8]| data.last_chunk::<BLOCK>().map(|block| block.to_vec());
        let sealed = if self.encrypts { None } else { last_block(data) };
        let mode = match self.mode {
            BlockCipherMode::ECB => Mode::Ecb,
            BlockCipherMode::CBC => Mode::Cbc { vector: &self.vector },
            BlockCipherMode::CTR => Mode::Ctr { counter: &self.vector },
            BlockCipherMode::GCM => Mode::Gcm { nonce: &self.vector, additional: &self.additional },
            _ => return Err(CryptoError::DataSize),
        };
        let tag = if self.encrypts {
            crypto::encrypt(&mode, key, data)?
        } else {
            crypto::decrypt(&mode, key, data, self.tag.as_deref())?;
            None
        };
        match self.mode {
            BlockCipherMode::CBC => {
                if let Some(block) = if self.encrypts { last_block(data) } else { sealed } {
                    self.vector = block;
                }
            }
            BlockCipherMode::CTR => {
                if let Ok(counter) = <[u8; BLOCK]>::try_from(self.vector.as_slice()) {
                    let blocks = u128::try_from(data.len().div_ceil(BLOCK)).unwrap_or_default();
                    self.vector = u128::from_be_bytes(counter).wrapping_add(blocks).to_be_bytes().to_vec();
                }
            }
            _ => {}
        }
        Ok(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In every split into three parts, what comes out is what comes out at once.
    #[test]
    fn parts_give_what_the_whole_gives() {
        let key = [3; 32];
        for mode in [BlockCipherMode::ECB, BlockCipherMode::CBC, BlockCipherMode::CTR, BlockCipherMode::GCM] {
            let vector = if mode == BlockCipherMode::GCM { &[9; 12][..] } else { &[0xff; 16] };
            let padding = match mode {
                BlockCipherMode::ECB | BlockCipherMode::CBC => PaddingMethod::PKCS5,
                _ => PaddingMethod::NONE,
            };
            let data: Vec<u8> = (0..50).collect();
            let mut whole = crypto::pad(&data, padding).unwrap();
            let all = match mode {
                BlockCipherMode::ECB => Mode::Ecb,
                BlockCipherMode::CBC => Mode::Cbc { vector },
                BlockCipherMode::CTR => Mode::Ctr { counter: vector },
                _ => Mode::Gcm { nonce: vector, additional: b"more" },
            };
            let tag = crypto::encrypt(&all, &key, &mut whole).unwrap();
            let stream = |encrypts| CipherStream::new(encrypts, (mode, padding, TAG), vector, b"more");
            let run = |mut stream: CipherStream, data: &[u8], first: usize, second: usize| {
                let mut output = Vec::new();
                let mut tag = None;
                for (part, is_last) in
                    [(&data[..first], false), (&data[first..second], false), (&data[second..], true)]
                {
                    let advanced = stream.advance(&key, part, is_last).unwrap();
                    output.extend_from_slice(&advanced.data);
                    tag = advanced.tag;
                }
                (output, tag)
            };
            for first in 0..=data.len() {
                for second in first..=data.len() {
                    let (sealed, end) = run(stream(true), &data, first, second);
                    assert_eq!((&sealed, end), (&*whole, tag), "{mode} {first} {second}");
                    let mut opening = stream(false);
                    opening.tag = tag.map(|tag| tag.to_vec());
                    let (opened, _) = run(opening, &sealed, first, second);
                    assert_eq!(opened, data, "{mode} {first} {second}");
                }
            }
        }
    }

    /// A stream is copied for every part, since the part may come to nothing.
    #[test]
    fn a_part_costs_no_copy_of_those_before() {
        let settings = (BlockCipherMode::GCM, PaddingMethod::NONE, TAG);
        let mut stream = CipherStream::new(true, settings, &[9; 12], b"more");
        for _ in 0..4 {
            stream.advance(&[3; 16], &[1; PIECE], false).unwrap();
        }
        let mut next = stream.clone();
        next.advance(&[3; 16], &[2; 10], false).unwrap();
        next.advance(&[3; 16], &[2; 10], false).unwrap();
        next.advance(&[3; 16], &[], false).unwrap();
        assert_eq!((stream.held_len(), next.held_len()), (4 * PIECE, 4 * PIECE + 20));
        assert_eq!((stream.held.len(), next.held.len()), (4, 5), "short pieces are not put together");
        assert!(stream.held.iter().zip(&next.held).all(|(one, other)| Arc::ptr_eq(one, other)));
    }

    #[test]
    fn nothing_of_data_with_a_wrong_tag_comes_out() {
        let mut stream =
            CipherStream::new(false, (BlockCipherMode::GCM, PaddingMethod::NONE, TAG), &[9; 12], &[]);
        stream.tag = Some(vec![0; 16]);
        let first = stream.advance(&[3; 16], &[1; 64], false).unwrap();
        assert!(first.data.is_empty());
        assert!(stream.advance(&[3; 16], &[1; 64], true).is_err());
    }
}
