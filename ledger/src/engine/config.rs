//! What an engine is built from and restored from.

use super::io::EngineInput;
use super::timers::EngineTimeouts;
use messages::cbor::{self, Canonical, CborError, Writer, Written};
use messages::consensus::ValidatorSet;
use messages::ids::{Height, Name};
use messages::keys::PublicKey;
use minicbor::Decoder;

/// More inputs than eight heights of the largest validator set can hold.
const CARRIED_MAX: u64 = 1 << 20;

/// What an engine is built from.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The network whose messages count.
    pub network: Name,
    /// The validators of the first height to be started.
    pub validators: ValidatorSet,
    /// Our consensus key; none for an observer.
    pub own: Option<PublicKey>,
    /// How long to wait for what.
    pub timeouts: EngineTimeouts,
    /// The last height that is already decided; 0 at genesis.
    pub decided: Height,
    /// Nothing is signed below this height (a validator that lost its journal).
    pub signs_from: Height,
}

impl EngineConfig {
    /// A configuration at genesis with default timeouts.
    pub fn new(network: Name, validators: ValidatorSet, own: Option<PublicKey>) -> Self {
        let (decided, signs_from) = (Height(0), Height(0));
        let timeouts = EngineTimeouts::default();
        Self {
            network,
            validators,
            own,
            timeouts,
            decided,
            signs_from,
        }
    }
}

/// What must survive a cut of the journal at a height boundary.
///
/// Its inputs were judged when they arrived and are not verified again, so it must come from the
/// node's own storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSnapshot {
    /// The height the engine was at.
    pub height: Height,
    /// The validators of the next started height.
    pub validators: ValidatorSet,
    /// Inputs of later heights, by height and then by arrival.
    pub carried: Vec<EngineInput>,
}

impl Canonical for EngineSnapshot {
    const NAME: &'static str = "engine snapshot";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        self.validators.write(w.array(3)?.u64(self.height.0)?)?;
        w.array(self.carried.len() as u64)?;
        self.carried.iter().try_for_each(|input| input.write(w))
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 3, Self::NAME)?;
        let height = d.u64().map(Height).map_err(CborError::at("height"))?;
        let validators = ValidatorSet::read(d)?;
        let len = cbor::array_len(d, CARRIED_MAX, "carried inputs")?;
        let carried = (0..len)
            .map(|_| EngineInput::read(d))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            height,
            validators,
            carried,
        })
    }
}
