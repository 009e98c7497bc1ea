//! A Kubernetes API server, real or not, and the list of behaviours that both are held to.

pub mod behaviour;
pub mod cluster;
pub mod fixtures;
pub mod histories;
pub mod subject;
pub mod suite;
