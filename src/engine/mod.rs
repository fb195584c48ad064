//! Pure decisions: given a definition, a state and the time, what happens.
