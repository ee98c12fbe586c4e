//! Line charts as SVG, drawn without a script: axes with ticks, lines with gaps, a legend.
//!
//! Pure: numbers in, text out. Colours are classes that the page's style gives a light and a dark value. A chart is 420 units wide,
//! so that its text can be read on a phone as well as beside another chart.

use std::fmt::Write as _;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 230.0;
/// Room for the ticks of the left and of the lower side, and at the other two.
const LEFT: f64 = 46.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 12.0;
/// Ticks of a linear axis, about.
const TICKS: f64 = 5.0;

/// How values lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Linear,
    /// By powers of ten.
    Log,
    /// A share of 0 to 1, by the nines it has: 0.9 is as far from 0 as 0.99 from 0.9.
    Nines,
}

/// One side of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
    ticks: Vec<(f64, String)>,
}

/// A line with a name. Values that are `None` are gaps.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    /// Its colour: `first`, `second`, `third` or `bad`.
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// A chart with what it shows in words, for those who do not see it.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

impl Axis {
    /// From 0 to a round number that is no less than `most`.
    pub(super) fn linear(most: f64, unit: &str) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let rough = most / TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let count = (most / step).ceil();
        let ticks = (0..=count as u32).map(|at| (f64::from(at) * step, label(f64::from(at) * step) + unit)).collect();
        Self { scale: Scale::Linear, from: 0.0, to: count * step, ticks }
    }

    /// Time from 0 to `seconds`, which need not be round.
    pub(super) fn time(seconds: f64) -> Self {
        let round = Self::linear(seconds, " s");
        let ticks = round.ticks.into_iter().filter(|(value, _)| *value <= seconds * 1.001).collect();
        Self { to: seconds.max(1e-3), ticks, ..round }
    }

    /// Powers of ten around `least` and `most`, both above 0.
    pub(super) fn log(least: f64, most: f64, unit: &str) -> Self {
        let least = least.max(1e-6);
        let from = least.log10().floor();
        let to = most.max(least).log10().ceil().max(from + 1.0);
        let between: &[f64] = if to - from <= 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let powers = (from as i32..=to as i32).map(|power| 10_f64.powi(power));
        let all = powers.flat_map(|power| between.iter().map(move |times| times * power));
        let within = all.filter(|value| *value <= 10_f64.powf(to) * 1.001);
        let ticks = within.map(|value| (value, label(value) + unit)).collect();
        Self { scale: Scale::Log, from: 10_f64.powf(from), to: 10_f64.powf(to), ticks }
    }

    /// Shares from 0 to the last with so many nines.
    pub(super) fn nines(nines: u32) -> Self {
        let nines = nines.clamp(1, 7);
        let share = |nines: u32| 1.0 - 0.1_f64.powi(nines as i32);
        let name = |nines: u32| match nines {
            1 => "90%".to_owned(),
            2 => "99%".to_owned(),
            _ => format!("99.{}%", "9".repeat(nines as usize - 2)),
        };
        let mut ticks = vec![(0.0, "0%".to_owned()), (0.5, "50%".to_owned())];
        ticks.extend((1..=nines).map(|nines| (share(nines), name(nines))));
        Self { scale: Scale::Nines, from: 0.0, to: share(nines), ticks }
    }

    /// Where a value lies, 0 to 1.
    fn at(&self, value: f64) -> f64 {
        let (from, to) = (self.linearized(self.from), self.linearized(self.to));
        ((self.linearized(value) - from) / (to - from)).clamp(0.0, 1.0)
    }

    fn linearized(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(self.from).log10(),
            Scale::Nines => -(1.0 - value.min(self.to)).log10(),
        }
    }
}

impl Chart {
    /// As a figure with its legend.
    pub(super) fn figure(&self) -> String {
        let Self { title, lines, .. } = self;
        let names = lines.iter().map(|Line { name, class, .. }| format!("<li class=\"{class}\">{name}</li>"));
        let legend: String = names.collect();
        format!(
            "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"{title}\">{}{}</svg><ul class=\"legend\">{legend}</ul></figure>\n",
            self.grid(),
            lines.iter().map(|line| self.path(line)).collect::<String>()
        )
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.at(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.at(value) * (HEIGHT - BOTTOM - TOP)
    }

    fn grid(&self) -> String {
        let mut svg = String::new();
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        // Writing to a string cannot fail.
        for (value, label) in &self.y.ticks {
            let y = self.y(*value);
            let _ = write!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>");
            let _ = write!(svg, "<text class=\"left\" x=\"{}\" y=\"{:.1}\">{label}</text>", LEFT - 5.0, y + 3.5);
        }
        let mut last = f64::NEG_INFINITY;
        for (value, label) in &self.x.ticks {
            let x = self.x(*value);
            let _ = write!(svg, "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>");
            // Labels that would lie over each other are left out.
            let room = 6.5 * label.len() as f64;
            if x - room / 2.0 > last {
                last = x + room / 2.0;
                let x = x.min(WIDTH - room / 2.0);
                let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{}\">{label}</text>", HEIGHT - 8.0);
            }
        }
        svg
    }

    fn path(&self, line: &Line) -> String {
        let (mut path, mut is_drawn) = (String::new(), false);
        for (x, y) in &line.points {
            if let Some(y) = y {
                let command = if is_drawn { 'L' } else { 'M' };
                let _ = write!(path, "{command}{:.1} {:.1}", self.x(*x), self.y(*y));
            }
            is_drawn = y.is_some();
        }
        format!("<path class=\"line {}\" d=\"{path}\"/>", line.class)
    }
}

/// Without needless places; thousands and millions shortened.
fn label(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e4 => (value / 1e3, "k"),
        value => (value, ""),
    };
    let text = format!("{value:.6}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&Axis::linear(9.3, " s")), ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s"]);
        assert_eq!(labels(&Axis::linear(48_000.0, "")), ["0", "10k", "20k", "30k", "40k", "50k"]);
        assert_eq!(labels(&Axis::linear(0.0, "")).len(), 6);
        assert_eq!(labels(&Axis::log(0.05, 700.0, "")), ["0.01", "0.1", "1", "10", "100", "1000"]);
        assert_eq!(labels(&Axis::log(1.5, 3.0, "")), ["1", "2", "5", "10"]);
        assert_eq!(labels(&Axis::nines(3)), ["0%", "50%", "90%", "99%", "99.9%"]);
        assert_eq!(labels(&Axis::time(9.3)), ["0 s", "2 s", "4 s", "6 s", "8 s"]);
    }

    #[test]
    fn values_lie_where_their_scale_says() {
        let nines = Axis::nines(4);
        for (share, at) in [(0.0, 0.0), (0.9, 0.25), (0.99, 0.5), (0.9999, 1.0), (1.0, 1.0)] {
            assert!((nines.at(share) - at).abs() < 1e-9, "{share}: {}", nines.at(share));
        }
        let log = Axis::log(1.0, 100.0, "");
        assert!((log.at(10.0) - 0.5).abs() < 1e-9 && log.at(0.0) == 0.0 && log.at(1e9) == 1.0);
    }

    #[test]
    fn a_gap_is_not_drawn_over() {
        let points = vec![(0.0, Some(1.0)), (1.0, None), (2.0, Some(1.0)), (3.0, Some(2.0))];
        let line = Line { name: "rate", class: "first", points };
        let (x, y) = (Axis::time(3.0), Axis::linear(2.0, ""));
        let figure = Chart { title: "Rate".to_owned(), x, y, lines: vec![line] }.figure();
        let path = figure.split("class=\"line first\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 1), "{path}");
        assert!(!figure.contains("NaN"));
    }
}
