//! What only a tenant's data tells: deploying says it, and refuses nothing.

use serde_json::{Value, json};
use sqlx::Executor;

use crate::{cli::Shell, fleet::waypost};

fn workflow(id: &str) -> Value {
    json!({
        "id": id,
        "trigger": {"type": "form.submitted", "config": {"formId": "a"}},
        "actions": [{"id": "mail", "type": "send_email",
            "config": {"subject": "{{ contact.plann }} {{ contact.plan }}", "body": "Hello"}}],
        "goals": [
            {"id": "bought", "conditions": {"field": "contact.lastPurchaseDate", "operator": "exists"}},
            {"id": "since", "conditions": {"field": "contact.lastPurchaseDate", "operator": "after_date",
                "value": "{{ execution.enrolledAt }}"}},
        ],
        "enrollmentSettings": {"entryConditions": {"field": "contact.city", "operator": "equals", "value": "Paris"}},
    })
}

#[tokio::test]
async fn deploying_says_what_the_tenants_contacts_and_workflows_tell() {
    let shell = Shell::new("doubts").await;
    let dir = std::env::temp_dir();
    let files = ["one", "two"].map(|id| {
        let file = dir.join(format!("waypost-doubts-{id}-{}.json", std::process::id()));
        std::fs::write(&file, workflow(id).to_string()).unwrap();
        file
    });
    let [one, two] = [0, 1].map(|n| files[n].to_str().unwrap());
    let said = |args: &[&str]| {
        let out = waypost(&shell.db.url(), args).output().unwrap();
        let text = String::from_utf8(out.stderr).unwrap();
        assert!(out.status.success(), "{text}");
        text
    };
    // A tenant that is not there yet, and one without contacts, have nothing to tell.
    let quiet = said(&["deploy", one, "--publish"]);
    for code in [
        "goal_met_now",
        "unknown_contact_field",
        "overlapping_workflows",
    ] {
        assert!(!quiet.contains(code), "{quiet}");
    }
    let mut c = shell.db.connect().await;
    c.execute(
        "insert into crm.contacts (city, last_purchase_date, custom_fields)
         select case when g <= 5 then 'Paris' else 'Rome' end,
                case when g % 2 = 0 then now() - interval '1 year' end, jsonb_build_object('plan', 'gold')
           from generate_series(1, 1500) g",
    )
    .await
    .unwrap();
    let text = said(&["deploy", two, "--publish", "--plan"]);
    assert!(
        text.contains("[goal_met_now] goals[0].conditions: 2 of 1500 contacts"),
        "{text}"
    );
    assert!(!text.contains("[goal_met_now] goals[1]"), "{text}");
    assert!(
        text.contains("no contact has the field \"plann\"; did you mean \"plan\"?"),
        "{text}"
    );
    assert!(
        text.contains("[overlapping_workflows] actions[0]: the active workflow \"one\""),
        "{text}"
    );
    // Its own earlier version is no other workflow.
    let again = said(&["deploy", one, "--publish"]);
    assert!(!again.contains("overlapping_workflows"), "{again}");
    // Beside each other the files say it without a database.
    let out = waypost("postgres://nowhere/", &["validate", one, two])
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(
        out.status.success() && text.contains("overlapping_workflows"),
        "{text}"
    );
    let out = waypost("postgres://nowhere/", &["validate", one, one])
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(
        !out.status.success() && text.contains("error[duplicate_id] id"),
        "{text}"
    );
    for file in files {
        std::fs::remove_file(file).unwrap();
    }
}
