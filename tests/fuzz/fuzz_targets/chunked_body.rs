//! `tollgate_properties::chunked_body` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tollgate_properties::chunked_body(bytes));
