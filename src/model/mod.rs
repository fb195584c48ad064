//! The words of the language and of the engine: pure types, no I/O, no clock.
