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
    /// A figure that says how fast something is. Beside everything else and on whatever machine there is, a short
    /// form only says that it was not reached; the long one fails. What must never happen the test asserts by itself.
    pub fn reached(&self, ok: bool, measured: impl std::fmt::Display) {
        let measured = measured.to_string();
        if ok || long() {
            self.measured(&measured, ok);
        } else {
            self.say(&measured, "not reached (short form)");
        }
    }

    /// Says what came of it, and fails where it is not what is wanted.
    pub fn measured(&self, measured: &str, ok: bool) {
        let verdict = match (ok, long()) {
            (true, true) => "ok",
            (true, false) => "ok (short form)",
            (false, _) => "not reached",
        };
        self.say(measured, verdict);
        assert!(ok, "{}: not reached: {measured}", self.name);
    }

    fn say(&self, measured: &str, verdict: &str) {
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
    }
}
