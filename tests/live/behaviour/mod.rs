//! What an engine does, kind by kind. Every function makes what it needs and takes it away again.

pub mod agents;
pub mod containers;
pub mod engine;
pub mod images;
pub mod networks;
pub mod volumes;
