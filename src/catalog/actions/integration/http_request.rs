//! `http_request`: calls any HTTP interface and keeps its answer.

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

/// Calls any HTTP interface; its answer is the result of the step. Carries `Idempotency-Key`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRequest {
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
    #[serde(default)]
    pub body: Option<Value>,
    /// What an unknown outcome means: `dedupe`, `reconcile`, `hold` or `retry`. Default: `retry` for GET,
    /// HEAD, PUT and DELETE, else `dedupe`.
    #[serde(default)]
    pub policy: Option<Policy>,
    /// How the provider is asked what became of a call of which nobody knows, under `policy: reconcile`. Without it
    /// such a call ends as `unknown`.
    #[serde(default)]
    pub lookup: Option<Lookup>,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "http_request",
    title: "Make an HTTP request",
    schema: || schemars::schema_for!(HttpRequest),
    compile,
};

fn compile(step: &Step, _: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: HttpRequest = words::config(step)?;
    let default = if config.method.is_idempotent() {
        Policy::Retry
    } else {
        Policy::Dedupe
    };
    Call::compile(&CallConfig {
        url: &config.url,
        method: config.method,
        headers: &config.headers,
        auth: config.auth.as_ref(),
        body: config.body.as_ref(),
        introduces_itself: false,
        policy: step.policy.or(config.policy).unwrap_or(default),
        lookup: config.lookup.as_ref(),
    })
}
