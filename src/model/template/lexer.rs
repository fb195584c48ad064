//! Splits a template's source into text, outputs and tags, and those into tokens.

use super::dialect::Fault;

/// A stretch of the source.
#[derive(Debug, Clone)]
pub(super) enum Item<'s> {
    /// Text between tags, whitespace already trimmed as `-` asks.
    Text(&'s str),
    /// `{{ tokens }}` and its line.
    Output(usize, Vec<Token<'s>>),
    /// `{% name tokens %}` and its line.
    Tag(usize, &'s str, Vec<Token<'s>>),
}

/// A token of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'s> {
    /// A string with its quotes.
    Text(&'s str),
    /// An unsigned number.
    Number(&'s str),
    /// A word and the literal keys that follow it: `contact.tags[0]`.
    Chain {
        /// As written.
        text: &'s str,
        /// The word.
        head: &'s str,
        /// The keys.
        keys: Vec<&'s str>,
    },
    /// A sign.
    Sign(&'s str),
}

const SIGNS: [&str; 26] = [
    "==", "!=", "<=", ">=", "<>", "//", "**", "..", "+", "-", "*", "/", "%", "~", "|", ":", ",",
    ".", "(", ")", "[", "]", "{", "}", "<", ">",
];

/// Splits the whole source.
pub(super) fn split(source: &str) -> Result<Vec<Item<'_>>, Fault> {
    let mut lexer = Lexer {
        source,
        at: 0,
        line: 1,
        counted: 0,
    };
    let mut items = Vec::new();
    let mut trim_next = false;
    while lexer.at < source.len() {
        let from = lexer.at;
        let open = lexer.find_open();
        let mut text = &source[from..open];
        if trim_next {
            text = text.trim_start();
        }
        lexer.at = open;
        if open == source.len() {
            push_text(&mut items, text);
            break;
        }
        let kind = source.as_bytes()[open + 1];
        let line = lexer.line();
        lexer.at += 2;
        if lexer.rest().starts_with('-') {
            lexer.at += 1;
            text = text.trim_end();
        }
        push_text(&mut items, text);
        match kind {
            b'#' => {
                // `find_open` has seen its end.
                let end = lexer.rest().find("#}").unwrap_or(0);
                trim_next = lexer.rest()[..end].ends_with('-');
                lexer.at += end + 2;
            }
            b'{' => {
                let (tokens, trim) = lexer.tokens("}}", line)?;
                trim_next = trim;
                if tokens.is_empty() {
                    return Err(Fault::new(line, "{{ }} has nothing in it"));
                }
                items.push(Item::Output(line, tokens));
            }
            _ => {
                let name = lexer.word();
                if name == "raw" || name == "comment" {
                    let (tokens, trim) = lexer.tokens("%}", line)?;
                    if !tokens.is_empty() && name == "raw" {
                        return Err(Fault::new(line, "{% raw %} takes nothing"));
                    }
                    let (body, trim_after) = lexer.body_until(name, line)?;
                    if name == "raw" {
                        push_text(&mut items, if trim { body.trim_start() } else { body });
                    }
                    trim_next = trim_after;
                } else {
                    let (tokens, trim) = lexer.tokens("%}", line)?;
                    trim_next = trim;
                    items.push(Item::Tag(line, name, tokens));
                }
            }
        }
    }
    Ok(items)
}

fn push_text<'s>(items: &mut Vec<Item<'s>>, text: &'s str) {
    if !text.is_empty() {
        items.push(Item::Text(text));
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: usize,
    counted: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    /// The line at `at`, counting on from where it was last asked.
    fn line(&mut self) -> usize {
        let passed = &self.source.as_bytes()[self.counted..self.at];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.counted = self.at;
        self.line
    }

    /// Where the next tag begins; a `{#` counts only where `#}` follows (CSS writes `{#id`).
    fn find_open(&self) -> usize {
        let bytes = self.source.as_bytes();
        let mut comments = true;
        let mut at = self.at;
        while let Some(found) = self.source[at..].find('{') {
            at += found;
            match bytes.get(at + 1) {
                Some(b'{' | b'%') => return at,
                Some(b'#') if comments => {
                    comments = self.source[at + 2..].contains("#}");
                    if comments {
                        return at;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.source.len()
    }

    fn skip_space(&mut self) {
        self.at = self.source.len() - self.rest().trim_start().len();
    }

    fn word(&mut self) -> &'s str {
        self.skip_space();
        let rest = self.rest();
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// The tokens up to `close`, and whether it trims what follows.
    fn tokens(&mut self, close: &str, line: usize) -> Result<(Vec<Token<'s>>, bool), Fault> {
        let mut tokens = Vec::new();
        let mut braces = 0usize;
        loop {
            self.skip_space();
            let rest = self.rest();
            if braces == 0 || close == "%}" {
                if rest.starts_with(close) {
                    self.at += close.len();
                    return Ok((tokens, false));
                }
                if rest
                    .strip_prefix('-')
                    .is_some_and(|rest| rest.starts_with(close))
                {
                    self.at += close.len() + 1;
                    return Ok((tokens, true));
                }
            }
            let Some(first) = rest.chars().next() else {
                let open = if close == "}}" { "{{" } else { "{%" };
                return Err(Fault::new(
                    line,
                    format!("{open} is never closed with {close}"),
                ));
            };
            match first {
                '{' => braces += 1,
                '}' => braces = braces.saturating_sub(1),
                _ => {}
            }
            let token = self.token(rest, first)?;
            tokens.push(token);
        }
    }

    fn token(&mut self, rest: &'s str, first: char) -> Result<Token<'s>, Fault> {
        if first == '"' || first == '\'' {
            let Some(end) = string_end(rest, first) else {
                return Err(Fault::new(
                    self.line(),
                    format!("a text that begins with {first} has no end"),
                ));
            };
            self.at += end;
            return Ok(Token::Text(&rest[..end]));
        }
        if first.is_ascii_digit() {
            let end = number_end(rest);
            self.at += end;
            return Ok(Token::Number(&rest[..end]));
        }
        if first.is_alphabetic() || first == '_' {
            return Ok(self.chain());
        }
        let sign = SIGNS
            .iter()
            .find(|sign| rest.starts_with(**sign))
            .map(|sign| sign.len());
        let len = sign
            .or((first == '=').then_some(1))
            .ok_or_else(|| Fault::new(self.line(), format!("{first:?} has no meaning here")))?;
        self.at += len;
        Ok(Token::Sign(&rest[..len]))
    }

    /// A word with its literal keys. A dash between letters belongs to a key (`steps.send-email`).
    fn chain(&mut self) -> Token<'s> {
        let start = self.at;
        let head = self.word();
        let mut keys = Vec::new();
        loop {
            let rest = self.rest();
            if let Some(key) = rest
                .strip_prefix('.')
                .map(key_at)
                .filter(|key| !key.is_empty())
            {
                self.at += 1 + key.len();
                keys.push(key);
            } else if let Some((key, len)) = literal_bracket(rest) {
                self.at += len;
                keys.push(key);
            } else {
                return Token::Chain {
                    text: &self.source[start..self.at],
                    head,
                    keys,
                };
            }
        }
    }

    /// The text up to `{% end<name> %}`, and whether that tag trims what follows.
    fn body_until(&mut self, name: &str, line: usize) -> Result<(&'s str, bool), Fault> {
        let start = self.at;
        let end_name = format!("end{name}");
        let mut from = start;
        while let Some(found) = self.source[from..].find("{%") {
            let open = from + found;
            let inside = &self.source[open + 2..];
            let (trim_before, inside) = match inside.strip_prefix('-') {
                Some(inside) => (true, inside),
                None => (false, inside),
            };
            if let Some(after) = inside.trim_start().strip_prefix(end_name.as_str()) {
                let (trim_after, closed) = match after.trim_start().strip_prefix('-') {
                    Some(rest) => (true, rest.strip_prefix("%}")),
                    None => (false, after.trim_start().strip_prefix("%}")),
                };
                if let Some(rest) = closed {
                    self.at = self.source.len() - rest.len();
                    let body = &self.source[start..open];
                    return Ok((if trim_before { body.trim_end() } else { body }, trim_after));
                }
            }
            from = open + 2;
        }
        Err(Fault::new(
            line,
            format!("{{% {name} %}} is never closed with {{% {end_name} %}}"),
        ))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The key that stands at the start: letters, digits, and dashes inside.
fn key_at(rest: &str) -> &str {
    let mut end = 0;
    for (at, c) in rest.char_indices() {
        let dash = c == '-' && at > 0 && rest[at + 1..].starts_with(is_word);
        if !(is_word(c) || dash) {
            break;
        }
        end = at + c.len_utf8();
    }
    &rest[..end]
}

/// `["key"]` or `[0]`: the key and the length of the whole.
fn literal_bracket(rest: &str) -> Option<(&str, usize)> {
    let inside = rest.strip_prefix('[')?;
    let quote = inside.chars().next()?;
    if quote == '"' || quote == '\'' {
        let end = inside[1..].find([quote, '\\'])? + 1;
        let closed = inside[end..].strip_prefix(quote)?.strip_prefix(']')?;
        return (end > 1).then(|| (&inside[1..end], rest.len() - closed.len()));
    }
    let end = inside.find(|c: char| !c.is_ascii_digit())?;
    (end > 0 && inside[end..].starts_with(']')).then(|| (&inside[..end], end + 2))
}

/// The length of a string literal with its quotes.
fn string_end(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn number_end(rest: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(rest);
    match rest[whole..].strip_prefix('.').map(digits) {
        Some(fraction) if fraction > 0 => whole + 1 + fraction,
        _ => whole,
    }
}
