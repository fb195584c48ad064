//! Filters on text.

use minijinja::{Environment, Error, value::Value};

use super::{bounded, text, too_large};
use crate::model::template::{Escape, MAX_OUTPUT};

pub(super) fn install(environment: &mut Environment<'static>) {
    for (name, change) in CHANGES {
        environment.add_filter(*name, move |value: &Value| bounded(change(&text(value)?)));
    }
    for (name, limit) in [("replace", usize::MAX), ("replace_first", 1)] {
        environment.add_filter(
            name,
            move |value: &Value, from: &Value, to: Option<Value>| {
                let to = to.unwrap_or_default();
                replace(&text(value)?, &text(from)?, &text(&to)?, limit)
            },
        );
    }
    for (name, limit) in [("remove", usize::MAX), ("remove_first", 1)] {
        environment.add_filter(name, move |value: &Value, what: &Value| {
            replace(&text(value)?, &text(what)?, "", limit)
        });
    }
    environment.add_filter("append", |value: &Value, more: &Value| {
        bounded(format!("{}{}", text(value)?, text(more)?))
    });
    environment.add_filter("prepend", |value: &Value, more: &Value| {
        bounded(format!("{}{}", text(more)?, text(value)?))
    });
    environment.add_filter("truncate", truncate);
    environment.add_filter("truncatewords", truncate_words);
    environment.add_filter("escape", escape);
    environment.add_filter("e", escape);
}

type Change = (&'static str, fn(&str) -> String);

const CHANGES: &[Change] = &[
    ("upper", |text| text.to_uppercase()),
    ("upcase", |text| text.to_uppercase()),
    ("lower", |text| text.to_lowercase()),
    ("downcase", |text| text.to_lowercase()),
    ("capitalize", capitalize),
    ("title", title),
    ("trim", |text| text.trim().to_owned()),
    ("strip", |text| text.trim().to_owned()),
    ("lstrip", |text| text.trim_start().to_owned()),
    ("rstrip", |text| text.trim_end().to_owned()),
    ("strip_newlines", |text| text.replace(['\r', '\n'], "")),
    ("newline_to_br", |text| text.replace('\n', "<br />\n")),
    ("strip_html", strip_html),
    ("url_encode", |text| Escape::Url.escaped(text)),
    ("urlencode", |text| Escape::Url.escaped(text)),
    ("url_decode", url_decode),
];

fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first
            .to_uppercase()
            .chain(letters.as_str().to_lowercase().chars())
            .collect(),
        None => String::new(),
    }
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match inside {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
        inside = c.is_alphanumeric() || (inside && c == '\'');
    }
    out
}

fn strip_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        match rest[open..].find('>') {
            Some(close) => rest = &rest[open + close + 1..],
            None => {
                rest = &rest[open..];
                break;
            }
        }
    }
    out.push_str(rest);
    out
}

fn url_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, pair.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn replace(text: &str, from: &str, to: &str, limit: usize) -> Result<Value, Error> {
    if from.is_empty() {
        return bounded(text.to_owned());
    }
    // Counted first: the result's size is known before it is made.
    let count = text.matches(from).take(limit).count();
    let size = text.len().saturating_add(count.saturating_mul(to.len()));
    if size > MAX_OUTPUT + count * from.len() {
        return Err(too_large());
    }
    bounded(text.replacen(from, to, limit))
}

fn truncate(value: &Value, size: Option<usize>, end: Option<Value>) -> Result<Value, Error> {
    let (text, end) = (text(value)?, ellipsis(end)?);
    let size = size.unwrap_or(50);
    if text.chars().nth(size).is_none() {
        return bounded(text.into_owned());
    }
    let kept = size.saturating_sub(end.chars().count());
    let cut = text
        .char_indices()
        .nth(kept)
        .map_or(text.len(), |(at, _)| at);
    bounded(format!("{}{end}", &text[..cut]))
}

fn truncate_words(value: &Value, count: Option<usize>, end: Option<Value>) -> Result<Value, Error> {
    let (text, end) = (text(value)?, ellipsis(end)?);
    let count = count.unwrap_or(15).max(1);
    if text.split_whitespace().nth(count).is_none() {
        return bounded(text.into_owned());
    }
    let words: Vec<&str> = text.split_whitespace().take(count).collect();
    bounded(format!("{}{end}", words.join(" ")))
}

fn ellipsis(end: Option<Value>) -> Result<String, Error> {
    end.map_or_else(|| Ok("...".to_owned()), |end| Ok(text(&end)?.into_owned()))
}

fn escape(value: &Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    Ok(Value::from_safe_string(Escape::Html.escaped(&text(value)?)))
}
