//! Runs the workload in a child process under the recorder.

use super::disk;
use super::log::Log;
use super::workload;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Set in the child, to the seed of its workload.
const SEED: &str = "POWER_CUT_CHILD_SEED";
/// Set in the child whose marks lie: it says that a thing is durable when it asks for it.
const EARLY: &str = "POWER_CUT_CHILD_ACKNOWLEDGES_EARLY";

/// When the workload marks a thing as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledges {
    /// When the storage says so.
    WhenDurable,
    /// When it is asked for: a storage with a fault that the suite must find.
    Early,
}

/// One recorded run of the workload.
pub(crate) struct Recording {
    pub(crate) log: Log,
    /// The file it was read from.
    pub(crate) file: PathBuf,
    /// Holds the file, unless it was kept by a run before.
    _dir: Option<tempfile::TempDir>,
    pub(crate) workload_seed: u64,
}

impl Recording {
    /// Runs the workload of a seed and reads what it did.
    ///
    /// # Panics
    /// When the folder that the whole log makes is not the real one, byte for byte: then something
    /// happened to the files that the recorder did not see, and no cut would mean anything.
    pub(crate) fn make(workload_seed: u64, acknowledges: Acknowledges) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // The root is named as the system names it, for the recorder compares paths.
        let base = dir.path().canonicalize().unwrap();
        let (root, log_file) = (base.join("node"), base.join("log"));
        std::fs::create_dir(&root).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", "the_recorded_child", "--ignored", "--nocapture"])
            .args(["--test-threads", "1"])
            .env("LD_PRELOAD", recorder())
            .env("RECORDER_ROOT", &root)
            .env("RECORDER_LOG", &log_file)
            .env("RECORDER_MARKS", base.join("marks"))
            .env(SEED, workload_seed.to_string())
            .env("TMPDIR", &base);
        if acknowledges == Acknowledges::Early {
            child.env(EARLY, "1");
        }
        let output = child.output().unwrap();
        assert!(output.status.success(), "the recorded child: {output:?}");
        let mut this = Self::read(&log_file, workload_seed);
        let rebuilt = base.join("rebuilt");
        disk::rebuild_whole(&this.log, &rebuilt);
        assert_same(&root, &rebuilt);
        this._dir = Some(dir);
        this
    }

    /// A recording that was kept.
    pub(crate) fn read(file: &Path, workload_seed: u64) -> Self {
        Self {
            log: Log::read(&std::fs::read(file).unwrap()),
            file: file.into(),
            _dir: None,
            workload_seed,
        }
    }
}

/// What the test function `the_recorded_child` does: nothing, unless this process is the child.
pub(crate) fn child() {
    let variable = |name| std::env::var(name).ok();
    let Some(seed) = variable(SEED) else {
        return;
    };
    let root = PathBuf::from(variable("RECORDER_ROOT").unwrap());
    let marks = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(variable("RECORDER_MARKS").unwrap())
        .unwrap();
    let acknowledges = match variable(EARLY) {
        Some(_) => Acknowledges::Early,
        None => Acknowledges::WhenDurable,
    };
    workload::run(seed.parse().unwrap(), &root, marks, acknowledges);
}

/// The recorder, compiled once.
fn recorder() -> &'static Path {
    static BUILT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = BUILT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("recorder.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power_cut/recorder.c");
        let output = Command::new("gcc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .args([&library, &source])
            .output()
            .expect("gcc is needed to build the recorder");
        assert!(output.status.success(), "gcc: {output:?}");
        (dir, library)
    });
    library
}

fn assert_same(real: &Path, rebuilt: &Path) {
    let names = |dir: &Path| {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(real), names(rebuilt), "in {}", real.display());
    for name in names(real) {
        let (a, b) = (real.join(&name), rebuilt.join(&name));
        if a.is_dir() {
            assert_same(&a, &b);
        } else {
            let same = std::fs::read(&a).unwrap() == std::fs::read(&b).unwrap();
            assert!(same, "the recorder missed a change of {}", a.display());
        }
    }
}
