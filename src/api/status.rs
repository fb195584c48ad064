//! `/`: a small page that says how things stand. No assets, no script.

use std::fmt::Write;

use axum::{extract::State, response::Html};

use super::Door;
use crate::app::{Readiness, overview::Overview};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}\
     table{border-collapse:collapse;margin:0 0 1.5rem}td,th{padding:.15rem 1.2rem .15rem 0;text-align:left}\
     td+td{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#b00020}\
     @media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8ab4f8}}";

pub(super) async fn page(State(door): State<Door>) -> Html<String> {
    let (ready, overview) = tokio::join!(door.waypost.readiness(), door.waypost.overview());
    Html(render(&ready, &overview))
}

/// Every word on it is one of ours or a number, so nothing need be escaped.
fn render(ready: &Readiness, overview: &Overview) -> String {
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Waypost</title><style>{STYLE}</style><h1>Waypost {}</h1>",
        env!("CARGO_PKG_VERSION")
    );
    html.push_str(match (ready.is_ready(), ready.isolated) {
        (true, true) => "<p>The database is there and migrated.</p>",
        (true, false) => "<p class=bad>The database is there; its tenants are not isolated.</p>",
        (false, _) if ready.reachable => "<p class=bad>The database is not at this version: run <code>waypost migrate</code>.</p>",
        (false, _) => "<p class=bad>The database cannot be reached.</p>",
    });
    let executions = overview
        .executions
        .iter()
        .flatten()
        .map(|(name, n)| (*name, *n));
    table(&mut html, "Executions", executions);
    let outbox = overview
        .outbox
        .iter()
        .flatten()
        .map(|(name, n)| (name.as_str(), *n));
    table(&mut html, "Outbox", outbox);
    if let Some(lag) = &overview.lag {
        let rows = [
            ("events to match", lag.queued_events),
            ("oldest event, s", lag.events as i64),
            ("oldest due execution, s", lag.executions as i64),
            ("oldest due send, s", lag.sends as i64),
        ];
        table(&mut html, "Lag", rows.into_iter());
    }
    html.push_str(
        "<p><a href=/readyz>readyz</a> · <a href=/healthz>healthz</a> · <a href=/metrics>metrics</a></p></html>\n",
    );
    html
}

fn table<'a>(html: &mut String, title: &str, rows: impl Iterator<Item = (&'a str, i64)>) {
    let _ = write!(html, "<table><tr><th colspan=2>{title}</th></tr>");
    for (name, count) in rows {
        let _ = write!(html, "<tr><td>{name}</td><td>{count}</td></tr>");
    }
    html.push_str("</table>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_is_wrong() {
        let ready = |reachable, migrated, isolated| Readiness {
            reachable,
            migrated,
            version: 1,
            expected: 1,
            isolated,
            problem: None,
        };
        for (ready, part) in [
            (ready(true, true, true), "there and migrated"),
            (ready(true, true, false), "not isolated"),
            (ready(true, false, false), "waypost migrate"),
            (ready(false, false, false), "cannot be reached"),
        ] {
            let page = render(&ready, &Overview::default());
            assert!(page.contains(part), "{page}");
        }
    }
}
