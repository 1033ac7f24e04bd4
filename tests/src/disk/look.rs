//! Owns what is to be seen on the disk of a machine after a power cut.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::run;
use crate::machine::Machine;
use crate::mounted::wait_released;
use crate::snapshots::number_of;

/// What health-checker and snapper left.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// The snapshot that is booted next.
    pub default: u64,
    /// `state.json`.
    pub state: Option<String>,
    /// The state file of health-checker 1.x.
    pub legacy: Option<String>,
    /// The file for the initrd and the rescue program.
    pub rescue: Option<String>,
    /// What a test wrote to `/var/lib/unsynced`, and did not sync.
    pub unsynced: Option<String>,
    /// Snapshots that snapper's userdata calls known good.
    pub marked: Vec<u64>,
    /// All snapshots, and their uuids.
    pub snapshots: BTreeMap<u64, String>,
}

/// In a mount namespace of its own: a machine that is switched on meanwhile would keep our mount, and with it the disk.
/// The kernel remembers a newer state of the same file system by its loop device, and would refuse this one.
const SCRIPT: &str = r#"
mount -t btrfs -o loop,subvolid=5 "$1" "$2" || { btrfs device scan --forget; mount -t btrfs -o loop,subvolid=5 "$1" "$2"; }
cd "$2"
btrfs subvolume get-default . > "$3/default"
btrfs subvolume list -u . > "$3/subvolumes"
for file in @/var/lib/health-checker/state.json @/var/lib/misc/health-check.state @/.snapshots/health-checker.rescue \
    @/var/lib/unsynced @/.snapshots/*/info.xml; do
    if test -e "$file"; then cp --parents "$file" "$3"; fi
done
cd /
umount "$2"
"#;

impl Machine {
    /// Mounts the disk as a boot would, which replays its log, and looks at it.
    pub fn left(&self) -> Result<Left> {
        self.disk.must_be_off()?;
        let image = &self.disk.image;
        let directory = tempfile::tempdir_in(image.with_file_name(""));
        let directory = directory.context("cannot make a temporary directory")?;
        let place = |name: &str| directory.path().join(name);
        for name in ["mounted", "found"] {
            fs::create_dir(place(name)).context("cannot make a directory")?;
        }
        let isolated = ["--mount", "--propagation", "private", "sh", "-euc", SCRIPT];
        run(Command::new("unshare")
            .args(isolated)
            .arg("sh")
            .arg(image)
            .arg(place("mounted"))
            .arg(place("found")))?;
        wait_released(image)?;
        left_in(&place("found"))
    }
}

fn left_in(found: &Path) -> Result<Left> {
    let snapshots = found.join("@/.snapshots");
    let mut left = Left {
        state: read(&found.join("@/var/lib/health-checker/state.json"))?,
        legacy: read(&found.join("@/var/lib/misc/health-check.state"))?,
        unsynced: read(&found.join("@/var/lib/unsynced"))?,
        rescue: read(&snapshots.join("health-checker.rescue"))?,
        ..Left::default()
    };
    let path_in = |line: &str| line.split_whitespace().last().and_then(number_of);
    let default = read(&found.join("default"))?.unwrap_or_default();
    left.default = path_in(&default).unwrap_or_default();
    let subvolumes = read(&found.join("subvolumes"))?.unwrap_or_default();
    for line in subvolumes.lines() {
        let words = || line.split_whitespace();
        let uuid = words().skip_while(|word| *word != "uuid").nth(1);
        let Some((number, uuid)) = path_in(line).zip(uuid) else {
            continue;
        };
        left.snapshots.insert(number, uuid.to_owned());
        let info = read(&snapshots.join(format!("{number}/info.xml")))?;
        if info.is_some_and(|info| info.contains("<key>health-checker</key>")) {
            left.marked.push(number);
        }
    }
    Ok(left)
}

/// `None`: there is no such file.
fn read(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read '{}'", path.display())),
    }
}
