//! Why an enrollment was refused: the one list of reasons, from which `docs/refusals.md` is written.

/// A reason of `waypost.enrollment_blocks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// `unknown_tenant`
    UnknownTenant,
    /// `unknown_workflow`
    UnknownWorkflow,
    /// `workflow_draft`
    WorkflowDraft,
    /// `workflow_paused`
    WorkflowPaused,
    /// `workflow_archived`
    WorkflowArchived,
    /// `workflow_unpublished`
    WorkflowUnpublished,
    /// `workflow_not_started`
    WorkflowNotStarted,
    /// `workflow_ended`
    WorkflowEnded,
    /// `paused_dates`
    PausedDates,
    /// `unknown_contact`
    UnknownContact,
    /// `key_required`
    KeyRequired,
    /// `bad_key`
    BadKey,
    /// `suppressed`
    Suppressed,
    /// `duplicate`
    Duplicate,
    /// `enrollment_limit`
    EnrollmentLimit,
    /// `re_enrollment_delay`
    ReEnrollmentDelay,
    /// `rate_limited`
    RateLimited,
    /// `entry_conditions`
    EntryConditions,
    /// `workflow_limit`
    WorkflowLimit,
    /// `contact_deleted`
    ContactDeleted,
}

/// A reason in words: what it is called, what it says, and which numbers come with it.
type Row = (Refusal, &'static str, &'static str, &'static str);

impl Refusal {
    /// Every reason, in the order in which the rules are looked at.
    pub const ALL: [Row; 20] = [
        (
            Refusal::UnknownTenant,
            "unknown_tenant",
            "There is no such tenant, or this login may not name it. Leaves no row.",
            "",
        ),
        (
            Refusal::UnknownWorkflow,
            "unknown_workflow",
            "The tenant has no workflow of this id. Leaves no row.",
            "",
        ),
        (
            Refusal::WorkflowDraft,
            "workflow_draft",
            "The workflow was never published.",
            "",
        ),
        (
            Refusal::WorkflowPaused,
            "workflow_paused",
            "The workflow is paused: it enrols nobody until it is active again.",
            "",
        ),
        (
            Refusal::WorkflowArchived,
            "workflow_archived",
            "The workflow is archived. Events do not reach it any more, so only `enroll` meets this.",
            "",
        ),
        (
            Refusal::WorkflowUnpublished,
            "workflow_unpublished",
            "The workflow is active but has no published version.",
            "",
        ),
        (
            Refusal::WorkflowNotStarted,
            "workflow_not_started",
            "It is before the workflow's `startsAt`.",
            "`startsAt`",
        ),
        (
            Refusal::WorkflowEnded,
            "workflow_ended",
            "The workflow's `endsAt` has come.",
            "`endsAt`",
        ),
        (
            Refusal::PausedDates,
            "paused_dates",
            "It is one of the workflow's `pauseDates`.",
            "`until`",
        ),
        (
            Refusal::UnknownContact,
            "unknown_contact",
            "There is no such contact.",
            "",
        ),
        (
            Refusal::KeyRequired,
            "key_required",
            "`enrollmentKey` is a template that only a worker can render, and the call gave no `key`.",
            "",
        ),
        (
            Refusal::BadKey,
            "bad_key",
            "`enrollmentKey` could not be rendered for this event.",
            "`message`",
        ),
        (
            Refusal::Suppressed,
            "suppressed",
            "The contact stands on one of the workflow's `suppressionLists`.",
            "`list`, `kind`, `reason`, `expiresAt`",
        ),
        (
            Refusal::Duplicate,
            "duplicate",
            "A live execution holds the enrollment key. The answer's outcome is `duplicate`, with that execution's id.",
            "",
        ),
        (
            Refusal::EnrollmentLimit,
            "enrollment_limit",
            "The contact has as many starts as `enrollmentLimit` allows within `enrollmentWindow`.",
            "`limit`, `used`, `window`, `nextAt`",
        ),
        (
            Refusal::ReEnrollmentDelay,
            "re_enrollment_delay",
            "The contact's last start is not yet `reEnrollmentDelay` ago.",
            "`lastStart`, `delay`, `nextAt`",
        ),
        (
            Refusal::RateLimited,
            "rate_limited",
            "The contact has as many starts as the trigger's `rateLimiting` allows.",
            "`limit`, `used`, `window`, `nextAt`",
        ),
        (
            Refusal::EntryConditions,
            "entry_conditions",
            "`entryConditions` were false as the execution began. It has ended as `exited` and does not count.",
            "the trace of the conditions",
        ),
        (
            Refusal::WorkflowLimit,
            "workflow_limit",
            "All contacts together have as many starts as `enrollmentLimit` with the scope `workflow` allows. The execution has ended as `exited` and does not count.",
            "`limit`, `used`, `window`, `nextAt`",
        ),
        (
            Refusal::ContactDeleted,
            "contact_deleted",
            "The contact was gone as the execution began. It has ended as `cancelled` and does not count.",
            "",
        ),
    ];

    /// Whether an execution that ended for this reason was refused by its first burst: then it was no start.
    /// `waypost.refused_at_start` says the same.
    #[must_use]
    pub fn at_start(reason: Option<&str>) -> bool {
        [Self::EntryConditions, Self::WorkflowLimit]
            .iter()
            .any(|refusal| reason == Some(refusal.name()))
    }

    /// Its name in tables, views and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (at, (refusal, ..)) in Refusal::ALL.iter().enumerate() {
            assert_eq!(*refusal as usize, at, "{refusal:?}");
        }
    }

    fn page() -> String {
        let rows: String = Refusal::ALL
            .iter()
            .map(|(_, name, says, numbers)| format!("| `{name}` | {says} | {numbers} |\n"))
            .collect();
        format!(
            "# Why somebody was not enrolled\n\n\
             Each refusal is a row of `waypost.enrollment_blocks` and of `waypost.engine_events` (as `enrollment:blocked`), and a\n\
             line of `waypost explain`. The rules are looked at in this order; the first that says no is the reason. The last\n\
             three are found by the execution's first burst. Times among the numbers are in UTC; `window` and `delay` are\n\
             `{{\"amount\", \"unit\"}}`.\n\n\
             | reason | what it says | numbers in `detail` |\n|---|---|---|\n{rows}\n\
             An event that a trigger passes over is no refusal: what it lacked (its filters, its `activeFrom`, an import, its own\n\
             workflow as the cause) stands with the event in `waypost.event_log`, and `waypost explain` shows it.\n"
        )
    }

    #[test]
    fn the_page_is_fresh() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/refusals.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, page()).unwrap();
        }
        let fresh = std::fs::read_to_string(&path).unwrap_or_default() == page();
        assert!(
            fresh,
            "stale: run UPDATE_DOCS=1 cargo test --lib the_page_is_fresh"
        );
    }
}
