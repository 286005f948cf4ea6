//! Logs: lines for people, or one JSON object a line; each says which node of which network speaks.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt::{self, Debug};
use std::io::IsTerminal;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Speaker {
    pub(crate) network: String,
    pub(crate) node: String,
}

/// Logs of a command to standard error; `RUST_LOG` wins over `default`.
pub(crate) fn of_command(default: &str) {
    tracing_subscriber::fmt()
        .with_env_filter(filter(None, default).unwrap_or_else(|_| EnvFilter::new(default)))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

/// Logs of a node to standard error: `RUST_LOG` wins over `wanted`, and that over the default.
///
/// # Errors
/// When `wanted` is no filter.
pub(crate) fn of_node(
    format: LogFormat,
    wanted: Option<&str>,
    speaker: Speaker,
) -> Result<(), String> {
    let filter = filter(wanted, "warn,wutong=info")?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => logs.event_format(Spoken(speaker, Format::default())).init(),
        LogFormat::Json => logs.event_format(Json(speaker)).init(),
    }
    Ok(())
}

fn filter(wanted: Option<&str>, default: &str) -> Result<EnvFilter, String> {
    if let Ok(filter) = EnvFilter::try_from_default_env() {
        return Ok(filter);
    }
    let wanted = wanted.filter(|text| !text.is_empty()).unwrap_or(default);
    EnvFilter::try_new(wanted).map_err(|e| {
        format!(
            "log.filter: expected directives such as \"warn,wutong=info\", found {wanted:?}: {e}"
        )
    })
}

/// The usual lines with the speaker before each.
struct Spoken(Speaker, Format);

impl<S, N> FormatEvent<S, N> for Spoken
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "{}/{} ", self.0.network, self.0.node)?;
        self.1.format_event(context, writer, event)
    }
}

/// One object a line.
struct Json(Speaker);

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut members = Members::default();
        event.record(&mut members);
        let mut line = Map::new();
        // First what a field of the event may say better.
        line.insert("timestamp".into(), time.into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("network".into(), self.0.network.clone().into());
        line.insert("node".into(), self.0.node.clone().into());
        line.insert("target".into(), event.metadata().target().into());
        line.extend(members.0);
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// The fields of an event; names that a line has already get an underscore.
#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn put(&mut self, field: &Field, value: Value) {
        let taken = ["timestamp", "level", "network", "target"];
        let name = match taken.contains(&field.name()) {
            true => format!("{}_", field.name()),
            false => field.name().to_owned(),
        };
        self.0.insert(name, value);
    }
}

impl Visit for Members {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn speaker() -> Speaker {
        Speaker {
            network: "trial".into(),
            node: "validator-1".into(),
        }
    }

    fn written(subscriber: impl Subscriber + Send + Sync, kept: &Kept) -> String {
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(count = 3, ok = true, reason = %"a \"quoted\" one\nand a line", "it was");
        });
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_json_line_is_one_object_with_its_speaker() {
        let kept = Kept::default();
        let writer = kept.clone();
        let logs = tracing_subscriber::fmt().event_format(Json(speaker()));
        let logs = logs.with_writer(move || writer.clone()).finish();
        let text = written(logs, &kept);
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["network"], "trial");
        assert_eq!(line["node"], "validator-1");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "it was");
        assert_eq!(line["count"], 3);
        assert_eq!(line["ok"], true);
        assert_eq!(line["reason"], "a \"quoted\" one\nand a line");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }

    #[test]
    fn a_line_for_people_begins_with_its_speaker() {
        let kept = Kept::default();
        let writer = kept.clone();
        let format = Spoken(speaker(), Format::default());
        let logs = tracing_subscriber::fmt().event_format(format);
        let logs = logs.with_writer(move || writer.clone()).finish();
        let text = written(logs, &kept);
        assert!(text.starts_with("trial/validator-1 "), "{text}");
        assert!(text.contains("it was"), "{text}");
    }

    #[test]
    fn a_wrong_filter_is_named() {
        let error = filter(Some("wutong=loud"), "warn").map(drop).unwrap_err();
        assert!(error.starts_with("log.filter: expected"), "{error}");
    }
}
