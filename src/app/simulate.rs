//! Simulating a definition: no database, a virtual clock, no side effect.

use std::path::{Path, PathBuf};

use super::{
    definitions::Checked,
    error::{AppError, AppResult},
};
pub use crate::engine::simulate::{ResultLine, Row, Summary};
use crate::{
    engine::{
        program::{Numbers, Program, TenantInfo},
        simulate::{self, Options, Simulation},
    },
    model::execution::Instant,
};

/// What to simulate with.
#[derive(Debug, Clone)]
pub struct World {
    /// contacts.jsonl.
    pub contacts: PathBuf,
    /// events.jsonl; none: nothing happens but time.
    pub events: Option<PathBuf>,
    /// How outside actions end; none: well and empty.
    pub results: Option<PathBuf>,
    /// Who is on a suppression list; none: nobody.
    pub suppressions: Option<PathBuf>,
    /// The window's start.
    pub from: Option<Instant>,
    /// The window's end, itself not in it.
    pub until: Option<Instant>,
    /// Other choices by visit; 0: those of production.
    pub seed: u64,
    /// The tenant's name, which derived ids take.
    pub tenant: String,
}

/// Runs a checked definition, beside others that it may enrol into; every row goes to `sink` in time order.
///
/// # Errors
/// A definition has errors; a file cannot be read, by the number of its line.
pub fn simulate(
    checked: &Checked,
    with: &[Checked],
    world: &World,
    sink: impl FnMut(Row),
) -> AppResult<Summary> {
    let all = std::iter::once(checked).chain(with);
    let programs: Vec<Program> = (1i32..)
        .zip(all)
        .map(|(workflow, checked)| compile(checked, workflow, &world.tenant))
        .collect::<AppResult<_>>()?;
    for (at, program) in programs.iter().enumerate() {
        if programs[..at]
            .iter()
            .any(|one| one.workflow == program.workflow)
        {
            let text = format!(
                "two of the files define the workflow \"{}\"",
                program.workflow
            );
            return Err(AppError::usage(text));
        }
    }
    let contacts = read(&world.contacts, simulate::contacts)?;
    let events = world
        .events
        .as_ref()
        .map(|file| read(file, simulate::events))
        .transpose()?;
    let results = read_results(world.results.as_deref())?;
    let suppressions = world
        .suppressions
        .as_ref()
        .map(|file| read(file, simulate::suppressions))
        .transpose()?;
    let options = Options {
        from: world.from,
        until: world.until,
        seed: world.seed,
        tenant: None,
        results,
        suppressions: suppressions.unwrap_or_default(),
    };
    Ok(Simulation::new(&programs, contacts, options, sink).run(events.unwrap_or_default()))
}

/// Reads a file that says how outside actions end; none: nothing is said.
///
/// # Errors
/// It cannot be read, by the number of its line.
pub fn read_results(file: Option<&Path>) -> AppResult<Vec<ResultLine>> {
    file.map_or_else(|| Ok(Vec::new()), |file| read(file, simulate::results))
}

fn compile(checked: &Checked, workflow: i32, tenant: &str) -> AppResult<Program> {
    let source = checked
        .source
        .as_ref()
        .filter(|_| checked.is_valid())
        .ok_or_else(|| {
            AppError::no(format!(
                "{} cannot run: `waypost validate` says why",
                checked.file
            ))
        })?;
    let tenant = TenantInfo {
        name: tenant.to_owned(),
        timezone: chrono_tz::UTC,
    };
    let numbers = Numbers {
        workflow,
        version: 1,
    };
    Program::compile(&source.definition, numbers, &tenant)
        .map_err(|problems| AppError::no(source.findings(problems).to_string()))
}

fn read<T, E: std::fmt::Display>(
    file: &Path,
    parse: impl Fn(&str) -> Result<T, E>,
) -> AppResult<T> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| AppError::usage(format!("{name}: {error}")))?;
    parse(&text).map_err(|error| AppError::usage(format!("{name}: {error}")))
}
