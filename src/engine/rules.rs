//! The rules of enrollment, typed: what the columns of `waypost.workflows` hold.

use serde_json::{Value, json};

use super::{limits::WorkflowLimit, pauses::Pauses};
use crate::{
    catalog::words::{self, Problems},
    model::{
        execution::Instant,
        path::{Path, Root},
        problem::Problem,
        span::{Span, Unit},
        workflow::{Definition, EnrollmentSettings, LimitScope},
    },
};

/// Who may enter, how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Two live executions for one key.
    pub allow_multiple: bool,
    /// Starts of one contact within the window.
    pub limit: Option<u32>,
    /// Starts of all contacts together; looked at by the first burst alone.
    pub workflow_limit: Option<WorkflowLimit>,
    /// Rolling window of the limit; none: for ever.
    pub window: Option<Span>,
    /// Least time from one start to the next.
    pub re_enroll_delay: Option<Span>,
    /// The enrollment key where it is a plain path: the keys below `event.data`.
    pub key_path: Option<Vec<String>>,
    /// The enrollment key is a template that SQL cannot render.
    pub key_required: bool,
    /// Past starts matter, so the ledger is kept.
    pub needs_ledger: bool,
    /// Enrols only from here on ...
    pub starts_at: Option<Instant>,
    /// ... and before this.
    pub ends_at: Option<Instant>,
    /// Enrols nobody meanwhile.
    pub pauses: Pauses,
    /// Who stands on one of these does not enrol.
    pub suppression_lists: Vec<String>,
    /// Lower goes first.
    pub priority: i16,
}

impl Rules {
    /// The rules of a definition.
    ///
    /// # Errors
    /// Spans that are none.
    pub fn of(definition: &Definition) -> Result<Self, Vec<Problem>> {
        let none = EnrollmentSettings::default();
        let settings = definition.enrollment_settings.as_ref().unwrap_or(&none);
        let mut found = Problems::default();
        let mut span = |spec: &Option<_>, field: &str| {
            let spec = spec.as_ref()?;
            found.take(words::span(spec, &format!("enrollmentSettings.{field}")))
        };
        let window = span(&settings.enrollment_window, "enrollmentWindow");
        let re_enroll_delay = span(&settings.re_enrollment_delay, "reEnrollmentDelay");
        if !found.0.is_empty() {
            return Err(found.0);
        }
        let key = definition.enrollment_key.as_deref();
        let key_path = key.and_then(plain_path);
        let limited = definition.all_triggers().any(|trigger| {
            trigger
                .rate_limiting
                .as_ref()
                .is_some_and(|limit| limit.max_per_contact.is_some())
        });
        let whole = settings.enrollment_limit_scope == Some(LimitScope::Workflow);
        let limit = settings.enrollment_limit.filter(|_| !whole);
        let workflow_limit = settings.enrollment_limit.filter(|_| whole);
        let global = || vec!["global".to_owned()];
        Ok(Self {
            allow_multiple: settings.allow_multiple_enrollments,
            limit,
            workflow_limit: workflow_limit.map(|count| WorkflowLimit { count, window }),
            window: window.filter(|_| !whole),
            re_enroll_delay,
            key_required: key.is_some() && key_path.is_none(),
            key_path,
            needs_ledger: limit.is_some() || re_enroll_delay.is_some() || limited,
            starts_at: definition.starts_at,
            ends_at: definition.ends_at,
            pauses: Pauses::of(&definition.pause_dates),
            suppression_lists: settings.suppression_lists.clone().unwrap_or_else(global),
            priority: definition.priority.unwrap_or(0),
        })
    }
}

/// The enrollment key at a plain path below an event's data: text without blanks around it, a number in its
/// shortest form, true or false. Anything else (nothing, an empty text, an object, an array) is no key.
/// `waypost.key_at` says the same.
#[must_use]
pub fn key_at(data: &Value, path: &[String]) -> Option<String> {
    let found = path.iter().try_fold(data, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    });
    match found? {
        Value::String(text) => {
            let text = text.trim_matches([' ', '\t', '\n', '\r']);
            (!text.is_empty()).then(|| text.to_owned())
        }
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Number(number) => Some(match number.as_f64() {
            // Without the exponent, and without the fraction of a whole number.
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        }),
        _ => None,
    }
}

/// Amount and unit as `waypost.span_shift` reads them: it knows no milliseconds, so these are rounded up.
#[must_use]
pub fn stored_span(span: Span) -> (i32, String) {
    let whole = |amount: i64| i32::try_from(amount).unwrap_or(i32::MAX);
    match span.unit() {
        Unit::Milliseconds => (whole((span.amount() + 999) / 1_000), "seconds".to_owned()),
        unit => (whole(span.amount()), format!("{unit:?}").to_lowercase()),
    }
}

/// A span among the numbers of a refusal.
#[must_use]
pub fn window_of(span: Span) -> Value {
    let (amount, unit) = stored_span(span);
    json!({ "amount": amount, "unit": unit })
}

/// `{{ event.data.order.id }}` as `["order", "id"]`.
fn plain_path(template: &str) -> Option<Vec<String>> {
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let path = Path::parse(inner).ok()?;
    match path.segments().split_first() {
        Some((first, rest)) if path.root() == Root::Event && first.key() == "data" => {
            (!rest.is_empty()).then(|| rest.iter().map(|key| key.key().to_owned()).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_key() {
        let table = [
            (json!("A-17"), Some("A-17")),
            (json!("  A-17\n"), Some("A-17")),
            (json!("  "), None),
            (json!(17), Some("17")),
            (json!(17.0), Some("17")),
            (json!(2.50), Some("2.5")),
            (json!(1e20), Some("100000000000000000000")),
            (json!(true), Some("true")),
            (json!({"id": 1}), None),
            (json!([1]), None),
            (Value::Null, None),
        ];
        for (value, key) in table {
            let data = json!({ "at": [value] });
            let path = ["at".to_owned(), "0".to_owned()];
            assert_eq!(key_at(&data, &path).as_deref(), key, "{data}");
        }
    }

    /// (as written, as the columns have it)
    #[test]
    fn spans_are_stored_in_whole_seconds_or_more() {
        let table = [
            (json!(1), (1, "seconds")),
            (json!(1_000), (1, "seconds")),
            (json!(1_001), (2, "seconds")),
            (json!("90 seconds"), (90, "seconds")),
            (json!("7 days"), (7, "days")),
            (json!("2 months"), (2, "months")),
        ];
        for (text, (amount, unit)) in table {
            let span: Span = serde_json::from_value(text.clone()).unwrap();
            assert_eq!(stored_span(span), (amount, unit.to_owned()), "{text}");
            assert_eq!(window_of(span), json!({ "amount": amount, "unit": unit }));
        }
    }

    /// The limit counts the starts of one contact, or of all of them together.
    #[test]
    fn a_limit_is_the_contacts_or_the_workflows() {
        let of = |scope: &str| {
            let definition = json!({ "id": "w", "actions": [], "enrollmentSettings": {
                "enrollmentLimit": 3, "enrollmentLimitScope": scope, "enrollmentWindow": { "amount": 7, "unit": "days" } } });
            Rules::of(&serde_json::from_value(definition).unwrap()).unwrap()
        };
        let (own, whole) = (of("contact"), of("workflow"));
        let week = own.window;
        assert_eq!((own.limit, own.workflow_limit), (Some(3), None));
        assert_eq!((own.needs_ledger, week.is_some()), (true, true));
        let limit = WorkflowLimit {
            count: 3,
            window: week,
        };
        assert_eq!((whole.limit, whole.window), (None, None));
        assert_eq!(
            (whole.workflow_limit, whole.needs_ledger),
            (Some(limit), false)
        );
    }

    #[test]
    fn plain_keys_become_paths() {
        let table: [(&str, Option<&[&str]>); 9] = [
            ("{{ event.data.orderId }}", Some(&["orderId"])),
            ("{{event.data.order.id}}", Some(&["order", "id"])),
            ("order-{{event.data.id}}", None),
            ("{{event.data.id | upper}}", None),
            ("{{event.type}}", None),
            ("{{event.data}}", None),
            ("{{event.old.id}}", None),
            ("{{contact.email}}", None),
            ("{{contact.data.id}}", None),
        ];
        for (text, wanted) in table {
            let keys = plain_path(text);
            let keys: Option<Vec<&str>> = keys
                .as_ref()
                .map(|keys| keys.iter().map(|key| &**key).collect());
            assert_eq!(keys.as_deref(), wanted, "{text}");
        }
    }
}
