#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tde_fuzz_bodies::kmip_server(data));
