//! The dialect: Liquid's ways and our paths, rewritten into what minijinja understands.
//!
//! Every path becomes one variable (`p0`, `p1`, ...), filled in from the scope before a rendering:
//! so keys with dashes work, spellings of built-in fields agree, what is read is known beforehand,
//! and what is missing at any depth is simply undefined. Variables of `assign` live in one namespace
//! (`g`), so that, as in Liquid, an assignment inside a loop is seen after it.

use std::collections::BTreeSet;

use super::{
    Piece, TemplateError, filters,
    lexer::{Item, Token},
};
use crate::model::{
    nearest::did_you_mean,
    path::{Path, Root},
    problem::Problem,
};

/// The tags that there are.
pub const TAGS: [&str; 20] = [
    "if",
    "elsif",
    "elif",
    "else",
    "endif",
    "unless",
    "endunless",
    "for",
    "endfor",
    "break",
    "continue",
    "assign",
    "set",
    "case",
    "when",
    "endcase",
    "raw",
    "endraw",
    "comment",
    "endcomment",
];

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
/// How deep tags may nest, and brackets in one tag.
const MAX_NESTING: usize = 50;
/// How many words, signs and keys one tag may hold: each can deepen the compiler's recursion.
const MAX_TOKENS: usize = 400;
/// How many `elsif` or `when` may follow each other: each nests in the one before.
const MAX_BRANCHES: usize = 100;

/// What is wrong with a template, and where.
#[derive(Debug)]
pub(super) struct Fault {
    line: usize,
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub(super) fn new(line: usize, message: impl Into<String>) -> Fault {
        Fault {
            line,
            message: message.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<Option<String>>) -> Fault {
        self.hint = hint.into();
        self
    }

    pub(super) fn into_problem(self) -> Problem {
        let message = format!("template, line {}: {}", self.line, self.message);
        Problem::error("bad_template", "", message).maybe_hint(self.hint)
    }
}

impl From<TemplateError> for Fault {
    fn from(error: TemplateError) -> Self {
        Fault::new(error.line, error.message)
    }
}

/// What minijinja gets.
pub(super) struct Rewritten {
    pub(super) source: String,
    /// The expression, where the template is nothing but one.
    pub(super) expression: Option<String>,
    pub(super) paths: Vec<Path>,
    /// Pairs (line of `source`, line of the template), ascending.
    pub(super) lines: Vec<(usize, usize)>,
    pub(super) uses_clock: bool,
}

/// The pieces, where every tag is `{{ path }}`.
pub(super) fn plain_pieces(items: &[Item<'_>]) -> Result<Option<Box<[Piece]>>, Fault> {
    let mut pieces = Vec::with_capacity(items.len());
    for item in items {
        pieces.push(match item {
            Item::Text(text) => Piece::Text((*text).into()),
            Item::Output(line, tokens) => match &tokens[..] {
                [Token::Chain { text, head, keys }] if !is_constant(head, keys) => {
                    Piece::Path(path(*line, text, head, keys)?)
                }
                _ => return Ok(None),
            },
            Item::Tag(..) => return Ok(None),
        });
    }
    Ok(Some(pieces.into()))
}

fn is_constant(head: &str, keys: &[&str]) -> bool {
    keys.is_empty()
        && matches!(
            head,
            "true" | "false" | "none" | "nil" | "null" | "True" | "False" | "None"
        )
}

/// The path that a chain is.
fn path(line: usize, text: &str, head: &str, keys: &[&str]) -> Result<Path, Fault> {
    let known = Root::named(head).filter(|_| keys.len() <= crate::model::path::MAX_SEGMENTS);
    match known {
        Some(root) => Ok(Path::from_keys(
            text,
            root,
            keys.iter().map(|key| (*key).to_owned()).collect(),
        )),
        // The parser knows best what to say.
        None => match Path::parse(text) {
            Ok(path) => Ok(path),
            Err(error) => Err(Fault::new(line, error.message).hint(error.hint)),
        },
    }
}

/// Rewrites the whole template.
pub(super) fn rewrite(items: &[Item<'_>]) -> Result<Rewritten, Fault> {
    let mut rewriter = Rewriter::default();
    for item in items {
        match item {
            Item::Text(text) => rewriter.text(text),
            Item::Output(line, tokens) => {
                check_size(*line, tokens)?;
                let expression = rewriter.expression(*line, tokens)?;
                if items.len() == 1 {
                    rewriter.only = Some(expression.clone());
                }
                rewriter.emit(*line, &format!("{{{{ {expression} }}}}"));
            }
            Item::Tag(line, name, tokens) => {
                check_size(*line, tokens)?;
                rewriter.tag(*line, name, tokens)?;
            }
        }
    }
    if let Some(block) = rewriter.blocks.pop() {
        let message = format!("{{% {} %}} is never closed", block.kind);
        return Err(Fault::new(block.line, message));
    }
    Ok(Rewritten {
        source: format!("{{% set g = namespace() %}}{}", rewriter.out),
        expression: rewriter.only,
        paths: rewriter.paths,
        lines: rewriter.lines,
        uses_clock: rewriter.uses_clock,
    })
}

fn check_size(line: usize, tokens: &[Token<'_>]) -> Result<(), Fault> {
    let (mut size, mut depth, mut deepest) = (0, 0usize, 0);
    for token in tokens {
        match token {
            Token::Chain { keys, .. } => size += keys.len(),
            Token::Sign("(" | "[" | "{") => depth += 1,
            Token::Sign(")" | "]" | "}") => depth = depth.saturating_sub(1),
            _ => {}
        }
        size += 1;
        deepest = deepest.max(depth);
    }
    if size > MAX_TOKENS || deepest > MAX_NESTING {
        return Err(Fault::new(line, "the tag is too long or nests too deep"));
    }
    Ok(())
}

#[derive(Default)]
struct Rewriter {
    out: String,
    out_line: usize,
    lines: Vec<(usize, usize)>,
    paths: Vec<Path>,
    assigned: BTreeSet<String>,
    blocks: Vec<Block>,
    cases: usize,
    only: Option<String>,
    uses_clock: bool,
}

/// An open tag.
struct Block {
    kind: &'static str,
    line: usize,
    /// Of a loop: its variables.
    locals: Vec<String>,
    /// Of a case: its number, and whether a `when` has opened an if.
    case: usize,
    opened: bool,
    /// How many `elsif` or `when` it has.
    branches: usize,
}

impl Rewriter {
    /// Text that minijinja would take for a tag stands in `raw`.
    fn text(&mut self, text: &str) {
        // A case has nothing to say before its first `when`.
        if self
            .blocks
            .last()
            .is_some_and(|block| block.kind == "case" && !block.opened)
        {
            return;
        }
        let tagged = ["{{", "{%", "{#"].iter().any(|open| text.contains(open));
        // A brace at the end could meet the next tag's.
        if tagged || text.ends_with('{') {
            self.out.push_str("{% raw %}");
            self.out.push_str(text);
            self.out.push_str("{% endraw %}");
        } else {
            self.out.push_str(text);
        }
        self.out_line += text.bytes().filter(|byte| *byte == b'\n').count();
    }

    fn emit(&mut self, line: usize, tag: &str) {
        self.lines.push((self.out_line + 1, line));
        self.out.push_str(tag);
        self.out_line += tag.bytes().filter(|byte| *byte == b'\n').count();
    }

    fn open(&mut self, kind: &'static str, line: usize) -> Result<&mut Block, Fault> {
        if self.blocks.len() >= MAX_NESTING {
            return Err(Fault::new(
                line,
                format!("tags nest deeper than {MAX_NESTING}"),
            ));
        }
        self.blocks.push(Block {
            kind,
            line,
            locals: Vec::new(),
            case: 0,
            opened: false,
            branches: 0,
        });
        let last = self.blocks.len() - 1;
        Ok(&mut self.blocks[last])
    }

    fn count_branch(&mut self, line: usize) -> Result<(), Fault> {
        let Some(block) = self.blocks.last_mut() else {
            return Ok(());
        };
        block.branches += 1;
        if block.branches > MAX_BRANCHES {
            let message = format!("more than {MAX_BRANCHES} branches follow each other");
            return Err(Fault::new(line, message));
        }
        Ok(())
    }

    fn close(&mut self, kinds: &[&str], line: usize, name: &str) -> Result<Block, Fault> {
        match self.blocks.pop() {
            Some(block) if kinds.contains(&block.kind) => Ok(block),
            Some(block) => Err(Fault::new(
                line,
                format!(
                    "{{% {name} %}} meets {{% {} %}} of line {}",
                    block.kind, block.line
                ),
            )),
            None => Err(Fault::new(line, format!("{{% {name} %}} closes nothing"))),
        }
    }

    fn tag(&mut self, line: usize, name: &str, tokens: &[Token<'_>]) -> Result<(), Fault> {
        let takes_nothing = matches!(
            name,
            "else" | "endif" | "endunless" | "endfor" | "break" | "continue" | "endcase"
        );
        if takes_nothing && !tokens.is_empty() {
            return Err(Fault::new(line, format!("{{% {name} %}} takes nothing")));
        }
        match name {
            "if" => {
                let test = self.expression(line, tokens)?;
                self.open("if", line)?;
                self.emit(line, &format!("{{% if {test} %}}"));
            }
            "unless" => {
                let test = self.expression(line, tokens)?;
                self.open("unless", line)?;
                self.emit(line, &format!("{{% if not ({test}) %}}"));
            }
            "elsif" | "elif" => {
                let inside = self.blocks.last().map(|block| block.kind);
                if !matches!(inside, Some("if" | "unless")) {
                    return Err(Fault::new(line, format!("{{% {name} %}} stands in no if")));
                }
                self.count_branch(line)?;
                let test = self.expression(line, tokens)?;
                self.emit(line, &format!("{{% elif {test} %}}"));
            }
            "else" => match self.blocks.last() {
                None => return Err(Fault::new(line, "{% else %} stands in no if, case or for")),
                Some(block) if block.kind == "case" && !block.opened => {
                    return Err(Fault::new(line, "a case begins with {% when %}"));
                }
                Some(_) => self.emit(line, "{% else %}"),
            },
            "endif" => {
                self.close(&["if"], line, name)?;
                self.emit(line, "{% endif %}");
            }
            "endunless" => {
                self.close(&["unless"], line, name)?;
                self.emit(line, "{% endif %}");
            }
            "for" => self.begin_for(line, tokens)?,
            "endfor" => {
                self.close(&["for"], line, name)?;
                self.emit(line, "{% endfor %}");
            }
            "break" | "continue" => {
                if !self.blocks.iter().any(|block| block.kind == "for") {
                    return Err(Fault::new(line, format!("{{% {name} %}} stands in no for")));
                }
                self.emit(line, &format!("{{% {name} %}}"));
            }
            "assign" | "set" => self.assign(line, name, tokens)?,
            "case" => {
                let value = self.expression(line, tokens)?;
                self.cases += 1;
                let number = self.cases;
                self.emit(line, &format!("{{% set g.case{number} = ({value}) %}}"));
                self.open("case", line)?.case = number;
            }
            "when" => self.when(line, tokens)?,
            "endcase" => {
                if self.close(&["case"], line, name)?.opened {
                    self.emit(line, "{% endif %}");
                }
            }
            _ => {
                let hint = did_you_mean(name, TAGS).unwrap_or_else(|| {
                    "tags are if, unless, case, for, assign, raw, comment".into()
                });
                let short: String = name.chars().take(40).collect();
                return Err(Fault::new(line, format!("there is no tag {short:?}")).hint(hint));
            }
        }
        Ok(())
    }

    /// A name that may be assigned or looped over.
    fn local<'s>(&self, line: usize, token: Option<&Token<'s>>) -> Result<&'s str, Fault> {
        match token {
            Some(Token::Chain { head, keys, .. }) if keys.is_empty() => {
                if Root::named(head).is_some() || is_reserved(head) {
                    let message = format!("{head:?} has a meaning already, choose another name");
                    return Err(Fault::new(line, message));
                }
                Ok(head)
            }
            _ => Err(Fault::new(line, "a name such as item is missing")),
        }
    }

    fn assign(&mut self, line: usize, tag: &str, tokens: &[Token<'_>]) -> Result<(), Fault> {
        let name = self.local(line, tokens.first())?.to_owned();
        if tokens.get(1) != Some(&Token::Sign("=")) || tokens.len() < 3 {
            return Err(Fault::new(
                line,
                format!("write {{% {tag} {name} = value %}}"),
            ));
        }
        let value = self.expression(line, &tokens[2..])?;
        self.emit(line, &format!("{{% set g.v_{name} = ({value})|bounded %}}"));
        self.assigned.insert(name);
        Ok(())
    }

    fn begin_for(&mut self, line: usize, tokens: &[Token<'_>]) -> Result<(), Fault> {
        let mut locals = vec![self.local(line, tokens.first())?.to_owned()];
        let mut at = 1;
        if tokens.get(1) == Some(&Token::Sign(",")) {
            locals.push(self.local(line, tokens.get(2))?.to_owned());
            at = 3;
        }
        let is_in = matches!(tokens.get(at), Some(Token::Chain { text: "in", .. }));
        if !is_in || tokens.len() < at + 2 {
            return Err(Fault::new(line, "write {% for item in list %}"));
        }
        let tokens = &tokens[at + 1..];
        let (tokens, limits) = self.loop_limits(line, tokens)?;
        let list = self.expression(line, tokens)?;
        let names: Vec<String> = locals.iter().map(|name| format!("l_{name}")).collect();
        self.open("for", line)?.locals = locals;
        self.emit(
            line,
            &format!("{{% for {} in ({list}){limits} %}}", names.join(", ")),
        );
        Ok(())
    }

    /// Liquid's `limit: n`, `offset: n` and `reversed` at the end of a for.
    fn loop_limits<'t, 's>(
        &mut self,
        line: usize,
        mut tokens: &'t [Token<'s>],
    ) -> Result<(&'t [Token<'s>], String), Fault> {
        let (mut offset, mut limit, mut reversed) = (None, None, false);
        loop {
            match tokens {
                [
                    rest @ ..,
                    Token::Chain {
                        text: "reversed", ..
                    },
                ] if !rest.is_empty() => {
                    (tokens, reversed) = (rest, true);
                }
                [
                    rest @ ..,
                    Token::Chain { text, .. },
                    Token::Sign(":"),
                    value,
                ] if matches!(*text, "limit" | "offset") => {
                    let value = self.expression(line, std::slice::from_ref(value))?;
                    match *text {
                        "limit" => limit = Some(value),
                        _ => offset = Some(value),
                    }
                    tokens = rest;
                }
                _ => break,
            }
        }
        let mut limits = String::new();
        if offset.is_some() || limit.is_some() {
            let offset = offset.unwrap_or_else(|| "0".into());
            let limit = limit.unwrap_or_else(|| "1000000".into());
            limits = format!("|slice({offset}, {limit})");
        }
        if reversed {
            limits.push_str("|reverse");
        }
        Ok((tokens, limits))
    }

    fn when(&mut self, line: usize, tokens: &[Token<'_>]) -> Result<(), Fault> {
        let (number, opened) = match self.blocks.last_mut() {
            Some(block) if block.kind == "case" => {
                (block.case, std::mem::replace(&mut block.opened, true))
            }
            _ => return Err(Fault::new(line, "{% when %} stands in no case")),
        };
        self.count_branch(line)?;
        let mut tests = Vec::new();
        let is_or =
            |token: &Token<'_>| matches!(token, Token::Sign(",") | Token::Chain { text: "or", .. });
        for value in tokens.split(is_or) {
            let value = self.expression(line, value)?;
            tests.push(format!("g.case{number} == ({value})"));
        }
        let word = if opened { "elif" } else { "if" };
        self.emit(line, &format!("{{% {word} {} %}}", tests.join(" or ")));
        Ok(())
    }

    /// One expression, token by token.
    fn expression(&mut self, line: usize, tokens: &[Token<'_>]) -> Result<String, Fault> {
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

fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 20] = [
        "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "nil", "null",
        "True", "False", "None", "contains", "loop", "forloop", "blank", "empty",
    ];
    RESERVED.contains(&name)
}
