//! A machine that is not there: its files are in a directory, its deployments in memory.

use std::fs;

use health_checks::config::Stop;
use health_checks::{CommandLine, Found, Root};

use crate::course::Course;
use crate::deployment::Deployments;
use crate::deployment::memory::Disk;
use crate::machine::Machine;
use crate::model::deployment::Deployment;
use crate::model::facts::{Action, BootKey, CheckResult, Outcome, Severity, Verdict};
use crate::model::finding::{Finding, Next, Stage};
use crate::model::report::Report;
use crate::model::rescue::{Author, Rescue};
use crate::services::{arm, failsafe, trial};
use crate::state::incident::Progress;
use crate::state::{State, runtime};
use crate::sys::command::fake;

const REBOOT: &str = "systemctl --no-block --job-mode=replace-irreversibly start reboot.target";

pub struct World {
    directory: tempfile::TempDir,
    pub disk: Disk,
    boots: u64,
    pub booted: Deployment,
}

/// How a boot went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// It reboots by our doing.
    Reboots,
    /// It goes on.
    On,
}

impl World {
    /// A machine with these deployments; the last is booted, and none was judged yet.
    pub fn with(numbers: &[u64]) -> Self {
        fake::begin();
        let disk = Disk::with(numbers);
        let booted = disk.content().next.clone();
        let mut world = Self {
            directory: tempfile::tempdir_in("/var/tmp").unwrap(),
            booted: booted.unwrap(),
            disk,
            boots: 0,
        };
        world.disk.content().state = world.root().join("/var/lib/health-checker/state.json");
        world.configure("");
        world.kernel_line("");
        world.begin();
        world
    }

    /// The same after healthy boots of all but the last one, which is new and booted for the first time.
    pub fn updated(numbers: &[u64]) -> Self {
        let mut world = Self::with(numbers);
        let all = world.disk.content().all.clone();
        for deployment in &all[..all.len() - 1] {
            world.update_to(deployment);
            assert_eq!(world.boot(&[]), Next::Healthy);
        }
        world.update_to(all.last().unwrap());
        world
    }

    pub fn root(&self) -> Root {
        Root::at(self.directory.path())
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn configure(&self, text: &str) {
        self.write("/etc/health-checker/health-checker.conf", text);
    }

    pub fn kernel_line(&self, text: &str) {
        self.write("/proc/cmdline", text);
    }

    /// `/var` cannot be written from now on: a file is where a directory should be.
    pub fn break_var(&self) {
        let path = self.root().join("/var/lib/health-checker");
        let _ = fs::remove_dir_all(&path);
        fs::write(path, "").unwrap();
    }

    /// A new boot by the default, not looked at yet.
    pub fn begin(&mut self) {
        self.boots += 1;
        let next = self.disk.content().next.clone();
        self.booted = next.unwrap();
        let _ = fs::remove_dir_all(self.root().join("/run"));
    }

    /// Userspace is started anew: `/run` stays.
    pub fn soft_reboot(&mut self) {
        self.boots += 1;
    }

    /// A boot of what somebody else chose.
    pub fn begin_with(&mut self, number: u64) {
        self.begin();
        self.booted = Deployment::numbered(number);
    }

    /// An update makes this the default, and somebody reboots.
    pub fn update_to(&mut self, deployment: &Deployment) {
        self.disk.content().next = Some(deployment.clone());
        self.begin();
    }

    pub fn key(&self) -> BootKey {
        BootKey {
            boot_id: format!("boot-{}", self.boots),
            userspace_usec: self.boots,
        }
    }

    pub fn machine(&self) -> Machine {
        let deployments: Box<dyn Deployments> = Box::new(self.disk.booted(&self.booted));
        Machine::with(&self.root(), self.key(), Vec::new(), Ok(Some(deployments)))
    }

    pub fn state(&self) -> State {
        self.machine().state
    }

    /// What is on the disk is this from now on.
    pub fn with_state(&self, change: impl FnOnce(&mut State)) {
        let mut machine = self.machine();
        change(&mut machine.state);
        machine.store.save(&machine.state).unwrap();
    }

    /// The power failed in the middle of the rollback.
    pub fn rollback_is_interrupted(&self) {
        self.with_state(|state| {
            let incident = state.incident.as_mut().unwrap();
            incident.finish(Action::Rollback, Progress::Intended, vec![]);
        });
    }

    /// The initrd went back from 2 to 1.
    pub fn rescue(&self) {
        self.disk.content().next = Some(Deployment::numbered(1));
        self.disk.content().rescues.push(Rescue {
            boot_id: "initrd".to_owned(),
            label: "snapshot 2".to_owned(),
            from: Some(Deployment::numbered(2)),
            to: Some(Deployment::numbered(1)),
            who: Author::Initrd,
            reason: "no root file system".to_owned(),
        });
    }

    /// Early in the boot.
    pub fn arm(&self) -> Went {
        let line = CommandLine::read(&self.root());
        arm::arm_in(self.machine(), &line).unwrap();
        self.went()
    }

    /// The boot is judged: these required checks failed. Restarting services does not help.
    pub fn judge(&self, failed: &[&str]) -> Next {
        self.judge_as(&finding(failed))
    }

    /// The boot was found to be this.
    pub fn judge_as(&self, finding: &Finding) -> Next {
        let mut machine = self.machine();
        machine.ask_boot_loader();
        let restraint = machine.restraint();
        let found = Found::default();
        let mut course = Course {
            machine: &mut machine,
            manager: None,
            found: &found,
            restraint,
            stage: Stage::System,
        };
        match course.follow(finding).unwrap() {
            Next::RestartServices => course.follow(finding).unwrap(),
            next => next,
        }
    }

    /// The runner died: the fail-safe decides.
    pub fn fail_safe(&self) -> Went {
        let root = self.root();
        let report = runtime::read::<Report>(&root, runtime::REPORT);
        let mut machine = self.machine();
        failsafe::decide(&root, &mut machine, report, outcomes(&["runner"])).unwrap();
        self.went()
    }

    /// A whole boot: armed and judged.
    pub fn boot(&self, failed: &[&str]) -> Next {
        match self.arm() {
            Went::Reboots => Next::Rebooting,
            Went::On => {
                let next = self.judge(failed);
                assert_eq!(self.went() == Went::Reboots, next == Next::Rebooting);
                next
            }
        }
    }

    /// An orderly shutdown.
    pub fn shut_down(&self) {
        arm::shut_down(&self.root()).unwrap();
        trial::plan_next_boot(self.machine()).unwrap();
    }

    /// Whether a reboot was asked for. After it nothing else was run (I8).
    pub fn went(&self) -> Went {
        let mut asked = fake::asked();
        asked.retain(|line| !line.starts_with("journalctl") && !line.starts_with("systemctl show"));
        asked.retain(|line| !line.starts_with("systemctl list-"));
        match asked.iter().position(|line| line == REBOOT) {
            None => {
                assert!(asked.is_empty(), "{asked:?}");
                Went::On
            }
            Some(at) => {
                assert_eq!(&asked[at + 1..], [""; 0], "after the reboot");
                Went::Reboots
            }
        }
    }

    /// What was done to the disk since the last time.
    pub fn done(&self) -> Vec<String> {
        std::mem::take(&mut self.disk.content().done)
    }

    pub fn next(&self) -> String {
        let next = self.disk.content().next.clone();
        next.unwrap().name().to_owned()
    }

    /// Lets a machine go on whose boots all fail these checks, until it stays up. The deployments that it booted.
    pub fn fails_always(&mut self, failed: &[&str]) -> Vec<String> {
        let mut booted = Vec::new();
        while booted.len() < 20 {
            booted.push(self.booted.name().to_owned());
            if self.boot(failed) != Next::Rebooting {
                return booted;
            }
            self.begin();
        }
        panic!("it reboots for ever: {booted:?}");
    }
}

pub fn finding(failed: &[&str]) -> Finding {
    Finding {
        verdict: match failed {
            [] => Verdict::Healthy,
            _ => Verdict::Unhealthy,
        },
        checks: outcomes(failed),
        of: None,
    }
}

pub fn outcomes(failed: &[&str]) -> Vec<Outcome> {
    let outcome = |name: &&str| Outcome {
        result: CheckResult::Failed,
        ..Outcome::finding(
            name,
            &format!("health-check@{name}.service"),
            Severity::Required,
            "exit status 1".to_owned(),
        )
    };
    failed.iter().map(outcome).collect()
}

/// The default of `Stop=` does nothing by itself.
#[test]
fn the_default_stays_up() {
    assert_eq!(
        World::with(&[1]).machine().config.escalation.stop,
        Stop::Stop
    );
}
