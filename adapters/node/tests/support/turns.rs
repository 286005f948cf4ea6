//! Whose turn it is to propose.

use super::network::{NODES, Network};

/// Validators by their turn, (height + round) modulo their number, as the blocks of node 0 tell.
fn order(network: &Network) -> Vec<String> {
    let mut order = vec![String::new(); NODES];
    for height in 1..=network.height(0) {
        let block = network.json(0, &format!("/v1/blocks/{height}")).1;
        let turn = height + block["round"].as_u64().unwrap();
        order[turn as usize % NODES] = block["proposer"].as_str().unwrap().to_owned();
    }
    assert!(!order.contains(&String::new()), "{order:?}");
    order
}

/// The validator that proposes first at the height to come. There must be [`NODES`] blocks.
pub fn next_proposer(network: &Network) -> usize {
    let turn = network.height(0) + 1;
    let name = &order(network)[turn as usize % NODES];
    name.strip_prefix("validator-").unwrap().parse().unwrap()
}
