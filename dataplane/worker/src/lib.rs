//! One core's loop: accept, connection, exchange, upstream pool, drain.
