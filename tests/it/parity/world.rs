//! One world, lived through twice: by the real engine on a clock of its own, and by the simulation.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, Row};
use uuid::Uuid;
use waypost::{
    app::{
        Schema, Settings, Waypost,
        config::Flags,
        definitions::{Checked, check_text},
    },
    connect::{BoxFuture, Connector, Connectors, Delivery, NoSecrets, Reply},
    engine::{
        program::{Numbers, Program, TenantInfo},
        simulate::{self, Options, Simulation, Summary},
    },
    store::clock,
    worker::{Shared, WorkerSettings, drive::Driver},
};

use super::happening::{NOTE, happen, insert, live, run_until};
use crate::support::{House, start};

/// What happens to a contact at an instant: what it sets, then the event itself.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Minutes after the start.
    pub minute: i64,
    pub contact: Uuid,
    pub kind: String,
    pub data: Value,
    /// Contact fields by the names that contacts.jsonl uses.
    pub set: Map<String, Value>,
}

/// Definitions, contacts (`{"id", ...fields}`), and what happens to them.
#[derive(Debug, Default)]
pub struct World {
    pub definitions: Vec<Value>,
    pub contacts: Vec<Value>,
    pub facts: Vec<Fact>,
    /// Entries of suppression lists, as `waypost simulate --suppressions` reads them.
    pub suppressions: Vec<Value>,
    /// Minutes that the world lasts; what falls due at its very end does not happen.
    pub minutes: i64,
}

/// What only the database can know beforehand.
pub struct Facts {
    /// Of the events, in the order of the world's facts.
    ids: Vec<Uuid>,
    programs: Vec<Program>,
    tenant: i32,
}

/// Action and rendered request.
pub type Request = (String, Value);

/// One line of what happened to an execution: `(at, event, step, result)`.
pub type Line = (String, String, Option<String>, Value);

/// Ids and requests, in order.
pub type Asked = VecDeque<(Uuid, Request)>;

/// All that happened, in a shape in which both sides can be compared.
#[derive(Debug, Default)]
pub struct Story {
    /// By contact and execution, in the order of the execution's own history.
    pub executions: BTreeMap<(Uuid, Uuid), Vec<Line>>,
    /// `(contact, at, workflow, reason)`, sorted.
    pub blocked: Vec<(Uuid, String, String, String)>,
    /// What went out: outbox id to action and request.
    pub sent: BTreeMap<Uuid, Request>,
    /// What was asked for and is not yet answered, by execution and step: what ends in the same burst as it
    /// was asked for is cancelled before it goes out.
    pub asked: BTreeMap<(Uuid, Option<String>), Asked>,
    /// Enrolled, active, completed, failed, exited, goals.
    pub summary: [u64; 6],
}

/// Answers as the request's subject asks it to: `fails` and `unclear`; results.jsonl says the same by step.
#[derive(Default)]
struct Scripted {
    sent: Mutex<BTreeMap<Uuid, (String, Value)>>,
}

impl Connector for Scripted {
    fn is_local(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Reply> {
        let what = (delivery.action.to_owned(), delivery.request.clone());
        let before = self.sent.lock().unwrap().insert(delivery.outbox_id, what);
        assert!(before.is_none(), "one attempt is enough here");
        let subject = delivery.request["subject"].as_str().unwrap_or_default();
        let reply = match subject {
            "fails" => Reply::rejected("refused", "no"),
            "unclear" => Reply::unknown("timeout", "who knows"),
            _ => Reply::ok(Value::Null),
        };
        Box::pin(std::future::ready(reply))
    }
}

pub fn at(minute: i64) -> DateTime<Utc> {
    start() + TimeDelta::minutes(minute)
}

fn shown(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

pub fn checked(definition: &Value) -> Checked {
    check_text(&definition.to_string(), "definition.json")
}

impl World {
    /// Lives through it in a database.
    pub async fn really(&self, name: &str) -> (Story, Facts) {
        let house = House::new(name).await;
        let sink = Arc::new(Scripted::default());
        let mut connectors = Connectors::default();
        for action in ["send_email", "webhook", "http_request"] {
            connectors = connectors.with(action, sink.clone());
        }
        let settings = WorkerSettings::default();
        let shared =
            Shared::new(&house.db.url(), connectors, Arc::new(NoSecrets), settings).unwrap();
        let mut c = house.connect().await;
        insert(&mut c, &self.contacts).await;
        for entry in &self.suppressions {
            sqlx::query(
                "select waypost.suppress($1 ->> 'value', $1 ->> 'kind', $1 ->> 'list', $1 ->> 'reason',
                                         ($1 ->> 'expires_at')::timestamptz)",
            )
            .bind(entry)
            .execute(&mut c)
            .await
            .unwrap();
        }
        // That they came is an event too: nobody is deployed yet who could hear of it.
        let mut driver = Driver::new(shared.clone(), house.tenant, start());
        driver.settle().await.unwrap();
        let files = self.deploy(&house).await;
        let programs = programs(&files, &mut c).await;
        let reviewed = self.steps().any(|step| step["type"] == "manual_review");
        let mut ids = Vec::new();
        for facts in self.facts.chunk_by(|a, b| a.minute == b.minute) {
            let now = at(facts[0].minute);
            run_until(&mut driver, &mut c, now, reviewed).await;
            let mut pooled = shared.pool.acquire().await.unwrap();
            clock::set(&mut pooled, house.tenant, now).await.unwrap();
            drop(pooled);
            happen(&mut c, facts, &mut ids).await;
            live(&mut driver, &mut c, now, reviewed).await;
        }
        run_until(&mut driver, &mut c, at(self.minutes), reviewed).await;
        let mut story = read(&mut c).await;
        story.sent = sink.sent.lock().unwrap().clone();
        let facts = Facts {
            ids,
            programs,
            tenant: house.tenant,
        };
        (story, facts)
    }

    /// Deploys and publishes them all; returns them as they were read.
    pub async fn deploy(&self, house: &House) -> Vec<Checked> {
        let flags = Flags {
            database_url: Some(house.db.url()),
            tenant: Some("t".into()),
            ..Flags::default()
        };
        let settings = Settings::from(&flags, &|_| None).unwrap();
        let waypost = Waypost::open(settings, Schema::Current, &|_| {})
            .await
            .unwrap();
        let files: Vec<Checked> = self.definitions.iter().map(checked).collect();
        for file in &files {
            assert!(file.is_valid(), "{}", file.findings);
        }
        waypost.deploy(&files, true).await.unwrap();
        files
    }

    fn steps(&self) -> impl Iterator<Item = &Value> {
        let definitions = self.definitions.iter();
        definitions.flat_map(|definition| definition["actions"].as_array().unwrap())
    }

    /// Simulates it, through the very files that `waypost simulate` reads.
    pub fn simulated(&self, known: &Facts) -> Story {
        let text = |lines: Vec<Value>| {
            let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
            lines.join("\n")
        };
        let contacts = simulate::contacts(&text(self.contacts.clone())).unwrap();
        let facts = self.facts.iter().zip(&known.ids).map(|(fact, id)| {
            json!({ "id": id, "type": fact.kind, "contact_id": fact.contact, "occurred_at": at(fact.minute),
                    "data": fact.data, "set": fact.set })
        });
        let events = simulate::events(&text(facts.collect())).unwrap();
        let results = simulate::results(&text(self.results())).unwrap();
        let options = Options {
            from: Some(start()),
            until: Some(at(self.minutes)),
            results,
            suppressions: simulate::suppressions(&text(self.suppressions.clone())).unwrap(),
            tenant: Some(known.tenant),
            ..Options::default()
        };
        let mut story = Story::default();
        let summary =
            Simulation::new(&known.programs, contacts, options, |row| story.add(&row)).run(events);
        story.blocked.sort();
        story.summary = figures(&summary);
        story
    }

    fn results(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        for definition in &self.definitions {
            for step in definition["actions"].as_array().unwrap() {
                let config = &step["config"];
                let subject = config["subject"].as_str();
                let line = match subject.or(config["instructions"].as_str()) {
                    Some("approve") => json!({ "outcome": "sent", "message": NOTE }),
                    Some("reject") => json!({ "outcome": "failed", "message": NOTE }),
                    Some("fails") => {
                        json!({ "outcome": "failed", "error": "refused", "message": "no" })
                    }
                    Some("unclear") => {
                        json!({ "outcome": "unknown", "error": "timeout", "message": "who knows" })
                    }
                    _ => continue,
                };
                let mut line = line;
                line["workflow"] = definition["id"].clone();
                line["step_id"] = step["id"].clone();
                lines.push(line);
            }
        }
        lines
    }
}

/// The published versions as the tables number them, so that a cause names the right workflow.
async fn programs(files: &[Checked], c: &mut PgConnection) -> Vec<Program> {
    let rows = sqlx::query("select slug, id, version from waypost.workflows")
        .fetch_all(c)
        .await
        .unwrap();
    let numbers: HashMap<String, Numbers> = rows
        .iter()
        .map(|row| {
            let numbers = Numbers {
                workflow: row.get(1),
                version: row.get(2),
            };
            (row.get(0), numbers)
        })
        .collect();
    let tenant = TenantInfo {
        name: "t".into(),
        timezone: chrono_tz::UTC,
    };
    let mut programs: Vec<Program> = files
        .iter()
        .map(|file| {
            let definition = &file.source.as_ref().unwrap().definition;
            Program::compile(definition, numbers[&definition.id], &tenant).unwrap()
        })
        .collect();
    programs.sort_by_key(|program| program.numbers.workflow);
    programs
}

impl Story {
    fn add(&mut self, row: &simulate::Row) {
        let contact: Uuid = row.contact_id.parse().unwrap();
        if row.event == "enrollment:blocked" {
            let text = |name: &str| row.detail[name].as_str().unwrap().to_owned();
            let line = (contact, row.at.clone(), text("workflow"), text("reason"));
            return self.blocked.push(line);
        }
        let id = row.execution_id.unwrap();
        let mut detail = row.detail.clone();
        match row.event {
            "execution:created" => detail = Value::Null,
            "action:dispatched" => {
                let outbox = detail["outboxId"].as_str().unwrap().parse().unwrap();
                let action = detail["action"].as_str().unwrap().to_owned();
                let asked = (outbox, (action, detail["request"].take()));
                let at = (id, row.step_id.clone());
                self.asked.entry(at).or_default().push_back(asked);
                detail = Value::Null;
            }
            // What was under way in the passes before stays without an answer.
            "step:failed" if detail["error"] == "loop_limit" => {}
            "step:completed" | "step:failed" => {
                let at = (id, row.step_id.clone());
                let answered = self.asked.get_mut(&at).and_then(VecDeque::pop_front);
                self.sent.extend(answered);
            }
            _ => {}
        }
        let line = (
            row.at.clone(),
            row.event.to_owned(),
            row.step_id.clone(),
            nameless(detail),
        );
        self.executions.entry((contact, id)).or_default().push(line);
    }
}

/// A result without the id of an execution that was there before: a change may have enrolled that one.
fn nameless(mut result: Value) -> Value {
    if result["outcome"] == "duplicate" {
        result["executionId"].take();
    }
    result
}

fn figures(summary: &Summary) -> [u64; 6] {
    [
        summary.total_enrollments,
        summary.active_enrollments,
        summary.completed_enrollments,
        summary.failed_enrollments,
        summary.exited_enrollments,
        summary.goal_achievements,
    ]
}

/// What the public views say.
async fn read(c: &mut PgConnection) -> Story {
    let mut story = Story::default();
    let rows = sqlx::query(
        "select e.contact_id, t.execution_id, t.at, t.event, t.step_id, t.result
           from waypost.execution_timeline t join waypost.executions e on e.id = t.execution_id
          order by 1, 2, t.seq",
    )
    .fetch_all(&mut *c)
    .await
    .unwrap();
    for row in rows {
        let event: String = row.get(3);
        let result: Option<Value> = row.get(5);
        let result = result.filter(|_| event != "action:dispatched");
        let line = (
            shown(row.get(2)),
            event,
            row.get(4),
            nameless(result.unwrap_or_default()),
        );
        let key = (row.get(0), row.get(1));
        story.executions.entry(key).or_default().push(line);
    }
    let rows = sqlx::query(
        "select b.contact_id, b.at, w.slug, b.reason
           from waypost.blocks b join waypost.workflows w on w.id = b.workflow_id",
    )
    .fetch_all(&mut *c)
    .await
    .unwrap();
    for row in rows {
        let line = (row.get(0), shown(row.get(1)), row.get(2), row.get(3));
        story.blocked.push(line);
    }
    story.blocked.sort();
    let sums: Vec<i64> = sqlx::query_scalar(
        "select unnest(array[sum(total_enrollments), sum(active_enrollments), sum(completed_enrollments),
                             sum(failed_enrollments), sum(exited_enrollments), sum(goal_achievements)])::bigint
           from waypost.workflow_stats",
    )
    .fetch_all(c)
    .await
    .unwrap();
    for (to, sum) in story.summary.iter_mut().zip(sums) {
        *to = u64::try_from(sum).unwrap();
    }
    story
}
