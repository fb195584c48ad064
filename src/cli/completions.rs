//! `waypost completions`: for the shell.

use std::io::{self, Write};

use clap::Args;
use clap_complete::Shell;

use super::{context::Context, definition};
use crate::app::AppResult;

/// Prints completions for a shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: waypost completions bash > ~/.local/share/bash-completion/completions/waypost"
)]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) async fn run(self, _: &Context) -> AppResult<()> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut definition(), "waypost", &mut text);
        // A reader that has gone away is no error.
        let _ = io::stdout().write_all(&text);
        Ok(())
    }
}
