//! The thread that appends blocks of access records to a file or standard output.
