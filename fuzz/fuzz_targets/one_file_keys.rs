#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tde_fuzz_bodies::one_file_keys(data));
