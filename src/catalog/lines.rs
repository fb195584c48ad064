//! Where each value of a definition stands in its file: JSON path -> line and column.

pub mod json;
pub mod yaml;

use crate::model::problem::join;

/// A place in a text, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl Place {
    /// The first character.
    pub const START: Place = Place { line: 1, column: 1 };
}

/// A value's place (its key's, in an object) and those of what it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct LineMap {
    /// Where it stands.
    pub place: Place,
    /// What it holds.
    pub inside: Inside,
}

/// What a value holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Inside {
    /// Nothing: text, a number, a boolean, null.
    Nothing,
    /// The items of a list.
    List(Vec<LineMap>),
    /// The members of an object, sorted by key.
    Map(Vec<(Box<str>, LineMap)>),
}

impl Inside {
    /// The members of an object, in any order.
    fn map(mut members: Vec<(Box<str>, LineMap)>) -> Self {
        members.sort_by(|a, b| a.0.cmp(&b.0));
        Inside::Map(members)
    }
}

/// Most dots and brackets of a key that are looked past.
const MOST_DOTS: usize = 32;

impl LineMap {
    /// A value without members.
    #[must_use]
    pub fn leaf(place: Place) -> Self {
        Self {
            place,
            inside: Inside::Nothing,
        }
    }

    /// The place of a path such as `actions[2].config.duration`; where the path leads to nothing, the
    /// place of the nearest value around it.
    #[must_use]
    pub fn find(&self, path: &str) -> Place {
        let mut here = self;
        let mut rest = path;
        while let Some((next, after)) = here.step(rest) {
            here = next;
            rest = after;
        }
        here.place
    }

    /// The first list or object that nests deeper than `levels`, by its path; the whole is level 1.
    #[must_use]
    pub fn deeper_than(&self, levels: usize) -> Option<(String, Place)> {
        let inner: Box<dyn Iterator<Item = (String, &LineMap)>> = match &self.inside {
            Inside::Nothing => return None,
            _ if levels == 0 => return Some((String::new(), self.place)),
            Inside::List(items) => {
                let items = items.iter().enumerate();
                Box::new(items.map(|(index, item)| (format!("[{index}]"), item)))
            }
            Inside::Map(members) => {
                Box::new(members.iter().map(|(key, value)| (key.to_string(), value)))
            }
        };
        inner.into_iter().find_map(|(segment, value)| {
            let (rest, place) = value.deeper_than(levels - 1)?;
            Some((join(&segment, &rest), place))
        })
    }

    /// One step of a path. Keys may hold dots: the longest key that fits wins.
    fn step<'a, 'p>(&'a self, rest: &'p str) -> Option<(&'a LineMap, &'p str)> {
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        match &self.inside {
            Inside::Nothing => None,
            Inside::List(items) => {
                let (index, after) = index(rest)?;
                Some((items.get(index)?, after))
            }
            Inside::Map(members) => {
                let ends = rest
                    .match_indices(['.', '['])
                    .map(|(at, _)| at)
                    .take(MOST_DOTS);
                let mut ends: Vec<usize> = ends.chain([rest.len()]).collect();
                ends.reverse();
                ends.into_iter().find_map(|end| {
                    let key = &rest[..end];
                    let at = members
                        .binary_search_by(|(known, _)| (**known).cmp(key))
                        .ok()?;
                    Some((&members[at].1, &rest[end..]))
                })
            }
        }
    }
}

/// `[3].x` or `3.x` -> (3, `.x`).
fn index(rest: &str) -> Option<(usize, &str)> {
    if let Some(inner) = rest.strip_prefix('[') {
        let (number, after) = inner.split_once(']')?;
        return Some((number.parse().ok()?, after));
    }
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    Some((rest[..end].parse().ok()?, &rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_line_in_json_and_yaml() {
        let json = "{\n \"id\": \"w\",\n \"actions\": [\n  {\"id\": \"a\"},\n  {\"id\": \"b\",\n   \"config\": {\n    \"x.y\": [10,\n     20]}}]}";
        let yaml = "id: w\nname: x\nactions:\n  - id: a\n  - id: b\n    config:\n      x.y: [1,\n        2]\n";
        let rows = [
            ("", (1, 1), (1, 1)),
            ("id", (2, 2), (1, 1)),
            ("actions", (3, 2), (3, 1)),
            ("actions[0]", (4, 3), (4, 5)),
            ("actions[1].config", (6, 4), (6, 5)),
            ("actions[1].config.x.y", (7, 5), (7, 7)),
            ("actions[1].config.x.y[1]", (8, 6), (8, 9)),
            ("actions[1].config.zzz.q", (6, 4), (6, 5)),
            ("actions[9].id", (3, 2), (3, 1)),
        ];
        let (from_json, duplicates) = json::scan(json);
        assert!(duplicates.is_empty());
        let from_yaml = yaml::read(yaml).unwrap().lines;
        for (path, in_json, in_yaml) in rows {
            let place = from_json.find(path);
            assert_eq!((place.line, place.column), in_json, "{path}");
            let place = from_yaml.find(path);
            assert_eq!((place.line, place.column), in_yaml, "{path}");
        }
    }
}
