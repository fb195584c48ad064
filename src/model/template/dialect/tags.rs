//! The tags: Liquid's blocks onto minijinja's.

use super::{Fault, Rewriter, TAGS, expression::is_reserved};
use crate::model::{nearest::did_you_mean, path::Root, template::lexer::Token};

impl Rewriter {
    pub(super) fn tag(
        &mut self,
        line: usize,
        name: &str,
        tokens: &[Token<'_>],
    ) -> Result<(), Fault> {
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
}
