//! When two definitions are the same version.

use sha2::{Digest, Sha256};

use crate::{
    app::error::{AppError, AppResult},
    catalog::parse::Source,
    model::workflow::Definition,
};

/// Of the definition as it is read, so that layout and order of keys make no new version.
pub(in crate::app) fn checksum(source: &Source) -> AppResult<String> {
    let text = serde_json::to_string(&sorted(&stored(&source.definition)?))
        .map_err(|error| AppError::no(format!("{}: {error}", source.file)))?;
    Ok(hex::encode(Sha256::digest(text)))
}

/// With the keys of every object in order, as jsonb keeps none.
fn sorted(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            let mut pairs: Vec<_> = members.iter().collect();
            pairs.sort_by_key(|(name, _)| *name);
            Value::Object(
                pairs
                    .into_iter()
                    .map(|(k, v)| (k.clone(), sorted(v)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// As it is stored.
///
/// # Errors
/// It is no JSON.
pub(in crate::app) fn stored(definition: &Definition) -> AppResult<serde_json::Value> {
    serde_json::to_value(definition).map_err(|error| AppError::no(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::definitions::check_text;

    const PLAIN: &str = r#"{"id": "w", "trigger": {"type": "contact.created"},
        "actions": [{"id": "a", "type": "add_tag", "config": {"tag": "x"}}]}"#;

    #[test]
    fn layout_and_order_make_no_new_version_but_meaning_does() {
        let sum = |text: &str| checksum(check_text(text, "w.json").source.as_ref().expect("reads"));
        let turned = r#"{"actions": [{"type": "ADD_TAG", "config": {"tag": "x"}, "id": "a"}],
            "trigger": {"type": "contact.created"}, "id": "w"}"#;
        assert_eq!(sum(PLAIN).expect("sum"), sum(turned).expect("sum"));
        assert_ne!(
            sum(PLAIN).expect("sum"),
            sum(&PLAIN.replace("\"x\"", "\"y\"")).expect("sum")
        );
    }
}
