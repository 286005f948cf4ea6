//! OpenTelemetry instruments of the registry.

use crate::readings::Readings;
use observability_names::{Kind, METRICS, Metric};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Counter, Histogram, Meter};
use std::sync::{Arc, Mutex};

/// Bounds of durations, in seconds.
const SECONDS: [f64; 14] = [
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The newest readings, shared with the callbacks of the instruments.
pub(crate) type Shared = Arc<Mutex<Readings>>;

/// Key and value of each label.
pub(crate) fn labelled(metric: &Metric, values: &[String]) -> Vec<KeyValue> {
    let pairs = metric.labels.iter().zip(values);
    pairs
        .map(|(label, value)| KeyValue::new(*label, value.clone()))
        .collect()
}

/// Makes an instrument of each metric that is looked up and not recorded as it happens.
pub(crate) fn observe_all(meter: &Meter, readings: &Shared, recorded: &[Metric]) {
    for metric in METRICS.iter().filter(|m| !recorded.contains(m)) {
        let readings = readings.clone();
        let tell = move |instrument: &dyn AsyncInstrument<f64>| {
            let readings = readings.lock().expect("no code panics under this lock");
            for (labels, value) in readings.of(metric) {
                instrument.observe(*value, &labelled(metric, labels));
            }
        };
        match metric.kind {
            Kind::Gauge => {
                let builder = meter.f64_observable_gauge(metric.name);
                let builder = builder.with_unit(metric.unit).with_description(metric.help);
                builder.with_callback(tell).build();
            }
            Kind::Counter => {
                let builder = meter.f64_observable_counter(metric.name);
                let builder = builder.with_unit(metric.unit).with_description(metric.help);
                builder.with_callback(tell).build();
            }
            Kind::Histogram => unreachable!("a distribution cannot be looked up: {metric:?}"),
        }
    }
}

pub(crate) fn counter(meter: &Meter, metric: &Metric) -> Counter<u64> {
    let builder = meter.u64_counter(metric.name).with_unit(metric.unit);
    builder.with_description(metric.help).build()
}

pub(crate) fn durations(meter: &Meter, metric: &Metric) -> Histogram<f64> {
    let builder = meter.f64_histogram(metric.name).with_unit(metric.unit);
    let builder = builder.with_boundaries(SECONDS.to_vec());
    builder.with_description(metric.help).build()
}
