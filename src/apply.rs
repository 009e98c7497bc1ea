//! Running a plan: each action as soon as what it takes is there, several at once, and no more than was planned.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::address::Address;
use crate::error::Error;
use crate::plan::order::{self, Cycle};
use crate::plan::{Action, Plan, Verb};
use crate::report::{Entry, Outcome, Report};
use crate::systems::{Made, Outputs};

/// What happens while a plan is applied, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An action began.
    Started(Address, Verb),
    /// It succeeded.
    Done(Address, Verb),
    /// It failed, for this reason.
    Failed(Address, Verb, String),
    /// It was left out because something that it needs failed or was left out.
    Skipped {
        /// The action.
        address: Address,
        /// What it needs.
        after: Address,
    },
    /// No action begins any more; so many are under way.
    Stopping(usize),
}

/// How a run is stopped from outside.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// No action begins any more; those under way are finished.
    pub gently: CancellationToken,
    /// Nothing is waited for any more.
    pub at_once: CancellationToken,
}

/// Where the run of one plan stands.
struct Run<'a> {
    plan: &'a Plan,
    /// Needs that are not settled yet.
    open: BTreeMap<&'a Address, BTreeSet<&'a Address>>,
    /// Who needs it.
    after: BTreeMap<&'a Address, Vec<&'a Address>>,
    ready: BTreeSet<&'a Address>,
    running: BTreeSet<&'a Address>,
    outcomes: BTreeMap<Address, Outcome>,
    events: &'a UnboundedSender<Event>,
}

/// Runs the actions of a plan, at most so many at once. Those that could begin at the same time begin in the order of
/// their addresses, so that a run with one at a time always does the same.
///
/// # Errors
/// When actions wait for each other in a ring; then none is run.
pub async fn apply(
    plan: &Plan,
    at_once: NonZeroUsize,
    stop: &Stop,
    events: &UnboundedSender<Event>,
    perform: impl AsyncFn(&Address, &Action, &Outputs) -> Result<Made, Error>,
) -> Result<Report, Cycle> {
    order::order(plan)?;
    let outputs = Outputs::awaiting(plan.actions.keys().cloned());
    let mut run = Run::new(plan, events);
    let mut under_way = FuturesUnordered::new();
    let mut stopping = false;
    loop {
        while !stopping
            && !stop.gently.is_cancelled()
            && under_way.len() < at_once.get()
            && let Some((address, action)) = run.start()
        {
            let (perform, outputs) = (&perform, &outputs);
            under_way.push(async move { (address, perform(address, action, outputs).await) });
        }
        if under_way.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            () = stop.at_once.cancelled() => break,
            () = stop.gently.cancelled(), if !stopping => {
                stopping = true;
                run.tell(Event::Stopping(under_way.len()));
            }
            Some((address, result)) = under_way.next() => match result {
                Ok(made) => {
                    outputs.fill(address, made);
                    run.succeeded(address);
                }
                Err(error) => run.failed(address, error),
            },
        }
    }
    Ok(run.report())
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, events: &'a UnboundedSender<Event>) -> Self {
        let open = order::edges(plan);
        let mut after: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
        for (address, needs) in &open {
            for need in needs {
                after.entry(need).or_default().push(address);
            }
        }
        let ready = open.iter().filter(|(_, needs)| needs.is_empty()).map(|(address, _)| *address).collect();
        Self { plan, open, after, ready, running: BTreeSet::new(), outcomes: BTreeMap::new(), events }
    }

    fn tell(&self, event: Event) {
        // Nobody has to listen.
        let _ = self.events.send(event);
    }

    fn start(&mut self) -> Option<(&'a Address, &'a Action)> {
        let address = self.ready.pop_first()?;
        let action = self.plan.actions.get(address)?;
        self.running.insert(address);
        self.tell(Event::Started(address.clone(), action.verb));
        Some((address, action))
    }

    fn verb(&self, address: &Address) -> Verb {
        // Every address here is one of the plan's.
        self.plan.actions.get(address).map_or(Verb::Change, |action| action.verb)
    }

    fn succeeded(&mut self, address: &'a Address) {
        self.running.remove(address);
        self.tell(Event::Done(address.clone(), self.verb(address)));
        self.outcomes.insert(address.clone(), Outcome::Done);
        self.settle(address);
    }

    fn failed(&mut self, address: &'a Address, error: Error) {
        self.running.remove(address);
        self.tell(Event::Failed(address.clone(), self.verb(address), error.under(address)));
        self.outcomes.insert(address.clone(), Outcome::Failed(error));
        self.lost(address);
    }

    /// Takes a need off everybody who waits for it.
    fn settle(&mut self, need: &Address) {
        for waiting in self.after.get(need).cloned().unwrap_or_default() {
            if let Some(needs) = self.open.get_mut(waiting)
                && needs.remove(need)
                && needs.is_empty()
                && !self.outcomes.contains_key(waiting)
            {
                self.ready.insert(waiting);
            }
        }
    }

    /// What needs an action that will not succeed is left out, and what needs that in turn; who can do without it goes on.
    fn lost(&mut self, lost: &'a Address) {
        let mut gone = vec![lost];
        while let Some(need) = gone.pop() {
            for waiting in self.after.get(need).cloned().unwrap_or_default() {
                let Some(action) = self.plan.actions.get(waiting) else {
                    continue;
                };
                let optional = action.request.spares();
                let taken = action.request.needs();
                let spared = taken.iter().filter(|output| output.of == *need).all(|output| optional.contains(output));
                if !spared && !self.outcomes.contains_key(waiting) {
                    self.ready.remove(waiting);
                    let after = need.clone();
                    self.tell(Event::Skipped { address: waiting.clone(), after: after.clone() });
                    self.outcomes.insert(waiting.clone(), Outcome::Skipped { after });
                    gone.push(waiting);
                }
            }
            self.settle(need);
        }
    }

    fn report(mut self) -> Report {
        let entries = self.plan.actions.iter().map(|(address, action)| {
            let outcome = self
                .outcomes
                .remove(address)
                .unwrap_or_else(|| if self.running.contains(address) { Outcome::Unknown } else { Outcome::NotBegun });
            let verb = action.verb;
            (address.clone(), Entry { verb, outcome })
        });
        Report { entries: entries.collect() }
    }
}
