//! The catalog as JSON Schema (draft 2020-12).

use serde_json::{Map, Value, json};

use super::{ActionInfo, Catalog, FieldInfo, list};
use crate::{ActorType, Metadata, Outcome};

/// A schema of the entries that a catalog makes, as `audit export --format jsonl` writes them: for each action its
/// target type and its metadata.
///
/// A type that only the program knows may be anything. A field that was erased is missing from its entry, though the schema
/// requires it.
///
/// # Examples
///
/// ```
/// use audit_core::{AuditAction, catalog};
///
/// let schema: serde_json::Value = serde_json::from_str(&catalog::json_schema::<AuditAction>()).unwrap();
/// let created = &schema["$defs"]["project.created"];
/// assert_eq!(created["properties"]["target_type"]["const"], "project");
/// ```
#[must_use]
pub fn json_schema<C: Catalog>() -> String {
    let actions = list::<C>();
    let references = actions.iter().map(|info| json!({ "$ref": format!("#/$defs/{}", info.name) }));
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Entries of an audit log",
        "type": "object",
        "required": ["id", "action", "actor_type", "target_type", "outcome", "created_at", "metadata"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "created_at": { "type": "string", "format": "date-time" },
            "actor_type": { "enum": ActorType::ALL.map(ActorType::as_str) },
            "actor_id": { "type": ["string", "null"] },
            "target_id": { "type": ["string", "null"] },
            "outcome": { "enum": Outcome::ALL.map(Outcome::as_str) },
        },
        "oneOf": references.collect::<Value>(),
        "$defs": actions.iter().map(|info| (info.name.to_owned(), action(info))).collect::<Map<_, _>>(),
    });
    format!("{schema:#}\n")
}

fn action(info: &ActionInfo) -> Value {
    json!({
        "description": info.description,
        "properties": {
            "action": { "const": info.name },
            "target_type": { "const": info.target },
            "metadata": metadata(info),
        },
    })
}

fn metadata(info: &ActionInfo) -> Value {
    if info.free_form {
        return json!({ "type": "object" });
    }
    let mut properties: Map<_, _> = info.fields.iter().map(|field| (field.name.to_owned(), described(field))).collect();
    properties
        .insert(Metadata::MARKS.to_owned(), json!({ "type": "object", "description": "What the library has to say." }));
    let always: Vec<_> = info.fields.iter().filter(|field| !field.optional).map(|field| field.name).collect();
    json!({ "type": "object", "properties": properties, "required": always })
}

fn described(field: &FieldInfo) -> Value {
    let mut schema = of_type(field.type_name);
    if !field.description.is_empty() {
        schema.insert("description".to_owned(), field.description.into());
    }
    Value::Object(schema)
}

/// The schema of a Rust type, by its name.
fn of_type(name: &str) -> Map<String, Value> {
    if let Some(inner) = argument(name, "Option") {
        let mut schema = of_type(inner);
        if let Some(kinds) = schema.get_mut("type") {
            let mut all = kinds.as_array().cloned().unwrap_or_else(|| vec![kinds.clone()]);
            all.push("null".into());
            *kinds = all.into();
        }
        return schema;
    }
    if let Some(inner) = argument(name, "Vec") {
        return object(json!({ "type": "array", "items": of_type(inner) }));
    }
    let last = name.split('<').next().and_then(|path| path.rfind("::")).map_or(name, |at| &name[at + 2..]);
    object(match last {
        "String" | "IpAddr" => json!({ "type": "string" }),
        "bool" => json!({ "type": "boolean" }),
        "f32" | "f64" => json!({ "type": "number" }),
        "i8" | "i16" | "i32" => json!({ "type": "integer" }),
        "u8" | "u16" | "u32" => json!({ "type": "integer", "minimum": 0 }),
        // What no double holds is stored as text.
        "i64" | "isize" | "u64" | "usize" => json!({ "type": ["integer", "string"] }),
        "Uuid" => json!({ "type": "string", "format": "uuid" }),
        "DateTime<Utc>" | "DateTime<chrono::Utc>" => json!({ "type": "string", "format": "date-time" }),
        _ => json!({}),
    })
}

/// The only argument of a generic type, as written: `Vec<String>`, `std::vec::Vec<String>`.
fn argument<'a>(name: &'a str, generic: &str) -> Option<&'a str> {
    let (path, inner) = name.strip_suffix('>')?.split_once('<')?;
    (path.rsplit("::").next()?.trim() == generic).then(|| inner.trim())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_what_their_values_are_recorded_as() {
        for (name, expected) in [
            ("String", json!({ "type": "string" })),
            ("Option<String>", json!({ "type": ["string", "null"] })),
            ("Vec<Option<u8>>", json!({ "type": "array", "items": { "type": ["integer", "null"], "minimum": 0 } })),
            ("std::net::IpAddr", json!({ "type": "string" })),
            ("chrono::DateTime<Utc>", json!({ "type": "string", "format": "date-time" })),
            ("Option<Value>", json!({})),
            ("Plan", json!({})),
        ] {
            assert_eq!(Value::Object(of_type(name)), expected, "{name}");
        }
    }
}
