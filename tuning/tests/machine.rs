//! A machine out of files in a temporary folder: examined, changed, and put back exactly.
//!
//! Nothing of the machine that runs the tests is read or written.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use tollgate_tuning::{
    ApplyError, Finding, Machine, Pending, Plan, Profile, System, Verdict, apply, confirm, examine, pending, revert,
    revert_unconfirmed,
};

/// A machine as a fresh installation has it.
fn machine() -> (TempDir, Machine) {
    let root = tempfile::tempdir().unwrap();
    let machine = Machine::at(root.path());
    for (path, text) in [
        ("/proc/sys/net/core/somaxconn", "128\n"),
        ("/proc/sys/net/core/netdev_max_backlog", "65536\n"),
        ("/proc/sys/net/ipv4/tcp_rmem", "8192\t131072\t6291456\n"),
        ("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
        ("/proc/sys/net/ipv4/tcp_fin_timeout", "60\n"),
        ("/proc/sys/net/ipv4/tcp_mem", "100 200 300\n"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
        ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
        ("/proc/self/limits", "Max open files            1024                 524288               files     \n"),
        ("/etc/sysctl.d/10-other.conf", "# of somebody else\n"),
    ] {
        machine.keep(path, text, 0o644).unwrap();
    }
    (root, machine)
}

fn look(machine: &impl System) -> Vec<Finding> {
    examine(machine, Profile::Throughput, &BTreeMap::new())
}

fn plan(machine: &impl System) -> Plan {
    Plan::new(machine, Profile::Throughput, &look(machine))
}

fn verdict(findings: &[Finding], name: &str) -> Verdict {
    findings.iter().find(|finding| finding.name == name).unwrap().verdict
}

/// Every file below a folder with its bytes and mode, and every folder.
fn everything(root: &Path) -> BTreeMap<PathBuf, (Option<Vec<u8>>, u32)> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, mode) = (entry.path(), entry.metadata().unwrap().permissions().mode());
            let bytes = path.is_file().then(|| fs::read(&path).unwrap());
            if bytes.is_none() {
                folders.push(path.clone());
            }
            all.insert(path, (bytes, mode));
        }
    }
    all
}

#[test]
fn a_machine_is_held_against_a_profile() {
    let (_root, machine) = machine();
    let findings = look(&machine);
    for (name, expected) in [
        ("net.core.somaxconn", Verdict::Change),
        ("net.core.netdev_max_backlog", Verdict::Better),
        ("net.ipv4.tcp_rmem", Verdict::Change),
        ("net.ipv4.tcp_mem", Verdict::Left),
        ("net.ipv4.tcp_wmem", Verdict::Lacking),
        ("transparent_hugepage/enabled", Verdict::Left),
        ("cpu/governor", Verdict::Told),
        ("card/queues", Verdict::Lacking),
        ("LimitNOFILE", Verdict::Change),
        ("tuning.backlog", Verdict::Left),
    ] {
        assert_eq!(verdict(&findings, name), expected, "{name}");
    }
    let keys = BTreeMap::from([("tuning.backlog".to_owned(), "4096".to_owned())]);
    let findings = examine(&machine, Profile::Throughput, &keys);
    assert_eq!(verdict(&findings, "tuning.backlog"), Verdict::Told, "a key of the file is for its owner to change");
}

#[test]
fn a_plan_changes_nothing_and_never_makes_worse() {
    let (root, machine) = machine();
    let before = everything(root.path());
    let plan = plan(&machine);
    let shown = plan.render();
    for line in [
        "  net.core.somaxconn  (/proc/sys/net/core/somaxconn)\n-   128\n+   16384\n",
        // The first number was better, and stays.
        "-   8192 131072 6291456\n+   8192 131072 16777216\n",
        "  /etc/sysctl.d/90-tollgate.conf  (new)\n",
        "+   net.ipv4.ip_local_port_range = 1024 65535\n",
        "+   LimitNOFILE=1048576\n",
    ] {
        assert!(shown.contains(line), "no `{line}` in\n{shown}");
    }
    assert!(!shown.contains("netdev_max_backlog"), "{shown}");
    assert_eq!(everything(root.path()), before);
}

#[test]
fn what_is_applied_is_reverted_exactly() {
    let (root, machine) = machine();
    // One of our files is there already, with a mode and a text of its own.
    machine.keep("/etc/sysctl.d/90-tollgate.conf", "net.ipv4.tcp_fin_timeout = 60\n", 0o600).unwrap();
    let before = everything(root.path());
    let applied = apply(&machine, &plan(&machine), None).unwrap();
    assert!(applied.values >= 4 && applied.files == 2, "{applied:?}");
    assert_eq!(machine.read("/proc/sys/net/core/somaxconn").unwrap(), "16384\n");
    assert_eq!(verdict(&look(&machine), "net.core.somaxconn"), Verdict::Good);
    assert_eq!(verdict(&look(&machine), "LimitNOFILE"), Verdict::Good, "what the unit will have counts");
    let again = plan(&machine);
    assert!(again.is_empty(), "{}", again.render());
    // Another profile on top; the first state is what counts.
    let latency = examine(&machine, Profile::Latency, &BTreeMap::new());
    let latency = Plan::new(&machine, Profile::Latency, &latency);
    apply(&machine, &latency, None).unwrap();
    let reverted = revert(&machine).unwrap();
    assert_eq!((reverted.count > 5, reverted.notes), (true, Vec::new()));
    let mut after = everything(root.path());
    for (path, state) in &mut after {
        // The kernel writes tabs where it was given spaces; a file does not.
        if path.ends_with("tcp_rmem") || path.ends_with("ip_local_port_range") {
            state.0 = state.0.as_ref().map(|bytes| bytes.iter().map(|&b| if b == b' ' { b'\t' } else { b }).collect());
        }
    }
    assert_eq!(after, before);
    assert!(matches!(revert(&machine), Err(ApplyError::Nothing)));
}

#[test]
fn what_somebody_else_has_changed_since_is_told_and_kept() {
    let (_root, machine) = machine();
    apply(&machine, &plan(&machine), None).unwrap();
    machine.set("/proc/sys/net/core/somaxconn", "999").unwrap();
    machine.keep("/etc/sysctl.d/90-tollgate.conf", "edited\n", 0o644).unwrap();
    let reverted = revert(&machine).unwrap();
    assert_eq!(reverted.notes.len(), 2, "{reverted:?}");
    assert_eq!(machine.read("/proc/sys/net/core/somaxconn").unwrap(), "128\n");
    assert!(machine.read("/etc/sysctl.d/90-tollgate.conf").is_err());
    let kept = machine.read("/var/lib/tollgate/tune/edited/etc_sysctl.d_90-tollgate.conf").unwrap();
    assert_eq!(kept, "edited\n");
}

#[test]
fn what_is_not_confirmed_is_taken_back() {
    let (root, machine) = machine();
    let before = everything(root.path());
    let wait = |token: &str| Some(Pending { token: token.to_owned(), until_s: 60 });
    let applied = apply(&machine, &plan(&machine), wait("one")).unwrap();
    assert_eq!((applied.files, applied.waiting), (0, 2));
    assert!(machine.list("/etc/sysctl.d") == ["10-other.conf"], "no file outlasts a reboot before the confirmation");
    assert_eq!(pending(&machine).unwrap().unwrap().token, "one");
    assert!(matches!(apply(&machine, &plan(&machine), None), Err(ApplyError::Pending)));
    assert!(!revert_unconfirmed(&machine, "another").unwrap());
    assert!(revert_unconfirmed(&machine, "one").unwrap());
    assert!(!revert_unconfirmed(&machine, "one").unwrap(), "once is enough");
    assert_eq!(everything(root.path()).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert_eq!(machine.read("/proc/sys/net/core/somaxconn").unwrap(), "128\n");

    apply(&machine, &plan(&machine), wait("two")).unwrap();
    let confirmed = confirm(&machine).unwrap();
    assert_eq!(confirmed.files, 2);
    assert!(machine.read("/etc/sysctl.d/90-tollgate.conf").unwrap().contains("net.core.somaxconn = 16384\n"));
    assert!(!revert_unconfirmed(&machine, "two").unwrap());
    assert!(matches!(confirm(&machine), Err(ApplyError::Nothing)));
    revert(&machine).unwrap();
    assert_eq!(everything(root.path()).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
}

/// A machine on which something fails.
struct Broken {
    inner: Machine,
    /// Values that the kernel refuses, by the end of their path, from the given time on.
    refuses: &'static str,
    times: Cell<u32>,
    /// What may not be opened at all.
    locked: &'static str,
    written: RefCell<Vec<String>>,
}

impl Broken {
    fn new(inner: &Machine, refuses: &'static str, locked: &'static str) -> Self {
        Self { inner: inner.clone(), refuses, times: Cell::new(0), locked, written: RefCell::default() }
    }
}

impl System for Broken {
    fn read(&self, path: &str) -> io::Result<String> {
        self.inner.read(path)
    }

    fn list(&self, path: &str) -> Vec<String> {
        self.inner.list(path)
    }

    fn may_set(&self, path: &str) -> io::Result<()> {
        match !self.locked.is_empty() && path.ends_with(self.locked) {
            true => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            false => self.inner.may_set(path),
        }
    }

    fn set(&self, path: &str, value: &str) -> io::Result<()> {
        self.written.borrow_mut().push(path.to_owned());
        if !self.refuses.is_empty() && path.ends_with(self.refuses) && self.times.replace(self.times.get() + 1) == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.inner.set(path, value)
    }

    fn keep(&self, path: &str, text: &str, mode: u32) -> io::Result<()> {
        if !self.refuses.is_empty() && path.ends_with(self.refuses) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.keep(path, text, mode)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn remove_empty(&self, path: &str) {
        self.inner.remove_empty(path);
    }

    fn mode(&self, path: &str) -> Option<u32> {
        self.inner.mode(path)
    }

    fn lock(&self, path: &str) -> io::Result<File> {
        self.inner.lock(path)
    }
}

/// The values of all sysctls.
fn values(root: &Path) -> BTreeMap<PathBuf, String> {
    let all = everything(&root.join("proc/sys")).into_iter();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    all.filter_map(|(path, (bytes, _))| Some((path, text(bytes?)))).collect()
}

#[test]
fn a_failure_half_way_leaves_nothing_behind() {
    for refuses in ["tcp_fin_timeout", "limits.conf"] {
        let (root, machine) = machine();
        let (before, there) = (values(root.path()), everything(root.path()).into_keys().collect::<Vec<_>>());
        let broken = Broken::new(&machine, refuses, "");
        let error = apply(&broken, &plan(&machine), None).unwrap_err();
        let ApplyError::Undone { path, .. } = &error else { panic!("{error}") };
        assert!(path.ends_with(refuses), "{error}");
        assert!(broken.written.borrow().len() > 3, "something had been done before");
        assert_eq!(values(root.path()), before);
        assert_eq!(everything(root.path()).into_keys().collect::<Vec<_>>(), there);
    }
}

#[test]
fn a_crash_half_way_can_be_reverted() {
    let (root, machine) = machine();
    let (before, there) = (values(root.path()), everything(root.path()).into_keys().collect::<Vec<_>>());
    let plan = plan(&machine);
    apply(&machine, &plan, None).unwrap();
    // The state is written first: as if the process had ended before the last value and the last file.
    let (last, file) = (plan.values.last().unwrap(), plan.files.last().unwrap());
    machine.set(&last.path, &last.before).unwrap();
    machine.remove(&file.path).unwrap();
    revert(&machine).unwrap();
    assert_eq!(values(root.path()), before);
    assert_eq!(everything(root.path()).into_keys().collect::<Vec<_>>(), there);
}

#[test]
fn what_a_namespace_may_not_set_is_told() {
    let (_root, machine) = machine();
    let locked = Broken::new(&machine, "", "somaxconn");
    let findings = look(&locked);
    assert_eq!(verdict(&findings, "net.core.somaxconn"), Verdict::ReadOnly);
    let plan = Plan::new(&locked, Profile::Throughput, &findings);
    assert!(!plan.render().contains("somaxconn"), "{}", plan.render());
    // Another user than root is shown what root would change.
    machine.keep("/proc/self/status", "Name:\tx\nUid:\t1000\t1000\t1000\t1000\n", 0o644).unwrap();
    assert_eq!(verdict(&look(&machine), "net.core.somaxconn"), Verdict::Change);
}

/// A service's own limit may be better than what a profile wants: a drop-in must not lower it.
#[test]
fn limits_are_those_of_the_services() {
    let (_root, machine) = machine();
    let unit = |name: &str, text: &str| machine.keep(&format!("/usr/lib/systemd/system/{name}"), text, 0o644).unwrap();
    unit("tollgate.service", "[Service]\nLimitNOFILE=1048576\nLimitMEMLOCK=64M\n");
    unit("tollgate-gateway.service", "[Service]\nLimitNOFILE=infinity\nLimitMEMLOCK=32M\n");
    let latency = examine(&machine, Profile::Latency, &BTreeMap::new());
    assert_eq!(verdict(&latency, "LimitNOFILE"), Verdict::Better);
    let memlock = latency.iter().find(|finding| finding.name == "LimitMEMLOCK").unwrap();
    assert_eq!(
        (memlock.verdict, memlock.found.as_deref()),
        (Verdict::Change, Some("33554432")),
        "the lower of the two"
    );
    let shown = Plan::new(&machine, Profile::Latency, &latency).render();
    for service in ["tollgate", "tollgate-gateway"] {
        assert!(shown.contains(&format!("/{service}.service.d/limits.conf  (new)\n")), "{shown}");
    }
    assert!(shown.contains("+   LimitMEMLOCK=134217728\n") && !shown.contains("LimitNOFILE"), "{shown}");
}
