//! Reads the tree: which files there are, and the tokens of a Rust file without comments and texts.

use std::process::Command;

/// A file of the repository, its path relative to the root.
pub struct File {
    pub path: String,
    pub text: String,
}

/// The text files under version control (and those about to be) whose path is wanted.
pub fn tracked(wanted: impl Fn(&str) -> bool) -> Vec<File> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .output()
        .ok()
        .filter(|out| out.status.success() && !out.stdout.is_empty());
    let mut paths = match listed {
        Some(out) => String::from_utf8(out.stdout)
            .expect("paths are UTF-8")
            .split_terminator('\0')
            .map(str::to_owned)
            .collect(),
        None => walk("."), // an unpacked archive has no .git
    };
    paths.sort();
    paths.dedup();
    let wanted = paths.into_iter().filter(|path| wanted(path));
    wanted
        .filter_map(|path| {
            Some(File {
                text: std::fs::read_to_string(&path).ok()?,
                path,
            })
        })
        .collect()
}

fn walk(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)
        .expect("a readable folder")
        .flatten()
    {
        let path = entry
            .path()
            .to_string_lossy()
            .trim_start_matches("./")
            .to_owned();
        let hidden = path == "target" || path == ".git" || path == ".waypost";
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !hidden => found.extend(walk(&path)),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
    found
}

/// Whether a file holds only tests.
pub fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// The code with comments, and what stands in texts, blanked; lines and columns stay.
pub fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = blank_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        }
        for &c in &chars[at..end.max(at)] {
            out.push(if c == '\n' { '\n' } else { ' ' });
        }
        at = at.max(end);
    }
    out
}

/// Where the comment or text that begins here ends; `at` itself, where none begins.
fn blank_end(chars: &[char], at: usize) -> usize {
    let after = |n: usize| chars.get(at + n).copied().unwrap_or('\0');
    let word_before = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match (chars[at], after(1)) {
        ('/', '/') => (at..chars.len())
            .find(|&i| chars[i] == '\n')
            .unwrap_or(chars.len()),
        ('/', '*') => {
            let (mut depth, mut i) = (1, at + 2);
            while i < chars.len() && depth > 0 {
                match (chars[i], chars.get(i + 1)) {
                    ('/', Some('*')) => (depth, i) = (depth + 1, i + 1),
                    ('*', Some('/')) => (depth, i) = (depth - 1, i + 1),
                    _ => {}
                }
                i += 1;
            }
            i
        }
        ('"', _) => quoted(chars, at + 1, '"'),
        ('r', '"' | '#') if !word_before => raw(chars, at + 1).unwrap_or(at),
        ('b', 'r') if !word_before => raw(chars, at + 2).unwrap_or(at),
        ('\'', '\\') => quoted(chars, at + 1, '\''),
        ('\'', _) if after(2) == '\'' => at + 3, // else a lifetime
        _ => at,
    }
}

fn quoted(chars: &[char], mut i: usize, end: char) -> usize {
    while i < chars.len() && chars[i] != end {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

fn raw(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from..].iter().take_while(|&&c| c == '#').count();
    let mut i = from + hashes;
    if chars.get(i) != Some(&'"') {
        return None; // r#keyword
    }
    i += 1;
    while i < chars.len() {
        let closes =
            chars[i] == '"' && chars[i + 1..].iter().take_while(|&&c| c == '#').count() >= hashes;
        if closes {
            return Some(i + 1 + hashes);
        }
        i += 1;
    }
    Some(chars.len())
}

/// A word or a sign, and the line it stands on (from 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Token<'a> {
    pub text: &'a str,
    pub line: usize,
}

/// The tokens of blanked code: words, `::`, and single signs.
pub fn tokens(code: &str) -> Vec<Token<'_>> {
    let (mut found, mut line, mut at) = (Vec::new(), 1, 0);
    while let Some(c) = code[at..].chars().next() {
        let rest = &code[at..];
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let len = match c {
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        if c == '\n' {
            line += 1;
        } else if !c.is_whitespace() {
            found.push(Token {
                text: &rest[..len],
                line,
            });
        }
        at += len;
    }
    found
}

/// The tokens outside `#[cfg(test)]` items.
pub fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let words: Vec<_> = tokens[at..].iter().take(7).map(|t| t.text).collect();
        if words == ["#", "[", "cfg", "(", "test", ")", "]"] {
            at = item_end(tokens, at + 7);
        } else {
            kept.push(tokens[at]);
            at += 1;
        }
    }
    kept
}

/// One past the `}` or `;` that ends the item which begins here.
fn item_end(tokens: &[Token<'_>], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < tokens.len() {
        match tokens[at].text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 && matches!(tokens[at - 1].text, "}" | ";") {
            break;
        }
    }
    at
}

/// Every path of the code, `use` trees spread out: `[crate, model, ids]`, with its line.
pub fn paths<'a>(tokens: &[Token<'a>]) -> Vec<(Vec<&'a str>, usize)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if tokens[at].text == "use" {
            at = tree(tokens, at + 1, &[], &mut found);
        } else if is_name(tokens[at].text) {
            at = tree(tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads one path or tree, puts what it names into `found`, and says where it ends.
fn tree<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    before: &[&'a str],
    found: &mut Vec<(Vec<&'a str>, usize)>,
) -> usize {
    let mut path = before.to_vec();
    if tokens.get(at).is_some_and(|t| t.text == "::") {
        at += 1;
    }
    loop {
        let Some(token) = tokens.get(at) else {
            return at;
        };
        if token.text == "{" && !path.is_empty() {
            at += 1;
            while at < tokens.len() && tokens[at].text != "}" {
                let next = tree(tokens, at, &path, found);
                at = if next == at { at + 1 } else { next };
            }
            return at + 1;
        }
        if token.text != "*" && !is_name(token.text) {
            break; // `Vec::<T>`: the path so far
        }
        path.push(token.text);
        at += 1;
        if tokens.get(at).is_none_or(|t| t.text != "::") {
            break;
        }
        at += 1;
    }
    if path.len() > before.len() {
        found.push((path, tokens[at - 1].line));
    }
    let renamed = !before.is_empty() && tokens.get(at).is_some_and(|t| t.text == "as");
    if renamed { at + 2 } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let code = code(text);
        let tokens = without_tests(&tokens(&code));
        let paths = paths(&tokens)
            .into_iter()
            .filter(|(path, _)| path.len() > 1);
        paths
            .map(|(path, line)| format!("{line} {}", path.join("::")))
            .collect()
    }

    #[test]
    fn paths_are_found_wherever_they_hide() {
        let rows: &[(&str, &[&str])] = &[
            ("use a::b;", &["1 a::b"]),
            (
                "use a::{b, c::{d, e as f},\n g::*};",
                &["1 a::b", "1 a::c::d", "1 a::c::e", "2 a::g::*"],
            ),
            ("pub(crate) use a::{self, b};", &["1 a::self", "1 a::b"]),
            (
                "fn f() { crate::x::y(a::b::<c::d>()) }",
                &["1 crate::x::y", "1 a::b", "1 c::d"],
            ),
            ("if x { a::b() }", &["1 a::b"]),
            ("let s = S { a: b::c };", &["1 b::c"]),
            ("// a::b\n/* c::d /* e::f */ */ g::h", &["2 g::h"]),
            (
                r##"let t = ("a::b", r#"c"::d"#, 'e', b"f::g", '\''); h::i"##,
                &["1 h::i"],
            ),
            ("fn f<'a>(x: &'a a::b) {}", &["1 a::b"]),
            (
                "#[cfg(test)]\nmod tests { use a::b; fn f() {} }\nuse c::d;",
                &["3 c::d"],
            ),
            ("#[cfg(test)]\nmod tests;\nuse c::d;", &["3 c::d"]),
        ];
        for (text, expected) in rows {
            assert_eq!(all(text), *expected, "{text}");
        }
    }
}
