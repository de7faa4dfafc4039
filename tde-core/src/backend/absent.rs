//! In the place of the x86-64 kernels on other architectures: key types that cannot be made.

pub(super) use self::aesni as vaes256;
pub(super) use self::aesni as vaes512;

pub(super) mod aesni {
    use aes::cipher::inout::InOutBuf;

    use crate::backend::Lane;
    use crate::key::KeyBytes;

    pub(crate) fn is_available() -> bool {
        false
    }

    pub(crate) enum CbcKey {}

    impl CbcKey {
        pub(crate) fn new(_key: &KeyBytes) -> Option<Self> {
            None
        }

        pub(crate) fn encrypt(&self, _lanes: &mut [Lane<'_>]) {
            match *self {}
        }

        pub(crate) fn decrypt(&self, _lanes: &mut [Lane<'_>]) {
            match *self {}
        }
    }

    pub(crate) enum StreamKey {}

    impl StreamKey {
        pub(crate) fn new(_key: &KeyBytes) -> Option<Self> {
            None
        }

        pub(crate) fn apply(
            &self,
            _prefix: &[u8; 12],
            _counter: u32,
            _skip: usize,
            _data: InOutBuf<'_, '_, u8>,
        ) {
            match *self {}
        }
    }
}
