//! `tollgate_properties::routes` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tollgate_properties::routes(bytes));
