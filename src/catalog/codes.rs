//! Codes of the findings that reading a definition can make; `engine::check::codes` documents all of them.

/// The text is no JSON or YAML.
pub const SYNTAX: &str = "syntax";
/// More than 1 MiB of text.
pub const TOO_LARGE: &str = "too_large";
/// Nested deeper than 64 levels, or more values than a definition can need.
pub const TOO_DEEP: &str = "too_deep";
/// A key stands twice in one object.
pub const DUPLICATE_KEY: &str = "duplicate_key";
/// A field that does not exist here.
pub const UNKNOWN_FIELD: &str = "unknown_field";
/// A field that must be there is not.
pub const MISSING_FIELD: &str = "missing_field";
/// A value of the wrong type or out of range.
pub const INVALID_VALUE: &str = "invalid_value";
/// More than 500 steps.
pub const TOO_MANY_STEPS: &str = "too_many_steps";
/// An event type that is near to one of the catalog's.
pub const UNKNOWN_EVENT_TYPE: &str = "unknown_event_type";

/// Each code with one line for people.
pub const ALL: &[(&str, &str)] = &[
    (
        SYNTAX,
        "The text is neither JSON nor YAML; the line and column say where it breaks.",
    ),
    (TOO_LARGE, "A definition may have at most 1 MiB of text."),
    (
        TOO_DEEP,
        "A definition may nest at most 64 levels deep, and its YAML aliases may not grow it without end.",
    ),
    (
        DUPLICATE_KEY,
        "A key stands twice in one object, so one of the two values would be lost.",
    ),
    (
        UNKNOWN_FIELD,
        "The field does not exist in this place; the hint names the nearest one that does.",
    ),
    (MISSING_FIELD, "A field that must be given is absent."),
    (
        INVALID_VALUE,
        "The value has the wrong type, is out of range, or is no word of the list.",
    ),
    (
        UNKNOWN_EVENT_TYPE,
        "The event type is not in the catalog but close to one that is. Types of your own are fine.",
    ),
    (TOO_MANY_STEPS, "A workflow may have at most 500 steps."),
];
