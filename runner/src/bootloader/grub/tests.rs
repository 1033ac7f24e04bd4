//! GRUB's environment block, with GRUB's own tool (Debian: grub-common).

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::Command;

use health_checks::Root;

use super::block::{Block, Environment, fits};
use crate::bootloader::snapshot::SnapshotId;
use crate::bootloader::{BootLoader, Kind, detect};

const TOOL: &str = "/usr/bin/grub-editenv";
const BLOCK: &str = "/boot/grub/grubenv";
const SUBVOLUME: &str = "@/.snapshots/3/snapshot";
const KERNEL: &str =
    "BOOT_IMAGE=/boot/vmlinuz-6.4 root=UUID=1 rootflags=subvol=@/.snapshots/3/snapshot quiet";

struct System {
    root: Root,
    _directory: tempfile::TempDir,
}

impl System {
    fn new(command_line: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        let system = Self {
            root,
            _directory: directory,
        };
        system.write("/proc/cmdline", command_line);
        for file in ["/boot/vmlinuz-6.4", "/boot/initrd-6.4"] {
            system.write(file, "");
        }
        fs::create_dir_all(system.root.join("/usr/bin")).unwrap();
        symlink(TOOL, system.root.join(TOOL)).unwrap();
        system.create(BLOCK);
        system
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// As GRUB's installation makes it.
    fn create(&self, path: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let created = Command::new(TOOL).arg(path).arg("create").status();
        assert!(
            created
                .expect("run 'tests/setup.sh': grub-editenv is missing")
                .success()
        );
    }

    fn block(&self) -> Block {
        Block::find(&self.root, &[]).unwrap()
    }

    fn variables(&self) -> Environment {
        self.block().variables().unwrap()
    }

    fn get(&self, name: &str) -> Option<String> {
        self.variables().remove(&format!("health_checker_{name}"))
    }

    fn loader(&self) -> Box<dyn BootLoader> {
        detect(&self.root, &[])
    }

    fn inode(&self) -> (u64, i64, i64) {
        let metadata = fs::metadata(self.root.join(BLOCK)).unwrap();
        (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
    }
}

fn snapshot(number: u64) -> SnapshotId {
    SnapshotId {
        number,
        id: 256 + number,
        uuid: format!("uuid-{number}"),
    }
}

#[test]
fn grub_is_a_block_that_its_tool_can_read() {
    let system = System::new("");
    assert_eq!(system.loader().look(None).kind, Kind::Grub);
    system.write(BLOCK, "garbage");
    assert_eq!(system.loader().look(None).kind, Kind::None);
    system.create(BLOCK);
    fs::remove_file(system.root.join(TOOL)).unwrap();
    assert_eq!(system.loader().look(None).kind, Kind::None);
}

#[test]
fn the_block_with_our_variables_is_the_one_that_grub_uses() {
    let system = System::new("");
    let other = "/boot/efi/EFI/debian/grubenv";
    system.create(other);
    assert_eq!(system.block().path().to_str(), Some(BLOCK));
    let set = Command::new(TOOL)
        .arg(system.root.join(other))
        .args(["set", "health_checker_left=0"])
        .status();
    assert!(set.unwrap().success());
    assert_eq!(system.block().path().to_str(), Some(other));
    assert_eq!(system.loader().look(None).tries, Some(0));
}

#[test]
fn a_judged_trial_is_not_pending_any_more_and_nothing_is_written_twice() {
    let system = System::new("quiet health-checker.boot=trial");
    system
        .block()
        .set(&[("health_checker_left", "0"), ("saved_entry", "x y")])
        .unwrap();
    system.loader().mark_judged(1).unwrap();
    assert_eq!(system.get("left"), None);
    assert_eq!(system.get("tries").unwrap(), "1");
    assert_eq!(system.variables()["saved_entry"], "x y");
    let before = system.inode();
    system.loader().mark_judged(1).unwrap();
    assert_eq!(system.inode(), before);
    system.loader().mark_judged(3).unwrap();
    assert_eq!(system.get("tries").unwrap(), "3");
}

#[test]
fn a_boot_that_does_not_count_leaves_the_count_alone() {
    for line in [
        "quiet",
        "health-checker.boot=fallback",
        "health-checker.boot=trial health-checker.boot=x",
    ] {
        let system = System::new(line);
        system.block().set(&[("health_checker_left", "0")]).unwrap();
        system.loader().mark_judged(1).unwrap();
        assert_eq!(system.get("left").unwrap(), "0", "{line}");
    }
}

#[test]
fn a_good_boot_is_where_to_fall_back_to() {
    let system = System::new(&format!("{KERNEL} health-checker.boot=fallback"));
    system
        .block()
        .set(&[
            ("health_checker_left", "0"),
            ("health_checker_initrd", "/old"),
        ])
        .unwrap();
    assert!(system.loader().look(None).fell_back);
    system
        .loader()
        .mark_good(&snapshot(3), SUBVOLUME, &[])
        .unwrap();
    let expected = [
        ("good", "3"),
        ("good_subvol", SUBVOLUME),
        ("initrd", "/boot/initrd-6.4"),
        ("linux", "/boot/vmlinuz-6.4"),
        ("options", "root=UUID=1 quiet"),
    ];
    for (name, value) in expected {
        assert_eq!(system.get(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(system.get("left"), None);
    assert_eq!(system.loader().look(None).fallback, Some(3));
    let before = system.inode();
    system
        .loader()
        .mark_good(&snapshot(3), SUBVOLUME, &[])
        .unwrap();
    assert_eq!(system.inode(), before);
}

#[test]
fn what_does_not_fit_or_is_not_known_is_left_out() {
    let system = System::new(&format!("{KERNEL} {}", "x".repeat(800)));
    system
        .block()
        .set(&[("health_checker_options", "old")])
        .unwrap();
    system
        .loader()
        .mark_good(&snapshot(3), SUBVOLUME, &[])
        .unwrap();
    assert_eq!(system.get("options"), None);
    assert_eq!(system.get("linux").unwrap(), "/boot/vmlinuz-6.4");

    // Somebody else has filled it nearly.
    let system = System::new(KERNEL);
    system.block().set(&[("other", &"y".repeat(850))]).unwrap();
    system
        .loader()
        .mark_good(&snapshot(3), SUBVOLUME, &[])
        .unwrap();
    assert_eq!(
        (
            system.get("options"),
            system.get("linux"),
            system.get("initrd")
        ),
        (None, None, None)
    );
    assert_eq!(system.get("good").unwrap(), "3");

    // Not booted by GRUB.
    let system = System::new("quiet");
    system
        .loader()
        .mark_good(&snapshot(3), SUBVOLUME, &[])
        .unwrap();
    assert_eq!((system.get("linux"), system.get("options")), (None, None));
}

#[test]
fn what_fits_is_known_exactly() {
    let system = System::new("");
    let mut environment = Environment::new();
    // Header, then name, '=' and newline; a backslash is written as two.
    let header = "# GRUB Environment Block\n# WARNING: Do not edit this file by tools other than grub-editenv!!!\n";
    let most = 1024 - header.len() - "a=\n".len();
    for (value, fit) in [
        ("z".repeat(most), true),
        ("z".repeat(most + 1), false),
        (format!("{}\\", "z".repeat(most - 2)), true),
        (format!("{}\\", "z".repeat(most - 1)), false),
    ] {
        environment.insert("a".to_owned(), value.clone());
        assert_eq!(fits(&environment), fit, "{}", value.len());
        let set = system.block().set(&[("a", &value)]);
        assert_eq!(set.is_ok(), fit, "{set:?}");
    }
}

#[test]
fn a_rollback_begins_anew_and_never_falls_back_to_the_bad_one() {
    let system = System::new(KERNEL);
    system
        .loader()
        .mark_good(&snapshot(3), SUBVOLUME, &[])
        .unwrap();
    system.block().set(&[("health_checker_left", "1")]).unwrap();
    let roll_back = |from, to| {
        system
            .loader()
            .set_default(&snapshot(from), &snapshot(to), None, &|| {})
            .unwrap()
    };
    assert_eq!(roll_back(4, 3).len(), 1);
    assert_eq!(system.get("left"), None);
    assert_eq!(system.get("linux").unwrap(), "/boot/vmlinuz-6.4");
    assert_eq!(roll_back(3, 2).len(), 1);
    assert_eq!(system.get("good").unwrap(), "2");
    assert_eq!(
        system.get("good_subvol").unwrap(),
        "@/.snapshots/2/snapshot"
    );
    assert_eq!(system.get("linux"), None);
    assert!(roll_back(3, 2).is_empty());
}

#[test]
fn what_cannot_be_a_variable_is_refused() {
    let system = System::new("");
    for (name, value) in [
        ("a b", "x"),
        ("", "x"),
        ("1a", "x"),
        ("-", "x"),
        ("a", "x\ny"),
    ] {
        assert!(system.block().set(&[(name, value)]).is_err(), "{name:?}");
    }
    assert!(system.block().unset(&["--help"]).is_err());
    assert_eq!(system.variables(), Environment::new());
}

#[test]
fn with_boot_entries_the_block_beside_the_program_counts() {
    let system = System::new("");
    let beside = [
        "/boot/efi/EFI/BOOT/grubenv",
        "/boot/efi/EFI/opensuse/grubenv",
    ];
    beside.iter().for_each(|path| system.create(path));
    let found = || {
        let block = Block::beside_program(&system.root, &[]).unwrap();
        block.path().to_string_lossy().into_owned()
    };
    assert_eq!(system.block().path().to_string_lossy(), BLOCK);
    assert_eq!(found(), beside[0]);
    let set = Command::new(TOOL)
        .arg(system.root.join(beside[1]))
        .args(["set", "default=snap-2.conf"])
        .status();
    assert!(set.unwrap().success());
    assert_eq!(found(), beside[1]);
}
