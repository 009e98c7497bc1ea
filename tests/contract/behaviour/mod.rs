//! What is known of the service's behaviour, each as a test.

mod faults;
mod limits;
mod members;
mod notifications;
mod placement;
mod pools;
mod searches;
mod transport;
mod variables;
mod workspaces;
