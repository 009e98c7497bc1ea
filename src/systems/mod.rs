//! The systems that a fleet lives in, all of the same shape.

pub mod hcp;
