//! `nats.conf`: a server for a trial network, on which each node may speak in its own name only, and
//! a reader of events may read one namespace only.

use crate::trial::random;
use messages::genesis::Genesis;
use std::fmt::Write;

/// A user of the server.
pub(crate) struct User {
    /// Its name: a node's, or `events-NAMESPACE`.
    pub(crate) name: String,
    /// Its password.
    pub(crate) password: String,
    publish: Vec<String>,
    subscribe: Vec<String>,
}

/// The users of a network: its nodes, each of which may publish events, and one reader for each
/// namespace.
pub(crate) fn users(genesis: &Genesis) -> Result<Vec<User>, String> {
    let network = &genesis.network;
    let mut users = Vec::new();
    for validator in &genesis.validators {
        let name = &validator.name;
        users.push(User {
            name: name.to_string(),
            password: hex::encode(random()?),
            publish: vec![
                format!("wutong.{network}.v1.node.*.from.{name}"),
                format!("wutong.{network}.v1.events.>"),
                "$JS.API.>".into(),
            ],
            subscribe: vec![
                format!("wutong.{network}.v1.node.{name}.from.*"),
                "_INBOX.>".into(),
            ],
        });
    }
    for namespace in &genesis.namespaces {
        let namespace = &namespace.name;
        users.push(User {
            name: format!("events-{namespace}"),
            password: hex::encode(random()?),
            publish: Vec::new(),
            subscribe: vec![format!("wutong.{network}.v1.events.{namespace}.>")],
        });
    }
    Ok(users)
}

/// The file. The store is relative to the folder in which the server is started.
pub(crate) fn text(listen: &str, users: &[User]) -> String {
    let mut text = format!(
        "# A NATS server for a trial network: nats-server -c THIS_FILE\n\
         # Each node may speak in its own name only; events-NAMESPACE reads that namespace's events\n\
         # and nothing else. Links are authenticated by the nodes' own keys besides.\n\
         listen: \"{listen}\"\n\
         jetstream {{ store_dir: \"nats-store\" }}\n\
         authorization {{\n  users = [\n"
    );
    for user in users {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "    {{ user: \"{}\", password: \"{}\", permissions: {{ publish: {}, subscribe: {} }} }}",
            user.name,
            user.password,
            list(&user.publish),
            list(&user.subscribe)
        );
    }
    text.push_str("  ]\n}\n");
    text
}

/// An empty list would allow everything: it becomes a denial of everything.
fn list(subjects: &[String]) -> String {
    if subjects.is_empty() {
        return "{ deny: \">\" }".into();
    }
    let quoted: Vec<String> = subjects.iter().map(|s| format!("\"{s}\"")).collect();
    format!("[{}]", quoted.join(", "))
}
