//! `waypost serve`: HTTP.

use std::{net::SocketAddr, sync::Arc};

use clap::Args;
use tokio::net::TcpListener;

use super::{context::Context, signals::stop_on_signal};
use crate::{
    api,
    app::{AppError, AppResult, worker::Role},
};

/// Serves HTTP until SIGTERM or Ctrl-C: status page, /healthz, /readyz, /metrics.
#[derive(Debug, Args)]
#[command(after_help = "Example: waypost serve --listen 127.0.0.1:8080 --worker")]
pub(super) struct Serve {
    /// Where to listen; port 0: any that is free
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// Run the background loops in this process too
    #[arg(long)]
    worker: bool,
}

impl Serve {
    pub(super) async fn run(self, cx: &Context) -> AppResult<()> {
        let waypost = Arc::new(cx.open().await?);
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            AppError::no(format!(
                "cannot listen on {}: {error}; name another --listen",
                self.listen
            ))
        })?;
        let address = listener.local_addr().unwrap_or(self.listen);
        let stop = stop_on_signal();
        let worker = match self.worker {
            true => Some(waypost.start_worker(&Role::ALL)?),
            false => None,
        };
        eprintln!("serving http://{address}");
        let served = api::serve(Arc::clone(&waypost), listener, stop.cancelled_owned()).await;
        if let Some(worker) = worker {
            worker.stop().await;
        }
        served
    }
}
