//! Whether a value is what a metadata field is declared to hold, for values that the compiler does not see.

use serde_json::Value;

/// Whether a value that was serialised may be one of the type, which is given as it is written in the catalog.
/// Of a type of the user's own, only `null` is known not to be one.
pub(crate) fn fits(type_name: &str, value: &Value) -> bool {
    let (name, parameter) = match type_name.split_once('<') {
        Some((name, rest)) => (name, rest.trim_end().strip_suffix('>').unwrap_or(rest)),
        None => (type_name, ""),
    };
    let name = name.rsplit("::").next().unwrap_or(name).trim();
    match name {
        "Option" => value.is_null() || fits(parameter, value),
        "Vec" => value.as_array().is_some_and(|values| values.iter().all(|value| fits(parameter, value))),
        "Value" => true,
        "bool" => value.is_boolean(),
        "i8" => integer::<i8>(value),
        "i16" => integer::<i16>(value),
        "i32" => integer::<i32>(value),
        "i64" | "isize" => value.is_i64(),
        "u8" => integer::<u8>(value),
        "u16" => integer::<u16>(value),
        "u32" => integer::<u32>(value),
        "u64" | "usize" => value.is_u64(),
        // What is not finite is an object of its own.
        "f32" | "f64" => value.is_number() || value.get("not_finite").is_some(),
        "String" | "Uuid" | "DateTime" | "IpAddr" => value.is_string(),
        _ => !value.is_null(),
    }
}

fn integer<T: TryFrom<i64>>(value: &Value) -> bool {
    value.as_i64().is_some_and(|value| T::try_from(value).is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::fits;

    #[test]
    fn a_value_fits_the_type_it_is_serialised_from() {
        assert!(fits("Option<String>", &json!(null)));
        assert!(fits("Option < std::string::String >", &json!("a")));
        assert!(fits("Vec<Option<u8>>", &json!([1, null, 255])));
        assert!(fits("f64", &json!(1)));
        assert!(fits("i64", &json!(-1)));
        assert!(fits("chrono::DateTime<Utc>", &json!("2026-01-01T00:00:00Z")));
        assert!(fits("serde_json::Value", &json!(null)));
        assert!(fits("Plan", &json!({ "seats": 5 })));
    }

    #[test]
    fn a_value_of_another_type_does_not() {
        assert!(!fits("Option<String>", &json!(7)));
        assert!(!fits("String", &json!(null)));
        assert!(!fits("Vec<u8>", &json!([256])));
        assert!(!fits("u64", &json!(-1)));
        assert!(!fits("i64", &json!(0.5)));
        assert!(!fits("bool", &json!("true")));
        assert!(!fits("Plan", &json!(null)));
    }
}
