//! Forks and joins, row by row.

use serde_json::json;

use super::*;

/// A fork into waits of 1, 2 and 3 hours that meet at `j`, then `end`.
fn three(join: Value) -> Program {
    let wait = |id: &str, hours: u32, next: &[&str]| json!({ "id": id, "type": "delay", "config": { "duration": {"amount": hours, "unit": "hours"} }, "onSuccess": next });
    program(&steps(json!([
        { "id": "fork", "type": "parallel", "config": { "branches": ["a", "b", "c"] } },
        wait("a", 1, &["j"]), wait("b", 2, &["j"]), wait("c", 3, &[]),
        { "id": "j", "type": "update_variable", "join": join, "onSuccess": ["k"],
          "config": { "name": "n", "operation": "increment" } },
        set("k", json!(1), &[]),
    ])))
}

#[test]
fn when_a_join_fires() {
    // Hours at which the join step has run, and when the execution is over.
    let table = [
        (json!("all"), vec![3], 3),
        (json!("any"), vec![1], 1),
        (json!({ "atLeast": 2 }), vec![2], 2),
        // Only two can come: it never fires, and the execution ends with the third branch.
        (json!({ "atLeast": 3 }), vec![], 3),
        (json!("each"), vec![1, 2], 3),
    ];
    for (join, wanted, over) in table {
        let program = three(join.clone());
        let mut run = Run::new(&program, fields());
        run.go();
        let mut fired = Vec::new();
        let mut ended = None;
        for hour in 1..=4 {
            let before = run.ex.state.vars.get("n").cloned();
            run.after(Duration::hours(1));
            if run.ex.state.vars.get("n") != before.as_ref() {
                fired.push(hour);
            }
            if run.ex.status.is_final() {
                ended.get_or_insert(hour);
            }
        }
        assert_eq!((fired, ended), (wanted, Some(over)), "{join}");
        assert_eq!(run.ex.status, Status::Completed);
        assert!(run.ex.state.forks.is_empty());
    }
}

#[test]
fn all_never_fires_when_none_arrived() {
    let program = program(&steps(json!([
        { "id": "fork", "type": "parallel", "config": { "branches": ["a", "b"] } },
        { "id": "a", "type": "if_else", "config": { "trueBranch": ["j"], "falseBranch": [],
          "condition": {"field": "contact.go", "operator": "equals", "value": "a"} } },
        { "id": "b", "type": "if_else", "config": { "trueBranch": ["j"], "falseBranch": [],
          "condition": {"field": "contact.go", "operator": "equals", "value": "b"} } },
        { "id": "j", "type": "add_tag", "join": "all", "config": { "tag": "t" } },
    ])));
    for (go, fires) in [("a", 1), ("b", 1), ("c", 0)] {
        let mut run = Run::new(&program, json!({ "go": go }));
        run.go();
        assert_eq!(
            (run.ex.status, run.effects.len()),
            (Status::Completed, fires),
            "{go}"
        );
    }
}

#[test]
fn any_cancels_what_the_rest_has_asked_for() {
    let mail = |id: &str| {
        json!({ "id": id, "type": "send_email", "onSuccess": ["j"],
        "config": { "subject": "s", "body": "b", "to": "a@b.c" } })
    };
    let program = program(&steps(json!([
        { "id": "fork", "type": "parallel", "config": { "branches": ["a", "b"] } },
        mail("a"), mail("b"),
        { "id": "j", "type": "delay", "join": "any", "config": { "duration": "1 hour" } },
    ])));
    let mut run = Run::new(&program, fields());
    run.go();
    let seqs: Vec<i32> = run.sends().iter().map(|send| send.seq).collect();
    run.reply_to(seqs[1], ReplyOutcome::Sent, None);
    assert_eq!(
        run.effects.last(),
        Some(&Effect::CancelSends {
            seqs: vec![seqs[0]]
        })
    );
    assert_eq!(
        (run.ex.status, run.ex.state.branches.len()),
        (Status::Waiting, 1)
    );
    assert!(
        !run.reply_to(seqs[0], ReplyOutcome::Sent, None),
        "it advances nothing any more"
    );
}

#[test]
fn nested_forks_meet_where_they_began() {
    // The outer fork: a and b; a forks again; all three ends meet at j, which belongs to the outer one.
    let count = |id: &str, join: bool, next: &[&str]| {
        let mut step = json!({ "id": id, "type": "update_variable", "onSuccess": next,
            "config": { "name": id, "operation": "increment" } });
        if join {
            step["join"] = json!("all");
        }
        step
    };
    let outer = program(&steps(json!([
        count("start", false, &["a", "b"]),
        count("a", false, &["a1", "a2"]),
        count("a1", false, &["j"]),
        count("a2", false, &["j"]),
        count("b", false, &["j"]),
        count("j", true, &["k"]),
        count("k", false, &[]),
    ])));
    let inner = program(&steps(json!([
        count("start", false, &["a", "b"]),
        count("a", false, &["a1", "a2"]),
        count("a1", false, &["i"]),
        count("a2", false, &["i"]),
        count("i", true, &["j"]),
        count("b", false, &["j"]),
        count("j", true, &["k"]),
        count("k", false, &[]),
    ])));
    // Two forks one after the other.
    let twice = program(&steps(json!([
        count("start", false, &["a", "b"]),
        count("a", false, &["i"]),
        count("b", false, &["i"]),
        count("i", true, &["c", "d"]),
        count("c", false, &["j"]),
        count("d", false, &["j"]),
        count("j", true, &["k"]),
        count("k", false, &[]),
    ])));
    // Three arms, two of which meet before they meet the third.
    let stairs = program(&steps(json!([
        count("start", false, &["a", "b", "c"]),
        count("a", false, &["i"]),
        count("b", false, &["i"]),
        count("c", false, &["j"]),
        count("i", true, &["j"]),
        count("j", true, &["k"]),
        count("k", false, &[]),
    ])));
    for program in [&outer, &inner, &twice, &stairs] {
        for max_steps in [1, 64] {
            let mut run = Run::new(program, fields());
            run.limits = Burst { max_steps };
            if max_steps == 1 {
                run.mishaps = vec![Mishap::LostAfterCommit];
            }
            run.go();
            assert_eq!(run.ex.status, Status::Completed);
            for (name, count) in &run.ex.state.vars {
                assert_eq!(count, 1, "{name} in {:#?}", run.story());
            }
            assert!(run.ex.state.vars.contains_key("k") && run.ex.state.forks.is_empty());
        }
    }
}
