//! The OpenAPI 3.1 document, made from the table of routes.

mod schemas;

use crate::asking::Parameters;
use crate::conditional::{Freshness, JSON, Kept};
use crate::problem::HttpProblem;
use crate::routes::{self, Place, Route};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// How long the document may be kept, in seconds.
const DOCUMENT_S: u32 = 3600;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| build().to_string().into());

/// `GET /v1/openapi.json`.
pub(crate) async fn document(kept: Kept, parameters: Parameters) -> Result<Response, HttpProblem> {
    parameters.allow(&[])?;
    Ok(kept.answer(JSON, DOCUMENT.clone(), Freshness::Seconds(DOCUMENT_S)))
}

fn build() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes::table() {
        let item = paths.entry(route.open_api_path()).or_insert(json!({}));
        item[route.method] = operation(&route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wutong node",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Evidence ledger: submit signed statements, read receipts, proofs, \
                            log, state and events. Refusals are problem details that name the \
                            field and the next step.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": schemas::all() },
    })
}

fn operation(route: &Route) -> Value {
    let parameters: Vec<Value> = route
        .parameters
        .iter()
        .map(|parameter| {
            let (place, required) = match parameter.place {
                Place::Path => ("path", true),
                Place::Query => ("query", false),
                Place::Needed => ("query", true),
                Place::Header => ("header", false),
            };
            json!({
                "name": parameter.name,
                "in": place,
                "required": required,
                "description": parameter.about,
                "schema": schemas::reference(parameter.schema),
            })
        })
        .collect();
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "parameters": parameters,
        "responses": responses(route),
    });
    if let Some(media) = route.body {
        operation["requestBody"] = json!({ "required": true, "content": { media: {} } });
    }
    operation
}

fn responses(route: &Route) -> Value {
    let refusal = if route.refusals == crate::scitt::CONCISE {
        json!({ route.refusals: {} })
    } else {
        json!({ route.refusals: { "schema": schemas::reference("Problem") } })
    };
    let mut responses = json!({ "default": { "description": "Refused.", "content": refusal } });
    for reply in &route.answers {
        let mut response = json!({ "description": reply.about });
        if let Some((media, schema)) = reply.body {
            let schema = schema.map(schemas::reference);
            let body = schema.map_or(json!({}), |schema| json!({ "schema": schema }));
            response["content"] = json!({ media: body });
        }
        responses[reply.status.to_string()] = response;
    }
    responses
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_document_says_what_the_router_serves() {
        let document = build();
        let mut served = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for route in routes::table() {
            let path = route.open_api_path();
            assert!(served.insert((path.clone(), route.method)), "{path} twice");
            assert!(ids.insert(route.id), "{} twice", route.id);
            assert!(!route.answers.is_empty(), "{path} answers nothing");
            for parameter in route.parameters.iter().filter(|p| p.place == Place::Path) {
                let segment = format!("{{{}}}", parameter.name);
                assert!(path.contains(&segment), "{path} has no {segment}");
            }
            let variables = path.matches('{').count();
            let described = route.parameters.iter().filter(|p| p.place == Place::Path);
            assert_eq!(variables, described.count(), "{path}");
        }
        let paths = document["paths"].as_object().unwrap();
        let documented = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(|method| (path.clone(), method.clone()))
        });
        let served = served
            .into_iter()
            .map(|(path, method)| (path, method.to_owned()));
        assert_eq!(documented.collect::<BTreeSet<_>>(), served.collect());
        // The router itself refuses a path that stands in it twice.
        drop(routes::router());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(target)) = members.get("$ref") {
                        found.insert(target.clone());
                    }
                    members.values().for_each(|v| references(v, found));
                }
                Value::Array(items) => items.iter().for_each(|v| references(v, found)),
                _ => {}
            }
        }
        let document = build();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for target in found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }
}
