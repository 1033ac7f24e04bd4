//! `health-probe dns`: a name resolves.

use std::net::IpAddr;

use clap::Args;

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::resolve;

/// NAME resolves, as it does for every program of this system (nsswitch.conf, /etc/hosts, DNS).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  health-probe dns download.opensuse.org\n  health-probe dns db.internal --address 10.0.0.5"
)]
pub struct Dns {
    /// The name to resolve
    pub name: String,
    /// An address that must be among the answers (may be given several times)
    #[arg(long, value_name = "IP")]
    pub address: Vec<IpAddr>,
}

impl Probe for Dns {
    fn expected(&self) -> String {
        match self.address.is_empty() {
            true => format!("'{}' to resolve", self.name),
            false => format!("'{}' to resolve to {}", self.name, list(&self.address)),
        }
    }

    fn look(&self, limit: Limit) -> Look {
        let found = resolve::addresses(&self.name, limit).map_err(Problem::not_yet)?;
        match self.address.iter().all(|address| found.contains(address)) {
            true => Ok(list(&found)),
            false => Err(Problem::not_yet(list(&found))),
        }
    }
}

fn list(addresses: &[IpAddr]) -> String {
    let texts: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
    texts.join(", ")
}
