//! `wutong-sim`: runs worlds by seed and says what came of them.

use std::process::ExitCode;

fn main() -> ExitCode {
    simulations::cli::main(Vec::new())
}
