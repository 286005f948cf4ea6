//! The log of the recorder, read into events on files and folders.
//!
//! A file or folder is a node with a number, whatever its name is at the moment; the root is 0.
//! Descriptors and paths are followed here, so that an event names nodes alone.

use std::collections::HashMap;

/// Flags of `open`, as Linux has them on the machines this suite runs on.
const O_CREAT: u64 = 0o100;
const O_TRUNC: u64 = 0o1000;

/// One thing that happened, in the order of the log.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Write {
        node: usize,
        at: u64,
        data: Vec<u8>,
    },
    /// The file got this length.
    SetLen {
        node: usize,
        len: u64,
    },
    /// An entry of a folder changed.
    Entry {
        dir: usize,
        change: Change,
    },
    /// fsync or fdatasync of a file or folder returned.
    Sync {
        node: usize,
    },
    /// What the workload said.
    Mark(String),
}

/// A change of a folder, which is there whole or not at all.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Link {
        name: String,
        node: usize,
    },
    Unlink {
        name: String,
    },
    Rename {
        from: String,
        to: String,
        node: usize,
    },
}

/// A file or folder.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) is_dir: bool,
    /// The path it was made with, or was given last.
    pub(crate) path: String,
}

/// What one run did.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) events: Vec<Event>,
    pub(crate) nodes: Vec<Node>,
}

impl Log {
    /// Reads the bytes that the recorder wrote.
    ///
    /// # Panics
    /// When something happened that is not modelled here.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let root = Node {
            is_dir: true,
            path: String::new(),
        };
        let mut reader = Reader {
            log: Log {
                events: Vec::new(),
                nodes: vec![root],
            },
            names: HashMap::from([(String::new(), 0)]),
            descriptors: HashMap::new(),
            lens: HashMap::new(),
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let (record, after) = Record::take(rest);
            reader.record(&record);
            rest = after;
        }
        reader.log
    }

    /// Indexes of the marks.
    pub(crate) fn marks(&self) -> impl DoubleEndedIterator<Item = (usize, &str)> {
        self.events.iter().enumerate().filter_map(|(i, e)| match e {
            Event::Mark(text) => Some((i, text.as_str())),
            _ => None,
        })
    }
}

/// `struct record` of recorder.c and what follows it.
struct Record<'a> {
    op: u8,
    fd: i32,
    a: u64,
    path: &'a str,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    fn take(bytes: &'a [u8]) -> (Self, &'a [u8]) {
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        let (path_bytes, data_bytes) = (word(16) as usize, word(20) as usize);
        let (path, rest) = bytes[24..].split_at(path_bytes);
        let (data, rest) = rest.split_at(data_bytes);
        let record = Self {
            op: bytes[0],
            fd: word(4) as i32,
            a: u64::from_ne_bytes(bytes[8..16].try_into().unwrap()),
            path: std::str::from_utf8(path).unwrap(),
            data,
        };
        (record, rest)
    }
}

struct Reader {
    log: Log,
    names: HashMap<String, usize>,
    descriptors: HashMap<i32, usize>,
    lens: HashMap<usize, u64>,
}

impl Reader {
    fn record(&mut self, record: &Record<'_>) {
        let Record {
            op, fd, a, path, ..
        } = *record;
        let text = || String::from_utf8(record.data.to_vec()).unwrap();
        match op {
            b'O' => self.open(fd, a, path),
            b'C' => {
                self.descriptors.remove(&fd);
            }
            b'D' => {
                let node = self.descriptors[&fd];
                self.descriptors.insert(a as i32, node);
            }
            b'W' => self.write(fd, a, record.data),
            b'T' => {
                let node = self.descriptors[&fd];
                self.set_len(node, a);
            }
            b'S' => {
                let node = self.descriptors[&fd];
                self.log.events.push(Event::Sync { node });
            }
            b'K' => {
                self.link(path, true);
            }
            b'U' => {
                self.names
                    .remove(path)
                    .expect("a name that is removed was there");
                let name = name_of(path);
                self.change(path, Change::Unlink { name });
            }
            b'R' => self.rename(path, &text()),
            b'M' => self.log.events.push(Event::Mark(text())),
            b'X' => panic!("the storage did what this suite does not model: {path}"),
            other => panic!("a record of kind {other} is not known"),
        }
    }

    fn open(&mut self, fd: i32, flags: u64, path: &str) {
        let node = match self.names.get(path) {
            Some(node) => *node,
            None => {
                assert_ne!(flags & O_CREAT, 0, "{path} was never made, and was opened");
                self.link(path, false)
            }
        };
        if flags & O_TRUNC != 0 && self.lens.get(&node).is_some_and(|len| *len > 0) {
            self.set_len(node, 0);
        }
        self.descriptors.insert(fd, node);
    }

    fn write(&mut self, fd: i32, at: u64, data: &[u8]) {
        let node = self.descriptors[&fd];
        assert!(!self.log.nodes[node].is_dir, "a folder is not written");
        let len = self.lens.entry(node).or_default();
        *len = (*len).max(at + data.len() as u64);
        let data = data.to_vec();
        self.log.events.push(Event::Write { node, at, data });
    }

    fn set_len(&mut self, node: usize, len: u64) {
        self.lens.insert(node, len);
        self.log.events.push(Event::SetLen { node, len });
    }

    fn link(&mut self, path: &str, is_dir: bool) -> usize {
        let node = self.log.nodes.len();
        self.log.nodes.push(Node {
            is_dir,
            path: path.into(),
        });
        self.names.insert(path.into(), node);
        let name = name_of(path);
        self.change(path, Change::Link { name, node });
        node
    }

    fn rename(&mut self, from: &str, to: &str) {
        let node = self.names[from];
        let within = parent_of(from) == parent_of(to);
        assert!(within, "nothing moves to another folder: {from} {to}");
        let moved = |path: &str| {
            let rest = path.strip_prefix(from)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
        };
        let names = std::mem::take(&mut self.names);
        for (path, node) in names {
            let moved = moved(&path);
            if let Some(moved) = &moved {
                self.log.nodes[node].path.clone_from(moved);
            }
            if moved.is_some() || path != to {
                self.names.insert(moved.unwrap_or(path), node);
            }
        }
        let (from, name) = (name_of(from), name_of(to));
        let change = Change::Rename {
            from,
            to: name,
            node,
        };
        self.change(to, change);
    }

    fn change(&mut self, path: &str, change: Change) {
        let dir = self.names.get(parent_of(path));
        let dir = *dir.expect("an entry stands in a folder that is there");
        self.log.events.push(Event::Entry { dir, change });
    }
}

fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn name_of(path: &str) -> String {
    path.rsplit_once('/').map_or(path, |(_, name)| name).into()
}
