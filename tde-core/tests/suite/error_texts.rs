//! What people read: errors and names, to the letter.

use tde_core::{Backend, BlockNumber, Cipher, Error, Fork};

#[test]
fn errors_say_what_was_wrong_and_what_would_be_right() {
    let first = BlockNumber::new(7);
    let texts = [
        (Error::KeyLength { actual: 5 }, "key is 5 bytes long, must be 16 or 32"),
        (
            Error::InternalKeyLength { cipher: Cipher::Aes256, actual: 16 },
            "internal key for AES-256 is 16 bytes long, must be 32",
        ),
        (Error::UnknownCipher { id: 9 }, "unknown cipher id 9, must be 0 (AES-128) or 1 (AES-256)"),
        (Error::UnknownFork { number: 4 }, "unknown fork number 4, must be 0 to 3"),
        (Error::IvLength { actual: 8 }, "initialisation vector is 8 bytes long, must be 12 or 16"),
        (Error::PageSize { actual: 17 }, "page is 17 bytes long, must be a positive multiple of 16"),
        (
            Error::RunLength { page_size: 32, actual: 48 },
            "run of pages is 48 bytes long, must be a multiple of the page size 32",
        ),
        (
            Error::BufferLength { expected: 3, actual: 4 },
            "destination is 4 bytes long, must be as long as the source, 3",
        ),
        (
            Error::BlockOverflow { first, pages: 2 },
            "2 pages from block 7 on reach beyond the last block number, 4294967295",
        ),
        (
            Error::KeystreamRange { offset: 1, len: 2 },
            "2 bytes at keystream offset 1 reach beyond the 32-bit block counter",
        ),
        (
            Error::MessageLength { actual: 1 },
            "message is 1 bytes long, more than AES-GCM allows for one initialisation vector",
        ),
        (Error::Authentication, "authentication failed: wrong key, wrong vector or changed bytes"),
        (
            Error::BackendUnavailable { backend: Backend::X86AesNi },
            "backend x86-aes-ni is not available on this CPU or in this build",
        ),
        (Error::Random, "the operating system's random number generator failed"),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
        assert!(core::error::Error::source(&error).is_none());
    }
}

#[test]
fn names_are_those_of_postgresql_and_the_backends() {
    let forks = [(Fork::Main, "", "main"), (Fork::Fsm, "fsm", "fsm"), (Fork::Vm, "vm", "vm")];
    for (number, (fork, suffix, name)) in forks.into_iter().chain([(Fork::Init, "init", "init")]).enumerate()
    {
        assert_eq!((fork.suffix(), fork.to_string()), (suffix, name.to_owned()));
        assert_eq!(usize::from(fork.number()), number);
        assert_eq!(Fork::from_number(number as u32), Ok(fork));
    }
    assert_eq!(Fork::from_number(4), Err(Error::UnknownFork { number: 4 }));
    let names: Vec<String> = Backend::all().map(|backend| backend.to_string()).collect();
    assert_eq!(names, ["portable", "x86-aes-ni", "x86-vaes-256", "x86-vaes-512"]);
    assert!(Backend::available().any(|backend| backend == Backend::detect()));
    assert_eq!(Backend::available().next(), Some(Backend::Portable));
    assert_eq!(format!("{:>4}|{:<4}|", BlockNumber::new(7), Fork::Vm), "   7|vm  |");
}
