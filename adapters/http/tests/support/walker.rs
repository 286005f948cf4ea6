//! Walks an OpenAPI document: which requests it describes, and whether an answer is as described.
//! Tests of the surface and of a running network share it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use serde_json::Value;

/// A request that the document describes.
pub struct Described {
    /// `get` or `post`.
    pub method: String,
    /// Path and query, with values in place of their names.
    pub target: String,
    /// What the document says of its answers.
    responses: Value,
    schemas: Value,
}

/// All requests, optional parameters left out. `value` gives the value of a parameter of a path.
pub fn requests(document: &Value, value: impl Fn(&str, &str) -> String) -> Vec<Described> {
    let mut requests = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut target = path.clone();
            let mut query = Vec::new();
            for parameter in operation["parameters"].as_array().unwrap() {
                if parameter["required"] != true {
                    continue;
                }
                let name = parameter["name"].as_str().unwrap();
                let given = value(path, name);
                if parameter["in"] == "path" {
                    target = target.replace(&format!("{{{name}}}"), &given);
                } else {
                    query.push(format!("{name}={given}"));
                }
            }
            if !query.is_empty() {
                target = format!("{target}?{}", query.join("&"));
            }
            requests.push(Described {
                method: method.clone(),
                target,
                responses: operation["responses"].clone(),
                schemas: document["components"].clone(),
            });
        }
    }
    requests
}

impl Described {
    /// Whether this is a stream, which has no end.
    pub fn is_stream(&self) -> bool {
        !self.responses["200"]["content"]["text/event-stream"].is_null()
    }

    /// Asserts that an answer is one that the document describes.
    pub fn check(&self, status: u16, media: Option<&str>, body: &[u8]) {
        let what = format!("{} {}: {status}", self.method, self.target);
        let text = String::from_utf8_lossy(body);
        let described = match &self.responses[status.to_string()] {
            Value::Null if status >= 400 => &self.responses["default"],
            Value::Null => panic!("{what} is not described: {text}"),
            described => described,
        };
        let Some(content) = described["content"].as_object() else {
            assert!(
                body.is_empty(),
                "{what} is described without a body: {text}"
            );
            return;
        };
        let media = media.unwrap_or_else(|| panic!("{what} has no media type"));
        let described = content.get(media);
        let described = described.unwrap_or_else(|| panic!("{what}: {media} is not described"));
        if !described["schema"].is_null() {
            let answer: Value = serde_json::from_slice(body).unwrap();
            let mut errors = Vec::new();
            validate(
                &self.schemas,
                &described["schema"],
                &answer,
                "",
                &mut errors,
            );
            assert!(errors.is_empty(), "{what}: {errors:?} in {answer}");
        }
    }
}

/// Holds a value against a schema (JSON Schema 2020-12). It knows the keywords that our document
/// uses and refuses all others, so that nothing goes unchecked.
pub fn validate(
    components: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    errors: &mut Vec<String>,
) {
    let mut wrong = |what: String| errors.push(format!("{at}: {what}, found {value}"));
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "description" => true,
            "type" => is_of_type(value, rule.as_str().unwrap()),
            "enum" => rule.as_array().unwrap().contains(value),
            "pattern" => {
                let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minimum" => value.as_i64().is_none_or(|n| n >= rule.as_i64().unwrap()),
            "maximum" => value.as_i64().is_none_or(|n| n <= rule.as_i64().unwrap()),
            "required" => {
                let names = rule.as_array().unwrap().iter();
                let mut names = names.map(|name| name.as_str().unwrap());
                names.all(|name| value.get(name).is_some())
            }
            "additionalProperties" => {
                assert_eq!(rule, false);
                let mut names = value.as_object().into_iter().flatten();
                names.all(|(name, _)| schema["properties"].get(name).is_some())
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|choice| {
                let mut errors = Vec::new();
                validate(components, choice, value, at, &mut errors);
                errors.is_empty()
            }),
            "$ref" | "properties" | "items" => true,
            other => panic!("{at}: the walker does not know the keyword {other}"),
        };
        if !holds {
            wrong(format!("expected {keyword} {rule}"));
        }
    }
    parts(components, schema, value, at, errors);
}

/// The same of what a schema refers to, and of the parts of a value.
fn parts(components: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix("#/components").unwrap();
        let target = components.pointer(pointer).unwrap();
        validate(components, target, value, at, errors);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(member) = value.get(name) {
            validate(components, schema, member, &format!("{at}/{name}"), errors);
        }
    }
    if !schema["items"].is_null() {
        for (i, item) in value.as_array().into_iter().flatten().enumerate() {
            validate(
                components,
                &schema["items"],
                item,
                &format!("{at}/{i}"),
                errors,
            );
        }
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("the walker does not know the type {other}"),
    }
}
