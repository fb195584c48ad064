//! What `webhook` and `http_request` share: an HTTP request out of templates.

use std::borrow::Cow;

use chrono::Duration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    catalog::{
        action::{Action, Class, Failure, Outcome, StepContext},
        words::{self, Problems},
    },
    model::{
        path::{Path, Root},
        problem::Problem,
        reads::Reads,
        scope::Scope,
        span::Span,
        template::{Escape, Template, ValueTemplate},
        transition::Policy,
    },
};

/// Longest one call may take.
const TIMEOUT_SECONDS: i64 = 30;

/// The methods that may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "HTTP's own names")]
pub enum Method {
    Get,
    Head,
    #[default]
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// HTTP itself says that a repeat does no harm.
    pub(super) const fn is_idempotent(self) -> bool {
        matches!(
            self,
            Method::Get | Method::Head | Method::Put | Method::Delete
        )
    }
}

/// How the call proves who it is; texts may be templates, and this is where `{{secrets.name}}` belongs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Auth {
    /// Which way.
    #[serde(rename = "type")]
    pub kind: AuthKind,
    /// `basic`: the user.
    #[serde(default)]
    pub username: Option<String>,
    /// `basic`: the password.
    #[serde(default)]
    pub password: Option<String>,
    /// `bearer`: the token.
    #[serde(default)]
    pub token: Option<String>,
    /// `hmac`: what the body is signed with (Standard Webhooks).
    #[serde(default)]
    pub secret: Option<String>,
}

/// How the provider is asked what became of a call of which nobody knows (`policy: reconcile`): by a GET with the
/// headers and the auth of the call. 2xx: it was done, and the answer is the step's result. 404 or 410: it was not,
/// and the call is made again. Anything else: nobody knows yet, and it is asked again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lookup {
    /// Address; a template in which `{key}` stands for the idempotency key of the call.
    pub url: String,
    /// How long after the call the provider can be asked: by then it must know. Default: 60 seconds.
    #[serde(default)]
    pub after: Option<Span>,
}

/// When a provider is asked that does not say.
const ASKED_AFTER_SECONDS: u64 = 60;

/// The ways to prove who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// Not at all.
    None,
    /// User and password.
    Basic,
    /// A token.
    Bearer,
    /// A signature over the body.
    Hmac,
}

/// A compiled call.
#[derive(Debug)]
pub(super) struct Call {
    method: Method,
    /// May name secrets.
    url: (Template, Escape),
    /// May name secrets.
    headers: Vec<(String, Template)>,
    /// May name secrets.
    auth: Vec<(&'static str, Template)>,
    auth_kind: Option<&'static str>,
    body: Option<ValueTemplate>,
    /// A call without a body tells what it is about.
    introduces_itself: bool,
    policy: Policy,
    /// Where the provider is asked, and after how many milliseconds.
    lookup: Option<(Template, u64)>,
}

/// A call as a config gives it.
pub(super) struct CallConfig<'c> {
    pub(super) url: &'c str,
    pub(super) method: Method,
    pub(super) headers: &'c Map<String, Value>,
    pub(super) auth: Option<&'c Auth>,
    pub(super) body: Option<&'c Value>,
    pub(super) introduces_itself: bool,
    pub(super) policy: Policy,
    pub(super) lookup: Option<&'c Lookup>,
}

impl Call {
    pub(super) fn compile(config: &CallConfig<'_>) -> Result<Box<dyn Action>, Vec<Problem>> {
        let mut found = Problems::default();
        let url = found.take(words::template(config.url.trim(), "config.url"));
        if let Some(literal) = url.as_ref().and_then(Template::literal)
            && !(literal.starts_with("https://") || literal.starts_with("http://"))
        {
            let text = "an address starts with https:// or http://";
            found
                .0
                .push(Problem::error("invalid_value", "config.url", text));
        }
        let mut headers = Vec::new();
        for (name, value) in config.headers {
            let path = format!("config.headers.{name}");
            let text = match value {
                Value::String(text) => Cow::Borrowed(&**text),
                Value::Number(_) | Value::Bool(_) => Cow::Owned(value.to_string()),
                _ => {
                    let text = "a header's value is text";
                    found.0.push(Problem::error("invalid_value", path, text));
                    continue;
                }
            };
            if let Some(value) = found.take(words::template(&text, &path)) {
                headers.push((name.clone(), value));
            }
        }
        let (auth_kind, auth) = compile_auth(config.auth, &mut found);
        let body = config
            .body
            .and_then(|body| found.take(words::value(body, "config.body")));
        let lookup = compile_lookup(config, &mut found);
        let call = url.map(|url| Self {
            method: config.method,
            // What stands in an address that is written out is data; a whole address from data is one.
            url: match config.url.trim_start().starts_with("{{") {
                true => (url, Escape::None),
                false => (url, Escape::Url),
            },
            headers,
            auth,
            auth_kind,
            body,
            introduces_itself: config.introduces_itself,
            policy: config.policy,
            lookup,
        });
        found.finish(call.map(|call| Box::new(call) as Box<dyn Action>))
    }

    fn request(&self, cx: &StepContext<'_>) -> Result<Value, Failure> {
        let mut request = Map::new();
        let url = with_secrets(&self.url.0, self.url.1, cx)?;
        if url.trim().is_empty() {
            let message = "there is no address to call".into();
            return Err(Failure {
                error: "invalid_url".into(),
                message,
            });
        }
        request.insert("url".into(), Value::from(url));
        request.insert("method".into(), Value::from(self.method.name()));
        let texts = |pairs: &mut dyn Iterator<Item = (&str, &Template)>| {
            pairs
                .map(|(name, value)| {
                    let value = with_secrets(value, Escape::None, cx)?;
                    Ok((name.to_owned(), Value::from(value)))
                })
                .collect::<Result<Map<String, Value>, Failure>>()
        };
        if !self.headers.is_empty() {
            let headers = texts(&mut self.headers.iter().map(|(name, value)| (&**name, value)))?;
            request.insert("headers".into(), Value::Object(headers));
        }
        if let Some(kind) = self.auth_kind {
            let mut auth = texts(&mut self.auth.iter().map(|(name, value)| (*name, value)))?;
            auth.insert("type".into(), Value::from(kind));
            request.insert("auth".into(), Value::Object(auth));
        }
        match &self.body {
            Some(body) => drop(request.insert("body".into(), words::filled(body, cx)?)),
            None if self.introduces_itself => {
                let body = serde_json::json!({
                    "workflow": cx.workflow, "step": cx.step,
                    "executionId": cx.execution, "contactId": cx.contact,
                });
                request.insert("body".into(), body);
            }
            None => {}
        }
        if let Some((url, after)) = &self.lookup {
            let url = with_secrets(url, Escape::Url, cx)?;
            let lookup = serde_json::json!({ "url": url, "afterMs": after });
            request.insert("lookup".into(), lookup);
        }
        Ok(Value::Object(request))
    }
}

fn compile_lookup(config: &CallConfig<'_>, found: &mut Problems) -> Option<(Template, u64)> {
    let lookup = config.lookup?;
    if config.policy != Policy::Reconcile {
        let text = "\"lookup\" is asked under policy \"reconcile\" alone: set that policy, or leave it out";
        let problem = Problem::error("unused_field", "config.lookup", text);
        found.0.push(problem);
    }
    let text = lookup.url.trim();
    if !(text.starts_with("https://") || text.starts_with("http://")) {
        let text = "an address starts with https:// or http://";
        let problem = Problem::error("invalid_value", "config.lookup.url", text);
        found.0.push(problem);
    } else if !text.contains("{key}") {
        let text = "`{key}` is missing: it is what the provider is asked for";
        let problem = Problem::error("invalid_value", "config.lookup.url", text);
        found.0.push(problem);
    }
    let after = lookup.after.map(|span| span.nominal().as_millis());
    let after = after.map_or(ASKED_AFTER_SECONDS * 1_000, |after| {
        u64::try_from(after).unwrap_or(u64::MAX)
    });
    let url = found.take(words::template(text, "config.lookup.url"))?;
    Some((url, after))
}

fn compile_auth(
    auth: Option<&Auth>,
    found: &mut Problems,
) -> (Option<&'static str>, Vec<(&'static str, Template)>) {
    let Some(auth) = auth else {
        return (None, Vec::new());
    };
    let (kind, wanted): (_, &[&str]) = match auth.kind {
        AuthKind::None => ("none", &[]),
        AuthKind::Basic => ("basic", &["username", "password"]),
        AuthKind::Bearer => ("bearer", &["token"]),
        AuthKind::Hmac => ("hmac", &["secret"]),
    };
    let given = [
        ("username", &auth.username),
        ("password", &auth.password),
        ("token", &auth.token),
        ("secret", &auth.secret),
    ];
    let mut fields = Vec::new();
    for (name, text) in given {
        let path = format!("config.auth.{name}");
        match (text, wanted.contains(&name)) {
            (Some(text), true) => {
                if let Some(text) = found.take(words::template(text, &path)) {
                    fields.push((name, text));
                }
            }
            (None, true) => {
                let text = format!("\"{name}\" is missing");
                found.0.push(Problem::error("missing_field", path, text));
            }
            (Some(_), false) => {
                let text = format!("\"{name}\" says nothing to auth of type {kind}");
                found.0.push(Problem::error("unused_field", path, text));
            }
            (None, false) => {}
        }
    }
    (Some(kind), fields)
}

/// Renders a text in which secrets may be named; they stay references.
///
/// Data must not be able to name one: a contact called `{{secrets.key}}` is refused.
fn with_secrets(
    template: &Template,
    escape: Escape,
    cx: &StepContext<'_>,
) -> Result<String, Failure> {
    let mut text = words::rendered(template, cx, escape)?;
    if template.literal().is_some() {
        return Ok(text);
    }
    if escape == Escape::Url && text.contains("%7B%7Bsecrets.") {
        let mut reads = Reads::default();
        template.reads(&mut reads);
        for name in &reads.secrets {
            let reference = format!("{{{{secrets.{name}}}}}");
            text = text.replace(&escape.escaped(&reference), &reference);
        }
    }
    if text.contains("{{") {
        let hidden = WithoutSecrets(cx.scope);
        let rest = template.render(&hidden, cx.now, cx.tz, Escape::None);
        if rest.map_err(words::template_failure)?.contains("{{") {
            let message = "a value that a template filled in looks like a secret's name".into();
            return Err(Failure {
                error: "secret_in_data".into(),
                message,
            });
        }
    }
    Ok(text)
}

/// The same scope, with every secret empty.
struct WithoutSecrets<'a>(&'a dyn Scope);

impl Scope for WithoutSecrets<'_> {
    fn get<'a>(&'a self, path: &Path) -> Option<Cow<'a, Value>> {
        (path.root() != Root::Secrets)
            .then(|| self.0.get(path))
            .flatten()
    }
}

impl Action for Call {
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
        self.url.0.reads(reads);
        self.headers
            .iter()
            .for_each(|(_, value)| value.reads(reads));
        self.auth.iter().for_each(|(_, value)| value.reads(reads));
        if let Some(body) = &self.body {
            body.reads(reads);
        }
        if let Some((url, _)) = &self.lookup {
            url.reads(reads);
        }
    }

    fn class(&self) -> Class {
        Class::Outside(self.policy)
    }
}
