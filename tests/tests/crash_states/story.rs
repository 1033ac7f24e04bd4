//! A recorded story: boots that stand still at named steps, and what was acknowledged at each of them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use machine::{Boot, Ended, Left, Machine, Recorder, Recording, write_file};

use crate::trouble::{LIMIT, install_fail_points};

const WANTED: &str = "/run/health-checker-fail-point";
const REACHED: &str = "/run/health-checker-fail-point.reached";
const UNSYNCED: &str = "/var/lib/unsynced";
/// On the kernel command line of a recorded boot: the first step at which it stands still.
const WORD: &str = "test.pause=";

/// Arms the first step before health-checker begins; of the same boot only, so that no crash state is armed.
const UNIT: &str = "[Unit]\n\
    DefaultDependencies=no\n\
    Before=health-checker-arm.service\n\
    [Service]\n\
    Type=oneshot\n\
    ExecStart=/bin/sh -c 'for word in $(tr \"\\\\0\" \" \" < /proc/1/cmdline); do \
    case $word in test.pause=*) echo \"$${word#test.pause=} pause\" > /run/health-checker-fail-point ;; esac; done'\n";

/// A moment at which health-checker had returned from writing something.
pub struct Mark {
    /// How much was recorded then.
    pub position: usize,
    /// The step.
    pub step: String,
    /// What was there.
    pub left: Left,
}

/// What was recorded.
pub struct Story<R = Recording> {
    /// The disk.
    pub recording: R,
    /// In their order; the first is the beginning, and the last the end.
    pub marks: Vec<Mark>,
}

/// Into a snapshot: a runner that can stand still, and what arms it.
pub fn install(root: &Path) {
    install_fail_points(root);
    let units = root.join("etc/systemd/system");
    write_file(&units, "test-pause.service", UNIT).unwrap();
    let wants = units.join("sysinit.target.wants");
    std::fs::create_dir_all(&wants).unwrap();
    std::os::unix::fs::symlink("../test-pause.service", wants.join("test-pause.service")).unwrap();
}

impl Story<Recorder> {
    /// From here on.
    pub fn begin(machine: &Machine) -> Self {
        let left = machine.left().unwrap();
        let begin = Mark {
            position: 0,
            step: "begin".to_owned(),
            left,
        };
        Self {
            recording: machine.record().unwrap(),
            marks: vec![begin],
        }
    }

    /// A boot that ends up healthy and is switched off.
    pub fn boots_healthy(&mut self, machine: &Machine, steps: &[&str]) {
        let mut boot = self.boots(machine, steps);
        assert_eq!(boot.wait_verdict(LIMIT).unwrap(), Ended::StayedUp);
        boot.poweroff().unwrap();
    }

    /// A boot that reboots by itself.
    pub fn boots_and_reboots(&mut self, machine: &Machine, steps: &[&str]) {
        let boot = self.boots(machine, steps);
        assert_eq!(boot.wait_end().unwrap(), Ended::Rebooted);
    }

    fn boots(&mut self, machine: &Machine, steps: &[&str]) -> Boot {
        let mut boot = machine
            .boot_with(&[&format!("{WORD}{}", steps[0])])
            .unwrap();
        for (at, step) in steps.iter().enumerate() {
            boot.wait(&format!("step '{step}'"), LIMIT, |boot| {
                Ok(boot.run(["test", "-e", REACHED])?.status.success())
            })
            .unwrap();
            // First the moment, then the look, which writes nothing.
            let position = self.recording.position().unwrap();
            self.marks.push(Mark {
                position,
                step: (*step).to_owned(),
                left: left_in(&boot, &self.marks[0].left),
            });
            // Power cuts must be able to lose it, or these tests prove nothing.
            boot.shell(&format!("echo '{step}' > {UNSYNCED}")).unwrap();
            if let Some(next) = steps.get(at + 1) {
                boot.shell(&format!("echo '{next} pause' > {WANTED}"))
                    .unwrap();
            }
            boot.shell(&format!("rm {REACHED}")).unwrap();
        }
        boot
    }

    /// No more of it; the machine is off.
    pub fn end(mut self, machine: &Machine) -> Story {
        let position = self.recording.position().unwrap();
        let recording = self.recording.finish().unwrap();
        let end = {
            let _crash = recording.player().crash(&recording.end()).unwrap();
            machine.left().unwrap()
        };
        self.marks.push(Mark {
            position,
            step: "end".to_owned(),
            left: end,
        });
        let (writes, flushes) = recording.size();
        let marks: Vec<String> = self
            .marks
            .iter()
            .map(|mark| format!("{} {}", mark.step, mark.position))
            .collect();
        println!(
            "recorded {writes} writes and {flushes} flushes: {}",
            marks.join(", ")
        );
        Story {
            recording,
            marks: self.marks,
        }
    }
}

/// What a running machine has on its disk, as it sees it.
fn left_in(boot: &Boot, before: &Left) -> Left {
    let read = |path: &str| {
        let read = boot.run(["cat", path]).unwrap();
        let text = String::from_utf8_lossy(&read.stdout).into_owned();
        read.status.success().then_some(text)
    };
    let default = boot.shell("btrfs subvolume get-default /").unwrap();
    let default = default
        .trim()
        .strip_suffix("/snapshot")
        .and_then(|path| path.rsplit('/').next()?.parse().ok());
    Left {
        default: default.unwrap(),
        state: read("/var/lib/health-checker/state.json"),
        legacy: read("/var/lib/misc/health-check.state"),
        rescue: read("/.snapshots/health-checker.rescue"),
        snapshots: before.snapshots.clone(),
        ..Left::default()
    }
}
