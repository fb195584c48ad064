//! What inputs are made from: the examples, the fixtures, and words of the languages.

use std::{fs, path::Path};

use serde_json::Value;
use waypost::catalog::parse;

use super::root;

fn files(dir: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.is_file());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Inputs that a target once failed with.
pub fn found(target: &str) -> Vec<Vec<u8>> {
    files(&root().join("tests/fixtures/fuzz").join(target))
}

/// Whole definitions, good and bad.
pub fn definitions() -> Vec<Vec<u8>> {
    let mut all = files(&root().join("examples"));
    let mut bad = files(&root().join("tests/fixtures/bad"));
    bad.retain(|text| text.len() > 20);
    all.append(&mut bad);
    for page in files(&root().join("tests/fixtures/findings")) {
        let page = String::from_utf8(page).unwrap();
        let blocks = page.split("```").skip(1).step_by(2);
        all.extend(
            blocks
                .filter_map(|block| block.split_once('\n'))
                .map(|(_, text)| {
                    let head = if text.starts_with("id:") {
                        ""
                    } else {
                        "id: x\n"
                    };
                    format!("{head}{text}").into_bytes()
                }),
        );
    }
    all
}

/// Everything of the definitions that `take` finds in their values.
fn gathered(take: &dyn Fn(&Value) -> Option<String>) -> Vec<Vec<u8>> {
    fn walk(value: &Value, take: &dyn Fn(&Value) -> Option<String>, all: &mut Vec<Vec<u8>>) {
        all.extend(take(value).map(String::into_bytes));
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(item, take, all)),
            Value::Object(members) => members.values().for_each(|item| walk(item, take, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    for text in definitions() {
        let text = String::from_utf8_lossy(&text).into_owned();
        if let Ok(source) = parse::read(&text, "") {
            walk(&source.value, take, &mut all);
        }
    }
    all.sort();
    all.dedup();
    all
}

/// Templates.
pub fn templates() -> Vec<Vec<u8>> {
    let own = [
        "Hello {{ contact.firstName | default: \"there\" }}, {% if contact.score > 3 %}thank you{% else %}bye{% endif %}",
        "{% for tag in contact.tags %}{{ forloop.index }} {{ tag | upcase }}{% unless forloop.last %}, {% endunless %}{% endfor %}",
        "{{ contact.score | times: 3 | divided_by: 7 | round: 2 }} {{ contact.lastPurchaseDate | date: \"%d.%m.%Y\", \"Europe/Berlin\" }}",
        "{% assign x = vars.total | plus: 1 %}{{ x }} {{ contact.tags | join: \", \" }} {{ contact.email | split: \"@\" | last }}",
        "{% case contact.plan %}{% when 'gold' %}1{% when 'free', 'none' %}2{% else %}3{% endcase %}{% raw %}{{ x }}{% endraw %}",
        "{{ event.data.items[0].price }} {{ contact.custom['a b'] }} {{ steps.a.result.body | json }} {# no #}",
    ];
    let mut all = gathered(&|value| {
        value
            .as_str()
            .filter(|text| text.contains("{{"))
            .map(str::to_owned)
    });
    all.extend(own.iter().map(|text| text.as_bytes().to_vec()));
    all
}

/// Conditions, as JSON.
pub fn conditions() -> Vec<Vec<u8>> {
    let own = [
        r#"{"operator":"AND","conditions":[{"field":"contact.score","operator":"between","value":[1,"10.5"]},{"operator":"NOT","conditions":[{"field":"contact.tags","operator":"includes_any","value":["a","b"]}]}]}"#,
        r#"{"field":"contact.lastPurchaseDate","operator":"newer_than","value":{"amount":3,"unit":"days"}}"#,
        r#"{"field":"contact.email","operator":"matches_regex","value":"^[a-z]+@(x|y)\\.com$"}"#,
        r#"{"field":"contact.birthDate","operator":"after_date","value":"{{ execution.enrolledAt }}"}"#,
        r#"{"operator":"OR","conditions":[{"field":"event.data.amount","operator":"greater_than","value":99.99},{"field":"new.plan","operator":"changed_to","value":"gold"}]}"#,
    ];
    let mut all = gathered(&|value| {
        let is = value.get("operator").is_some() || value.get("conditions").is_some();
        is.then(|| value.to_string())
    });
    all.extend(own.iter().map(|text| text.as_bytes().to_vec()));
    all
}

/// Dates, spans and zones.
pub fn dates() -> Vec<Vec<u8>> {
    let own = [
        "2026-12-31",
        "2026-12-31T09:00:00Z",
        "2026-03-29T02:30:00",
        "2026-03-29 02:30:00.123456",
        "2026-10-25T02:30:00+02:00",
        "2024-02-29",
        "2011-12-30T12:00:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "2026-01-01T00:00:00-12:00",
        "24 hours",
        "3 days",
        "2 weeks",
        "1 month",
        "15 minutes",
        "1000 milliseconds",
        "1 year",
        "09:30",
        "2026-W01-1",
        "20260101",
    ];
    own.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Cron patterns.
pub fn crons() -> Vec<Vec<u8>> {
    let own = [
        "0 9 * * 1-5",
        "*/15 8-18 * * *",
        "30 2 31 3,10 *",
        "0 0 29 2 *",
        "0 12 L * *",
        "@daily",
        "@weekly",
        "0 30 2 * * SUN",
        "15 10 * JAN-MAR MON,WED,FRI",
        "0 0 0 1 1 * 2027-2030",
        "59 59 23 31 12 7",
    ];
    own.iter().map(|text| text.as_bytes().to_vec()).collect()
}
