//! A full store: how soon a publication is live here and on a node elsewhere, what admin requests take, and what a node's
//! start and memory come to.
//!
//! ```text
//! control: set up, enrol a node -> fill the store -> serve + gateway --control-plane, both free to use every CPU
//!   publications, each seen from outside: the last of several connections to each gateway that runs it
//!   reads and writes, one after the other over one connection
//!   the control plane is ended, the node starts from its disk
//! ```
//!
//! A node's memory is taken twice, with the applications and without, each time after such a start.

use super::{
    admin::{Admin, Reply},
    figure::{Figure, Times},
    fill::{self, Filling},
    plane::{self, OF_TENANT, Plane},
};
use crate::{interrupt, machine, testbed};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::{
    io::Write as _,
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How much there is.
#[derive(Args, Clone, Debug)]
pub struct Size {
    /// APIs of the store, each published (scale).
    #[arg(long, default_value_t = 10_000)]
    apis: u64,
    /// Operations of an API: routes of a gateway (scale).
    #[arg(long, default_value_t = 10)]
    operations: u64,
    /// Subscriptions in all (scale).
    #[arg(long, default_value_t = 1_000_000)]
    subscriptions: u64,
    /// Subscriptions of an application, which has one key (scale).
    #[arg(long, default_value_t = 10)]
    each: u64,
    /// Publications that are timed (scale).
    #[arg(long, default_value_t = 100)]
    publications: u64,
    /// Admin requests of each kind that are timed (scale).
    #[arg(long, default_value_t = 300)]
    requests: u64,
}

/// How long a start with everything may take.
const START_MAX: Duration = Duration::from_secs(300);
/// Until a gateway runs what was published.
const LIVE_MAX: Duration = Duration::from_secs(30);
/// Before memory is read, for what is given back late.
const SETTLE: Duration = Duration::from_secs(4);
/// Connections to a gateway: enough that each worker has some.
const WATCHED: usize = 8;
/// Between two questions on a connection.
const PAUSE: Duration = Duration::from_millis(1);

struct Site {
    binary: PathBuf,
    cpus: Vec<usize>,
    folder: TempDir,
    token: String,
    node_token: String,
}

pub(super) fn run(testbed: &testbed::Options, size: &Size) -> Result<Vec<Figure>> {
    ensure!(size.apis > 0 && size.each > 0 && size.publications > 0 && size.requests > 0, "at least one of each");
    let site = Site::set_up(testbed)?;
    let filling = |what: &str, began: Instant| eprintln!("filled: {what} in {:.0} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    Filling::open(&site.data())?.apis(size.apis, size.operations)?;
    filling("APIs", began);
    let (without, _) = site.node_from_disk(size)?;
    let began = Instant::now();
    let applications = size.subscriptions / size.each;
    Filling::open(&site.data())?.applications(applications, size.each, size.apis)?;
    filling("applications", began);
    let mut figures = site.full(size)?;
    let (with, starts) = site.node_from_disk(size)?;
    figures.push(Figure::millis("node starts from its disk, p50", starts.quantile(0.5)).at_most(2000.0));
    figures.push(Figure::millis("node starts from its disk, max", starts.quantile(1.0)).at_most(2000.0));
    figures.push(Figure::mebibytes("node without applications", without));
    figures.push(Figure::mebibytes("node with them", with));
    let subscriptions = (applications * size.each) as f64;
    let bytes = (with as f64 - without as f64) / subscriptions;
    figures.push(Figure::new("node, for each subscription", bytes, "bytes").at_most(200.0));
    Ok(figures)
}

impl Site {
    fn set_up(testbed: &testbed::Options) -> Result<Self> {
        let folder = TempDir::with_prefix("tollgate-benches-")?;
        let (binary, cpus) = (testbed.tollgate()?, machine::allowed_cpus()?);
        for name in ["here", "edge"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        let mut site = Self { binary, cpus, folder, token: String::new(), node_token: String::new() };
        let (mut control, admin) = site.control("control")?;
        site.token = control.set_up(admin)?;
        let mut client = Admin::connect(admin, &site.token)?;
        let rules = json!([{ "name": "burst", "limit": 100, "per": "second" }]);
        plane::apply(
            &mut client,
            &json!([{ "kind": "Environment", "name": "production" }, { "kind": "Plan", "name": "gold", "throttle": rules }]),
        )?;
        let node = client.done("POST", "/nodes", &json!({ "name": "edge" }))?;
        site.node_token = node["secret"].as_str().context("a node has a token")?.to_owned();
        Ok(site)
    }

    fn here(&self) -> PathBuf {
        self.folder.path().join("here")
    }

    fn data(&self) -> PathBuf {
        self.here().join("data")
    }

    /// The control plane, as `serve` or alone; where its admin API is.
    fn control(&self, verb: &str) -> Result<(Plane, SocketAddr)> {
        let (config, data) = (self.here().join("gateway.yaml"), self.data().display().to_string());
        plane::gateway_file(&config)?;
        let config = config.display().to_string();
        let mut arguments = vec![verb, "--data", &data, "--admin", "127.0.0.1:0"];
        if verb == "serve" {
            arguments.extend(["--config", &config]);
        }
        let mut plane = Plane::start(&self.binary, &arguments, &self.cpus, &self.here())?;
        let admin = plane.address("admin API on ", START_MAX)?;
        Ok((plane, admin))
    }

    /// The node; where it listens.
    fn node(&self, admin: SocketAddr) -> Result<(Plane, SocketAddr)> {
        let folder = self.folder.path().join("edge");
        let (config, token) = (folder.join("gateway.yaml"), folder.join("token"));
        plane::gateway_file(&config)?;
        std::fs::write(&token, &self.node_token)?;
        let [config, token, data] = [config, token, folder.join("data")].map(|path| path.display().to_string());
        let url = format!("http://{admin}");
        let arguments =
            ["gateway", "--config", &config, "--control-plane", &url, "--data", &data, "--node-token-file", &token];
        let mut node = Plane::start(&self.binary, &arguments, &self.cpus, &folder)?;
        let listener = node.address("listener public on ", START_MAX)?;
        Ok((node, listener))
    }

    /// Has a node get everything, starts it from its disk without its control plane, and gives its memory and those times.
    fn node_from_disk(&self, size: &Size) -> Result<(u64, Times)> {
        let (control, admin) = self.control("control")?;
        let began = Instant::now();
        let (node, listener) = self.node(admin)?;
        Watch::open(listener)?.until(&fill::operation_path(size.apis - 1), 401)?;
        eprintln!("a node that has nothing serves after {:.1} s", began.elapsed().as_secs_f64());
        self.until_current(admin)?;
        drop((node, control));
        let (mut times, mut memory) = (Vec::new(), 0);
        for _ in 0..3 {
            let began = Instant::now();
            let (node, listener) = self.node(admin)?;
            Watch::open(listener)?.until(&fill::operation_path(size.apis - 1), 401)?;
            times.push(began.elapsed());
            interrupt::pause(SETTLE)?;
            memory = machine::memory(node.pid())?.pss;
        }
        Ok((memory, Times::of(times)))
    }

    fn until_current(&self, admin: SocketAddr) -> Result<()> {
        let mut client = Admin::connect(admin, &self.token)?;
        let until = Instant::now() + START_MAX;
        loop {
            let nodes = client.get("/nodes")?;
            let all = nodes["items"].as_array().context("nodes are a list")?;
            if all.iter().any(|node| node["name"] == "edge" && node["state"] == "current") {
                return Ok(());
            }
            ensure!(Instant::now() < until, "the node does not follow: {nodes}");
            interrupt::pause(Duration::from_millis(50))?;
        }
    }

    /// Everything that is measured while control plane and node run.
    fn full(&self, size: &Size) -> Result<Vec<Figure>> {
        let began = Instant::now();
        let (mut control, admin) = self.control("serve")?;
        let mut figures = vec![Figure::millis("serve starts", began.elapsed())];
        let here = control.address("listener public on ", START_MAX)?;
        let (_node, there) = self.node(admin)?;
        self.until_current(admin)?;
        let [local, remote] = self.publications(size, admin, [here, there])?;
        for (what, times, most) in [("the node here", local, 100.0), ("a node elsewhere", remote, 500.0)] {
            figures.push(Figure::millis(format!("publication live on {what}, p50"), times.quantile(0.5)));
            figures.push(Figure::millis(format!("publication live on {what}, max"), times.quantile(1.0)).at_most(most));
        }
        figures.extend(requests("reads", &reads(), self.client(admin)?, size, 20.0)?);
        figures.extend(requests("writes", &writes(), self.client(admin)?, size, 50.0)?);
        figures.push(Figure::mebibytes("serve, resident", machine::memory(control.pid())?.rss));
        Ok(figures)
    }

    fn client(&self, admin: SocketAddr) -> Result<Admin> {
        Admin::connect(admin, &self.token)
    }

    /// How long each takes until the last connection to either gateway sees it.
    fn publications(&self, size: &Size, admin: SocketAddr, gateways: [SocketAddr; 2]) -> Result<[Times; 2]> {
        let mut client = self.client(admin)?;
        let [mut here, mut there] = [Watch::open(gateways[0])?, Watch::open(gateways[1])?];
        let (mut local, mut remote) = (Vec::new(), Vec::new());
        for number in 0..size.publications {
            interrupt::check()?;
            // Spread over all APIs; the second time around it is the first revision again.
            let (api, round) = (number * 7919 % size.apis, number / size.apis);
            let (revision, wanted) = if round % 2 == 0 { (2, 401) } else { (1, 404) };
            let path = format!("{OF_TENANT}/apis/{}/publications/production", fill::api_name(api));
            let mark = fill::mark_path(api);
            let ready = Barrier::new(3);
            let seen = |watch: &mut Watch| {
                ready.wait();
                watch.until(&mark, wanted)
            };
            let (began, here_at, there_at) = thread::scope(|scope| {
                let [here, there] = [scope.spawn(|| seen(&mut here)), scope.spawn(|| seen(&mut there))];
                ready.wait();
                let began = Instant::now();
                client.done("POST", &path, &json!({ "revision": revision }))?;
                let joined =
                    |found: thread::Result<Result<Instant>>| found.unwrap_or_else(|_| Err(anyhow::anyhow!("panicked")));
                anyhow::Ok((began, joined(here.join())?, joined(there.join())?))
            })?;
            local.push(here_at - began);
            remote.push(there_at - began);
        }
        Ok([Times::of(local), Times::of(remote)])
    }
}

/// Connections to a gateway, over all of its workers.
struct Watch(Vec<TcpStream>);

impl Watch {
    fn open(gateway: SocketAddr) -> Result<Self> {
        let connect = |_| {
            let stream = TcpStream::connect(gateway)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(LIVE_MAX))?;
            Ok(stream)
        };
        (0..WATCHED).map(connect).collect::<Result<_>>().map(Self)
    }

    /// When the last of them was answered like this.
    fn until(&mut self, path: &str, wanted: u16) -> Result<Instant> {
        let until = Instant::now() + LIVE_MAX;
        for stream in &mut self.0 {
            loop {
                stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())?;
                let status = Reply::read(stream)?.status;
                if status == wanted {
                    break;
                }
                ensure!(Instant::now() < until, "{path} is still {status}, not {wanted}");
                thread::sleep(PAUSE);
            }
        }
        Ok(Instant::now())
    }
}

/// A kind of request: method, and path and body by number.
type Kind = (&'static str, &'static str, fn(u64, &Size) -> (String, Value));

fn reads() -> [Kind; 7] {
    [
        ("an API", "GET", |n, size| (format!("{OF_TENANT}/apis/{}", an_api(n, size)), Value::Null)),
        ("50 APIs", "GET", |_, _| (format!("{OF_TENANT}/apis?limit=50"), Value::Null)),
        ("APIs by a word", "GET", |n, size| {
            let name = an_api(n, size);
            let word = name.split('@').next().unwrap_or_default();
            (format!("{OF_TENANT}/apis?search={word}&limit=50"), Value::Null)
        }),
        ("a publication", "GET", |n, size| {
            (format!("{OF_TENANT}/apis/{}/publications/production", an_api(n, size)), Value::Null)
        }),
        ("subscriptions of an application", "GET", |n, size| {
            (format!("{OF_TENANT}/applications/{}/subscriptions", an_application(n, size)), Value::Null)
        }),
        ("50 subscriptions of an API", "GET", |n, size| {
            (format!("{OF_TENANT}/subscriptions?limit=50&target={}", an_api(n, size)), Value::Null)
        }),
        ("50 audit events", "GET", |_, _| (format!("{OF_TENANT}/audit?limit=50"), Value::Null)),
    ]
}

fn writes() -> [Kind; 4] {
    [
        ("an application", "PUT", |n, size| {
            let body = json!({ "owners": ["ann"], "title": format!("title {n}") });
            (format!("{OF_TENANT}/applications/{}", an_application(n, size)), body)
        }),
        ("a key", "POST", |n, size| {
            (format!("{OF_TENANT}/applications/{}/credentials", an_application(n, size)), json!({}))
        }),
        // Of APIs that were not published anew before.
        ("a publication", "POST", |n, size| {
            let path = format!("{OF_TENANT}/apis/{}/publications/production", an_api(n + size.apis / 2, size));
            (path, json!({ "revision": 2 }))
        }),
        ("a new application", "PUT", |n, _| {
            (format!("{OF_TENANT}/applications/new-{n}"), json!({ "owners": ["ann"] }))
        }),
    ]
}

fn an_api(number: u64, size: &Size) -> String {
    fill::api_name(number * 7919 % size.apis)
}

fn an_application(number: u64, size: &Size) -> String {
    fill::application_name(number * 7919 % (size.subscriptions / size.each).max(1))
}

/// Sends requests of all kinds in turn; the p99 of all, and of the slowest kind.
fn requests(what: &str, kinds: &[Kind], mut client: Admin, size: &Size, most: f64) -> Result<Vec<Figure>> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); kinds.len()];
    for number in 0..size.requests {
        interrupt::check()?;
        for ((_, method, asked), times) in kinds.iter().zip(&mut times) {
            let (path, body) = asked(number, size);
            let began = Instant::now();
            client.done(method, &path, &body)?;
            times.push(began.elapsed());
        }
    }
    let all = Times::of(times.concat());
    let mut figures = vec![
        Figure::millis(format!("admin {what}, p50"), all.quantile(0.5)),
        Figure::millis(format!("admin {what}, p99"), all.quantile(0.99)).at_most(most),
    ];
    for ((name, ..), times) in kinds.iter().zip(times) {
        figures.push(Figure::millis(format!("admin {what}: {name}, p99"), Times::of(times).quantile(0.99)));
    }
    Ok(figures)
}
