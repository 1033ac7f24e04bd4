//! Known good snapshots as marked in snapper's userdata: outside `/var`, so that they survive its loss.
//!
//! Read from `info.xml` directly (works without snapper and D-Bus), written by `snapper modify`.

use std::time::Duration;

use anyhow::{Result, bail};

use super::Snapshots;
use crate::bootloader::snapshot::SnapshotId;
use crate::sys::command;

/// Key in snapper's userdata. `snapper list` shows it.
const KEY: &str = "health-checker";
const GOOD: &str = "good";
/// `snapper modify` takes 0.1 s; on a machine that is still busy booting, more.
const LIMIT: Duration = Duration::from_secs(60);

/// Whether snapper's own cleanup may delete a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Known good, and protected: only an empty cleanup algorithm protects from `snapper cleanup`.
    Good,
    /// No longer needed as a place to go back to: cleaned up by number like any other.
    Released,
}

/// What `info.xml` says that matters here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Info {
    good: bool,
    cleanup: String,
}

/// All snapshots marked known good that exist, highest number first.
pub fn marked(snapshots: &Snapshots) -> Vec<SnapshotId> {
    let mut all = snapshots.all();
    all.retain(|snapshot| info(snapshots, snapshot.number).is_some_and(|info| info.good));
    all
}

/// Writes a mark. Does nothing where it is there already, so that an ordinary boot does not start snapperd.
///
/// # Errors
/// When neither snapperd nor snapper without D-Bus can do it.
pub fn set(snapshots: &Snapshots, number: u64, mark: Mark, tick: &dyn Fn()) -> Result<()> {
    let (cleanup, userdata, wanted) = match mark {
        Mark::Good => ("", format!("{KEY}={GOOD}"), true),
        Mark::Released => ("number", format!("{KEY}="), false),
    };
    let done = |info: &Info| info.good == wanted && info.cleanup == cleanup;
    let number_text = number.to_string();
    let arguments = [
        "modify",
        "--cleanup-algorithm",
        cleanup,
        "--userdata",
        &userdata,
        &number_text,
    ];
    let mut said = Vec::new();
    for program in [&["snapper"][..], &["snapper", "--no-dbus"]] {
        if info(snapshots, number).is_some_and(|info| done(&info)) {
            return Ok(());
        }
        match command::run(&[program, &arguments].concat(), LIMIT, tick) {
            Ok(ended) => said.push(ended.to_string()),
            Err(error) => said.push(format!("{error:#}")),
        }
    }
    if info(snapshots, number).is_some_and(|info| done(&info)) {
        return Ok(());
    }
    bail!(
        "snapper cannot modify snapshot {number}: {}",
        said.join("; ")
    )
}

fn info(snapshots: &Snapshots, number: u64) -> Option<Info> {
    parse(&std::fs::read_to_string(snapshots.info(number)).ok()?)
}

fn parse(text: &str) -> Option<Info> {
    let document = roxmltree::Document::parse(text).ok()?;
    let mut info = Info::default();
    for node in document.root_element().children() {
        match node.tag_name().name() {
            "cleanup" => info.cleanup = node.text().unwrap_or_default().trim().to_owned(),
            "userdata" => {
                let text_of = |name| {
                    node.children()
                        .find(|child| child.has_tag_name(name))
                        .and_then(|child| child.text())
                };
                info.good |= text_of("key") == Some(KEY) && text_of("value") == Some(GOOD);
            }
            _ => {}
        }
    }
    Some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_found_among_other_userdata() {
        let text = "<?xml version=\"1.0\"?>\n<snapshot>\n  <type>single</type>\n  <num>2</num>\n  <cleanup>number</cleanup>\n\
            <userdata><key>important</key><value>yes</value></userdata>\n\
            <userdata><key>health-checker</key><value>good</value></userdata>\n</snapshot>\n";
        assert_eq!(
            parse(text),
            Some(Info {
                good: true,
                cleanup: "number".to_owned()
            })
        );
    }

    #[test]
    fn no_mark_another_mark_or_garbage_is_not_good() {
        assert_eq!(
            parse("<snapshot><num>2</num></snapshot>"),
            Some(Info::default())
        );
        let text =
            "<snapshot><userdata><key>health-checker</key><value>bad</value></userdata></snapshot>";
        assert_eq!(parse(text), Some(Info::default()));
        assert_eq!(parse(""), None);
        assert_eq!(parse("<snapshot>"), None);
    }
}
