//! A whole Waypost in a test.
