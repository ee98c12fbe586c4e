//! What a seed is about: which features are on, what goes wrong how often, and the configuration that says so.
//!
//! A third of the seeds has calm weather: nothing is lost, and few peers misbehave, so that hardly any failure is excused.
//! A [`Trim`] takes things away from a mix, to find out what a failure needs.

use crate::{
    Conditions, Fault, Faults, Random,
    gateway::listen,
    model::{ENDING, Habits, Limit, LimitKind, Mishap, Mishaps, Rules, SMALL_BODY_BYTES, credentials},
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Exchanges of a seed, at least.
const EXCHANGES_MIN: usize = 260;

/// Deadlines that no two of are alike. A stall is shorter than all but the first.
const TIMEOUTS: &str = "{ connect: 1s, first_byte: 4s, idle: 3s, head: 5s, keep_alive: 7s, drain: 11s, linger: 500ms }";

/// What a seed is about.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Of the whole run.
    pub seed: u64,
    /// Clients, and requests of each.
    pub clients: usize,
    /// See `clients`.
    pub requests: usize,
    /// Endpoints of the upstream that most requests go to.
    pub origins: usize,
    /// They are the addresses of a name.
    pub by_name: bool,
    /// The network.
    pub conditions: Conditions,
    /// What the model has to know of all this.
    pub rules: Rules,
    /// Keys of the upstream.
    upstream: String,
    /// Keys of the node.
    node: String,
}

/// Something that can be taken away from a mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A fault of the network.
    Fault(Fault),
    /// A mishap of peers or operators.
    Mishap(Mishap),
}

/// What is another in each generation, as it stands in a configuration or a patch.
struct Variation {
    upstreams: String,
    /// A route that nobody asks for.
    spare: Option<String>,
    defaults: String,
    timeouts: String,
}

/// What is taken away from the mix of a seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trim {
    /// Clients, if not all.
    pub clients: Option<usize>,
    /// Requests of each, if not all.
    pub requests: Option<usize>,
    /// What does not happen.
    pub without: Vec<Kind>,
}

impl Kind {
    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        Fault::ALL.into_iter().map(Self::Fault).chain(Mishap::ALL.into_iter().map(Self::Mishap))
    }

    /// As it is called in a command.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Fault(fault) => format!("{fault:?}"),
            Self::Mishap(mishap) => format!("{mishap:?}"),
        }
    }
}

/// The address of origin number `at`.
pub(super) const fn origin(at: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1 + at as u8)), 9000)
}

impl Mix {
    /// The mix of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let random = Random::new(!seed);
        let weather = random.below(3);
        let clients = 4 + random.index(24);
        let mut rules = Rules {
            habits: Habits { mishaps: mishaps(&random, weather), body_bits_max: 8 + random.below(9) },
            faults: faults(&random, weather),
            workers: [1, 2, 2, 3][random.index(4)],
            imbalance: [0.0, 0.5, 1.0, 1.0][random.index(4)],
            attempts: 1,
            repeats_unavailable: false,
            upstream_requests_max: random.chance(0.3).then(|| 1 + random.index(8)),
            requests_per_connection: random.chance(0.3).then(|| 1 + random.index(10)),
            upstream_connections_max: None,
            connections_max: None,
            ejects: false,
            limits: limits(&Random::new(seed.rotate_left(32) ^ 1)),
            loses_store: false,
            breaks: false,
            adapts: false,
            throughput: None,
            hedges: false,
            injects: false,
            marks_generation: random.chance(0.7),
        };
        let capacity_bytes = 1 << (10 + random.below(8));
        let mut conditions = Conditions { capacity_bytes, ..Conditions::default() };
        if rules.habits.mishaps.probability(Mishap::UnaskedAnswer) > 0.0 {
            // What nobody asked for must arrive with what was, or no gateway could tell it from an answer.
            conditions.capacity_bytes = 256 * 1024;
            rules.faults = rules.faults.with(Fault::LateNews, 0.0).with(Fault::SlowLink, 0.0);
        }
        conditions.faults = rules.faults;
        share(seed, &mut rules, &mut conditions);
        let origins = 1 + random.index(4);
        let upstream = upstream(&random, &mut rules) + &resilience(seed, &mut rules);
        let node = node(&random, &mut rules, clients);
        let requests = EXCHANGES_MIN.div_ceil(clients) + 2;
        let by_name = random.chance(0.4);
        Self { seed, clients, requests, origins, by_name, conditions, rules, upstream, node }
    }

    /// The same with less in it.
    #[must_use]
    pub fn trimmed(mut self, trim: &Trim) -> Self {
        self.clients = trim.clients.unwrap_or(self.clients);
        self.requests = trim.requests.unwrap_or(self.requests);
        let Rules { habits, faults, .. } = &mut self.rules;
        for kind in &trim.without {
            match *kind {
                Kind::Fault(fault) => *faults = faults.with(fault, 0.0),
                Kind::Mishap(mishap) => habits.mishaps = habits.mishaps.with(mishap, 0.0),
            }
        }
        self.conditions.faults = self.rules.faults;
        self
    }

    /// What can happen in it.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::all().filter(|kind| match *kind {
            Kind::Fault(fault) => self.rules.faults.probability(fault) > 0.0,
            Kind::Mishap(mishap) => self.rules.habits.mishaps.probability(mishap) > 0.0,
        })
    }

    /// The addresses of its origins: of the upstream `main`, and of the upstream `second`.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        (0..=self.origins).map(origin).collect()
    }

    /// The configuration that a run begins with.
    #[must_use]
    pub fn text(&self) -> String {
        let Variation { upstreams, spare, defaults, timeouts } = self.variation(1);
        let (listen, node, policies) = (listen(0), &self.node, self.policies());
        let cluster = if self.rules.limits.iter().flatten().any(|limit| limit.strict) {
            let timeout = if self.rules.loses_store { "10ms" } else { "5s" };
            let store = "redis: [ 'redis://10.0.2.1' ], secret: '${env:SECRET}', nodes: 1";
            format!("cluster: {{ {store}, timeout: {timeout} }}\n")
        } else {
            String::new()
        };
        let spare = spare.map_or(String::new(), |route| format!("  - {route}\n"));
        let (applications, keyed) = credentials::items();
        format!(
            "version: 1
listeners: [ {{ name: public, bind: \"{listen}\" }} ]
upstreams: {upstreams}
routes:
  - {{ name: x, match: {{ path: \"/x/{{id}}\" }}, upstream: main{policies} }}
  - {{ name: split, match: {{ path: \"/split/{{id}}\" }}, upstreams: [ {{ name: main, weight: 2 }}, {{ name: second }} ] }}
  - {{ name: keyed, match: {{ path: \"/keyed/{{id}}\" }}, upstream: main, policies: {keyed} }}
  - {{ name: small, match: {{ path: \"/small/{{id}}\" }}, upstream: second, policies: {{ limits: {{ body_bytes: \
             {SMALL_BODY_BYTES} }} }} }}
  - {{ name: only, match: {{ path: \"/only/{{id}}\", methods: [GET] }}, upstream: main }}
  - {{ name: fixed, match: {{ path: \"/fixed/{{id}}\" }}, answer: {{ status: 200, body: fixed }} }}
  - {{ name: moved, match: {{ path: \"/moved/{{id}}\" }}, redirect: {{ to: \"https://other.example.com/{{id}}\" }} }}
{spare}{applications}defaults: {defaults}
{cluster}timeouts: {timeouts}
{node}"
        )
    }

    /// The patch that makes a generation of the one before it.
    #[must_use]
    pub fn patch(&self, generation: u64) -> String {
        let Variation { upstreams, spare, defaults, timeouts } = self.variation(generation);
        let base = generation - 1;
        let removed = if spare.is_none() && self.variation(base).spare.is_some() { "spare" } else { "" };
        format!(
            "{{ base: {base}, removed: {{ routes: [ {removed} ] }}, changed: {{ routes: [ {spare} ], upstreams: {upstreams}, \
             defaults: {defaults}, timeouts: {timeouts} }} }}",
            spare = spare.unwrap_or_default(),
        )
    }

    /// What is another in each generation. All of them route alike; they differ in what must not matter to an exchange.
    fn variation(&self, generation: u64) -> Variation {
        let random = Random::new(self.seed ^ generation << 32);
        let endpoints = if self.by_name {
            "{ address: \"origins.internal:9000\" }".to_owned()
        } else {
            let weight = || 1 + random.below(3);
            let endpoint = |at| format!("{{ address: \"{}\", weight: {} }}", origin(at), weight());
            (0..self.origins).map(endpoint).collect::<Vec<_>>().join(", ")
        };
        let (idle, tunnel) = (50 + random.below(2_000), 30 + random.below(30));
        let (main, second) = (&self.upstream, origin(self.origins));
        let most = self.rules.upstream_requests_max.map_or(String::new(), |most| format!(", requests_max: {most}"));
        let pool = format!("connections: {{ idle_timeout: {idle}ms{most} }}");
        let mark = format!("{{ set: [ {{ name: X-Generation, value: \"{generation}\" }} ] }}");
        Variation {
            upstreams: format!(
                "[ {{ name: main, endpoints: [ {endpoints} ]{main} }}, \
                 {{ name: second, endpoints: [ {{ address: \"{second}\" }} ], {pool} }} ]"
            ),
            spare: random
                .chance(0.5)
                .then(|| format!("{{ name: spare, match: {{ path: \"/spare/{generation}\" }}, upstream: second }}")),
            defaults: if self.rules.marks_generation {
                format!("{{ policies: {{ request_headers: {mark}, response_headers: {mark} }} }}")
            } else {
                "{}".to_owned()
            },
            timeouts: TIMEOUTS.replace(" }", &format!(", tunnel: {tunnel}m }}")),
        }
    }

    /// The policies of the route `x`.
    fn policies(&self) -> String {
        let mut policies: Vec<_> = self.rules.limits.iter().flatten().map(Limit::to_string).collect();
        if self.rules.injects {
            let abort = "abort: { status: 503, percent: 5 }";
            policies.push(format!("faults: {{ delay: {{ fixed: 2ms, percent: 20 }}, {abort} }}"));
        }
        if policies.is_empty() { String::new() } else { format!(", policies: {{ {} }}", policies.join(", ")) }
    }
}

/// What peers and operators do. The rougher the weather, the more of it.
fn mishaps(random: &Random, weather: u64) -> Mishaps {
    let share = [0.15, 0.3, 0.5][weather as usize];
    let draw = |mishaps: Mishaps, mishap: Mishap| {
        // An end comes once, and excuses nothing before it.
        let is_on = random.chance(if ENDING.contains(&mishap) { 0.8 } else { share });
        let rate = mishap.rate_max() * (1 + random.below(3)) as f64 / 3.0;
        if is_on { mishaps.with(mishap, rate) } else { mishaps }
    };
    Mishap::ALL.into_iter().fold(Mishaps::NONE, draw)
}

/// What goes wrong in the network. In calm weather nothing is lost.
fn faults(random: &Random, weather: u64) -> Faults {
    let share = [0.3, 0.5, 0.5][weather as usize];
    let draw = |faults: Faults, fault: Fault| {
        // What has few occasions is nearly always on.
        let share = if fault == Fault::LateNews { 0.9 } else { share };
        let is_on = random.chance(share) && (weather == 2 || !fault.loses());
        let rate = fault.rate_max() * (1 + random.below(3)) as f64 / 3.0;
        if is_on { faults.with(fault, rate) } else { faults }
    };
    Fault::ALL.into_iter().fold(Faults::NONE, draw)
}

/// Rules of the route `x`: for some mixes, and seldom so tight that little is left.
fn limits(random: &Random) -> [Option<Limit>; 3] {
    let is_on = random.chance(0.3);
    let draw = |kind, limit: u64, burst: u64| {
        let (by_client, shadow) = (random.chance(0.5), random.chance(0.2));
        (is_on && random.chance(0.6)).then_some(Limit { kind, limit, burst, by_client, shadow, strict: false })
    };
    [
        draw(LimitKind::Throttle, 1 << random.below(13), 1 << random.below(7)),
        draw(LimitKind::Quota, 8 << random.below(6), 1),
        draw(LimitKind::Concurrency, 1 + random.below(8), 1),
    ]
}

/// For some mixes the store that nodes share decides by a rule, out of chance of its own: without it a seed is what it was.
fn share(seed: u64, rules: &mut Rules, conditions: &mut Conditions) {
    let random = Random::new(seed.rotate_left(32) ^ 0x7374_7269_6374);
    for limit in rules.limits.iter_mut().flatten().filter(|limit| limit.kind != LimitKind::Concurrency) {
        limit.strict = random.chance(0.5);
    }
    conditions.store_nanos = 1_000..=1_000 << random.below(12);
    if random.chance(0.4) {
        rules.loses_store = true;
        conditions.store_loses = 0.05;
        // So that some come too late.
        conditions.store_nanos = 1_000..=8_000_000;
    }
}

/// Keys of the upstream `main`.
fn upstream(random: &Random, rules: &mut Rules) -> String {
    let balance = [
        "round_robin",
        "least_requests",
        "power_of_two",
        "{ consistent_hash: { key: 'header:X-Token', load_max: 150% } }",
        "{ consistent_hash: { key: client_ip } }",
    ][random.index(5)];
    let mut keys = format!(", balance: {balance}");
    if random.chance(0.5) {
        rules.attempts = 2 + random.index(3);
        rules.repeats_unavailable = random.chance(0.5);
        let on = if rules.repeats_unavailable { "connect, closed, timeout, 503" } else { "connect, closed, timeout" };
        let attempts = rules.attempts;
        keys.push_str(&format!(", retries: {{ attempts: {attempts}, on: [{on}], budget: 100%, backoff: 5ms }}"));
    }
    if random.chance(0.3) {
        rules.ejects = true;
        keys.push_str(", outliers: { consecutive: 3, ejection: 5ms, ejection_max: 40ms }");
    }
    if random.chance(0.2) && !balance.contains("hash") {
        keys.push_str(", slow_start: 50ms");
    }
    let mut connections = vec![format!("idle_max: {}", [0, 1, 2, 64][random.index(4)])];
    connections.push(format!("idle_timeout: {}ms", 60 << random.below(8)));
    if random.chance(0.3) {
        let most = 1 + random.index(5);
        rules.upstream_connections_max = Some(most);
        connections.push(format!("max: {most}"));
    }
    if random.chance(0.2) {
        connections.push(format!("age_max: {}ms", 1 << random.below(10)));
    }
    connections.extend(rules.upstream_requests_max.map(|most| format!("requests_max: {most}")));
    keys.push_str(&format!(", connections: {{ {} }}", connections.join(", ")));
    keys
}

/// More keys of the upstream `main`, out of chance of their own: without them a seed is what it was.
fn resilience(seed: u64, rules: &mut Rules) -> String {
    let random = Random::new(seed.rotate_left(32) ^ 0x7265_7369_6c69);
    let mut keys = String::new();
    if random.chance(0.25) {
        rules.breaks = true;
        let fallback = ["", ", fallback: { upstream: second }"][random.index(2)];
        let probes = 1 + random.index(3);
        keys.push_str(&format!(
            ", breaker: {{ consecutive: 2, open: 2ms, open_max: 16ms, probes: {probes}{fallback} }}"
        ));
    }
    if random.chance(0.2) {
        rules.adapts = true;
        keys.push_str(", adaptive_concurrency: { min: 1, max: 8 }");
    }
    if random.chance(0.25) {
        rules.hedges = true;
        keys.push_str(&format!(", hedge: {{ after: {}ms }}", 1 + random.index(3)));
    }
    rules.injects = random.chance(0.2);
    if random.chance(0.25) {
        let (limit, burst) = (16 << random.below(9), 1 << random.below(8));
        rules.throughput = Some((limit, burst));
        keys.push_str(&format!(", throughput: {{ limit: {limit}, burst: {burst} }}"));
    }
    keys
}

/// Keys of the node.
fn node(random: &Random, rules: &mut Rules, clients: usize) -> String {
    let mut limits = Vec::new();
    limits.extend(rules.requests_per_connection.map(|most| format!("requests_per_connection: {most}")));
    if random.chance(0.15) {
        let most = 1 + random.index(clients);
        rules.connections_max = Some(most);
        limits.push(format!("connections: {most}"));
    }
    let forwarded = ["x_forwarded", "standard", "both", "off"][random.index(4)];
    let tracing = ["", "tracing: { generate: true, sampled_percent: 50 }\n"][random.index(2)];
    format!("limits: {{ {} }}\nforwarded: {forwarded}\n{tracing}", limits.join(", "))
}
