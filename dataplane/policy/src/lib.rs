//! The fixed order of phases every request goes through.
