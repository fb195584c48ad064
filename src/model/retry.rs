//! How often a step is tried again, and how long it waits in between.

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{nearest::did_you_mean, schema::any_case, span::Span};

/// The most tries that may be asked for.
pub const MAX_ATTEMPTS: u32 = 1_000;

/// How the delay grows from one try to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "UPPERCASE")]
pub enum BackoffStrategy {
    /// The same delay each time: 1 s, 1 s, 1 s.
    Fixed,
    /// One initial delay more each time: 1 s, 2 s, 3 s.
    Linear,
    /// The delay times the multiplier each time: 1 s, 2 s, 4 s, 8 s.
    #[default]
    Exponential,
}

impl<'de> Deserialize<'de> for BackoffStrategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        match name.to_ascii_lowercase().as_str() {
            "fixed" => Ok(Self::Fixed),
            "linear" => Ok(Self::Linear),
            "exponential" => Ok(Self::Exponential),
            _ => {
                let near = did_you_mean(&name, ["FIXED", "LINEAR", "EXPONENTIAL"])
                    .unwrap_or_else(|| "use FIXED, LINEAR or EXPONENTIAL".into());
                let short: String = name.chars().take(40).collect();
                Err(de::Error::custom(format!(
                    "{short:?} is no backoffStrategy: {near}"
                )))
            }
        }
    }
}

impl JsonSchema for BackoffStrategy {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BackoffStrategy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        any_case(
            &["FIXED", "LINEAR", "EXPONENTIAL"],
            "How the delay grows, in any case.",
        )
    }
}

/// The delays between tries; each a number of milliseconds or a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryDelay {
    /// The first delay.
    pub initial: Span,
    /// No delay is longer.
    pub max: Span,
    /// What an exponential delay is multiplied by each time, at least 1.
    #[serde(deserialize_with = "multiplier")]
    #[schemars(range(min = 1.0))]
    pub multiplier: f64,
}

impl Default for RetryDelay {
    fn default() -> Self {
        let millis = |n| Span::millis(n).expect("five minutes are within a span's limit");
        Self {
            initial: millis(1_000),
            max: millis(300_000),
            multiplier: 2.0,
        }
    }
}

/// When and how a failed step is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryConfig {
    /// Off means one try.
    pub enabled: bool,
    /// Tries in all, the first one included; 1 to [`MAX_ATTEMPTS`].
    #[serde(deserialize_with = "attempts")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_attempts: u32,
    /// How the delay grows.
    pub backoff_strategy: BackoffStrategy,
    /// The delays.
    pub retry_delay: RetryDelay,
    /// Errors that are retried, by code or class; empty means those that are by their nature.
    pub retryable_errors: Vec<String>,
    /// Spreads each delay over its upper half (50 to 100 %). Off unless asked for.
    pub jitter: bool,
}

/// What an outside action does that says nothing: 5 tries, 1 s doubling up to 5 minutes.
impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_attempts: 5,
            backoff_strategy: BackoffStrategy::Exponential,
            retry_delay: RetryDelay::default(),
            retryable_errors: Vec::new(),
            jitter: false,
        }
    }
}

impl RetryConfig {
    /// One try and no more: what a database step does that says nothing.
    pub fn never() -> Self {
        Self {
            enabled: false,
            ..Self::default()
        }
    }

    /// Tries in all.
    pub fn attempts(&self) -> u32 {
        if self.enabled {
            self.max_attempts.max(1)
        } else {
            1
        }
    }

    /// Whether another try follows the one numbered `attempt` (from 1) that just failed.
    pub fn retries_after(&self, attempt: u32) -> bool {
        attempt < self.attempts()
    }

    /// Whether an error is named in `retryableErrors` (any case).
    pub fn names(&self, error: &str) -> bool {
        self.retryable_errors
            .iter()
            .any(|named| named.eq_ignore_ascii_case(error))
    }

    /// How long to wait after try number `attempt` (from 1) has failed.
    ///
    /// `seed` decides the jitter, so that the same failure always waits the same time.
    pub fn delay(&self, attempt: u32, seed: u64) -> Duration {
        let initial = self.retry_delay.initial.nominal().as_secs_f64();
        let passed = attempt.saturating_sub(1);
        let grown = match self.backoff_strategy {
            BackoffStrategy::Fixed => initial,
            BackoffStrategy::Linear => initial * (f64::from(passed) + 1.0),
            BackoffStrategy::Exponential => {
                let by = self.retry_delay.multiplier.max(1.0);
                // `powf` saturates at infinity, and the minimum below brings it back.
                if initial == 0.0 {
                    0.0
                } else {
                    initial * by.powf(f64::from(passed))
                }
            }
        };
        let capped = grown.min(self.retry_delay.max.nominal().as_secs_f64());
        let spread = if self.jitter {
            0.5 + 0.5 * unit_fraction(seed, attempt)
        } else {
            1.0
        };
        Duration::from_millis((capped * spread * 1_000.0).round() as u64)
    }
}

/// A number in 0..1 that depends on nothing but its arguments (the finaliser of splitmix64).
fn unit_fraction(seed: u64, attempt: u32) -> f64 {
    let mut z = seed.wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn attempts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        n @ 1..=MAX_ATTEMPTS => Ok(n),
        n => Err(de::Error::custom(format!(
            "maxAttempts is {n}; it counts the first try and lies between 1 and {MAX_ATTEMPTS}"
        ))),
    }
}

fn multiplier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match f64::deserialize(deserializer)? {
        n if (1.0..=1_000.0).contains(&n) => Ok(n),
        n => Err(de::Error::custom(format!(
            "multiplier is {n}; it lies between 1 and 1000"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(value: serde_json::Value) -> RetryConfig {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn delays_by_strategy() {
        let rows = [
            (json!({}), [1, 2, 4, 8]),
            (json!({"backoffStrategy": "EXPONENTIAL"}), [1, 2, 4, 8]),
            (json!({"backoffStrategy": "linear"}), [1, 2, 3, 4]),
            (json!({"backoffStrategy": "Fixed"}), [1, 1, 1, 1]),
            (
                json!({"retryDelay": {"initial": "10 seconds", "max": 60_000, "multiplier": 3}}),
                [10, 30, 60, 60],
            ),
        ];
        for (value, want) in rows {
            let config = config(value);
            let got = [1, 2, 3, 4].map(|attempt| config.delay(attempt, 7).as_secs());
            assert_eq!(got, want);
        }
        let default = RetryConfig::default();
        assert_eq!(default.delay(20, 0).as_secs(), 300);
        assert_eq!(default.delay(u32::MAX, 0).as_secs(), 300);
        assert!(default.retries_after(4) && !default.retries_after(5));
        assert!(!RetryConfig::never().retries_after(1));
        assert!(!config(json!({"enabled": false, "maxAttempts": 9})).retries_after(1));
    }

    #[test]
    fn jitter_stays_in_the_upper_half_and_repeats() {
        let config = config(json!({"jitter": true, "backoffStrategy": "fixed"}));
        let delays: Vec<u128> = (0..200)
            .map(|seed| config.delay(1, seed).as_millis())
            .collect();
        assert!(delays.iter().all(|ms| (500..=1_000).contains(ms)));
        assert!(delays.iter().any(|ms| *ms < 600) && delays.iter().any(|ms| *ms > 900));
        assert_eq!(config.delay(1, 7), config.delay(1, 7));
    }

    #[test]
    fn errors_are_for_people() {
        let rows = [
            (
                json!({"backoffStrategy": "EXPONENTAIL"}),
                "did you mean \"EXPONENTIAL\"?",
            ),
            (json!({"maxAttempts": 0}), "between 1 and 1000"),
            (
                json!({"retryDelay": {"multiplier": 0.5}}),
                "between 1 and 1000",
            ),
            (json!({"maxAttempt": 3}), "unknown field"),
        ];
        for (value, want) in rows {
            let error = serde_json::from_value::<RetryConfig>(value)
                .unwrap_err()
                .to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
