//! Pieces of JSON Schema that several words share.

use schemars::{Schema, json_schema};

/// One of `words` in any case: the words as written for completion, the rest as a pattern.
pub fn any_case(words: &[&str], description: &str) -> Schema {
    let letter = |c: char| match c.is_ascii_alphabetic() {
        true => format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase()),
        false => c.to_string(),
    };
    let patterns: Vec<String> = words
        .iter()
        .map(|word| word.chars().map(letter).collect())
        .collect();
    json_schema!({
        "description": description,
        "type": "string",
        "anyOf": [{"enum": words}, {"pattern": format!("^({})$", patterns.join("|"))}]
    })
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, schema_for};
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use crate::model::{
        condition::{Condition, ConditionSpec},
        retry::RetryConfig,
        span::Span,
    };

    fn valid<T: JsonSchema>(value: &Value) -> bool {
        let schema = serde_json::to_value(schema_for!(T)).unwrap();
        jsonschema::validator_for(&schema).unwrap().is_valid(value)
    }

    fn agree<T: JsonSchema + DeserializeOwned>(value: Value, want: bool) {
        assert_eq!(valid::<T>(&value), want, "the schema on {value}");
        assert_eq!(
            serde_json::from_value::<T>(value.clone()).is_ok(),
            want,
            "{value}"
        );
    }

    #[test]
    fn schema_and_reader_agree() {
        agree::<Span>(json!({"amount": 2, "unit": "Days"}), true);
        agree::<Span>(json!("24 hours"), true);
        agree::<Span>(json!(1000), true);
        agree::<Span>(json!({"amount": 2, "unit": "dayz"}), false);
        agree::<Span>(json!({"amount": 2, "unit": "days", "x": 1}), false);
        agree::<Span>(json!(-1), false);
        agree::<Span>(json!([]), false);
        agree::<RetryConfig>(
            json!({"enabled": true, "maxAttempts": 3, "backoffStrategy": "EXPONENTIAL",
                "retryDelay": {"initial": 1000, "max": "5 minutes", "multiplier": 2},
                "retryableErrors": ["timeout"]}),
            true,
        );
        agree::<RetryConfig>(json!({"backoffStrategy": "Linear"}), true);
        agree::<RetryConfig>(json!({"backoffStrategy": "line"}), false);
        agree::<RetryConfig>(json!({"maxAttempts": 0}), false);
        agree::<RetryConfig>(json!({"attempts": 3}), false);
    }

    #[test]
    fn conditions_too() {
        let leaf = json!({"field": "contact.email", "operator": "EXISTS", "value": true});
        let rows = [
            (leaf.clone(), true),
            (
                json!({"operator": "AND", "conditions": [leaf, {"operator": "not", "conditions": []}]}),
                true,
            ),
            (json!({"conditions": []}), true),
            (
                json!({"field": "contact.email", "operator": "exist"}),
                false,
            ),
            (
                json!({"field": "contact.email", "operator": "exists", "valeu": 1}),
                false,
            ),
            (
                json!({"operator": "AND", "conditions": [{"field": "contact.email"}]}),
                false,
            ),
            (json!({"operator": "XOR", "conditions": []}), false),
            (json!([]), false),
        ];
        for (value, want) in rows {
            assert_eq!(
                valid::<ConditionSpec>(&value),
                want,
                "the schema on {value}"
            );
            assert_eq!(
                Condition::compile(&ConditionSpec(value.clone())).is_ok(),
                want,
                "{value}"
            );
        }
    }
}
