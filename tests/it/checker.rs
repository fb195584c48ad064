//! The provider's log against the books of the database: what each policy promises, and what broke it.
//!
//! [`Books`] holds both sides; [`Books::check`] answers with a [`Report`]: a table for people, and every broken rule
//! in words. Each rule is shown to notice a planted line in [`tests`].

#![cfg_attr(
    not(feature = "failpoints"),
    allow(dead_code, reason = "the fault tests use the rest")
)]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};
use waypost::testing::fake_http::{FakeHttp, Received};

/// How far the clocks of the provider and of the database may be apart: they are one machine's.
const SLACK: Duration = Duration::from_millis(5);

/// A send as the database knows it.
#[derive(Debug, Clone)]
pub struct Send {
    pub policy: String,
    pub status: String,
    /// When its first attempt was committed.
    pub first_at: Option<DateTime<Utc>>,
    /// Attempts that count against `maxAttempts`.
    pub attempts: i64,
    /// Attempts in all, those given back and lost included.
    pub tries: i64,
}

/// Both sides.
#[derive(Debug, Clone, Default)]
pub struct Books {
    pub sends: HashMap<String, Send>,
    pub requests: Vec<Received>,
    /// Effects at the provider by key.
    pub acts: HashMap<String, usize>,
    /// Keys about which the provider called back, and was heard.
    pub called: HashSet<String>,
    /// Effects in the database: what, how many there must be, how many there are.
    pub counted: Vec<(String, i64, i64)>,
}

/// What the books say.
#[derive(Debug)]
pub struct Report {
    lines: BTreeMap<String, Line>,
    /// Every broken rule: its name and what broke it.
    pub broken: Vec<(&'static str, String)>,
}

/// The sums of a policy.
#[derive(Debug, Default, Clone)]
pub struct Line {
    pub intents: usize,
    pub requests: usize,
    pub repeats: usize,
    pub effects: usize,
    pub sent: usize,
    pub failed: usize,
    pub unknown: usize,
}

/// Effects in the database that are not there exactly once for each finished step, in words: notes of a contact against
/// the `add_note` steps that its executions completed; tags that an execution put on against those that its completed
/// `add_tag` steps name, and those that nobody took off are there; fields that `update_contact` steps count up by one
/// against the number of those steps. One statement: a step's effects and its history are committed together.
pub async fn effects(c: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(EFFECTS).fetch_all(c).await.unwrap()
}

const EFFECTS: &str = "
    with executions as (
      select r.bucket, r.id, r.tenant_id, r.contact_id, r.workflow_id, r.version from waypost.runs r
      union all
      select f.bucket, f.id, f.tenant_id, f.contact_id, f.workflow_id, f.version from waypost.finished f),
    steps as (
      select e.id, t.name as tenant, e.contact_id, lower(a.action ->> 'type') as type, a.action -> 'config' as config
      from executions e
      join waypost.tenants t on t.id = e.tenant_id
      join waypost.all_bursts b on b.bucket = e.bucket and b.execution_id = e.id
      join waypost.versions v on v.workflow_id = e.workflow_id and v.version = e.version
      cross join lateral unnest(b.steps, b.kinds) u(step, kind)
      cross join lateral (select v.definition -> 'actions' -> u.step as action) a
      where u.kind = 2 and u.step >= 0),
    events as (
      select id, type, cause from waypost.events where cause is not null
      union all
      select id, type, cause from waypost.event_queue where cause is not null)
    select format('notes of contact %s: %s, not %s', coalesce(w.contact_id, n.contact_id), coalesce(n.n, 0), coalesce(w.n, 0))
    from (select s.tenant, s.contact_id, count(*) as n from steps s where s.type = 'add_note' group by 1, 2) w
    full join (select n.tenant_id as tenant, n.contact_id, count(*) as n from crm.notes n group by 1, 2) n
      on n.tenant = w.tenant and n.contact_id = w.contact_id
    where w.n is distinct from n.n
    union all
    select format('tags that execution %s put on: %s, at most %s', e.execution, e.n, coalesce(w.n, 0))
    from (select cause ->> 'execution' as execution, count(*) as n from events
          where type = 'contact.tag.added' group by 1) e
    left join (select s.id::text as execution,
                      sum(case when jsonb_typeof(s.config -> 'tags') = 'array'
                               then jsonb_array_length(s.config -> 'tags') else 1 end) as n
               from steps s where s.type = 'add_tag' group by 1) w on w.execution = e.execution
    where e.n > coalesce(w.n, 0)
    union all
    select format('tag %s of contact %s, which a finished step put on, is missing', g.tag, c.id)
    from (select distinct s.tenant, s.contact_id, t.tag from steps s
          cross join lateral jsonb_array_elements_text(
            case when jsonb_typeof(s.config -> 'tags') = 'array' then s.config -> 'tags'
                 else jsonb_build_array(s.config -> 'tag') end) t(tag)
          where s.type = 'add_tag' and position('{{' in t.tag) = 0) g
    join crm.contacts c on c.tenant_id = g.tenant and c.id = g.contact_id
    where g.tag <> all (c.tags)
      and not exists (select from (select contact_id, type, data from waypost.events
                                   union all select contact_id, type, data from waypost.event_queue) x
                      where x.contact_id = c.id and x.type = 'contact.tag.removed' and x.data ->> 'tag' = g.tag)
    union all
    select format('counter %s of contact %s: %s, not %s', w.field, c.id, coalesce(c.custom_fields ->> w.field, '0'), w.n)
    from (select s.tenant, s.contact_id, f.field, count(*) as n from steps s
          cross join lateral jsonb_each_text(s.config -> 'fields') f(field, value)
          where s.type = 'update_contact' and f.value ~ 'plus: 1 *\\}\\}$' group by 1, 2, 3) w
    join crm.contacts c on c.tenant_id = w.tenant and c.id = w.contact_id
    where coalesce((c.custom_fields ->> w.field)::numeric, 0) <> w.n";

/// The sends of a database with their attempts. Fails where an effect in the database itself is missing or doubled.
pub async fn ended(c: &mut PgConnection) -> HashMap<String, Send> {
    let wrong = effects(c).await;
    assert!(wrong.is_empty(), "effects of finished steps: {wrong:#?}");
    sqlx::query(
        "select o.id::text, o.policy, o.status, o.first_attempt_at, o.attempts::int8,
                (select count(*) from waypost.outbox_attempts a where a.outbox_id = o.id)
           from waypost.outbox o",
    )
    .fetch_all(c)
    .await
    .unwrap()
    .iter()
    .map(|row| {
        let send = Send {
            policy: row.get(1),
            status: row.get(2),
            first_at: row.get(3),
            attempts: row.get(4),
            tries: row.get(5),
        };
        (row.get(0), send)
    })
    .collect()
}

impl Books {
    /// Reads both sides.
    pub async fn read(c: &mut PgConnection, provider: &FakeHttp) -> Books {
        Books::of(provider, provider.received(), ended(c).await)
    }

    /// Of what was read already.
    pub fn of(provider: &FakeHttp, requests: Vec<Received>, sends: HashMap<String, Send>) -> Books {
        let keys = requests.iter().filter_map(|request| request.key.clone());
        let acts = keys.map(|key| (provider.acts(&key), key));
        Books {
            acts: acts.map(|(acts, key)| (key, acts)).collect(),
            called: provider.called_back(),
            sends,
            requests,
            counted: Vec::new(),
        }
    }

    /// There must be so many of this effect in the database.
    pub async fn count(
        &mut self,
        c: &mut PgConnection,
        what: &str,
        sql: &'static str,
        wanted: i64,
    ) {
        let found = sqlx::query_scalar(sql).fetch_one(c).await.unwrap();
        self.counted.push((what.to_owned(), wanted, found));
    }

    /// Holds everything against everything.
    pub fn check(&self) -> Report {
        let mut report = Report {
            lines: BTreeMap::new(),
            broken: Vec::new(),
        };
        let mut asked: HashMap<&str, Vec<&Received>> = HashMap::new();
        for request in &self.requests {
            match request.key.as_deref() {
                Some(key) if self.sends.contains_key(key) => {
                    asked.entry(key).or_default().push(request);
                }
                Some(key) => {
                    report.broken("recorded", format!("{key} was sent and never recorded"))
                }
                None => report.broken("recorded", format!("{} came without a key", request.path)),
            }
        }
        let nothing = Vec::new();
        for (key, send) in &self.sends {
            let requests = asked.get(key.as_str()).unwrap_or(&nothing);
            let effects = self.acts.get(key).copied().unwrap_or(0);
            report.add(send, requests.len(), effects);
            report.attempts(key, send, requests);
            report.promise(key, send, requests, effects);
            if self.called.contains(key) && send.status != "sent" {
                let status = &send.status;
                report.broken(
                    "called back",
                    format!("{key}: the provider said that it acted, and it is {status}"),
                );
            }
        }
        for (what, wanted, found) in &self.counted {
            if wanted != found {
                report.broken("database", format!("{what}: {found}, not {wanted}"));
            }
        }
        report
    }
}

impl Report {
    /// The sums of a policy.
    pub fn of(&self, policy: &str) -> Line {
        self.lines.get(policy).cloned().unwrap_or_default()
    }

    fn broken(&mut self, rule: &'static str, what: String) {
        self.broken.push((rule, what));
    }

    fn add(&mut self, send: &Send, requests: usize, effects: usize) {
        let line = self.lines.entry(send.policy.clone()).or_default();
        line.intents += 1;
        line.requests += requests;
        line.repeats += requests.saturating_sub(1);
        line.effects += effects;
        match send.status.as_str() {
            "sent" => line.sent += 1,
            "unknown" => line.unknown += 1,
            _ => line.failed += 1,
        }
    }

    /// What holds for every policy: nothing leaves that was not recorded, and what repeats is the same.
    fn attempts(&mut self, key: &str, send: &Send, requests: &[&Received]) {
        let Some(first) = requests.first() else {
            return;
        };
        let told = |request: &Received| {
            (
                request.method.clone(),
                request.path.clone(),
                request.body.clone(),
            )
        };
        if requests.iter().any(|again| told(again) != told(first)) {
            self.broken("same bytes", format!("{key} was sent with different bytes"));
        }
        match send.first_at.map(SystemTime::from) {
            Some(recorded) if recorded <= first.at + SLACK && send.attempts > 0 => {}
            Some(recorded) if recorded > first.at + SLACK => {
                self.broken(
                    "attempt first",
                    format!("{key} left before its attempt was recorded"),
                );
            }
            _ => self.broken(
                "attempt first",
                format!("{key} was sent without a recorded attempt"),
            ),
        }
        if requests.len() as i64 > send.tries {
            let (n, tries) = (requests.len(), send.tries);
            self.broken(
                "explained",
                format!("{key}: {n} requests of {tries} recorded tries"),
            );
        }
    }

    /// What this policy promises of one send.
    fn promise(&mut self, key: &str, send: &Send, requests: &[&Received], effects: usize) {
        let (policy, status) = (send.policy.as_str(), send.status.as_str());
        match status {
            "sent" if effects == 0 => {
                self.broken("sent arrived", format!("{key} is sent and had no effect"));
            }
            "failed" | "cancelled" | "suppressed" if effects > 0 => {
                self.broken(
                    "not sent",
                    format!("{key} is {status} and had {effects} effects"),
                );
            }
            "pending" | "claimed" | "sending" => {
                self.broken("settled", format!("{key} is still {status}"));
            }
            _ => {}
        }
        match policy {
            "dedupe" if effects != 1 || status != "sent" => self.broken(
                "dedupe",
                format!("{key}: {effects} effects of one intent, ended {status}"),
            ),
            "hold" => {
                let in_doubt = requests
                    .iter()
                    .position(|r| r.acted || r.answered.is_none());
                if effects > 1 {
                    self.broken("hold", format!("{key} is held and had {effects} effects"));
                } else if in_doubt.is_some_and(|at| at + 1 < requests.len()) {
                    self.broken(
                        "hold",
                        format!("{key} is held and was sent again after a doubt"),
                    );
                } else if in_doubt.is_some() && !matches!(status, "sent" | "unknown") {
                    self.broken("hold", format!("{key} is in doubt and ended {status}"));
                }
            }
            "reconcile" if effects > 1 => {
                self.broken("reconcile", format!("{key}: {effects} effects"));
            }
            "retry" if effects as i64 > send.tries => self.broken(
                "retry",
                format!("{key}: {effects} effects of {} recorded tries", send.tries),
            ),
            _ => {}
        }
    }

    /// Prints the table, and fails if a rule is broken.
    pub fn must_hold(&self) {
        println!("{self}");
        let some: Vec<_> = self.broken.iter().take(10).collect();
        assert!(
            some.is_empty(),
            "{} rules broken: {some:#?}",
            self.broken.len()
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "   policy | intents | requests | repeats | effects |  sent | not sent | unknown"
        )?;
        for (policy, line) in &self.lines {
            writeln!(
                f,
                "{policy:>9} | {:>7} | {:>8} | {:>7} | {:>7} | {:>5} | {:>8} | {:>7}",
                line.intents,
                line.requests,
                line.repeats,
                line.effects,
                line.sent,
                line.failed,
                line.unknown
            )?;
        }
        write!(f, "rules broken: {}", self.broken.len())
    }
}

/// Prints what the books say and fails on a broken rule.
pub fn check_requests(provider: &FakeHttp, requests: &[Received], sends: &HashMap<String, Send>) {
    Books::of(provider, requests.to_vec(), sends.clone())
        .check()
        .must_hold();
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;
    use sqlx::Executor;

    use super::*;
    use crate::support::{House, publish, start};

    /// A note, two tags and a counter, by the engine; then each of them once too often, and once missing.
    #[tokio::test]
    async fn an_effect_that_is_missing_or_doubled_is_noticed() {
        let house = House::new("checker_effects").await;
        let mut c = house.connect().await;
        let definition = json!({
            "id": "effects", "trigger": { "type": "custom.event" },
            "actions": [
                { "id": "note", "type": "add_note", "onSuccess": ["tag"], "config": { "body": "told" } },
                { "id": "tag", "type": "add_tag", "onSuccess": ["count"], "config": { "tags": ["a", "b"] } },
                { "id": "count", "type": "update_contact",
                  "config": { "fields": { "visits": "{{ contact.visits | default: 0 | plus: 1 }}" } } },
            ],
        });
        publish(&house, &mut c, &definition.to_string()).await;
        for email in ["ann@example.com", "bob@example.com"] {
            let contact = house.contact(&mut c, email).await;
            sqlx::query("select waypost.enroll('effects', $1)")
                .bind(contact)
                .execute(&mut c)
                .await
                .unwrap();
        }
        let later = start() + TimeDelta::minutes(1);
        house.driver().advance_to(later).await.unwrap();
        let counts: (i64, i64) = sqlx::query_as(
            "select (select count(*) from crm.notes),
                    (select count(*) from waypost.events where type = 'contact.tag.added')",
        )
        .fetch_one(&mut c)
        .await
        .unwrap();
        assert_eq!(counts, (2, 4));
        assert_eq!(effects(&mut c).await, [""; 0]);
        for (plant, part) in [
            (
                "insert into crm.notes (contact_id, body) select contact_id, body from crm.notes limit 1",
                "notes of contact",
            ),
            (
                "delete from crm.notes where id = (select id from crm.notes limit 1)",
                "notes of contact",
            ),
            (
                "insert into waypost.events select (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid()))).*
                   from waypost.events e where type = 'contact.tag.added' limit 1",
                "tags that execution",
            ),
            (
                "update crm.contacts set tags = '{a}' where email = 'ann@example.com';
                 delete from waypost.event_queue where type = 'contact.tag.removed'",
                "tag b of contact",
            ),
            (
                "update crm.contacts set custom_fields = '{\"visits\": 2}' where email = 'ann@example.com'",
                "counter visits",
            ),
            (
                "update crm.contacts set custom_fields = '{}' where email = 'ann@example.com'",
                "counter visits",
            ),
        ] {
            c.execute("begin").await.unwrap();
            c.execute(plant).await.unwrap();
            let found = effects(&mut c).await;
            assert!(found.len() == 1 && found[0].starts_with(part), "{plant}: {found:?}");
            c.execute("rollback").await.unwrap();
        }
    }

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + Duration::from_millis(millis)
    }

    fn request(key: &str, millis: u64, acted: bool, answered: Option<u16>) -> Received {
        Received {
            at: at(millis),
            method: "POST".into(),
            path: "/".into(),
            key: Some(key.into()),
            headers: Vec::new(),
            body: b"{}".to_vec(),
            acted,
            answered,
        }
    }

    /// One send of each policy, as it is when all goes well.
    fn sound() -> Books {
        let mut books = Books::default();
        for policy in ["dedupe", "hold", "reconcile", "retry"] {
            let send = Send {
                policy: policy.into(),
                status: "sent".into(),
                first_at: Some(at(0).into()),
                attempts: 1,
                tries: 1,
            };
            books.sends.insert(policy.into(), send);
            books.requests.push(request(policy, 10, true, Some(200)));
            books.acts.insert(policy.into(), 1);
        }
        books.counted.push(("notes".into(), 1, 1));
        books
    }

    #[test]
    fn sound_books_break_no_rule() {
        let report = sound().check();
        assert!(report.broken.is_empty(), "{:?}", report.broken);
        assert_eq!(report.of("hold").sent, 1);
        assert!(report.to_string().contains("dedupe |       1 |"));
    }

    /// What each policy allows that looks odd.
    #[test]
    fn what_is_allowed_breaks_no_rule() {
        let mut books = sound();
        books.requests.push(request("dedupe", 20, false, Some(200)));
        books.requests.push(request("retry", 20, true, Some(200)));
        books.acts.insert("retry".into(), 2);
        for key in ["dedupe", "retry"] {
            books.sends.get_mut(key).unwrap().tries = 2;
        }
        // Refused for the moment, then done: no doubt at any time.
        books
            .requests
            .insert(0, request("hold", 5, false, Some(503)));
        books.sends.get_mut("hold").unwrap().tries = 2;
        books.sends.get_mut("reconcile").unwrap().status = "unknown".into();
        let report = books.check();
        assert!(report.broken.is_empty(), "{:?}", report.broken);
    }

    /// Rule -> the one line that breaks it.
    #[test]
    fn every_rule_notices_a_planted_line() {
        type Plant = fn(&mut Books);
        let plants: [(&str, Plant); 17] = [
            ("called back", |b| {
                b.called.insert("hold".into());
                b.sends.get_mut("hold").unwrap().status = "unknown".into();
            }),
            ("recorded", |b| _ = b.sends.remove("retry")),
            ("recorded", |b| b.requests[0].key = None),
            ("same bytes", |b| {
                let mut again = request("dedupe", 20, false, Some(200));
                again.body = b"other".to_vec();
                b.requests.push(again);
            }),
            ("attempt first", |b| {
                b.requests[0].at = at(0) - Duration::from_secs(1)
            }),
            ("attempt first", |b| {
                b.sends.get_mut("hold").unwrap().first_at = None
            }),
            ("attempt first", |b| {
                b.sends.get_mut("hold").unwrap().attempts = 0
            }),
            ("explained", |b| {
                b.requests.push(request("dedupe", 20, false, Some(200)))
            }),
            ("sent arrived", |b| _ = b.acts.insert("retry".into(), 0)),
            ("not sent", |b| {
                b.sends.get_mut("retry").unwrap().status = "failed".into()
            }),
            ("settled", |b| {
                b.sends.get_mut("retry").unwrap().status = "sending".into()
            }),
            ("dedupe", |b| _ = b.acts.insert("dedupe".into(), 2)),
            ("dedupe", |b| {
                b.sends.get_mut("dedupe").unwrap().status = "unknown".into()
            }),
            ("hold", |b| _ = b.acts.insert("hold".into(), 2)),
            ("hold", |b| {
                b.requests.push(request("hold", 20, false, Some(200)));
                b.sends.get_mut("hold").unwrap().tries = 2;
            }),
            ("reconcile", |b| _ = b.acts.insert("reconcile".into(), 2)),
            ("retry", |b| _ = b.acts.insert("retry".into(), 2)),
        ];
        for (rule, plant) in plants {
            let mut books = sound();
            plant(&mut books);
            let broken = books.check().broken;
            assert!(broken.iter().any(|b| b.0 == rule), "{rule}: {broken:?}");
        }
        let mut books = sound();
        books.counted[0].2 = 2;
        assert_eq!(books.check().broken[0].0, "database");
        let mut books = sound();
        books.acts.insert("hold".into(), 0);
        books.requests[1].acted = false;
        books.requests[1].answered = None;
        books.sends.get_mut("hold").unwrap().status = "failed".into();
        assert_eq!(books.check().broken[0].0, "hold");
    }
}
