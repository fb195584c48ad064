//! The table of all findings: one line of documentation each, from which `docs/findings.md` is written.

use crate::catalog::codes as reading;

/// A workflow, trigger, step or goal id that is empty, too long or holds what an id cannot hold.
pub const INVALID_ID: &str = "invalid_id";
/// A trigger's type that no event can have.
pub const INVALID_EVENT_TYPE: &str = "invalid_event_type";
/// Two steps of one id.
pub const DUPLICATE_STEP: &str = "duplicate_step";
/// Two triggers or two goals of one id.
pub const DUPLICATE_ID: &str = "duplicate_id";
/// One list names one step twice.
pub const DUPLICATE_TARGET: &str = "duplicate_target";
/// An id that no step has.
pub const UNKNOWN_STEP: &str = "unknown_step";
/// An action type that is not in the table.
pub const UNKNOWN_ACTION: &str = "unknown_action";
/// No way leads to the step.
pub const UNREACHABLE_STEP: &str = "unreachable_step";
/// A cycle without a wait and without an outside action.
pub const CYCLE_WITHOUT_WAIT: &str = "cycle_without_wait";
/// Branches of one fork meet at a step without `join`.
pub const JOIN_MISSING: &str = "join_missing";
/// A `join` that no fork leads to.
pub const JOIN_WITHOUT_FORK: &str = "join_without_fork";
/// A list that is never looked at.
pub const UNUSED_LIST: &str = "unused_list";
/// A GOTO goal while every goal is an exit.
pub const GOTO_NEVER: &str = "goto_never";
/// A goal that most contacts may meet on entry.
pub const GOAL_MAY_BE_TRUE_AT_ENTRY: &str = "goal_may_be_true_at_entry";
/// A secret where it would be kept.
pub const SECRET_MISPLACED: &str = "secret_misplaced";
/// A secret in plain text.
pub const SECRET_IN_PLAIN_TEXT: &str = "secret_in_plain_text";
/// Policy `retry` on a payment.
pub const RETRY_ON_PAYMENT: &str = "retry_on_payment";
/// A policy that nothing asks for.
pub const POLICY_UNUSED: &str = "policy_unused";
/// A template that the tenant does not have.
pub const UNKNOWN_TEMPLATE: &str = "unknown_template";
/// No trigger.
pub const NO_TRIGGER: &str = "no_trigger";
/// A timed trigger that plans nothing.
pub const TIMED_TRIGGER_PLANS_NOTHING: &str = "timed_trigger_plans_nothing";
/// A window without the limit it belongs to.
pub const WINDOW_WITHOUT_LIMIT: &str = "window_without_limit";
/// The end lies before the start.
pub const DATES_REVERSED: &str = "dates_reversed";
/// A variable that nothing sets.
pub const UNKNOWN_VARIABLE: &str = "unknown_variable";
/// A result that is read before it can be there.
pub const RESULT_NOT_THERE: &str = "result_not_there";
/// A custom field that no contact has.
pub const UNKNOWN_CONTACT_FIELD: &str = "unknown_contact_field";
/// A date that has gone by.
pub const DATE_IN_THE_PAST: &str = "date_in_the_past";
/// A trigger that fires whenever another does.
pub const DUPLICATE_TRIGGER: &str = "duplicate_trigger";
/// A cycle that nobody leaves.
pub const NO_WAY_OUT: &str = "no_way_out";
/// Two active workflows speak to one contact at once.
pub const OVERLAPPING_WORKFLOWS: &str = "overlapping_workflows";
/// A goal that contacts meet now.
pub const GOAL_MET_NOW: &str = "goal_met_now";

/// Each code of the checker and of the words it compiles with one line for people.
const CHECKING: &[(&str, &str)] = &[
    (
        INVALID_EVENT_TYPE,
        "An event type is a word such as `form.submitted`, without blanks and at most 100 characters long.",
    ),
    (
        INVALID_ID,
        "An id is empty, longer than 100 characters, or holds characters that an id cannot hold.",
    ),
    (DUPLICATE_STEP, "Two steps have the same id."),
    (
        DUPLICATE_ID,
        "Two triggers, or two goals, have the same id.",
    ),
    (
        DUPLICATE_TARGET,
        "One list names the same step twice; a fork has one branch to each step.",
    ),
    (
        UNKNOWN_STEP,
        "No step has this id; the hint names the nearest.",
    ),
    (
        UNREACHABLE_STEP,
        "No way from the start, or from a GOTO goal, leads to the step.",
    ),
    (
        CYCLE_WITHOUT_WAIT,
        "Steps lead back to themselves with no wait and no outside action between: a contact would run round without end.",
    ),
    (
        JOIN_MISSING,
        "Branches of one fork meet at the step, which must say what it waits for: `join`.",
    ),
    (
        JOIN_WITHOUT_FORK,
        "The step has a `join`, but no two branches of a fork come to it.",
    ),
    (
        UNUSED_LIST,
        "The list is never looked at: the step chooses its way in its config, or what the list waits for never happens to it.",
    ),
    (
        GOTO_NEVER,
        "With `removeOnGoalAchievement` every goal is an exit, so a GOTO goal never goes anywhere.",
    ),
    (
        GOAL_MAY_BE_TRUE_AT_ENTRY,
        "The goal only asks what a contact has, not since when: contacts that had it before meet it on entry.",
    ),
    (
        SECRET_MISPLACED,
        "`secrets.*` may stand only in the url, headers and auth of steps that go outside; elsewhere it would be stored or shown.",
    ),
    (
        SECRET_IN_PLAIN_TEXT,
        "Looks like a password, key or token in plain text; store it with `waypost secrets` and write `{{secrets.name}}`.",
    ),
    (
        RETRY_ON_PAYMENT,
        "The policy `retry` may pay twice when an outcome is unknown, so payments refuse it.",
    ),
    (
        POLICY_UNUSED,
        "A policy says what an unknown outcome means; this step never leaves the database.",
    ),
    (
        UNKNOWN_TEMPLATE,
        "The tenant has no message template of this id; a placeholder would be sent.",
    ),
    (
        NO_TRIGGER,
        "Without a trigger only `waypost.enroll` brings contacts in.",
    ),
    (
        TIMED_TRIGGER_PLANS_NOTHING,
        "A timed trigger without its time plans nothing; only events of its type from outside match.",
    ),
    (
        WINDOW_WITHOUT_LIMIT,
        "A window says over which time a limit counts; there is no limit.",
    ),
    (
        DATES_REVERSED,
        "`endsAt` is not after `startsAt`, so nobody could ever enrol.",
    ),
    (
        UNKNOWN_VARIABLE,
        "`vars.<name>` is read, and neither `variables` nor any step sets it; it would be empty.",
    ),
    (
        RESULT_NOT_THERE,
        "A step reads `steps.<id>.result` of a step that no way leads from to it; it would be empty.",
    ),
    (
        UNKNOWN_CONTACT_FIELD,
        "No contact of the tenant has this custom field, and no step sets it; said by `deploy`.",
    ),
    (
        DATE_IN_THE_PAST,
        "A date that is waited for, or the end of the workflow, has gone by already.",
    ),
    (
        DUPLICATE_TRIGGER,
        "Two triggers have the same type, config and filters, so each event fires both.",
    ),
    (
        NO_WAY_OUT,
        "A cycle with a wait has no way that leads out of it, and no goal or exit condition ends it.",
    ),
    (
        OVERLAPPING_WORKFLOWS,
        "Another active workflow starts on the same event and uses the same channel; said of the files of one \
         `validate`, and by `deploy` of what the tenant runs.",
    ),
    (
        GOAL_MET_NOW,
        "Contacts of the tenant meet the goal right now, before they have begun; said by `deploy`, with their number.",
    ),
];

/// Codes that the language and the machine give while they compile.
const COMPILING: &[(&str, &str)] = &[
    ("no_steps", "A workflow needs at least one step."),
    (
        "duplicate_branch",
        "Two branches of one step have the same id.",
    ),
    (
        "invalid_date",
        "A date is `2026-12-31`, `2026-12-31T09:00:00Z`, or a template that gives one.",
    ),
    (
        "invalid_cron",
        "A cron pattern has five fields (minute, hour, day, month, weekday), six with seconds or seven with years; the message names the field.",
    ),
    (
        "cron_never_fires",
        "No date has the day, month and year that the cron pattern asks for.",
    ),
    (
        "window_never_opens",
        "The window has no day of the week, or every day is a holiday.",
    ),
    (
        "time_never_comes",
        "Without a day of the week the time of day never comes.",
    ),
    (
        "unknown_timezone",
        "A zone has a name such as `Europe/Berlin`; the message names the nearest.",
    ),
    (
        "percentages_not_100",
        "The percentages of a split total 100 (within 0.01).",
    ),
    (
        "read_only_field",
        "The system keeps this field of a contact; the hint says how to change it, where that is possible.",
    ),
    (
        "unused_field",
        "The field belongs to another kind of this step, so nobody would look at it.",
    ),
    (
        "unknown_action",
        "No action has this type; the hint names the nearest.",
    ),
    (
        "goto_without_step",
        "A GOTO goal must name the step to go on at.",
    ),
    (
        "invalid_span",
        "A span of time is `{\"amount\", \"unit\"}` with a known unit and an amount that is not negative.",
    ),
    (
        "bad_path",
        "A path starts with one of the known roots (`contact`, `event`, `vars` ...).",
    ),
    (
        "bad_template",
        "The template does not parse; the message says where.",
    ),
    (
        "bad_value",
        "The operator cannot work with this value, e.g. a regular expression that does not parse.",
    ),
    (
        "condition_too_deep",
        "Conditions nest at most 64 levels deep.",
    ),
    ("condition_too_large", "A condition has too many parts."),
    ("no_field", "A condition must name the field it looks at."),
    (
        "no_old_value",
        "`old.*` and `new.*` exist only in the filters of triggers whose events tell of a change.",
    ),
    ("no_operator", "A condition must have an operator."),
    ("no_value", "The operator needs a value."),
    (
        "not_a_condition",
        "A condition is an object: a group with `conditions`, or a leaf with `field` and `operator`.",
    ),
    ("not_a_list", "The operator wants a list."),
    (
        "null_value",
        "Null does not exist, so nothing compares with it; use `exists` or `not_exists`.",
    ),
    (
        "unknown_operator",
        "No operator has this name; the hint names the nearest.",
    ),
];

/// Every code with its line, in the order of the page.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    reading::ALL
        .iter()
        .chain(CHECKING)
        .chain(COMPILING)
        .copied()
}
