//! From the written condition to the compiled one, with every problem said at once.

use serde_json::{Map, Value};

use super::{Change, ConditionSpec, Group, Leaf, MAX_DEPTH, MAX_LEAVES, Want, wanted::Wanted};
use crate::model::{
    nearest::did_you_mean,
    operator::{Operator, Takes},
    path::{Path, Root},
    problem::Problem,
    template::ValueTemplate,
};

struct Compiler {
    problems: Vec<Problem>,
    leaves: usize,
}

pub(super) fn compile(spec: &Value) -> Result<Group, Vec<Problem>> {
    run(|compiler| compiler.group_or_leaf(spec, "", 1))
}

pub(super) fn compile_list(specs: &[ConditionSpec]) -> Result<Group, Vec<Problem>> {
    run(|compiler| {
        let parts = specs.iter().enumerate();
        Group::All(
            parts
                .map(|(i, spec)| compiler.group_or_leaf(&spec.0, &format!("[{i}]"), 1))
                .collect(),
        )
    })
}

fn run(build: impl FnOnce(&mut Compiler) -> Group) -> Result<Group, Vec<Problem>> {
    let mut compiler = Compiler {
        problems: Vec::new(),
        leaves: 0,
    };
    let group = build(&mut compiler);
    if compiler.leaves > MAX_LEAVES {
        let message = format!("the condition has more than {MAX_LEAVES} comparisons");
        compiler
            .problems
            .push(Problem::error("condition_too_large", "", message));
    }
    if compiler.problems.is_empty() {
        Ok(group)
    } else {
        Err(compiler.problems)
    }
}

/// Stands where something was refused; never evaluated, since problems refuse the whole.
const REFUSED: Group = Group::Any(Vec::new());

impl Compiler {
    fn problem(&mut self, problem: Problem) -> Group {
        // A condition of a million mistakes needs no million messages.
        if self.problems.len() < 100 {
            self.problems.push(problem);
        }
        REFUSED
    }

    fn group_or_leaf(&mut self, spec: &Value, at: &str, depth: usize) -> Group {
        let Value::Object(map) = spec else {
            return self.problem(
                Problem::error("not_a_condition", at, "a condition is an object").hint(
                    "write {\"field\": \"contact.email\", \"operator\": \"exists\"} or a group",
                ),
            );
        };
        if depth > MAX_DEPTH {
            let message = format!("groups nest deeper than {MAX_DEPTH} levels");
            return self.problem(Problem::error("condition_too_deep", at, message));
        }
        if map.contains_key("conditions") {
            self.group(map, at, depth)
        } else {
            self.leaf(map, at)
        }
    }

    fn refuse_unknown(&mut self, map: &Map<String, Value>, known: &[&str], at: &str) {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let short: String = key.chars().take(60).collect();
            let message = format!("there is no {short:?} in a condition");
            let hint = did_you_mean(key, known.iter().copied())
                .unwrap_or_else(|| format!("it has {}", known.join(", ")));
            self.problem(Problem::error("unknown_field", inside(at, &short), message).hint(hint));
        }
    }

    fn group(&mut self, map: &Map<String, Value>, at: &str, depth: usize) -> Group {
        self.refuse_unknown(map, &["operator", "conditions"], at);
        let Some(Value::Array(specs)) = map.get("conditions") else {
            let problem = Problem::error(
                "not_a_list",
                inside(at, "conditions"),
                "conditions is no list",
            );
            return self.problem(problem);
        };
        let mut parts = Vec::with_capacity(specs.len().min(MAX_LEAVES));
        for (i, spec) in specs.iter().enumerate() {
            if self.leaves > MAX_LEAVES {
                break;
            }
            parts.push(self.group_or_leaf(
                spec,
                &inside(at, &format!("conditions[{i}]")),
                depth + 1,
            ));
        }
        // Without an operator a list means all of it, as a list of filters does.
        let name = match map.get("operator") {
            None => "AND",
            Some(Value::String(name)) => name,
            Some(_) => "",
        };
        match name.to_ascii_uppercase().as_str() {
            "AND" => Group::All(parts),
            "OR" => Group::Any(parts),
            "NOT" => Group::None(parts),
            _ => {
                let hint = did_you_mean(name, ["AND", "OR", "NOT"])
                    .unwrap_or_else(|| "a group's operator is AND, OR or NOT".into());
                let short: String = name.chars().take(60).collect();
                let message = format!("{short:?} does not join conditions");
                self.problem(
                    Problem::error("unknown_operator", inside(at, "operator"), message).hint(hint),
                )
            }
        }
    }

    fn leaf(&mut self, map: &Map<String, Value>, at: &str) -> Group {
        self.leaves += 1;
        self.refuse_unknown(map, &["field", "operator", "value"], at);
        let field = self.field(map.get("field"), at);
        let operator = self.operator(map.get("operator"), at);
        let (Some(field), Some(operator)) = (field, operator) else {
            return REFUSED;
        };
        let Some(wanted) = self.wanted(operator, map.get("value"), at) else {
            return REFUSED;
        };
        let change = if operator.is_change() {
            if !matches!(field.root(), Root::Old | Root::New | Root::Contact) {
                let message = format!(
                    "{} tells of a change, and {field} has no old value",
                    operator.name()
                );
                let hint = "name the field below new, such as new.status";
                let problem = Problem::error("no_old_value", inside(at, "field"), message);
                return self.problem(problem.hint(hint));
            }
            Some(Box::new(Change {
                old: field.below(Root::Old),
                new: field.below(Root::New),
            }))
        } else {
            None
        };
        Group::Leaf(Box::new(Leaf {
            field,
            change,
            operator,
            wanted,
        }))
    }

    fn field(&mut self, field: Option<&Value>, at: &str) -> Option<Path> {
        let at = inside(at, "field");
        let Some(Value::String(text)) = field else {
            let message = if field.is_some() {
                "field is no text"
            } else {
                "field is missing"
            };
            let hint = "write a path such as contact.email";
            self.problem(Problem::error("no_field", at, message).hint(hint));
            return None;
        };
        // The path may stand in braces, as it would in a template.
        let bare = text
            .trim()
            .strip_prefix("{{")
            .and_then(|rest| rest.strip_suffix("}}"));
        match Path::parse(bare.unwrap_or(text)) {
            Ok(path) => Some(path),
            Err(error) => {
                let problem = Problem::error("bad_path", at, error.message);
                self.problem(problem.maybe_hint(error.hint));
                None
            }
        }
    }

    fn operator(&mut self, operator: Option<&Value>, at: &str) -> Option<Operator> {
        let at = inside(at, "operator");
        let Some(Value::String(name)) = operator else {
            let problem = Problem::error("no_operator", at, "operator is missing")
                .hint("write one such as equals or exists");
            self.problem(problem);
            return None;
        };
        match Operator::parse(name) {
            Ok(operator) => Some(operator),
            Err(hint) => {
                let short: String = name.chars().take(60).collect();
                let message = format!("there is no operator {short:?}");
                self.problem(Problem::error("unknown_operator", at, message).hint(hint));
                None
            }
        }
    }

    fn wanted(&mut self, operator: Operator, value: Option<&Value>, at: &str) -> Option<Want> {
        let takes = operator.row().takes;
        let at = inside(at, "value");
        let value = match (value, takes) {
            (None | Some(Value::Null), Takes::Flag) => &Value::Bool(true),
            (None, _) => {
                let message = format!("{} needs a value", operator.name());
                self.problem(Problem::error("no_value", at, message));
                return None;
            }
            (Some(Value::Null), _) => {
                let problem = Problem::error("null_value", at, "null is no value to compare with")
                    .hint("use the operator exists or not_exists");
                self.problem(problem);
                return None;
            }
            (Some(value), _) => value,
        };
        if takes != Takes::Regex {
            match ValueTemplate::compile(value) {
                Ok(template) if template.literal().is_none() => {
                    return Some(Want::Template(template));
                }
                Ok(_) => {}
                Err(problems) => {
                    for problem in problems {
                        self.problem(problem.within(&at));
                    }
                    return None;
                }
            }
        }
        match Wanted::of(takes, value.clone()) {
            Ok(wanted) => Some(Want::Ready(wanted)),
            Err((why, hint)) => {
                self.problem(Problem::error("bad_value", at, why).maybe_hint(hint));
                None
            }
        }
    }
}

fn inside(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}
