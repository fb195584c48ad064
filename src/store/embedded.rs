//! The SQL that the binary carries, and its checksums (`build.rs` writes the lists).

use sha2::{Digest, Sha256};

/// One file of `migrations/` or `sql/`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Embedded {
    /// Folder and name without `.sql`, e.g. `migrations/0002_events`.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) body: &'static str,
}

impl Embedded {
    /// Whether a binary that does not know this migration can work on its tables all the same: it only adds. One
    /// that takes away says so in its head, `-- contracts: why`.
    pub(super) fn expands(&self) -> bool {
        let mut head = self.body.lines().take_while(|line| line.starts_with("--"));
        !head.any(|line| line.starts_with("-- contracts:"))
    }

    /// SHA-256 of the text, in hex.
    pub(super) fn checksum(&self) -> String {
        checksum(self.body)
    }
}

/// SHA-256 of a text, in hex.
pub(super) fn checksum(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// What is re-installed whenever one of its files changed, in the order of installing.
///
/// A file that needs another object says so in its head: `-- needs: name, name`.
pub(super) fn objects() -> Vec<Embedded> {
    let mut files: Vec<Embedded> = FUNCTIONS.iter().chain(VIEWS).copied().collect();
    sort_by_needs(&mut files);
    files
}

/// The reference CRM in the order of installing: tables, then objects.
pub(super) fn crm() -> Vec<Embedded> {
    let mut objects = CRM_OBJECTS.to_vec();
    sort_by_needs(&mut objects);
    CRM_MIGRATIONS.iter().copied().chain(objects).collect()
}

/// Moves each file behind those it needs; otherwise the order stays. Names not in the list are there already.
fn sort_by_needs(files: &mut Vec<Embedded>) {
    let mut waiting = std::mem::take(files);
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|file| {
            needs(file.body).all(|need| !waiting.iter().any(|other| object(other.name) == need))
        });
        // A circle is a mistake that the install test shows: Postgres names the missing object.
        files.push(waiting.remove(ready.unwrap_or(0)));
    }
}

fn needs(body: &str) -> impl Iterator<Item = &str> {
    body.lines()
        .take_while(|line| line.starts_with("--"))
        .filter_map(|line| line.strip_prefix("-- needs:"))
        .flat_map(|list| list.split(','))
        .map(str::trim)
}

/// The last part of a file's name: the object's name.
pub(super) fn object(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_after_those_it_needs() {
        let file = |name, body| Embedded { name, body };
        let mut files = vec![
            file("sql/functions/a", "-- a\n-- needs: c, elsewhere\n"),
            file("sql/functions/b", "-- b\n"),
            file("sql/functions/c", "-- c\n-- needs: b\n"),
        ];
        sort_by_needs(&mut files);
        let order: Vec<_> = files.iter().map(|f| object(f.name)).collect();
        assert_eq!(order, ["b", "c", "a"]);
    }

    #[test]
    fn migrations_are_numbered_each_number_once() {
        for list in [MIGRATIONS, CRM_MIGRATIONS] {
            let numbers: Vec<u32> = list
                .iter()
                .map(|file| object(file.name)[..4].parse().unwrap())
                .collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        }
    }
}
