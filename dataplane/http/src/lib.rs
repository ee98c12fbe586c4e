//! Message heads, URIs and a sans-I/O HTTP/1.1 codec with strict framing.
