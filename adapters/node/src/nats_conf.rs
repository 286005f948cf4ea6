//! `nats.conf`: a server for a trial network, on which everybody may do what its part needs and no
//! more: `docs/nats.md` has the table.
//!
//! Answers go to subjects below `_INBOX.<user>`, which no other user hears. A node answers clients as
//! a user of its own, for a client names the subject of the answer: with the rights of the user that
//! publishes events it could have the node write to the stream.

use crate::trial::random;
use adapters_nats::{QUEUE_GROUP, api_subject, stream_name};
use messages::genesis::Genesis;
use messages::ids::Name;
use std::fmt::Write;

/// A user of the server.
pub(crate) struct User {
    /// Its name: `validator-I`, `api-validator-I`, `client`, `events` or `events-NAMESPACE`.
    name: String,
    /// Its password.
    password: String,
    publish: Vec<String>,
    subscribe: Vec<String>,
}

impl User {
    fn new(name: &str) -> Result<Self, String> {
        Ok(Self {
            name: name.into(),
            password: hex::encode(random()?),
            publish: Vec::new(),
            subscribe: Vec::new(),
        })
    }

    fn publishes(mut self, subject: impl Into<String>) -> Self {
        self.publish.push(subject.into());
        self
    }

    fn subscribes(mut self, subject: impl Into<String>) -> Self {
        self.subscribe.push(subject.into());
        self
    }

    /// Hears the answers to what it asks.
    fn asks(self) -> Self {
        let inbox = format!("_INBOX.{}.>", self.name);
        self.subscribes(inbox)
    }
}

/// The users of a network.
pub(crate) fn users(genesis: &Genesis) -> Result<Vec<User>, String> {
    let network = &genesis.network;
    let mut users = Vec::new();
    for validator in &genesis.validators {
        let name = &validator.name;
        let node = User::new(name.as_str())?
            .publishes(format!("wutong.{network}.v1.node.*.from.{name}"))
            .subscribes(format!("wutong.{network}.v1.node.{name}.from.*"));
        users.push(publisher(network, node));
        users.push(
            User::new(&format!("api-{name}"))?
                .publishes("_INBOX.>")
                .subscribes("$SRV.>")
                .subscribes(format!("{} {QUEUE_GROUP}", api_subject(network, "*"))),
        );
    }
    users.push(
        User::new("client")?
            .publishes(api_subject(network, ">"))
            .publishes("$SRV.>")
            .asks(),
    );
    users.push(reader(network, None)?);
    for namespace in &genesis.namespaces {
        users.push(reader(network, Some(&namespace.name))?);
    }
    Ok(users)
}

/// A node that publishes events as well, and looks after the stream.
fn publisher(network: &Name, node: User) -> User {
    let stream = stream_name(network);
    let api = |verb: &str| format!("$JS.API.STREAM.{verb}.{stream}");
    node.publishes(format!("wutong.{network}.v1.events.>"))
        .publishes(api("INFO"))
        .publishes(api("CREATE"))
        .publishes(api("UPDATE"))
        .publishes(api("MSG.GET"))
        .asks()
}

/// Who may read the events of one namespace, or of all, as they come or through a durable consumer
/// that has the user's name. The subject that makes a consumer ends with its filter, so the server holds a
/// reader to its namespace.
fn reader(network: &Name, namespace: Option<&Name>) -> Result<User, String> {
    let stream = stream_name(network);
    let (name, subjects) = match namespace {
        Some(namespace) => (
            format!("events-{namespace}"),
            format!("wutong.{network}.v1.events.{namespace}.>"),
        ),
        None => ("events".into(), format!("wutong.{network}.v1.events.>")),
    };
    Ok(User::new(&name)?
        .publishes(format!(
            "$JS.API.CONSUMER.CREATE.{stream}.{name}.{subjects}"
        ))
        .publishes(format!("$JS.API.CONSUMER.INFO.{stream}.{name}"))
        .publishes(format!("$JS.API.CONSUMER.DELETE.{stream}.{name}"))
        .publishes(format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"))
        .publishes(format!("$JS.ACK.{stream}.{name}.>"))
        .subscribes(subjects)
        .asks())
}

/// Name and password of a user; empty when there is none.
pub(crate) fn find(users: &[User], name: &str) -> (String, String) {
    let found = users.iter().find(|user| user.name == name);
    found.map_or_else(Default::default, |user| {
        (user.name.clone(), user.password.clone())
    })
}

/// The file. The store is relative to the folder in which the server is started.
pub(crate) fn text(listen: &str, users: &[User]) -> String {
    let mut text = format!(
        "# A NATS server for a trial network: nats-server -c THIS_FILE\n\
         # validator-I: links of a node, in its own name only. api-validator-I: answers clients.\n\
         # client: asks. events: reads events, events-NAMESPACE those of its namespace. docs/nats.md\n\
         # says why.\n\
         # Links are authenticated by the nodes' own keys besides.\n\
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
