//! The data steps, as tables: config -> value, or the class of the failure.

use chrono_tz::Tz;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    catalog::{
        action::{Action, Outcome, Resolve, StepContext},
        actions,
    },
    model::{
        problem::Problem,
        reads::Reads,
        scope::MapScope,
        workflow::{Definition, Step},
    },
};

struct NoSteps;

impl Resolve for NoSteps {
    fn step(&self, id: &str, path: &str) -> Result<u32, Problem> {
        Err(Problem::error("unknown_step", path, id))
    }
}

fn compiled(kind: &str, config: &Value) -> Result<Box<dyn Action>, Vec<Problem>> {
    let text = json!({
        "id": "w", "trigger": { "type": "custom.event" },
        "actions": [{ "id": "s", "type": kind, "config": config }],
    });
    let source = crate::catalog::parse::read(&text.to_string(), "w.json")
        .unwrap_or_else(|found| panic!("{found:?}"));
    let definition: Definition = source.definition.clone();
    let step: &Step = &definition.actions[0];
    (actions::find(kind).unwrap().compile)(step, &NoSteps)
}

/// The value, or the class of the failure; `vars.out` must hold the same.
fn ran(kind: &str, config: Value) -> Result<Value, String> {
    let mut config = config;
    config["name"] = json!("out");
    let action =
        compiled(kind, &config).unwrap_or_else(|problems| panic!("{config}: {problems:?}"));
    let scope = MapScope(json!({
        "vars": {
            "prices": [19.99, "5.01", null, 100], "price": "0.1", "name": "  Ann O'Neil  ", "none": null,
            "orders": [{ "id": 7, "total": 30, "tag": "b" }, { "id": 8, "total": "9.5", "tag": "a" }, { "id": 9 }],
            "min": 10, "tags": ["b", "a", "b"],
        },
        "contact": { "timezone": "Europe/Berlin", "birth_date": "1990-02-28" },
    }));
    let cx = StepContext {
        scope: &scope,
        now: "2026-03-28T23:30:00Z".parse().unwrap(),
        tz: chrono_tz::Europe::Berlin,
        execution: Uuid::nil(),
        contact: Uuid::nil(),
        tenant: "default",
        workflow: "w",
        step: "s",
        visit: 1,
        chosen: None,
    };
    match action.run(&cx) {
        Outcome::Done(done) => {
            let value = done.result["value"].clone();
            assert_eq!(done.vars, [("out".to_owned(), value.clone())]);
            Ok(value)
        }
        Outcome::Fail(failure) => Err(failure.error),
        other => panic!("{other:?}"),
    }
}

fn table(kind: &str, rows: Vec<(Value, Result<Value, &str>)>) {
    for (config, wanted) in rows {
        let wanted = wanted.map_err(str::to_owned);
        assert_eq!(ran(kind, config.clone()), wanted, "{kind} {config}");
    }
}

#[test]
fn math() {
    let op =
        |operation: &str, operands: Value| json!({ "operation": operation, "operands": operands });
    let rounded = |operation: &str, operands: Value, digits: u32| json!({ "operation": operation, "operands": operands, "digits": digits });
    let prices = json!("{{ vars.prices }}");
    table(
        "math",
        vec![
            (op("add", json!([0.1, 0.2])), Ok(json!(0.3))),
            (
                op("add", json!(["{{vars.price}}", "0.20", 1])),
                Ok(json!(1.3)),
            ),
            (op("subtract", json!([10, 3, 2.5])), Ok(json!(4.5))),
            (op("multiply", json!([19.99, 3])), Ok(json!(59.97))),
            (op("divide", json!([10, 4])), Ok(json!(2.5))),
            (op("divide", json!([10, 3])), Ok(json!(3.3333333333))),
            (rounded("divide", json!([10, 3]), 2), Ok(json!(3.33))),
            (op("divide", json!([1, 0])), Err("division_by_zero")),
            (op("modulo", json!([7, 3])), Ok(json!(1))),
            (op("modulo", json!([-7, 3])), Ok(json!(-1))),
            (op("modulo", json!([7, "0.0"])), Err("division_by_zero")),
            (op("power", json!([2, 10])), Ok(json!(1024))),
            (op("power", json!([2, -2])), Ok(json!(0.25))),
            (op("power", json!([1.05, 2])), Ok(json!(1.1025))),
            (op("power", json!([2, 0.5])), Err("overflow")),
            (op("power", json!([10, 29])), Err("overflow")),
            (op("power", json!([1, 1_000_000_000])), Err("overflow")),
            (op("percent", json!([25, 80])), Ok(json!(20))),
            (op("round", json!([2.5])), Ok(json!(3))),
            (op("round", json!(-2.5)), Ok(json!(-3))),
            (rounded("round", json!(1.005), 2), Ok(json!(1.01))),
            (op("floor", json!(-2.1)), Ok(json!(-3))),
            (rounded("ceil", json!(2.101), 2), Ok(json!(2.11))),
            (op("abs", json!("-3.50")), Ok(json!(3.5))),
            (op("negate", json!(3)), Ok(json!(-3))),
            (op("min", prices.clone()), Ok(json!(5.01))),
            (op("max", prices.clone()), Ok(json!(100))),
            (op("sum", prices.clone()), Ok(json!(125))),
            (rounded("average", prices.clone(), 2), Ok(json!(41.67))),
            (op("sum", json!("{{vars.none}}")), Ok(json!(0))),
            (op("average", json!([])), Ok(Value::Null)),
            // Everything but these takes no missing operand.
            (op("add", prices), Err("not_a_number")),
            (op("add", json!(["a", 1])), Err("not_a_number")),
            (op("abs", json!([1, 2])), Err("invalid_operand")),
            (op("add", json!([])), Err("invalid_operand")),
            (
                op("multiply", json!(["79228162514264337593543950335", 2])),
                Err("overflow"),
            ),
            // What a JSON number would round is text.
            (
                op("add", json!(["12345678901234567.89", "0.01"])),
                Ok(json!("12345678901234567.9")),
            ),
        ],
    );
}

#[test]
fn string() {
    let op = |operation: &str, value: &str| json!({ "operation": operation, "value": value });
    let with = |operation: &str, value: &str, more: Value| {
        let mut config = json!({ "operation": operation, "value": value });
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        config
    };
    table(
        "string",
        vec![
            (
                json!({ "operation": "concat", "values": ["a", 1, "{{vars.none}}", "{{vars.price}}"] }),
                Ok(json!("a10.1")),
            ),
            (
                json!({ "operation": "join", "values": "{{vars.tags}}", "separator": ", " }),
                Ok(json!("b, a, b")),
            ),
            (
                with("substring", "Grüße", json!({ "start": 2, "length": 2 })),
                Ok(json!("üß")),
            ),
            (
                with("substring", "Grüße", json!({ "start": -2 })),
                Ok(json!("ße")),
            ),
            (
                with("substring", "ab", json!({ "start": 9, "length": 9 })),
                Ok(json!("")),
            ),
            (
                with("substring", "ab", json!({ "start": "x" })),
                Err("not_a_number"),
            ),
            (
                with(
                    "replace",
                    "a.b.c",
                    json!({ "search": ".", "replacement": "-" }),
                ),
                Ok(json!("a-b-c")),
            ),
            (
                with("replace", "abc", json!({ "search": "" })),
                Ok(json!("abc")),
            ),
            (
                with(
                    "replace_pattern",
                    "2026-03-01",
                    json!({ "pattern": r"(\d+)-(\d+)-(\d+)", "replacement": "$3.$2.$1" }),
                ),
                Ok(json!("01.03.2026")),
            ),
            (op("upper", "straße"), Ok(json!("STRASSE"))),
            (op("lower", "ÄB"), Ok(json!("äb"))),
            (
                op("title", "ann o'neil-smith"),
                Ok(json!("Ann O'neil-Smith")),
            ),
            (op("capitalize", "ÉCOLE"), Ok(json!("École"))),
            (op("trim", "{{vars.name}}"), Ok(json!("Ann O'Neil"))),
            (op("split", "a  b c"), Ok(json!(["a", "b", "c"]))),
            (
                with("split", "a,b,,c", json!({ "separator": "," })),
                Ok(json!(["a", "b", "", "c"])),
            ),
            (op("length", "👩‍🚀ü"), Ok(json!(4))),
            (
                with("pad_start", "7", json!({ "length": 3, "fill": "0" })),
                Ok(json!("007")),
            ),
            (
                with("pad_end", "ab", json!({ "length": 5, "fill": "xy" })),
                Ok(json!("abxyx")),
            ),
            (
                with("pad_end", "ab", json!({ "length": 99_999_999 })),
                Err("too_large"),
            ),
            (
                op("slug", "  Ann's Café: 50% off! "),
                Ok(json!("anns-café-50-off")),
            ),
            (
                with("extract", "order #17, #18", json!({ "pattern": r"#(\d+)" })),
                Ok(json!("17")),
            ),
            (
                with(
                    "extract",
                    "order #17",
                    json!({ "pattern": r"#(\d+)", "group": 0 }),
                ),
                Ok(json!("#17")),
            ),
            (
                with("extract", "none", json!({ "pattern": r"\d" })),
                Ok(Value::Null),
            ),
            (
                with("extract", "x", json!({ "pattern": "x", "group": 3 })),
                Err("invalid_operand"),
            ),
            (
                with("extract_all", "a1b22", json!({ "pattern": r"\d+" })),
                Ok(json!(["1", "22"])),
            ),
            (
                with("matches", "abc", json!({ "pattern": "^a" })),
                Ok(json!(true)),
            ),
            (
                with("contains", "abc", json!({ "search": "{{vars.none}}b" })),
                Ok(json!(true)),
            ),
            (
                with("starts_with", "abc", json!({ "search": "b" })),
                Ok(json!(false)),
            ),
            (
                with("ends_with", "abc", json!({ "search": "bc" })),
                Ok(json!(true)),
            ),
            (
                with("index_of", "äbc", json!({ "search": "c" })),
                Ok(json!(2)),
            ),
            (
                with("index_of", "abc", json!({ "search": "x" })),
                Ok(json!(-1)),
            ),
            (op("reverse", "abc"), Ok(json!("cba"))),
            // Linear in time, whatever the pattern.
            (
                with(
                    "matches",
                    &"a".repeat(20_000),
                    json!({ "pattern": "(a+)+$" }),
                ),
                Ok(json!(true)),
            ),
        ],
    );
    let doubling = with(
        "replace",
        &"a".repeat(2_000),
        json!({ "search": "a", "replacement": "b".repeat(2_000) }),
    );
    assert_eq!(ran("string", doubling), Err("too_large".into()));
    // A MiB is kept, and no more.
    let pattern = |count: usize| {
        let more = json!({ "pattern": "a", "replacement": "b".repeat(1_024) });
        ran("string", with("replace_pattern", &"a".repeat(count), more))
    };
    assert!(pattern(1_024).is_ok());
    assert_eq!(pattern(1_025), Err("too_large".into()));
}

#[test]
fn array() {
    let op = |operation: &str, list: Value, more: Value| {
        let mut config = json!({ "operation": operation, "list": list });
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        config
    };
    let orders = json!("{{vars.orders}}");
    let above = json!({ "where": { "operator": "AND", "conditions": [
        { "field": "item.total", "operator": "greater_than", "value": "{{vars.min}}" },
        { "field": "vars.min", "operator": "equals", "value": 10 },
    ] } });
    table(
        "array",
        vec![
            (
                op("append", json!([1]), json!({ "value": "{{vars.min}}" })),
                Ok(json!([1, 10])),
            ),
            (
                op("append", json!("{{vars.none}}"), json!({ "value": "x" })),
                Ok(json!(["x"])),
            ),
            (
                op("prepend", json!([1]), json!({ "value": [0] })),
                Ok(json!([[0], 1])),
            ),
            (
                op("remove", json!([1, 2, 1.0, "1"]), json!({ "value": 1 })),
                Ok(json!([2, "1"])),
            ),
            (
                op("remove_at", json!([1, 2, 3]), json!({ "index": -1 })),
                Ok(json!([1, 2])),
            ),
            (
                op("remove_at", json!([1]), json!({ "index": 5 })),
                Ok(json!([1])),
            ),
            (
                op("get", json!([1, 2, 3]), json!({ "index": 1 })),
                Ok(json!(2)),
            ),
            (
                op("get", json!([1]), json!({ "index": -2 })),
                Ok(Value::Null),
            ),
            (
                op("get", json!([1]), json!({ "index": 0.5 })),
                Err("not_a_number"),
            ),
            (
                op(
                    "slice",
                    json!([1, 2, 3, 4]),
                    json!({ "start": 1, "count": 2 }),
                ),
                Ok(json!([2, 3])),
            ),
            (
                op("slice", json!([1, 2, 3]), json!({ "start": -2 })),
                Ok(json!([2, 3])),
            ),
            (
                op(
                    "concat",
                    json!([1]),
                    json!({ "others": [[2], "{{vars.tags}}"] }),
                ),
                Ok(json!([1, 2, "b", "a", "b"])),
            ),
            (
                op("concat", json!([1]), json!({ "others": [2] })),
                Err("not_a_list"),
            ),
            (
                op("unique", json!([2, "a", 2.0, "a", 1]), json!({})),
                Ok(json!([2, "a", 1])),
            ),
            (
                op(
                    "unique",
                    json!([{ "k": 1, "n": 1 }, { "k": 1, "n": 2 }]),
                    json!({ "field": "k" }),
                ),
                Ok(json!([{ "k": 1, "n": 1 }])),
            ),
            (
                op("sort", json!(["b", 10, null, "9", "a", true]), json!({})),
                Ok(json!(["9", 10, "a", "b", true, null])),
            ),
            (
                op(
                    "sort",
                    json!([1, null, 3, 2]),
                    json!({ "descending": true }),
                ),
                Ok(json!([3, 2, 1, null])),
            ),
            (
                op(
                    "sort",
                    json!([{ "p": { "x": 2 } }, { "p": { "x": "1.5" } }]),
                    json!({ "field": "p.x" }),
                ),
                Ok(json!([{ "p": { "x": "1.5" } }, { "p": { "x": 2 } }])),
            ),
            (
                op(
                    "sort",
                    json!(["a b", "a", [2], true, [1], false]),
                    json!({}),
                ),
                Ok(json!(["a", "a b", false, true, [1], [2]])),
            ),
            (op("reverse", json!([1, 2]), json!({})), Ok(json!([2, 1]))),
            (
                op("filter", orders.clone(), above),
                Ok(json!([{ "id": 7, "total": 30, "tag": "b" }])),
            ),
            (
                op(
                    "filter",
                    json!([1, "", null, 2]),
                    json!({ "where": { "field": "item", "operator": "is_not_empty" } }),
                ),
                Ok(json!([1, 2])),
            ),
            (
                op("map", orders.clone(), json!({ "field": "tag" })),
                Ok(json!(["b", "a", null])),
            ),
            (op("length", orders.clone(), json!({})), Ok(json!(3))),
            (
                op("sum", orders.clone(), json!({ "field": "total" })),
                Ok(json!(39.5)),
            ),
            (op("sum", json!(["x"]), json!({})), Err("not_a_number")),
            (
                op("includes", json!([1, 2]), json!({ "value": 2.0 })),
                Ok(json!(true)),
            ),
            (
                op("includes", json!([1]), json!({ "value": "1" })),
                Ok(json!(false)),
            ),
            (
                op("index_of", json!(["a", "b"]), json!({ "value": "b" })),
                Ok(json!(1)),
            ),
            (op("first", json!([1, 2]), json!({})), Ok(json!(1))),
            (op("first", json!([]), json!({})), Ok(Value::Null)),
            (
                op("first", json!([1, 2, 3]), json!({ "count": 2 })),
                Ok(json!([1, 2])),
            ),
            (
                op("last", json!([1, 2, 3]), json!({ "count": 2 })),
                Ok(json!([2, 3])),
            ),
            (op("last", orders, json!({})), Ok(json!({ "id": 9 }))),
            (
                op("join", json!(["a", 1, null]), json!({ "separator": "/" })),
                Ok(json!("a/1/")),
            ),
            (
                op("length", json!({ "a": 1 }), json!({})),
                Err("not_a_list"),
            ),
        ],
    );
    let many = |more: usize| {
        let half = json!(vec![0; 5_000]);
        op("concat", half, json!({ "others": [vec![0; more]] }))
    };
    assert!(ran("array", many(5_000)).is_ok());
    assert_eq!(ran("array", many(5_001)), Err("too_large".into()));
}

/// The contact lives in Berlin; it is half past midnight there, on the day when the clocks go forward.
#[test]
fn date() {
    let op = |operation: &str, more: Value| {
        let mut config = json!({ "operation": operation });
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        config
    };
    let add = |value: &str, amount: i64, unit: &str| {
        op(
            "add",
            json!({ "value": value, "amount": amount, "unit": unit }),
        )
    };
    let diff = |from: &str, to: &str, unit: &str| {
        op("diff", json!({ "value": from, "other": to, "unit": unit }))
    };
    let on = |operation: &str, value: &str, unit: &str| {
        op(operation, json!({ "value": value, "unit": unit }))
    };
    table(
        "date",
        vec![
            (op("now", json!({})), Ok(json!("2026-03-28T23:30:00Z"))),
            (
                op("parse", json!({ "value": "2026-07-01" })),
                Ok(json!("2026-06-30T22:00:00Z")),
            ),
            (
                op(
                    "parse",
                    json!({ "value": "24.12.2026 18:00", "format": "%d.%m.%Y %H:%M" }),
                ),
                Ok(json!("2026-12-24T17:00:00Z")),
            ),
            (
                op(
                    "parse",
                    json!({ "value": "12/24/2026", "format": "%m/%d/%Y", "zone": "America/New_York" }),
                ),
                Ok(json!("2026-12-24T05:00:00Z")),
            ),
            (
                op("parse", json!({ "value": 0 })),
                Ok(json!("1970-01-01T00:00:00Z")),
            ),
            (
                op("parse", json!({ "value": "2026-02-30" })),
                Err("invalid_date"),
            ),
            (
                op("parse", json!({ "value": "{{vars.none}}" })),
                Err("invalid_date"),
            ),
            (
                op("format", json!({ "format": "%d.%m.%Y %H:%M" })),
                Ok(json!("29.03.2026 00:30")),
            ),
            (
                op("format", json!({ "format": "%A", "zone": "UTC" })),
                Ok(json!("Saturday")),
            ),
            (
                op("format", json!({ "format": "%Q" })),
                Err("invalid_format"),
            ),
            // A calendar day keeps the wall clock, 24 hours do not.
            (add("now", 1, "day"), Ok(json!("2026-03-29T22:30:00Z"))),
            (add("now", 24, "hours"), Ok(json!("2026-03-29T23:30:00Z"))),
            // 02:30 does not occur.
            (
                add("2026-03-28T02:30", 1, "days"),
                Ok(json!("2026-03-29T01:00:00Z")),
            ),
            (
                add("2024-01-31", 1, "months"),
                Ok(json!("2024-02-28T23:00:00Z")),
            ),
            (
                add("2024-02-29", 1, "years"),
                Ok(json!("2025-02-27T23:00:00Z")),
            ),
            (
                add("2024-03-31", -1, "month"),
                Ok(json!("2024-02-28T23:00:00Z")),
            ),
            (
                op(
                    "subtract",
                    json!({ "value": "2026-03-30", "amount": "{{vars.min}}", "unit": "minutes" }),
                ),
                Ok(json!("2026-03-29T21:50:00Z")),
            ),
            (add("now", 1, "{{vars.none}}"), Err("invalid_span")),
            (add("now", 99_999_999, "years"), Err("invalid_span")),
            (add("now", 9_000, "years"), Err("invalid_span")),
            (
                diff("2026-03-28T12:00", "2026-03-29T12:00", "hours"),
                Ok(json!(23)),
            ),
            (
                diff("2026-03-28T12:00", "2026-03-29T12:00", "days"),
                Ok(json!(1)),
            ),
            (
                diff("2026-03-29T12:00", "2026-03-28T12:01", "days"),
                Ok(json!(0)),
            ),
            // Of calendar units those that the wall clock has gone through, however long they were.
            (
                diff("2026-10-24T12:00", "2026-10-25T11:59", "days"),
                Ok(json!(0)),
            ),
            (diff("2024-01-01", "2024-01-31", "months"), Ok(json!(0))),
            (diff("2024-02-01", "2024-03-01", "months"), Ok(json!(1))),
            (diff("2020-02-29", "2044-02-28", "years"), Ok(json!(23))),
            (diff("2024-01-31", "2024-03-01", "months"), Ok(json!(1))),
            (diff("2026-05-01", "2024-02-29", "years"), Ok(json!(-2))),
            (
                op(
                    "diff",
                    json!({ "value": "{{contact.birthDate}}", "other": "now", "unit": "years" }),
                ),
                Ok(json!(36)),
            ),
            (
                on("start_of", "now", "day"),
                Ok(json!("2026-03-28T23:00:00Z")),
            ),
            (
                on("end_of", "now", "day"),
                Ok(json!("2026-03-29T21:59:59.999999Z")),
            ),
            (
                on("start_of", "2026-04-01T09:00", "week"),
                Ok(json!("2026-03-29T22:00:00Z")),
            ),
            (
                on("end_of", "2024-02-10", "month"),
                Ok(json!("2024-02-29T22:59:59.999999Z")),
            ),
            (
                on("start_of", "2026-05-05", "year"),
                Ok(json!("2025-12-31T23:00:00Z")),
            ),
            // The second half past two of the night in which the clocks go back.
            (
                on("start_of", "2026-10-25T01:30:00Z", "hour"),
                Ok(json!("2026-10-25T01:00:00Z")),
            ),
            (
                op(
                    "set",
                    json!({ "value": "2026-02-10T10:20:30", "set": { "day": 31, "hour": "9", "second": 0 } }),
                ),
                Ok(json!("2026-02-28T08:20:00Z")),
            ),
            (
                op("set", json!({ "set": { "hour": 25 } })),
                Err("invalid_date"),
            ),
            (
                op("set", json!({ "set": { "week": 1 } })),
                Err("invalid_date"),
            ),
            (
                op("set", json!({ "set": { "hour": "x" } })),
                Err("not_a_number"),
            ),
            (op("weekday", json!({})), Ok(json!(7))),
            (
                op("weekday", json!({ "zone": "America/New_York" })),
                Ok(json!(6)),
            ),
            (
                op("parts", json!({ "value": "2024-12-30T23:59:58" })),
                Ok(
                    json!({ "year": 2024, "month": 12, "day": 30, "hour": 23, "minute": 59, "second": 58,
                           "weekday": 1, "week": 1, "dayOfYear": 365 }),
                ),
            ),
            (
                op("to_zone", json!({ "zone": "Asia/Kathmandu" })),
                Ok(json!("2026-03-29T05:15:00+05:45")),
            ),
            (
                op("to_zone", json!({ "zone": "{{vars.min}}" })),
                Err("invalid_zone"),
            ),
            (
                op("compare", json!({ "other": "2026-03-29" })),
                Ok(json!(1)),
            ),
            (op("compare", json!({ "other": "now" })), Ok(json!(0))),
        ],
    );
    // Samoa left out 30 December 2011: the day after the 29th is the 31st.
    let samoa = json!({ "operation": "end_of", "value": "2011-12-29T12:00", "unit": "day", "zone": "Pacific/Apia" });
    assert_eq!(ran("date", samoa), Ok(json!("2011-12-30T09:59:59.999999Z")));
    let _: Tz = chrono_tz::Pacific::Apia;
}

#[test]
fn what_an_operation_does_not_take_is_refused() {
    let rows = [
        ("math", json!({ "operation": "add" }), "config"),
        (
            "math",
            json!({ "operation": "add", "operands": [1], "digits": 29 }),
            "config.digits",
        ),
        (
            "math",
            json!({ "operation": "add", "operands": [1], "name": "" }),
            "config.name",
        ),
        (
            "math",
            json!({ "operation": "add", "operands": ["{{"] }),
            "config.operands[0]",
        ),
        (
            "string",
            json!({ "operation": "upper", "value": "a", "separator": "," }),
            "config.separator",
        ),
        (
            "string",
            json!({ "operation": "substring", "value": "a" }),
            "config.start",
        ),
        (
            "string",
            json!({ "operation": "matches", "value": "a", "pattern": "(" }),
            "config.pattern",
        ),
        (
            "string",
            json!({ "operation": "matches", "value": "a", "pattern": "(?=a)" }),
            "config.pattern",
        ),
        (
            "string",
            json!({ "operation": "matches", "value": "a", "pattern": "((a{500}){500}){500}" }),
            "config.pattern",
        ),
        (
            "array",
            json!({ "operation": "filter", "list": [], "where": { "field": "item", "operator": "nope" } }),
            "config.where.operator",
        ),
        (
            "array",
            json!({ "operation": "reverse", "list": [], "descending": true }),
            "config.descending",
        ),
        (
            "date",
            json!({ "operation": "now", "zone": "Berlin" }),
            "config.zone",
        ),
        (
            "date",
            json!({ "operation": "add", "amount": 1, "unit": "fortnights" }),
            "config.unit",
        ),
    ];
    for (kind, config, path) in rows {
        let problems = compiled(kind, &config).err().unwrap_or_default();
        let paths: Vec<&str> = problems.iter().map(|problem| &*problem.path).collect();
        assert!(
            paths.iter().any(|at| at.starts_with(path)),
            "{kind} {config}: {problems:?}"
        );
    }
}

#[test]
fn what_they_read_is_known() {
    let config = json!({
        "operation": "filter", "list": "{{steps.a.result.items}}",
        "where": { "field": "item.x", "operator": "equals", "value": "{{contact.email}}" },
    });
    let mut reads = Reads::default();
    compiled("array", &config).unwrap().reads(&mut reads);
    assert!(reads.steps.contains("a") && reads.vars.is_empty());
    assert!(reads.contact.iter().any(|field| field.name == "email"));
    let mut reads = Reads::default();
    compiled("date", &json!({ "operation": "now" }))
        .unwrap()
        .reads(&mut reads);
    assert!(reads.contact.iter().any(|field| field.name == "timezone"));
}
