//! What long work says meanwhile, on standard error: a moving line on a terminal, plain lines otherwise.

use std::{
    io::{IsTerminal, stderr},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// One line that says what is being done just now.
pub(super) struct Line {
    bar: Option<ProgressBar>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self {
            bar: stderr().is_terminal().then(spinner),
        }
    }

    /// Shows what is being done now.
    pub(super) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => {
                bar.enable_steady_tick(Duration::from_millis(120));
                bar.set_message(text.to_owned());
            }
            None => eprintln!("{text}"),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A count that grows.
pub(super) struct Count {
    what: &'static str,
    bar: Option<ProgressBar>,
    began: Instant,
    said: AtomicU64,
}

impl Count {
    /// Counts `what`, up to `total` where that is known.
    pub(super) fn new(what: &'static str, total: Option<u64>) -> Self {
        let bar = stderr().is_terminal().then(|| match total {
            Some(total) => {
                ProgressBar::new(total).with_style(style("{bar:30} {pos}/{len} {msg} {per_sec}"))
            }
            None => spinner().with_style(style("{spinner} {pos} {msg} {per_sec}")),
        });
        if let Some(bar) = &bar {
            bar.set_message(what);
        }
        Self {
            what,
            bar,
            began: Instant::now(),
            said: AtomicU64::new(0),
        }
    }

    /// So many so far.
    pub(super) fn at(&self, count: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(count),
            None => {
                // A line every two seconds: enough to see life in a log.
                let now = self.began.elapsed().as_secs() / 2;
                if now > self.said.swap(now, Ordering::Relaxed) {
                    eprintln!("{count} {}", self.what);
                }
            }
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn spinner() -> ProgressBar {
    ProgressBar::new_spinner().with_style(style("{spinner} {msg}"))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
