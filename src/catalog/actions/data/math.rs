//! `math`: computes with numbers, exact in decimals.

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::compute::{self, Operands, failure, not_a_number, number, plain};
use crate::{
    catalog::{
        action::{Action, ActionEntry, Failure, Resolve},
        words,
    },
    model::{problem::Problem, workflow::Step},
};

/// Computes with numbers, exact in decimals: 0.1 and 0.2 are 0.3.
///
/// The result is `steps.<id>.result.value`, and the variable that `name` names. What a JSON number cannot hold
/// without loss is text, which counts as a number wherever one is asked for. The step fails with
/// `not_a_number`, `division_by_zero` or `overflow` (28 digits).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Math {
    /// What is done.
    pub operation: MathOperation,
    /// The numbers: literals or templates, or one template that gives a list; lists among them are laid flat.
    pub operands: Value,
    /// Digits after the point that the result is rounded to, at most 28 (`floor` rounds down, `ceil` up, the
    /// others half away from zero). Without it results are exact; quotients that do not come out even have 10.
    #[serde(default)]
    pub digits: Option<u32>,
    /// Name of the variable that takes the result, read as `vars.<name>`.
    #[serde(default)]
    pub name: Option<String>,
}

/// What is done with the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MathOperation {
    /// All of them together; none may be missing.
    Add,
    /// The first less all others.
    Subtract,
    /// The product of all.
    Multiply,
    /// The first divided by each of the others.
    Divide,
    /// The rest of the first divided by the second; it has the sign of the first.
    Modulo,
    /// The first to the power of the second, a whole number from -1000 to 1000.
    Power,
    /// So many percent of a number: [25, 80] is 20.
    Percent,
    /// The number rounded, to a whole one unless `digits` says otherwise.
    Round,
    /// The next whole number downwards.
    Floor,
    /// The next whole number upwards.
    Ceil,
    /// The number without its sign.
    Abs,
    /// The number with the other sign.
    Negate,
    /// The least of those that are not missing; missing where there are none.
    Min,
    /// The greatest of those that are not missing; missing where there are none.
    Max,
    /// The sum of those that are not missing.
    Sum,
    /// The mean of those that are not missing; missing where there are none.
    Average,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "math",
    title: "Compute with numbers",
    schema: || schemars::schema_for!(Math),
    compile,
};

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: Math = words::config(step)?;
    if config.digits.is_some_and(|digits| digits > 28) {
        let text = "a number has at most 28 digits";
        return Err(vec![Problem::error("invalid_value", "config.digits", text)]);
    }
    compute::compile(step, row(config.operation), config.name.as_ref())
}

macro_rules! operation {
    ($compute:expr) => {{
        const ROW: compute::Operation =
            compute::Operation::new(&["operands"], &["digits"], $compute);
        &ROW
    }};
}

fn row(operation: MathOperation) -> &'static compute::Operation {
    use MathOperation as M;
    match operation {
        M::Add => operation!(|o| fold(o, Decimal::checked_add)),
        M::Subtract => operation!(|o| fold(o, Decimal::checked_sub)),
        M::Multiply => operation!(|o| fold(o, Decimal::checked_mul)),
        M::Divide => operation!(|o| inexact(o, fold_with(o, quotient)?)),
        M::Modulo => operation!(|o| {
            let [a, b] = exactly(o)?;
            not_zero(b)?;
            rounded(o, a.checked_rem(b).ok_or_else(overflow)?)
        }),
        M::Power => operation!(|o| {
            let [base, exponent] = exactly(o)?;
            inexact(o, power(base, exponent)?)
        }),
        M::Percent => operation!(|o| {
            let [percent, whole] = exactly(o)?;
            let product = percent.checked_mul(whole).ok_or_else(overflow)?;
            rounded(o, quotient(product, Decimal::ONE_HUNDRED)?)
        }),
        M::Round => operation!(|o| step_to(o, RoundingStrategy::MidpointAwayFromZero)),
        M::Floor => operation!(|o| step_to(o, RoundingStrategy::ToNegativeInfinity)),
        M::Ceil => operation!(|o| step_to(o, RoundingStrategy::ToPositiveInfinity)),
        M::Abs => operation!(|o| {
            let [n] = exactly(o)?;
            rounded(o, n.abs())
        }),
        M::Negate => operation!(|o| {
            let [n] = exactly(o)?;
            rounded(o, -n)
        }),
        M::Min => operation!(|o| optional(o, present(o)?.into_iter().min())),
        M::Max => operation!(|o| optional(o, present(o)?.into_iter().max())),
        M::Sum => operation!(|o| rounded(o, total(&present(o)?)?)),
        M::Average => operation!(|o| {
            let all = present(o)?;
            if all.is_empty() {
                return Ok(Value::Null);
            }
            inexact(o, quotient(total(&all)?, Decimal::from(all.len()))?)
        }),
    }
}

/// The operands, lists laid flat.
fn flat<'a>(operands: &'a Operands<'_>) -> Vec<&'a Value> {
    let mut open: Vec<&Value> = operands.get("operands").into_iter().collect();
    let mut all = Vec::new();
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items.iter().rev()),
            value => all.push(value),
        }
    }
    all
}

fn all(operands: &Operands<'_>) -> Result<Vec<Decimal>, Failure> {
    let numbers = flat(operands).into_iter().map(number);
    numbers
        .map(|number| number.ok_or_else(|| not_a_number("operands")))
        .collect()
}

/// Those that are not missing.
fn present(operands: &Operands<'_>) -> Result<Vec<Decimal>, Failure> {
    let there = flat(operands)
        .into_iter()
        .filter(|value| !value.is_null() && **value != "");
    there
        .map(|value| number(value).ok_or_else(|| not_a_number("operands")))
        .collect()
}

fn exactly<const N: usize>(operands: &Operands<'_>) -> Result<[Decimal; N], Failure> {
    let all = all(operands)?;
    let count = all.len();
    all.try_into().map_err(|_| {
        let message = format!("the operation takes {N} operands, not {count}");
        failure("invalid_operand", message)
    })
}

fn fold(
    operands: &Operands<'_>,
    apply: fn(Decimal, Decimal) -> Option<Decimal>,
) -> Result<Value, Failure> {
    let result = fold_with(operands, |a, b| apply(a, b).ok_or_else(overflow))?;
    rounded(operands, result)
}

fn fold_with(
    operands: &Operands<'_>,
    apply: impl Fn(Decimal, Decimal) -> Result<Decimal, Failure>,
) -> Result<Decimal, Failure> {
    let mut all = all(operands)?.into_iter();
    let first = all
        .next()
        .ok_or_else(|| failure("invalid_operand", "there is no operand"))?;
    all.try_fold(first, apply)
}

fn total(all: &[Decimal]) -> Result<Decimal, Failure> {
    let mut all = all.iter();
    all.try_fold(Decimal::ZERO, |sum, n| sum.checked_add(*n))
        .ok_or_else(overflow)
}

fn quotient(a: Decimal, b: Decimal) -> Result<Decimal, Failure> {
    not_zero(b)?;
    a.checked_div(b).ok_or_else(overflow)
}

fn power(base: Decimal, exponent: Decimal) -> Result<Decimal, Failure> {
    let times = exponent
        .to_i32()
        .filter(|times| exponent.is_integer() && times.abs() <= 1_000)
        .ok_or_else(|| {
            failure(
                "overflow",
                "an exponent is a whole number from -1000 to 1000",
            )
        })?;
    let mut result = Decimal::ONE;
    for _ in 0..times.unsigned_abs() {
        result = result.checked_mul(base).ok_or_else(overflow)?;
    }
    if times < 0 {
        result = quotient(Decimal::ONE, result)?;
    }
    Ok(result)
}

fn digits(operands: &Operands<'_>) -> Result<Option<u32>, Failure> {
    let digits = operands.whole("digits")?;
    Ok(digits.and_then(|digits| u32::try_from(digits).ok()))
}

fn rounded(operands: &Operands<'_>, result: Decimal) -> Result<Value, Failure> {
    let result = match digits(operands)? {
        Some(digits) => round(result, digits, RoundingStrategy::MidpointAwayFromZero),
        None => result,
    };
    Ok(plain(result))
}

fn inexact(operands: &Operands<'_>, result: Decimal) -> Result<Value, Failure> {
    let digits = digits(operands)?;
    // What comes out even is kept as it is.
    let digits = digits.or((result.normalize().scale() >= 20).then_some(10));
    Ok(plain(digits.map_or(result, |digits| {
        round(result, digits, RoundingStrategy::MidpointAwayFromZero)
    })))
}

fn step_to(operands: &Operands<'_>, how: RoundingStrategy) -> Result<Value, Failure> {
    let [n] = exactly(operands)?;
    Ok(plain(round(n, digits(operands)?.unwrap_or(0), how)))
}

fn optional(operands: &Operands<'_>, result: Option<Decimal>) -> Result<Value, Failure> {
    result.map_or(Ok(Value::Null), |result| rounded(operands, result))
}

fn round(n: Decimal, digits: u32, how: RoundingStrategy) -> Decimal {
    n.round_dp_with_strategy(digits, how)
}

fn not_zero(n: Decimal) -> Result<(), Failure> {
    match n.is_zero() {
        true => Err(failure("division_by_zero", "a number is divided by zero")),
        false => Ok(()),
    }
}

fn overflow() -> Failure {
    failure("overflow", "the result has more than 28 digits")
}
