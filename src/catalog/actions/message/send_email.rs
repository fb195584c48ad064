//! `send_email`: sends a mail to the contact.

use chrono::Duration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Failure, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{
        path::{Path, Root},
        problem::Problem,
        reads::Reads,
        template::{Escape, Template},
        transition::Policy,
        workflow::Step,
    },
};

/// Sends a mail. Its text is `body` or `html` or both, or a stored template (`templateId`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendEmail {
    /// Recipient; a template. Default: the contact's address.
    #[serde(default)]
    pub to: Option<String>,
    /// Subject; a template.
    #[serde(default)]
    pub subject: Option<String>,
    /// Plain text; a template.
    #[serde(default)]
    pub body: Option<String>,
    /// HTML; a template whose values are escaped.
    #[serde(default)]
    pub html: Option<String>,
    /// A template stored with the tenant, instead of `body` and `html`.
    #[serde(default)]
    pub template_id: Option<String>,
    /// Sender; a template. Default: the connection's.
    #[serde(default)]
    pub from: Option<String>,
    /// Where answers go; a template.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// Counts openings.
    #[serde(default)]
    pub track_opens: bool,
    /// Counts clicks on links.
    #[serde(default)]
    pub track_clicks: bool,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "send_email",
    title: "Send a mail",
    schema: || schemars::schema_for!(SendEmail),
    compile,
};

/// Longest one delivery may take.
const TIMEOUT_SECONDS: i64 = 30;

#[derive(Debug)]
struct Compiled {
    to: Option<Template>,
    address: Path,
    /// Name in the request, template, how values are written into it.
    parts: Vec<(&'static str, Template, Escape)>,
    template_id: Option<String>,
    track_opens: bool,
    track_clicks: bool,
}

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: SendEmail = words::config(step)?;
    let mut found = Problems::default();
    if config.template_id.is_none() {
        if config.body.is_none() && config.html.is_none() {
            let problem = Problem::error("missing_field", "config.body", "the mail has no text");
            found
                .0
                .push(problem.hint("give \"body\", \"html\" or \"templateId\""));
        }
        if config.subject.is_none() {
            let text = "\"subject\" is missing";
            found
                .0
                .push(Problem::error("missing_field", "config.subject", text));
        }
    }
    let to = config
        .to
        .as_ref()
        .and_then(|to| found.take(words::template(to, "config.to")));
    let texts = [
        ("subject", config.subject, Escape::None),
        ("body", config.body, Escape::None),
        ("html", config.html, Escape::Html),
        ("from", config.from, Escape::None),
        ("replyTo", config.reply_to, Escape::None),
    ];
    let mut parts = Vec::new();
    for (name, text, escape) in texts {
        let Some(text) = text else { continue };
        if let Some(text) = found.take(words::template(&text, &format!("config.{name}"))) {
            parts.push((name, text, escape));
        }
    }
    found.finish(Some(Box::new(Compiled {
        to,
        address: Path::from_keys("contact.email", Root::Contact, vec!["email".into()]),
        parts,
        template_id: config.template_id,
        track_opens: config.track_opens,
        track_clicks: config.track_clicks,
    }) as Box<dyn Action>))
}

impl Compiled {
    fn request(&self, cx: &StepContext<'_>) -> Result<Value, Failure> {
        let to = match &self.to {
            Some(to) => words::text(to, cx)?,
            None => match cx.scope.get(&self.address).as_deref() {
                Some(Value::String(address)) => address.clone(),
                _ => String::new(),
            },
        };
        let to = to.trim();
        if to.is_empty() {
            let message = "there is no address to send to".into();
            return Err(Failure {
                error: "no_recipient".into(),
                message,
            });
        }
        let mut request = Map::new();
        request.insert("to".into(), Value::from(to));
        for (name, template, escape) in &self.parts {
            request.insert(
                (*name).into(),
                Value::from(words::rendered(template, cx, *escape)?),
            );
        }
        if let Some(id) = &self.template_id {
            request.insert("templateId".into(), Value::from(&**id));
            // Until the tenant's templates are looked up, the mail says which one belongs here.
            request
                .entry("subject")
                .or_insert_with(|| Value::from(&**id));
            if !request.contains_key("html") {
                let body = || Value::from(format!("[template {id}]"));
                request.entry("body").or_insert_with(body);
            }
        }
        for (name, on) in [
            ("trackOpens", self.track_opens),
            ("trackClicks", self.track_clicks),
        ] {
            if on {
                request.insert(name.into(), Value::Bool(true));
            }
        }
        Ok(Value::Object(request))
    }
}

impl Action for Compiled {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        match self.request(cx) {
            Ok(request) => Outcome::Send {
                request,
                timeout: Duration::seconds(TIMEOUT_SECONDS),
            },
            Err(failure) => Outcome::Fail(failure),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        match &self.to {
            Some(to) => to.reads(reads),
            None => reads.add(&self.address),
        }
        self.parts
            .iter()
            .for_each(|(_, template, _)| template.reads(reads));
    }

    fn class(&self) -> Class {
        Class::Outside(Policy::Hold)
    }
}
