//! What `waypost simulate` prints of the seed's example: one who buys and one who does not.

use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/abandoned-cart.json");
const START: &str = "2026-03-01T09:00:00Z";

/// The lines that the binary prints, each read as JSON.
fn simulate(contacts: &str, events: &str, more: &[&str]) -> Vec<Value> {
    let dir = std::env::temp_dir().join(format!("waypost-printed-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (people, facts) = (dir.join("contacts.jsonl"), dir.join("events.jsonl"));
    std::fs::write(&people, contacts).unwrap();
    std::fs::write(&facts, events).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(["simulate", EXAMPLE, "--json", "--contacts"])
        .arg(&people)
        .arg("--events")
        .arg(&facts)
        .args(more)
        .env_remove("DATABASE_URL")
        .output()
        .unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// `(minutes after the start, step or "-", event)` of one contact.
fn path<'a>(rows: &'a [Value], contact: &str) -> Vec<(i64, &'a str, &'a str)> {
    let start: DateTime<Utc> = START.parse().unwrap();
    rows.iter()
        .filter(|row| row["contact_id"] == contact)
        .map(|row| {
            let at: DateTime<Utc> = row["at"].as_str().unwrap().parse().unwrap();
            let step = row["step_id"].as_str().unwrap_or("-");
            (
                (at - start).num_minutes(),
                step,
                row["event"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_buyer_and_a_non_buyer() {
    let contacts = [
        json!({ "id": "buyer", "email": "b@example.com" }),
        json!({ "id": "waverer", "email": "w@example.com" }),
    ];
    let contacts = contacts.map(|line| line.to_string()).join("\n");
    let left = |who: &str| {
        json!({ "type": "form.abandoned", "contact_id": who, "occurred_at": START,
                "data": { "formId": "checkout-form" } })
    };
    let start: DateTime<Utc> = START.parse().unwrap();
    let bought = start + TimeDelta::hours(10);
    let buys = json!({ "type": "payment.successful", "contact_id": "buyer", "occurred_at": bought,
                       "set": { "lastPurchaseDate": bought } });
    let events = [left("buyer"), left("waverer"), buys]
        .map(|line| line.to_string())
        .join("\n");
    let rows = simulate(&contacts, &events, &[]);

    let (hour, day) = (60, 25 * 60);
    let begin = [
        (0, "-", "execution:created"),
        (0, "-", "execution:started"),
        (0, "wait-1hr", "execution:waiting"),
        (hour, "wait-1hr", "step:completed"),
        (hour, "send-email-1", "action:dispatched"),
        (hour, "send-email-1", "step:completed"),
        (hour, "wait-24hr", "execution:waiting"),
    ];
    let leaves = [
        (10 * hour, "-", "goal:achieved"),
        (10 * hour, "-", "execution:exited"),
    ];
    assert_eq!(path(&rows, "buyer"), [&begin[..], &leaves].concat());
    let stays = [
        (day, "wait-24hr", "step:completed"),
        (day, "check-purchase", "step:completed"),
        (day, "send-email-2", "action:dispatched"),
        (day, "send-email-2", "step:completed"),
        (day, "-", "execution:completed"),
    ];
    assert_eq!(path(&rows, "waverer"), [&begin[..], &stays].concat());

    let check = rows
        .iter()
        .find(|row| row["step_id"] == "check-purchase")
        .unwrap();
    assert_eq!(check["detail"]["branch"], json!(false), "{check}");
    let (last, rows) = rows.split_last().unwrap();
    assert_eq!(
        last["summary"],
        json!({ "total_enrollments": 2, "active_enrollments": 0, "completed_enrollments": 1,
                "failed_enrollments": 0, "exited_enrollments": 1, "goal_achievements": 1,
                "average_completion_time": 25.0 * 3_600.0 })
    );
    // In time order, one execution to a contact, and UTC with Z.
    let times: Vec<&str> = rows.iter().map(|row| row["at"].as_str().unwrap()).collect();
    assert!(
        times.is_sorted() && times.iter().all(|at| at.ends_with('Z')),
        "{times:?}"
    );
    let ids: std::collections::BTreeSet<&str> = rows
        .iter()
        .map(|row| row["execution_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 2);

    // The window is open at its end: what falls due there does not happen.
    let until = (start + TimeDelta::hours(1)).to_rfc3339();
    let rows = simulate(&contacts, &events, &["--until", &until]);
    assert_eq!(path(&rows, "waverer"), begin[..3]);
    assert_eq!(
        rows.last().unwrap()["summary"]["active_enrollments"],
        json!(2)
    );
}
