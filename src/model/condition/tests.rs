//! Conditions, row by row.
