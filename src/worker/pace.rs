//! The shape of every loop: arm the wake-up before looking for work, look, and if idle wait for a bell,
//! the poll or the end.

use std::time::Duration;

use rand::RngExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Round;
use crate::{
    faults::{Plant, planted},
    store::{StoreError, error::Remedy},
};

/// Shortest idle poll; doubled at every idle round up to the longest.
const SHORTEST: Duration = Duration::from_millis(50);
/// After a round that found little: what came meanwhile has rung the bell, or can wait so long. To look again at
/// once would take the processor from those who go on with what the round left.
const BREATH: Duration = Duration::from_millis(5);
/// Longest wait after an error.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a loop waits next.
#[derive(Debug)]
pub struct Pace {
    name: &'static str,
    longest: Duration,
    poll: Duration,
    errors: u32,
}

impl Pace {
    /// A loop that polls at least every `longest`.
    #[must_use]
    pub fn new(name: &'static str, longest: Duration) -> Self {
        Self {
            name,
            longest,
            poll: SHORTEST,
            errors: 0,
        }
    }

    /// Waits before the first round; false: the loop is to end. What is not urgent lets the loops that work go first
    /// when a worker starts, and shares a connection with others of its kind.
    pub async fn after(&self, pause: Duration, end: &CancellationToken) -> bool {
        tokio::select! {
            () = end.cancelled() => false,
            () = tokio::time::sleep(jittered(pause)) => true,
        }
    }

    /// Waits as the last round asks for; false: the loop is to end.
    pub async fn wait(
        &mut self,
        round: &Result<Round, StoreError>,
        bell: &Notify,
        end: &CancellationToken,
    ) -> bool {
        let pause = match round {
            Ok(Round::Full) => {
                self.calm();
                return !end.is_cancelled();
            }
            Ok(Round::Worked) => {
                self.calm();
                BREATH
            }
            Ok(Round::Idle) => {
                self.errors = 0;
                let pause = self.poll;
                self.poll = (self.poll * 2).min(self.longest);
                pause
            }
            Err(error) => return self.recover(error, end).await,
        };
        tokio::select! {
            () = end.cancelled() => return false,
            () = bell.notified() => self.poll = SHORTEST,
            () = tokio::time::sleep(jittered(pause)), if !planted(Plant::NotifyOnly) => {}
        }
        true
    }

    fn calm(&mut self) {
        self.errors = 0;
        self.poll = SHORTEST;
    }

    /// After an error the bell does not count: a database that is down rings nothing.
    async fn recover(&mut self, error: &StoreError, end: &CancellationToken) -> bool {
        self.errors = (self.errors + 1).min(10);
        let pause = (SHORTEST * 2_u32.pow(self.errors)).min(LONGEST_PAUSE);
        match error.remedy() {
            Remedy::Isolate => tracing::error!(loop_name = self.name, %error, "a round failed"),
            _ if self.errors == 1 => {
                tracing::warn!(loop_name = self.name, %error, "the database is not to be had; trying again");
            }
            _ => tracing::debug!(loop_name = self.name, %error, "still not"),
        }
        self.after(pause, end).await
    }
}

/// Between three quarters and five quarters, so that processes do not poll in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.75..1.25))
}
