//! Schemas of parameters and bodies (JSON Schema 2020-12). Objects hold exactly what stands here.

use serde_json::{Map, Value, json};

/// A reference to a schema of the document.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object of these members; a name that ends with `?` may be left out.
fn object(members: &[(&str, Value)]) -> Value {
    let bare = |name: &str| name.trim_end_matches('?').to_owned();
    let is_required = |name: &&str| !name.ends_with('?');
    let properties: Map<String, Value> = members
        .iter()
        .map(|(name, schema)| (bare(name), schema.clone()))
        .collect();
    let names = members.iter().map(|(name, _)| *name);
    let required: Vec<&str> = names.filter(is_required).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

fn truth() -> Value {
    json!({ "type": "boolean" })
}

fn number() -> Value {
    reference("Number")
}

fn hash() -> Value {
    reference("Hash")
}

fn base64() -> Value {
    reference("Base64")
}

fn hash64() -> Value {
    reference("Hash64")
}

fn path() -> Value {
    list(hash64())
}

fn name() -> Value {
    reference("Name")
}

/// Path of the next page.
fn next() -> Value {
    or_null(text())
}

/// All schemas by name.
pub(super) fn all() -> Value {
    let mut schemas = Map::new();
    for group in [scalars(), statements(), log(), blocks(), state(), node()] {
        schemas.extend(group.into_iter().map(|(name, s)| (name.to_owned(), s)));
    }
    Value::Object(schemas)
}

type Group = Vec<(&'static str, Value)>;

fn scalars() -> Group {
    let string = |pattern: &str, about: &str| json!({ "type": "string", "pattern": pattern, "description": about });
    vec![
        ("Number", json!({ "type": "integer", "minimum": 0 })),
        (
            "Count",
            json!({ "type": "integer", "minimum": 1, "maximum": 100 }),
        ),
        ("Hash", string("^[0-9a-f]{64}$", "32 bytes in hexadecimal.")),
        (
            "Signature",
            string("^[0-9a-f]{128}$", "64 bytes in hexadecimal."),
        ),
        (
            "BodyTaken",
            object(&[
                ("digest", hash()),
                ("size", number()),
                ("next_step", text()),
            ]),
        ),
        (
            "PolicyProof",
            object(&[
                ("entry", reference("Bytes")),
                ("index", number()),
                ("path", list(hash())),
                ("checkpoint", text()),
            ]),
        ),
        ("Bytes", string("^([0-9a-f]{2})*$", "Bytes in hexadecimal.")),
        (
            "Base64",
            string("^[A-Za-z0-9+/]*={0,2}$", "Bytes in base64."),
        ),
        (
            "Hash64",
            string("^[A-Za-z0-9+/]{43}=$", "32 bytes in base64."),
        ),
        ("Name", string("^[a-z0-9-]{1,32}$", "A name.")),
        ("Time", string("Z$", "RFC 3339, UTC.")),
        ("Kid", string("^[A-Za-z0-9_-]+$", "A key id in base64url.")),
        (
            "HeightOrId",
            string("^([0-9]{1,20}|[0-9a-f]{64})$", "A height or an id."),
        ),
        (
            "Tile",
            string(
                r"^(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,3})?$",
                "A tile's number.",
            ),
        ),
        (
            "OpenApi",
            json!({ "type": "object", "required": ["openapi", "paths"] }),
        ),
        (
            "Problem",
            json!({
                "type": "object",
                "description": "RFC 9457, with a stable code, the field and the next step.",
                "required": ["type", "title", "status", "detail", "code", "next_step"],
                "properties": {
                    "type": text(), "title": text(), "status": number(), "detail": text(),
                    "code": text(), "field": text(), "next_step": text(),
                    "id": hash(), "missing": list(name()), "quorum": number(),
                },
            }),
        ),
    ]
}

fn statements() -> Group {
    let deposit = object(&[
        ("content_type", text()),
        ("issuer", text()),
        ("subject", text()),
        ("key", hash()),
        ("network", name()),
        ("namespace", name()),
        ("mode", text()),
        ("algorithm", text()),
        ("value", reference("Bytes")),
        ("declared_time", or_null(reference("Time"))),
        ("declared_time_ms", or_null(number())),
        ("not_before", or_null(hash())),
        ("references", list(hash())),
    ]);
    let statement = [
        ("id", hash()),
        ("status", one_of(&["committed", "pending"])),
        ("height", or_null(number())),
        ("index", or_null(number())),
        ("block_time", or_null(reference("Time"))),
        ("block_time_ms", or_null(number())),
        ("statement", or_null(reference("Deposit"))),
        ("entry", reference("Bytes")),
    ];
    let numbered = [&[("ordinal", number())], &statement[..]].concat();
    let committed = object(&[
        ("id", hash()),
        ("status", one_of(&["committed"])),
        ("height", number()),
        ("index", number()),
        ("block_time", reference("Time")),
        ("block_time_ms", number()),
        ("receipt", text()),
    ]);
    let pending = object(&[
        ("id", hash()),
        ("status", one_of(&["pending"])),
        ("next_step", text()),
    ]);
    let listed = |item: &str| [("statements", list(reference(item))), ("next", next())];
    let lookup = [&[("value", hash())], &listed("Statement")[..]].concat();
    vec![
        ("Deposit", deposit),
        ("Statement", object(&statement)),
        ("NumberedStatement", object(&numbered)),
        ("Statements", object(&listed("NumberedStatement"))),
        ("Lookup", object(&lookup)),
        ("Committed", committed),
        ("Pending", pending),
    ]
}

fn log() -> Group {
    let outcome = object(&[
        ("id", hash()),
        ("height", number()),
        ("index", number()),
        ("block_time", reference("Time")),
        ("block_time_ms", number()),
        ("code", number()),
        ("done", truth()),
        ("outcome", base64()),
        ("position", number()),
        ("count", number()),
        ("path", path()),
        ("outcomes_root", or_null(hash64())),
        ("seal", base64()),
        ("seal_index", number()),
    ]);
    let consistency = object(&[
        ("first", number()),
        ("second", number()),
        ("first_root", hash64()),
        ("root", hash64()),
        ("path", path()),
    ]);
    let inclusion = object(&[
        ("index", number()),
        ("size", number()),
        ("leaf_hash", hash64()),
        ("root", hash64()),
        ("path", path()),
    ]);
    let entry = object(&[
        ("index", number()),
        ("kind", one_of(&["genesis", "policy", "statement", "seal"])),
        ("id", or_null(hash())),
        ("leaf_hash", hash64()),
        ("entry", base64()),
    ]);
    vec![
        ("Outcome", outcome),
        ("ConsistencyProof", consistency),
        ("InclusionProof", inclusion),
        ("Entry", entry),
        (
            "Entries",
            object(&[("entries", list(reference("Entry"))), ("next", next())]),
        ),
    ]
}

fn blocks() -> Group {
    let block = [
        ("height", number()),
        ("id", hash()),
        ("time", reference("Time")),
        ("time_ms", number()),
        ("proposer", or_null(name())),
        ("round", number()),
        ("signers", list(name())),
        ("first_leaf", number()),
        ("log_size", number()),
        ("log_root", hash()),
        ("state_root", hash()),
    ];
    let coded = object(&[("id", hash()), ("code", number())]);
    let whole = [&block[..], &[("statements", list(coded))]].concat();
    let summary = [&block[..], &[("statement_count", number())]].concat();
    vec![
        ("Block", object(&whole)),
        ("BlockSummary", object(&summary)),
        (
            "Blocks",
            object(&[
                ("blocks", list(reference("BlockSummary"))),
                ("next", next()),
            ]),
        ),
    ]
}

fn state() -> Group {
    let end = object(&[("key_hash", hash()), ("value_hash", hash())]);
    let seal = object(&[
        ("entry", base64()),
        ("index", number()),
        ("inclusion", or_null(reference("InclusionProof"))),
        ("checkpoint", or_null(text())),
    ]);
    let row = object(&[
        ("key", reference("Bytes")),
        ("present", truth()),
        ("value", or_null(reference("Bytes"))),
        ("height", number()),
        ("root", hash()),
        ("siblings", list(hash())),
        ("end", or_null(end)),
        ("seal", or_null(reference("Seal"))),
    ]);
    let membership = object(&[
        ("namespace", name()),
        ("open", truth()),
        ("listed", truth()),
        ("organisation", or_null(text())),
        ("registered_height", or_null(number())),
        ("may_deposit", truth()),
    ]);
    let identity = object(&[
        ("key", hash()),
        ("height", number()),
        ("namespaces", list(membership)),
    ]);
    let listed = list(object(&[("key", hash()), ("organisation", text())]));
    let namespace = object(&[
        ("name", name()),
        ("open", truth()),
        ("public", truth()),
        ("holders", list(name())),
        ("listed_count", number()),
        ("listed", listed.clone()),
        ("listed_next", next()),
    ]);
    vec![
        ("Seal", seal),
        ("StateRow", row),
        ("Identity", identity),
        ("ListedKeys", object(&[("keys", listed), ("next", next())])),
        (
            "Namespaces",
            object(&[("namespaces", list(namespace)), ("next", next())]),
        ),
    ]
}

fn node() -> Group {
    let epoch = object(&[
        ("epoch", number()),
        ("policy", text()),
        ("entry", base64()),
        ("index", number()),
    ]);
    let link = object(&[
        ("epoch", number()),
        ("entry", base64()),
        ("index", number()),
        ("path", path()),
        ("checkpoint", text()),
    ]);
    let chain = object(&[
        ("network", name()),
        ("epochs", list(epoch)),
        ("links", list(link)),
    ]);
    let validator = object(&[
        ("name", name()),
        ("organisation", text()),
        ("present", truth()),
        ("own", truth()),
        ("height", number()),
        ("round", number()),
        ("published", number()),
        ("silent_ms", or_null(number())),
        ("version", or_null(text())),
        ("lag_ms", or_null(number())),
        ("peers", or_null(number())),
        ("votes", or_null(truth())),
        ("disk_free", or_null(number())),
    ]);
    let health = object(&[
        ("status", one_of(&["ok", "no quorum"])),
        ("network", name()),
        ("node", name()),
        ("version", text()),
        ("quorum", truth()),
        ("quorum_size", number()),
        ("missing", list(name())),
        ("height", number()),
        ("round", number()),
        ("published", number()),
        ("log_size", number()),
        ("log_root", hash()),
        ("statements", number()),
        ("waiting", number()),
        ("amnesiac", or_null(text())),
        ("voting", truth()),
    ]);
    vec![
        ("PolicyChain", chain),
        (
            "Validators",
            object(&[
                ("validators", list(validator.clone())),
                ("observers", list(validator)),
            ]),
        ),
        ("Health", health),
    ]
}
