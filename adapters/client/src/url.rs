//! Addresses of nodes.

use core::fmt;
use core::str::FromStr;

/// The base address of a node's HTTP surface, such as `http://127.0.0.1:8100`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeUrl(String);

impl NodeUrl {
    /// The address of `path`, which begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for NodeUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let full = match text.split_once("://") {
            None => format!("http://{text}"),
            Some(("http", _)) => text.to_owned(),
            Some((scheme, _)) => {
                return Err(format!(
                    "expected http://HOST:PORT, found scheme {scheme:?}: nodes serve plain HTTP, \
                     so put a TLS proxy on your side for links that are not private"
                ));
            }
        };
        let wrong = |why: &str| format!("expected http://HOST:PORT, found {text:?} ({why})");
        let url = reqwest::Url::parse(&full).map_err(|e| wrong(&e.to_string()))?;
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(wrong("only a host, a port and a path prefix may be given"));
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The addresses without repetitions, in the order given.
pub fn distinct(urls: &[NodeUrl]) -> Vec<NodeUrl> {
    let mut seen = Vec::with_capacity(urls.len());
    for url in urls {
        if !seen.contains(url) {
            seen.push(url.clone());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        text.parse::<NodeUrl>().map(|url| url.to_string())
    }

    #[test]
    fn addresses_are_normalised() {
        let expected = Ok("http://127.0.0.1:8100".to_owned());
        for text in [
            "http://127.0.0.1:8100",
            "http://127.0.0.1:8100/",
            "127.0.0.1:8100",
        ] {
            assert_eq!(parse(text), expected);
        }
        assert_eq!(parse("http://h/prefix/"), Ok("http://h/prefix".into()));
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "https://host",
            "ftp://host",
            "http://",
            "http://h?x=1",
            "http://u@h",
            "",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
