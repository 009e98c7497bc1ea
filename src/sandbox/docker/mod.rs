//! A stand-in for the Docker Engine of a target: its API of version 1.41, as Engine 20.10.24 speaks it.
//!
//! Status codes and texts are those that a real engine gave to the same requests; the same suite is run against both.

mod archive;
mod call;
mod containers;
mod events;
mod images;
mod logs;
mod networks;
mod process;
pub mod registry;
pub mod serve;
mod system;
mod volumes;

use call::{Call, Outcome, Refusal};

use crate::sandbox::world::{Engine, World};

/// Answers one request.
pub fn answer(world: &mut World, call: &Call) -> Outcome {
    let parts: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
    if let ("GET", ["containers", name, "logs"]) = (call.method.as_str(), parts.as_slice()) {
        return logs::route(world, call, name);
    }
    system::route(world, call, &parts)
        .or_else(|| archive::route(world, call, &parts))
        .or_else(|| containers::route(world, call, &parts))
        .or_else(|| networks::route(world, call, &parts))
        .or_else(|| volumes::route(world, call, &parts))
        .or_else(|| images::route(world, call, &parts))
        .unwrap_or_else(|| Err(Refusal::new(404, "page not found")))
}

/// The engine that a request is for; it may have been taken out of the world.
fn engine<'a>(world: &'a World, call: &Call) -> Result<&'a Engine, Refusal> {
    world.engines.get(&call.engine).ok_or_else(|| Refusal::new(503, "the machine is gone"))
}

fn engine_mut<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Engine, Refusal> {
    world.engines.get_mut(&call.engine).ok_or_else(|| Refusal::new(503, "the machine is gone"))
}
