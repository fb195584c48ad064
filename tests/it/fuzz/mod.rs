//! Fuzzing without a fuzzer: each target takes bytes and must neither panic, nor hang, nor break its promise.
//!
//! A fixed number of inputs runs with the other tests, from the seed that is printed; `bin/fuzz` runs more.
//! Inputs are the examples and fixtures, changed byte by byte and word by word, and some noise. What once went
//! wrong stands under `tests/fixtures/fuzz/<target>` and is tried first.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use mutator::Mutator;

mod corpus;
mod mutator;
mod targets;

/// The longest that one input may take, in the slowest build.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long and from where: `WAYPOST_FUZZ_SECONDS`, `WAYPOST_FUZZ_SEED`.
struct Plan {
    seed: u64,
    inputs: u64,
    seconds: Option<u64>,
}

impl Plan {
    fn read(inputs: u64) -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
        Self {
            seed: number("WAYPOST_FUZZ_SEED").unwrap_or(20_260_601),
            inputs,
            seconds: number("WAYPOST_FUZZ_SECONDS"),
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Tries a target with what once went wrong, the corpus, and inputs made from it.
fn fuzz(name: &'static str, target: fn(&[u8]), corpus: Vec<Vec<u8>>, inputs: u64) {
    let plan = Plan::read(inputs);
    println!("fuzz {name}: seed {} (WAYPOST_FUZZ_SEED)", plan.seed);
    assert!(!corpus.is_empty());
    let begun = Instant::now();
    let mut mutator = Mutator::new(plan.seed, &corpus);
    let known: Vec<Vec<u8>> = corpus::found(name)
        .into_iter()
        .chain(corpus.clone())
        .collect();
    let first = known.len() as u64;
    let mut tried = 0;
    let one = runner(name, target);
    loop {
        let more = match plan.seconds {
            Some(seconds) => begun.elapsed() < Duration::from_secs(seconds),
            None => tried < first + plan.inputs,
        };
        if tried >= first && !more {
            break;
        }
        let input = match known.get(usize::try_from(tried).unwrap_or(usize::MAX)) {
            Some(input) => input.clone(),
            None => mutator.next(),
        };
        one(input);
        tried += 1;
    }
    println!("fuzz {name}: {tried} inputs in {:?}", begun.elapsed());
}

/// Runs inputs on a thread with a stack of its own; an input that panics or hangs is kept in a file.
fn runner(name: &'static str, target: fn(&[u8])) -> impl Fn(Vec<u8>) {
    let (give, take) = mpsc::channel::<Vec<u8>>();
    let (tell, hear) = mpsc::channel::<bool>();
    let work = move || {
        for input in take {
            let fine = catch_unwind(AssertUnwindSafe(|| target(&input))).is_ok();
            if tell.send(fine).is_err() {
                break;
            }
        }
    };
    // As small as the stack of a worker's thread.
    thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(work)
        .unwrap();
    let dir = root().join("target/fuzz");
    fs::create_dir_all(&dir).unwrap();
    // A stack that overflows takes the process along: the input is written before it is tried.
    let last = dir.join(format!("{name}.last"));
    move |input| {
        fs::write(&last, &input).unwrap();
        give.send(input).unwrap();
        let how = match hear.recv_timeout(PATIENCE) {
            Ok(true) => return,
            Ok(false) => "panicked or broke its promise",
            Err(_) => "took too long",
        };
        let last = last.display();
        panic!(
            "{name} {how}; the input is in {last}: make it a file of tests/fixtures/fuzz/{name}"
        );
    }
}

#[test]
fn definition() {
    fuzz(
        "definition",
        targets::definition,
        corpus::definitions(),
        400,
    );
}

#[test]
fn template() {
    fuzz("template", targets::template, corpus::templates(), 4_000);
}

#[test]
fn condition() {
    fuzz("condition", targets::condition, corpus::conditions(), 3_000);
}

#[test]
fn date() {
    fuzz("date", targets::date, corpus::dates(), 6_000);
}

#[test]
fn cron() {
    fuzz("cron", targets::cron, corpus::crons(), 4_000);
}

/// The net holds what falls into it: a target that panics is noticed, and one that hangs would be.
#[test]
fn a_panic_is_noticed() {
    fn picky(input: &[u8]) {
        assert!(input != b"7", "no seven");
    }
    let one = runner("picky", picky);
    one(b"6".to_vec());
    let found = catch_unwind(AssertUnwindSafe(|| one(b"7".to_vec())));
    assert!(found.is_err());
    assert_eq!(
        fs::read(root().join("target/fuzz/picky.last")).unwrap(),
        b"7"
    );
}
