//! The operators of conditions: their names, what each takes, and what it means.

use super::nearest::did_you_mean;

/// A comparison that a condition's leaf makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // each is explained in its row of `Operator::ALL`, where the catalog reads it
pub enum Operator {
    Equals,
    NotEquals,
    GreaterThan,
    LessThan,
    GreaterOrEqual,
    LessOrEqual,
    Between,
    Contains,
    NotContains,
    StartsWith,
    EndsWith,
    MatchesRegex,
    In,
    NotIn,
    Includes,
    NotIncludes,
    Exists,
    NotExists,
    IsEmpty,
    IsNotEmpty,
    BeforeDate,
    AfterDate,
    BetweenDates,
    NewerThan,
    OlderThan,
    Changed,
    ChangedTo,
    ChangedFrom,
}

/// What an operator's `value` must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Takes {
    /// Nothing, `true`, or `false`, which turns the operator round.
    Flag,
    /// Any one value.
    One,
    /// Text.
    Text,
    /// A regular expression, written out (no template).
    Regex,
    /// A list; at run time one value counts as a list of one.
    List,
    /// Two bounds: `[from, to]` or `{"from": ..., "to": ...}`.
    Pair,
    /// A date or date-time.
    Date,
    /// Two dates.
    Dates,
    /// A span such as `"24 hours"`.
    Span,
}

/// An operator's row: itself, its name, what it takes, and what it means.
#[derive(Debug, Clone, Copy)]
pub struct OperatorRow {
    /// The operator.
    pub operator: Operator,
    /// Its name, lower snake case; the upper-case spelling is an alias.
    pub name: &'static str,
    /// What `value` must be.
    pub takes: Takes,
    /// What it means, one sentence.
    pub doc: &'static str,
}

const fn row(
    operator: Operator,
    name: &'static str,
    takes: Takes,
    doc: &'static str,
) -> OperatorRow {
    OperatorRow {
        operator,
        name,
        takes,
        doc,
    }
}

impl Operator {
    /// Every operator, in the order of the variants.
    #[rustfmt::skip]
    pub const ALL: [OperatorRow; 28] = [
        row(Operator::Equals, "equals", Takes::One, "The two are equal; text that is wholly a number or a date equals one."),
        row(Operator::NotEquals, "not_equals", Takes::One, "The negation of equals: true where the field is missing."),
        row(Operator::GreaterThan, "greater_than", Takes::One, "A larger number, a later date, or text that sorts after."),
        row(Operator::LessThan, "less_than", Takes::One, "A smaller number, an earlier date, or text that sorts before."),
        row(Operator::GreaterOrEqual, "greater_or_equal", Takes::One, "greater_than, or equal."),
        row(Operator::LessOrEqual, "less_or_equal", Takes::One, "less_than, or equal."),
        row(Operator::Between, "between", Takes::Pair, "Between two bounds, both included."),
        row(Operator::Contains, "contains", Takes::One, "Text has this text in it, or a list has this element."),
        row(Operator::NotContains, "not_contains", Takes::One, "The negation of contains: true where the field is missing."),
        row(Operator::StartsWith, "starts_with", Takes::Text, "Text begins with this text; case counts."),
        row(Operator::EndsWith, "ends_with", Takes::Text, "Text ends with this text; case counts."),
        row(Operator::MatchesRegex, "matches_regex", Takes::Regex, "The expression matches somewhere in the text; anchor with ^ and $."),
        row(Operator::In, "in", Takes::List, "Equals one of the list; of a list field, any element does."),
        row(Operator::NotIn, "not_in", Takes::List, "The negation of in: true where the field is missing."),
        row(Operator::Includes, "includes", Takes::One, "A list field has this element; of several wanted, any one."),
        row(Operator::NotIncludes, "not_includes", Takes::One, "The negation of includes: true where the field is missing."),
        row(Operator::Exists, "exists", Takes::Flag, "The field is there and not null."),
        row(Operator::NotExists, "not_exists", Takes::Flag, "The field is missing or null."),
        row(Operator::IsEmpty, "is_empty", Takes::Flag, "Missing, null, empty text, an empty list or an empty object."),
        row(Operator::IsNotEmpty, "is_not_empty", Takes::Flag, "The negation of is_empty."),
        row(Operator::BeforeDate, "before_date", Takes::Date, "Earlier than this date."),
        row(Operator::AfterDate, "after_date", Takes::Date, "Later than this date; a plain date is its midnight."),
        row(Operator::BetweenDates, "between_dates", Takes::Dates, "Between two dates, both included; a plain last date counts whole."),
        row(Operator::NewerThan, "newer_than", Takes::Span, "A date not longer ago than this span, or in the future; false where missing."),
        row(Operator::OlderThan, "older_than", Takes::Span, "A date longer ago than this span; false where missing."),
        row(Operator::Changed, "changed", Takes::Flag, "The event changed this field: old and new differ."),
        row(Operator::ChangedTo, "changed_to", Takes::One, "The event changed this field, and it equals this now."),
        row(Operator::ChangedFrom, "changed_from", Takes::One, "The event changed this field, and it equalled this before."),
    ];

    /// The operator of that name, lower or upper case; the error says which was meant.
    pub fn parse(name: &str) -> Result<Operator, String> {
        let known = |row: &&OperatorRow| row.name.eq_ignore_ascii_case(name);
        Self::ALL
            .iter()
            .find(known)
            .map(|row| row.operator)
            .ok_or_else(|| {
                did_you_mean(name, Self::ALL.iter().map(|row| row.name)).unwrap_or_else(|| {
                    let names: Vec<&str> = Self::ALL.iter().map(|row| row.name).collect();
                    format!("operators are {}", names.join(", "))
                })
            })
    }

    /// Its row of the table.
    pub fn row(self) -> &'static OperatorRow {
        &Self::ALL[self as usize]
    }

    /// Its name, lower snake case.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The positive operator, and whether this one is its negation.
    pub fn positive(self) -> (Operator, bool) {
        match self {
            Operator::NotEquals => (Operator::Equals, true),
            Operator::NotContains => (Operator::Contains, true),
            Operator::NotIn => (Operator::In, true),
            Operator::NotIncludes => (Operator::Includes, true),
            Operator::NotExists => (Operator::Exists, true),
            Operator::IsNotEmpty => (Operator::IsEmpty, true),
            positive => (positive, false),
        }
    }

    /// Whether its answer can change by the clock alone.
    pub fn is_clock_relative(self) -> bool {
        matches!(self, Operator::NewerThan | Operator::OlderThan)
    }

    /// Whether it reads dates, so that the zone counts where they have none.
    pub fn reads_dates(self) -> bool {
        let dates = matches!(self.row().takes, Takes::Date | Takes::Dates);
        dates || self.is_clock_relative()
    }

    /// Whether it compares `old.*` with `new.*`.
    pub fn is_change(self) -> bool {
        matches!(
            self,
            Operator::Changed | Operator::ChangedTo | Operator::ChangedFrom
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_rows_agree() {
        for row in &Operator::ALL {
            assert_eq!(row.operator.row().name, row.name);
            assert_eq!(Operator::parse(&row.name.to_uppercase()), Ok(row.operator));
        }
        assert_eq!(
            Operator::parse("equal"),
            Err("did you mean \"equals\"?".into())
        );
        assert!(
            Operator::parse("zzz")
                .unwrap_err()
                .starts_with("operators are equals, ")
        );
    }
}
