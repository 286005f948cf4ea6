//! What the console consists of, from the sources into the binary.

/// Path of the page that verifies receipts, which works opened from disk too.
pub(super) const VERIFY_PAGE: &str = "/verify";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// One file as it is served.
#[derive(Debug)]
pub(super) struct Asset {
    /// Path of its route.
    pub(super) path: &'static str,
    /// Its media type.
    pub(super) media: &'static str,
    /// Its text.
    pub(super) text: &'static str,
}

macro_rules! own {
    ($name:literal, $media:expr) => {
        Asset {
            path: concat!("/console/", $name),
            media: $media,
            text: include_str!(concat!("../../console/", $name)),
        }
    };
}

macro_rules! client {
    ($name:literal) => {
        Asset {
            path: concat!("/client/", $name),
            media: SCRIPT,
            text: include_str!(concat!("../../../client-js/src/", $name)),
        }
    };
}

/// All files.
pub(super) static ASSETS: [Asset; 38] = [
    Asset {
        path: "/",
        media: HTML,
        text: include_str!("../../console/index.html"),
    },
    Asset {
        path: VERIFY_PAGE,
        media: HTML,
        text: include_str!("../../../client-js/page/verify.html"),
    },
    own!("console.css", CSS),
    own!("app.js", SCRIPT),
    own!("chain.js", SCRIPT),
    own!("deposit.js", SCRIPT),
    own!("details.js", SCRIPT),
    own!("dom.js", SCRIPT),
    own!("job.js", SCRIPT),
    own!("keeping.js", SCRIPT),
    own!("key.js", SCRIPT),
    own!("lookup.js", SCRIPT),
    own!("network.js", SCRIPT),
    own!("stream.js", SCRIPT),
    own!("validators.js", SCRIPT),
    own!("words_en.js", SCRIPT),
    own!("words_zh.js", SCRIPT),
    client!("batch.js"),
    client!("bytes.js"),
    client!("cbor.js"),
    client!("checkpoint_check.js"),
    client!("client.js"),
    client!("document_check.js"),
    client!("ed25519.js"),
    client!("event_chain.js"),
    client!("follow.js"),
    client!("hash.js"),
    client!("http.js"),
    client!("index.js"),
    client!("keys.js"),
    client!("merkle.js"),
    client!("note.js"),
    client!("policy.js"),
    client!("policy_chain.js"),
    client!("receipt.js"),
    client!("report.js"),
    client!("statement.js"),
    client!("verify.js"),
];

/// The policy that the verification page has inside, for the answer's header, where it can also
/// forbid frames.
pub(super) fn verify_page_policy() -> String {
    let page = ASSETS.iter().find(|asset| asset.path == VERIFY_PAGE);
    let inside = page.and_then(|page| {
        let (_, after) = page
            .text
            .split_once("http-equiv=\"Content-Security-Policy\"")?;
        let (_, value) = after.split_once("content=\"")?;
        value.split_once('"').map(|(policy, _)| policy)
    });
    let inside = inside.expect("the page names its policy");
    format!("{inside}; frame-ancestors 'none'")
}
