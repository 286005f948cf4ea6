//! The simulated disk passes the suite that the real one passes.

use bus::conformance::store_conformance;
use simulations::{Disk, Driver, Honesty, Life, Schedule};
use std::sync::Arc;

#[test]
fn the_simulated_disk_keeps_its_word() {
    let schedule = Schedule::new(1, Driver::Stepped);
    let disk = Disk::new(1, 0, None, Honesty::Honest);
    let mut lives = 0;
    store_conformance(|| {
        lives += 1;
        let opened = disk.open(Arc::new(Life::new(0, lives, schedule.clone())));
        (opened.clone(), opened)
    });
}
