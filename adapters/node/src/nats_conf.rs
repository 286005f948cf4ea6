//! `nats.conf`: a server for a network, or the servers of a cluster, on which everybody may do what its part needs and no
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

    /// Writes events, and looks after their stream.
    fn publishes_events(self, network: &Name) -> Self {
        let stream = stream_name(network);
        let api = |verb: &str| format!("$JS.API.STREAM.{verb}.{stream}");
        self.publishes(format!("wutong.{network}.v1.events.>"))
            .publishes(api("INFO"))
            .publishes(api("CREATE"))
            .publishes(api("MSG.GET"))
            .asks()
    }

    /// Hears the answers to what it asks.
    fn asks(self) -> Self {
        let inbox = format!("_INBOX.{}.>", self.name);
        self.subscribes(inbox)
    }
}

/// The users of a network and its observers.
pub(crate) fn users(genesis: &Genesis, observers: &[Name]) -> Result<Vec<User>, String> {
    let network = &genesis.network;
    let linked = |name: &Name| -> Result<User, String> {
        Ok(User::new(name.as_str())?
            .publishes(format!("wutong.{network}.v1.node.*.from.{name}"))
            .subscribes(format!("wutong.{network}.v1.node.{name}.from.*")))
    };
    let answers = |name: &Name| -> Result<User, String> {
        Ok(User::new(&format!("api-{name}"))?
            .publishes("_INBOX.>")
            .subscribes("$SRV.>")
            .subscribes(format!("{} {QUEUE_GROUP}", api_subject(network, "*")))
            .subscribes(format!(
                "{} {QUEUE_GROUP}",
                api_subject(network, "events.*")
            )))
    };
    let mut users = Vec::new();
    for validator in &genesis.validators {
        users.push(linked(&validator.name)?.publishes_events(network));
        users.push(answers(&validator.name)?);
    }
    for observer in observers {
        users.push(linked(observer)?);
        users.push(answers(observer)?);
    }
    let verbs = ["submit", "status", "receipt", "lookup"];
    let client = verbs.iter().fold(User::new("client")?, |user, verb| {
        user.publishes(api_subject(network, verb))
    });
    users.push(client.publishes("$SRV.>").asks());
    users.push(reader(network, None)?);
    for namespace in &genesis.namespaces {
        users.push(reader(network, Some(&namespace.name))?);
    }
    Ok(users)
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
    let user = match namespace {
        Some(namespace) => {
            User::new(&name)?.publishes(api_subject(network, &format!("events.{namespace}")))
        }
        None => User::new(&name)?
            .publishes(api_subject(network, "events"))
            .publishes(api_subject(network, "events.*")),
    };
    Ok(user
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

/// Where a server of the network stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerPlace {
    /// `host:port` for nodes and readers.
    client: String,
    /// `host:port` for the other servers of a cluster.
    route: String,
}

/// How far the port for other servers lies above the one for clients: 4222 and 6222 are customary.
const ROUTE_PORT_OFFSET: u16 = 2_000;

/// Most servers of a cluster.
pub(crate) const SERVERS_MAX: u16 = 9;

/// The servers that a list of URLs names; more than one are a cluster. Servers of one host speak to
/// one another at the ports after those for clients.
pub(crate) fn servers(urls: &str) -> Result<Vec<ServerPlace>, String> {
    let max = u16::MAX - ROUTE_PORT_OFFSET;
    let address = |url: &str| {
        let address = url.trim();
        let address = address
            .trim_start_matches("nats://")
            .trim_start_matches("tls://");
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "4222"));
        let port = port.parse().ok().filter(|port| (1..=max).contains(port));
        port.filter(|_| !host.is_empty())
            .map(|port| (host.to_owned(), port))
            .ok_or_else(|| format!("{url}: expected nats://HOST:PORT with a port of 1 to {max}"))
    };
    let all: Result<Vec<(String, u16)>, String> = urls.split(',').map(address).collect();
    let all = all?;
    let one_host = all.iter().all(|(host, _)| *host == all[0].0);
    let last = all.iter().map(|(_, port)| *port).max().unwrap_or_default();
    let place = |(i, (host, port)): (usize, &(String, u16))| ServerPlace {
        client: format!("{host}:{port}"),
        route: match one_host {
            true => format!("{host}:{}", last + 1 + i as u16),
            false => format!("{host}:{}", port + ROUTE_PORT_OFFSET),
        },
    };
    Ok(all.iter().enumerate().map(place).collect())
}

/// URLs of so many servers on one machine, at ports from that of `url` on.
pub(crate) fn beside_one_another(url: &str, count: u16) -> Result<String, String> {
    let first = servers(url)?.swap_remove(0).client;
    let (host, port) = first.rsplit_once(':').unwrap_or((&first, ""));
    let port: u16 = port.parse().unwrap_or_default();
    let urls: Option<Vec<String>> = (0..count)
        .map(|i| Some(format!("nats://{host}:{}", port.checked_add(i)?)))
        .collect();
    Ok(urls.ok_or("the ports end")?.join(","))
}

/// Files of a network's servers by name: `nats.conf`, or `nats-0.conf` and so on in a cluster.
pub(crate) fn files(
    servers: &[ServerPlace],
    users: &[User],
    trial: bool,
) -> Result<Vec<(String, String)>, String> {
    if let [only] = servers {
        let text = text(&only.client, "", "nats-store", users, trial);
        return Ok(vec![("nats.conf".into(), text)]);
    }
    let password = hex::encode(&random()?[..16]);
    let name = |i: usize| format!("nats-{i}");
    let files = servers.iter().enumerate().map(|(i, server)| {
        let cluster = cluster(servers, i, &password);
        let store = format!("{}-store", name(i));
        let text = text(&server.client, &cluster, &store, users, trial);
        (format!("{}.conf", name(i)), text)
    });
    Ok(files.collect())
}

/// What makes server `own` part of a cluster.
fn cluster(servers: &[ServerPlace], own: usize, password: &str) -> String {
    let others = servers.iter().enumerate().filter(|(i, _)| *i != own);
    let routes: Vec<String> = others
        .map(|(_, s)| format!("    \"nats-route://route:{password}@{}\"\n", s.route))
        .collect();
    format!(
        "server_name: \"nats-{own}\"\n\
         cluster {{\n  name: \"wutong\"\n  listen: \"{}\"\n  \
         authorization {{ user: \"route\", password: \"{password}\", timeout: 2 }}\n  \
         routes = [\n{}  ]\n}}\n",
        listen(&servers[own].route),
        routes.concat()
    )
}

/// Where to listen for `host:port`: there if it is an address, everywhere if it is a name.
fn listen(address: &str) -> String {
    match address.rsplit_once(':') {
        Some((host, port))
            if host.parse::<std::net::Ipv4Addr>().is_err() && !host.starts_with('[') =>
        {
            format!("0.0.0.0:{port}")
        }
        _ => address.into(),
    }
}

/// One file. The store is relative to the folder in which the server is started.
fn text(client: &str, cluster: &str, store: &str, users: &[User], trial: bool) -> String {
    let kind = if trial {
        "a trial network"
    } else {
        "a Wutong network"
    };
    let mut text = format!(
        "# A NATS server for {kind}: nats-server -c THIS_FILE\n\
         # VALIDATOR: links of a node, in its own name only. api-VALIDATOR: answers clients.\n\
         # client: asks. events: reads events, events-NAMESPACE those of its namespace. docs/nats.md\n\
         # says why.\n\
         # Links are authenticated by the nodes' own keys besides.\n\
         listen: \"{}\"\n\
         {cluster}\
         jetstream {{ store_dir: \"{store}\" }}\n\
         authorization {{\n  users = [\n",
        listen(client)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_urls_are_a_cluster_whose_servers_name_one_another() {
        let urls = beside_one_another("nats://127.0.0.1:25000", 3).unwrap();
        assert_eq!(urls.matches("nats://127.0.0.1:2500").count(), 3);
        let places = servers(&urls).unwrap();
        let files = files(&places, &[], true).unwrap();
        assert_eq!(files.len(), 3);
        for (i, (name, text)) in files.iter().enumerate() {
            assert_eq!(*name, format!("nats-{i}.conf"));
            assert!(
                text.contains(&format!("listen: \"127.0.0.1:{}\"", 25_000 + i)),
                "{text}"
            );
            assert!(
                text.contains(&format!("store_dir: \"nats-{i}-store\"")),
                "{text}"
            );
            for other in 0..3 {
                let route = format!("@127.0.0.1:{}\"", 25_003 + other);
                assert_eq!(text.contains(&route), other != i, "{text}");
            }
        }
        assert!(servers("nats://host:0").is_err() && servers("nats://:4222").is_err());
        assert!(servers("nats://host:65000").unwrap_err().contains("63535"));
    }

    #[test]
    fn a_name_is_no_address_to_listen_at() {
        assert_eq!(listen("nats-0:4222"), "0.0.0.0:4222");
        assert_eq!(listen("127.0.0.1:4222"), "127.0.0.1:4222");
        assert_eq!(listen("[::1]:4222"), "[::1]:4222");
        let places = servers("nats://a,nats://b:4333").unwrap();
        assert_eq!(
            (&*places[0].client, &*places[0].route),
            ("a:4222", "a:6222")
        );
        assert_eq!(
            (&*places[1].client, &*places[1].route),
            ("b:4333", "b:6333")
        );
    }
}
