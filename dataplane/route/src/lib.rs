//! Compiled tables that turn listener, host and path into a route.
