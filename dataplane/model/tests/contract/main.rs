//! The contract seen from outside: what a file means, and what is said about a wrong one.

mod arbitrary;
mod digest;
mod identity;
mod includes;
mod manual;
mod meaning;
mod mistakes;
mod patches;
mod policies;
mod references;
mod resilience;
mod sequences;
mod shown;
mod source;
