//! F8: one provider flaps for five minutes, by 500, 429, slowness and resets, while another is well. What goes to the
//! other is not slower for it; `Retry-After` is honoured always, and the backoff is the one configured. In the long form
//! alone. (That a breaker opens within ten failures belongs to the breakers.)

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, MissedTickBehavior, interval};
use waypost::testing::fake_http::{FakeHttp, Fault, Received};

use super::figure::{Figure, long};
use super::stage::Stage;
use crate::{
    chaos::until_done,
    checker::{check_requests, ended},
    figure::quantile,
    fleet::Process,
};

const FIGURE: Figure = Figure {
    name: "F8",
    fault: "provider flaps (500, 429, slow, reset) 5 min",
    wanted: "other providers' p99 within 10 %, Retry-After always honoured, backoff as configured",
};
/// The well one is watched for half of this before the flaps and for half of it after them.
const CALM: Duration = Duration::from_secs(120);
const FLAPS: Duration = Duration::from_secs(300);
/// How long the provider stays in each of its moods.
const MOOD: Duration = Duration::from_secs(10);
/// Each way one contact comes this often.
const ARRIVALS_EVERY: Duration = Duration::from_millis(100);
const RETRY_AFTER: Duration = Duration::from_secs(3);
/// The first delay; each next one is twice the one before.
const BACKOFF: Duration = Duration::from_millis(400);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// What the p99 of a calm provider is at most: beside a slow calm every flap would look well.
const SOUND: Duration = Duration::from_secs(1);
/// The provider's clock is read when a request has been read, the delay begins when its answer is recorded: no earlier.
const SLACK: Duration = Duration::from_millis(5);

fn moods() -> [Fault; 5] {
    [
        Fault::status(500),
        Fault::too_many(RETRY_AFTER.as_secs()),
        Fault::Delay(Duration::from_secs(2)),
        Fault::Reset,
        Fault::None,
    ]
}

fn asks(id: &str, url: &str) -> Value {
    json!({
        "id": id,
        "trigger": {"type": "custom.event", "config": {"name": "never"}},
        "actions": [
            {"id": "tell", "type": "http_request",
             "retryConfig": {"maxAttempts": 100, "backoffStrategy": "EXPONENTIAL", "retryDelay":
                {"initial": BACKOFF.as_millis() as u64, "multiplier": 2, "max": LONGEST_BACKOFF.as_millis() as u64}},
             "config": {"url": url, "policy": "dedupe", "body": {"contact": "{{ contact.id }}"}}},
        ],
    })
}

/// One more contact for each of the two; answers the one whose send goes to the well provider.
async fn arrive(app: &mut PgConnection) -> String {
    let mut tx = app.begin().await.unwrap();
    let contacts: Vec<String> = sqlx::query_scalar(
        "with new as (insert into crm.contacts (email) values ('flaky'), ('well') returning id, email)
         select new.id::text from new, lateral waypost.enroll(new.email, new.id, strict => true) order by new.email",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    contacts.into_iter().nth(1).unwrap()
}

/// Contacts whose send goes to the well provider, with the time at which their enrolment was committed.
async fn arrivals(
    app: &mut PgConnection,
    time: Duration,
    mut mood: impl FnMut(Duration),
) -> HashMap<String, SystemTime> {
    let mut came = HashMap::new();
    let mut tick = interval(ARRIVALS_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begun = Instant::now();
    while begun.elapsed() < time {
        tick.tick().await;
        mood(begun.elapsed());
        came.insert(arrive(app).await, SystemTime::now());
    }
    came
}

/// From the enrolment to the request's arrival.
fn waits(came: &HashMap<String, SystemTime>, requests: &[Received]) -> Vec<Duration> {
    let waits = requests.iter().filter_map(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let committed = came.get(body["contact"].as_str().unwrap())?;
        Some(request.at.duration_since(*committed).unwrap_or_default())
    });
    waits.collect()
}

/// What the flaky provider saw of one key, in order: how long after each refusal the next try came, beside how long it
/// had to wait.
fn gaps(requests: &[Received]) -> Vec<(Duration, Duration, bool)> {
    let mut by_key: HashMap<&str, Vec<&Received>> = HashMap::new();
    for request in requests {
        by_key
            .entry(request.key.as_deref().unwrap())
            .or_default()
            .push(request);
    }
    let mut gaps = Vec::new();
    for tries in by_key.values() {
        for (nth, pair) in tries.windows(2).enumerate() {
            let backoff = BACKOFF
                .saturating_mul(1 << nth.min(10))
                .min(LONGEST_BACKOFF);
            let told = pair[0].answered == Some(429);
            let wanted = if told {
                backoff.max(RETRY_AFTER)
            } else {
                backoff
            };
            gaps.push((pair[1].at.duration_since(pair[0].at).unwrap(), wanted, told));
        }
    }
    gaps
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_a_provider_flaps_and_the_others_do_not_notice() {
    if !long() {
        println!("left out: five minutes of flaps are in the long form only");
        return;
    }
    // Providers are told apart by their host.
    let well = FakeHttp::start_on(SocketAddr::from(([127, 0, 0, 2], 0)))
        .await
        .unwrap();
    let mut stage = Stage::new("flaps", None).await;
    stage.deploy(&asks("flaky", &stage.provider.url("/")));
    stage.deploy(&asks("well", &well.url("/")));
    let mut app = stage.db.connect().await;
    sqlx::query("set waypost.tenant = 'default'")
        .execute(&mut app)
        .await
        .unwrap();
    let mut worker = Process::as_shipped(&stage.db.url());
    arrivals(&mut app, Duration::from_secs(5), |_| {}).await;

    let mut calm = arrivals(&mut app, CALM / 2, |_| {}).await;
    let moods = moods();
    let flapping = arrivals(&mut app, FLAPS, |so_far| {
        let mood = so_far.as_secs() / MOOD.as_secs() % moods.len() as u64;
        stage.provider.otherwise(moods[mood as usize].clone());
    })
    .await;
    stage.provider.otherwise(Fault::None);
    until_done(&mut stage.c).await;
    calm.extend(arrivals(&mut app, CALM / 2, |_| {}).await);
    until_done(&mut stage.c).await;
    assert!(worker.runs(), "the worker ended by itself");

    let (to_flaky, to_well) = (stage.requests(), well.received());
    let mut sends = ended(&mut stage.c).await;
    let of_well: Vec<String> = to_well
        .iter()
        .filter_map(|request| request.key.clone())
        .collect();
    let well_sends = of_well
        .iter()
        .filter_map(|key| sends.remove_entry(key))
        .collect();
    check_requests(&well, &to_well, &well_sends);
    check_requests(&stage.provider, &to_flaky, &sends);

    let (mut calm, mut flapping) = (waits(&calm, &to_well), waits(&flapping, &to_well));
    let (before, during) = (quantile(&mut calm, 0.99), quantile(&mut flapping, 0.99));
    let gaps = gaps(&to_flaky);
    let early = |told: bool| {
        let of = gaps.iter().filter(|gap| gap.2 == told);
        let early = of
            .clone()
            .filter(|(gap, wanted, _)| *gap + SLACK < *wanted)
            .count();
        (early, of.count())
    };
    let ((hasty, told), (early, backed_off)) = (early(true), early(false));
    assert!(told > 0 && backed_off > 0, "nothing was refused");
    let mut late: Vec<Duration> = gaps
        .iter()
        .map(|(gap, wanted, _)| gap.saturating_sub(*wanted))
        .collect();
    let late = quantile(&mut late, 0.5);
    FIGURE.measured(
        &format!(
            "p99 of the other provider {:.1} ms, calm {:.1} ms ({} and {} sends); {hasty} of {told} tries before their \
             Retry-After, {early} of {backed_off} before their backoff, the median try {:.0} ms after it",
            during.as_secs_f64() * 1_000.0,
            before.as_secs_f64() * 1_000.0,
            flapping.len(),
            calm.len(),
            late.as_secs_f64() * 1_000.0,
        ),
        before <= SOUND
            && during <= before.mul_f64(1.1)
            && hasty == 0
            && early == 0
            && late < Duration::from_secs(1),
    );
}
