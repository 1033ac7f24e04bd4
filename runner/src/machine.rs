//! All that is known of the machine before its checks are looked at, gathered once.

use std::path::PathBuf;

use health_checks::config::{self, Config, Ladder, Rung};
use health_checks::{CommandLine, LoaderWord, Mode, Root};

use anyhow::Result;

use crate::arm::Armed;
use crate::boot;
use crate::bootloader;
use crate::facts::{BootKey, Outcome, SnapshotId};
use crate::policy::{Restraint, Standing, Step};
use crate::report::Report;
use crate::runner_unit::RunnerUnit;
use crate::runtime;
use crate::snapshot::mountinfo::{self, Mount};
use crate::snapshot::{Snapshots, note, rescue};
use crate::state::State;
use crate::state::store::Store;
use crate::state::trial;

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
    pub trial: Option<trial::Course>,
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
        let loaded = store.load(snapshots.as_ref());
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

    /// Where a rollback was going to that got as far as the default subvolume when the power failed: the boot loader was
    /// not told, and booted the bad snapshot once more. It is to be finished, a bounded number of times.
    pub fn half_rolled_back(&self) -> Option<SnapshotId> {
        let (incident, booted) = (self.state.open_incident()?, self.booted()?);
        let target = incident.interrupted_target()?;
        let is_half = Some(target.id) == self.default_id
            && target != booted
            && incident.has_failed(booted)
            && incident.rollback(&self.boot) == Step::Available;
        is_half.then(|| target.clone())
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

    /// What is known of the booted snapshot from before.
    pub fn standing(&self) -> Standing {
        if self
            .booted()
            .is_some_and(|booted| self.state.is_known_good(booted))
        {
            Standing::KnownGood
        } else {
            Standing::New
        }
    }

    /// What may be done where a snapshot of this standing fails.
    pub fn ladder(&self, standing: Standing) -> &Ladder {
        match standing {
            Standing::New => &self.config.escalation.new,
            Standing::KnownGood => &self.config.escalation.known_good,
        }
    }

    /// Why only to report, the strongest reason first.
    pub fn restraint(&self) -> Option<Restraint> {
        let judged_before = runtime::read::<Report>(&self.root, runtime::REPORT)
            .is_some_and(|report| report.boot == self.boot);
        let reasons = [
            (self.snapshots.is_none(), Restraint::NotASnapshot),
            (
                boot::in_container(&self.root) && !self.config.boot.act_in_container,
                Restraint::Container,
            ),
            (
                !self.is_default()
                    && self.fallen_from.is_none()
                    && self.half_rolled_back().is_none(),
                Restraint::NotDefault,
            ),
            (!self.config.errors.is_empty(), Restraint::Configuration),
            (self.mode == Mode::Report, Restraint::CommandLine),
            (judged_before, Restraint::JudgedBefore),
        ];
        reasons
            .into_iter()
            .find_map(|(applies, restraint)| applies.then_some(restraint))
    }

    /// Where a rollback would go to: what an interrupted one was on its way to, else the newest good one.
    pub fn rollback_target(&self) -> Option<SnapshotId> {
        let snapshots = self.snapshots.as_ref()?;
        let exists = |snapshot: &SnapshotId| snapshots.exists(snapshot);
        let interrupted = self
            .state
            .open_incident()
            .and_then(|incident| incident.interrupted_target());
        interrupted
            .filter(|target| *target != snapshots.booted() && exists(target))
            .cloned()
            .or_else(|| self.state.rollback_target(snapshots.booted(), &exists))
    }

    /// Whether a reboot is still there. `Tries=` may grant a new snapshot more than one, for as long as it could be
    /// rolled back instead.
    pub fn reboot(&self, failing: &[Outcome]) -> Step {
        let standing = self.standing();
        let incident = self.state.open_incident();
        let once = incident.map_or(Step::Available, |incident| incident.reboot(failing));
        if self.ladder(standing).has(Rung::Reboot) && once == Step::Available {
            return Step::Available;
        }
        let (Standing::New, Some(booted)) = (standing, self.booted()) else {
            return Step::Spent;
        };
        let failed = incident.map_or(0, |incident| incident.earlier_boots(booted, &self.boot));
        // This boot is one more.
        let granted = failed + 1 < self.config.escalation.tries as usize;
        let instead =
            self.ladder(standing).has(Rung::Rollback) && self.rollback() == Step::Available;
        if granted && instead {
            Step::Available
        } else {
            Step::Spent
        }
    }

    /// Whether a rollback is still there.
    pub fn rollback(&self) -> Step {
        let taken = self
            .state
            .open_incident()
            .map_or(Step::Available, |incident| incident.rollback(&self.boot));
        match taken {
            Step::Available if self.rollback_target().is_some() => Step::Available,
            Step::Available | Step::Spent => Step::Spent,
        }
    }
}

/// In words, for logs and reports.
pub fn explain(restraint: Restraint) -> &'static str {
    match restraint {
        Restraint::CommandLine => "the kernel command line says to report only",
        Restraint::Configuration => {
            "the configuration is broken, and nothing is done before it is repaired: see 'health-checker status'"
        }
        Restraint::Container => {
            "this is a container, and '[Boot] ActInContainer=yes' is not set in health-checker.conf"
        }
        Restraint::NotASnapshot => {
            "this system was not booted from a snapshot, so there is nothing to roll back to"
        }
        Restraint::NotDefault => {
            "the booted snapshot is not the default one (somebody chose it in the boot menu)"
        }
        Restraint::BusHeld => {
            "no check has failed, and users hold all connections of the system bus: see who does with 'ss -xp', then 'systemctl restart health-checker'"
        }
        Restraint::JudgedBefore => "this boot was judged before",
    }
}
