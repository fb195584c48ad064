//! The HTTP door.

mod health;
mod metrics;
mod status;

use std::{future::Future, sync::Arc};

use axum::{Router, routing::get};
use tokio::net::TcpListener;

use self::metrics::Metrics;
use crate::app::{AppError, AppResult, Waypost};

/// What every handler gets.
#[derive(Clone)]
struct Door {
    waypost: Arc<Waypost>,
    metrics: Metrics,
}

/// Answers requests until `stop` comes; those under way are finished.
///
/// # Errors
/// The socket fails.
pub async fn serve(
    waypost: Arc<Waypost>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> AppResult<()> {
    let door = Door {
        waypost,
        metrics: Metrics::install(),
    };
    axum::serve(listener, router(door))
        .with_graceful_shutdown(stop)
        .await
        .map_err(|error| AppError::no(format!("serving HTTP: {error}")))
}

fn router(door: Door) -> Router {
    Router::new()
        .route("/", get(status::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::scrape))
        .with_state(door)
}
