//! The control socket of a devnet: one line in, one line out.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one side waits for the other.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a visitor asks a running devnet to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Stop a validator.
    Stop(usize),
    /// Start or heal it.
    Start(usize),
    /// Cut it off.
    Cut(usize),
}

impl Order {
    fn text(self) -> String {
        match self {
            Self::Stop(i) => format!("stop {i}"),
            Self::Start(i) => format!("start {i}"),
            Self::Cut(i) => format!("cut {i}"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let (verb, number) = line.trim_end().split_once(' ')?;
        let i = number.parse().ok()?;
        match verb {
            "stop" => Some(Self::Stop(i)),
            "start" => Some(Self::Start(i)),
            "cut" => Some(Self::Cut(i)),
            _ => None,
        }
    }
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("control.sock")
}

/// Sends an order to the devnet in `dir` and gives its answer.
pub(crate) fn send(dir: &Path, order: Order) -> Result<String, String> {
    let path = socket(dir);
    let mut stream = UnixStream::connect(&path).map_err(|e| {
        format!(
            "{}: {e}\nnext:  start it with `wutong devnet --data {}`",
            path.display(),
            dir.display()
        )
    })?;
    let talk = |stream: &mut UnixStream| -> std::io::Result<String> {
        stream.set_read_timeout(Some(PATIENCE))?;
        writeln!(stream, "{}", order.text())?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    };
    let answer = talk(&mut stream).map_err(|e| format!("{}: {e}", path.display()))?;
    match answer.split_once(' ') {
        Some(("ok", said)) => Ok(said.to_owned()),
        Some(("error", said)) => Err(said.to_owned()),
        _ => Err(format!("the devnet answered {answer:?}")),
    }
}

/// Refuses a folder in which a devnet runs.
pub(crate) fn must_be_idle(dir: &Path) -> Result<(), String> {
    if UnixStream::connect(socket(dir)).is_err() {
        return Ok(());
    }
    Err(format!(
        "{0}: a devnet runs in this folder already\n\
         next:  use it, stop it with Ctrl-C, or name another --data folder",
        dir.display()
    ))
}

/// Listens in `dir`; each order goes to `obey`, from a thread of its own.
pub(crate) fn listen(
    dir: &Path,
    obey: impl Fn(Order) -> Result<String, String> + Send + 'static,
) -> Result<(), String> {
    let path = socket(dir);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Err(error) = answer(stream, &obey) {
                tracing::warn!(%error, "a control connection broke");
            }
        }
    });
    Ok(())
}

fn answer(
    stream: UnixStream,
    obey: &impl Fn(Order) -> Result<String, String>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let said = match Order::parse(&line) {
        Some(order) => obey(order),
        None => Err(format!("unknown order {line:?}")),
    };
    let line = match said {
        Ok(said) => format!("ok {said}"),
        Err(said) => format!("error {}", said.replace('\n', " ")),
    };
    writeln!(&stream, "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_read_as_written() {
        for order in [Order::Stop(0), Order::Start(3), Order::Cut(12)] {
            assert_eq!(Order::parse(&order.text()), Some(order));
        }
        assert_eq!(Order::parse("stop everything"), None);
        assert_eq!(Order::parse("burn 1"), None);
    }
}
