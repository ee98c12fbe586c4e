//! What signing in does to the requests that pass meanwhile: Argon2id takes a core for tens of milliseconds each time.
//!
//! Latency is that of an open loop at half of what the gateway can serve, in pairs, without and with people signing in at a
//! fixed rate, one right after the other. The one worker keeps its CPU, the other threads of `serve` may run anywhere.
//! People come from many addresses of loopback, since attempts are counted by address.

use super::{
    admin::{Admin, Reply},
    figure::Figure,
    plane,
};
use crate::{
    interrupt,
    open_loop::{self, Load},
    peer::{Serve, Task, Tollgate},
    statistics::Spread,
    testbed::{self, Gateway, PATH, Testbed},
    wrk,
};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use serde_json::json;
use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How many sign in.
#[derive(Args, Clone, Debug)]
pub struct Rate {
    /// People who sign in per second (logins).
    #[arg(long, default_value_t = 20.0)]
    logins: f64,
    /// Pairs of runs, without and with them (logins).
    #[arg(long, default_value_t = 7)]
    pairs: u32,
    /// Seconds of each run (logins).
    #[arg(long, default_value_t = 4)]
    pair_seconds: u32,
}

/// Connections of the load.
const CONNECTIONS: usize = 64;
/// Who signs in at the same time; each takes turns with the others.
const PEOPLE: u32 = 4;
const PASSWORD: &str = "correct-horse-battery";
const START_MAX: Duration = Duration::from_secs(10);
/// Addresses people come from: 127.0.1.1 and up.
static FROM: AtomicU32 = AtomicU32::new(0);

pub(super) fn run(options: &testbed::Options, rate: &Rate) -> Result<Vec<Figure>> {
    ensure!(rate.logins > 0.0 && rate.pairs > 0 && rate.pair_seconds > 0, "at least one login, pair and second");
    let testbed = Testbed::new(options)?;
    let tollgate = Tollgate { is_pinned: false, ..Tollgate::at(testbed.tollgate()?) };
    let mut gateway = testbed.start(&Serve { name: "logins", gateway: tollgate }, Task::Proxy)?;
    let admin: SocketAddr = gateway.announced("admin API on ", START_MAX)?.parse()?;
    let token = plane::set_up(admin, &gateway.announced("setup token ", START_MAX)?)?;
    Admin::connect(admin, &token)?.done("PUT", "/me/password", &json!({ "password": PASSWORD }))?;
    let door = Door::at(admin)?;
    door.enter()?;
    let full =
        wrk::run(testbed.directory(), testbed.load_cpu(), &gateway, CONNECTIONS as u32, 2)?.flawless()?.per_second;
    let (mut ratios, mut befores, mut afters, mut done) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 1..=rate.pairs {
        let (without, _) = load(rate, &gateway, full / 2.0, None)?;
        let (with, entered) = load(rate, &gateway, full / 2.0, Some(&door))?;
        eprintln!("round {round}: p99 {without:.0} us, {with:.0} us with {entered} logins");
        ratios.push(with / without);
        befores.push(without);
        afters.push(with);
        done += entered;
    }
    let spread = |values: Vec<f64>| Spread::of(values).context("no pair");
    let ratio = spread(ratios)?;
    let seconds = f64::from(rate.pairs * rate.pair_seconds);
    Ok(vec![
        Figure::new("requests while people sign in", full / 2.0, "/s"),
        Figure::new("logins", f64::from(done) / seconds, "/s"),
        Figure::new("p99 without logins, median", spread(befores)?.median, "us"),
        Figure::new("p99 with logins, median", spread(afters)?.median, "us"),
        Figure::new(format!("p99 with / without ({})", ratio.text(2)), ratio.median, "").at_most(1.15),
    ])
}

/// One run of the load: its p99 in microseconds, and how many have signed in meanwhile.
fn load(rate: &Rate, gateway: &Gateway, per_second: f64, door: Option<&Door>) -> Result<(f64, u32)> {
    let request = |_| format!("GET {PATH} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes();
    let time = Duration::from_secs(rate.pair_seconds.into());
    let load = Load {
        target: gateway.address,
        rate: per_second,
        connections: CONNECTIONS,
        requests_per_connection: None,
        time,
        request: &request,
    };
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let people = door.map(|door| scope.spawn(|| door.enter_often(rate, time, &ended)));
        let latencies = open_loop::run(&load);
        ended.store(true, Ordering::Relaxed);
        let entered =
            people.map_or(Ok(0), |people| people.join().unwrap_or_else(|_| Err(anyhow::anyhow!("panicked"))))?;
        Ok((latencies?.quantile_us(0.99), entered))
    })
}

/// The form to sign in with, and what proves that it was asked for.
struct Door {
    admin: SocketAddr,
    cookie: String,
    proof: String,
}

impl Door {
    fn at(admin: SocketAddr) -> Result<Self> {
        let reply = from_elsewhere(admin, "GET /console/sign-in HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")?;
        let cookie = reply.field("set-cookie").and_then(|value| value.split(';').next()).context("no cookie")?;
        let page = reply.text();
        let (_, behind) = page.split_once("name=\"csrf\" value=\"").context("a form without a proof")?;
        let proof = behind.split('"').next().unwrap_or_default().to_owned();
        Ok(Self { admin, cookie: cookie.to_owned(), proof })
    }

    /// Signs in.
    fn enter(&self) -> Result<()> {
        let Self { admin, cookie, proof } = self;
        let form = format!("csrf={proof}&tenant={}&member=ann&password={PASSWORD}", plane::TENANT);
        let reply = from_elsewhere(
            *admin,
            &format!(
                "POST /console/sign-in HTTP/1.1\r\nHost: admin\r\nCookie: {cookie}\r\nConnection: close\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                form.len()
            ),
        )?;
        ensure!(reply.status == 303, "signing in: {} {}", reply.status, reply.text());
        Ok(())
    }

    /// Has people sign in at the rate until the load has ended; gives how many did.
    fn enter_often(&self, rate: &Rate, time: Duration, ended: &AtomicBool) -> Result<u32> {
        let (began, gap) = (Instant::now(), Duration::from_secs_f64(1.0 / rate.logins));
        let all = (rate.logins * time.as_secs_f64()) as u32;
        thread::scope(|scope| {
            let person = |first: u32| {
                move || {
                    let mut entered = 0;
                    for number in (first..all).step_by(PEOPLE as usize) {
                        let due = began + gap * number;
                        interrupt::pause(due.saturating_duration_since(Instant::now()))?;
                        if ended.load(Ordering::Relaxed) {
                            break;
                        }
                        self.enter()?;
                        entered += 1;
                    }
                    anyhow::Ok(entered)
                }
            };
            let people: Vec<_> = (0..PEOPLE).map(|first| scope.spawn(person(first))).collect();
            people.into_iter().map(|one| one.join().unwrap_or_else(|_| Err(anyhow::anyhow!("panicked")))).sum()
        })
    }
}

/// Sends a request from another address of loopback than the one before.
fn from_elsewhere(to: SocketAddr, request: &str) -> Result<Reply> {
    let number = FROM.fetch_add(1, Ordering::Relaxed) % 64_000;
    let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 1, 1)) + number);
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddrV4::new(from, 0))?;
    connect(&socket, &to)?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(START_MAX))?;
    stream.write_all(request.as_bytes())?;
    Reply::read(&mut stream)
}
