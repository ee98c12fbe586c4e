//! The search on a machine of numbers: it finds what is there, finds nothing where nothing is, and ends in time.

use super::*;

/// Ratios of cost to the default's, and the noise of a run.
struct Fake {
    ratios: Vec<f64>,
    noise: f64,
    /// By how much the noise grows once the default has been measured: somebody else begins to use the machine.
    louder: f64,
    /// Of the cost, by run: a machine that gets hot.
    drift: f64,
    chance: u64,
    runs: u32,
    each: Duration,
    breaks_at: u32,
}

impl Fake {
    fn new(ratios: &[f64], noise: f64, seed: u64) -> Self {
        let each = Duration::from_secs(1);
        // Seeds that follow each other are far apart.
        let chance = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { ratios: ratios.to_vec(), noise, louder: 1.0, drift: 0.0, chance, runs: 0, each, breaks_at: u32::MAX }
    }

    fn uniform(&mut self) -> f64 {
        // xorshift64* (Vigna 2016).
        self.chance ^= self.chance >> 12;
        self.chance ^= self.chance << 25;
        self.chance ^= self.chance >> 27;
        (self.chance.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

impl Measure for Fake {
    type Error = &'static str;

    fn run(&mut self, candidate: usize) -> Result<f64, Self::Error> {
        if self.runs == self.breaks_at {
            return Err("the gateway does not start any more");
        }
        let louder = if self.runs as usize > NOISE_RUNS { self.louder } else { 1.0 };
        let noise = self.noise * louder * self.normal();
        let drift = self.drift * f64::from(self.runs);
        self.runs += 1;
        Ok(12.0 * self.ratios[candidate] * (noise + drift).exp())
    }

    fn elapsed(&self) -> Duration {
        self.each * self.runs
    }
}

fn search(candidates: usize, budget_s: u64, seed: u64) -> Search {
    let names = (0..candidates).map(|number| format!("candidate {number}")).collect();
    Search { names, budget: Duration::from_secs(budget_s), seed }
}

/// Twelve candidates, none any better or worse.
const NOTHING: [f64; 13] = [1.0; 13];

#[test]
fn a_gain_of_a_tenth_is_found_in_noise_of_three_percent() {
    let mut ratios = NOTHING;
    ratios[7] = 0.9;
    let found = (0..100).filter(|&seed| {
        let evidence = search(13, 120, seed).run(&mut Fake::new(&ratios, 0.03, seed));
        assert!(matches!(evidence.recommended(), 0 | 7), "{evidence:?}");
        evidence.recommended() == 7
    });
    let found = found.count();
    assert!(found >= 95, "found {found} times of 100");
}

/// The rate that the module promises, and no more than chance may add to it in a thousand trials (three deviations).
#[test]
fn nothing_is_found_where_nothing_is() {
    for (noise, drift, louder) in [(0.03, 0.0, 1.0), (0.15, 0.0, 1.0), (0.03, 0.002, 1.0), (0.01, 0.0, 10.0)] {
        let accepted = (0..1000).filter(|&seed| {
            let mut fake = Fake { drift, louder, ..Fake::new(&NOTHING, noise, seed) };
            search(13, 120, seed).run(&mut fake).recommended() != 0
        });
        let (accepted, promised) = (accepted.count() as f64, 1000.0 * ALPHA);
        assert!(
            accepted <= promised + 3.0 * promised.sqrt(),
            "{accepted} of 1000 with noise {noise}, {louder} times that later, and drift {drift}"
        );
    }
}

#[test]
fn what_is_worse_is_never_recommended() {
    let mut ratios = NOTHING.map(|_| 1.02);
    ratios[0] = 1.0;
    for seed in 0..1000 {
        let evidence = search(13, 120, seed).run(&mut Fake::new(&ratios, 0.03, seed));
        assert_eq!(evidence.recommended(), 0, "{evidence:?}");
    }
}

#[test]
fn the_budget_holds_and_a_short_one_keeps_the_default() {
    for budget_s in [0, 1, 5, 8, 15, 30, 60, 600] {
        let mut ratios = NOTHING;
        ratios[3] = 0.5;
        let mut fake = Fake::new(&ratios, 0.01, budget_s);
        let evidence = search(13, budget_s, 1).run(&mut fake);
        assert!(fake.elapsed() <= Duration::from_secs(budget_s.max(1)), "{:?} of {budget_s} s", fake.elapsed());
        assert!(budget_s > 8 || evidence.recommended() == 0, "{evidence:?}");
        assert!(budget_s < 60 || evidence.recommended() == 3, "{evidence:?}");
        assert!(evidence.conclusion().starts_with(if evidence.recommended() == 0 { "Keep" } else { "Take" }));
    }
}

#[test]
fn a_candidate_that_cannot_run_loses() {
    let mut ratios = NOTHING;
    (ratios[2], ratios[5]) = (f64::INFINITY, 0.8);
    let evidence = search(13, 200, 3).run(&mut Fake::new(&ratios, 0.02, 3));
    assert_eq!(evidence.recommended(), 5, "{evidence:?}");
}

#[test]
fn an_end_half_way_keeps_what_was_found() {
    let mut fake = Fake { breaks_at: 20, ..Fake::new(&NOTHING, 0.03, 1) };
    let evidence = search(13, 120, 1).run(&mut fake);
    assert_eq!(evidence.recommended(), 0);
    assert!(evidence.conclusion().contains("does not start any more"), "{}", evidence.conclusion());
    assert_eq!(evidence.attempts.len(), 12);
}

#[test]
fn the_runs_are_known_ahead() {
    for candidates in [1, 2, 3, 12, 20] {
        let mut fake = Fake::new(&vec![1.0; candidates + 1], 0.0, 1);
        fake.ratios[1] = 0.5;
        search(candidates + 1, 100_000, 1).run(&mut fake);
        assert_eq!(fake.runs as usize, runs(candidates), "{candidates} candidates");
    }
}

#[test]
fn the_same_seed_finds_the_same() {
    let run = || search(13, 90, 5).run(&mut Fake::new(&NOTHING, 0.05, 5));
    assert_eq!(run(), run());
}

#[test]
fn the_table_names_what_was_tried() {
    let mut ratios = NOTHING;
    ratios[7] = 0.8;
    let evidence = search(13, 200, 2).run(&mut Fake::new(&ratios, 0.02, 2));
    let table = evidence.to_markdown(|cost| format!("{cost:.1} us"));
    assert!(table.contains("| candidate 7 |") && table.contains("**proven**"), "{table}");
    assert!(table.contains("Take `candidate 7`: ") && table.contains("| candidate 0 | | | 1"), "{table}");
    assert!(serde_json::to_string(&evidence).unwrap().contains("\"take\""));
}

/// Time may end a search while two stand on the last rung.
#[test]
fn only_who_was_in_the_proof_is_called_proven_or_not() {
    for (gain, expected) in [(0.2, "**proven**"), (0.0, "not proven")] {
        let mut evidence = Evidence::new(&["as it is", "one", "other"].map(str::to_owned), Duration::ZERO);
        evidence.noise = 0.05;
        evidence.attempts = vec![Attempt::new(1, 4, 0.0, &[0.2, 0.2]), Attempt::new(2, 4, 0.0, &[0.1, 0.1])];
        evidence.pairs = vec![gain, gain * 1.01, gain * 0.99, gain, gain];
        evidence.decide(Some(1), true, None);
        let table = evidence.to_markdown(|cost| cost.to_string());
        let row = |name: &str| table.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap().to_owned();
        assert!(row("one").contains(expected) && !row("other").contains("proven"), "{table}");
    }
}

/// A gain that is certain but smaller than what one run differs from the next by is of no use to anybody.
#[test]
fn what_is_within_the_noise_is_kept_out() {
    let decided = |noise: f64, gain: f64| {
        let mut evidence = Evidence::new(&["as it is".to_owned(), "one".to_owned()], Duration::ZERO);
        (evidence.noise, evidence.pairs) = (noise, vec![gain, gain * 1.01, gain * 0.99, gain, gain]);
        evidence.decide(Some(1), true, None);
        (evidence.recommended(), evidence.conclusion())
    };
    assert_eq!(decided(0.02, 0.03).0, 1);
    let (recommended, said) = decided(0.05, 0.03);
    assert!(recommended == 0 && said.contains("within the noise of a run"), "{said}");
    assert_eq!(decided(0.0, -0.03).0, 0);
}
