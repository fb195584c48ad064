//! Words that no tracked file may hold: marks of unfinished work, paths of one machine, registry hosts.

use super::Finding;

/// The word and what is wrong with it. Split, so that this file does not hold them either.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("todo", "!("), "unfinished"),
    (concat!("unimplemented", "!("), "unfinished"),
    (concat!("FIX", "ME"), "unfinished"),
    (
        concat!("#[ig", "nore"),
        "a test that does not run shows nothing",
    ),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/Use", "rs/"), "a path of one machine"),
    (concat!("registry.", "npmjs"), "a registry's host"),
    (concat!("registry.", "yarnpkg"), "a registry's host"),
    (concat!("crates", ".io/"), "a registry's host"),
    (concat!("index.crates", ".io"), "a registry's host"),
    (concat!("pypi", ".org"), "a registry's host"),
    (concat!("files.python", "hosted.org"), "a registry's host"),
    (concat!("docker", ".io/"), "a registry's host"),
    (concat!("gh", "cr.io/"), "a registry's host"),
];

/// Lines of a text file that hold a forbidden word.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (word, why) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
            found.push(format!("{path}:{}: {word:?}: {why}", number + 1));
        }
    }
    found
}

#[test]
fn each_forbidden_word_is_found() {
    for (word, why) in FORBIDDEN {
        let found = check("docs/a.md", &format!("fine\nnot {word} fine\n"));
        assert!(
            found
                .iter()
                .any(|one| one.starts_with("docs/a.md:2: ") && one.ends_with(why)),
            "{word}: {found:?}"
        );
    }
    assert_eq!(check("a.rs", "let todo = 1; // a homely root\n"), [""; 0]);
}
