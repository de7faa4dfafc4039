//! Known answers of the keystream: bytes that pg_tde's own routines gave.

use tde_core::{Keystream, KeystreamPrefix};

use super::support::{counting, each_backend, hex, hex_array, internal_key};

fn holds(key: &[u8], prefix: &str, offset: u64, from: &[u8], to: &[u8]) {
    let key = internal_key(key, counting(0));
    let prefix = KeystreamPrefix::new(hex_array(prefix));
    each_backend(|backend| {
        let stream = Keystream::with_backend(&key, backend).unwrap();
        assert_eq!(stream.backend(), backend);
        let mut buf = from.to_vec();
        stream.apply(&prefix, offset, &mut buf).unwrap();
        assert_eq!(buf, to, "{backend}");
        stream.apply(&prefix, offset, &mut buf).unwrap();
        assert_eq!(buf, from, "{backend}");
        stream.apply_to(&prefix, offset, from, &mut buf).unwrap();
        assert_eq!(buf, to, "{backend}");
    });
}

#[test]
fn the_keystream_is_pg_tdes() {
    let rows = [
        ("ffefddccbbaa998877665547", 0, "ebf705c06822e4cfba0e5ae354f85538"),
        ("ffefddccbbaa998877665547", 8192, "c325baf881ceb43f9942161bfb460037"),
        ("ffefddccbbaa998877665547", 8195, "f881ceb43f9942161bfb460037be15a507bf3ab1"),
        ("fff0ddccbbaa998877665547", 8192, "c81992f21e05509b92f5e507a07c5707"),
        ("0000fffeffffffffffffffff", 0, "f8e9e7c33a843c6518036e8e17d190d2"),
        ("0000ffff0000000000000000", 0, "13ac7e19c9c22c71331ffc8e994adc6a"),
        ("000100000000000000000000", 16, "e08bb9df99ca89af815a6d69014547ae"),
    ];
    for (prefix, offset, stream) in rows {
        let stream = hex(stream);
        holds(&counting::<16>(0x40), prefix, offset, &vec![0; stream.len()], &stream);
    }
    let stream = hex("1e7ca888718c5c8929d4852fde41aea3");
    holds(&counting::<32>(0x40), "ffefddccbbaa998877665547", 8192, &[0; 16], &stream);
    holds(
        &counting::<16>(0x40),
        "ffefddccbbaa998877665547",
        8195,
        b"WAL record bytes!",
        &hex("afc082944dfc2179699f66624eca70d626"),
    );
}
