//! The rules of enrollment over what is known of the contact: the mirror of `waypost.enroll_batch`.

use chrono_tz::Tz;
use serde_json::{Value, json};
use uuid::Uuid;

use super::rules::{Rules, key_at, window_of};
use crate::model::{execution::Instant, refusal::Refusal, span::Span, workflow::WorkflowStatus};

/// Who asks to be let in, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Whether the workflow enrols at all.
    pub status: WorkflowStatus,
    /// The contact.
    pub contact: Uuid,
    /// Whether its row is there.
    pub contact_exists: bool,
    /// The key that was given or that the trigger found.
    pub key: Option<&'a str>,
    /// Data of the event, for a key that is a plain path.
    pub data: &'a Value,
    /// The event or the enrolment.
    pub source: Uuid,
    /// Its starts in this workflow; enrolled but not yet begun counts as one.
    pub starts: &'a [Instant],
    /// Its live keys in this workflow.
    pub live: &'a [&'a str],
    /// The trigger's own limit, and the rolling window of that (none: for ever).
    pub rate: Option<(u32, Option<Span>)>,
    /// The entry of a suppression list that keeps it out.
    pub suppressed: Option<&'a Value>,
}

/// What the rules say.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It may enter.
    Enroll {
        /// The enrollment key.
        key: String,
        /// The key that is unique among the live ones.
        live_key: String,
    },
    /// A live execution holds the key.
    Duplicate {
        /// That key.
        live_key: String,
    },
    /// It may not.
    Blocked {
        /// Why.
        reason: Refusal,
        /// The numbers behind it; null for none.
        detail: Value,
    },
}

/// Applies the rules of enrollment, in the order in which the database does.
#[must_use]
pub fn decide(rules: &Rules, who: &Candidate<'_>, now: Instant, tz: Tz) -> Verdict {
    let blocked = |reason, detail| Verdict::Blocked { reason, detail };
    if let Some((reason, detail)) = closed(rules, who, now) {
        return blocked(reason, detail);
    }
    let from_data = || key_at(who.data, rules.key_path.as_ref()?);
    let key = who.key.map(str::to_owned).or_else(from_data);
    let key = key.unwrap_or_else(|| who.contact.to_string());
    let live_key = match rules.allow_multiple {
        true => format!("{key}:{}", who.source),
        false => key.clone(),
    };
    if who.live.contains(&&*live_key) {
        return Verdict::Duplicate { live_key };
    }
    let since = |window: Option<Span>| window.map(|window| window.sub(now, tz));
    let within = |window: Option<Span>| {
        let from = since(window);
        let starts = who
            .starts
            .iter()
            .filter(|start| from.is_none_or(|from| **start > from));
        u32::try_from(starts.count()).unwrap_or(u32::MAX)
    };
    let numbers = |limit: u32, used: u32, window: Option<Span>| {
        let mut detail = json!({ "limit": limit, "used": used });
        if let Some(window) = window {
            let mut starts = who.starts.to_vec();
            starts.sort_unstable_by(|a, b| b.cmp(a));
            let frees = starts.get(limit as usize - 1);
            detail["window"] = window_of(window);
            detail["nextAt"] = json!(frees.map(|start| window.add(*start, tz)));
        }
        detail
    };
    if let Some(limit) = rules.limit {
        let used = within(rules.window);
        if used >= limit {
            let detail = numbers(limit, used, rules.window);
            return blocked(Refusal::EnrollmentLimit, detail);
        }
    }
    if let (Some(delay), Some(last)) = (rules.re_enroll_delay, who.starts.iter().max()) {
        let next = delay.add(*last, tz);
        if next > now {
            let detail = json!({ "lastStart": last, "delay": window_of(delay), "nextAt": next });
            return blocked(Refusal::ReEnrollmentDelay, detail);
        }
    }
    if let Some((limit, window)) = who.rate {
        let used = within(window);
        if used >= limit {
            return blocked(Refusal::RateLimited, numbers(limit, used, window));
        }
    }
    Verdict::Enroll { key, live_key }
}

/// The rules that need neither a key nor the past.
fn closed(rules: &Rules, who: &Candidate<'_>, now: Instant) -> Option<(Refusal, Value)> {
    let plain = |reason| Some((reason, Value::Null));
    match who.status {
        WorkflowStatus::Draft => return plain(Refusal::WorkflowDraft),
        WorkflowStatus::Paused => return plain(Refusal::WorkflowPaused),
        WorkflowStatus::Archived => return plain(Refusal::WorkflowArchived),
        WorkflowStatus::Active => {}
    }
    if let Some(start) = rules.starts_at.filter(|start| now < *start) {
        return Some((Refusal::WorkflowNotStarted, json!({ "startsAt": start })));
    }
    if let Some(end) = rules.ends_at.filter(|end| now >= *end) {
        return Some((Refusal::WorkflowEnded, json!({ "endsAt": end })));
    }
    if let Some(until) = rules.pauses.until(now) {
        return Some((Refusal::PausedDates, json!({ "until": until })));
    }
    if !who.contact_exists {
        return plain(Refusal::UnknownContact);
    }
    if who.key.is_none() && rules.key_required {
        return plain(Refusal::KeyRequired);
    }
    let detail = who.suppressed?;
    Some((Refusal::Suppressed, detail.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::pauses::Pauses, model::span::Unit};

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn rules() -> Rules {
        Rules {
            allow_multiple: false,
            limit: None,
            workflow_limit: None,
            window: None,
            re_enroll_delay: None,
            key_path: None,
            key_required: false,
            needs_ledger: false,
            starts_at: None,
            ends_at: None,
            pauses: Pauses::default(),
            suppression_lists: vec!["global".into()],
            priority: 0,
        }
    }

    #[test]
    fn each_rule_in_turn() {
        let now = at("2026-03-10T12:00:00Z");
        let starts = [at("2026-03-01T12:00:00Z"), at("2026-03-09T12:00:00Z")];
        let days = |n| Some(Span::new(n, Unit::Days).unwrap());
        let data = json!({ "order": { "id": 17 } });
        let who = Candidate {
            status: WorkflowStatus::Active,
            contact: Uuid::from_u128(1),
            contact_exists: true,
            key: None,
            data: &data,
            source: Uuid::from_u128(2),
            starts: &starts,
            live: &["busy"],
            rate: None,
            suppressed: None,
        };
        let listed = json!({ "list": "global", "kind": "email" });
        let path = Some(vec!["order".to_owned(), "id".to_owned()]);
        let table: Vec<(&str, Rules, Candidate<'_>)> = vec![
            (
                "17",
                Rules {
                    key_path: path,
                    ..rules()
                },
                who,
            ),
            ("00000000-0000-0000-0000-000000000001", rules(), who),
            (
                "k",
                rules(),
                Candidate {
                    key: Some("k"),
                    ..who
                },
            ),
            (
                "workflow_paused",
                rules(),
                Candidate {
                    status: WorkflowStatus::Paused,
                    ..who
                },
            ),
            (
                "workflow_not_started",
                Rules {
                    starts_at: Some(at("2026-03-10T12:00:01Z")),
                    ..rules()
                },
                who,
            ),
            (
                "workflow_ended",
                Rules {
                    ends_at: Some(now),
                    ..rules()
                },
                who,
            ),
            (
                "paused_dates",
                Rules {
                    pauses: Pauses::new([(now, at("2026-03-11T00:00:00Z"))]),
                    ..rules()
                },
                who,
            ),
            (
                "00000000-0000-0000-0000-000000000001",
                Rules {
                    pauses: Pauses::new([(at("2026-03-09T00:00:00Z"), now)]),
                    ..rules()
                },
                who,
            ),
            (
                "suppressed",
                rules(),
                Candidate {
                    suppressed: Some(&listed),
                    ..who
                },
            ),
            (
                "unknown_contact",
                rules(),
                Candidate {
                    contact_exists: false,
                    ..who
                },
            ),
            (
                "key_required",
                Rules {
                    key_required: true,
                    ..rules()
                },
                who,
            ),
            (
                "duplicate",
                rules(),
                Candidate {
                    key: Some("busy"),
                    ..who
                },
            ),
            (
                "busy",
                Rules {
                    allow_multiple: true,
                    ..rules()
                },
                Candidate {
                    key: Some("busy"),
                    ..who
                },
            ),
            (
                "enrollment_limit",
                Rules {
                    limit: Some(2),
                    ..rules()
                },
                who,
            ),
            (
                "k",
                Rules {
                    limit: Some(2),
                    window: days(9),
                    ..rules()
                },
                Candidate {
                    key: Some("k"),
                    ..who
                },
            ),
            (
                "re_enrollment_delay",
                Rules {
                    re_enroll_delay: days(7),
                    ..rules()
                },
                who,
            ),
            (
                "k",
                Rules {
                    re_enroll_delay: days(1),
                    ..rules()
                },
                Candidate {
                    key: Some("k"),
                    ..who
                },
            ),
            (
                "rate_limited",
                rules(),
                Candidate {
                    rate: Some((1, days(2))),
                    ..who
                },
            ),
            (
                "k",
                rules(),
                Candidate {
                    rate: Some((1, days(1))),
                    key: Some("k"),
                    ..who
                },
            ),
        ];
        for (wanted, rules, who) in table {
            let said = match decide(&rules, &who, now, chrono_tz::UTC) {
                Verdict::Enroll { key, .. } => key,
                Verdict::Duplicate { .. } => "duplicate".into(),
                Verdict::Blocked { reason, .. } => reason.name().into(),
            };
            assert_eq!(said, wanted, "{rules:?}");
        }
    }
}
