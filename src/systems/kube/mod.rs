//! A Kubernetes cluster: the HCP Terraform operator in it, and the agent pools that the operator runs.

pub mod agent_pool;
pub mod chart;
pub mod desired;
pub mod object;
pub mod operator;
pub mod typed;
pub mod yaml;
