//! The spec: what a fleet should be, as its user writes it.

pub mod desired;
