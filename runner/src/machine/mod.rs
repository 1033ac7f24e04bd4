//! All that is known of the machine before its checks are looked at, gathered once.

pub mod ladder;
pub mod trial;

use std::path::PathBuf;

use health_checks::config::{self, Config};
use health_checks::{CommandLine, LoaderWord, Mode, Root};

use anyhow::Result;

use crate::deployment::{self, Deployments, Detected};
use crate::model::deployment::{Deployment, Exists};
use crate::model::facts::BootKey;
use crate::model::report::Report;
use crate::model::run_files::Armed;
use crate::state::store::{Loaded, Store, WHAT_IS_LEFT};
use crate::state::trial::Fate;
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
    /// What can be booted here, and gone back to. `None`: there is nothing.
    pub deployments: Option<Box<dyn Deployments>>,
    /// What is booted next.
    pub next: Option<Deployment>,
    /// What was to be booted, where the boot loader gave up on it and booted this one.
    pub fallen_from: Option<Deployment>,
    /// What became of a deployment on trial, where there is one.
    pub trial: Option<Fate>,
    /// The boot loader's entry of this boot, without its counter.
    pub entry: Option<String>,
    /// The configuration.
    pub config: Config,
    /// What the kernel command line says.
    pub mode: Mode,
    /// This is a container.
    pub in_container: bool,
    /// There is a report on this boot already.
    pub judged_before: bool,
    /// Where state is kept.
    pub store: Store,
    /// The state.
    pub state: State,
    /// Notes of rolled back deployments that were taken over into the state, to be removed once that is saved.
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
        let mounts = mountinfo::read(root);
        let detected = deployment::detect(root, &mounts);
        Self::with(root, boot, mounts, detected)
    }

    /// Looks at all else, with the deployments that were found.
    pub fn with(root: &Root, boot: BootKey, mounts: Vec<Mount>, detected: Detected) -> Self {
        let mut warnings = Vec::new();
        let deployments = detected.unwrap_or_else(|error| {
            warnings.push(format!(
                "{error:#}; treating this as a system without anything to go back to"
            ));
            None
        });
        let next = deployments.as_ref().and_then(|deployments| {
            let next = deployments.next();
            next.map_err(|error| warnings.push(format!("{error:#}")))
                .ok()?
        });
        let line = CommandLine::read(root);
        let config = config::load(root);
        warnings.extend(config.errors.iter().map(ToString::to_string));
        let store = deployment::store(root);
        let mut loaded = store.load();
        if let Some(deployments) = deployments.as_deref() {
            salvage(&mut loaded, &store, deployments);
        }
        warnings.extend(loaded.warnings);
        let armed = runtime::read::<Armed>(root, runtime::ARMED);
        let earlier = armed.filter(|armed| armed.boot == boot);
        for warning in earlier.map(|armed| armed.warnings).unwrap_or_default() {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        let report = runtime::read::<Report>(root, runtime::REPORT);
        let judged_before = report.is_some_and(|report| report.boot == boot);
        let mut machine = Self {
            root: root.clone(),
            boot,
            mounts,
            deployments,
            next,
            fallen_from: None,
            trial: None,
            entry: None,
            config,
            mode: line.mode,
            in_container: boot::in_container(root),
            judged_before,
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

    /// An incident that an earlier boot could only leave beside its deployment becomes part of the state.
    fn take_over_notes(&mut self) {
        let notes = self.deployments.as_ref().map(|all| all.notes());
        for (path, incident) in notes.into_iter().flatten() {
            // The deployment that wrote it still has it as its own.
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
        let rescues = self.deployments.as_ref().map(|all| all.rescues());
        for rescue in rescues.into_iter().flatten() {
            self.state.take_over_rescue(&rescue);
        }
    }

    /// Asks the boot loader what it did. Not early in a boot: its partition need not be mounted yet.
    pub fn ask_boot_loader(&mut self) {
        let Some(look) = self.deployments.as_ref().map(|all| all.look()) else {
            return;
        };
        if look.fell_back {
            self.fallen_from = self.not_booted_default();
        }
        self.trial = self.trial_by(&look);
        if self.trial == Some(Fate::Died) {
            self.fallen_from = self.not_booted_default();
        }
        self.entry = look.booted;
    }

    /// What is booted next, if it is not what is booted now.
    pub fn not_booted_default(&self) -> Option<Deployment> {
        let next = self.next.as_ref();
        next.filter(|next| Some(*next) != self.booted()).cloned()
    }

    /// Whether nobody wants a verdict.
    pub fn runner_is_off(&self) -> bool {
        RunnerUnit::ask() == RunnerUnit::Off
    }

    /// The booted deployment.
    pub fn booted(&self) -> Option<&Deployment> {
        self.deployments.as_ref().map(|all| all.booted())
    }

    /// Whether a deployment is there and could be booted.
    pub fn exists(&self, deployment: &Deployment) -> Exists {
        let all = self.deployments.as_ref();
        all.map_or(Exists::Unknown, |all| all.exists(deployment))
    }

    /// Whether the booted deployment is what is booted next.
    pub fn is_default(&self) -> bool {
        self.booted() == self.next.as_ref()
    }
}

/// Where the state knows no good deployment that exists, those that are marked as good elsewhere are taken over.
fn salvage(loaded: &mut Loaded, store: &Store, deployments: &dyn Deployments) {
    let exists = |deployment: &Deployment| deployments.exists(deployment);
    let elsewhere = || deployments.marked_good();
    if loaded.state.salvage(elsewhere, &exists) && loaded.is_whole {
        loaded.warnings.push(format!(
            "'{}' names nothing good that exists{WHAT_IS_LEFT}",
            store.path().display()
        ));
    }
}
