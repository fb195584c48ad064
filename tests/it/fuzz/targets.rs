//! The targets: bytes in, and a promise kept.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use waypost::{
    catalog::{finding::Findings, parse},
    engine::{
        check::{self, Known, codes, overlap},
        program::{Numbers, Program, TenantInfo},
        simulate::{self, Options, Simulation},
    },
    model::{
        condition::{Condition, ConditionSpec},
        cron::Cron,
        reads::Reads,
        scope::MapScope,
        span::Span,
        template::{Escape, MAX_OUTPUT, Template},
        zone::{instant_text, parse_datetime},
    },
};

const ZONES: [Tz; 5] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kathmandu,
    Tz::Pacific__Apia,
];

fn now() -> DateTime<Utc> {
    "2026-03-28T23:30:00Z".parse().unwrap()
}

fn scope() -> MapScope {
    MapScope(json!({
        "contact": {"firstName": "Ada", "first_name": "Ada", "email": "ada@example.com", "score": 12.5, "plan": "gold",
            "tags": ["a", "b"], "last_purchase_date": "2026-03-27T10:00:00Z", "birth_date": "1990-02-28"},
        "event": {"type": "form.submitted", "data": {"amount": "19.99", "items": [{"price": 3}, {}]}},
        "old": {"plan": "free"}, "new": {"plan": "gold"},
        "vars": {"total": "12345678901234567890.12", "x": null},
        "steps": {"a": {"result": {"body": {"level": 3}}}},
    }))
}

/// Whatever is read has findings with a place and a known code; what has no error runs.
pub fn definition(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let codes: BTreeSet<&str> = codes::all().map(|(code, _)| code).collect();
    let sound = |found: &Findings| {
        for finding in &found.list {
            assert!(codes.contains(finding.code), "{}", finding.code);
            assert!(finding.line >= 1 && finding.column >= 1);
            assert!(!finding.message.is_empty());
        }
    };
    for file in ["x", "x.json", "x.yaml"] {
        let source = match parse::read(&text, file) {
            Ok(source) => source,
            Err(found) => {
                sound(&found);
                assert!(found.has_errors(), "refused without an error");
                continue;
            }
        };
        let known = Known {
            templates: Some(BTreeSet::new()),
            fields: Some(BTreeSet::new()),
            now: Some(now()),
        };
        let found = check::check_for(&source, &known);
        sound(&found);
        let own = overlap::Messaging::of(&source.definition);
        assert!(own.overlap(&own).is_none());
        let info = TenantInfo {
            name: "default".into(),
            timezone: Tz::UTC,
        };
        let numbers = Numbers {
            workflow: 1,
            version: 1,
        };
        let program = Program::compile(&source.definition, numbers, &info);
        if found.has_errors() {
            continue;
        }
        run(program.expect("the checker found no error"));
        // What is stored reads the same.
        let stored = serde_json::to_value(&source.definition).unwrap();
        let again = parse::Source::from_value(stored, "x").expect("what was read is written");
        assert_eq!(again.definition, source.definition);
    }
}

/// A contact goes through it, up to a month.
fn run(program: Program) {
    let contacts =
        r#"{"id": "a", "firstName": "Ada", "email": "ada@example.com", "tags": ["x"], "score": 3}"#;
    let contacts = simulate::contacts(contacts).unwrap();
    let kinds: BTreeSet<String> = program.triggers.iter().map(|t| t.kind.clone()).collect();
    let events: String = kinds
        .iter()
        .map(|kind| {
            let line = json!({"type": kind, "contact_id": "a", "occurred_at": "2026-03-28T23:30:00Z",
                "data": {"formId": "a", "amount": 5}, "old": {}, "new": {"tags": []}});
            format!("{line}\n")
        })
        .collect();
    let Ok(events) = simulate::events(&events) else {
        return; // a type of blanks alone
    };
    let options = Options {
        from: Some(now()),
        until: Some(now() + chrono::TimeDelta::days(31)),
        ..Options::default()
    };
    let programs = [program];
    let mut rows = 0_u64;
    Simulation::new(&programs, contacts, options, |_| rows += 1).run(events);
    assert!(rows < 1_000_000, "{rows} rows of one contact");
}

/// A template that compiles renders within its limits or says why not, the same each time.
pub fn template(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(template) = Template::compile(&text) else {
        return;
    };
    template.reads(&mut Reads::default());
    let scope = scope();
    let first = template.render(&scope, now(), Tz::Europe__Berlin, Escape::Html);
    if let Ok(text) = &first {
        assert!(text.len() <= MAX_OUTPUT, "{} bytes", text.len());
    }
    let again = template.render(&scope, now(), Tz::Europe__Berlin, Escape::Html);
    assert_eq!(first, again);
}

/// A condition that compiles answers, and its trace says the same.
pub fn condition(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let spec: Value = serde_json::from_str(&text).unwrap_or_else(|_| {
        json!({
            "field": "contact.email", "operator": "matches_regex", "value": text,
        })
    });
    let condition = match Condition::compile(&ConditionSpec(spec)) {
        Ok(condition) => condition,
        Err(problems) => return assert!(!problems.is_empty()),
    };
    condition.reads(&mut Reads::default());
    let scope = scope();
    for tz in ZONES {
        let holds = condition.eval(&scope, now(), tz);
        assert_eq!(condition.eval_traced(&scope, now(), tz).0, holds);
        if let Some(flip) = condition.next_flip(&scope, now(), tz) {
            assert!(flip > now(), "{flip}");
        }
    }
}

/// What reads as a date-time is written and read as the same; a span moves time forward, and back again.
pub fn date(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for tz in ZONES {
        if let Some(at) = parse_datetime(&text, tz) {
            let written = instant_text(at);
            assert_eq!(parse_datetime(&written, tz), Some(at), "{written}");
        }
        if let Ok(span) = Span::parse(&text) {
            assert!(span.add(now(), tz) >= now());
            assert!(span.sub(now(), tz) <= now());
        }
    }
    if let Ok(value) = serde_json::from_str::<Value>(&text) {
        let _ = Span::from_value(&value);
    }
}

/// A pattern that reads has occurrences, each later than the one before, and its text reads as the same.
pub fn cron(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(cron) = Cron::parse(&text) else {
        return;
    };
    let again = Cron::parse(cron.text()).expect("what was read reads again");
    for tz in ZONES {
        let mut last = now();
        for at in cron.upcoming(now(), tz).take(50) {
            assert!(at > last, "{at} after {last}");
            assert_eq!(again.next_after(last, tz), Some(at));
            last = at;
        }
    }
}
