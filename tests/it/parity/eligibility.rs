//! `engine::eligibility::decide` says what `waypost.enroll_batch` says, reasons and numbers included.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use sqlx::{PgConnection, Row};
use uuid::Uuid;
use waypost::{
    engine::{
        contact::Contact,
        eligibility::{Candidate, Verdict, decide},
        program::{Numbers, Program, TenantInfo},
        suppression::{self, Entry, Kind},
    },
    model::{ids, span::Span, workflow::WorkflowStatus},
    store::enroll::{self, RateLimit},
};

use super::{World, dice::Dice, world::checked};
use crate::support::House;

/// Workflows, each with rules of its own, and how many contacts ask each to be let in.
const WORKFLOWS: usize = 60;
const ASKING: usize = 12;
/// The tenant's zone, for contacts without one.
const HOME: Tz = chrono_tz::Europe::Berlin;
/// Zones with and without summer time; Lord Howe's moves by half an hour.
const ZONES: [Option<&str>; 6] = [
    None,
    Some("America/New_York"),
    Some("Australia/Lord_Howe"),
    Some("Asia/Kathmandu"),
    Some("UTC"),
    Some("No/Such_Zone"),
];
/// Around these the clocks change, a month is short, a day is a leap day.
const TIMES: [&str; 8] = [
    "2024-03-10T07:30:00Z",
    "2024-03-31T01:30:00Z",
    "2024-10-27T00:30:00Z",
    "2024-11-03T05:30:00Z",
    "2024-04-07T15:15:00Z",
    "2024-02-29T12:00:00Z",
    "2024-12-31T23:59:59.999Z",
    "2024-05-31T22:00:00Z",
];
const SPANS: [&str; 12] = [
    "1 day",
    "1 month",
    "2 weeks",
    "1 year",
    "3 hours",
    "90 minutes",
    "1.5 hours",
    "30 seconds",
    "7 days",
    "12 months",
    "0 days",
    "25 hours",
];

/// What one contact brings along.
struct Asking {
    contact: Uuid,
    exists: bool,
    zone: Option<&'static str>,
    key: Option<String>,
    data: Value,
    /// Starts of its past executions, oldest first.
    past: Vec<DateTime<Utc>>,
    /// A live execution: its enrollment key, and whether it has begun (then `past` holds its start).
    live: Option<(String, bool)>,
    rate: Option<(u32, Option<Span>)>,
    email: Option<&'static str>,
    phone: Option<&'static str>,
    now: DateTime<Utc>,
}

/// Who is suppressed, by list; SQL and Rust take the same entries.
fn suppressions() -> Vec<Entry> {
    let entry = |kind, value: &str, list: &str| Entry {
        kind,
        value: value.into(),
        list: list.into(),
        reason: (list == "global").then(|| "asked to".into()),
        expires_at: None,
    };
    let mut over = entry(Kind::Email, "over@example.com", "global");
    over.expires_at = Some("2024-03-31T01:30:00Z".parse().unwrap());
    vec![
        entry(Kind::Email, " Ada@Example.COM ", "global"),
        entry(Kind::Domain, "@RIVAL.test", "rivals"),
        entry(Kind::Phone, "+49 (30) 123-456", "global"),
        entry(Kind::Email, "ada@example.com", "rivals"),
        over,
    ]
}

/// A span as settings take it.
fn object(dice: &mut Dice) -> Value {
    let (amount, unit) = dice.of(&SPANS).split_once(' ').unwrap();
    let amount: Value = serde_json::from_str(amount).unwrap();
    json!({ "amount": amount, "unit": unit })
}

fn definition(dice: &mut Dice, n: usize) -> Value {
    let mut settings = json!({ "allowMultipleEnrollments": dice.once_in(3) });
    if dice.once_in(2) {
        settings["enrollmentLimit"] = json!(1 + dice.below(3));
        if dice.once_in(2) {
            settings["enrollmentWindow"] = object(dice);
        }
    }
    if dice.once_in(2) {
        settings["reEnrollmentDelay"] = object(dice);
    }
    match dice.below(4) {
        0 => settings["suppressionLists"] = json!([]),
        1 => settings["suppressionLists"] = json!(["rivals"]),
        _ => {}
    }
    let mut whole = json!({ "id": format!("w{n}"), "enrollmentSettings": settings,
        "actions": [{ "id": "s", "type": "add_tag", "config": { "tag": "x" } }] });
    match dice.below(6) {
        0 => whole["enrollmentKey"] = json!("{{ event.data.order.id }}"),
        1 => whole["enrollmentKey"] = json!("{{ event.data.items.1 }}"),
        2 => whole["enrollmentKey"] = json!("o-{{ event.data.order.id }}"),
        _ => {}
    }
    match dice.below(10) {
        0 => whole["startsAt"] = json!(TIMES[1]),
        1 => whole["endsAt"] = json!(TIMES[3]),
        2 => {
            whole["pauseDates"] = json!([
                { "from": TIMES[3], "until": TIMES[6] },
                { "from": TIMES[0], "until": TIMES[1] },
                { "from": TIMES[1], "until": TIMES[4] }]);
        }
        _ => {}
    }
    whole
}

/// `own`: the spans of the rules that it will meet.
fn asking(dice: &mut Dice, n: usize, own: &[Span]) -> Asking {
    let now: DateTime<Utc> = dice.of::<&str>(&TIMES).parse().unwrap();
    let contact = Uuid::from_u128(0xe119_1b1e << 32 | n as u128);
    let zone = *dice.of(&ZONES);
    // Starts at the very edges of the spans, and a moment to either side.
    let mut past: Vec<DateTime<Utc>> = (0..dice.below(4))
        .map(|_| {
            let span = match own {
                [] => Span::parse(dice.of::<&str>(&SPANS)).unwrap(),
                own => *dice.of(own),
            };
            let off = *dice.of(&[0, 0, 0, 1, -1, 3_600_000, -1_800_000]);
            span.sub(now, tz_of(zone)) + TimeDelta::milliseconds(off)
        })
        .collect();
    past.sort_unstable();
    let data = [
        json!({}),
        json!({ "order": { "id": 17 }, "items": ["a", "b"] }),
        json!({ "order": { "id": "k1" }, "items": ["a"] }),
        json!({ "order": { "id": null }, "items": [1, true] }),
        json!({ "order": "k1", "items": { "1": 2.5 } }),
        json!({ "order": { "id": { "n": 17 } }, "items": [0, ["b"]] }),
        json!({ "order": { "id": 17.0 }, "items": [0, "  b\n"] }),
        json!({ "order": { "id": "  " }, "items": [0, 17.50] }),
    ];
    let keys = ["k1", "17", "b"];
    let live = dice.once_in(3).then(|| {
        let key = match dice.below(4) {
            0 => contact.to_string(),
            i => keys[i - 1].to_owned(),
        };
        (key, !past.is_empty() && dice.once_in(2))
    });
    Asking {
        contact,
        exists: !dice.once_in(12),
        zone,
        key: dice.once_in(3).then(|| (*dice.of(&keys)).to_owned()),
        data: dice.of(&data).clone(),
        past,
        live,
        rate: dice.once_in(4).then(|| {
            let window = Span::parse(dice.of::<&str>(&SPANS)).unwrap();
            (
                1 + dice.below(2) as u32,
                (!dice.once_in(3)).then_some(window),
            )
        }),
        email: *dice.of(&[
            None,
            None,
            None,
            None,
            Some("ADA@example.com"),
            Some("bo@rival.test"),
            Some("bo@mail.rival.test"),
            Some("over@example.com"),
        ]),
        phone: *dice.of(&[None, None, None, Some("+49 30 123456"), Some("030 123456")]),
        now,
    }
}

fn tz_of(zone: Option<&str>) -> Tz {
    zone.and_then(|zone| zone.parse().ok()).unwrap_or(HOME)
}

/// Puts the contact's past into the tables.
async fn lay_down(c: &mut PgConnection, tenant: i32, workflow: i32, who: &Asking) {
    if who.exists {
        sqlx::query(
            "insert into crm.contacts (id, timezone, email, phone) values ($1, $2, $3, $4)",
        )
        .bind(who.contact)
        .bind(who.zone)
        .bind(who.email)
        .bind(who.phone)
        .execute(&mut *c)
        .await
        .unwrap();
    }
    let bucket = ids::bucket_of(tenant, who.contact);
    sqlx::query(
        "insert into waypost.enrollments (bucket, tenant_id, contact_id, workflow_id, starts)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(bucket)
    .bind(tenant)
    .bind(who.contact)
    .bind(workflow)
    .bind(&who.past)
    .execute(&mut *c)
    .await
    .unwrap();
    if let Some((key, begun)) = &who.live {
        sqlx::query(
            "insert into waypost.runs (bucket, id, tenant_id, workflow_id, version, contact_id, key, enrolled_at, state)
             values ($1, $2, $3, $4, 1, $5, $6, $7, $8)",
        )
        .bind(bucket)
        .bind(ids::derive(0, bucket, &[&who.contact.to_string(), key]))
        .bind(tenant)
        .bind(workflow)
        .bind(who.contact)
        .bind(key)
        .bind(who.now - TimeDelta::hours(2))
        .bind(if *begun { json!({ "s": true }) } else { json!({}) })
        .execute(c)
        .await
        .unwrap();
    }
}

/// `(outcome, reason, detail)` of the database.
async fn really(
    c: &mut PgConnection,
    tenant: i32,
    workflow: i32,
    who: &Asking,
    source: Uuid,
) -> (String, Value, Value) {
    let limit = who.rate.map(|(count, window)| RateLimit {
        count: i32::try_from(count).unwrap(),
        window: window.map(waypost::store::workflows::stored_span),
    });
    let candidate = enroll::Candidate {
        workflow,
        contact: who.contact,
        key: who.key.clone(),
        source,
        at: who.now,
        envelope: json!({ "data": who.data }).into(),
        priority: None,
        depth: 0,
        limit,
    };
    let answer = enroll::enroll(c, tenant, &[candidate], &[], who.now)
        .await
        .unwrap();
    let answer = answer.into_iter().next().unwrap();
    let reason = answer.reason.filter(|reason| reason != "duplicate");
    (
        answer.outcome,
        json!(reason),
        plain(answer.detail.unwrap_or_default()),
    )
}

/// Instants as such, and spans as the tables hold them.
fn plain(mut detail: Value) -> Value {
    for name in [
        "lastStart",
        "nextAt",
        "until",
        "startsAt",
        "endsAt",
        "expiresAt",
    ] {
        if let Some(at) = detail.get(name).and_then(Value::as_str) {
            let at: DateTime<Utc> = at.parse().unwrap();
            detail[name] = json!(at);
        }
    }
    detail
}

fn decided(
    program: &Program,
    status: WorkflowStatus,
    who: &Asking,
    source: Uuid,
) -> (String, Value, Value) {
    let mut starts = who.past.clone();
    let live: Vec<&str> = who.live.iter().map(|(key, _)| &**key).collect();
    if let Some((_, false)) = who.live {
        starts.push(who.now - TimeDelta::hours(2));
    }
    let mut contact = Contact::unread(who.contact);
    for (name, value) in [("email", who.email), ("phone", who.phone)] {
        contact.set(name, json!(value));
    }
    let lists = &program.rules().suppression_lists;
    let suppressed = suppression::find(&suppressions(), lists, &contact, who.now);
    let candidate = Candidate {
        status,
        contact: who.contact,
        contact_exists: who.exists,
        key: who.key.as_deref(),
        data: &who.data,
        source,
        starts: &starts,
        live: &live,
        rate: who.rate,
        suppressed: suppressed.as_ref(),
    };
    match decide(program.rules(), &candidate, who.now, tz_of(who.zone)) {
        Verdict::Enroll { .. } => ("enrolled".into(), Value::Null, Value::Null),
        Verdict::Duplicate { .. } => ("duplicate".into(), Value::Null, Value::Null),
        Verdict::Blocked { reason, detail } => {
            ("blocked".into(), json!(reason.name()), plain(detail))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_in_rust_are_the_rules_in_sql() {
    let mut dice = Dice::new(7);
    let world = World {
        definitions: (0..WORKFLOWS).map(|n| definition(&mut dice, n)).collect(),
        ..World::default()
    };
    let house = House::new("parity_rules").await;
    world.deploy(&house).await;
    let mut c = house.connect().await;
    sqlx::query("update waypost.tenants set timezone = $1 where name = 't'")
        .bind(HOME.name())
        .execute(&mut c)
        .await
        .unwrap();
    for entry in suppressions() {
        sqlx::query("select waypost.suppress($1, $2, $3, $4, $5)")
            .bind(entry.value)
            .bind(entry.kind.name())
            .bind(entry.list)
            .bind(entry.reason)
            .bind(entry.expires_at)
            .execute(&mut c)
            .await
            .unwrap();
    }
    let info = TenantInfo {
        name: "t".into(),
        timezone: HOME,
    };
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for (n, definition) in world.definitions.iter().enumerate() {
        let name = format!("w{n}");
        let status = match dice.below(12) {
            0 => WorkflowStatus::Paused,
            1 => WorkflowStatus::Archived,
            _ => WorkflowStatus::Active,
        };
        let workflow: i32 =
            sqlx::query("update waypost.workflows set status = $2 where slug = $1 returning id")
                .bind(&name)
                .bind(match status {
                    WorkflowStatus::Paused => "paused",
                    WorkflowStatus::Archived => "archived",
                    _ => "active",
                })
                .fetch_one(&mut c)
                .await
                .unwrap()
                .get(0);
        let source = checked(definition).source.unwrap();
        let numbers = Numbers {
            workflow,
            version: 1,
        };
        let program = Program::compile(&source.definition, numbers, &info).unwrap();
        let rules = program.rules();
        let own: Vec<Span> = rules
            .window
            .into_iter()
            .chain(rules.re_enroll_delay)
            .collect();
        for i in 0..ASKING {
            let who = asking(&mut dice, n * ASKING + i, &own);
            lay_down(&mut c, house.tenant, workflow, &who).await;
            let event = Uuid::from_u128(n as u128);
            let real = really(&mut c, house.tenant, workflow, &who, event).await;
            let pure = decided(&program, status, &who, event);
            assert_eq!(
                real, pure,
                "\n{definition}\nat {} in {:?}, starts {:?}, live {:?}, key {:?} of {}, rate {:?}",
                who.now, who.zone, who.past, who.live, who.key, who.data, who.rate
            );
            *seen
                .entry(real.1.as_str().unwrap_or(&real.0).to_owned())
                .or_default() += 1;
        }
    }
    println!("{seen:?}");
    for outcome in [
        "enrolled",
        "duplicate",
        "enrollment_limit",
        "re_enrollment_delay",
        "rate_limited",
        "key_required",
        "unknown_contact",
        "workflow_paused",
        "workflow_archived",
        "workflow_not_started",
        "workflow_ended",
        "paused_dates",
        "suppressed",
    ] {
        assert!(
            seen.contains_key(outcome),
            "{outcome} never came up: {seen:?}"
        );
    }
}
