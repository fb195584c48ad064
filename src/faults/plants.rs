//! Planted defects: rules of the engine that can be broken, so that the tests show that they would notice.
//!
//! One process has at most one, named by `WAYPOST_PLANT`. A defect is either a change of a few words in a statement
//! ([`SEEDS`]) or a place in the code that asks [`super::planted`].

macro_rules! plants {
    ($($plant:ident $name:literal: $breaks:literal;)*) => {
        /// A rule that can be broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Plant {
            $(#[doc = concat!("`", $name, "`: ", $breaks, ".")] $plant,)*
        }

        impl Plant {
            /// Every plant with its name and what it breaks.
            pub const ALL: &'static [(Plant, &'static str, &'static str)] =
                &[$((Plant::$plant, $name, $breaks),)*];
        }
    };
}

plants! {
    NoFence "no-fence": "a late worker writes as if the row were still its own";
    FenceIsAttempt "fence-is-attempt": "the fence is the number of the attempt, which can be given back";
    NoBarrier "no-barrier": "`hold` is sent without the barrier";
    BarrierWithoutLease "barrier-without-lease": "the barrier does not look at the lease";
    NoUnique "no-unique": "a send's id is drawn, not derived from execution and seq";
    ResultNotIdempotent "result-not-idempotent": "an answer that is recorded twice counts twice";
    NotifyOnly "notify-only": "idle loops wait for a bell and never poll";
    NoLookBack "no-look-back": "an event passes by an execution that somebody holds at this moment";
    TimerWithoutUnique "timer-without-unique": "an occurrence of a timer fires as often as it is planned";
    LeaseByWorkerClock "lease-by-worker-clock": "the end of a lease is reckoned by the worker's clock";
    WindowIgnored "window-ignored": "`dedupe` repeats after the provider has forgotten the key";
    NoRowFallback "no-row-fallback": "a batch that is refused is tried again whole, for ever";
    NoRestoreDoubt "no-restore-doubt": "what is sent after a restore is sent as if nothing had been lost";
}

/// One change of a statement: which plant, which file of `sql/queries/`, what stands there, what is planted instead.
#[cfg(any(feature = "failpoints", test))]
type Seed = (Plant, &'static str, &'static str, &'static str);

#[cfg(any(feature = "failpoints", test))]
const SEEDS: &[Seed] = &[
    (Plant::NoFence, "lock_outbox", " and o.fence = x.f", ""),
    (Plant::NoFence, "present_outbox", " and o.fence = x.f", ""),
    (Plant::NoFence, "finish_outbox", " and o.fence = x.f", ""),
    (Plant::NoFence, "retry_outbox", " and o.fence = x.f", ""),
    (Plant::NoFence, "barrier", " and o.fence = x.f", ""),
    (
        Plant::FenceIsAttempt,
        "claim_outbox",
        "fence = o.fence + 1",
        "fence = o.attempt + 1",
    ),
    (
        Plant::FenceIsAttempt,
        "claim_outbox_room",
        "fence = o.fence + 1",
        "fence = o.attempt + 1",
    ),
    (
        Plant::FenceIsAttempt,
        "expired_leases",
        "fence = o.fence + 1",
        "fence = o.fence",
    ),
    (
        Plant::BarrierWithoutLease,
        "barrier",
        " and o.lease_until > clock_timestamp()",
        "",
    ),
    (
        Plant::NoUnique,
        "insert_outbox",
        "select b, i, e,",
        "select b, gen_random_uuid(), e,",
    ),
    (
        Plant::ResultNotIdempotent,
        "log_stale",
        "and not exists (select 1 from waypost.deliveries d where d.bucket = y.b and d.id = y.i and d.fence = y.f
                        and (d.state <> 5 or d.error is not distinct from y.e))",
        "",
    ),
    (
        Plant::NoRestoreDoubt,
        "insert_outbox",
        "r.lifted_at is null and e <= r.last_id",
        "false",
    ),
    (
        Plant::NoLookBack,
        "count_contact_runs",
        "count(*) as live",
        "0::bigint as live",
    ),
    (
        Plant::TimerWithoutUnique,
        "fire_timers",
        "from due d join fresh f on f.event_id = d.id",
        "from due d",
    ),
];

/// The text of a statement, with what was planted in it.
#[cfg(feature = "failpoints")]
#[must_use]
pub fn sown(file: &'static str, text: &'static str) -> &'static str {
    use std::{
        collections::HashMap,
        sync::{Mutex, OnceLock, PoisonError},
    };
    static SOWN: OnceLock<Mutex<HashMap<&'static str, &'static str>>> = OnceLock::new();
    let Some(plant) = planted() else { return text };
    let mut sown = SOWN
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    sown.entry(file).or_insert_with(|| {
        let seeds = SEEDS
            .iter()
            .filter(|seed| seed.0 == plant && seed.1 == file);
        let text = seeds.fold(text.to_owned(), |text, seed| text.replace(seed.2, seed.3));
        Box::leak(text.into_boxed_str())
    })
}

/// How far the clock of this worker is off, in seconds (`WAYPOST_CLOCK_ERROR`): it matters to nobody, unless
/// [`Plant::LeaseByWorkerClock`] makes it matter.
#[cfg(feature = "failpoints")]
#[must_use]
pub fn clock_error() -> i64 {
    let text = std::env::var("WAYPOST_CLOCK_ERROR").unwrap_or_default();
    text.parse().unwrap_or_default()
}

#[cfg(all(test, feature = "failpoints"))]
thread_local! {
    static HERE: std::cell::Cell<Option<Plant>> = const { std::cell::Cell::new(None) };
}

/// Plants a defect for this thread alone, until the next call: a rehearsal breaks one rule after the other.
#[cfg(all(test, feature = "failpoints"))]
pub(crate) fn plant_here(plant: Option<Plant>) {
    HERE.set(plant);
}

/// What was planted. A name that is not known ends the process: a test would show nothing.
#[cfg(feature = "failpoints")]
pub(super) fn planted() -> Option<Plant> {
    #[cfg(test)]
    if let Some(plant) = HERE.get() {
        return Some(plant);
    }
    static PLANTED: std::sync::OnceLock<Option<Plant>> = std::sync::OnceLock::new();
    *PLANTED.get_or_init(|| {
        let name = std::env::var("WAYPOST_PLANT").ok()?;
        let found = Plant::ALL.iter().find(|plant| plant.1 == name);
        if found.is_none() {
            eprintln!("WAYPOST_PLANT: there is no `{name}`");
            std::process::exit(2)
        }
        found.map(|plant| plant.0)
    })
}

#[cfg(test)]
mod tests {
    use super::{Plant, SEEDS};

    #[test]
    fn every_seed_finds_its_place_once() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/queries");
        for (plant, file, from, _) in SEEDS {
            let text = std::fs::read_to_string(folder.join(format!("{file}.sql"))).unwrap();
            assert_eq!(
                text.matches(from).count(),
                1,
                "{plant:?}: `{from}` in {file}"
            );
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<&str> = Plant::ALL.iter().map(|plant| plant.1).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Plant::ALL.len());
    }
}
