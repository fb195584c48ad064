//! The private Postgres that serves when no database is given.
