//! Stop on reply: the person has answered, so the workflow has nothing more to say.

use serde_json::{Value, json};
use uuid::Uuid;

use super::burst::Machine;
use crate::model::{
    execution::Status,
    transition::Event,
    workflow::{ReplyChannel, StopOnReply},
};

/// Events by which a person answers, each with the channel it is of unless its `data.channel` says.
const REPLIES: [(&str, ReplyChannel); 8] = [
    ("email.replied", ReplyChannel::Email),
    ("sms.replied", ReplyChannel::Sms),
    ("sms.received", ReplyChannel::Sms),
    ("whatsapp.replied", ReplyChannel::Whatsapp),
    ("whatsapp.received", ReplyChannel::Whatsapp),
    ("rcs.replied", ReplyChannel::Rcs),
    ("rcs.received", ReplyChannel::Rcs),
    ("voicemail.received", ReplyChannel::Voicemail),
];

/// The channels on which a reply ends an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replies(Vec<ReplyChannel>);

impl Replies {
    /// What the setting means; none: replies end nothing.
    #[must_use]
    pub fn of(setting: &StopOnReply) -> Option<Self> {
        match setting {
            StopOnReply::All(false) => None,
            StopOnReply::All(true) => Some(Self(ReplyChannel::ALL.to_vec())),
            StopOnReply::Channels(channels) => {
                (!channels.is_empty()).then(|| Self(channels.clone()))
            }
        }
    }

    /// Types of the events that can be such a reply.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        // A text message may have come over any channel of the same provider.
        let texts = self
            .0
            .iter()
            .any(|channel| matches!(channel, ReplyChannel::Whatsapp | ReplyChannel::Rcs));
        REPLIES
            .iter()
            .filter(move |(kind, channel)| {
                self.0.contains(channel) || (texts && kind.starts_with("sms."))
            })
            .map(|(kind, _)| *kind)
    }

    /// Whether the event is a person's answer to this execution. An event that names an execution or a
    /// workflow is an answer to that one; automatic answers are none.
    #[must_use]
    pub(super) fn include(&self, event: &Event, execution: Uuid, workflow: &str) -> bool {
        let Some((_, channel)) = REPLIES.iter().find(|(kind, _)| *kind == event.kind) else {
            return false;
        };
        let text = |names: [&str; 2]| {
            let named = names.iter().find_map(|name| event.data.get(*name));
            named.and_then(Value::as_str)
        };
        let channel = match text(["channel", "channel"]) {
            Some(word) => ReplyChannel::named(word),
            None => Some(*channel),
        };
        let automatic = ["autoReply", "auto_reply"]
            .iter()
            .any(|name| event.data.get(*name).and_then(Value::as_bool) == Some(true));
        channel.is_some_and(|channel| self.0.contains(&channel))
            && !automatic
            && text(["executionId", "execution_id"])
                .is_none_or(|id| Uuid::try_parse(id) == Ok(execution))
            && text(["workflow", "workflowId"]).is_none_or(|id| id == workflow)
    }
}

impl Machine<'_> {
    /// Ends the execution where the event is a reply that does.
    pub(super) fn hear(&mut self, event: &Event) {
        let Some(replies) = &self.program.replies else {
            return;
        };
        if self.end.is_none() && replies.include(event, self.ex.id, &self.program.workflow) {
            let detail = json!({ "event": event.kind, "eventId": event.id });
            self.finish(Status::Exited, Some("replied".into()), detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_answered_what() {
        let own = Uuid::from_u128(1);
        let other = Uuid::from_u128(2).to_string();
        let all = json!(true);
        // (setting, event, data, whether it ends the execution)
        let table = [
            (all.clone(), "email.replied", json!({}), true),
            (
                all.clone(),
                "sms.received",
                json!({"channel": "whatsapp"}),
                true,
            ),
            (all.clone(), "voicemail.received", json!({}), true),
            (all.clone(), "email.opened", json!({}), false),
            (
                all.clone(),
                "email.replied",
                json!({"autoReply": true}),
                false,
            ),
            (all.clone(), "email.replied", json!({"workflow": "w"}), true),
            (
                all.clone(),
                "email.replied",
                json!({"workflowId": "x"}),
                false,
            ),
            (
                all.clone(),
                "email.replied",
                json!({"executionId": own}),
                true,
            ),
            (
                all.clone(),
                "email.replied",
                json!({"executionId": other}),
                false,
            ),
            (all, "email.replied", json!({"executionId": "none"}), false),
            (json!(["email"]), "email.replied", json!({}), true),
            (json!(["email"]), "sms.replied", json!({}), false),
            (json!(["sms"]), "sms.received", json!({}), true),
            (
                json!(["sms"]),
                "sms.received",
                json!({"channel": "MMS"}),
                true,
            ),
            (
                json!(["sms"]),
                "sms.received",
                json!({"channel": "rcs"}),
                false,
            ),
            (
                json!(["whatsapp"]),
                "sms.received",
                json!({"channel": "whatsapp"}),
                true,
            ),
            (json!(["whatsapp"]), "sms.received", json!({}), false),
        ];
        for (setting, kind, data, wanted) in table {
            let event = Event {
                id: Uuid::nil(),
                kind: kind.into(),
                contact: None,
                occurred_at: chrono::DateTime::UNIX_EPOCH,
                data: data.clone(),
                old: None,
                new: None,
                trigger: None,
                cause: None,
            };
            let setting_read: StopOnReply = serde_json::from_value(setting.clone()).unwrap();
            let replies = Replies::of(&setting_read).unwrap();
            assert_eq!(
                replies.include(&event, own, "w"),
                wanted,
                "{setting} {kind} {data}"
            );
            if wanted {
                assert!(
                    replies.kinds().any(|known| known == kind),
                    "{setting} {kind}"
                );
            }
        }
        assert_eq!(Replies::of(&StopOnReply::All(false)), None);
        assert_eq!(Replies::of(&StopOnReply::Channels(Vec::new())), None);
    }
}
