//! Inputs made from a corpus: bytes, words and whole stretches changed, and some noise.

/// Words that matter to some reader or other.
const WORDS: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{% if x %}",
    "{% for i in (1..1000000) %}",
    "{% endfor %}",
    "{% endif %}",
    "|",
    "| default: 'x'",
    "| date: '%Y'",
    "contact.",
    "event.data.",
    "steps.a.result.",
    "vars.x",
    "secrets.k",
    "null",
    "true",
    "-1",
    "0",
    "1e308",
    "-1e400",
    "99999999999999999999999",
    "0.1",
    "NaN",
    "9007199254740993",
    "\"",
    "'",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "\t",
    " ",
    "- ",
    "&a ",
    "*a",
    "!!str ",
    "---\n",
    "#",
    "\u{feff}",
    "\u{202e}",
    "\u{0}",
    "ß",
    "🎉",
    "İ",
    "AND",
    "OR",
    "NOT",
    "equals",
    "matches_regex",
    "newer_than",
    "in",
    "between",
    "(a+)+$",
    "(?=x)",
    "(x{1000}){1000}",
    "onSuccess",
    "actions",
    "config",
    "conditions",
    "operator",
    "field",
    "value",
    "waitUntil",
    "duration",
    "amount",
    "unit",
    "2026-02-29",
    "2024-02-29T24:00:00",
    "2026-03-29T02:30:00",
    "+23:59",
    "Europe/Berlin",
    "Mars/Base",
    "99999-12-31",
    "Z",
    "months",
    "years",
    "milliseconds",
    "go_to",
    "parallel",
    "split",
    "random_path",
    "wait",
    "if_else",
    "math",
    "string",
];
/// Longest input that is made.
const LONGEST: usize = 64 << 10;

/// Makes inputs; the same seed makes the same ones.
pub struct Mutator<'c> {
    state: u64,
    corpus: &'c [Vec<u8>],
}

impl<'c> Mutator<'c> {
    pub fn new(seed: u64, corpus: &'c [Vec<u8>]) -> Self {
        Self {
            state: seed,
            corpus,
        }
    }

    /// splitmix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`, which is not 0.
    fn below(&mut self, n: usize) -> usize {
        (self.random() % n as u64) as usize
    }

    fn pick(&mut self) -> &'c [u8] {
        let at = self.below(self.corpus.len());
        &self.corpus[at]
    }

    /// A stretch of `input`: start and end.
    fn stretch(&mut self, input: &[u8]) -> (usize, usize) {
        let start = self.below(input.len() + 1);
        let most = (input.len() - start).min(1 + self.below(200));
        (start, start + self.below(most + 1))
    }

    /// The next input.
    pub fn next(&mut self) -> Vec<u8> {
        if self.below(50) == 0 {
            let length = self.below(300);
            return (0..length).map(|_| self.random() as u8).collect();
        }
        let mut input = self.pick().to_vec();
        for _ in 0..=self.below(6) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        match self.below(9) {
            0 if !input.is_empty() => {
                let at = at.min(input.len() - 1);
                input[at] ^= 1 << self.below(8);
            }
            1 => {
                let (start, end) = self.stretch(input);
                input.drain(start..end);
            }
            2 => {
                let (start, end) = self.stretch(input);
                let again = input[start..end].repeat(1 + self.below(20));
                input.splice(at..at, again);
            }
            3 | 4 => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at..at, word.bytes());
            }
            5 => {
                // A word takes the place of another.
                let (start, end) = word_at(input, at);
                let word = WORDS[self.below(WORDS.len())];
                input.splice(start..end, word.bytes());
            }
            6 => {
                let other = self.pick();
                let (start, end) = self.stretch(other);
                input.splice(at..at, other[start..end].iter().copied());
            }
            7 => {
                // Two words change places with each other's neighbour.
                let (start, end) = word_at(input, at);
                let other = self.below(input.len() + 1);
                let (from, to) = word_at(input, other);
                let copy = input[from..to].to_vec();
                input.splice(start..end, copy);
            }
            _ => input.truncate(at),
        }
        if input.len() > LONGEST {
            input.truncate(LONGEST);
        }
    }
}

/// The word around a place: letters, digits, dots, dashes and underscores.
fn word_at(input: &[u8], at: usize) -> (usize, usize) {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let start = input[..at]
        .iter()
        .rposition(|byte| !part(byte))
        .map_or(0, |i| i + 1);
    let end = input[at..]
        .iter()
        .position(|byte| !part(byte))
        .map_or(input.len(), |i| at + i);
    (start, end)
}
