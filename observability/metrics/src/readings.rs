//! What was looked up for one scrape.

use bus::api::{Health, ValidatorStatus};
use messages::ids::Height;
use observability_names as names;
use observability_names::Metric;
use std::collections::BTreeMap;

/// Label values in the order of [`Metric::labels`].
pub(crate) type Labels = Vec<String>;

/// Values of gauges and of counters that somebody else counts, by metric and labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings(BTreeMap<&'static str, Vec<(Labels, f64)>>);

impl Readings {
    /// Adds a value; `labels` in the order of [`Metric::labels`].
    ///
    /// # Panics
    /// When the metric has another number of labels: a programmer's error.
    pub fn set(&mut self, metric: &Metric, labels: &[&str], value: f64) {
        assert_eq!(metric.labels.len(), labels.len(), "labels of {metric:?}");
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.0.entry(metric.name).or_default().push((labels, value));
    }

    /// Adds a number without labels.
    pub fn count(&mut self, metric: &Metric, value: u64) {
        self.set(metric, &[], value as f64);
    }

    /// Adds 1 or 0.
    pub fn flag(&mut self, metric: &Metric, is_so: bool) {
        self.count(metric, u64::from(is_so));
    }

    /// Adds what a node says of itself; none when it said nothing in time.
    pub fn health(&mut self, health: Option<&Health>) {
        self.flag(&names::ANSWERING, health.is_some());
        let Some(health) = health else {
            return;
        };
        self.count(&names::HEIGHT, health.height.0);
        self.count(&names::ROUND, u64::from(health.round.0));
        self.count(&names::PUBLISHED_HEIGHT, health.published.0);
        self.count(&names::LOG_SIZE, health.log_size.0);
        self.count(&names::STATEMENTS, health.statements.0);
        self.count(&names::WAITING, health.waiting as u64);
        self.count(&names::MISSING, health.missing.len() as u64);
        self.flag(&names::QUORUM, health.quorum);
        self.flag(&names::VOTING, health.voting);
        self.flag(&names::AMNESIAC, health.amnesiac.is_some());
        self.set(&names::BUILD_INFO, &[health.version], 1.0);
    }

    /// Adds what a node says of the validators.
    pub fn validators(&mut self, validators: &[ValidatorStatus]) {
        let present = validators.iter().filter(|v| v.present);
        let highest = present.map(|v| v.height).max().unwrap_or(Height(0));
        for validator in validators {
            let label = [validator.name.as_str()];
            let lag = highest.0.saturating_sub(validator.height.0) as f64;
            self.set(&names::VALIDATOR_LAG, &label, lag);
            let present = f64::from(u8::from(validator.present));
            self.set(&names::VALIDATOR_PRESENT, &label, present);
            if validator.own {
                self.set(&names::BEHIND, &[], lag);
            }
        }
    }

    pub(crate) fn of(&self, metric: &Metric) -> &[(Labels, f64)] {
        self.0.get(metric.name).map_or(&[], Vec::as_slice)
    }
}
