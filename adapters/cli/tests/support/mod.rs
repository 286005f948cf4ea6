//! A ledger of one block in memory, nodes of fixed behaviour on loopback sockets, and the command
//! line as the binary mounts it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod ledger;

use adapters_cli::{ClientCommand, Output};
use clap::Parser;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

#[derive(Parser)]
struct App {
    #[command(subcommand)]
    command: ClientCommand,
}

/// What a run of the command line gave.
#[derive(Debug)]
pub struct Ran {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, code: u8, parts: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for part in parts {
            let said = self.out.contains(part) || self.err.contains(part);
            assert!(said, "{part:?} is missing in {self:#?}");
        }
        self
    }
}

/// Runs `wutong <arguments>`, split at spaces.
pub fn wutong(arguments: &str) -> Ran {
    let words = std::iter::once("wutong").chain(arguments.split_whitespace());
    let app = match App::try_parse_from(words) {
        Ok(app) => app,
        Err(error) => {
            return Ran {
                code: u8::try_from(error.exit_code()).unwrap(),
                out: String::new(),
                err: error.to_string(),
            };
        }
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = Output::new(&mut out, &mut err);
    let exit = adapters_cli::run(app.command, &mut output);
    drop(output);
    let is = |code: &u8| format!("{exit:?}") == format!("{:?}", ExitCode::from(*code));
    Ran {
        code: (0..=3).find(is).unwrap(),
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

/// A request as a node got it.
pub struct Request {
    pub line: String,
    pub body: Vec<u8>,
}

/// A node that answers by a function of the request, and remembers the statements it got.
pub struct FakeNode {
    pub url: String,
    pub statements: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl FakeNode {
    pub fn start(answer: impl Fn(&Request) -> (u16, String) + Send + 'static) -> Self {
        Self::start_bytes(move |request| {
            let (status, body) = answer(request);
            (status, body.into_bytes())
        })
    }

    /// The same with bodies of bytes.
    pub fn start_bytes(answer: impl Fn(&Request) -> (u16, Vec<u8>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let statements = Arc::new(Mutex::new(Vec::new()));
        let got = statements.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read_request(&mut BufReader::new(&stream));
                if request.line.starts_with("POST") {
                    got.lock().unwrap().push(request.body.clone());
                }
                let (status, body) = answer(&request);
                let head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n");
                let length = format!("content-length: {}\r\n\r\n", body.len());
                // A client that went away is no failure of the test.
                let head = format!("{head}{length}").into_bytes();
                let _ = stream.write_all(&[head, body].concat());
            }
        });
        Self { url, statements }
    }

    /// A node of the network `trial` that answers submissions by `answer`.
    pub fn of_trial(answer: impl Fn(&[u8]) -> (u16, String) + Send + 'static) -> Self {
        Self::start(move |request| match request.line.as_str() {
            line if line.starts_with("GET /v1/health") => {
                (503, r#"{"status":"no quorum","network":"trial"}"#.into())
            }
            line if line.starts_with("POST /v1/statements?wait_ms=") => answer(&request.body),
            line => (
                404,
                format!(r#"{{"detail":"no {line}","next_step":"stop"}}"#),
            ),
        })
    }
}

fn read_request(reader: &mut impl BufRead) -> Request {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request { line, body }
}

/// A folder with a document and a key.
pub struct Desk {
    pub dir: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("report.pdf"), b"the document").unwrap();
        let desk = Self { dir };
        wutong(&format!("keygen --out {}", desk.path("me.pem"))).expect(0, &["public key"]);
        desk
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    pub fn has(&self, name: &str) -> bool {
        Path::new(&self.path(name)).exists()
    }

    /// `deposit report.pdf` with the desk's key into the folder `out`.
    pub fn deposit(&self, url: &str, more: &str) -> Ran {
        let (file, key, out) = (
            self.path("report.pdf"),
            self.path("me.pem"),
            self.path("out"),
        );
        let wait = if more.contains("--wait") {
            ""
        } else {
            "--wait 2"
        };
        wutong(&format!(
            "deposit {file} --key {key} --out {out} {wait} --url {url} {more}"
        ))
    }
}
