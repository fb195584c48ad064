//! Spellings that mean the same: `SEND_EMAIL`, `sendEmail` and `send_email`; `FORM_ABANDONED` and `form.abandoned`.

use serde_json::{Map, Value};

/// Every action type of the language, built or to come.
pub const ACTIONS: &[&str] = &[
    "add_note",
    "add_tag",
    "add_to_campaign",
    "ai_book_appointment",
    "ai_classify",
    "ai_response",
    "ai_sentiment",
    "array",
    "assign",
    "cancel_appointment",
    "cancel_subscription",
    "create_appointment",
    "create_invoice",
    "create_opportunity",
    "create_subscription",
    "create_task",
    "custom_code",
    "date",
    "delay",
    "drop_voicemail",
    "end_workflow",
    "enroll_in_workflow",
    "go_to",
    "http_request",
    "if_else",
    "make_call",
    "manual_review",
    "math",
    "move_opportunity",
    "notify_internal",
    "parallel",
    "process_payment",
    "random_path",
    "refund_payment",
    "remind_appointment",
    "remove_from_campaign",
    "remove_from_workflow",
    "remove_tag",
    "reschedule_appointment",
    "send_email",
    "send_payment_link",
    "send_rcs",
    "send_slack",
    "send_sms",
    "send_teams",
    "send_whatsapp",
    "set_variable",
    "split",
    "string",
    "track_event",
    "update_contact",
    "update_opportunity",
    "update_variable",
    "wait",
    "webhook",
    "zapier",
];

/// Every event type of the language, with a trigger of its own or not.
pub const EVENTS: &[&str] = &[
    "api.trigger",
    "appointment.booked",
    "appointment.cancelled",
    "appointment.completed",
    "appointment.no_show",
    "appointment.reminder",
    "appointment.rescheduled",
    "call.completed",
    "call.missed",
    "contact.created",
    "contact.dnd.changed",
    "contact.field.changed",
    "contact.tag.added",
    "contact.tag.removed",
    "contact.updated",
    "custom.event",
    "date.anniversary",
    "date.birthday",
    "date.custom",
    "date.reached",
    "email.bounced",
    "email.clicked",
    "email.opened",
    "email.replied",
    "email.unsubscribed",
    "form.abandoned",
    "form.submitted",
    "manual.enrollment",
    "opportunity.created",
    "opportunity.lost",
    "opportunity.stage.changed",
    "opportunity.stale",
    "opportunity.status.changed",
    "opportunity.won",
    "payment.failed",
    "payment.refunded",
    "payment.successful",
    "sms.received",
    "sms.replied",
    "subscription.cancelled",
    "subscription.created",
    "subscription.expired",
    "subscription.renewed",
    "survey.completed",
    "survey.response",
    "voicemail.received",
    "webhook.received",
];

/// Config fields whose value is one word of a list.
pub(crate) const WORD_FIELDS: &[&str] = &[
    "waitType",
    "splitType",
    "operation",
    "mode",
    "kind",
    "policy",
];
/// Config fields that hold the author's own JSON, where no name is touched.
const OWN_FIELDS: &[&str] = &[
    "body", "headers", "fields", "value", "values", "vars", "data",
];

/// All accepted spellings of a type, its own first: `if_else`, `IF_ELSE`, `ifElse`, `IfElse`.
#[must_use]
pub fn spellings(kind: &str) -> Vec<String> {
    let snake = kind.replace('.', "_");
    let pascal: String = snake
        .split('_')
        .map(|part| {
            let mut letters = part.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
        .collect();
    let camel = pascal[..1].to_ascii_lowercase() + &pascal[1..];
    let mut all = vec![kind.to_owned()];
    for spelling in [snake.clone(), snake.to_ascii_uppercase(), camel, pascal] {
        if !all.contains(&spelling) {
            all.push(spelling);
        }
    }
    all
}

/// The type's own spelling, where `word` is one of its spellings.
#[must_use]
pub fn known(word: &str, kinds: &[&'static str]) -> Option<&'static str> {
    kinds.iter().copied().find(|kind| {
        *kind == word || (same_letters(kind, word) && spellings(kind).iter().any(|s| s == word))
    })
}

fn same_letters(a: &str, b: &str) -> bool {
    let letters = |word: &str| {
        let letters: Vec<u8> = word.bytes().filter(|b| !b"_.".contains(b)).collect();
        letters
    };
    letters(a).eq_ignore_ascii_case(&letters(b))
}

/// Gives every name of a definition its own spelling. What is not known stays as it is.
pub fn normalise(definition: &mut Value) {
    let Some(root) = object(definition) else {
        return;
    };
    lower(root.get_mut("status"));
    for key in ["trigger", "triggers"] {
        each(root.get_mut(key), |trigger| {
            rename(trigger.get_mut("type"), EVENTS);
            conditions(trigger.get_mut("filters"));
        });
    }
    each(root.get_mut("actions"), |step| {
        rename(step.get_mut("type"), ACTIONS);
        lower(step.get_mut("policy"));
        lower(step.get_mut("join"));
        conditions(step.get_mut("executeIf"));
        config(step.get_mut("config"));
    });
    each(root.get_mut("goals"), |goal| {
        lower(goal.get_mut("onAchievement"));
        lower(goal.get_mut("onUnmet"));
        if let Some(Value::Object(on)) = goal.get_mut("onAchievement") {
            on.retain(|_, value| !value.is_null());
            lower(on.get_mut("action"));
        }
        conditions(goal.get_mut("conditions"));
    });
    each(root.get_mut("enrollmentSettings"), |settings| {
        lower(settings.get_mut("enrollmentLimitScope"));
        conditions(settings.get_mut("entryConditions"));
        conditions(settings.get_mut("exitConditions"));
        if let Some(Value::Array(channels)) = settings.get_mut("stopOnReply") {
            channels.iter_mut().for_each(|channel| lower(Some(channel)));
        }
    });
}

/// The object, without members that are null: null says the same as absence.
fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    let members = value.as_object_mut()?;
    members.retain(|_, value| !value.is_null());
    Some(members)
}

/// Does `f` to the object, or to each of a list.
fn each(value: Option<&mut Value>, f: impl Fn(&mut Map<String, Value>)) {
    match value {
        Some(Value::Array(items)) => items.iter_mut().filter_map(object).for_each(f),
        Some(value) => object(value).into_iter().for_each(f),
        None => {}
    }
}

fn rename(value: Option<&mut Value>, kinds: &[&'static str]) {
    if let Some(Value::String(word)) = value
        && let Some(kind) = known(word, kinds)
    {
        *word = kind.to_owned();
    }
}

/// `EXIT` -> `exit`; what is not all upper case stays.
fn lower(value: Option<&mut Value>) {
    if let Some(Value::String(word)) = value
        && word
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    {
        word.make_ascii_lowercase();
    }
}

/// Operators of a condition, and of all that are inside it.
fn conditions(value: Option<&mut Value>) {
    match value {
        Some(Value::Array(items)) => items.iter_mut().for_each(|item| conditions(Some(item))),
        Some(Value::Object(members)) => {
            let group = members.contains_key("conditions");
            if let Some(Value::String(operator)) = members.get_mut("operator") {
                if group && ["and", "or", "not"].contains(&operator.as_str()) {
                    operator.make_ascii_uppercase();
                } else if !group {
                    lower(Some(&mut members["operator"]));
                }
            }
            conditions(members.get_mut("conditions"));
        }
        _ => {}
    }
}

/// Words and conditions of a step's config, at any depth outside the author's own JSON.
fn config(value: Option<&mut Value>) {
    match value {
        Some(Value::Array(items)) => items.iter_mut().for_each(|item| config(Some(item))),
        Some(Value::Object(members)) => {
            for (key, value) in members.iter_mut() {
                match key.as_str() {
                    key if OWN_FIELDS.contains(&key) => {}
                    key if WORD_FIELDS.contains(&key) => lower(Some(value)),
                    "event" => rename(Some(value), EVENTS),
                    "condition" | "conditions" | "filters" => conditions(Some(value)),
                    _ => config(Some(value)),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_unique() {
        assert!(ACTIONS.is_sorted_by(|a, b| a < b));
        assert!(EVENTS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn spellings_of_one_name() {
        let rows: [(&str, Option<&str>); 9] = [
            ("SEND_EMAIL", Some("send_email")),
            ("sendEmail", Some("send_email")),
            ("SendEmail", Some("send_email")),
            ("send_email", Some("send_email")),
            ("send-email", None),
            ("Send_Email", None),
            ("WAIT", Some("wait")),
            ("custom.thing", None),
            ("", None),
        ];
        for (word, want) in rows {
            assert_eq!(known(word, ACTIONS), want, "{word}");
        }
        for word in [
            "FORM_ABANDONED",
            "form_abandoned",
            "form.abandoned",
            "formAbandoned",
        ] {
            assert_eq!(known(word, EVENTS), Some("form.abandoned"), "{word}");
        }
    }

    #[test]
    fn words_and_operators_have_one_spelling() {
        let leaf = |operator: &str| serde_json::json!({"field": "x", "operator": operator});
        let group = |operator: &str, inner: &str| serde_json::json!({"operator": operator, "conditions": [leaf(inner)]});
        let definition = |[status, word, kind, operator, and]: [&str; 5]| {
            serde_json::json!({
                "status": status,
                "triggers": [{"type": kind, "filters": [leaf(operator), group(and, operator)]}],
                "goals": [{"onAchievement": {"action": word}, "onUnmet": word,
                           "conditions": group(and, operator)}],
                "enrollmentSettings": {"enrollmentLimitScope": word, "stopOnReply": [word],
                                       "entryConditions": leaf(operator), "exitConditions": [leaf(operator)]},
                "actions": [{"type": "wait", "policy": word, "join": word, "executeIf": leaf(operator),
                             "config": {"waitType": word, "list": [{"condition": leaf(operator)}]}}],
            })
        };
        let mut written = definition(["ACTIVE", "SOME_WORD", "FORM_SUBMITTED", "NOT_EQUALS", "or"]);
        normalise(&mut written);
        let own = ["active", "some_word", "form.submitted", "not_equals", "OR"];
        assert_eq!(written, definition(own));
        // What is not all upper case is left to whoever reads it.
        let mixed = definition(["Active", "Some_Word", "form.other", "Not_Equals", "Or"]);
        let mut written = mixed.clone();
        normalise(&mut written);
        assert_eq!(written, mixed);
    }

    #[test]
    fn what_an_author_sends_elsewhere_is_not_touched() {
        let mut value = serde_json::json!({"actions": [{"type": "WEBHOOK", "config": {
            "body": {"mode": "LIVE", "condition": {"operator": "EQUALS"}}}},
            {"type": "WAIT", "config": {"waitType": "UNTIL_EVENT", "event": "FORM_SUBMITTED"}}]});
        normalise(&mut value);
        assert_eq!(value["actions"][1]["config"]["event"], "form.submitted");
        assert_eq!(value["actions"][1]["config"]["waitType"], "until_event");
        assert_eq!(value["actions"][0]["type"], "webhook");
        assert_eq!(value["actions"][0]["config"]["body"]["mode"], "LIVE");
        assert_eq!(
            value["actions"][0]["config"]["body"]["condition"]["operator"],
            "EQUALS"
        );
    }
}
