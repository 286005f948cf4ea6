//! The client library of Wutong.
//!
//! It builds statements ([`Depositor`]), submits them to several nodes until one gives a receipt
//! ([`submit`]), hands bodies over ([`Client::put_body`]), and follows deposits as they commit
//! ([`Follower`]). Verification is [`messages::verify`]: it needs no network.
//!
//! Private keys and salts stay in the caller's memory; a node sees signed statements only.
//!
//! ```no_run
//! use adapters_client::{Client, Content, Depositor, NodeUrl, Outgoing, Standing, submit};
//! use messages::keys::PrivateKey;
//! use messages::verify::{DocumentDigest, verify};
//! use std::time::Duration;
//!
//! # async fn deposit() -> Result<(), Box<dyn std::error::Error>> {
//! let nodes: Vec<NodeUrl> = vec!["http://127.0.0.1:8100".parse()?, "http://127.0.0.1:8101".parse()?];
//! let client = Client::try_new()?;
//! let key = PrivateKey::from_pem(&std::fs::read_to_string("me.pem")?)?;
//! let depositor = Depositor::new(key, client.network(&nodes).await?);
//! let document = std::fs::read("contract.pdf")?;
//! let signed = depositor.sign(Content::commitment_to(&document)?)?;
//! let entry = signed.statement.entry();
//! let standing = submit((&client, &nodes), Outgoing::statement(&entry), None, Duration::from_secs(30)).await;
//! if let Standing::Receipted(receipted) = standing {
//!     let receipt = signed.complete(receipted.receipt);
//!     let policy = messages::policy::Policy::parse(&std::fs::read_to_string("policy")?)?;
//!     assert!(verify(&receipt, &policy, Some(&DocumentDigest::sha256(&document))).is_accepted());
//! }
//! # Ok(())
//! # }
//! ```

mod depositor;
mod error;
mod events;
mod http;
mod problem;
mod submission;
mod url;

pub use depositor::{Content, Depositor, Signed};
pub use error::ClientError;
pub use events::{Event, FollowError, Follower};
pub use http::{Client, Reader, Reply, Submitted};
pub use messages::event_chain;
pub use problem::Problem;
pub use submission::{Outgoing, Receipted, Standing, submit};
pub use url::{NodeUrl, distinct};
