//! The table of actions, as rows of config and what comes of it.

use serde_json::json;

use super::*;

/// The request that a call with this config asks for, or the error of its failure.
fn request(kind: &str, config: Value) -> Result<Value, String> {
    let program = program(&steps(
        json!([{ "id": "s", "type": kind, "config": config }]),
    ));
    let mut run = Run::new(
        &program,
        json!({
            "email": "a@b.c", "first_name": "Ann & Bo", "evil": "{{secrets.key}}", "half": "{", "rest": "{secrets.key}}",
        }),
    );
    run.go();
    match run.sends().first() {
        Some(send) => Ok(send.request.clone()),
        None => Err(run.reason().unwrap_or_default().to_owned()),
    }
}

#[test]
fn calls() {
    let url = "https://example.com/hook";
    let rows = [
        (
            json!({ "url": url, "body": { "who": "{{contact.firstName}}", "n": "{{event.data.n}}" } }),
            Ok(json!({ "url": url, "method": "POST", "body": { "who": "Ann & Bo", "n": 1 } })),
        ),
        (
            json!({ "url": "https://example.com/{{contact.firstName}}?k={{secrets.key}}", "method": "GET" }),
            Ok(
                json!({ "url": "https://example.com/Ann%20%26%20Bo?k={{secrets.key}}", "method": "GET" }),
            ),
        ),
        (
            json!({ "url": url, "headers": { "X-Key": "{{secrets.key}}", "X-N": 3 },
                 "auth": { "type": "bearer", "token": "{{secrets.token}}" } }),
            Ok(
                json!({ "url": url, "method": "POST", "headers": { "X-Key": "{{secrets.key}}", "X-N": "3" },
                    "auth": { "token": "{{secrets.token}}", "type": "bearer" } }),
            ),
        ),
        // Data cannot name a secret, whole or in pieces, where secrets are looked for.
        (
            json!({ "url": url, "headers": { "X": "{{contact.evil}}" } }),
            Err("secret_in_data"),
        ),
        (
            json!({ "url": url, "headers": { "X": "{{contact.half}}{{contact.rest}}" } }),
            Err("secret_in_data"),
        ),
        (json!({ "url": "{{contact.evil}}" }), Err("secret_in_data")),
        (
            json!({ "url": url, "body": "{{contact.evil}}" }),
            Ok(json!({ "url": url, "method": "POST", "body": "{{secrets.key}}" })),
        ),
        (json!({ "url": "{{contact.nothing}}" }), Err("invalid_url")),
    ];
    for (config, wanted) in rows {
        let wanted = wanted.map_err(str::to_owned);
        assert_eq!(request("http_request", config.clone()), wanted, "{config}");
    }
    let hook = request("webhook", json!({ "url": url })).unwrap();
    assert_eq!(
        hook["body"]["step"], "s",
        "a webhook without a body says what it is about"
    );
}

#[test]
fn mails() {
    let rows = [
        (
            json!({ "templateId": "t-1" }),
            Ok(
                json!({ "to": "a@b.c", "templateId": "t-1", "subject": "t-1", "body": "[template t-1]" }),
            ),
        ),
        (
            json!({ "to": "{{contact.none}}", "subject": "s", "body": "b" }),
            Err("no_recipient"),
        ),
        (
            json!({ "to": "x@y.z", "subject": "{{contact.firstName}}", "body": "b", "from": "f@y.z", "replyTo": "r@y.z" }),
            Ok(
                json!({ "to": "x@y.z", "subject": "Ann & Bo", "body": "b", "from": "f@y.z", "replyTo": "r@y.z" }),
            ),
        ),
    ];
    for (config, wanted) in rows {
        let wanted = wanted.map_err(str::to_owned);
        assert_eq!(request("send_email", config.clone()), wanted, "{config}");
    }
}

#[test]
fn variables_are_changed() {
    let rows = [
        ("set", json!(null), json!({ "a": 1 }), Ok(json!({ "a": 1 }))),
        ("increment", json!(null), json!(null), Ok(json!(1))),
        ("increment", json!(41), json!(1), Ok(json!(42))),
        ("increment", json!(0.1), json!(0.2), Ok(json!(0.3))),
        ("increment", json!("7"), json!(-2), Ok(json!(5))),
        (
            "increment",
            json!(i64::MAX),
            json!(1),
            Ok(json!(9_223_372_036_854_775_808.0_f64)),
        ),
        ("increment", json!("x"), json!(1), Err("type_mismatch")),
        ("append", json!(null), json!("a"), Ok(json!(["a"]))),
        ("append", json!([1]), json!([2]), Ok(json!([1, [2]]))),
        ("append", json!("ab"), json!("c"), Ok(json!("abc"))),
        ("append", json!(true), json!(1), Err("type_mismatch")),
        (
            "merge",
            json!({ "a": 1, "b": 1 }),
            json!({ "b": 2 }),
            Ok(json!({ "a": 1, "b": 2 })),
        ),
        (
            "merge",
            json!(null),
            json!({ "b": 2 }),
            Ok(json!({ "b": 2 })),
        ),
        ("merge", json!([1]), json!({}), Err("type_mismatch")),
    ];
    for (operation, before, value, wanted) in rows {
        let mut definition = steps(json!([{ "id": "s", "type": "update_variable",
            "config": { "name": "v", "operation": operation, "value": value } }]));
        definition["variables"] = json!({ "v": before });
        let program = program(&definition);
        let mut run = Run::new(&program, fields());
        run.go();
        let said = match run.ex.status {
            Status::Completed => Ok(run.var("v").clone()),
            _ => Err(run.reason().unwrap_or_default()),
        };
        assert_eq!(said, wanted, "{operation} {before} {value}");
    }
}

#[test]
fn what_is_wrong_with_a_config_is_said_where_it_is() {
    let condition = json!({ "field": "contact.x", "operator": "equal", "value": 1 });
    let rows = [
        ("wait", json!({}), "missing_field", "config.duration"),
        (
            "wait",
            json!({ "waitType": "until_date" }),
            "missing_field",
            "config.waitUntil",
        ),
        (
            "wait",
            json!({ "waitType": "until_date", "waitUntil": "soon" }),
            "invalid_date",
            "config.waitUntil",
        ),
        (
            "wait",
            json!({ "duration": "1 day", "event": "x" }),
            "unused_field",
            "config.event",
        ),
        (
            "wait",
            json!({ "waitType": "until_event", "event": "x", "maxWaitDuration": 0 }),
            "invalid_value",
            "config.maxWaitDuration",
        ),
        (
            "delay",
            json!({ "duration": { "amount": 1, "unit": "fortnights" } }),
            "invalid_value",
            "config.duration",
        ),
        (
            "if_else",
            json!({ "condition": condition }),
            "unknown_operator",
            "config.condition.operator",
        ),
        (
            "go_to",
            json!({ "stepId": "t" }),
            "unknown_step",
            "config.stepId",
        ),
        (
            "parallel",
            json!({ "branches": [] }),
            "invalid_value",
            "config.branches",
        ),
        (
            "split",
            json!({ "branches": [{ "id": "a", "percentage": 90 }] }),
            "percentages_not_100",
            "config.branches",
        ),
        (
            "split",
            json!({ "branches": [{ "id": "a", "percentage": 50 }, { "id": "a", "percentage": 50 }] }),
            "duplicate_branch",
            "config.branches[1].id",
        ),
        (
            "random_path",
            json!({ "paths": [{ "weight": -1 }] }),
            "invalid_value",
            "config.paths[0].weight",
        ),
        ("add_tag", json!({}), "missing_field", "config.tag"),
        (
            "add_tag",
            json!({ "tags": ["a", " "] }),
            "invalid_value",
            "config.tags[1]",
        ),
        (
            "update_contact",
            json!({ "fields": { "tags": ["x"] } }),
            "read_only_field",
            "config.fields.tags",
        ),
        (
            "update_contact",
            json!({ "fields": { "createdAt": "2026-01-01" } }),
            "read_only_field",
            "config.fields.createdAt",
        ),
        (
            "update_contact",
            json!({ "fields": { "": 1 } }),
            "read_only_field",
            "config.fields.",
        ),
        (
            "update_contact",
            json!({ "fields": {} }),
            "missing_field",
            "config.fields",
        ),
        (
            "send_email",
            json!({ "subject": "s" }),
            "missing_field",
            "config.body",
        ),
        (
            "http_request",
            json!({ "url": "ftp://x" }),
            "invalid_value",
            "config.url",
        ),
        (
            "webhook",
            json!({ "url": "https://x", "auth": { "type": "basic", "username": "u" } }),
            "missing_field",
            "config.auth.password",
        ),
        (
            "webhook",
            json!({ "url": "https://x", "attachments": [] }),
            "unknown_field",
            "config.attachments",
        ),
    ];
    for (kind, config, code, path) in rows {
        let step = json!([{ "id": "s", "type": kind, "config": config }]);
        let definition = serde_json::from_value(steps(step)).unwrap();
        let tenant = TenantInfo {
            name: "default".into(),
            timezone: chrono_tz::UTC,
        };
        let numbers = Numbers {
            workflow: 7,
            version: 1,
        };
        let problems = Program::compile(&definition, numbers, &tenant).unwrap_err();
        let path = format!("actions[0].{path}");
        let found = problems
            .iter()
            .any(|problem| problem.code == code && problem.path == path);
        assert!(found, "{kind} {config}: {problems:#?}");
    }
}
