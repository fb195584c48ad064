//! The rules of enrollment, typed: what the columns of `waypost.workflows` hold.

use crate::{
    catalog::words::{self, Problems},
    model::{
        execution::Instant,
        path::{Path, Root},
        problem::Problem,
        span::Span,
        workflow::{Definition, EnrollmentSettings},
    },
};

/// Who may enter, how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Two live executions for one key.
    pub allow_multiple: bool,
    /// Starts of one contact within the window.
    pub limit: Option<u32>,
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
        Ok(Self {
            allow_multiple: settings.allow_multiple_enrollments,
            limit: settings.enrollment_limit,
            window,
            re_enroll_delay,
            key_required: key.is_some() && key_path.is_none(),
            key_path,
            needs_ledger: settings.enrollment_limit.is_some()
                || re_enroll_delay.is_some()
                || limited,
            starts_at: definition.starts_at,
            ends_at: definition.ends_at,
            priority: definition.priority.unwrap_or(0),
        })
    }
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
    fn plain_keys_become_paths() {
        let table: [(&str, Option<&[&str]>); 6] = [
            ("{{ event.data.orderId }}", Some(&["orderId"])),
            ("{{event.data.order.id}}", Some(&["order", "id"])),
            ("order-{{event.data.id}}", None),
            ("{{event.data.id | upper}}", None),
            ("{{event.type}}", None),
            ("{{contact.email}}", None),
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
