//! The checker: what is wrong with a definition that reads well.

pub mod at_entry;
pub mod codes;
mod enrollment;
pub mod flow;
mod ids;
pub mod overlap;
#[cfg(test)]
mod page_tests;
mod reads;
mod secrets;
mod steps;
mod texts;
mod ways;

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::program::{Numbers, Program, TenantInfo};
use crate::catalog::{finding::Findings, parse::Source};
use crate::model::{execution::Instant, problem::Problem};

/// What a checker knows of the tenant; by default nothing, and what depends on it is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Ids of the tenant's message templates.
    pub templates: Option<BTreeSet<String>>,
    /// Names of the custom fields that its contacts have.
    pub fields: Option<BTreeSet<String>>,
    /// What time it is there.
    pub now: Option<Instant>,
}

/// Everything wrong or doubtful about a definition, each finding at its place.
#[must_use]
pub fn check(source: &Source) -> Findings {
    check_for(source, &Known::default())
}

/// The same for a tenant of whom something is known.
#[must_use]
pub fn check_for(source: &Source, known: &Known) -> Findings {
    source.findings(problems(source, known))
}

fn problems(source: &Source, known: &Known) -> Vec<Problem> {
    let definition = &source.definition;
    let mut found = Vec::new();
    ids::check(definition, &mut found);
    let known_steps = ways::Steps::of(definition);
    let flow = known_steps.flow(definition, &mut found);
    ways::check(definition, &flow, &mut found);
    steps::check(
        definition,
        &known_steps,
        known.templates.as_ref(),
        &mut found,
    );
    steps::goals(definition, &mut found);
    steps::entry(definition, &mut found);
    if let Some(now) = known.now {
        steps::dates(definition, now, &mut found);
    }
    let given = reads::Given::by(definition, &known_steps, &flow, known.fields.as_ref());
    texts::each(&source.value, |text| {
        secrets::check(text, &known_steps, &mut found);
        given.check(text, &mut found);
    });
    let tenant = TenantInfo {
        name: "default".to_owned(),
        timezone: Tz::UTC,
    };
    if let Err(problems) = Program::compile(
        definition,
        Numbers {
            workflow: 0,
            version: 0,
        },
        &tenant,
    ) {
        found.extend(problems);
    }
    // A step whose id is misspelled somewhere is not reached: one word about that is enough.
    let misnamed = [codes::UNKNOWN_STEP, codes::DUPLICATE_STEP];
    if found.iter().any(|problem| misnamed.contains(&problem.code)) {
        found.retain(|problem| problem.code != codes::UNREACHABLE_STEP);
    }
    // The compiler and the checks may meet at one place; one finding of a kind there is enough.
    let mut seen = BTreeSet::new();
    found.retain(|problem| seen.insert((problem.code, problem.path.clone())));
    found
}

#[cfg(test)]
mod tests;
