//! `/metrics`: for Prometheus. Figures of the tables are read at the scrape, each within two seconds.

use std::sync::OnceLock;

use axum::{
    extract::State,
    http::{HeaderName, header},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::Door;
use crate::app::overview::Overview;

/// The process's recorder, which the loops count into too.
#[derive(Clone)]
pub(super) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder of the process, once.
    pub(super) fn install() -> Self {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = HANDLE.get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            // Somebody who embeds us may have a recorder of his own; then ours shows what is scraped.
            let _ = metrics::set_global_recorder(recorder);
            describe();
            handle
        });
        Self(handle.clone())
    }
}

fn describe() {
    metrics::describe_gauge!("waypost_executions", "Executions by status, live and kept");
    metrics::describe_gauge!(
        "waypost_outbox",
        "Open outbox rows by state, and those that ended unknown"
    );
    metrics::describe_gauge!(
        "waypost_lag_seconds",
        "How long the oldest thing to do has waited"
    );
    metrics::describe_gauge!("waypost_queued_events", "Events that wait to be matched");
    metrics::describe_counter!(
        "waypost_dropped_days_total",
        "Days of history that retention dropped, by table"
    );
    metrics::describe_gauge!(
        "waypost_up",
        "1 when the figures of the tables could be read"
    );
}

pub(super) async fn scrape(State(door): State<Door>) -> ([(HeaderName, &'static str); 1], String) {
    record(&door.waypost.overview().await);
    let kind = (
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    );
    ([kind], door.metrics.0.render())
}

fn record(found: &Overview) {
    for (status, count) in found.executions.iter().flatten() {
        metrics::gauge!("waypost_executions", "status" => *status).set(*count as f64);
    }
    for (state, count) in found.outbox.iter().flatten() {
        metrics::gauge!("waypost_outbox", "state" => state.clone()).set(*count as f64);
    }
    if let Some(lag) = &found.lag {
        for (queue, seconds) in [
            ("events", lag.events),
            ("executions", lag.executions),
            ("outbox", lag.sends),
        ] {
            metrics::gauge!("waypost_lag_seconds", "queue" => queue).set(seconds.max(0.0));
        }
        metrics::gauge!("waypost_queued_events").set(lag.queued_events as f64);
    }
    let up = found.executions.is_some() && found.outbox.is_some() && found.lag.is_some();
    metrics::gauge!("waypost_up").set(if up { 1.0 } else { 0.0 });
}
