//! What the initrd and the rescue program need, who have neither `/var` nor us: `/.snapshots/health-checker.rescue` says
//! whether to go back and where to, `/.snapshots/health-checker.rescued` what they did (dist/rescue).

use std::fs;
use std::io::ErrorKind;

use anyhow::Result;
use health_checks::config::{Config, Ladder, Rung};

use super::{Snapshots, identity};
use crate::bootloader::snapshot::SnapshotId;
use crate::model::deployment::Deployment;
use crate::model::rescue::{Author, Rescue};
use crate::state::KnownGood;
use crate::sys::durable;

const FILE: &str = "health-checker.rescue";
const LOG: &str = "health-checker.rescued";
const HEAD: &str = "# Whether to go back and where to, for the initrd and rescue programs of health-checker. Written at each healthy boot:\n\
    # what health-checker.conf said then, and the known good snapshots (number, subvolume id, uuid, boot loader entry).\n";

/// Writes down whether to go back, which is decided here and not by them, and where to. Does nothing where that is
/// written already.
///
/// # Errors
/// When `/.snapshots` cannot be written.
pub fn keep(snapshots: &Snapshots, config: &Config, good: &[KnownGood]) -> Result<()> {
    let path = snapshots.directory.join(FILE);
    let text = render(config, good);
    if fs::read_to_string(&path).is_ok_and(|before| text == before) {
        return Ok(());
    }
    durable::write(&path, text.as_bytes(), 0o600)
}

fn render(config: &Config, good: &[KnownGood]) -> String {
    let rollback = |ladder: &Ladder| match ladder.has(Rung::Rollback) {
        true => "rollback",
        false => "stay",
    };
    let new = rollback(&config.escalation.new);
    let known_good = rollback(&config.escalation.known_good);
    let container = match config.boot.act_in_container {
        true => "act",
        false => "stay",
    };
    // Before what could be gone back to: whoever sees only a part of it must not miss that nobody wants it.
    let mut text = format!(
        "{HEAD}new-snapshot {new}\nknown-good-snapshot {known_good}\ncontainer {container}\n"
    );
    for KnownGood {
        deployment, entry, ..
    } in good
    {
        let Some(SnapshotId { number, id, uuid }) = identity::snapshot(deployment) else {
            continue;
        };
        // It is one word of a line for whoever reads it.
        let entry = entry
            .as_deref()
            .filter(|entry| !entry.is_empty() && !entry.contains(char::is_whitespace));
        let entry = entry.unwrap_or("-");
        text.push_str(&format!("good {number} {id} {uuid} {entry}\n"));
    }
    text
}

/// What was done since the last healthy boot, oldest first.
pub fn log(snapshots: &Snapshots) -> Vec<Rescue> {
    let text = fs::read(snapshots.directory.join(LOG)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let existing = |number| Some(identity::deployment(&snapshots.get(number)?));
    text.lines()
        .filter_map(|line| parse(line, &existing))
        .collect()
}

fn parse(line: &str, existing: &dyn Fn(u64) -> Option<Deployment>) -> Option<Rescue> {
    let mut words = line.split_whitespace();
    let boot_id = words.next()?.to_owned();
    let from = words.next()?.parse().ok()?;
    let to = words.next()?.parse().ok()?;
    Some(Rescue {
        boot_id,
        label: format!("snapshot {from}"),
        from: existing(from),
        to: existing(to),
        who: author(words.next()?)?,
        reason: words.collect::<Vec<_>>().join(" "),
    })
}

fn author(word: &str) -> Option<Author> {
    [Author::Initrd, Author::Rescue]
        .into_iter()
        .find(|author| author.as_str() == word)
}

/// A healthy boot: the log is in the state, and they may act again.
pub fn forget(snapshots: &Snapshots) {
    let path = snapshots.directory.join(LOG);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            log::warn!("'{}' cannot be removed: {error}", path.display());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use health_checks::config;

    use super::*;

    const DECIDED: &str = "new-snapshot rollback\nknown-good-snapshot rollback\ncontainer stay\n";

    #[test]
    fn what_the_configuration_says_is_decided_here() {
        let decided = |text: &str| {
            let config = config::merge(&[("/etc/x.conf".into(), text.to_owned())]);
            assert_eq!(config.errors.len(), 0, "{text}");
            render(&config, &[]).replace(HEAD, "")
        };
        assert_eq!(decided(""), DECIDED);
        assert_eq!(
            decided("[Escalation]\nNewSnapshot=reboot rollback\n[Boot]\nActInContainer=on"),
            DECIDED.replace("container stay", "container act")
        );
        assert_eq!(
            decided("[Escalation]\nNewSnapshot=stop\nKnownGoodSnapshot="),
            DECIDED.replace("rollback", "stay")
        );
    }

    #[test]
    fn a_line_for_each_good_snapshot() {
        let good = |number, entry: Option<&str>| KnownGood {
            deployment: identity::deployment(&SnapshotId {
                number,
                id: 256 + number,
                uuid: format!("uuid-{number}"),
            }),
            settled: true,
            entry: entry.map(str::to_owned),
        };
        let all = [
            good(2, None),
            good(1, Some("snap-1.conf")),
            good(3, Some("a b.conf")),
        ];
        assert_eq!(
            render(&Config::default(), &all),
            format!(
                "{HEAD}{DECIDED}good 2 258 uuid-2 -\ngood 1 257 uuid-1 snap-1.conf\ngood 3 259 uuid-3 -\n"
            )
        );
    }

    #[test]
    fn lines_of_the_log_and_garbage() {
        let existing = |number| {
            (number == 1).then(|| Deployment {
                id: "one".to_owned(),
                label: "snapshot 1".to_owned(),
            })
        };
        let rescue = parse("b-1 2 1 initrd root not found", &existing).unwrap();
        assert_eq!((rescue.label.as_str(), &rescue.from), ("snapshot 2", &None));
        assert_eq!(rescue.to, existing(1));
        assert_eq!(
            (rescue.who, rescue.reason.as_str()),
            (Author::Initrd, "root not found")
        );
        for line in [
            "",
            "b-1",
            "b-1 x 1 initrd y",
            "b-1 2 x initrd y",
            "b-1 2 1",
            "b-1 2 1 somebody y",
        ] {
            assert_eq!(parse(line, &existing), None, "{line}");
        }
    }
}
