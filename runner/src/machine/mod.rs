//! All that is known of the machine before its checks are looked at, gathered once.

pub mod ladder;
pub mod trial;

use std::path::PathBuf;

use health_checks::config::{self, Config};
use health_checks::{CommandLine, LoaderWord, Mode, Root};

use anyhow::Result;

use crate::bootloader;
use crate::deployment::snapper::{Snapshots, note, rescue, salvage};
use crate::model::facts::{BootKey, SnapshotId};
use crate::model::run_files::Armed;
use crate::state::store::Store;
use crate::state::{State, runtime};
use crate::sys::boot;
use crate::sys::mountinfo::{self, Mount};
use crate::sys::systemctl::RunnerUnit;

/// See the module.
#[derive(Debug)]
pub struct Machine {
    /// Below which everything is read and written.
    pub root: Root,
    /// This boot.
    pub boot: BootKey,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Its snapshots, if it has any.
    pub snapshots: Option<Snapshots>,
    /// Subvolume id of the default.
    pub default_id: Option<u64>,
    /// The default snapshot, where the boot loader gave up on it and booted this one.
    pub fallen_from: Option<SnapshotId>,
    /// What became of a snapshot on trial, where there is one.
    pub trial: Option<crate::state::trial::Course>,
    /// The boot loader's entry of this boot, without its counter.
    pub entry: Option<String>,
    /// The configuration.
    pub config: Config,
    /// What the kernel command line says.
    pub mode: Mode,
    /// Where state is kept.
    pub store: Store,
    /// The state.
    pub state: State,
    /// Notes of rolled back snapshots that were taken over into the state, to be removed once that is saved.
    pub notes: Vec<PathBuf>,
    /// What is wrong, for the administrator; nothing of it stops us.
    pub warnings: Vec<String>,
}

impl Machine {
    /// Looks around.
    ///
    /// # Errors
    /// When this boot cannot be told from others.
    pub fn look(root: &Root) -> Result<Self> {
        Ok(Self::look_in(root, boot::key(root)?))
    }

    /// Looks around in a boot that is known already.
    pub fn look_in(root: &Root, boot: BootKey) -> Self {
        let mut warnings = Vec::new();
        let mounts = std::fs::read_to_string(root.join("/proc/self/mountinfo")).unwrap_or_default();
        let mounts = mountinfo::parse(&mounts);
        let snapshots = Snapshots::detect(root, &mounts).unwrap_or_else(|error| {
            warnings.push(format!(
                "{error:#}; treating this as a system without snapshots"
            ));
            None
        });
        let default_id = snapshots.as_ref().and_then(|snapshots| {
            let id = snapshots.default_id();
            id.map_err(|error| warnings.push(format!("{error:#}"))).ok()
        });
        let line = CommandLine::read(root);
        let config = config::load(root);
        warnings.extend(config.errors.iter().map(ToString::to_string));
        let store = Store::new(root);
        let mut loaded = store.load();
        if let Some(snapshots) = &snapshots {
            salvage::salvage(&mut loaded, &store, snapshots);
        }
        warnings.extend(loaded.warnings);
        let armed = runtime::read::<Armed>(root, runtime::ARMED);
        let earlier = armed.filter(|armed| armed.boot == boot);
        for warning in earlier.map(|armed| armed.warnings).unwrap_or_default() {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        let mut machine = Self {
            root: root.clone(),
            boot,
            mounts,
            snapshots,
            default_id,
            fallen_from: None,
            trial: None,
            entry: None,
            config,
            mode: line.mode,
            store,
            state: loaded.state,
            notes: Vec::new(),
            warnings,
        };
        if line.loader == Some(LoaderWord::Fallback) {
            machine.fallen_from = machine.not_booted_default();
        }
        machine.take_over_notes();
        machine.take_over_rescues();
        machine.arrive();
        machine
    }

    /// An incident that an earlier boot could only leave beside its snapshot becomes part of the state.
    fn take_over_notes(&mut self) {
        let Some(snapshots) = &self.snapshots else {
            return;
        };
        for (path, incident) in note::found(snapshots) {
            // The snapshot that wrote it still has it as its own.
            if incident.boot != self.boot {
                self.state.take_over(incident);
                self.notes.push(path);
            }
        }
    }

    /// Notes that what an earlier boot intended has come about: we are here.
    fn arrive(&mut self) {
        let booted = self.booted().cloned();
        if let Some(incident) = self.state.incident.as_mut() {
            incident.arrive(&self.boot, booted.as_ref());
        }
    }

    /// What the initrd or the rescue program did becomes part of the state.
    fn take_over_rescues(&mut self) {
        let Some(snapshots) = &self.snapshots else {
            return;
        };
        for rescue in rescue::log(snapshots) {
            self.state.take_over_rescue(&rescue);
        }
    }

    /// Asks the boot loader what it did. Not early in a boot: its partition need not be mounted yet.
    pub fn ask_boot_loader(&mut self) {
        let default = self.default_snapshot();
        let view = bootloader::detect(&self.root, &self.mounts)
            .view(default.map(|snapshot| snapshot.number));
        if view.fell_back {
            self.fallen_from = self.not_booted_default();
        }
        self.look_at_trial(&view);
        self.entry = view.booted.map(|entry| entry.id);
    }

    /// The default snapshot, if it is not the booted one.
    pub fn not_booted_default(&self) -> Option<SnapshotId> {
        self.default_snapshot()
            .filter(|default| Some(default) != self.booted())
    }

    /// Whether nobody wants a verdict.
    pub fn runner_is_off(&self) -> bool {
        RunnerUnit::ask() == RunnerUnit::Off
    }

    /// The booted snapshot.
    pub fn booted(&self) -> Option<&SnapshotId> {
        self.snapshots.as_ref().map(Snapshots::booted)
    }

    /// Whether the booted snapshot is what is booted next.
    pub fn is_default(&self) -> bool {
        self.booted().map(|booted| booted.id) == self.default_id
    }
}
