//! Places of the values of a JSON text, and its duplicate keys.

use std::collections::HashSet;

use super::{Inside, LineMap, Place};

/// Deepest nesting that is followed; deeper values count as leaves (the reader refuses them anyway).
const DEEPEST: usize = 200;

/// A key that stands a second time in its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// JSON path of the member.
    pub path: String,
    /// Where it stands the second time.
    pub place: Place,
}

/// Places of all values of `text`, which a JSON parser has accepted. Never fails: what is no JSON ends it.
#[must_use]
pub fn scan(text: &str) -> (LineMap, Vec<Duplicate>) {
    let mut scanner = Scanner {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        place: Place::START,
        path: Vec::new(),
        duplicates: Vec::new(),
    };
    let map = scanner.value(None);
    (map, scanner.duplicates)
}

struct Scanner<'t> {
    rest: &'t str,
    place: Place,
    /// Keys (`.key`) and indexes (`[0]`) down to here.
    path: Vec<String>,
    duplicates: Vec<Duplicate>,
}

impl<'t> Scanner<'t> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.place = Place {
                line: self.place.line + 1,
                column: 1,
            };
        } else {
            self.place.column += 1;
        }
        Some(c)
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|c| c.is_ascii_whitespace()) {
            self.bump();
        }
    }

    fn value(&mut self, key_place: Option<Place>) -> LineMap {
        self.blank();
        let place = key_place.unwrap_or(self.place);
        let inside = match self.peek() {
            Some('{') if self.path.len() < DEEPEST => self.object(),
            Some('[') if self.path.len() < DEEPEST => self.list(),
            Some('"') => {
                self.text();
                Inside::Nothing
            }
            _ => {
                while self.peek().is_some_and(|c| !",]}".contains(c)) {
                    self.bump();
                }
                Inside::Nothing
            }
        };
        LineMap { place, inside }
    }

    fn list(&mut self) -> Inside {
        self.bump();
        let mut items = Vec::new();
        loop {
            self.blank();
            match self.peek() {
                None => break,
                Some(']') => {
                    self.bump();
                    break;
                }
                Some(',') => {
                    self.bump();
                }
                Some(_) => {
                    let before = self.rest.len();
                    self.path.push(format!("[{}]", items.len()));
                    items.push(self.value(None));
                    self.path.pop();
                    if self.rest.len() == before {
                        self.bump();
                    }
                }
            }
        }
        Inside::List(items)
    }

    fn object(&mut self) -> Inside {
        self.bump();
        let mut members: Vec<(Box<str>, LineMap)> = Vec::new();
        let mut seen = HashSet::new();
        loop {
            self.blank();
            match self.peek() {
                None => break,
                Some('}') => {
                    self.bump();
                    break;
                }
                Some('"') => {
                    let place = self.place;
                    let key = self.text();
                    self.blank();
                    if self.peek() == Some(':') {
                        self.bump();
                    }
                    self.path.push(format!(".{key}"));
                    if !seen.insert(key.clone()) && self.duplicates.len() < 100 {
                        let path = self.path.concat();
                        let path = path.strip_prefix('.').unwrap_or(&path).to_owned();
                        self.duplicates.push(Duplicate { path, place });
                    }
                    let value = self.value(Some(place));
                    self.path.pop();
                    members.push((key.into(), value));
                }
                Some(_) => {
                    self.bump();
                }
            }
        }
        Inside::map(members)
    }

    /// A string in quotes, its escapes resolved.
    fn text(&mut self) -> String {
        let start = self.rest;
        self.bump();
        while let Some(c) = self.bump() {
            match c {
                '\\' => drop(self.bump()),
                '"' => break,
                _ => {}
            }
        }
        let raw = &start[..start.len() - self.rest.len()];
        serde_json::from_str(raw).unwrap_or_else(|_| raw.trim_matches('"').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_keys_are_found_whatever_their_escapes() {
        let (_, found) = scan("{\"a\": {\"b\": 1,\n \"\\u0062\": 2}, \"c\": [{\"d\":1,\"d\":2}]}");
        let found: Vec<_> = found
            .iter()
            .map(|d| (d.path.as_str(), d.place.line))
            .collect();
        assert_eq!(found, [("a.b", 2), ("c[0].d", 2)]);
        let many = format!("{{{}\"k\":1}}", "\"k\":1,".repeat(500));
        assert_eq!(scan(&many).1.len(), 100, "a hundred are told");
    }
}
