//! Seat of the layer; filled by the slices that follow.
