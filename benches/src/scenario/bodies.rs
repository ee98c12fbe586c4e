//! Answers of 1 KiB, 64 KiB and 1 MiB, and uploads of the latter two, over 64 keep-alive connections.
//!
//! Larger bodies are passed on as they arrive by every gateway; nginx is given buffers of 64 KiB for that. Before it is measured, a gateway has
//! carried one body of that size correctly, compared byte by byte.

use super::{Scenario, Stage};
use crate::{
    measure::{self, Sample},
    peer::{Peer, Task},
    testbed::Gateway,
};
use anyhow::Result;
use std::fs;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Bodies of one size in one direction.
struct Bodies {
    direction: Direction,
    bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Down,
    Up,
}

pub(super) fn all() -> impl Iterator<Item = Box<dyn Scenario>> {
    let sizes = [
        (Direction::Down, KIB),
        (Direction::Down, 64 * KIB),
        (Direction::Down, MIB),
        (Direction::Up, 64 * KIB),
        (Direction::Up, MIB),
    ];
    sizes.into_iter().map(|(direction, bytes)| Box::new(Bodies { direction, bytes }) as Box<dyn Scenario>)
}

/// `1k`, `64k`, `1m`.
fn short(bytes: u64) -> String {
    if bytes < MIB { format!("{}k", bytes / KIB) } else { format!("{}m", bytes / MIB) }
}

impl Scenario for Bodies {
    fn name(&self) -> String {
        match self.direction {
            Direction::Down => format!("proxy-{}", short(self.bytes)),
            Direction::Up => format!("upload-{}", short(self.bytes)),
        }
    }

    fn about(&self) -> String {
        let what = match self.direction {
            Direction::Down => "GET of",
            Direction::Up => "POST of",
        };
        format!("{what} {} KiB, 64 keep-alive connections.", self.bytes / KIB)
    }

    fn task(&self) -> Task {
        if self.bytes > KIB { Task::Stream } else { Task::Proxy }
    }

    fn prepare(&self, gateway: &mut Gateway) -> Result<()> {
        let mut client = gateway.connect()?;
        match self.direction {
            Direction::Down => client.download(self.bytes, |_| {}),
            Direction::Up => {
                let script = gateway.setup.directory.join("upload.lua");
                let text = format!("wrk.method = \"POST\"\nwrk.body = string.rep(\"x\", {})\n", self.bytes);
                fs::write(&script, text)?;
                gateway.script = Some(script);
                client.upload(self.bytes, |_| {})
            }
        }
    }

    fn measure(&self, stage: &Stage<'_>, _peer: &dyn Peer, gateway: &mut Gateway) -> Result<Sample> {
        let path = match self.direction {
            Direction::Down => format!("/bytes/{}", self.bytes),
            Direction::Up => "/upload".to_owned(),
        };
        measure::sample(gateway, super::CONNECTIONS, || stage.load(gateway, &path, stage.seconds))
    }
}
