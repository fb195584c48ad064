//! A population on the virtual clock, as `waypost simulate` would run it: files in, a JSON line a row out.

use std::{fmt::Write, path::Path, time::Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Bench, Case, Figure, Sample};
use crate::app::{
    AppError, AppResult,
    definitions::check_text,
    simulate::{World, simulate},
};

/// The workflow that they go through.
const DEFINITION: &str = include_str!("../../../../examples/abandoned-cart.json");
/// The virtual time: 18 months.
const MINUTES: u64 = 18 * 30 * 24 * 60;

/// So many contacts and events.
pub(super) struct Simulate {
    contacts: u32,
    events: u32,
}

impl Simulate {
    pub(super) fn new(bench: &Bench<'_>) -> Self {
        Self {
            contacts: bench.size(None, 25_000, 250),
            events: bench.size(None, 70_000, 700),
        }
    }

    fn one(&self) -> AppResult<Sample> {
        let folder =
            std::env::temp_dir().join(format!("waypost-bench-{}", Uuid::new_v4().simple()));
        let unwritable =
            |error: std::io::Error| AppError::no(format!("{}: {error}", folder.display()));
        std::fs::create_dir(&folder).map_err(unwritable)?;
        let measured = self.in_folder(&folder);
        std::fs::remove_dir_all(&folder).map_err(unwritable)?;
        measured
    }

    fn in_folder(&self, folder: &Path) -> AppResult<Sample> {
        let write = |name: &str, text: String| {
            let file = folder.join(name);
            let written = std::fs::write(&file, text);
            written
                .map(|()| file)
                .map_err(|error| AppError::no(error.to_string()))
        };
        let world = World {
            contacts: write("contacts.jsonl", self.people())?,
            events: Some(write("events.jsonl", self.happenings())?),
            results: None,
            suppressions: None,
            from: None,
            until: None,
            seed: 0,
            tenant: "bench".to_owned(),
        };
        let begun = Instant::now();
        let checked = check_text(DEFINITION, "abandoned-cart.json");
        let (mut rows, mut bytes) = (0_u64, 0);
        let summary = simulate(&checked, &[], &world, |row| {
            rows += 1;
            // Written as the command writes it, to nowhere.
            bytes += serde_json::to_string(&row).map_or(0, |line| line.len());
        })?;
        let took = begun.elapsed().as_secs_f64();
        if summary.total_enrollments == 0 || bytes == 0 {
            return Err(AppError::no("nobody was enrolled in the simulation"));
        }
        Ok(Sample::default()
            .with("seconds", took)
            .with("rows_per_s", rows as f64 / took))
    }

    fn people(&self) -> String {
        let mut lines = String::new();
        for n in 0..self.contacts {
            let zone = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu"][n as usize % 3];
            let line = json!({"id": format!("c{n}"), "firstName": format!("N{n}"),
                "email": format!("{n}@example.com"), "timezone": zone, "tags": ["shop"], "score": n % 100});
            let _ = writeln!(lines, "{line}");
        }
        lines
    }

    /// Forms that are left; every fifth event is a purchase, which ends what it meets.
    fn happenings(&self) -> String {
        let start = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
        let mut lines = String::new();
        for n in 0..u64::from(self.events) {
            let minutes = n * MINUTES / u64::from(self.events);
            let at = start + TimeDelta::minutes(i64::try_from(minutes).unwrap_or(0));
            let contact = format!("c{}", n * 7_919 % u64::from(self.contacts));
            let line = match n % 5 {
                0 => json!({"type": "order.placed", "contact_id": contact, "occurred_at": at,
                    "set": {"lastPurchaseDate": at}}),
                _ => json!({"type": "form.abandoned", "contact_id": contact, "occurred_at": at,
                    "data": {"formId": "checkout-form", "formName": "Checkout"}}),
            };
            let _ = writeln!(lines, "{line}");
        }
        lines
    }
}

impl Case for Simulate {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("seconds", "s").at_most(5.0),
            Figure::new("rows_per_s", "/s"),
        ]
    }

    fn sizes(&self) -> Value {
        json!({"contacts": self.contacts, "events": self.events, "virtual_months": 18})
    }

    fn run<'a>(&'a mut self, _: &'a Bench<'a>) -> LocalBoxFuture<'a, AppResult<Sample>> {
        Box::pin(std::future::ready(self.one()))
    }
}
