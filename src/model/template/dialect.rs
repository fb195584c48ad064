//! The dialect: Liquid's ways and our paths, rewritten into what minijinja understands.
//!
//! Every path becomes one variable (`p0`, `p1`, ...), filled in from the scope before a rendering:
//! so keys with dashes work, spellings of built-in fields agree, what is read is known beforehand,
//! and what is missing at any depth is simply undefined. Variables of `assign` live in one namespace
//! (`g`), so that, as in Liquid, an assignment inside a loop is seen after it.

use std::collections::BTreeSet;

use super::{
    Piece, TemplateError,
    lexer::{Item, Token},
};
use crate::model::{
    path::{Path, Root},
    problem::Problem,
};

mod expression;
mod tags;

/// The tags that there are.
#[rustfmt::skip]
pub const TAGS: [&str; 20] = [
    "if", "elsif", "elif", "else", "endif", "unless", "endunless", "for", "endfor", "break",
    "continue", "assign", "set", "case", "when", "endcase", "raw", "endraw", "comment", "endcomment",
];

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
}
