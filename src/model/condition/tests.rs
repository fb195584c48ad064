//! Conditions, row by row.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::scope::MapScope;

fn scope() -> MapScope {
    MapScope(json!({
        "contact": {
            "email": "ann@example.com", "first_name": "Ann", "tags": ["VIP", "newsletter"],
            "last_purchase_date": "2024-05-01T10:00:00Z", "birth_date": "1990-02-28",
            "score": 7, "price": "19.99", "empty": "", "none": [], "gone": null, "opted": true,
        },
        "event": {"type": "order.created", "data": {"total": 120.5, "items": [{"sku": "x1"}]}},
        "old": {"status": "open", "rank": 1}, "new": {"status": "won", "rank": 1.0, "note": "n"},
        "vars": {"limit": 5, "list": ["a", "Ann"], "window": "2 days", "from": "2024-04-01"},
        "secrets": {"key": "s3cr3t"},
    }))
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn compile(spec: Value) -> Condition {
    Condition::compile(&ConditionSpec(spec)).unwrap()
}

fn holds(spec: Value) -> bool {
    let (condition, now) = (compile(spec), at("2024-05-02T09:00:00Z"));
    let plain = condition.eval(&scope(), now, Tz::UTC);
    let (traced, _) = condition.eval_traced(&scope(), now, Tz::UTC);
    assert_eq!(plain, traced);
    plain
}

#[test]
fn leaves() {
    let rows = [
        ("contact.email", "exists", Value::Null, true),
        ("contact.email", "exists", json!(true), true),
        ("contact.email", "exists", json!(false), false),
        ("contact.email", "exists", json!("TRUE"), true),
        ("contact.email", "exists", json!("False"), false),
        ("contact.gone", "exists", Value::Null, false),
        ("contact.empty", "exists", Value::Null, true),
        ("contact.gone", "not_exists", Value::Null, true),
        ("contact.gone", "not_exists", json!(false), false),
        ("contact.empty", "is_empty", Value::Null, true),
        ("contact.none", "is_empty", Value::Null, true),
        ("contact.gone", "is_empty", Value::Null, true),
        ("contact.opted", "is_not_empty", Value::Null, true),
        ("contact.firstName", "equals", json!("Ann"), true),
        ("contact.first_name", "EQUALS", json!("Ann"), true),
        ("{{ contact.firstName }}", "equals", json!("Ann"), true),
        ("contact.firstName", "not_equals", json!("Bob"), true),
        ("contact.gone", "equals", json!("x"), false),
        ("contact.gone", "not_equals", json!("x"), true),
        ("contact.score", "equals", json!("7.0"), true),
        (
            "contact.score",
            "greater_than",
            json!("{{ vars.limit }}"),
            true,
        ),
        (
            "contact.score",
            "less_than",
            json!("{{ vars.limit }}"),
            false,
        ),
        ("contact.score", "greater_or_equal", json!(7), true),
        ("contact.score", "less_or_equal", json!(6.9), false),
        ("contact.price", "less_than", json!(20), true),
        ("contact.price", "between", json!([10, "19.99"]), true),
        (
            "contact.score",
            "between",
            json!({"min": 8, "max": 9}),
            false,
        ),
        ("contact.email", "contains", json!("@example"), true),
        ("contact.email", "not_contains", json!("@example"), false),
        ("contact.gone", "not_contains", json!("x"), true),
        ("contact.tags", "contains", json!("VIP"), true),
        ("contact.email", "starts_with", json!("ann@"), true),
        ("contact.email", "ends_with", json!("{{ '.com' }}"), true),
        (
            "contact.email",
            "matches_regex",
            json!("^[a-z]+@example\\.com$"),
            true,
        ),
        ("contact.score", "matches_regex", json!("7"), false),
        ("contact.firstName", "in", json!(["Bob", "Ann"]), true),
        ("contact.firstName", "in", json!("{{ vars.list }}"), true),
        (
            "contact.firstName",
            "in",
            json!(["{{ contact.first_name }}"]),
            true,
        ),
        ("contact.firstName", "not_in", json!(["Bob"]), true),
        ("contact.gone", "in", json!([]), false),
        ("contact.gone", "not_in", json!(["x"]), true),
        ("contact.tags", "in", json!(["x", "VIP"]), true),
        ("contact.tags", "includes", json!("VIP"), true),
        ("contact.tags", "includes", json!("vip"), false),
        ("contact.tags", "not_includes", json!("Gold"), true),
        ("contact.gone", "not_includes", json!("Gold"), true),
        (
            "contact.birthDate",
            "before_date",
            json!("1990-03-01"),
            true,
        ),
        (
            "contact.birthDate",
            "after_date",
            json!("1990-02-28"),
            false,
        ),
        (
            "contact.birthDate",
            "between_dates",
            json!(["1990-01-01", "1990-02-28"]),
            true,
        ),
        (
            "contact.lastPurchaseDate",
            "between_dates",
            json!(["2024-05-01", "2024-05-01"]),
            true,
        ),
        (
            "contact.lastPurchaseDate",
            "after_date",
            json!("{{ vars.from }}"),
            true,
        ),
        (
            "contact.lastPurchaseDate",
            "newer_than",
            json!("24 hours"),
            true,
        ),
        (
            "contact.lastPurchaseDate",
            "newer_than",
            json!("23 hours"),
            true,
        ),
        (
            "contact.lastPurchaseDate",
            "newer_than",
            json!("22 hours"),
            false,
        ),
        (
            "contact.lastPurchaseDate",
            "older_than",
            json!({"amount": 1, "unit": "hours"}),
            true,
        ),
        (
            "contact.lastPurchaseDate",
            "older_than",
            json!("{{ vars.window }}"),
            false,
        ),
        ("contact.gone", "newer_than", json!("1 day"), false),
        ("contact.gone", "older_than", json!("1 day"), false),
        ("contact.firstName", "older_than", json!("1 day"), false),
        ("new.status", "changed", Value::Null, true),
        ("contact.status", "changed", json!(true), true),
        ("new.rank", "changed", Value::Null, false),
        ("new.rank", "changed", json!(false), true),
        ("new.note", "changed", Value::Null, true),
        ("new.status", "changed_to", json!("won"), true),
        ("old.status", "changed_to", json!("open"), false),
        ("new.status", "changed_from", json!("open"), true),
        ("new.rank", "changed_to", json!(1), false),
        ("event.data.items.0.sku", "equals", json!("x1"), true),
        ("event.data.total", "greater_than", json!(120.49), true),
    ];
    for (field, operator, value, want) in rows {
        let mut spec = json!({"field": field, "operator": operator});
        if !value.is_null() {
            spec["value"] = value;
        }
        assert_eq!(holds(spec.clone()), want, "{spec}");
    }
}

#[test]
fn groups() {
    let yes = json!({"field": "contact.email", "operator": "exists"});
    let no = json!({"field": "contact.gone", "operator": "exists"});
    let rows = [
        ("AND", vec![], true),
        ("OR", vec![], false),
        ("NOT", vec![], true),
        ("and", vec![&yes, &yes], true),
        ("AND", vec![&yes, &no], false),
        ("or", vec![&no, &yes], true),
        ("NOT", vec![&no], true),
        ("NOT", vec![&yes], false),
        ("NOT", vec![&no, &yes], false),
        ("NOT", vec![&no, &no], true),
    ];
    for (operator, conditions, want) in rows {
        let spec = json!({"operator": operator, "conditions": conditions});
        assert_eq!(holds(spec.clone()), want, "{spec}");
    }
    assert!(holds(json!({"conditions": [yes]})));
    assert!(
        Condition::compile_all(&[])
            .unwrap()
            .eval(&scope(), Utc::now(), Tz::UTC)
    );
}

/// The abandoned cart's condition, word by word.
#[test]
fn the_abandoned_cart_asks_for_a_purchase_of_the_last_day() {
    let spec = json!({"operator": "AND", "conditions": [
        {"field": "contact.lastPurchaseDate", "operator": "exists"},
        {"field": "contact.lastPurchaseDate", "operator": "newer_than", "value": "24 hours"},
    ]});
    let condition = compile(spec);
    let edge = at("2024-05-02T10:00:00Z");
    assert!(condition.eval(&scope(), edge, Tz::UTC));
    assert!(!condition.eval(&scope(), edge + TimeDelta::microseconds(1), Tz::UTC));
    let flip = condition.next_flip(&scope(), at("2024-05-01T12:00:00Z"), Tz::UTC);
    assert_eq!(flip, Some(edge + TimeDelta::microseconds(1)));
    assert_eq!(
        condition.next_flip(&scope(), edge + TimeDelta::days(1), Tz::UTC),
        None
    );
}

#[test]
fn problems_name_place_and_remedy() {
    let leaf = |operator: &str, value: Value| json!({"field": "contact.email", "operator": operator, "value": value});
    let rows = [
        (json!([]), "", "a condition is an object"),
        (
            json!({"field": "contact.email"}),
            "operator",
            "operator is missing",
        ),
        (
            json!({"operator": "equals", "value": 1}),
            "field",
            "field is missing",
        ),
        (
            json!({"field": "contcat.email", "operator": "exists"}),
            "field",
            "did you mean \"contact.email\"?",
        ),
        (
            leaf("equal", json!(1)),
            "operator",
            "did you mean \"equals\"?",
        ),
        (
            json!({"field": "contact.email", "operator": "equals"}),
            "value",
            "needs a value",
        ),
        (leaf("equals", Value::Null), "value", "not_exists"),
        (
            leaf("exists", json!("maybe")),
            "value",
            "neither true nor false",
        ),
        (
            leaf("newer_than", json!("24")),
            "value",
            "an amount and a unit",
        ),
        (leaf("newer_than", json!(24)), "value", "has no unit"),
        (leaf("before_date", json!("soon")), "value", "no date"),
        (leaf("between", json!([1])), "value", "pair of bounds"),
        (
            leaf("matches_regex", json!("(")),
            "value",
            "no regular expression",
        ),
        (
            leaf("matches_regex", json!("(?=x)")),
            "value",
            "look-around",
        ),
        (
            leaf("matches_regex", json!("{{ vars.x }}")),
            "value",
            "templates are not filled in",
        ),
        (
            leaf("equals", json!("{{ contcat.x }}")),
            "value",
            "did you mean \"contact.x\"?",
        ),
        (leaf("in", json!({"a": 1})), "value", "no list"),
        (
            json!({"field": "contact.email", "operator": "exists", "valeu": 1}),
            "valeu",
            "did you mean \"value\"?",
        ),
        (
            json!({"operator": "ADN", "conditions": []}),
            "operator",
            "did you mean \"AND\"?",
        ),
        (
            json!({"operator": "AND", "conditions": {}}),
            "conditions",
            "no list",
        ),
        (
            json!({"operator": "AND", "conditions": [leaf("exists", json!(true)), leaf("equal", json!(1))]}),
            "conditions[1].operator",
            "did you mean \"equals\"?",
        ),
        (
            json!({"field": "vars.x", "operator": "changed"}),
            "field",
            "no old value",
        ),
    ];
    for (spec, path, text) in rows {
        let problems = Condition::compile(&ConditionSpec(spec.clone())).unwrap_err();
        let found = problems
            .iter()
            .any(|p| p.path == path && p.to_string().contains(text));
        assert!(found, "{spec}: {problems:?}");
    }
}

#[test]
fn nesting_and_size_have_limits() {
    let nested = |depth: usize| {
        (1..depth).fold(
            json!({"field": "contact.email", "operator": "exists"}),
            |inner, _| json!({"operator": "AND", "conditions": [inner]}),
        )
    };
    assert!(holds(nested(MAX_DEPTH)));
    assert!(Condition::compile(&ConditionSpec(nested(MAX_DEPTH + 1))).is_err());
    let leaf = json!({"field": "contact.email", "operator": "exists"});
    let wide = |n: usize| json!({"operator": "AND", "conditions": vec![leaf.clone(); n]});
    assert!(holds(wide(MAX_LEAVES)));
    assert!(Condition::compile(&ConditionSpec(wide(MAX_LEAVES + 1))).is_err());
}

#[test]
fn reads_say_what_matters() {
    let condition = compile(json!({"operator": "OR", "conditions": [
        {"field": "contact.tags", "operator": "includes", "value": "{{ vars.tag }}"},
        {"field": "contact.lastPurchaseDate", "operator": "newer_than", "value": "1 day"},
        {"field": "contact.stage", "operator": "changed_to", "value": "won"},
        {"field": "steps.send-1.result.id", "operator": "exists"},
    ]}));
    let mut reads = Reads::default();
    condition.reads(&mut reads);
    let contact: Vec<&str> = reads
        .contact
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(contact, ["last_purchase_date"]);
    assert!(reads.tags && reads.clock && reads.change && !reads.event);
    assert!(reads.vars.contains("tag") && reads.steps.contains("send-1"));
}

#[test]
fn a_trace_tells_why_and_stays_small() {
    let condition = compile(json!({"operator": "OR", "conditions": [
        {"field": "contact.firstName", "operator": "greater_than", "value": 3},
        {"field": "secrets.key", "operator": "equals", "value": "guess"},
        {"field": "contact.firstName", "operator": "equals", "value": "{{ secrets.key }}"},
        {"field": "new.status", "operator": "changed_to", "value": "won"},
        {"field": "contact.lastPurchaseDate", "operator": "newer_than", "value": "1 day"},
    ]}));
    let (held, trace) = condition.eval_traced(&scope(), at("2024-05-09T00:00:00Z"), Tz::UTC);
    assert!(held);
    assert_eq!(
        serde_json::to_value(&trace).unwrap(),
        json!({
            "operator": "OR", "result": true, "conditions": [
                {"field": "contact.firstName", "operator": "greater_than", "wanted": 3, "found": "Ann",
                 "result": false, "type_mismatch": true},
                {"field": "secrets.key", "operator": "equals", "wanted": "guess", "found": "(secret)", "result": false},
                {"field": "contact.firstName", "operator": "equals", "wanted": "(secret)", "found": "Ann", "result": false},
                {"field": "new.status", "operator": "changed_to", "wanted": "won", "found": "won",
                 "found_old": "open", "result": true},
                {"field": "contact.lastPurchaseDate", "operator": "newer_than", "wanted": "1 day",
                 "found": "2024-05-01T10:00:00Z", "result": false},
            ],
        })
    );

    let long =
        MapScope(json!({"vars": {"x": "ü".repeat(5_000), "y": vec![json!({"a": [[[1]]]}); 500]}}));
    let leaf =
        |field: &str| json!({"field": field, "operator": "equals", "value": "z".repeat(5_000)});
    let spec = json!({"operator": "OR", "conditions": vec![leaf("vars.x"); 300]});
    let (_, trace) = compile(spec).eval_traced(&long, Utc::now(), Tz::UTC);
    let Trace::Group {
        conditions,
        omitted,
        ..
    } = &trace
    else {
        panic!("a group")
    };
    assert_eq!((conditions.len(), *omitted), (200, 100));
    let (_, trace) = compile(leaf("vars.y")).eval_traced(&long, Utc::now(), Tz::UTC);
    assert!(serde_json::to_string(&trace).unwrap().len() < 2_000);

    // A template that finds no bounds is no mistake, and holds of nothing.
    let bounds =
        json!({"field": "contact.score", "operator": "between", "value": "{{ vars.none }}"});
    let (held, trace) = compile(bounds).eval_traced(&scope(), Utc::now(), Tz::UTC);
    let trace = serde_json::to_value(&trace).unwrap();
    assert_eq!((held, &trace["error"]), (false, &Value::Null), "{trace}");

    // What is cut says so, and nothing else does: 20 items, 200 characters, four levels.
    let members = |n: usize| -> Value {
        let all = (0..n).map(|i| (i.to_string(), json!(i)));
        Value::Object(all.collect())
    };
    let mut cut_members = members(20);
    cut_members["…"] = json!("…");
    let mut cut_items: Vec<Value> = vec![json!(0); 20];
    cut_items.push(json!("…"));
    let rows = [
        (json!(vec![0; 20]), json!(vec![0; 20])),
        (json!(vec![0; 21]), json!(cut_items)),
        (members(20), members(20)),
        (members(21), cut_members),
        (json!("x".repeat(200)), json!("x".repeat(200))),
        (json!("x".repeat(201)), json!("x".repeat(200) + "…")),
        (json!([[[[]]]]), json!([[[[]]]])),
        (json!([[[[[]]]]]), json!([[[[[]]]]])),
        (json!([[[[[1]]]]]), json!([[[["…"]]]])),
        (json!([[[[{}]]]]), json!([[[[{}]]]])),
        (json!([[[[{"a": 1}]]]]), json!([[[["…"]]]])),
    ];
    for (value, wanted) in rows {
        let scope = MapScope(json!({ "vars": { "y": value } }));
        let (_, trace) = compile(leaf("vars.y")).eval_traced(&scope, Utc::now(), Tz::UTC);
        let trace = serde_json::to_value(&trace).unwrap();
        assert_eq!(trace["found"], wanted, "{value}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-20i64..20).prop_map(Value::from),
        (-20.0f64..20.0).prop_map(Value::from),
        "[a-c0-9.]{0,3}".prop_map(Value::from),
        Just(json!("2024-05-01")),
        Just(json!("2024-05-01T10:00:00Z")),
        Just(json!("2 days")),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("{{ vars.other }}")),
    ];
    scalar.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-c]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_operator() -> impl Strategy<Value = Operator> {
    (0..Operator::ALL.len()).prop_map(|i| Operator::ALL[i].operator)
}

fn any_negation() -> impl Strategy<Value = Operator> {
    let negations = Operator::ALL
        .iter()
        .map(|row| row.operator)
        .filter(|o| o.positive().1);
    prop::sample::select(negations.collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn no_condition_panics(
        spec in any_value(), field in "[a-z.\\[\\]0]{0,20}", operator in "[a-zA-Z_]{0,14}", value in any_value(),
    ) {
        let _ = Condition::compile(&ConditionSpec(spec.clone()));
        let _ = Condition::compile(&ConditionSpec(json!({"operator": operator, "conditions": spec})));
        let _ = Condition::compile(&ConditionSpec(json!({"field": field, "operator": operator, "value": value})));
    }

    #[test]
    fn every_operator_takes_every_value(
        operator in any_operator(), found in any_value(), wanted in any_value(), other in any_value(),
        seconds in 0i64..2_000_000_000,
    ) {
        let scope = MapScope(json!({"vars": {"x": found, "other": other}, "old": {"x": wanted}, "new": {"x": found}}));
        let field = if operator.is_change() { "new.x" } else { "vars.x" };
        let spec = json!({"field": field, "operator": operator.name(), "value": wanted});
        let now = DateTime::from_timestamp(seconds, 0).unwrap();
        if let Ok(condition) = Condition::compile(&ConditionSpec(spec)) {
            let plain = condition.eval(&scope, now, chrono_tz::Europe::Berlin);
            let (traced, _) = condition.eval_traced(&scope, now, chrono_tz::Europe::Berlin);
            prop_assert_eq!(plain, traced);
            condition.next_flip(&scope, now, chrono_tz::Europe::Berlin);
        }
    }

    #[test]
    fn every_not_is_the_negation(operator in any_negation(), found in any_value(), wanted in any_value()) {
        let (positive, _) = operator.positive();
        let scope = MapScope(json!({"vars": {"x": found, "other": 3}}));
        let eval = |operator: Operator| {
            let spec = json!({"field": "vars.x", "operator": operator.name(), "value": wanted});
            let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
            Condition::compile(&ConditionSpec(spec)).ok().map(|c| c.eval(&scope, now, Tz::UTC))
        };
        prop_assert_eq!(eval(positive).map(|held| !held), eval(operator));
    }

    /// The answer is the same up to the flip, and another one at it.
    #[test]
    fn the_answer_changes_at_the_flip_and_not_before(
        value in 0i64..2_000_000_000, ago in -3_000_000i64..3_000_000, nanos in 0u32..1_000_000_000,
        amount in 0i64..40, unit in 0usize..5, zone in 0usize..chrono_tz::TZ_VARIANTS.len(),
        newer in any::<bool>(), part in 0.0f64..1.0,
    ) {
        let tz = chrono_tz::TZ_VARIANTS[zone];
        let unit = ["seconds", "hours", "days", "weeks", "months"][unit];
        let text = DateTime::from_timestamp(value, 123_456_789).unwrap().to_rfc3339();
        let scope = MapScope(json!({"vars": {"at": text}}));
        let operator = if newer { "newer_than" } else { "older_than" };
        let condition = compile(json!({"field": "vars.at", "operator": operator, "value": format!("{amount} {unit}")}));
        let now = DateTime::from_timestamp(value + ago, nanos).unwrap();
        let answer = condition.eval(&scope, now, tz);
        match condition.next_flip(&scope, now, tz) {
            Some(flip) => {
                prop_assert!(flip > now);
                prop_assert_ne!(condition.eval(&scope, flip, tz), answer);
                let between = TimeDelta::nanoseconds(((flip - now).num_nanoseconds().unwrap() as f64 * part) as i64);
                for moment in [now + between, flip - TimeDelta::nanoseconds(1)] {
                    if moment < flip {
                        prop_assert_eq!(condition.eval(&scope, moment, tz), answer);
                    }
                }
            }
            None => {
                for days in [1, 400, 40_000] {
                    prop_assert_eq!(condition.eval(&scope, now + TimeDelta::days(days), tz), answer);
                }
            }
        }
    }
}
