//! Where a path's value comes from.

use std::borrow::Cow;

use serde_json::Value;

use super::path::Path;

/// What conditions and templates read: the contact, the event, variables and results.
pub trait Scope {
    /// The value at `path`; missing and null are both `None`.
    fn get<'a>(&'a self, path: &Path) -> Option<Cow<'a, Value>>;
}

/// A scope over one object whose keys are the roots: `{"contact": {...}, "event": {...}}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MapScope(pub Value);

impl Scope for MapScope {
    fn get<'a>(&'a self, path: &Path) -> Option<Cow<'a, Value>> {
        path.find(self.0.get(path.root().name())?)
            .map(Cow::Borrowed)
    }
}
