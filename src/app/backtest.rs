//! A definition over the stored event log: what it would have done, and whether that is what happened.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

pub use super::simulate::{ResultLine, Row, Summary};
use super::{
    definitions::Checked,
    enroll::unknown_workflow,
    error::{AppError, AppResult},
    waypost::Waypost,
};
use crate::{
    catalog::parse::Source,
    engine::{
        contact::Contact,
        program::{Numbers, Program, TenantInfo},
        simulate::{ContactLine, EventLine, Options, Simulation},
    },
    model::{execution::Instant, reads::Reads},
    store::{
        backtest::{self, LoggedEvent, RealPath},
        contacts::{self, Wanted},
        workflows,
    },
};

/// Events that tell of a change of the contact, with its fields before and after.
const CHANGES: &[&str] = &[
    "contact.dnd.changed",
    "contact.field.changed",
    "contact.tag.added",
    "contact.tag.removed",
    "contact.updated",
];
/// Most events that are read at once.
const MOST_EVENTS: i64 = 1_000_000;
/// Executions that are named where both ways differ.
const MOST_DIFFERENCES: usize = 20;
/// Contacts that are read at once.
const PAGE: usize = 1_000;

/// What to test with.
#[derive(Debug)]
pub struct Past {
    /// The workflow's id.
    pub workflow: String,
    /// Another definition of it; none: the published one.
    pub file: Option<Checked>,
    /// The window's start.
    pub from: Instant,
    /// The window's end, itself not in it.
    pub until: Instant,
    /// How outside actions end; those that no line fits end well and empty.
    pub results: Vec<ResultLine>,
    /// Whether to hold it against what really happened.
    pub compare: bool,
}

/// What came out, beside the rows.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The columns of `waypost.workflow_stats`.
    pub summary: Summary,
    /// Events of the log that were read.
    pub events: usize,
    /// Contacts that they belong to.
    pub contacts: usize,
    /// Event types that the definition listens to and of which the log has none in the window.
    pub lacking: Vec<String>,
    /// Where this is not exactly what would have happened.
    pub approximated: Vec<String>,
    /// What really happened, held against this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// Real executions of the window beside those of the backtest.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Took the same way.
    pub same: usize,
    /// Took another way.
    pub different: usize,
    /// Were really there only, e.g. enrolled by hand.
    pub only_real: usize,
    /// Would be there now.
    pub only_backtest: usize,
    /// Some of those that are not the same.
    pub examples: Vec<Difference>,
}

/// One execution that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which.
    pub execution_id: Uuid,
    /// Whose.
    pub contact_id: Uuid,
    /// The first entry that differs, as it really was.
    pub real: Option<String>,
    /// The same in the backtest.
    pub backtest: Option<String>,
}

impl Waypost {
    /// Runs a definition over the stored events of a window; every row goes to `sink` in time order.
    ///
    /// # Errors
    /// An unknown workflow, one that is not published, a window with more than a million events; of the database.
    pub async fn backtest(&self, past: Past, mut sink: impl FnMut(Row)) -> AppResult<Outcome> {
        if past.until <= past.from {
            return Err(AppError::usage("--until is not after --from"));
        }
        let mut tx = self.begin_as_owner().await?;
        let tenant = self.find_tenant(&mut tx).await?;
        let row = workflows::look(&mut tx, tenant.id, &past.workflow).await?;
        let number = row.as_ref().map_or(0, |row| row.id);
        let info = TenantInfo {
            name: tenant.name.clone(),
            timezone: tenant.timezone,
        };
        let program = match (&past.file, row) {
            (Some(file), row) => {
                let version = row.and_then(|row| row.published).unwrap_or(0) + 1;
                of_file(file, &past.workflow, (number, version), &info)?
            }
            (None, None) => return Err(unknown_workflow(&past.workflow, &tenant.name)),
            (None, Some(row)) => {
                let version = row.published.ok_or_else(|| {
                    AppError::no(format!("{} is not published: name a --file", past.workflow))
                })?;
                let stored = workflows::definition(&mut tx, (row.id, version)).await?;
                {
                    let (workflow, number) = (row.id, version);
                    let numbers = Numbers {
                        workflow,
                        version: number,
                    };
                    Program::compile(&stored, numbers, &info).map_err(|problems| {
                        let first = problems.first().map(ToString::to_string);
                        AppError::no(first.unwrap_or_default())
                    })?
                }
            }
        };
        let window = (past.from, past.until);
        let of = (tenant.id, number);
        let log = backtest::events(&mut tx, of, window, CHANGES, MOST_EVENTS + 1).await?;
        if log.len() > MOST_EVENTS as usize {
            let text =
                format!("the window holds more than {MOST_EVENTS} events: take a shorter one");
            return Err(AppError::no(text));
        }
        let whose: BTreeSet<Uuid> = log.iter().map(|event| event.contact).collect();
        let mut now = Vec::with_capacity(whose.len());
        let mut wanted = Wanted::default();
        wanted.add(&Reads {
            all_contact: true,
            ..Reads::default()
        });
        for ids in whose.iter().copied().collect::<Vec<_>>().chunks(PAGE) {
            let ids: Vec<(&str, Uuid)> = ids.iter().map(|id| (&*tenant.name, *id)).collect();
            let page = contacts::load(&mut tx, &wanted, &ids).await?;
            now.extend(
                page.into_iter()
                    .map(|(id, fields)| Contact::new(id, fields)),
            );
        }
        let gone = whose.len() - now.len();
        let real = match past.compare {
            true => {
                let of = (&*tenant.name, &*past.workflow);
                Some(backtest::paths(&mut tx, of, window).await?)
            }
            false => None,
        };
        drop(tx);
        let lacking = lacking(&program, &log, past.until);
        let (contacts, events) = (back_then(now, &log), lines(&log, past.until));
        let count = (events.len(), contacts.len());
        let options = Options {
            from: Some(past.from),
            until: Some(past.until),
            seed: 0,
            tenant: Some(tenant.id),
            results: past.results,
            ..Options::default()
        };
        let mut ways: HashMap<Uuid, RealPath> = HashMap::new();
        let programs = [program];
        let keep = |row: Row| {
            if let (true, Some(id)) = (real.is_some(), row.execution_id) {
                let contact = row.contact_id.parse().unwrap_or_default();
                let entries = Vec::new();
                let way = ways.entry(id).or_insert(RealPath { contact, entries });
                if row.event != "enrollment:blocked" {
                    let step = row.step_id.clone().unwrap_or_default();
                    way.entries.push((row.event.to_owned(), step));
                }
            }
            sink(row);
        };
        let summary = Simulation::new(&programs, contacts, options, keep).run(events);
        Ok(Outcome {
            summary,
            events: count.0,
            contacts: count.1,
            lacking,
            approximated: approximated(gone),
            comparison: real.map(|real| compare(&real, &ways)),
        })
    }
}

fn of_file(
    file: &Checked,
    workflow: &str,
    numbers: (i32, i32),
    info: &TenantInfo,
) -> AppResult<Program> {
    let source = file.source.as_ref().filter(|_| file.is_valid());
    let source: &Source = source.ok_or_else(|| {
        let text = format!("{} cannot run: `waypost validate` says why", file.file);
        AppError::no(text)
    })?;
    if source.definition.id != workflow {
        let (file, id) = (&file.file, &source.definition.id);
        let text = format!("{file} defines the workflow {id:?}, not {workflow:?}");
        return Err(AppError::usage(text));
    }
    let (workflow, version) = numbers;
    Program::compile(&source.definition, Numbers { workflow, version }, info)
        .map_err(|problems| AppError::no(source.findings(problems).to_string()))
}

/// The contacts as they were when the window began: what the log says of later changes, undone.
fn back_then(now: Vec<Contact>, log: &[LoggedEvent]) -> Vec<ContactLine> {
    let mut all: HashMap<Uuid, Contact> = now.into_iter().map(|one| (one.id, one)).collect();
    for event in log.iter().rev().filter(|event| is_change(event)) {
        if let (Some(contact), Some(old)) =
            (all.get_mut(&event.contact), fields(event.old.as_ref()))
        {
            for (name, value) in old {
                contact.set(name, value.clone());
            }
        }
    }
    let mut lines: Vec<ContactLine> = all
        .into_values()
        .map(|contact| ContactLine {
            id: contact.id.to_string(),
            contact,
        })
        .collect();
    lines.sort_by_key(|line| line.contact.id);
    lines
}

fn is_change(event: &LoggedEvent) -> bool {
    CHANGES.contains(&&*event.kind)
}

fn fields(row: Option<&Value>) -> Option<&Map<String, Value>> {
    row?.as_object()
}

/// The events of the window. What executions of the workflow itself did to a contact, they do again.
///
/// At one instant a contact has all that changed then before the first event of it is looked at, as it has
/// when a worker loads it.
fn lines(log: &[LoggedEvent], until: Instant) -> Vec<EventLine> {
    let happened = log
        .iter()
        .filter(|event| !event.own && event.occurred_at < until);
    let mut first: HashMap<(Uuid, Instant), usize> = HashMap::new();
    let mut lines: Vec<EventLine> = Vec::new();
    for (n, event) in happened.enumerate() {
        let at = *first.entry((event.contact, event.occurred_at)).or_insert(n);
        lines.push(EventLine {
            line: n + 1,
            id: Some(event.id.to_string()),
            kind: event.kind.clone(),
            contact_id: Some(event.contact.to_string()),
            occurred_at: event.occurred_at,
            data: event.data.clone(),
            old: event.old.clone(),
            new: event.new.clone(),
            set: Map::new(),
            told: true,
        });
        if let (true, Some(new)) = (is_change(event), fields(event.new.as_ref())) {
            lines[at].set.extend(new.clone());
        }
    }
    lines
}

/// Event types that are listened to and did not happen.
fn lacking(program: &Program, log: &[LoggedEvent], until: Instant) -> Vec<String> {
    let mut wanted: BTreeSet<String> = program.triggers.iter().map(|t| t.kind.clone()).collect();
    wanted.extend(program.interests().into_iter().map(|(kind, _)| kind));
    for event in log.iter().filter(|event| event.occurred_at < until) {
        wanted.remove(&event.kind);
    }
    wanted.into_iter().collect()
}

fn approximated(gone: usize) -> Vec<String> {
    let mut said = vec![
        "contacts are as they are now, with the changes that the log tells undone; changes that nobody \
         listened to then are not in it"
            .to_owned(),
        "executions and enrollments from before the window are not known, nor are those made by hand, nor \
         suppression lists".to_owned(),
        "timers fired as they did then; outside actions end well and empty unless --results says otherwise"
            .to_owned(),
    ];
    if gone > 0 {
        said.push(format!(
            "{gone} contacts of the log are deleted, and enrol nowhere"
        ));
    }
    said
}

fn compare(real: &HashMap<Uuid, RealPath>, ways: &HashMap<Uuid, RealPath>) -> Comparison {
    let mut all: Vec<Uuid> = real.keys().chain(ways.keys()).copied().collect();
    all.sort_unstable();
    all.dedup();
    let mut found = Comparison::default();
    for id in all {
        let (was, is) = (real.get(&id), ways.get(&id));
        let entries = |path: Option<&RealPath>| path.map(|path| path.entries.clone());
        let (before, now) = (entries(was), entries(is));
        match (&before, &now) {
            (Some(_), None) => found.only_real += 1,
            (None, Some(_)) => found.only_backtest += 1,
            _ if before == now => {
                found.same += 1;
                continue;
            }
            _ => found.different += 1,
        }
        if found.examples.len() < MOST_DIFFERENCES {
            let (before, now) = (before.unwrap_or_default(), now.unwrap_or_default());
            let at = before.iter().zip(&now).take_while(|(a, b)| a == b).count();
            let said = |path: &[(String, String)]| {
                path.get(at)
                    .map(|(event, step)| format!("{event} {step}").trim_end().to_owned())
            };
            found.examples.push(Difference {
                execution_id: id,
                contact_id: was.or(is).map(|path| path.contact).unwrap_or_default(),
                real: said(&before),
                backtest: said(&now),
            });
        }
    }
    found
}
