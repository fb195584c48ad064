//! Every action keeps the rules of the table.

use super::*;

#[test]
fn the_table_is_in_order_and_documented() {
    assert!(ALL.is_sorted_by_key(|entry| entry.kind));
    for entry in ALL {
        assert_eq!(find(entry.kind).map(|found| found.kind), Some(entry.kind));
        let schema = (entry.schema)();
        let schema = schema.as_value();
        assert!(
            schema.get("description").is_some(),
            "{} has no description",
            entry.kind
        );
        assert_eq!(
            schema["additionalProperties"], false,
            "{} takes unknown fields",
            entry.kind
        );
        let fields = schema
            .get("properties")
            .and_then(serde_json::Value::as_object);
        for (name, field) in fields.into_iter().flatten() {
            assert!(
                field.get("description").is_some(),
                "{}.{name} has no description",
                entry.kind
            );
        }
    }
}
