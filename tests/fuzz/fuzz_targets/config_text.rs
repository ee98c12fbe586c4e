//! `tollgate_properties::config_text` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tollgate_properties::config_text(bytes));
