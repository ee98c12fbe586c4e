//! `tollgate_properties::request_head` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tollgate_properties::request_head(bytes));
