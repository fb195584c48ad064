//! The loops of this process: built from the settings, started, and drained at the end.

use std::sync::Arc;

use super::{
    config::EnvSecrets,
    error::{AppError, AppResult},
    waypost::Waypost,
};
pub use crate::worker::{Role, Worker};
use crate::{connect::Connectors, worker::Shared};

impl Waypost {
    /// Starts the loops of these roles; [`Worker::stop`] drains them.
    ///
    /// # Errors
    /// Connectors that cannot be built from the settings.
    pub fn start_worker(&self, roles: &[Role]) -> AppResult<Worker> {
        let settings = &self.settings;
        let connectors = Connectors::new(&settings.connect)
            .map_err(|error| AppError::usage(error.to_string()))?;
        let worker = settings.worker.clone();
        let shared = Shared::new(self.url(), connectors, Arc::new(EnvSecrets), worker)?;
        let listen = settings
            .listen_url
            .clone()
            .unwrap_or_else(|| self.url().to_owned());
        Ok(Worker::start(&shared, roles, Some(listen)))
    }
}
