//! The commands about versions: what they print, and what they refuse.

use std::path::PathBuf;

use serde_json::{Value, json};
use sqlx::Executor;

use super::workflow;
use crate::cli::Shell;

struct Files(Vec<PathBuf>);

impl Files {
    fn write(&mut self, shell: &Shell, definition: &Value) -> String {
        let name = format!("waypost-{}-{}.json", shell.db.name(), self.0.len());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, definition.to_string()).unwrap();
        self.0.push(path.clone());
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn days(id: &str, amount: i64) -> Value {
    json!({ "id": id, "type": "delay", "config": { "duration": { "amount": amount, "unit": "days" } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_is_listed_compared_moved_undone_and_restored() {
    let (shell, mut files) = (Shell::new("cli_versions").await, Files(Vec::new()));
    let one = files.write(&shell, &workflow(json!([days("wait", 3)])));
    let two = files.write(&shell, &workflow(json!([days("pause", 5)])));
    shell.text(&["deploy", &one, "--publish"]);
    let mut c = shell.db.connect().await;
    let contact = shell.contact(&mut c, "a@example.com").await.to_string();
    let id = shell.json(&["enroll", "w", "--contact", &contact])["execution_id"].clone();
    // As a worker would have left it.
    c.execute(
        "update waypost.runs set status = 1, seq = 2, node = 0, due_at = now() + interval '3 days',
                state = jsonb_build_object('s', true, 'nb', 1, 'n', 1, 'b', jsonb_build_array(jsonb_build_object('p',
                  jsonb_build_object('k', 't', 's', 1, 'a', floor(extract(epoch from now()) * 1000),
                                     'u', floor(extract(epoch from now() + interval '3 days') * 1000)))));
         insert into waypost.bursts select bucket, id, 0, tenant_id, workflow_id, now(), '{-1,0}', '{1,4}' from waypost.runs",
    )
    .await
    .unwrap();

    let move_to = |map: &[&str], more: &[&str]| {
        let mut args = vec![
            "deploy",
            two.as_str(),
            "--publish",
            "--in-flight",
            "migrate",
        ];
        for answer in map {
            args.extend(["--map", answer]);
        }
        args.extend(more);
        args.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let args = move_to(&[], &["--plan"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (code, errors) = shell.refused(&args);
    assert!(
        code == 1
            && errors.contains("1 of version 1 stand on \"wait\"")
            && errors.contains("--map wait=pin"),
        "{errors}"
    );
    let plan = String::from_utf8(shell.run(&args).stdout).unwrap();
    assert!(
        plan.contains("version 2 would be updated") && plan.contains("1 NEED AN ANSWER"),
        "{plan}"
    );
    for (map, part) in [
        ("wait", "OLD=NEW"),
        ("wait=psuae", "psuae"),
        ("wiat=pause", "wiat"),
    ] {
        let args = move_to(&[map], &["--plan"]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let (code, errors) = shell.refused(&args);
        assert!(code == 2 && errors.contains(part), "{map}: {code} {errors}");
    }
    let args = move_to(&["wait=pause"], &["--plan"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let plan = shell.json(&args);
    assert_eq!(plan[0]["running"][0]["retimed"], json!(1));
    assert_eq!(
        shell.json(&["workflows", "show", "w"])["latest"],
        json!(1),
        "nothing was changed"
    );

    let args = move_to(&["wait=pause"], &[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = shell.json(&args);
    assert_eq!(done[0]["moves"]["moved"], json!(1));
    let shown = shell.json(&["executions", "show", id.as_str().unwrap()]);
    assert_eq!(
        (&shown["version"], &shown["state"]["currentNodeId"]),
        (&json!(2), &json!("pause"))
    );
    let told: Vec<_> = shown["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["event"].as_str().unwrap(), row["step_id"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("execution:created", None),
            ("execution:started", None),
            ("execution:waiting", Some("wait")),
            ("execution:moved", None),
        ]
    );
    let result = &shown["timeline"][3]["result"];
    assert_eq!(
        *result,
        json!({ "command": "migrate", "fromVersion": 1, "version": 2, "steps": { "wait": "pause" } })
    );
    let why = shell.json(&["explain", "--contact", &contact, "--workflow", "w"]);
    let waited = why
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["outcome"] == json!("execution:waiting"));
    assert_eq!(
        waited.unwrap()["reason"],
        json!("wait"),
        "named as it was then"
    );
    let enrolled = why
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["outcome"] == json!("enrolled"));
    assert_eq!(enrolled.unwrap()["detail"]["version"], json!(1));

    let diff = shell.text(&["workflows", "diff", "w"]);
    assert!(
        diff.contains("step pause added") && diff.contains("step wait removed"),
        "{diff}"
    );
    let batch = done[0]["moves"]["batch"].as_str().unwrap();
    let undone = shell.json(&["undo", batch]);
    assert_eq!(
        (&undone["changed"], &undone["refused"]),
        (&json!(1), &json!(0))
    );
    let shown = shell.json(&["executions", "show", id.as_str().unwrap()]);
    assert_eq!(
        (&shown["version"], &shown["state"]["currentNodeId"]),
        (&json!(1), &json!("wait"))
    );
    assert_eq!(shown["timeline"][4]["result"]["command"], json!("undo"));

    let restored = shell.json(&["workflows", "restore", "w", "--version", "1"]);
    assert_eq!(
        (&restored["version"], &restored["published"]),
        (&json!(3), &json!(true))
    );
    assert!(
        shell
            .text(&["workflows", "diff", "w", "--from", "1", "--to", "3"])
            .contains("nothing differs")
    );
    let versions = shell.json(&["workflows", "versions", "w"]);
    let published: Vec<_> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["version"], &row["published"]))
        .collect();
    assert_eq!(
        published,
        [
            (&json!(3), &json!(true)),
            (&json!(2), &json!(false)),
            (&json!(1), &json!(false))
        ]
    );
    let listed = shell.json(&["workflows", "list"]);
    assert_eq!(
        (&listed[0]["id"], &listed[0]["live"], &listed[0]["on_older"]),
        (&json!("w"), &json!(1), &json!(1))
    );
    for (args, part) in [
        (
            vec!["workflows", "show", "no-such"],
            "no workflow \"no-such\"",
        ),
        (
            vec!["workflows", "restore", "w", "--version", "9"],
            "they are 1 to 3",
        ),
        (
            vec!["workflows", "diff", "w", "--from", "9"],
            "no version 9",
        ),
    ] {
        let (code, errors) = shell.refused(&args);
        assert!(code == 1 && errors.contains(part), "{args:?}: {errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_published_held_and_archived_by_name() {
    let (shell, mut files) = (Shell::new("cli_statuses").await, Files(Vec::new()));
    let file = files.write(&shell, &workflow(json!([days("wait", 3)])));
    shell.text(&["deploy", &file]);
    let (code, errors) = shell.refused(&["workflows", "pause", "w"]);
    assert!(
        code == 1 && errors.contains("workflows publish w"),
        "{errors}"
    );
    let done = shell.json(&["workflows", "publish", "w"]);
    assert_eq!(
        (&done["version"], &done["status"]),
        (&json!(1), &json!("active"))
    );
    for (verb, status) in [
        ("pause", "paused"),
        ("resume", "active"),
        ("archive", "archived"),
    ] {
        assert_eq!(
            shell.json(&["workflows", verb, "w"])["status"],
            json!(status),
            "{verb}"
        );
        assert_eq!(
            shell.json(&["workflows", "list"])[0]["status"],
            json!(status)
        );
    }
    // Nothing runs, so a drain is over at once.
    let drained = shell.text(&["deploy", &file, "--publish", "--in-flight", "drain"]);
    assert!(drained.contains("w: drained"), "{drained}");
    let after = shell.text(&[
        "deploy",
        &file,
        "--publish",
        "--in-flight",
        "drain",
        "--after-drain",
    ]);
    assert!(after.contains("published, active"), "{after}");
}
