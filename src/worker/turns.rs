//! Tenants take turns: while there is more to do than one round takes, each tenant's oldest come first, a few of
//! each, so that one with a million due rows does not keep the others waiting (I-8).

/// Whose turn it is. As long as rounds by time come back short, nobody waits and nobody takes turns.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// There was more than a round takes.
    pub(super) crowded: bool,
    /// The tenant that had the last turn; none: they begin anew.
    pub(super) after: Option<i32>,
}

impl Turns {
    /// A tenant's turn.
    pub(super) const EACH: i32 = 50;

    /// Where the next turn begins, and how much of it is each tenant's.
    pub(super) fn next(&self) -> (Option<i32>, i32) {
        (self.after, Self::EACH)
    }
}
