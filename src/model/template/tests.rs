//! Templates, row by row.
