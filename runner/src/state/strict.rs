//! JSON in which no name is there twice: which of two values counts would be a matter of luck, and the other one lost
//! without a word. serde_json itself takes the last one.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Parses a text.
///
/// # Errors
/// When it is not JSON, or says something twice, at any depth.
pub fn parse(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text).map(|Strict(value)| value)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values).map(Strict)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(value)) = values.next_element()? {
            all.push(value);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, _>()? {
            if all.contains_key(&name) {
                return Err(de::Error::custom(format!("'{name}' is there twice")));
            }
            all.insert(name, value);
        }
        Ok(all.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_once_is_the_same_as_for_serde_json() {
        for text in [
            "null",
            "[true,-1,1.5,18446744073709551615,\"\\n\"]",
            "{\"b\":{\"a\":[]},\"a\":{\"b\":{}}}",
            "[{\"a\":1},{\"a\":2}]",
        ] {
            let plain: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text).unwrap(), plain);
        }
    }

    #[test]
    fn what_is_said_twice_is_an_error_at_any_depth() {
        for text in [
            "{\"a\":1,\"a\":1}",
            "[[{\"x\":{\"a\":1,\"b\":2,\"a\":null}}]]",
            // The same name, written in another way.
            "{\"a\":1,\"\\u0061\":2}",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("'a' is there twice"), "{error}");
        }
        // No deep nesting brings the program down.
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
