//! The README's table of crash windows, cell by cell: what each policy makes of a death in each of them.

use std::time::Duration;

use waypost::testing::fake_http::Fault;

use super::stage::{Found, Stage, ensure};

/// Longest that the survivors may take.
const SOON: Duration = Duration::from_secs(60);

/// How a process ends or errs in one window, and what must come of it.
struct Window {
    /// The first cell of the README's row.
    row: &'static str,
    /// `WAYPOST_FAULTS` of the worker that it happens to.
    faults: &'static str,
    end: End,
    /// Of `dedupe` and `retry`: requests, effects, how the send ends.
    again: (usize, usize, &'static str),
    /// The same of `hold` and `reconcile`.
    once: (usize, usize, &'static str),
}

/// What happens to the worker.
enum End {
    /// It dies at its point.
    Dies,
    /// It is killed when the provider has its request.
    KilledInMidCall,
    /// It errs there, and lives.
    Errs,
    /// It is held there until its lease is lost and others have done what they do; then it goes on.
    Pauses(&'static str),
}

/// The rows of the README in their order.
const WINDOWS: &[Window] = &[
    Window {
        row: "before the step's commit",
        faults: "run.written=abort",
        end: End::Dies,
        again: (1, 1, "sent"),
        once: (1, 1, "sent"),
    },
    Window {
        row: "after it, before the send is claimed",
        faults: "run.committed=abort",
        end: End::Dies,
        again: (1, 1, "sent"),
        once: (1, 1, "sent"),
    },
    // Where there is a barrier, this is before it.
    Window {
        row: "claimed, no byte sent",
        faults: "dispatch.claimed=abort",
        end: End::Dies,
        again: (1, 1, "sent"),
        once: (1, 1, "sent"),
    },
    // And this after it.
    Window {
        row: "claimed, no byte sent",
        faults: "send.before=abort",
        end: End::Dies,
        again: (1, 1, "sent"),
        once: (0, 0, "unknown"),
    },
    Window {
        row: "bytes sent, answer not read",
        faults: "",
        end: End::KilledInMidCall,
        again: (2, 1, "sent"),
        once: (1, 1, "unknown"),
    },
    Window {
        row: "answer read, not yet recorded",
        faults: "send.answered=abort",
        end: End::Dies,
        again: (2, 1, "sent"),
        once: (1, 1, "unknown"),
    },
    Window {
        row: "recorded, but the commit's reply was lost",
        faults: "finish.committed=error@1",
        end: End::Errs,
        again: (1, 1, "sent"),
        once: (1, 1, "sent"),
    },
    Window {
        row: "not dead, but paused past its lease",
        faults: "send.answered=ask@1",
        end: End::Pauses("send.answered"),
        again: (2, 1, "sent"),
        once: (1, 1, "sent"),
    },
];

async fn happens(window: &Window, policy: &str) -> Found {
    let mut stage = Stage::new(&format!("window-{policy}"), None).await;
    stage.deploy_send(policy);
    if matches!(window.end, End::KilledInMidCall) {
        stage.provider.next(Fault::Hang);
    }
    // Without a janitor: the lease is lost where the script says so.
    let mut worker = stage.worker("run,dispatch", window.faults).await;
    stage.enrol("one", "Ada").await;
    match window.end {
        End::Dies => drop(worker.process.ends().await),
        End::KilledInMidCall => {
            stage.provider.arrived(1).await;
            worker.process.kill();
        }
        End::Errs => {}
        End::Pauses(point) => {
            let held = worker.at.reaches(point).await?;
            stage.leases_run_out().await;
            let _others = stage.worker("run,dispatch,janitor", "").await;
            stage.until_done(SOON).await?;
            let before = stage.send_status().await;
            let others = if holds(policy) { "unknown" } else { "sent" };
            ensure!(before == others, "the others made it {before}");
            held.go().await;
            let late = "select count(*) from waypost.deliveries d where not exists
                (select from waypost.attempt_log a where a.outbox_id = d.id and a.verdict = 'stale_ok')";
            stage
                .until_none("late answers are not noted", late, SOON)
                .await?;
            return ended(stage, window, policy).await;
        }
    }
    stage.leases_run_out().await;
    let _survivor = stage.worker("run,dispatch,janitor", "").await;
    stage.until_done(SOON).await?;
    ended(stage, window, policy).await
}

async fn ended(mut stage: Stage, window: &Window, policy: &str) -> Found {
    let requests = stage.requests();
    let mut keys: Vec<_> = requests.iter().map(|request| &request.key).collect();
    keys.dedup();
    ensure!(keys.len() <= 1, "one send had the keys {keys:?}");
    let acts = requests.iter().filter(|request| request.acted).count();
    let status = stage.send_status().await;
    let found = (requests.len(), acts, status.as_str());
    let wanted = if holds(policy) {
        window.once
    } else {
        window.again
    };
    ensure!(
        found == wanted,
        "(requests, effects, end) are {found:?}, not {wanted:?}"
    );
    Ok(())
}

/// Whether a policy never repeats what may have been done.
fn holds(policy: &str) -> bool {
    matches!(policy, "hold" | "reconcile")
}

async fn every_window_of(policy: &str) {
    for window in WINDOWS {
        let found = happens(window, policy).await;
        assert_eq!(
            found,
            Ok(()),
            "{policy}, {} ({})",
            window.row,
            window.faults
        );
        println!("{policy:>10} | {}", window.row);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_window_of_dedupe() {
    every_window_of("dedupe").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_window_of_hold() {
    every_window_of("hold").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_window_of_reconcile() {
    every_window_of("reconcile").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_window_of_retry() {
    every_window_of("retry").await;
}

#[test]
fn the_readme_names_these_windows_and_no_others() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let table = readme
        .lines()
        .skip_while(|line| !line.starts_with("| the process dies"))
        .skip(2)
        .take_while(|line| line.starts_with("| ") && !line.starts_with("| **"));
    let named: Vec<&str> = table
        .map(|line| line.split('|').nth(1).unwrap().trim())
        .collect();
    let mut walked: Vec<&str> = WINDOWS.iter().map(|window| window.row).collect();
    walked.dedup();
    assert_eq!(named, walked);
}
