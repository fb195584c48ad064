//! "Did you mean": the known word closest to the one that was written.

/// Longest word that is compared; a longer one has no neighbour worth naming.
const MAX_WORD: usize = 64;
/// Words of one text that [`Neighbours`] looks for: as many as findings are kept.
const MOST_HINTS: u32 = 100;

/// The candidate closest to `word`, if one is close enough to be what was meant.
///
/// Case, `-`, `_`, `.` and spaces count as one kind of letter, so `SendEmail` is near `send_email`.
/// The cut-off is a third of the word's length, at most three edits; the first of equals wins.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = folded(word)?;
    let limit = (word.len() / 3).clamp(1, 3);
    let mut best: Option<(usize, &'c str)> = None;
    for candidate in candidates {
        let Some(other) = folded(candidate) else {
            continue;
        };
        if other.len().abs_diff(word.len()) > limit {
            continue;
        }
        let distance = distance(&word, &other);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A hint line `did you mean "x"?`, where a candidate is near.
pub fn did_you_mean<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean \"{near}\"?"))
}

/// Candidates that are compared with many words: a text full of unknown names costs no more than a few.
#[derive(Debug)]
pub struct Neighbours {
    left: std::cell::Cell<u32>,
}

impl Default for Neighbours {
    fn default() -> Self {
        Self {
            left: std::cell::Cell::new(MOST_HINTS),
        }
    }
}

impl Neighbours {
    /// As [`did_you_mean`], for the first 100 words; none after that.
    pub fn did_you_mean<'c>(
        &self,
        word: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<String> {
        let left = self.left.get().checked_sub(1)?;
        self.left.set(left);
        did_you_mean(word, candidates)
    }
}

fn folded(word: &str) -> Option<Vec<char>> {
    let mut letters = Vec::with_capacity(word.len().min(MAX_WORD));
    for c in word.chars().take(MAX_WORD + 1) {
        match c {
            '-' | '_' | '.' | ' ' => {}
            c => letters.extend(c.to_lowercase()),
        }
    }
    (!letters.is_empty() && letters.len() <= MAX_WORD).then_some(letters)
}

/// Damerau-Levenshtein distance (adjacent letters may be swapped once).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut two_ago = vec![0; b.len() + 1];
    let mut one_ago: Vec<usize> = (0..=b.len()).collect();
    let mut row = vec![0; b.len() + 1];
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (one_ago[j] + 1)
                .min(row[j - 1] + 1)
                .min(one_ago[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(two_ago[j - 2] + 1);
            }
            row[j] = least;
        }
        std::mem::swap(&mut two_ago, &mut one_ago);
        std::mem::swap(&mut one_ago, &mut row);
    }
    one_ago[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_was_meant() {
        let known = [
            "contact",
            "event",
            "equals",
            "not_equals",
            "newer_than",
            "send_email",
        ];
        let rows = [
            ("contcat", Some("contact")),
            ("EQUALS", Some("equals")),
            ("equal", Some("equals")),
            ("notEquals", Some("not_equals")),
            ("newerthan", Some("newer_than")),
            ("send-emial", Some("send_email")),
            ("evnt", Some("event")),
            ("zebra", None),
            ("", None),
        ];
        for (word, want) in rows {
            assert_eq!(nearest(word, known), want, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
        assert_eq!(nearest("bat", ["cat", "hat"]), Some("cat"), "the first");
        let longest = "x".repeat(MAX_WORD);
        assert_eq!(nearest(&longest, [&*longest]), Some(&*longest));
        assert_eq!(nearest(&format!("{longest}x"), [&*longest]), None);
        let neighbours = Neighbours::default();
        let hints = (0..300).filter_map(|_| neighbours.did_you_mean("evnt", known));
        assert_eq!(hints.count(), 100);
    }
}
