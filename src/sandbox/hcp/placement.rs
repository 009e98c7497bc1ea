//! Execution mode and agent pool: the one setting that is inherited, overwritten, and spelt differently everywhere.
//!
//! `setting-overwrites`: false drops the own value; true needs a value in the same request or an own one already;
//! sending a mode implies true (go-tfe 1.90, comments at `WorkspaceSettingOverwritesOptions`, and its tests).

use super::{
    call::{Call, Fields, Given},
    jsonapi::Problem,
    organizations::modes,
};
use crate::sandbox::world::{Mode, OwnPool, Placement, World};

/// How a kind spells the setting.
struct Spelling {
    mode: &'static str,
    pool_id: &'static str,
    overwrites_mode: &'static str,
    overwrites_pool: &'static str,
}

const WORKSPACE: Spelling = Spelling {
    mode: "execution-mode",
    pool_id: "agent-pool-id",
    overwrites_mode: "execution-mode",
    overwrites_pool: "agent-pool",
};

const PROJECT: Spelling = Spelling {
    mode: "default-execution-mode",
    pool_id: "default-agent-pool-id",
    overwrites_mode: "default-execution-mode",
    overwrites_pool: "default-agent-pool",
};

fn mode(fields: &Fields<'_>, name: &str) -> Result<Option<Mode>, Problem> {
    let Some(word) = fields.text(name)?.value() else {
        return Ok(None);
    };
    Mode::parse(&word)
        .map(Some)
        .ok_or_else(|| Problem::invalid(name, format!("{word} is not included in the list: {}", modes())))
}

/// The pool that a document names: by attribute, an empty text clearing it like null.
fn pool_attribute(fields: &Fields<'_>, name: &str) -> Result<Given<String>, Problem> {
    Ok(match fields.text(name)? {
        Given::Value(id) if id.is_empty() => Given::Null,
        other => other,
    })
}

fn rewritten(
    fields: &Fields<'_>,
    given_pool: Given<String>,
    own: &Placement,
    spelt: &Spelling,
) -> Result<Placement, Problem> {
    let overwrites = fields.object("setting-overwrites")?.value();
    let overwrite = |name: &str| -> Result<Option<bool>, Problem> {
        match &overwrites {
            Some(object) => Ok(object.flag(name)?.value()),
            None => Ok(None),
        }
    };
    let given_mode = mode(fields, spelt.mode)?;
    let mut placed = own.clone();
    if let Some(mode) = given_mode {
        placed.mode = Some(mode);
        if mode != Mode::Agent || placed.pool == OwnPool::Inherited {
            placed.pool = OwnPool::Own(None);
        }
    }
    let pool_is_given = given_pool != Given::Absent;
    match given_pool {
        Given::Absent => {}
        Given::Null => placed.pool = OwnPool::Own(None),
        Given::Value(id) => placed.pool = OwnPool::Own(Some(id)),
    }
    match overwrite(spelt.overwrites_mode)? {
        Some(false) if given_mode.is_some() => {
            return Err(Problem::invalid(spelt.mode, "can't be given when it is not to be overwritten"));
        }
        Some(false) => {
            placed.mode = None;
            // A pool goes with its mode, unless the document says otherwise.
            if !pool_is_given {
                placed.pool = OwnPool::Inherited;
            }
        }
        Some(true) if placed.mode.is_none() => {
            return Err(Problem::invalid(spelt.mode, "must be given when it is to be overwritten"));
        }
        Some(true) | None => {}
    }
    match overwrite(spelt.overwrites_pool)? {
        Some(false) if pool_is_given => {
            return Err(Problem::invalid(spelt.pool_id, "can't be given when it is not to be overwritten"));
        }
        Some(false) => placed.pool = OwnPool::Inherited,
        Some(true) if placed.pool == OwnPool::Inherited => {
            return Err(Problem::invalid(spelt.pool_id, "must be given when it is to be overwritten"));
        }
        Some(true) | None => {}
    }
    // Without an own mode an own pool has nothing to go with, unless the inherited mode is agent: checked by the caller.
    if placed.mode.is_none() && placed.pool == OwnPool::Own(None) {
        placed.pool = OwnPool::Inherited;
    }
    Ok(placed)
}

fn consistent(
    world: &World,
    own: &Placement,
    parent: (Mode, Option<String>),
    spelt: &Spelling,
) -> Result<(Mode, Option<String>), Problem> {
    let (mode, pool) = own.over(parent);
    match (&own.pool, mode) {
        (OwnPool::Own(Some(_)), Mode::Remote | Mode::Local) => {
            return Err(Problem::invalid(
                spelt.pool_id,
                format!("Agent pool can't be assigned unless {} is agent", spelt.mode),
            ));
        }
        (_, Mode::Agent) if pool.is_none() => {
            return Err(Problem::invalid(
                spelt.pool_id,
                format!("Agent pool must be present when {} is agent", spelt.mode),
            ));
        }
        _ => {}
    }
    if let Some(id) = &pool
        && !world.agent_pools.contains_key(id)
    {
        return Err(Problem::invalid(spelt.pool_id, "Agent pool not found"));
    }
    Ok((mode, pool))
}

/// Where a workspace will run, after a document. `id` is none for one that is being made.
pub fn of_workspace(
    world: &World,
    call: &Call,
    id: Option<&str>,
    project: &str,
    own: &Placement,
) -> Result<Placement, Problem> {
    let fields = call.attributes();
    let asks = [WORKSPACE.mode, WORKSPACE.pool_id, "setting-overwrites", "operations"];
    if !asks.iter().any(|name| fields.has(name)) {
        return Ok(own.clone());
    }
    let mut placed = rewritten(&fields, pool_attribute(&fields, WORKSPACE.pool_id)?, own, &WORKSPACE)?;
    if let Some(operations) = fields.flag("operations")?.value() {
        if fields.has(WORKSPACE.mode) {
            return Err(Problem::invalid("operations", "can't be given together with execution-mode"));
        }
        placed.mode = Some(if operations { Mode::Remote } else { Mode::Local });
        placed.pool = OwnPool::Own(None);
    }
    let parent = match world.projects.get(project) {
        Some(project) => world.project_placement(project),
        None => world.organization_placement(),
    };
    let (mode, pool) = consistent(world, &placed, parent, &WORKSPACE)?;
    if let Some(pool) = pool
        && mode == Mode::Agent
        && !world.may_use(&pool, id, project)
    {
        // The words of a real answer: provider issue 1111.
        return Err(Problem::invalid(
            "agent-pool-id",
            "Agent pool workspace does not have access to use this agent pool",
        ));
    }
    Ok(placed)
}

/// Where a project's workspaces will run, after a document.
pub fn of_project(world: &World, call: &Call, id: Option<&str>, own: &Placement) -> Result<Placement, Problem> {
    let fields = call.attributes();
    let related = call.relation("default-agent-pool")?;
    let given = match pool_attribute(&fields, PROJECT.pool_id)? {
        Given::Absent => related,
        other => other,
    };
    let asks = [PROJECT.mode, "setting-overwrites"];
    if given == Given::Absent && !asks.iter().any(|name| fields.has(name)) {
        return Ok(own.clone());
    }
    let placed = rewritten(&fields, given, own, &PROJECT)?;
    let (mode, pool) = consistent(world, &placed, world.organization_placement(), &PROJECT)?;
    if let Some(pool) = pool
        && mode == Mode::Agent
        && !world.may_use(&pool, None, id.unwrap_or_default())
    {
        return Err(Problem::invalid(
            PROJECT.pool_id,
            "Agent pool project does not have access to use this agent pool",
        ));
    }
    Ok(placed)
}

/// Where the organization's projects will run, after a document.
pub fn of_organization(world: &World, call: &Call) -> Result<(Mode, Option<String>), Problem> {
    let fields = call.attributes();
    let (old_mode, old_pool) = world.organization_placement();
    let given = match pool_attribute(&fields, "default-agent-pool-id")? {
        Given::Absent => call.relation("default-agent-pool")?,
        other => other,
    };
    let mode = mode(&fields, "default-execution-mode")?.unwrap_or(old_mode);
    let mut pool = old_pool;
    given.set_or_clear(&mut pool);
    let own = Placement { mode: Some(mode), pool: OwnPool::Own(pool.clone()) };
    // An omitted pool is not cleared by another mode, and then does no harm: only a pool in the document is refused.
    if mode == Mode::Agent || call.body.pointer("/data/relationships/default-agent-pool/data/id").is_some() {
        consistent(world, &own, (mode, None), &PROJECT)?;
    }
    Ok((mode, pool))
}
