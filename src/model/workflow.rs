//! A workflow's definition as its author wrote it, after names were normalised.
//!
//! Types are lower snake case, triggers dotted; the seed's upper-case names were turned into these by
//! `catalog::parse`. Conditions and configs stay JSON here: `engine::program` compiles them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One workflow. The document that `validate` checks and `deploy` stores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Definition {
    /// Stable name of the workflow within its tenant: letters, digits, `-`, `_`, `.`; at most 100.
    pub id: String,
    /// What people call it. Default: the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `draft`, `active`, `paused` or `archived`; what `deploy --publish` makes of it is `active`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<WorkflowStatus>,
    /// The one trigger. Use `triggers` for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Several triggers, each with an id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    /// Template of the enrollment key. Default: the contact or the event's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_key: Option<String>,
    /// Where to start. Default: the first of `actions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_step_id: Option<String>,
    /// The steps, at most 500.
    pub actions: Vec<Step>,
    /// What is watched beside the path, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<Goal>,
    /// Who may enter, how often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_settings: Option<EnrollmentSettings>,
    /// Lower goes first. Default 0; -100 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// Variables every execution starts with.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// Enrols only from this time on (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Enrols only before this time (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Meanwhile nobody enrols, and executions hold at their next step; they go on by themselves afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pause_dates: Vec<PauseDates>,
}

/// `{ "from": "2026-12-24T00:00:00+01:00", "until": "2026-12-27T00:00:00+01:00" }`: the end does not belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseDates {
    /// When it begins (RFC 3339).
    pub from: chrono::DateTime<chrono::Utc>,
    /// When it is over (RFC 3339).
    pub until: chrono::DateTime<chrono::Utc>,
}

impl Definition {
    /// `trigger` and `triggers` as one list.
    pub fn all_triggers(&self) -> impl Iterator<Item = &Trigger> {
        self.trigger.iter().chain(self.triggers.iter())
    }
}

/// Whether a workflow enrols and runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowStatus {
    /// Not published.
    Draft,
    /// Enrols and runs.
    Active,
    /// Executions hold at their next step, none enrol.
    Paused,
    /// Executions finish, none enrol.
    Archived,
}

/// What starts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trigger {
    /// Its name within the workflow. Default: `trigger`, or `trigger-<n>` in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Dotted event type, e.g. `form.submitted`; types the catalog does not know are custom events.
    #[serde(rename = "type")]
    pub kind: String,
    /// Settings of the trigger's own; absent: every event of the type matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    /// Conditions on the event and the contact; all must hold. Each is a group or a leaf.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Value>,
    /// How often one contact may have started in this workflow, by whichever trigger, for this one to enrol it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limiting: Option<RateLimiting>,
    /// Lets events that an execution of this very workflow caused enrol. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_self: bool,
    /// Several events within this time are one: the execution begins so long after the last of them, with that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debounce: Option<SpanSpec>,
    /// Whether events of imported rows enrol (those with `importBatchId`, or `import` as `source`). Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_imported: Option<bool>,
    /// Only events that happened from here on enrol (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_from: Option<chrono::DateTime<chrono::Utc>>,
    /// Only events that happened before this time enrol (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_to: Option<chrono::DateTime<chrono::Utc>>,
}

/// The trigger's own limit. It looks at all starts of the contact in the workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimiting {
    /// Starts of one contact within the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_contact: Option<u32>,
    /// The rolling window; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_window: Option<SpanSpec>,
}

/// `{ "amount": 2, "unit": "days" }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpanSpec {
    /// How many.
    pub amount: f64,
    /// milliseconds, seconds, minutes, hours, days, weeks, months or years; singular is taken too.
    pub unit: String,
}

/// One step of the path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// Its name within the workflow, at most 100 characters.
    pub id: String,
    /// Action type, e.g. `send_email`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Settings of the action's own.
    #[serde(default)]
    pub config: Value,
    /// How failed tries are repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_config: Option<Value>,
    /// Longest one try may take: milliseconds, or `{amount, unit}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Value>,
    /// The step is skipped (and goes on along `onSuccess`) where this is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute_if: Option<Value>,
    /// Next steps; several fork. Absent or empty: the branch ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Vec<String>>,
    /// Next steps when it fails for good; absent: the execution fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Vec<String>>,
    /// Next steps when the outcome is unknown; absent: success with `unknown: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unknown: Option<Vec<String>>,
    /// Next steps when a wait times out; absent: success with `timedOut: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<Vec<String>>,
    /// How often one execution may come here. Default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_passes: Option<u32>,
    /// What a step that several branches of a fork reach waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,
    /// What an unknown outcome means: `dedupe`, `reconcile`, `hold` or `retry`. Default: the action's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<super::transition::Policy>,
}

/// What a join waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Join {
    /// `all`, `any` or `each`.
    Word(JoinWord),
    /// `{"atLeast": n}`.
    AtLeast {
        /// How many arrivals fire it; the others are cancelled.
        #[serde(rename = "atLeast")]
        at_least: u32,
    },
}

/// The joins that need no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinWord {
    /// Every branch has arrived or ended elsewhere.
    All,
    /// The first arrival; the others are cancelled.
    Any,
    /// Every arrival goes on by itself.
    Each,
}

/// What is watched beside the path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Goal {
    /// Its name within the workflow.
    pub id: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it is met: a condition group or leaf.
    pub conditions: Value,
    /// What then. Default `continue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_achievement: Option<OnAchievement>,
    /// What becomes of an execution that has come to the end of its path without it. Default `continue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unmet: Option<OnUnmet>,
    /// `onUnmet: wait`: how long at most. Default: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait_duration: Option<SpanSpec>,
}

/// What a goal that is not met does at the end of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnmet {
    /// The execution completes as usual.
    Continue,
    /// The execution waits for it, at most `maxWaitDuration`; then it completes as usual.
    Wait,
    /// The execution ends as `exited` with the reason `goal_unmet:<id>`.
    End,
}

/// What an achieved goal does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OnAchievement {
    /// `continue` or `exit`.
    Word(GoalWord),
    /// `{"action": "goto", "stepId": "..."}`.
    GoTo {
        /// `goto` (or `continue`, `exit`, without a step).
        action: GoalWord,
        /// Where to go on.
        #[serde(rename = "stepId", default, skip_serializing_if = "Option::is_none")]
        step_id: Option<String>,
    },
}

/// The words of `onAchievement`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GoalWord {
    /// Goes on as if nothing had happened.
    Continue,
    /// Ends the execution as `exited`.
    Exit,
    /// All branches end; it goes on at `stepId`.
    Goto,
}

/// Who may enter, how often.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnrollmentSettings {
    /// Two live executions for one key. Default false.
    #[serde(default)]
    pub allow_multiple_enrollments: bool,
    /// Starts within the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_limit: Option<u32>,
    /// Whose starts the limit counts: those of the `contact` (the default), or of all in the `workflow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_limit_scope: Option<LimitScope>,
    /// Rolling window of the limit; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_window: Option<SpanSpec>,
    /// Looked at by the first burst; false: the execution ends `exited` and does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_conditions: Option<Value>,
    /// Ends the execution as soon as they hold; looked at before the goals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_conditions: Option<Value>,
    /// Every achieved goal is an exit.
    #[serde(default)]
    pub remove_on_goal_achievement: bool,
    /// A reply of the contact ends the execution as `exited` with the reason `replied`: true, or the
    /// channels on which it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_on_reply: Option<StopOnReply>,
    /// Least time from one start to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub re_enrollment_delay: Option<SpanSpec>,
    /// Who stands on one of these suppression lists does not enrol. Default `["global"]`; an empty list asks none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression_lists: Option<Vec<String>>,
}

/// Whose starts an enrollment limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// Of each contact by itself.
    Contact,
    /// Of all contacts together; the first burst finds out.
    Workflow,
}

/// Which replies end an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StopOnReply {
    /// All of them, or none.
    All(bool),
    /// Those on these channels.
    Channels(Vec<ReplyChannel>),
}

/// Where a person can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReplyChannel {
    /// `email.replied`.
    Email,
    /// `sms.replied`, `sms.received`; MMS among them.
    Sms,
    /// `whatsapp.replied`, `whatsapp.received`, and `sms.*` with that channel in its data.
    Whatsapp,
    /// `rcs.replied`, `rcs.received`, and `sms.*` with that channel in its data.
    Rcs,
    /// `voicemail.received`.
    Voicemail,
}

impl ReplyChannel {
    /// Every channel.
    pub const ALL: [ReplyChannel; 5] = [
        ReplyChannel::Email,
        ReplyChannel::Sms,
        ReplyChannel::Whatsapp,
        ReplyChannel::Rcs,
        ReplyChannel::Voicemail,
    ];

    /// The channel that an event's data names, in any case.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "email" => Self::Email,
            "sms" | "mms" => Self::Sms,
            "whatsapp" => Self::Whatsapp,
            "rcs" => Self::Rcs,
            "voicemail" => Self::Voicemail,
            _ => return None,
        })
    }
}

fn is_false(b: &bool) -> bool {
    !*b
}
