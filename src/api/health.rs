//! `/healthz`: the process lives. `/readyz`: the database is there and migrated.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use super::Door;

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// 200 or 503, with what was found; a worker is not needed. The database's own words stay in the log.
pub(super) async fn ready(State(door): State<Door>) -> (StatusCode, Json<Value>) {
    let found = door.waypost.readiness().await;
    if let Some(problem) = &found.problem {
        tracing::warn!(%problem, "not ready");
    }
    let status = if found.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let hint = match (found.reachable, found.migrated, found.isolated) {
        (false, ..) => Some("the database cannot be reached"),
        (true, false, _) => Some("run `waypost migrate`"),
        (true, true, false) => Some("tenants are not isolated: migrate as a login with CREATEROLE"),
        (true, true, true) => None,
    };
    let body = json!({
        "ready": found.is_ready(),
        "reachable": found.reachable,
        "migrated": found.migrated,
        "version": found.version,
        "expected": found.expected,
        "isolated": found.isolated,
        "hint": hint,
    });
    (status, Json(body))
}
