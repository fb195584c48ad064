//! `split`: divides contacts by percentage (an A/B test) or by conditions.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{
    choice,
    conditional::{self, ConditionalBranch, FirstOf},
};
use crate::{
    catalog::{
        action::{Action, ActionEntry, Class, Outcome, Resolve, StepContext},
        words::{self, Problems},
    },
    model::{problem::Problem, workflow::Step},
};

/// Divides contacts by percentage (an A/B test) or by conditions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Split {
    /// How contacts are divided. Default `percentage`.
    #[serde(default)]
    pub split_type: SplitType,
    /// `percentage`: the variants; their percentages total 100.
    #[serde(default)]
    pub branches: Vec<Variant>,
    /// `percentage`: a contact gets the same variant every time. Default true; false chooses anew at
    /// every visit.
    #[serde(default)]
    pub sticky: Option<bool>,
    /// `conditional`: the first one whose condition holds is taken.
    #[serde(default)]
    pub conditional_branches: Vec<ConditionalBranch>,
    /// `conditional`: next steps where none holds. Empty: the branch ends.
    #[serde(default)]
    pub default_branch: Vec<String>,
}

/// How contacts are divided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SplitType {
    /// By hash, in shares.
    #[default]
    Percentage,
    /// By conditions.
    Conditional,
}

/// One variant of a split by percentage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variant {
    /// Its name within the split; contacts stay with it while it exists.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    /// Its share of the contacts, 0 to 100.
    pub percentage: f64,
    /// Next steps. Empty: the branch ends.
    #[serde(default)]
    pub actions: Vec<String>,
    /// `holdout` marks the group that others are measured against.
    #[serde(default)]
    pub kind: VariantKind,
}

/// What a variant is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VariantKind {
    /// Takes part.
    #[default]
    Variant,
    /// Is kept out, as the measure of the others.
    Holdout,
}

/// The row of the table.
pub const ENTRY: ActionEntry = ActionEntry {
    kind: "split",
    title: "Divide contacts by percentage or condition",
    schema: || schemars::schema_for!(Split),
    compile,
};

/// How far the percentages may be from 100 in all.
const TOLERANCE: f64 = 0.01 + 1e-9;

fn compile(step: &Step, resolve: &dyn Resolve) -> Result<Box<dyn Action>, Vec<Problem>> {
    let config: Split = words::config(step)?;
    let mut found = Problems::default();
    let mut misplaced = |name: &str, given: bool| {
        if given {
            let text = format!("\"{name}\" says nothing to this type of split");
            found.0.push(Problem::error(
                "unused_field",
                format!("config.{name}"),
                text,
            ));
        }
    };
    let action: Option<Box<dyn Action>> = match config.split_type {
        SplitType::Percentage => {
            misplaced(
                "conditionalBranches",
                !config.conditional_branches.is_empty(),
            );
            misplaced("defaultBranch", !config.default_branch.is_empty());
            Some(Box::new(by_percentage(config, resolve, &mut found)))
        }
        SplitType::Conditional => {
            misplaced("branches", !config.branches.is_empty());
            misplaced("sticky", config.sticky.is_some());
            Some(Box::new(by_condition(config, resolve, &mut found)))
        }
    };
    found.finish(action)
}

fn by_percentage(config: Split, resolve: &dyn Resolve, found: &mut Problems) -> ByPercentage {
    let mut ids = BTreeSet::new();
    let mut variants = Vec::new();
    let mut total = 0.0;
    for (i, variant) in config.branches.into_iter().enumerate() {
        let path = format!("config.branches[{i}]");
        if !(0.0..=100.0).contains(&variant.percentage) {
            let at = format!("{path}.percentage");
            found.0.push(Problem::error(
                "invalid_value",
                at,
                "a percentage lies from 0 to 100",
            ));
        }
        if !ids.insert(variant.id.clone()) {
            found.0.push(conditional::duplicate(&variant.id, &path));
        }
        total += variant.percentage;
        let steps = found.steps(&variant.actions, &format!("{path}.actions"), resolve);
        let holdout = variant.kind == VariantKind::Holdout;
        variants.push(Share {
            id: variant.id,
            percentage: variant.percentage,
            steps,
            holdout,
        });
    }
    if (total - 100.0).abs() > TOLERANCE {
        let text = format!(
            "the percentages total {}, not 100",
            (total * 100.0).round() / 100.0
        );
        found.0.push(Problem::error(
            "percentages_not_100",
            "config.branches",
            text,
        ));
    }
    ByPercentage {
        variants,
        sticky: config.sticky.unwrap_or(true),
    }
}

fn by_condition(config: Split, resolve: &dyn Resolve, found: &mut Problems) -> FirstOf {
    let path = "config.conditionalBranches";
    if config.conditional_branches.is_empty() {
        let text = "a conditional split has branches";
        found.0.push(Problem::error("missing_field", path, text));
    }
    let default = found.steps(&config.default_branch, "config.defaultBranch", resolve);
    let names = ("default", "variant");
    FirstOf::compile(
        config.conditional_branches,
        path,
        default,
        names,
        resolve,
        found,
    )
}

#[derive(Debug)]
struct Share {
    id: String,
    percentage: f64,
    steps: Vec<u32>,
    holdout: bool,
}

#[derive(Debug)]
struct ByPercentage {
    variants: Vec<Share>,
    sticky: bool,
}

impl Action for ByPercentage {
    fn run(&self, cx: &StepContext<'_>) -> Outcome {
        let before = cx.chosen.filter(|_| self.sticky);
        let known = before.and_then(|id| self.variants.iter().find(|variant| variant.id == id));
        let variant = known.unwrap_or_else(|| {
            let fraction = if self.sticky {
                choice::sticky(cx)
            } else {
                choice::per_visit(cx)
            };
            let shares = self.variants.iter().map(|variant| variant.percentage);
            &self.variants[choice::pick(fraction, shares)]
        });
        let mut result = json!({ "variant": variant.id });
        if variant.holdout {
            result["holdout"] = json!(true);
        }
        Outcome::Choose {
            steps: variant.steps.clone(),
            variant: self.sticky.then(|| variant.id.clone()),
            result: result.into(),
        }
    }

    fn sticky(&self) -> bool {
        self.sticky
    }

    fn targets(&self) -> Vec<u32> {
        self.variants
            .iter()
            .flat_map(|variant| &variant.steps)
            .copied()
            .collect()
    }

    fn class(&self) -> Class {
        Class::Flow
    }
}
