//! Who is called when a notification is verified: nobody. Every delivery ends here, whatever its URL says, and is
//! answered as the switches say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What was sent to receivers, and how they answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Inbox {
    /// The status that every receiver answers with; none is 200.
    pub answer: Option<u16>,
    /// The same for one host.
    pub answer_by_host: BTreeMap<String, u16>,
    /// What came, oldest first.
    pub received: Vec<Received>,
}

/// One delivery: of its URL only the host, as the rest is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Received {
    /// The notification configuration.
    pub notification: String,
    /// The host of its URL.
    pub host: String,
    /// Its destination type.
    pub destination: String,
    /// `X-TFE-Notification-Signature`, if it was signed.
    pub signature: Option<String>,
    /// How the receiver answered.
    pub code: u16,
    /// When it came.
    pub at: Timestamp,
}

/// What is sent.
#[derive(Debug)]
pub struct Parcel<'a> {
    /// The notification configuration.
    pub notification: &'a str,
    /// Where to.
    pub url: &'a str,
    /// `generic`, `slack` or `microsoft-teams`.
    pub destination: &'a str,
    /// The signature of the body.
    pub signature: Option<&'a str>,
}

impl Inbox {
    /// Takes a parcel and says with which status.
    pub fn take(&mut self, parcel: &Parcel<'_>, at: Timestamp) -> u16 {
        let (host, path) = split(parcel.url);
        let code = match self.answer_by_host.get(host).copied().or(self.answer) {
            Some(code) => code,
            None if is_discord(host) && !(parcel.destination == "slack" && path.ends_with("/slack")) => 400,
            None => 200,
        };
        self.received.push(Received {
            notification: parcel.notification.to_owned(),
            host: host.to_owned(),
            destination: parcel.destination.to_owned(),
            signature: parcel.signature.map(str::to_owned),
            code,
            at,
        });
        code
    }
}

/// Discord refuses a message without content; it reads Slack's format below `/slack` (Discord's page "Webhook Resource").
fn is_discord(host: &str) -> bool {
    ["discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com"].contains(&host)
}

fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = match rest.find(['/', '?']) {
        Some(place) => rest.split_at(place),
        None => (rest, ""),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (host, path.split('?').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel<'a>(url: &'a str, destination: &'a str) -> Parcel<'a> {
        Parcel { notification: "nc-1", url, destination, signature: None }
    }

    #[test]
    fn only_the_host_of_a_url_is_kept() {
        let mut inbox = Inbox::default();
        inbox.take(&parcel("https://user:canary@hooks.example/canary?canary", "generic"), Timestamp::UNIX_EPOCH);
        assert_eq!(inbox.received[0].host, "hooks.example");
        assert!(!serde_json::to_string(&inbox).unwrap().contains("canary"));
    }

    #[test]
    fn discord_reads_slack_messages_below_slack_only() {
        let mut inbox = Inbox::default();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(inbox.take(&parcel("https://discord.com/api/webhooks/1/x/slack", "slack"), now), 200);
        assert_eq!(inbox.take(&parcel("https://discord.com/api/webhooks/1/x", "slack"), now), 400);
        assert_eq!(inbox.take(&parcel("https://discord.com/api/webhooks/1/x", "generic"), now), 400);
    }

    #[test]
    fn a_host_can_be_told_to_refuse() {
        let mut inbox = Inbox::default();
        inbox.answer_by_host.insert("a.example".into(), 404);
        assert_eq!(inbox.take(&parcel("https://a.example/x", "generic"), Timestamp::UNIX_EPOCH), 404);
        assert_eq!(inbox.take(&parcel("https://b.example/x", "generic"), Timestamp::UNIX_EPOCH), 200);
    }
}
