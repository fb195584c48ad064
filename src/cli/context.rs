//! What every command gets: its global options, the settings, the way to the database.

use super::{Global, output::Output, progress::Line};
use crate::app::{AppResult, Flags, Schema, Settings, Waypost};

/// What every command gets.
pub(super) struct Context {
    global: Global,
    /// Where results go.
    pub(super) out: Output,
}

impl Context {
    pub(super) fn new(global: Global) -> Self {
        let out = Output::new(global.json);
        Self { global, out }
    }

    /// The settings, flags over environment.
    pub(super) fn settings(&self) -> AppResult<Settings> {
        Settings::read(&self.flags())
    }

    /// What the command line says of the settings.
    pub(super) fn flags(&self) -> Flags {
        Flags {
            database_url: self.global.database_url.clone(),
            tenant: self.global.tenant.clone(),
            concurrency: None,
        }
    }

    /// The database, at this binary's version.
    pub(super) async fn open(&self) -> AppResult<Waypost> {
        self.open_with(self.settings()?, Schema::Current).await
    }

    /// The database, as these settings and this need of the schema say.
    pub(super) async fn open_with(&self, settings: Settings, schema: Schema) -> AppResult<Waypost> {
        let line = Line::new();
        Waypost::open(settings, schema, &|text| line.say(text)).await
    }
}
