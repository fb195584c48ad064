//! The loops: match, run, dispatch, schedule, janitor.
