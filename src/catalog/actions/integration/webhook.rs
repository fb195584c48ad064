//! `webhook`: tells another system, signed if asked.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::call::{Auth, Call, CallConfig, Lookup, Method};
use crate::{
    catalog::{
        action::{Action, ActionEntry, Resolve},
        words,
    },
    model::{problem::Problem, transition::Policy, workflow::Step},
};

/// Tells another system. Carries the headers of Standard Webhooks; the receiver knows a repeat by `webhook-id`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    /// Address; a template. Secrets may be named here, in `headers` and in `auth`.
    pub url: String,
    /// GET, HEAD, POST, PUT, PATCH or DELETE. Default POST.
    #[serde(default)]
    pub method: Method,
    /// Header name to value; templates.
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// How the call proves who it is.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Any JSON; strings in it may be templates, and `{{ path }}` alone keeps its type.
    /// Default: the ids of the workflow, the step, the execution and the contact.
    #[serde(default)]
    pub body: Option<Value>,
    /// What an unknown outcome means: `dedupe`, `reconcile`, `hold` or `retry`. Default: `dedupe`.
    #[serde(default)]
    pub policy: Option<Policy>,
    /// How the provider is asked what became of a call of which nobody knows, under `policy: reconcile`. Without it
    /// such a call ends as `unknown`.
    #[serde(default)]
    pub lookup: Option<Lookup>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "webhook",
    title: "Call a webhook",
    schema: || schemars::schema_for!(Webhook),
    compile,
};

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: Webhook = words::config(step)?;
    let default = Policy::Dedupe;
    Call::compile(&CallConfig {
        url: &config.url,
        method: config.method,
        headers: &config.headers,
        auth: config.auth.as_ref(),
        body: config.body.as_ref(),
        introduces_itself: true,
        policy: step.policy.or(config.policy).unwrap_or(default),
        lookup: config.lookup.as_ref(),
    })
}
