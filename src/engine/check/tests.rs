//! What the checker says, one rule a row; whole files are under `tests/fixtures/bad`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::catalog::parse::Source;

fn codes_of(definition: Value, known: &Known) -> Vec<String> {
    let source = Source::from_value(definition, "x").unwrap_or_else(|found| panic!("{found}"));
    let found = check_for(&source, known);
    found
        .list
        .iter()
        .map(|f| format!("{} {}", f.code, f.path))
        .collect()
}

/// A workflow that is fine but for the steps given.
fn with(steps: Value) -> Value {
    json!({ "id": "w", "trigger": { "type": "contact.created" }, "actions": steps })
}

fn tag(id: &str, next: Value) -> Value {
    json!({ "id": id, "type": "add_tag", "config": { "tag": "x" }, "onSuccess": next })
}

#[test]
fn steps() {
    let mail = json!({"id": "m", "type": "send_email", "config": {"templateId": "hello"}});
    let delay = json!({"id": "b", "type": "delay", "onSuccess": ["a"],
        "config": {"duration": {"amount": 1, "unit": "hours"}}});
    let hook = json!({"id": "b", "type": "webhook", "onSuccess": ["a"],
        "config": {"url": "https://example.com"}});
    let rows: Vec<(Value, &[&str])> = vec![
        (json!([tag("a", json!([]))]), &[]),
        (
            json!([tag("a", json!(["a"]))]),
            &["cycle_without_wait actions[0]"],
        ),
        (
            json!([tag("a", json!(["b"])), delay]),
            &["no_way_out actions[0]"],
        ),
        (
            json!([tag("a", json!(["b"])), hook]),
            &["no_way_out actions[0]"],
        ),
        (
            json!([tag("a", json!([])), tag("b", json!([]))]),
            &["unreachable_step actions[1]"],
        ),
        (json!([mail]), &[]),
        (
            json!([{"id": "a", "type": "process_payment", "policy": "retry"}]),
            &[
                "unknown_action actions[0].type",
                "retry_on_payment actions[0].policy",
            ],
        ),
        (
            json!([{"id": "a", "type": "wait", "onTimeout": [], "onUnknown": [], "config": {
                "waitType": "until_event", "event": "form.submitted"}}]),
            &[
                "unused_list actions[0].onTimeout",
                "unused_list actions[0].onUnknown",
            ],
        ),
        (
            json!([{"id": "a", "type": "end_workflow", "onSuccess": ["a"]}]),
            &["unused_list actions[0].onSuccess"],
        ),
        (
            json!([{"id": "a", "type": "add_tag", "join": "any", "config": {"tag": "x"}}]),
            &["join_without_fork actions[0].join"],
        ),
    ];
    for (steps, want) in rows {
        let mut want: Vec<String> = want.iter().map(|line| (*line).to_owned()).collect();
        let mut found = codes_of(with(steps.clone()), &Known::default());
        want.sort();
        found.sort();
        assert_eq!(found, want, "{steps}");
    }
}

#[test]
fn a_template_is_looked_for_where_the_tenants_are_known() {
    let steps = json!([{"id": "m", "type": "send_email", "config": {"templateId": "hallo"}}]);
    let known = Known {
        templates: Some(BTreeSet::from(["hello".to_owned()])),
        ..Known::default()
    };
    let found = codes_of(with(steps), &known);
    assert_eq!(found, ["unknown_template actions[0].config.templateId"]);
}

/// (conditions of the goal, whether it may be true at entry)
#[test]
fn the_goal_that_is_met_before_it_is_set() {
    let bought = json!({"field": "contact.lastPurchaseDate", "operator": "exists"});
    let since = json!({"field": "contact.lastPurchaseDate", "operator": "after_date",
        "value": "{{ execution.enrolledAt }}"});
    let rows = [
        (bought.clone(), true),
        (
            json!({"operator": "AND", "conditions": [bought.clone()]}),
            true,
        ),
        (
            json!({"operator": "AND", "conditions": [bought, since.clone()]}),
            false,
        ),
        (since, false),
        (json!({"field": "vars.x", "operator": "exists"}), false),
    ];
    for (conditions, want) in rows {
        let mut definition = with(json!([tag("a", json!([]))]));
        definition["variables"] = json!({ "x": 1 });
        definition["goals"] = json!([{"id": "g", "conditions": conditions}]);
        let found = codes_of(definition, &Known::default());
        let warned = found == ["goal_may_be_true_at_entry goals[0].conditions"];
        assert_eq!(warned, want, "{conditions} {found:?}");
        assert!(warned || found.is_empty(), "{found:?}");
    }
}

/// (trigger, findings)
#[test]
fn triggers() {
    let rows: [(Value, &[&str]); 7] = [
        (
            json!({"type": "order.shipped", "activeFrom": "2026-03-02T00:00:00Z", "activeTo": "2026-03-01T00:00:00Z"}),
            &["dates_reversed trigger.activeTo"],
        ),
        (
            json!({"type": "form submitted"}),
            &["invalid_event_type trigger.type"],
        ),
        (
            json!({"type": "form.abandoned"}),
            &["timed_trigger_plans_nothing trigger"],
        ),
        (json!({"type": "order.shipped"}), &[]),
        (
            json!({"type": "contact.creatd"}),
            &["unknown_event_type trigger.type"],
        ),
        (
            json!({"type": "order.shipped", "config": {"x": 1}}),
            &["unknown_field trigger.config.x"],
        ),
        (
            json!({"type": "form.submitted", "rateLimiting": {"timeWindow": {"amount": 1, "unit": "day"}}}),
            &["window_without_limit trigger.rateLimiting.timeWindow"],
        ),
    ];
    for (trigger, want) in rows {
        let definition = json!({"id": "w", "trigger": trigger, "actions": [tag("a", json!([]))]});
        assert_eq!(codes_of(definition, &Known::default()), want, "{trigger}");
    }
}

/// (reader, what it reads, whether steps a -> b -> c -> b let it)
#[test]
fn results_and_variables_that_are_not_there() {
    let delay = json!({"id": "c", "type": "delay", "onSuccess": ["b"],
        "config": {"duration": {"amount": 1, "unit": "days"}}});
    let rows = [
        (1, "{{ steps.a.result.x }}", None),
        (0, "{{ steps.a.result.x }}", Some("result_not_there")),
        (0, "{{ steps.b.result.x }}", Some("result_not_there")),
        (1, "{{ steps.c.result.x }}", None),
        (1, "{{ steps.b.result.x }}", None),
        (1, "{{ steps.d.result.x }}", Some("unknown_step")),
        (1, "{{ vars.total }} {{ vars.made }}", None),
        (1, "{{ vars.other }}", Some("unknown_variable")),
        (1, "{{ contact.custom }}", None),
    ];
    for (reader, text, want) in rows {
        let mut made = json!({"id": "a", "type": "set_variable", "onSuccess": ["b"],
            "config": {"name": "made", "value": 1}});
        let mut note =
            json!({"id": "b", "type": "add_tag", "config": {"tag": "x"}, "onSuccess": ["c"]});
        match reader {
            0 => made["config"]["value"] = json!(text),
            _ => note["config"]["tag"] = json!(text),
        }
        let mut definition = with(json!([made, note, delay]));
        definition["variables"] = json!({ "total": 0 });
        definition["enrollmentSettings"] = json!({"exitConditions":
            {"field": "contact.tags", "operator": "includes", "value": "x"}});
        let found = codes_of(definition, &Known::default());
        let codes: Vec<_> = found
            .iter()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(codes, want.into_iter().collect::<Vec<_>>(), "{text}");
    }
}

/// (what the loop has beside its wait, whether anybody leaves)
#[test]
fn cycles_need_a_way_out() {
    let looped = |settings: Value, goals: Value, list: Value| {
        let mut definition = with(json!([
            tag("a", json!(["b"])),
            {"id": "b", "type": "wait", "onSuccess": ["a"], "onTimeout": list, "config": {"waitType": "until_event",
                "event": "form.submitted", "maxWaitDuration": {"amount": 1, "unit": "days"}}},
        ]));
        definition["enrollmentSettings"] = settings;
        definition["goals"] = goals;
        codes_of(definition, &Known::default()) == ["no_way_out actions[0]"]
    };
    let goal = |then: &str| {
        json!([{"id": "g", "onAchievement": then,
        "conditions": {"field": "contact.tags", "operator": "includes", "value": "x"}}])
    };
    let exit =
        json!({"exitConditions": {"field": "contact.tags", "operator": "includes", "value": "x"}});
    assert!(looped(json!({}), json!([]), json!(["a"])));
    assert!(looped(json!({}), goal("continue"), json!(["a"])));
    assert!(!looped(json!({}), goal("exit"), json!(["a"])));
    assert!(!looped(exit, json!([]), json!(["a"])));
    assert!(!looped(json!({}), json!([]), json!([])));
    let removing = json!({"removeOnGoalAchievement": true});
    assert!(!looped(removing, goal("continue"), json!(["a"])));
}

/// (event and form of the other one, its action, its status, whether both may reach a contact at once)
#[test]
fn workflows_that_overlap() {
    use overlap::Messaging;
    let of = |id: &str, form: Value, kind: &str, status: &str| {
        let definition = json!({"id": id, "status": status, "trigger": {"type": "form.submitted", "config": form},
            "actions": [{"id": "a", "type": kind}]});
        Messaging::of(&Source::from_value(definition, "x").unwrap().definition)
    };
    let own = of("own", json!({"formId": "a"}), "send_email", "active");
    let rows = [
        (
            "other",
            json!({"formId": "a"}),
            "send_email",
            "active",
            true,
        ),
        ("other", json!({}), "send_email", "active", true),
        (
            "other",
            json!({"formId": ["a", "b"]}),
            "send_email",
            "active",
            true,
        ),
        (
            "other",
            json!({"formId": "b"}),
            "send_email",
            "active",
            false,
        ),
        ("other", json!({"formId": "a"}), "send_sms", "active", false),
        (
            "other",
            json!({"formId": "a"}),
            "send_email",
            "paused",
            false,
        ),
        ("own", json!({"formId": "a"}), "send_email", "active", false),
    ];
    for (id, form, kind, status, want) in rows {
        let found = own.overlap(&of(id, form.clone(), kind, status));
        assert_eq!(found.is_some(), want, "{id} {form} {kind} {status}");
    }
}

/// (what is added to a good definition, findings)
#[test]
fn settings_of_enrollment() {
    let rows: [(Value, &[&str]); 5] = [
        (
            json!({"startsAt": "2026-03-02T00:00:00Z", "endsAt": "2026-03-02T00:00:00Z"}),
            &["dates_reversed endsAt"],
        ),
        (
            json!({"pauseDates": [{"from": "2026-12-27T00:00:00Z", "until": "2026-12-24T00:00:00Z"}]}),
            &["dates_reversed pauseDates[0].until"],
        ),
        (
            json!({"enrollmentSettings": {"enrollmentLimitScope": "WORKFLOW"}}),
            &["window_without_limit enrollmentSettings.enrollmentLimitScope"],
        ),
        (
            json!({"enrollmentSettings": {"suppressionLists": ["global", "no name"]}}),
            &["invalid_id enrollmentSettings.suppressionLists[1]"],
        ),
        (
            json!({"enrollmentSettings": {"enrollmentLimit": 3, "enrollmentLimitScope": "workflow",
                   "enrollmentWindow": {"amount": 7, "unit": "days"}, "suppressionLists": []}}),
            &[],
        ),
    ];
    for (more, want) in rows {
        let trigger = json!({"type": "order.shipped"});
        let mut definition =
            json!({"id": "w", "trigger": trigger, "actions": [tag("a", json!([]))]});
        for (name, value) in more.as_object().unwrap() {
            definition[name] = value.clone();
        }
        assert_eq!(codes_of(definition, &Known::default()), want, "{more}");
    }
}

#[test]
fn plain_secrets_are_seen_and_never_repeated() {
    let key = "sk_live_abcdefgh12345678";
    let mut definition = with(json!([{"id": "a", "type": "webhook", "config": {
        "url": "https://user:hunter2hunter2@example.com/{{ contact.id }}",
        "headers": {"X-Api-Key": "abc", "Accept": "text/plain"},
        "body": {"note": key}}}]));
    definition["description"] = json!("nothing secret");
    let source = Source::from_value(definition, "x").unwrap();
    let found = check(&source);
    let paths: BTreeSet<_> = found.list.iter().map(|f| &*f.path).collect();
    let config = "actions[0].config";
    let want = ["url", "headers.X-Api-Key", "body.note"].map(|field| format!("{config}.{field}"));
    assert_eq!(paths, want.iter().map(String::as_str).collect());
    let text = found.to_string();
    assert!(
        !text.contains(key) && !text.contains("hunter2") && !found.has_errors(),
        "{text}"
    );
}

#[test]
fn a_dense_graph_is_checked_in_bounded_time() {
    let ids: Vec<String> = (0..150).map(|i| format!("s{i}")).collect();
    let steps: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id": id, "type": "add_tag", "config": {"tag": "x"}, "onSuccess": ids, "onFailure": ids}))
        .collect();
    let source = Source::from_value(with(json!(steps)), "x").unwrap();
    let begun = Instant::now();
    assert!(check(&source).has_errors());
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
}
