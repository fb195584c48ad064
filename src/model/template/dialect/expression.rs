//! Expressions: paths become variables, Liquid's filters and comparisons take minijinja's form.

use super::{Fault, Rewriter, path};
use crate::model::{
    nearest::did_you_mean,
    template::{filters, lexer::Token},
};

/// Tests after `is`.
const TESTS: [&str; 13] = [
    "defined",
    "undefined",
    "none",
    "blank",
    "string",
    "number",
    "sequence",
    "mapping",
    "odd",
    "even",
    "divisibleby",
    "startingwith",
    "endingwith",
];

/// How many operators that join values one tag may hold: each can copy a large text.
const MAX_JOINS: usize = 100;

impl Rewriter {
    /// One expression, token by token.
    pub(super) fn expression(
        &mut self,
        line: usize,
        tokens: &[Token<'_>],
    ) -> Result<String, Fault> {
        if tokens.is_empty() {
            return Err(Fault::new(line, "an expression is missing"));
        }
        let mut out = String::new();
        let (mut at, mut joins) = (0, 0);
        while at < tokens.len() {
            if !out.is_empty() {
                out.push(' ');
            }
            match &tokens[at] {
                Token::Text(text) => {
                    self.text_literal(text);
                    out.push_str(text);
                }
                Token::Number(number) => out.push_str(number),
                Token::Sign("|") => {
                    at = self.filter(line, tokens, at + 1, &mut out)?;
                    continue;
                }
                Token::Sign(sign @ ("==" | "!=" | "<>")) => {
                    at += self.equality(sign, tokens.get(at + 1), &mut out);
                }
                Token::Sign("=") if !is_argument(tokens, at) => {
                    return Err(Fault::new(line, "= assigns; to compare write =="));
                }
                Token::Sign(sign) => {
                    if *sign == "**" {
                        return Err(Fault::new(line, "** has no meaning here"));
                    }
                    if let Some(filter) = product(sign) {
                        let end = right_operand(tokens, at + 1);
                        let right = self.expression(line, &tokens[at + 1..end])?;
                        out.push_str(&format!("|{filter}({right})"));
                        at = end;
                        continue;
                    }
                    joins += usize::from(matches!(*sign, "~" | "+"));
                    if joins > MAX_JOINS {
                        let message = format!("more than {MAX_JOINS} operators in one tag");
                        return Err(Fault::new(line, message));
                    }
                    if let Some((range, used)) = self.liquid_range(line, &tokens[at..])? {
                        out.push_str(&range);
                        at += used;
                        continue;
                    }
                    if *sign == "." || *sign == ".." {
                        return Err(Fault::new(line, format!("{sign:?} has no meaning here")));
                    }
                    out.push_str(sign);
                }
                Token::Chain { text, head, keys } => {
                    at += self.chain(line, tokens, at, (text, head, keys), &mut out)?;
                    continue;
                }
            }
            at += 1;
        }
        Ok(out)
    }

    fn text_literal(&mut self, text: &str) {
        // `"now" | date: ...` is the one way to the clock.
        let inside = &text[1..text.len() - 1];
        self.uses_clock |= filters::is_now(inside);
    }

    /// `== blank`, `!= nil` and their like are tests; how many more tokens that used.
    fn equality(&mut self, sign: &str, next: Option<&Token<'_>>, out: &mut String) -> usize {
        let test = match next {
            Some(Token::Chain {
                text: "blank" | "empty",
                ..
            }) => "blank",
            Some(Token::Chain {
                text: "nil" | "null" | "none" | "None",
                ..
            }) => "missing",
            _ => {
                out.push_str(if sign == "<>" { "!=" } else { sign });
                return 0;
            }
        };
        out.push_str(if sign == "==" { "is " } else { "is not " });
        out.push_str(test);
        1
    }

    /// `(1..5)`, both ends included, as a list; and how many tokens that is.
    fn liquid_range(
        &mut self,
        line: usize,
        tokens: &[Token<'_>],
    ) -> Result<Option<(String, usize)>, Fault> {
        let [
            Token::Sign("("),
            from,
            Token::Sign(".."),
            to,
            Token::Sign(")"),
            ..,
        ] = tokens
        else {
            return Ok(None);
        };
        let from = self.expression(line, std::slice::from_ref(from))?;
        let to = self.expression(line, std::slice::from_ref(to))?;
        Ok(Some((format!("range(({from})|int, (({to})|int) + 1)"), 5)))
    }

    /// A word or a path; how many tokens that used.
    fn chain(
        &mut self,
        line: usize,
        tokens: &[Token<'_>],
        at: usize,
        (text, head, keys): (&str, &str, &[&str]),
        out: &mut String,
    ) -> Result<usize, Fault> {
        let next = tokens.get(at + 1);
        if keys.is_empty() {
            match head {
                "and" | "or" | "not" | "in" | "if" | "else" | "true" | "false" => {
                    out.push_str(head);
                    return Ok(1);
                }
                "True" | "False" => {
                    out.push_str(&head.to_ascii_lowercase());
                    return Ok(1);
                }
                "none" | "None" | "nil" | "null" => {
                    out.push_str("none");
                    return Ok(1);
                }
                "is" => return self.test(line, tokens, at, out),
                "contains" if at > 0 => {
                    out.push_str("is containing(");
                    let used = self.operand(line, &tokens[at + 1..], out)?;
                    out.push(')');
                    return Ok(1 + used);
                }
                "range" if next == Some(&Token::Sign("(")) => {
                    out.push_str("range");
                    return Ok(1);
                }
                // The name of an argument: `default("x", allow_false=true)`.
                _ if next == Some(&Token::Sign("=")) && is_argument(tokens, at + 1) => {
                    out.push_str(head);
                    return Ok(1);
                }
                _ => {}
            }
        }
        if next == Some(&Token::Sign("(")) {
            let message = format!("{text:?} is called, and the only function is range");
            return Err(Fault::new(line, message).hint("use a filter: value | upper".to_owned()));
        }
        self.value(line, (text, head, keys), out)?;
        Ok(1)
    }

    /// A variable of a loop, an assigned one, or a path.
    fn value(
        &mut self,
        line: usize,
        (text, head, keys): (&str, &str, &[&str]),
        out: &mut String,
    ) -> Result<(), Fault> {
        let in_loop = self.blocks.iter().any(|block| block.kind == "for");
        if self
            .blocks
            .iter()
            .any(|block| block.locals.iter().any(|local| local == head))
        {
            out.push_str("l_");
            out.push_str(head);
        } else if in_loop && matches!(head, "loop" | "forloop") {
            out.push_str("loop");
        } else if self.assigned.contains(head) {
            out.push_str("g.v_");
            out.push_str(head);
        } else {
            let path = path(line, text, head, keys)?;
            let known = self.paths.iter().position(|known| *known == path);
            let index = known.unwrap_or_else(|| {
                self.paths.push(path);
                self.paths.len() - 1
            });
            out.push_str(&format!("p{index}"));
            return Ok(());
        }
        for key in keys {
            match key.bytes().all(|byte| byte.is_ascii_digit()) && key.len() < 10 {
                true => out.push_str(&format!("[{key}]")),
                false => out.push_str(&format!("[{}]", serde_json::Value::from(*key))),
            }
        }
        Ok(())
    }

    /// `is [not] test`; how many tokens that used.
    fn test(
        &mut self,
        line: usize,
        tokens: &[Token<'_>],
        at: usize,
        out: &mut String,
    ) -> Result<usize, Fault> {
        let negated = matches!(tokens.get(at + 1), Some(Token::Chain { text: "not", .. }));
        let name_at = at + 1 + usize::from(negated);
        let Some(Token::Chain { text: name, .. }) = tokens.get(name_at) else {
            return Err(Fault::new(line, "after is comes a test such as defined"));
        };
        if !TESTS.contains(name) {
            let hint = did_you_mean(name, TESTS)
                .unwrap_or_else(|| format!("tests are {}", TESTS.join(", ")));
            return Err(Fault::new(line, format!("there is no test {name:?}")).hint(hint));
        }
        let own = match *name {
            "none" | "undefined" => "missing",
            "defined" => "present",
            name => name,
        };
        out.push_str(if negated { "is not " } else { "is " });
        out.push_str(own);
        Ok(name_at + 1 - at)
    }

    /// The filter at `at`, its colon arguments too; where to go on.
    fn filter(
        &mut self,
        line: usize,
        tokens: &[Token<'_>],
        at: usize,
        out: &mut String,
    ) -> Result<usize, Fault> {
        let name = match tokens.get(at) {
            Some(Token::Chain { head, keys, .. }) if keys.is_empty() => *head,
            _ => return Err(Fault::new(line, "after | comes a filter such as upper")),
        };
        if !filters::is_filter(name) {
            let hint = did_you_mean(name, filters::names())
                .unwrap_or_else(|| "`waypost catalog` lists the filters".into());
            return Err(Fault::new(line, format!("there is no filter {name:?}")).hint(hint));
        }
        out.push_str("| ");
        out.push_str(name);
        let mut at = at + 1;
        if tokens.get(at) != Some(&Token::Sign(":")) {
            return Ok(at);
        }
        at += 1;
        out.push('(');
        loop {
            if let (Some(Token::Chain { text, .. }), Some(Token::Sign(":"))) =
                (tokens.get(at), tokens.get(at + 1))
            {
                out.push_str(text);
                out.push('=');
                at += 2;
            }
            at += self.operand(line, &tokens[at..], out)?;
            if tokens.get(at) != Some(&Token::Sign(",")) {
                break;
            }
            out.push_str(", ");
            at += 1;
        }
        out.push(')');
        Ok(at)
    }

    /// One plain value: text, a number with its sign, a word or a path.
    fn operand(
        &mut self,
        line: usize,
        tokens: &[Token<'_>],
        out: &mut String,
    ) -> Result<usize, Fault> {
        match tokens {
            [Token::Sign("-"), Token::Number(number), ..] => {
                out.push('-');
                out.push_str(number);
                Ok(2)
            }
            [Token::Text(_) | Token::Number(_) | Token::Chain { .. }, ..] => {
                out.push_str(&self.expression(line, &tokens[..1])?);
                Ok(1)
            }
            _ => Err(Fault::new(line, "a value is missing")),
        }
    }
}

/// The filter that a product is rewritten to: exact in decimals, and text cannot be multiplied.
/// Filters bind tighter than sums and from left to right, just as products do.
fn product(sign: &str) -> Option<&'static str> {
    match sign {
        "*" => Some("times"),
        "/" => Some("quotient"),
        "//" => Some("floor_div"),
        "%" => Some("modulo"),
        _ => None,
    }
}

/// Where the right side of a product ends: a sign, a value or a group, and the filters on it.
fn right_operand(tokens: &[Token<'_>], from: usize) -> usize {
    let mut at = from + usize::from(tokens.get(from) == Some(&Token::Sign("-")));
    let mut depth = 0usize;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Sign("(" | "[" | "{") => depth += 1,
            Token::Sign(")" | "]" | "}") if depth == 0 => break,
            Token::Sign(")" | "]" | "}") => depth -= 1,
            Token::Sign("|") if depth == 0 => {
                at += 2;
                // Liquid's arguments reach to the last comma's value.
                if tokens.get(at) == Some(&Token::Sign(":")) {
                    at += 2;
                    while tokens.get(at) == Some(&Token::Sign(",")) {
                        at += 2;
                    }
                }
                continue;
            }
            Token::Sign(_) if depth == 0 => break,
            Token::Chain { text, .. } if depth == 0 && at > from && is_reserved(text) => break,
            _ => {}
        }
        at += 1;
    }
    at.min(tokens.len())
}

/// Whether the `=` at `at` names an argument: inside parentheses, after a word.
fn is_argument(tokens: &[Token<'_>], at: usize) -> bool {
    let depth = tokens[..at].iter().fold(0i32, |depth, token| match token {
        Token::Sign("(") => depth + 1,
        Token::Sign(")") => depth - 1,
        _ => depth,
    });
    depth > 0 && at > 0 && matches!(&tokens[at - 1], Token::Chain { keys, .. } if keys.is_empty())
}

pub(super) fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 20] = [
        "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "nil", "null",
        "True", "False", "None", "contains", "loop", "forloop", "blank", "empty",
    ];
    RESERVED.contains(&name)
}
