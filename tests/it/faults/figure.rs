//! One line a fault: `F4 | fault | figure to reach | measured | ok`, in a short form and in a long one.
//!
//! `WAYPOST_FAULT_FORM=long` asks for the long one (`bin/chaos` does); `WAYPOST_FIGURES` names a file that the lines
//! are added to. A figure that is not reached is said, and fails its test.

use std::{fs::OpenOptions, io::Write};

/// Whether the long form is asked for.
pub fn long() -> bool {
    std::env::var("WAYPOST_FAULT_FORM").is_ok_and(|form| form == "long")
}

/// How much of something: in the short form, in the long one.
pub fn form<T>(short: T, in_full: T) -> T {
    if long() { in_full } else { short }
}

/// A fault and what must come of it.
pub struct Figure {
    pub name: &'static str,
    pub fault: &'static str,
    pub wanted: &'static str,
}

impl Figure {
    /// Says what came of it.
    pub fn measured(&self, measured: &str, ok: bool) {
        let verdict = match (ok, long()) {
            (true, true) => "ok",
            (true, false) => "ok (short form)",
            (false, _) => "not reached",
        };
        let Figure {
            name,
            fault,
            wanted,
        } = self;
        let line = format!("{name} | {fault} | {wanted} | {measured} | {verdict}");
        println!("{line}");
        if let Ok(path) = std::env::var("WAYPOST_FIGURES") {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .unwrap();
            writeln!(file, "{line}").unwrap();
        }
        assert!(ok, "not reached: {line}");
    }
}
