//! What a schedule is made of: drawn from its seed, within bounds that shrinking draws closer.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::{database::Millis, dice::Dice};
use crate::{
    catalog::parse,
    engine::program::{Numbers, Program, TenantInfo},
};

/// The most of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) workers: usize,
    pub(super) starts: usize,
    /// Talkers, tags, cancels and timers, each.
    pub(super) others: usize,
    pub(super) faults: usize,
}

impl Bounds {
    pub(super) const WIDE: Bounds = Bounds {
        workers: 4,
        starts: 3,
        others: 2,
        faults: 12,
    };

    /// A little less of one thing each.
    pub(super) fn smaller(self) -> impl Iterator<Item = Bounds> {
        let less = [
            Bounds {
                workers: self.workers - 1,
                ..self
            },
            Bounds {
                starts: self.starts - 1,
                ..self
            },
            Bounds {
                others: self.others.saturating_sub(1),
                ..self
            },
            Bounds {
                faults: self.faults.saturating_sub(2),
                ..self
            },
        ];
        less.into_iter()
            .filter(move |less| *less != self && less.workers > 0 && less.starts > 0)
    }
}

/// One schedule.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) workers: usize,
    pub(super) two_runners: bool,
    pub(super) contacts: usize,
    pub(super) starts: usize,
    pub(super) talkers: usize,
    pub(super) tags: usize,
    pub(super) cancels: usize,
    pub(super) timers: usize,
    /// Rows a claim takes.
    pub(super) batch: usize,
    /// Buckets a round of a matcher locks.
    pub(super) buckets: usize,
    /// Steps of one burst.
    pub(super) max_steps: u32,
    pub(super) lease: Millis,
    /// How many faults may come in all, and how often each kind does: once in so many times; 0: never.
    pub(super) faults: usize,
    /// The step from which on they come.
    pub(super) faults_from: usize,
    pub(super) kills: usize,
    pub(super) stops: usize,
    pub(super) breaks: usize,
    pub(super) odd_replies: usize,
    /// One in so many notifications is lost.
    pub(super) deaf: usize,
    /// A day passes in which nobody works.
    pub(super) day: bool,
    /// The database is set back to a backup. Then every send is `dedupe`.
    pub(super) restore: bool,
    workflows: Vec<usize>,
}

impl Plan {
    /// The schedule of a seed.
    pub(super) fn drawn(seed: u64, bounds: Bounds) -> Self {
        let mut dice = Dice::new(seed ^ 0x5EED);
        let mut up_to = |most: usize| dice.below(most + 1);
        let starts = 1 + up_to(bounds.starts.saturating_sub(1));
        let (talkers, tags) = (up_to(bounds.others), up_to(bounds.others));
        let (cancels, timers) = (up_to(bounds.others.min(1)), up_to(bounds.others.min(1)));
        let workers = dice.of(&[1, 2, 2, 3, 4]).min(bounds.workers);
        let restore = dice.once_in(8);
        let policies = if restore { 1 } else { POLICIES.len() };
        // The last shapes are made to be refused, or begin by a timer.
        let shapes = if restore { 2 } else { SHAPES };
        let mut workflows: Vec<usize> = (0..=dice.below(2))
            .map(|_| dice.below(policies) * SHAPES + dice.below(shapes))
            .collect();
        if timers > 0 && !restore {
            workflows.push(TIMED);
        }
        workflows.sort_unstable();
        workflows.dedup();
        Self {
            seed,
            workers,
            two_runners: dice.once_in(4),
            contacts: dice.of(&[1, 1, 2]),
            starts,
            talkers,
            tags,
            cancels: if restore { 0 } else { cancels },
            timers,
            batch: dice.of(&[1, 2, 5]),
            buckets: dice.of(&[1, 8]),
            max_steps: dice.of(&[1, 2, 64]),
            lease: 6_000,
            faults: if bounds.faults == 0 {
                0
            } else {
                dice.below(bounds.faults + 1)
            },
            faults_from: dice.below(300),
            kills: dice.of(&[0, 0, 80, 250]),
            stops: dice.of(&[0, 0, 60, 200]),
            breaks: dice.of(&[0, 0, 12, 60]),
            odd_replies: dice.of(&[0, 1, 3]),
            deaf: dice.of(&[0, 1, 3]),
            day: !restore && dice.once_in(6),
            restore,
            workflows,
        }
    }

    /// The workflows that are published.
    pub(super) fn programs(&self) -> Vec<Arc<Program>> {
        let all = self.workflows.iter().map(|at| Arc::clone(&PROGRAMS[*at]));
        all.collect()
    }
}

const POLICIES: [&str; 4] = ["dedupe", "hold", "reconcile", "retry"];
const SHAPES: usize = 8;
/// Of those that `dedupe`, the one that a timer begins.
const TIMED: usize = 7;
/// The name of the event that a timer makes.
const BY_TIMER: &str = "timed";

/// Every shape under every policy, compiled once.
static PROGRAMS: LazyLock<Vec<Arc<Program>>> = LazyLock::new(|| {
    let all = (0..POLICIES.len() * SHAPES).map(|at| Arc::new(compiled(at)));
    all.collect()
});

fn compiled(at: usize) -> Program {
    let (policy, shape) = (POLICIES[at / SHAPES], at % SHAPES);
    let name = match shape {
        TIMED => BY_TIMER.to_owned(),
        _ => format!("{policy}-{shape}"),
    };
    let mut definition = json!({
        "id": format!("{policy}-{shape}"),
        "trigger": { "type": "custom.event", "config": { "name": name } },
        "actions": actions(shape, policy),
    });
    if shape == 5 {
        let vip = json!({ "field": "contact.tags", "operator": "includes", "value": "vip" });
        definition["goals"] = json!([{ "id": "won", "conditions": vip, "onAchievement": "exit" }]);
    }
    if shape != TIMED {
        definition["trigger"]["config"]["name"] = definition["id"].clone();
    }
    let source = parse::read(&definition.to_string(), "rehearsal.json").expect("a definition");
    let tenant = TenantInfo {
        name: "default".into(),
        timezone: chrono_tz::UTC,
    };
    let numbers = Numbers {
        workflow: i32::try_from(at).expect("a small number"),
        version: 1,
    };
    Program::compile(&source.definition, numbers, &tenant).expect("a workflow")
}

fn actions(shape: usize, policy: &str) -> Value {
    let send = |id: &str, next: &[&str]| {
        let mut step = json!({
            "id": id, "type": "http_request", "onSuccess": next,
            "retryConfig": { "maxAttempts": 4, "backoffStrategy": "FIXED", "retryDelay": { "initial": 300 } },
            "config": { "url": "https://provider.example/", "policy": policy, "body": { "of": id } },
        });
        if policy == "reconcile" {
            step["config"]["lookup"] =
                json!({ "url": "https://provider.example/{key}", "after": "10 seconds" });
        }
        step
    };
    let note = |id: &str, next: &[&str]| json!({ "id": id, "type": "add_note", "config": { "body": id }, "onSuccess": next });
    let tag = |id: &str, tag: &str, next: &[&str]| json!({ "id": id, "type": "add_tag", "config": { "tag": tag }, "onSuccess": next });
    let delay = |id: &str, time: &str, next: &[&str]| json!({ "id": id, "type": "delay", "config": { "duration": time }, "onSuccess": next });
    let await_event = |id: &str, kind: &str, next: &[&str]| {
        json!({ "id": id, "type": "wait", "onSuccess": next,
                "config": { "waitType": "until_event", "event": kind, "maxWaitDuration": "1 hour" } })
    };
    let joined = |mut step: Value, rule: &str| {
        step["join"] = json!(rule);
        step
    };
    match shape {
        0 => json!([
            send("first", &["await-form"]),
            await_event("await-form", "form.submitted", &["note"]),
            note("note", &["second"]),
            send("second", &[])
        ]),
        1 => json!([
            send("first", &["rest"]),
            delay("rest", "10 seconds", &["second"]),
            send("second", &["note"]),
            note("note", &[])
        ]),
        2 => {
            json!([{ "id": "fork", "type": "parallel", "config": { "branches": ["first", "rest"] } },
                    send("first", &["note"]), delay("rest", "1 second", &["second"]), send("second", &["note"]),
                    joined(note("note", &[]), "all")])
        }
        3 => {
            json!([{ "id": "fork", "type": "parallel", "config": { "branches": ["first", "second"] } },
                    send("first", &["note"]), send("second", &["note"]), joined(note("note", &["await-form"]), "any"),
                    await_event("await-form", "form.submitted", &[])])
        }
        4 => json!([
            tag("tag", "new", &["await-tag"]),
            await_event("await-tag", "contact.tag.added", &["note"]),
            note("note", &["first"]),
            send("first", &[])
        ]),
        5 => json!([
            send("first", &["rest"]),
            delay("rest", "8 seconds", &["note"]),
            note("note", &["second"]),
            send("second", &[])
        ]),
        6 => json!([
            await_event("await-form", "form.submitted", &["tag"]),
            tag("tag", super::contacts::REFUSED, &["note"]),
            note("note", &[])
        ]),
        _ => json!([
            note("note", &["tag"]),
            delay("tag", "2 seconds", &["first"]),
            send("first", &["refused"]),
            tag("refused", super::contacts::REFUSED, &[])
        ]),
    }
}
