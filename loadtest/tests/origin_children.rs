//! Children of the origin's process must not inherit its connections.
//!
//! Alone in its file, hence in its process: another test could accept a connection at the moment this one forks.

use std::{
    error::Error,
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};
use tollgate_loadtest::{Driver, Origin, OriginConfig};

#[test]
fn children_of_the_process_inherit_no_connection() -> Result<(), Box<dyn Error>> {
    for driver in [Driver::Auto, Driver::Epoll] {
        let origin = Origin::start(OriginConfig { driver, ..OriginConfig::default() })?;
        let mut client = TcpStream::connect(origin.address())?;
        client.write_all(b"GET /bytes/0 HTTP/1.1\r\n\r\n")?;
        assert!(client.read(&mut [0; 512])? > 0);
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn()?;
        let descriptors = fs::read_dir(format!("/proc/{}/fd", child.id()))?;
        let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        let sockets = targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count();
        drop(child.stdin.take());
        child.wait()?;
        assert_eq!(sockets, 0, "{driver:?}");
    }
    Ok(())
}
