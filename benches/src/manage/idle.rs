//! `tollgate serve` that is set up and that nobody asks: what it keeps in memory, and how often it wakes.
//!
//! A wake-up is a voluntary context switch of any of its threads. Memory is taken after the setup and again after a
//! password was hashed, since that takes 19 MiB for a moment, which should not stay.

use super::{
    admin::Admin,
    figure::Figure,
    plane::{self, Plane},
};
use crate::{interrupt, machine, testbed};
use anyhow::Result;
use serde_json::json;
use std::time::Duration;
use tempfile::TempDir;

const START_MAX: Duration = Duration::from_secs(10);
/// Until what a start and a request have begun is over: threads that may block end after 10 s.
const SETTLE: Duration = Duration::from_secs(15);
/// How long wake-ups are counted.
const COUNTED: Duration = Duration::from_secs(10);

pub(super) fn run(testbed: &testbed::Options) -> Result<Vec<Figure>> {
    let folder = TempDir::with_prefix("tollgate-benches-")?;
    let (config, data) = (folder.path().join("gateway.yaml"), folder.path().join("data").display().to_string());
    plane::gateway_file(&config)?;
    let config = config.display().to_string();
    let arguments = ["serve", "--config", &config, "--data", &data, "--admin", "127.0.0.1:0"];
    let mut plane = Plane::start(&testbed.tollgate()?, &arguments, &machine::allowed_cpus()?, folder.path())?;
    let admin = plane.address("admin API on ", START_MAX)?;
    let token = plane.set_up(admin)?;
    interrupt::pause(SETTLE)?;
    let mut figures = vec![Figure::mebibytes("idle serve, resident", machine::memory(plane.pid())?.rss).at_most(64.0)];
    let before = machine::wake_ups(plane.pid());
    interrupt::pause(COUNTED)?;
    let woken = machine::wake_ups(plane.pid());
    let mut sum = 0;
    for (thread, count) in &woken {
        let former = before.iter().find(|(known, _)| known == thread).map_or(0, |(_, count)| *count);
        if *count > former {
            eprintln!("{}: {} wake-ups in {} s", thread.1, count - former, COUNTED.as_secs());
            sum += count - former;
        }
    }
    let per_second = sum as f64 / COUNTED.as_secs_f64();
    figures.push(Figure::new("idle serve, wake-ups", per_second, "/s"));
    Admin::connect(admin, &token)?.done("PUT", "/me/password", &json!({ "password": "correct horse battery" }))?;
    interrupt::pause(SETTLE)?;
    let rss = machine::memory(plane.pid())?.rss;
    figures.push(Figure::mebibytes("idle serve after a password, resident", rss).at_most(64.0));
    Ok(figures)
}
