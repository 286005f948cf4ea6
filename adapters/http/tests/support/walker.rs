//! Walks an OpenAPI document: which requests it describes, and whether an answer is as described.
//! Tests of the surface and of a running network share it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use serde_json::{Value, json};

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
        if let Some(reference) = described["schema"]["$ref"].as_str() {
            let schema = json!({ "$ref": reference, "components": self.schemas });
            let validator = jsonschema::validator_for(&schema).unwrap();
            let answer: Value = serde_json::from_slice(body).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&answer)
                .map(|e| format!("{}: {e}", e.instance_path()))
                .collect();
            assert!(
                errors.is_empty(),
                "{what} {reference}: {errors:?} in {answer}"
            );
        }
    }
}
