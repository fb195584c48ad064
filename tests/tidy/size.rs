//! Names files and functions that have grown long. A smell, not a fault.

use super::source::{code, is_test_file, tokens};

const FILE: usize = 400;
const FUNCTION: usize = 60;

/// `path: 500 lines`, and `path:12: fn name: 80 lines` for each long function.
pub fn look(path: &str, text: &str) -> Vec<String> {
    let mut smells = Vec::new();
    let lines = text.lines().count();
    if lines > FILE {
        smells.push(format!("{path}: {lines} lines"));
    }
    if is_test_file(path) {
        return smells; // tables of rows are long by nature
    }
    let code = code(text);
    let tokens = tokens(&code);
    for (at, token) in tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| token.text == "fn")
    {
        let Some(name) = tokens.get(at + 1) else {
            continue;
        };
        let lines = body_end(tokens[at..].iter().map(|t| (t.text, t.line))) + 1 - token.line;
        if lines > FUNCTION {
            smells.push(format!(
                "{path}:{}: fn {}: {lines} lines",
                token.line, name.text
            ));
        }
    }
    smells
}

/// The line of the brace that closes the first one opened, or of the `;` that comes before any.
fn body_end<'a>(tokens: impl Iterator<Item = (&'a str, usize)>) -> usize {
    let (mut depth, mut last) = (0, 0);
    for (text, line) in tokens {
        last = line;
        match text {
            "{" => depth += 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return line, // a declaration, or `[u8; 4]` in its parameters: short anyway
            _ => continue,
        }
        if depth == 0 {
            return line;
        }
    }
    last
}

#[test]
fn long_files_and_long_functions_are_named() {
    let body = "    let x = 1;\n".repeat(59);
    let long = format!("fn short() {{}}\nfn long() {{\n{body}}}\n");
    assert_eq!(look("a.rs", &long), ["a.rs:2: fn long: 61 lines"]);
    assert_eq!(look("a.rs", &"// x\n".repeat(401)), ["a.rs: 401 lines"]);
    assert_eq!(
        look(
            "a.rs",
            &format!("fn f() {{\n{}}}\n", "    let x = 1;\n".repeat(58))
        ),
        [""; 0]
    );
}
