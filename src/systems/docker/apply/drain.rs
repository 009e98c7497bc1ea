//! Letting an agent finish: one word, once. A second TERM would make it leave in the middle of its job.

use bollard::container::LogOutput;
use bollard::query_parameters::{KillContainerOptions, LogsOptions};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use tokio::time::Instant;

use super::super::labels::DRAINING;
use super::super::request::{Afterwards, AgentRef, Drain};
use super::Task;
use super::stop::Stop;
use crate::systems::hcp::observed::AgentStatus;

/// What a container said last, without what may be secret, and what to do about it.
pub(super) struct LastWords {
    pub(super) said: String,
    pub(super) hint: String,
}

impl Task<'_> {
    /// The name that says so is the lock: one of several who ask gets it. Then one TERM, and patience.
    pub(super) async fn drain(&self, drain: &Drain) -> Result<(), Stop> {
        let Drain { container, name, works_as, agent, found_marked, relieved: _, then } = drain;
        let marked = format!("{works_as}{DRAINING}");
        if *found_marked {
            if self.watch(container).await? {
                return self.afterwards(container, works_as, *then).await;
            }
        } else {
            self.rename_once(container, &marked).await?;
        }
        if let Some(agent) = agent
            && let Err(stop) = self.is_idle(agent, found_marked.then(Timestamp::now)).await
        {
            if !found_marked {
                // It took a job between the look and the lock, so it keeps its name.
                self.rename(container, name).await?;
            }
            return Err(stop);
        }
        let options = KillContainerOptions { signal: "TERM".to_owned() };
        let sent = self.engine.ask().kill_container(container, Some(options)).await;
        if let Err(error) = sent {
            let failure = self.engine.failure("asking it to finish", &error);
            // Never again where it may have been heard: the next run watches for a minute, and sees.
            if !failure.is_unheard() && failure.status() != Some(409) {
                return Err(failure.into());
            }
        }
        self.ended(container).await?;
        self.afterwards(container, works_as, *then).await
    }

    async fn rename_once(&self, container: &str, to: &str) -> Result<(), Stop> {
        let options = bollard::query_parameters::RenameContainerOptions { name: to.to_owned() };
        let renamed = self.engine.ask().rename_container(container, options).await;
        renamed.map_err(|error| {
            let failure = self.engine.failure("marking the container", &error);
            match failure.status() {
                Some(400 | 404 | 409) => Stop::because(
                    format!("another run is letting it finish: {failure}"),
                    "run it again when that one is done",
                ),
                _ => failure.into(),
            }
        })
    }

    /// Of one that was found with the mark nobody knows whether TERM was sent, so it is watched for longer than any
    /// request may take. True when it ended.
    async fn watch(&self, container: &str) -> Result<bool, Stop> {
        let policy = &self.writer.policy;
        let deadline = Instant::now() + policy.request_timeout * 2;
        loop {
            if !self.is_up(container).await? {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
    }

    /// HCP lists the agent idle, or a complete list lacks it. `since`: an idle agent that got a TERM would have left, so
    /// one that HCP heard of after the watching got none.
    async fn is_idle(&self, agent: &AgentRef, since: Option<Timestamp>) -> Result<(), Stop> {
        let AgentRef { pool, name } = agent;
        let policy = &self.writer.policy;
        let deadline = Instant::now() + policy.request_timeout * 2;
        loop {
            let agents = self.writer.agents.named(pool, name).await.map_err(|cause| {
                Stop::because(format!("whether its agent {name} has a job could not be read: {cause}"), "run it again")
            })?;
            let Some(found) = agents.first() else { return Ok(()) };
            let again = "run it again when the job is done; nothing was stopped";
            match &found.status {
                AgentStatus::Errored | AgentStatus::Exited => return Ok(()),
                AgentStatus::Idle if since.is_none_or(|since| found.last_ping_at.is_some_and(|at| at >= since)) => {
                    return Ok(());
                }
                AgentStatus::Idle if Instant::now() < deadline => {}
                AgentStatus::Idle => {
                    let cause =
                        format!("its agent {name} is idle, and HCP has not heard of it since the mark was seen");
                    return Err(Stop::because(cause, "run it again"));
                }
                AgentStatus::Busy => return Err(Stop::because(format!("its agent {name} has a job now"), again)),
                AgentStatus::Unknown | AgentStatus::Other(_) => {
                    let cause = format!("its agent {name} is {}: it may have a job", found.status.word());
                    return Err(Stop::because(cause, again));
                }
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
    }

    async fn ended(&self, container: &str) -> Result<(), Stop> {
        let policy = &self.writer.policy;
        let deadline = Instant::now() + policy.patience;
        while self.is_up(container).await? {
            if Instant::now() >= deadline {
                return Err(Stop::because(
                    format!("it was asked to finish and has not within {:?}", policy.patience),
                    "run it again: what is under way is left to finish, and is not asked twice",
                ));
            }
            tokio::time::sleep(policy.shortest_pause).await;
        }
        Ok(())
    }

    async fn afterwards(&self, container: &str, works_as: &str, then: Afterwards) -> Result<(), Stop> {
        match then {
            Afterwards::Rests => self.rename(container, works_as).await,
            Afterwards::Goes => Ok(()),
        }
    }

    /// What a container said last: why its agent does not come.
    pub(super) async fn last_words(&self, container: &str) -> LastWords {
        let options = LogsOptions { stdout: true, stderr: true, tail: "20".to_owned(), ..LogsOptions::default() };
        let docker = self.engine.ask();
        let mut log = std::pin::pin!(docker.logs(container, Some(options)));
        let mut lines: Vec<String> = Vec::new();
        while let Ok(Some(output)) = log.try_next().await {
            let text = match &output {
                LogOutput::StdErr { message }
                | LogOutput::StdOut { message }
                | LogOutput::StdIn { message }
                | LogOutput::Console { message } => String::from_utf8_lossy(message).into_owned(),
            };
            lines.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(redacted));
        }
        told(&lines)
    }
}

/// The lines that a log ends with, and the usual reasons that they give.
fn told(lines: &[String]) -> LastWords {
    let whole = lines.join("\n").to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| whole.contains(word));
    let hint = if has(&["401", "unauthorized", "invalid token"]) {
        "HCP refuses its token: run it again, the next apply gives it another one"
    } else if has(&["limit", "no available slot", "too many agents"]) {
        "the organisation's tier has no slot for one more agent: stop another one, or change the tier"
    } else if has(&["no such host", "timeout", "connection refused", "no route", "dial tcp", "unreachable"]) {
        "it does not get to HCP: look at the host's network, its resolver, and at app.terraform.io:443 from there"
    } else if has(&["x509", "certificate"]) {
        "it does not trust the certificate that it is shown: `tls.ca` gives it an authority of your own"
    } else {
        "look at its log on the host: `docker logs`"
    };
    let last = lines.last().map_or("it said nothing", String::as_str);
    LastWords { said: format!("its last words: {last}"), hint: hint.to_owned() }
}

/// A line of somebody else's log without what looks like a token.
fn redacted(line: &str) -> String {
    let secretive = |word: &&str| word.contains(".atlasv1.") || (word.len() > 60 && !word.contains('/'));
    let words = line.split_inclusive(char::is_whitespace);
    words.map(|word| if secretive(&word.trim()) { "(not shown) ".to_owned() } else { word.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_quotes_a_token_is_not_believed_to_be_harmless() {
        let line = "bad token abc.atlasv1.Xyz0123 given";
        assert_eq!(redacted(line), "bad token (not shown) given");
    }

    #[test]
    fn the_reasons_that_a_log_gives_have_remedies() {
        for (line, remedy) in [
            ("[ERROR] core: Unexpected HTTP response code 401", "another one"),
            ("dial tcp: lookup app.terraform.io: no such host", "resolver"),
            ("agent limit reached", "slot"),
        ] {
            assert!(told(&[line.to_owned()]).hint.contains(remedy), "{line}");
        }
    }
}
