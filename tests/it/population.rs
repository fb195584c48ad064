//! A population on the virtual clock: 25,000 contacts and 70,000 events over 18 months, in time and in memory.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use waypost::{
    catalog::parse,
    engine::{
        program::{Numbers, Program, TenantInfo},
        simulate::{self, Options, Simulation},
    },
};

const CONTACTS: usize = 25_000;
const EVENTS: usize = 70_000;
/// The most that it may take, in any build.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most memory of the process, in MiB; the input alone is some 100.
const MEMORY: u64 = 1_500;

fn program() -> Program {
    let text = include_str!("../../examples/abandoned-cart.json");
    let source = parse::read(text, "abandoned-cart.json").unwrap();
    let info = TenantInfo {
        name: "default".into(),
        timezone: chrono_tz::UTC,
    };
    let numbers = Numbers {
        workflow: 1,
        version: 1,
    };
    Program::compile(&source.definition, numbers, &info).unwrap()
}

/// Most of this process's memory so far, in MiB; none where the system does not tell.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

/// Time that this process has computed: others on the machine do not count. None where the system does not tell.
fn computed() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

#[test]
fn a_population_goes_through_eighteen_months_in_half_a_minute() {
    let contacts: String = (0..CONTACTS)
        .map(|n| {
            let zone = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu"][n % 3];
            let line = json!({"id": format!("c{n}"), "firstName": format!("N{n}"), "email": format!("{n}@example.com"),
                "timezone": zone, "tags": ["shop"], "score": n % 100});
            format!("{line}\n")
        })
        .collect();
    let start: DateTime<Utc> = "2025-01-01T00:00:00Z".parse().unwrap();
    let minutes = 18 * 30 * 24 * 60;
    let events: String = (0..EVENTS)
        .map(|n| {
            let at = start + TimeDelta::minutes((n * minutes / EVENTS) as i64);
            let contact = format!("c{}", n * 7_919 % CONTACTS);
            // Every fifth is a purchase, which ends what it meets.
            let line = match n % 5 {
                0 => json!({"type": "order.placed", "contact_id": contact, "occurred_at": at,
                    "set": {"lastPurchaseDate": at}}),
                _ => json!({"type": "form.abandoned", "contact_id": contact, "occurred_at": at,
                    "data": {"formId": "checkout-form", "formName": "Checkout"}}),
            };
            format!("{line}\n")
        })
        .collect();
    let programs = [program()];
    let begun = Instant::now();
    let contacts = simulate::contacts(&contacts).unwrap();
    let events = simulate::events(&events).unwrap();
    let mut rows = 0_u64;
    let simulation = Simulation::new(&programs, contacts, Options::default(), |_| rows += 1);
    let summary = simulation.run(events);
    let took = computed().unwrap_or_else(|| begun.elapsed());
    println!("{rows} rows in {took:?}, {:?} MiB", most_memory());
    assert!(summary.total_enrollments > 20_000, "{summary:?}");
    assert_eq!(
        (summary.active_enrollments, summary.failed_enrollments),
        (0, 0)
    );
    assert!(took < PATIENCE, "{took:?}");
    assert!(
        most_memory().is_none_or(|most| most < MEMORY),
        "{:?} MiB",
        most_memory()
    );
}
