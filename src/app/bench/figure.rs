//! What a case measures, what is to be reached, and how runs become a line of the report.

use serde::Serialize;

/// What a figure is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Goal {
    fn is_reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

/// One thing that a case measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Its name, as `--json` says it.
    pub name: &'static str,
    /// Of what.
    pub unit: &'static str,
    /// What is to be reached; none: it is told beside.
    pub goal: Option<Goal>,
}

impl Figure {
    /// A figure without a goal.
    #[must_use]
    pub const fn new(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            goal: None,
        }
    }

    /// With a least value to reach.
    #[must_use]
    pub const fn at_least(mut self, least: f64) -> Self {
        self.goal = Some(Goal::AtLeast(least));
        self
    }

    /// With a greatest value to keep to.
    #[must_use]
    pub const fn at_most(mut self, most: f64) -> Self {
        self.goal = Some(Goal::AtMost(most));
        self
    }
}

/// What one run measured, by the figures' names.
#[derive(Debug, Clone, Default)]
pub struct Sample(Vec<(&'static str, f64)>);

impl Sample {
    /// Adds a figure.
    #[must_use]
    pub fn with(mut self, figure: &'static str, value: f64) -> Self {
        self.0.push((figure, value));
        self
    }

    /// The value of a figure, where this run has it.
    #[must_use]
    pub fn get(&self, figure: &str) -> Option<f64> {
        let found = self.0.iter().find(|(name, _)| *name == figure);
        found.map(|(_, value)| *value)
    }
}

/// A figure over all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Its name.
    pub figure: &'static str,
    /// Of what.
    pub unit: &'static str,
    /// The middle of the runs.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Every run, in order.
    pub runs: Vec<f64>,
    /// What is to be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
    /// Whether the median reaches it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached: Option<bool>,
}

impl Measured {
    /// The figure over these runs; none where no run has it.
    #[must_use]
    pub fn of(figure: Figure, samples: &[Sample]) -> Option<Self> {
        let values = samples.iter().filter_map(|sample| sample.get(figure.name));
        let runs: Vec<f64> = values.map(rounded).collect();
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        let median = rounded(f64::midpoint(low, high));
        Some(Self {
            figure: figure.name,
            unit: figure.unit,
            median,
            min,
            max,
            runs,
            goal: figure.goal,
            reached: figure.goal.map(|goal| goal.is_reached(median)),
        })
    }
}

/// Four digits that count: more would pretend.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

/// The value below which this share of the times lies; infinite where nothing came.
#[must_use]
pub fn percentile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let index = (times.len() as f64 * share) as usize;
    let at = index.min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(figure: Figure, values: &[f64]) -> Measured {
        let samples = values.iter().map(|v| Sample::default().with("x", *v));
        Measured::of(figure, &samples.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_median_decides_whether_a_goal_is_reached() {
        let least = Figure::new("x", "/s").at_least(10.0);
        let most = Figure::new("x", "/s").at_most(10.0);
        for (values, median, at_least, at_most) in [
            (vec![10.0], 10.0, true, true),
            (vec![9.0, 30.0, 8.0], 9.0, false, true),
            (vec![8.0, 11.0, 12.0, 90.0], 11.5, true, false),
            (
                vec![f64::INFINITY, 1.0, f64::INFINITY],
                f64::INFINITY,
                true,
                false,
            ),
        ] {
            let (low, high) = (measured(least, &values), measured(most, &values));
            assert_eq!(low.median, median, "{values:?}");
            assert_eq!(low.runs, values, "the runs stay in order");
            let reached = (low.reached, high.reached);
            assert_eq!(reached, (Some(at_least), Some(at_most)), "{values:?}");
        }
    }

    #[test]
    fn a_figure_that_no_run_has_is_left_out() {
        let other = [Sample::default().with("y", 1.0)];
        assert_eq!(Measured::of(Figure::new("x", "/s"), &other), None);
    }

    #[test]
    fn four_digits_are_told() {
        for (value, told) in [
            (24_617.4, 24_620.0),
            (1_234.0, 1_234.0),
            (0.002_345_6, 0.002_346),
            (0.0, 0.0),
        ] {
            assert_eq!(rounded(value), told);
        }
    }

    #[test]
    fn percentiles_of_few_and_of_none() {
        let mut times: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut times, 0.5), 51.0);
        assert_eq!(percentile(&mut times, 0.99), 100.0);
        assert_eq!(percentile(&mut [7.0], 0.99), 7.0);
        assert_eq!(percentile(&mut [], 0.5), f64::INFINITY);
    }
}
