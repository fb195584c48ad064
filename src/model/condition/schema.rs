//! The JSON Schema of a condition.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::ConditionSpec;
use crate::model::{operator::Operator, schema::any_case};

impl JsonSchema for ConditionSpec {
    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let part = generator.subschema_for::<ConditionSpec>();
        let names: Vec<&str> = Operator::ALL.iter().map(|row| row.name).collect();
        let operator = any_case(&names, "How field and value compare.");
        let joined = any_case(&["AND", "OR", "NOT"], "All hold, one holds, or none holds.");
        json_schema!({
            "description": "A group of conditions joined by AND, OR or NOT (none holds), or one comparison.",
            "type": "object",
            // One branch or the other, by the presence of `conditions`: errors stay readable.
            "if": {"required": ["conditions"]},
            "then": {
                "properties": {
                    "operator": joined,
                    "conditions": {"type": "array", "items": part}
                },
                "additionalProperties": false
            },
            "else": {
                "properties": {
                    "field": {"type": "string", "description": "A path such as contact.email."},
                    "operator": operator,
                    "value": {"description": "What to compare with; its strings may be templates."}
                },
                "required": ["field", "operator"],
                "additionalProperties": false
            }
        })
    }
}
