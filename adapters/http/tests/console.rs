//! The console's files, what they let a browser do, and the orders to a devnet.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use adapters_http::{
    Console, DevnetControl, DevnetRefusal, DevnetState, DevnetValidator, DevnetVerb,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use support::*;

const ORIGIN: &str = "http://127.0.0.1:8100";
const OTHER: &str = "http://127.0.0.1:8101";

/// A devnet of two that notes its orders.
#[derive(Default)]
struct FakeDevnet(Mutex<Vec<(usize, DevnetVerb)>>);

impl DevnetControl for FakeDevnet {
    fn validators(&self) -> Vec<DevnetValidator> {
        [ORIGIN, OTHER]
            .map(|url| DevnetValidator {
                name: "v1".into(),
                organisation: "First Notary".into(),
                url: Some(url.into()),
                state: DevnetState::Running,
                ordered: None,
                problem: None,
            })
            .into()
    }

    fn order(&self, validator: usize, verb: DevnetVerb) -> Result<(), DevnetRefusal> {
        match (validator, verb) {
            (1, DevnetVerb::Cut) => Err(DevnetRefusal::Busy),
            (0, DevnetVerb::Stop) => Err(DevnetRefusal::LastOne),
            (0 | 1, _) => {
                self.0.lock().unwrap().push((validator, verb));
                Ok(())
            }
            _ => Err(DevnetRefusal::NoSuchValidator { count: 2 }),
        }
    }
}

async fn devnet() -> (Served, Arc<FakeDevnet>) {
    let control = Arc::new(FakeDevnet::default());
    let console = Console::of_devnet(control.clone());
    (serve_with(FakeNode::default(), console).await, control)
}

/// Paths that a text names in quotes after `before`.
fn named<'t>(text: &'t str, before: &str) -> Vec<&'t str> {
    let quotes = ['"', '\''];
    text.split(before)
        .skip(1)
        .filter_map(|after| after.strip_prefix(quotes)?.split(quotes).next())
        .collect()
}

#[tokio::test]
async fn the_page_and_all_that_it_imports_are_served() {
    let node = serve(FakeNode::default()).await;
    let (mut left, mut seen) = (vec!["/".to_owned()], BTreeSet::new());
    while let Some(path) = left.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = node.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        let expected = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(kind, expected, "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
        if path == "/verify" {
            continue;
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let imports = named(&answer.body, "from ").into_iter();
        let links = ["src=", "href="].map(|before| named(&answer.body, before));
        for target in imports.chain(links.into_iter().flatten()) {
            assert!(!target.contains("//"), "{path} names a foreign {target}");
            match target.strip_prefix("./") {
                Some(file) => left.push(format!("{folder}/{file}")),
                None if target.starts_with('/') => left.push(target.to_owned()),
                None => assert!(target.starts_with("data:") || target == "#main", "{target}"),
            }
        }
    }
    assert!(seen.contains("/verify") && seen.len() > 25, "{seen:?}");
}

#[tokio::test]
async fn no_file_of_the_sources_is_left_out() {
    let node = serve(FakeNode::default()).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, prefix) in [("console", "/console/"), ("../client-js/src", "/client/")] {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            let file = file.unwrap().path();
            let name = file.file_name().unwrap().to_str().unwrap();
            let path = match name {
                "index.html" => "/".to_owned(),
                _ => format!("{prefix}{name}"),
            };
            let served = node.get(&path).await;
            assert_eq!(
                served.body,
                std::fs::read_to_string(&file).unwrap(),
                "{path}"
            );
        }
    }
}

/// The directives of a policy, by name.
fn directive<'a>(policy: &'a str, name: &str) -> &'a str {
    policy
        .split("; ")
        .find_map(|part| part.strip_prefix(name)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("{name} is missing in {policy}"))
}

#[tokio::test]
async fn a_browser_may_run_own_modules_and_nothing_else() {
    let node = serve(FakeNode::default()).await;
    let page = node.get("/").await;
    let policy = page.header("content-security-policy").unwrap();
    for (name, value) in [
        ("default-src", "'none'"),
        ("script-src", "'self'"),
        ("style-src", "'self'"),
        ("connect-src", "'self'"),
        ("img-src", "'self' data:"),
        ("base-uri", "'none'"),
        ("form-action", "'none'"),
        ("frame-ancestors", "'none'"),
    ] {
        assert_eq!(directive(policy, name), value);
    }
    let scripts: Vec<&str> = page.body.split("<script").skip(1).collect();
    assert!(scripts.iter().all(|script| script.contains(" src=")));
    for inline in ["<style", "style=", "javascript:", "onclick=", "onload="] {
        assert!(!page.body.contains(inline), "{inline}");
    }
    let (devnet, _) = devnet().await;
    let page = devnet.get("/").await;
    let policy = page.header("content-security-policy").unwrap();
    assert_eq!(
        directive(policy, "connect-src"),
        format!("'self' {ORIGIN} {OTHER}")
    );
}

#[tokio::test]
async fn the_verification_page_keeps_its_own_policy() {
    let node = serve(FakeNode::default()).await;
    let page = node.get("/verify").await;
    let policy = page.header("content-security-policy").unwrap();
    let (inside, frames) = policy.rsplit_once("; ").unwrap();
    assert_eq!(frames, "frame-ancestors 'none'");
    assert!(page.body.contains(&format!("content=\"{inside}\"")));
    assert!(directive(policy, "script-src").starts_with("'sha256-"));
    assert!(!policy.contains("connect-src"), "it opens no connection");
}

#[tokio::test]
async fn no_page_keeps_secrets_in_storage_that_scripts_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
    for file in std::fs::read_dir(root).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for word in [
            "localStorage",
            "sessionStorage",
            "innerHTML",
            "eval(",
            "document.write",
        ] {
            assert!(!text.contains(word), "{word} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_browser_that_has_the_file_is_told_so() {
    let node = serve(FakeNode::default()).await;
    let first = node.get("/console/app.js").await;
    let tag = first.header("etag").unwrap().to_owned();
    let again = [("if-none-match", tag.as_str())];
    let second = node.send("GET", "/console/app.js", &again, b"").await;
    assert_eq!((second.status, second.body.as_str()), (304, ""));
    assert!(second.header("content-security-policy").is_some());
    assert_eq!(node.send("POST", "/", &[], b"").await.status, 405);
}

#[tokio::test]
async fn a_node_that_is_no_devnet_takes_no_orders() {
    let node = serve(FakeNode::default()).await;
    let settings = node.get("/console/settings.json").await.json();
    assert_eq!(settings["devnet"], false);
    assert_eq!(node.get("/v1/devnet").await.status, 404);
    let stop = "/v1/devnet/validators/0/stop";
    let sent = [("x-wutong-devnet", "1"), ("origin", "http://test")];
    assert_eq!(node.send("POST", stop, &sent, b"").await.status, 404);
    let read = node
        .send("GET", "/v1/health", &[("origin", OTHER)], b"")
        .await;
    assert_eq!(read.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_devnet_tells_of_its_validators() {
    let (node, _) = devnet().await;
    assert_eq!(
        node.get("/console/settings.json").await.json()["devnet"],
        true
    );
    let told = node.get("/v1/devnet").await.json();
    assert_eq!(told["validators"][1]["url"], OTHER);
    assert_eq!(told["validators"][0]["state"], "running");
}

/// Sends an order with these headers; the host comes first.
async fn order(node: &Served, verb: &str, headers: &[(&str, &str)]) -> Response {
    let path = format!("/v1/devnet/validators/{verb}");
    node.send_to(headers[0].1, "POST", &path, &headers[1..], b"")
        .await
}

#[tokio::test]
async fn orders_of_the_console_are_taken() {
    let (node, control) = devnet().await;
    let host = ("host", "127.0.0.1:8100");
    let purpose = ("x-wutong-devnet", "1");
    let site = ("sec-fetch-site", "same-origin");
    let headers = [host, purpose, ("origin", ORIGIN), site];
    let taken = order(&node, "1/stop", &headers).await;
    assert_eq!(
        (taken.status, &taken.json()["ordered"]),
        (202, &"stop".into())
    );
    assert_eq!(
        order(&node, "1/start", &[host, purpose, site]).await.status,
        202
    );
    let orders = control.0.lock().unwrap().clone();
    assert_eq!(orders, [(1, DevnetVerb::Stop), (1, DevnetVerb::Start)]);
    for (path, status, field) in [
        ("1/cut", 429, ""),
        ("0/stop", 409, "number"),
        ("2/stop", 404, "number"),
        ("x/stop", 404, "number"),
        ("1/burn", 400, "verb"),
    ] {
        let answer = order(&node, path, &headers).await;
        assert_eq!(
            (answer.status, answer.problem_field().as_str()),
            (status, field),
            "{path}"
        );
    }
}

#[tokio::test]
async fn orders_of_other_pages_are_refused() {
    let (node, control) = devnet().await;
    let host = ("host", "127.0.0.1:8100");
    let purpose = ("x-wutong-devnet", "1");
    let rebound = "http://evil.example:8100";
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[host, ("origin", ORIGIN)], "x-wutong-devnet"),
        (
            &[host, ("x-wutong-devnet", "0"), ("origin", ORIGIN)],
            "x-wutong-devnet",
        ),
        (&[host, purpose], "origin"),
        (&[host, purpose, ("origin", OTHER)], "origin"),
        (&[host, purpose, ("origin", "null")], "origin"),
        (
            &[
                host,
                purpose,
                ("origin", ORIGIN),
                ("sec-fetch-site", "same-site"),
            ],
            "sec-fetch-site",
        ),
        // A name that was made to lead here: the browser itself says `same-origin`.
        (
            &[
                ("host", "evil.example:8100"),
                purpose,
                ("origin", rebound),
                ("sec-fetch-site", "same-origin"),
            ],
            "host",
        ),
    ];
    for (headers, field) in cases {
        let answer = order(&node, "0/stop", headers).await;
        assert_eq!(
            (answer.status, answer.problem_field().as_str()),
            (403, field),
            "{headers:?}"
        );
    }
    assert!(control.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn validators_of_the_devnet_may_read_and_nobody_else() {
    let (node, _) = devnet().await;
    for (method, path, origin, allowed) in [
        ("GET", "/v1/health", OTHER, Some(OTHER)),
        ("GET", "/v1/devnet", OTHER, Some(OTHER)),
        ("GET", "/v1/health", "http://evil.example", None),
        ("GET", "/v1/health", "http://127.0.0.1:8102", None),
        ("OPTIONS", "/v1/statements", OTHER, None),
        ("POST", "/v1/statements", OTHER, None),
        ("POST", "/v1/devnet/validators/0/stop", OTHER, None),
    ] {
        let answer = node.send(method, path, &[("origin", origin)], b"x").await;
        let found = answer.header("access-control-allow-origin");
        assert_eq!(found, allowed, "{method} {path} of {origin}");
        assert!(
            answer.head.to_lowercase().contains("vary: origin"),
            "{}",
            answer.head
        );
    }
}
