//! What is found by looking at several files: processors, cards, interrupts. Read only.
//!
//! A probe gives what is there in a few words, or `None` where the machine has no such thing. None of this is ever changed:
//! it belongs to firmware, boot line or driver, and what is right depends on what else the machine does.

use crate::{system::System, value};
use std::collections::BTreeSet;

const CPUS: &str = "/sys/devices/system/cpu";
const CARDS: &str = "/sys/class/net";

/// The value of a probe by its name in `knobs/*.yaml`.
pub(crate) fn probe(system: &impl System, name: &str) -> Option<String> {
    match name {
        "mitigations" => mitigations(system),
        "governor" => governor(system),
        "idle_states" => idle_states(system),
        "isolated" => list_or_none(&read(system, &format!("{CPUS}/isolated"))?),
        "nohz_full" => list_or_none(&boot_option(system, "nohz_full")?),
        "rcu_nocbs" => list_or_none(&boot_option(system, "rcu_nocbs")?),
        "smt" => read(system, &format!("{CPUS}/smt/control")),
        "clocksource" => read(system, "/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "numa" => numa(system),
        "queues" => of_cards(system, queues),
        "receive_steering" => of_cards(system, |system, card| steering(system, card, "rx-", "rps_cpus")),
        "transmit_steering" => of_cards(system, |system, card| steering(system, card, "tx-", "xps_cpus")),
        "interrupts" => of_cards(system, interrupts),
        "card_node" => of_cards(system, card_node),
        _ => None,
    }
}

fn read(system: &impl System, path: &str) -> Option<String> {
    system.read(path).ok().map(|text| value::normal(&text))
}

fn list_or_none(list: &str) -> Option<String> {
    Some(if list.is_empty() || list == "(null)" { "none" } else { list }.to_owned())
}

/// The value of `name=value` on the line the kernel was booted with; empty if it is not there.
fn boot_option(system: &impl System, name: &str) -> Option<String> {
    let line = read(system, "/proc/cmdline")?;
    let found = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    Some(found.unwrap_or_default().to_owned())
}

/// Different words, sorted.
fn words(found: impl Iterator<Item = String>) -> Option<String> {
    let words: BTreeSet<String> = found.collect();
    (!words.is_empty()).then(|| words.into_iter().collect::<Vec<_>>().join(", "))
}

fn mitigations(system: &impl System) -> Option<String> {
    let folder = format!("{CPUS}/vulnerabilities");
    let states: Vec<_> =
        system.list(&folder).iter().filter_map(|name| read(system, &format!("{folder}/{name}"))).collect();
    let count = |begin: &str| states.iter().filter(|state| state.starts_with(begin)).count();
    (!states.is_empty()).then(|| {
        let (none, on, open) = (count("Not affected"), count("Mitigation"), count("Vulnerable"));
        format!("{on} mitigated, {open} vulnerable, {none} not affected")
    })
}

/// Names like `cpu3`.
fn processors(system: &impl System) -> impl Iterator<Item = String> {
    let is_one = |name: &String| name.strip_prefix("cpu").is_some_and(|id| id.parse::<u32>().is_ok());
    system.list(CPUS).into_iter().filter(is_one)
}

fn governor(system: &impl System) -> Option<String> {
    words(processors(system).filter_map(|cpu| read(system, &format!("{CPUS}/{cpu}/cpufreq/scaling_governor"))))
}

/// The idle states that the first processor may enter.
fn idle_states(system: &impl System) -> Option<String> {
    let folder = format!("{CPUS}/{}/cpuidle", processors(system).next()?);
    let state = |state: String| {
        let is_off = read(system, &format!("{folder}/{state}/disable")).is_some_and(|off| off != "0");
        read(system, &format!("{folder}/{state}/name")).filter(|_| !is_off)
    };
    let names: Vec<_> = system.list(&folder).into_iter().filter_map(state).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn numa(system: &impl System) -> Option<String> {
    let online = read(system, "/sys/devices/system/node/online")?;
    Some(if online == "0" { "1 node".to_owned() } else { format!("nodes {online}") })
}

/// What is said of each card that is hardware, or stands for some (it has a `device`).
fn of_cards<S: System>(system: &S, say: impl Fn(&S, &str) -> Option<String>) -> Option<String> {
    let is_card = |card: &String| system.mode(&format!("{CARDS}/{card}/device")).is_some();
    let said = |card: String| Some(format!("{card}: {}", say(system, &card)?));
    let all: Vec<_> = system.list(CARDS).into_iter().filter(is_card).filter_map(said).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn queues(system: &impl System, card: &str) -> Option<String> {
    let names = system.list(&format!("{CARDS}/{card}/queues"));
    let count = |kind: &str| names.iter().filter(|name| name.starts_with(kind)).count();
    (!names.is_empty()).then(|| format!("{} receive, {} transmit", count("rx-"), count("tx-")))
}

/// `off` where no queue names a processor.
fn steering(system: &impl System, card: &str, kind: &str, file: &str) -> Option<String> {
    let folder = format!("{CARDS}/{card}/queues");
    let queues = system.list(&folder).into_iter().filter(|queue| queue.starts_with(kind));
    let masks: Vec<_> = queues.filter_map(|queue| read(system, &format!("{folder}/{queue}/{file}"))).collect();
    let is_off = |mask: &String| mask.chars().all(|digit| matches!(digit, '0' | ','));
    if masks.iter().all(is_off) {
        return (!masks.is_empty()).then(|| "off".to_owned());
    }
    words(masks.into_iter())
}

fn interrupts(system: &impl System, card: &str) -> Option<String> {
    let lines = system.list(&format!("{CARDS}/{card}/device/msi_irqs"));
    let list = |line: &String| read(system, &format!("/proc/irq/{line}/smp_affinity_list"));
    let cpus = words(lines.iter().filter_map(list))?;
    Some(format!("{} on CPUs {cpus}", lines.len()))
}

fn card_node(system: &impl System, card: &str) -> Option<String> {
    let node = read(system, &format!("{CARDS}/{card}/device/numa_node"))?;
    Some(if node == "-1" { "no node".to_owned() } else { format!("node {node}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Place, knobs, system::Machine};

    #[test]
    fn a_machine_without_anything_has_nothing() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::at(root.path());
        for knob in knobs() {
            if let Place::Probe(name) = &knob.place {
                assert_eq!(probe(&machine, name), None, "{name}");
            }
        }
    }

    #[test]
    fn every_probe_that_is_named_exists() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::at(root.path());
        let put = |path: &str, text: &str| machine.keep(path, text, 0o644).unwrap();
        put("/proc/cmdline", "root=/dev/vda nohz_full=2-3 quiet\n");
        put(&format!("{CPUS}/isolated"), "\n");
        put(&format!("{CPUS}/smt/control"), "on\n");
        put(&format!("{CPUS}/vulnerabilities/meltdown"), "Mitigation: PTI\n");
        put(&format!("{CPUS}/vulnerabilities/mds"), "Vulnerable\n");
        put(&format!("{CPUS}/cpu0/cpufreq/scaling_governor"), "powersave\n");
        put(&format!("{CPUS}/cpu1/cpufreq/scaling_governor"), "performance\n");
        put(&format!("{CPUS}/cpu0/cpuidle/state0/name"), "POLL\n");
        put(&format!("{CPUS}/cpu0/cpuidle/state1/name"), "C6\n");
        put(&format!("{CPUS}/cpu0/cpuidle/state1/disable"), "1\n");
        put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
        put("/sys/devices/system/node/online", "0-1\n");
        put(&format!("{CARDS}/eth0/device/numa_node"), "1\n");
        put(&format!("{CARDS}/eth0/device/msi_irqs/33"), "msix\n");
        put("/proc/irq/33/smp_affinity_list", "0-3\n");
        put(&format!("{CARDS}/eth0/queues/rx-0/rps_cpus"), "00,0000\n");
        put(&format!("{CARDS}/eth0/queues/tx-0/xps_cpus"), "03\n");
        put(&format!("{CARDS}/lo/queues/rx-0/rps_cpus"), "ff\n");
        let named = knobs().iter().filter_map(|knob| match &knob.place {
            Place::Probe(name) => Some(format!("{name} = {}", probe(&machine, name).unwrap_or_default())),
            _ => None,
        });
        let mut found: Vec<_> = named.collect();
        found.sort();
        let expected = [
            "card_node = eth0: node 1",
            "clocksource = tsc",
            "governor = performance, powersave",
            "idle_states = POLL",
            "interrupts = eth0: 1 on CPUs 0-3",
            "isolated = none",
            "mitigations = 1 mitigated, 1 vulnerable, 0 not affected",
            "nohz_full = 2-3",
            "numa = nodes 0-1",
            "queues = eth0: 1 receive, 1 transmit",
            "rcu_nocbs = none",
            "receive_steering = eth0: off",
            "smt = on",
            "transmit_steering = eth0: 03",
        ];
        assert_eq!(found, expected);
    }
}
