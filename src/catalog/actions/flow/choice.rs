//! A number in [0, 1) that is always the same for the same parts: choices hash, they are never random.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::catalog::action::StepContext;

/// For one contact at one split, over executions and versions.
pub(super) fn sticky(cx: &StepContext<'_>) -> f64 {
    let mut hash = Sha256::new();
    hash.update(cx.workflow.as_bytes());
    hash.update([0x1f]);
    hash.update(cx.step.as_bytes());
    hash.update([0x1f]);
    hash.update(cx.contact.as_bytes());
    fraction(hash)
}

/// For one visit of one step of one execution.
pub(super) fn per_visit(cx: &StepContext<'_>) -> f64 {
    visit(cx.execution, cx.step, cx.visit)
}

fn visit(execution: Uuid, step: &str, visit: u32) -> f64 {
    let mut hash = Sha256::new();
    hash.update(execution.as_bytes());
    hash.update([0x1f]);
    hash.update(step.as_bytes());
    hash.update(visit.to_be_bytes());
    fraction(hash)
}

fn fraction(hash: Sha256) -> f64 {
    let digest = hash.finalize();
    let mut head = [0u8; 8];
    head.copy_from_slice(&digest[..8]);
    // 53 bits: all that a float holds exactly.
    (u64::from_be_bytes(head) >> 11) as f64 / (1u64 << 53) as f64
}

/// The index of the weight in whose share the fraction falls; weights are not negative, one is more than 0.
pub(super) fn pick(fraction: f64, weights: impl Iterator<Item = f64> + Clone) -> usize {
    let total: f64 = weights.clone().sum();
    let mut left = fraction * total;
    let mut last = 0;
    for (index, weight) in weights.enumerate() {
        if weight > 0.0 {
            if left < weight {
                return index;
            }
            last = index;
        }
        left -= weight;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept() {
        let mut counts = [0u32; 3];
        for i in 0..20_000u128 {
            let fraction = visit(Uuid::from_u128(i), "split", 1);
            counts[pick(fraction, [50.0, 0.0, 30.0].into_iter())] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((12_200..12_800).contains(&counts[0]), "{counts:?}");
        assert_eq!(pick(0.999_999_999, [1.0, 0.0].into_iter()), 0);
        assert_ne!(visit(Uuid::nil(), "a", 1), visit(Uuid::nil(), "a", 2));
    }
}
