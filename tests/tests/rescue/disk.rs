//! Owns a disk with snapshots, laid out as on MicroOS but empty, and the rescue program run on it as in an initrd.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use machine::{source, write_file, write_plugin};
use tempfile::TempDir;

use super::Ended;

/// The vendor of the boot loader's EFI variables.
pub const VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// Becomes PID 1 of its own namespace, in which a reboot ends the namespace by SIGHUP and not the host, and which sees no
/// other devices and programs of the boot loader than those of the test.
const INITRD: &str = r#"
work=$1 device=$2 shell=$3
shift 3
[ $$ = 1 ] || exit 99
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
mount --bind "$work/cmdline" /proc/cmdline
mount --bind "$work/boot_id" /proc/sys/kernel/random/boot_id
mount -t tmpfs tmpfs "$work/dev"
cp -a /dev/null /dev/zero "$work/dev"
[ -z "$device" ] || cp -a "$device" "$(test -e "$work/late" && echo /run/late || echo "$work/dev")"
mount --bind "$work/dev" /dev
# The root was mounted, but there is no init in it.
[ ! -e "$work/mounted" ] || mount -o ro,subvol=@/.snapshots/3/snapshot "$device" "$work/root"
: > "$work/kmsg"
: > /dev/kmsg
mount --bind "$work/kmsg" /dev/kmsg
# The host's own boot loader must not see any of it.
mount -t tmpfs tmpfs /sys/firmware
if [ -d "$work/efi" ]; then
    mkdir -p /sys/firmware/efi/efivars
    mount --bind "$work/efi" /sys/firmware/efi/efivars
fi
PATH=$work/bin:$PATH
export PATH
exec $shell "$@"
"#;

/// `blkid` of an initrd whose disk comes when all disks are listed for the `@AT@`th time.
const LATE: &str = r#"#!/bin/sh
if [ "$*" = '-o device' ]; then
    echo >> '@WORK@/looks'
    [ "$(wc -l < '@WORK@/looks')" -ne @AT@ ] || cp -a /run/late '/dev/@NAME@'
fi
PATH=${PATH#*:}
exec blkid "$@"
"#;
/// It waits no longer for a disk; seconds.
pub const PATIENCE: usize = 3;

/// A snapshot as the file system knows it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub number: u64,
    pub id: String,
    pub uuid: String,
}

/// The disk, and the files of a boot.
pub struct Disk {
    work: TempDir,
    device: Option<String>,
    /// Of the file system.
    pub uuid: String,
    pub snapshots: Vec<Snapshot>,
}

impl Disk {
    /// Snapshots 1 to 3, of which 3 is the default, and in which all but 3 are known to be good.
    pub fn new() -> Self {
        Disk::with("@/.snapshots")
    }

    /// The same with the snapshots elsewhere.
    pub fn with(place: &str) -> Self {
        let work = tempfile::tempdir().unwrap();
        let image = work.path().join("disk.img");
        File::create(&image).unwrap().set_len(160 << 20).unwrap();
        must(Command::new("mkfs.btrfs").arg("-q").arg(&image));
        let found = must(
            Command::new("losetup")
                .args(["--find", "--show"])
                .arg(&image),
        );
        let device = Some(found.trim().to_owned());
        let uuid = must(
            Command::new("btrfs")
                .args(["filesystem", "show", "--raw"])
                .arg(&image),
        );
        let uuid = after(&uuid, "uuid: ");
        for directory in ["dev", "bin", "top", "root"] {
            fs::create_dir(work.path().join(directory)).unwrap();
        }
        let busybox = must(Command::new("which").arg("busybox"));
        std::os::unix::fs::symlink(busybox.trim(), work.path().join("bin/reboot")).unwrap();
        let mut disk = Disk {
            work,
            device,
            uuid,
            snapshots: Vec::new(),
        };
        disk.file("boot_id", "11111111-2222-3333-4444-555555555555\n");
        disk.command_line("quiet root=UUID=@UUID@");
        let made = disk.mounted(|top| {
            for parent in place
                .split_inclusive('/')
                .scan(String::new(), |path, part| {
                    path.push_str(part);
                    Some(path.trim_end_matches('/').to_owned())
                })
            {
                must(
                    Command::new("btrfs")
                        .args(["-q", "subvolume", "create"])
                        .arg(top.join(parent)),
                );
            }
            [1, 2, 3].map(|number| {
                let directory = top.join(place).join(number.to_string());
                fs::create_dir(&directory).unwrap();
                let path = directory.join("snapshot");
                must(
                    Command::new("btrfs")
                        .args(["-q", "subvolume", "create"])
                        .arg(&path),
                );
                let shown = must(Command::new("btrfs").args(["subvolume", "show"]).arg(&path));
                Snapshot {
                    number,
                    id: after(&shown, "Subvolume ID:"),
                    uuid: after(&shown, "\tUUID:"),
                }
            })
        });
        disk.snapshots = made.to_vec();
        disk.set_default(3);
        disk.rescue_file(&[(2, "snap-2.conf"), (1, "-")]);
        disk
    }

    /// A file of the boot, outside the disk.
    pub fn file(&self, name: &str, text: &str) {
        write_file(self.work.path(), name, text).unwrap();
    }

    /// What the boot loader gave the kernel; `@UUID@` is the file system's.
    pub fn command_line(&self, text: &str) {
        self.file(
            "cmdline",
            &format!("{}\n", text.replace("@UUID@", &self.uuid)),
        );
    }

    /// Sets an EFI variable of the boot loader; there is EFI from then on.
    pub fn variable(&self, name: &str, text: &str) {
        let mut bytes = vec![6, 0, 0, 0];
        bytes.extend(text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        write_file(self.work.path(), format!("efi/{name}-{VENDOR}"), bytes).unwrap();
    }

    /// What health-checker would have written at the last healthy boot: numbers and boot entries, newest first.
    pub fn rescue_file(&self, good: &[(u64, &str)]) {
        let lines = good.iter().map(|(number, entry)| self.good(*number, entry));
        let text = lines.collect::<Vec<_>>().join("\n");
        self.rescue_text(&format!(
            "# Written by health-checker at each healthy boot\nnew-snapshot rollback\n{text}\n"
        ));
    }

    /// The line of a known good snapshot.
    pub fn good(&self, number: u64, entry: &str) -> String {
        let mut all = self.snapshots.iter();
        let snapshot = all.find(|snapshot| snapshot.number == number).unwrap();
        format!("good {number} {} {} {entry}", snapshot.id, snapshot.uuid)
    }

    /// The file that it reads, as it is.
    pub fn rescue_text(&self, text: &str) {
        self.in_snapshots(|directory| {
            write_file(directory, "health-checker.rescue", text).unwrap()
        });
    }

    /// Works in the directory of the snapshots.
    pub fn in_snapshots<T>(&self, work: impl FnOnce(&Path) -> T) -> T {
        self.mounted(|top| work(&snapshots_below(top)))
    }

    /// The lines that it wrote before it acted.
    pub fn log(&self) -> Vec<String> {
        let text = self
            .in_snapshots(|directory| fs::read_to_string(directory.join("health-checker.rescued")));
        text.unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    pub fn set_default(&self, number: u64) {
        self.in_snapshots(|directory| {
            let path = directory.join(format!("{number}/snapshot"));
            must(
                Command::new("btrfs")
                    .args(["subvolume", "set-default"])
                    .arg(path),
            );
        });
    }

    /// The number of the default snapshot.
    pub fn default(&self) -> u64 {
        let answer = self.mounted(|top| {
            must(
                Command::new("btrfs")
                    .args(["subvolume", "get-default"])
                    .arg(top),
            )
        });
        let path = answer.trim().strip_suffix("/snapshot").unwrap();
        path.rsplit('/').next().unwrap().parse().unwrap()
    }

    /// Another boot: another boot id.
    pub fn next_boot(&self, boot: u32) {
        self.file(
            "boot_id",
            &format!("{boot:08}-2222-3333-4444-555555555555\n"),
        );
    }

    /// The initrd sees the disk only when it looks for the `at`th time whether there is another one.
    pub fn comes_late(&self, at: usize) {
        let (_, name) = self.device.as_ref().unwrap().rsplit_once('/').unwrap();
        let text = LATE
            .replace("@WORK@", self.work.path().to_str().unwrap())
            .replace("@AT@", &at.to_string())
            .replace("@NAME@", name);
        self.file("late", "");
        write_plugin(self.work.path(), "/bin", "blkid", text).unwrap();
        let _ = fs::remove_file(self.work.path().join("looks"));
    }

    /// How often it looked whether there is another disk, since [`Self::comes_late`].
    pub fn looks(&self) -> usize {
        let looks = fs::read_to_string(self.work.path().join("looks"));
        looks.unwrap_or_default().lines().count()
    }

    /// Something else than btrfs is on the disk. Gives its device.
    pub fn other_file_system(&self) -> &str {
        let device = self.device.as_ref().unwrap();
        must(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(device));
        device
    }

    /// The initrd sees no disk at all.
    pub fn hide(&mut self) {
        self.detach();
    }

    /// The rescue program in an initrd.
    pub fn rescue(&self, shell: &str) -> Ended {
        self.ended(self.run(shell, &["initrd", "root not\nfound"]))
    }

    /// The same, when the initrd has mounted a root that has no init.
    pub fn check(&self, shell: &str) -> Ended {
        let root = self.work.path().join("root");
        self.ended(self.run(shell, &["check", root.to_str().unwrap()]))
    }

    fn ended(&self, output: Output) -> Ended {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let rebooted = output.status.signal() == Some(1);
        assert!(
            rebooted || output.status.code() == Some(0),
            "{:?} {said}",
            output.status
        );
        let kmsg = fs::read_to_string(self.work.path().join("kmsg")).unwrap();
        let variables = fs::read_dir(self.work.path().join("efi"))
            .into_iter()
            .flatten()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry
                    .file_name()
                    .into_string()
                    .unwrap()
                    .replace(&format!("-{VENDOR}"), "");
                (name, fs::read(entry.path()).unwrap())
            });
        Ended {
            rebooted,
            said,
            kmsg,
            variables: variables.collect::<BTreeMap<_, _>>(),
        }
    }

    fn run(&self, shell: &str, arguments: &[&str]) -> Output {
        Command::new("unshare")
            .args([
                "--mount",
                "--propagation=private",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-euc",
                INITRD,
                "sh",
            ])
            .arg(self.work.path())
            .arg(self.device.as_deref().unwrap_or_default())
            .arg(shell)
            .arg(program())
            .args(arguments)
            .env("HEALTH_CHECKER_PATIENCE", PATIENCE.to_string())
            .output()
            .unwrap()
    }

    fn mounted<T>(&self, work: impl FnOnce(&Path) -> T) -> T {
        let top = self.work.path().join("top");
        must(
            Command::new("mount")
                .args(["-o", "subvolid=5"])
                .arg(self.device.as_ref().unwrap())
                .arg(&top),
        );
        let value = work(&top);
        must(Command::new("umount").arg(&top));
        value
    }

    fn detach(&mut self) {
        if let Some(device) = self.device.take() {
            let _ = Command::new("umount")
                .arg("-q")
                .arg(self.work.path().join("top"))
                .status();
            must(Command::new("losetup").arg("--detach").arg(device));
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.detach();
    }
}

fn program() -> PathBuf {
    source().join("dist/rescue/health-checker-rescue.sh")
}

fn snapshots_below(top: &Path) -> PathBuf {
    let places = ["@/.snapshots", ".snapshots", "other/.snapshots"];
    let found = places
        .map(|place| top.join(place))
        .into_iter()
        .find(|path| path.is_dir());
    found.unwrap()
}

/// The word after a text.
fn after(text: &str, what: &str) -> String {
    text.split_once(what)
        .unwrap()
        .1
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned()
}

fn must(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
