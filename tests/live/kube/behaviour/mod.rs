//! What an API server does, kind by kind. Every function makes what it needs, in a namespace of its own.

pub mod access;
pub mod apply;
pub mod audit;
pub mod chart;
pub mod crds;
pub mod defaults;
pub mod deletion;
pub mod discovery;
pub mod events;
pub mod lists;
pub mod managers;
pub mod merging;
pub mod namespaces;
pub mod objects;
pub mod patches;
pub mod secrets;
pub mod spelling;
pub mod status;
pub mod validation;
pub mod watch;
