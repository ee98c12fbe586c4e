//! HTTP/1.1 over streams: the two sides of an exchange as the exchange machine sees them.

mod downstream;
mod reader;
mod upstream;
mod writer;

pub(crate) use downstream::H1Downstream;
pub(crate) use reader::Reader;
pub(crate) use upstream::H1Upstream;
pub(crate) use writer::Writer;
