//! A gateway hands over to another process of its program while clients use it: nobody notices.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    os::{
        fd::OwnedFd,
        unix::{fs::symlink, net::UnixDatagram},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};
use tempfile::TempDir;
use tollgate_e2e::{Connection, DEADLINE, Process, cpus, get, gone, origin, tollgate, until};

const GET: &str = "GET /bytes/100 HTTP/1.1\r\nHost: test\r\n\r\n";

/// A gateway in a folder of its own, started by a link to the binary.
struct Started {
    process: Process,
    address: SocketAddr,
    status: SocketAddr,
    folder: TempDir,
}

impl Started {
    fn with(upstream: SocketAddr, more: &str) -> Self {
        Self::of(upstream, "", more, &[])
    }

    /// `policies` of the route, lines at the end of the file, and variables of the environment.
    fn of(upstream: SocketAddr, policies: &str, more: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        symlink(tollgate(), program(folder.path())).expect("the folder is ours");
        write(folder.path(), upstream, policies, more);
        let mut command = Command::new(program(folder.path()));
        command.args(["gateway", "--config"]).arg(folder.path().join("gateway.yaml")).stdin(Stdio::null());
        command.envs(environment.iter().copied());
        let mut process = Process::run(command);
        let address = process.announced("listener public on ").parse().expect("it prints an address");
        let status = process.announced("status on ").parse().expect("it prints an address");
        Self { process, address, status, folder }
    }

    /// Hands over and waits for the end of the process that did.
    fn restart(&mut self) {
        let before = self.process.serving();
        self.process.restart();
        gone(before);
    }

    fn link(&self, to: &Path) {
        let path = program(self.folder.path());
        fs::remove_file(&path).expect("the folder is ours");
        symlink(to, path).expect("the folder is ours");
    }

    fn signal(&self, signal: Signal) {
        kill(self.process.serving(), signal).expect("the folder is ours");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn program(folder: &Path) -> PathBuf {
    folder.join("tollgate")
}

fn write(folder: &Path, upstream: SocketAddr, policies: &str, more: &str) {
    let socket = folder.join("admin.sock");
    let log = folder.join("access.log");
    let text = format!(
        "version: 1\nstatus: {{ bind: 127.0.0.1:0, socket: {socket:?} }}\naccess_log: {{ path: {log:?} }}\n\
         listeners: [ {{ name: public, bind: 127.0.0.1:0 }} ]\n\
         upstreams: [ {{ name: origin, endpoints: [ {{ address: '{upstream}' }} ] }} ]\n\
         routes: [ {{ name: all, match: {{ path: '/{{rest*}}' }}, upstream: origin{policies} }} ]\n{more}\n"
    );
    fs::write(folder.join("gateway.yaml"), text).expect("a temporary folder is writable");
}

/// Clients at work until they are told to stop.
struct Hammer {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<()>>,
}

impl Hammer {
    /// Some that keep their connections until an answer closes them, and some that make one for each request.
    fn start(address: SocketAddr, kept: usize, fresh: usize) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let clients = (0..kept + fresh).map(|number| {
            let (stop, answered) = (stop.clone(), answered.clone());
            thread::spawn(move || {
                let mut open = None;
                while !stop.load(Ordering::Relaxed) {
                    let mut connection = open.take().unwrap_or_else(|| Connection::open(address));
                    connection.send(GET);
                    let response = connection.response();
                    assert_eq!((response.status, response.body.len()), (200, 100), "{response:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                    let closes = response.field("connection").is_some_and(|value| value == "close");
                    open = (number < kept && !closes).then_some(connection);
                }
            })
        });
        Self { clients: clients.collect(), stop, answered }
    }

    /// Waits until as many more have been answered.
    fn answered(&self, more: u64) {
        let before = self.answered.load(Ordering::Relaxed);
        until("requests to be answered", || {
            assert!(self.clients.iter().all(|client| !client.is_finished()), "a request has failed, see above");
            (self.answered.load(Ordering::Relaxed) >= before + more).then_some(())
        });
    }

    /// How many were answered in all; none has failed.
    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().expect("no request fails");
        }
        self.answered.load(Ordering::Relaxed)
    }
}

#[test]
fn clients_see_nothing_of_restarts() {
    let origin = origin();
    let mut node = Started::with(origin.address(), "timeouts: { drain: 4s }");
    let first = node.process.serving();
    let hammer = Hammer::start(node.address, 8, 4);
    hammer.answered(200);
    for _ in 0..3 {
        node.restart();
        hammer.answered(200);
        assert_eq!(get(node.status, "/readyz").status, 200);
        assert!(node.path("admin.sock").exists(), "the socket is the other process's");
    }
    let answered = hammer.stop();
    assert_eq!(node.process.ended().code(), Some(0));
    assert_ne!(node.process.serving(), first);
    node.signal(Signal::SIGTERM);
    gone(node.process.serving());
    assert!(!node.path("admin.sock").exists(), "the last one takes it away");
    let logged = fs::read_to_string(node.path("access.log")).unwrap();
    assert_eq!(logged.lines().count() as u64, answered, "each request has one record, whoever has served it");
}

#[test]
fn what_is_in_progress_ends_where_it_began() {
    let origin = origin();
    let mut node = Started::with(origin.address(), "timeouts: { drain: 10s }");
    let before = node.process.serving();
    let (mut slow, mut idle) = (Connection::open(node.address), Connection::open(node.address));
    idle.send(GET);
    assert_eq!(idle.response().field("connection"), None);
    slow.send("GET /delay/1500/bytes/1000 HTTP/1.1\r\nHost: test\r\n\r\n");
    until("the request to reach the origin", || (origin.counts().requests == 2).then_some(()));
    node.process.restart();
    idle.send(GET);
    let last = idle.response();
    assert_eq!((last.status, last.field("connection")), (200, Some("close")), "it may ask once more");
    assert!(idle.is_closed());
    assert!(Path::new(&format!("/proc/{before}")).exists(), "it waits for the slow one");
    let answer = slow.response();
    assert_eq!((answer.status, answer.body.len()), (200, 1000));
    assert!(slow.is_closed());
    gone(before);
    assert_eq!(get(node.address, "/bytes/1").status, 200);
}

#[test]
fn a_signal_ends_the_process_before_at_once() {
    let origin = origin();
    let mut node = Started::with(origin.address(), "");
    let before = node.process.serving();
    let mut idle = Connection::open(node.address);
    idle.send(GET);
    assert_eq!(idle.response().status, 200);
    node.process.restart();
    kill(before, Signal::SIGTERM).unwrap();
    gone(before);
    assert!(idle.is_closed());
    assert_eq!(get(node.address, "/bytes/1").status, 200, "the other goes on");
}

#[test]
fn a_program_that_does_not_start_changes_nothing() {
    let origin = origin();
    let node = Started::with(origin.address(), "");
    let before = node.process.serving();
    let broken = node.path("broken");
    fs::write(&broken, "#!/bin/sh\nexit 7\n").unwrap();
    set_mode(&broken);
    let hammer = Hammer::start(node.address, 2, 2);
    for (link, said) in [(broken, "exit code 7"), (node.path("nothing"), "cannot be started")] {
        node.link(&link);
        node.signal(Signal::SIGUSR2);
        until(said, || node.process.errors().contains(said).then_some(()));
        hammer.answered(50);
    }
    assert_eq!(node.process.serving(), before);
    assert_eq!(get(node.status, "/readyz").status, 200);
    // A configuration that is wrong by now ends the new process too.
    node.link(tollgate());
    let good = fs::read_to_string(node.path("gateway.yaml")).unwrap();
    fs::write(node.path("gateway.yaml"), "nonsense").unwrap();
    node.signal(Signal::SIGUSR2);
    until("exit code 1", || node.process.errors().contains("exit code 1").then_some(()));
    fs::write(node.path("gateway.yaml"), good).unwrap();
    assert_eq!(node.process.errors().matches("not restarted").count(), 3);
    hammer.answered(50);
    hammer.stop();
}

fn set_mode(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
}

#[test]
fn no_socket_is_left_when_workers_become_fewer_or_more() {
    let origin = origin();
    let cpus = cpus();
    // With one CPU there is nothing to see here.
    let (one, two) = (format!("workers: {:?}", &cpus[..1]), format!("workers: {:?}", &cpus[..cpus.len().min(2)]));
    let drain = "timeouts: { drain: 2s }";
    let mut node = Started::with(origin.address(), &format!("{two}\n{drain}"));
    for workers in [&one, &two, &one] {
        write(node.folder.path(), origin.address(), "", &format!("{workers}\n{drain}"));
        let hammer = Hammer::start(node.address, 2, 4);
        node.restart();
        // The kernel spreads them over all sockets of the port: one without a worker would leave some unanswered.
        hammer.answered(200);
        hammer.stop();
    }
}

/// The kernel passes this on from process to process, so each has to ask for what its own file says.
#[test]
fn a_successor_has_huge_pages_as_its_file_says() {
    let origin = origin();
    let mut node = Started::with(origin.address(), "tuning: { huge_pages: off }");
    let may_have = |process: Pid| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        status.lines().find_map(|line| line.strip_prefix("THP_enabled:")).map(|value| value.trim() == "1")
    };
    // Kernels before 5.0 do not tell.
    let Some(first) = may_have(node.process.serving()) else { return };
    write(node.folder.path(), origin.address(), "", "");
    node.process.restart();
    assert_eq!((first, may_have(node.process.serving())), (false, Some(true)));
}

#[test]
fn quotas_count_in_both_processes() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    let quotas = folder.path().join("quotas");
    let policies = ", policies: { quota: [ { name: daily, key: node, limit: 5, per: day } ] }";
    let more = format!("quota_store: {{ path: {quotas:?}, every: 100ms }}\ntimeouts: {{ drain: 10s }}");
    let mut node = Started::of(origin.address(), policies, &more, &[]);
    let mut kept = Connection::open(node.address);
    for _ in 0..2 {
        kept.send(GET);
        assert_eq!(kept.response().status, 200);
    }
    let before = node.process.serving();
    node.process.restart();
    assert_eq!(get(node.address, "/bytes/1").status, 200, "the third, counted by the new process");
    kept.send(GET);
    assert_eq!(kept.response().status, 200, "the fourth, counted by the old one");
    gone(before);
    until("the late count to be added", || {
        let kept = fs::read_dir(folder.path()).unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        kept.into_iter().all(|name| !name.contains("late")).then_some(())
    });
    assert_eq!(get(node.address, "/bytes/1").status, 200, "the fifth");
    assert_eq!(get(node.address, "/bytes/1").status, 429);
}

#[test]
fn the_service_manager_hears_who_serves() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let message = || {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).expect("there is another message in time");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let path = path.to_string_lossy().into_owned();
    let mut node = Started::of(origin.address(), "", "", &[("NOTIFY_SOCKET", path.as_str())]);
    assert!(message().contains("READY=1"));
    let before = node.process.serving();
    node.process.restart();
    let messages = [message(), message()].concat();
    assert!(messages.contains(&format!("MAINPID={}", node.process.serving())), "{messages}");
    assert!(messages.contains("READY=1"), "{messages}");
    gone(before);
    socket.set_nonblocking(true).unwrap();
    let silence = socket.recv(&mut [0; 64]).map_err(|error| error.kind());
    assert_eq!(silence, Err(ErrorKind::WouldBlock), "the one before does not say that the service ends");
}

/// As systemd starts a service with a socket: it is descriptor 3, and the environment says so.
fn activated(socket: TcpListener, config: &Path, names: &str) -> Process {
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" gateway --config \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(tollgate()).arg(config).env("LISTEN_FDNAMES", names);
    command.stdin(Stdio::from(OwnedFd::from(socket)));
    Process::run(command)
}

#[test]
fn a_socket_that_systemd_has_opened_is_used() {
    let origin = origin();
    for names in ["public", "tollgate.socket", ""] {
        let folder = tempfile::tempdir().unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        write(folder.path(), origin.address(), "", "timeouts: { drain: 2s }");
        let file = folder.path().join("gateway.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("name: public, bind: 127.0.0.1:0", &format!("name: public, bind: '{address}'")))
            .unwrap();
        // It waits in the socket until there is a process.
        let mut early = Connection::open(address);
        early.send(GET);
        let mut process = activated(socket, &file, names);
        assert_eq!(early.response().status, 200);
        assert_eq!(process.announced("listener public on "), address.to_string());
        let hammer = Hammer::start(address, 2, 4);
        hammer.answered(100);
        process.restart();
        hammer.answered(100);
        hammer.stop();
    }
}

#[test]
fn descriptors_that_are_no_sockets_are_refused() {
    let origin = origin();
    let node = Started::with(origin.address(), "");
    let file = node.path("gateway.yaml").to_string_lossy().into_owned();
    let mut process =
        Process::start_in(&["gateway", "--config", &file], &[("LISTEN_FDS", "1"), ("TOLLGATE_READY_FD", "4")]);
    assert_eq!(process.ended().code(), Some(3));
    until("the reason", || process.errors().contains("LISTEN_FDS").then_some(()));
}

#[test]
fn both_planes_in_one_process_are_not_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    fs::write(&file, "version: 1\nlisteners: [ { name: public, bind: 127.0.0.1:0 } ]\nstatus: off\naccess_log: off\n")
        .unwrap();
    let data = folder.path().join("data").to_string_lossy().into_owned();
    let file = file.to_string_lossy().into_owned();
    let arguments = ["serve", "--config", &file, "--data", &data, "--admin", "127.0.0.1:0"];
    let mut process = Process::start(&arguments);
    let address: SocketAddr = process.announced("listener public on ").parse().unwrap();
    process.signal(Signal::SIGUSR2);
    until("why not", || process.errors().contains("tollgate control").then_some(()));
    assert_eq!(get(address, "/").status, 404, "it goes on");
}
