//! Owns a disk that GRUB boots from in grub-emu: kernels, environment block and a grub.cfg made by Debian's own scripts
//! and ours. Nothing is booted: the commands that would load a kernel write down what it would have been.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use machine::{source, write_file};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(90);
const END: &str = "@@loaded@@";

/// GRUB's own commands are not there in grub-emu. A kernel that does not exist is an error, as it would be.
const COMMANDS: &str = r#"
function linux {
  if [ -f "$1" ]; then
    set loaded_linux="$*"
  else
    set loaded_linux=
    false
  fi
}
function initrd {
  if [ -n "${loaded_linux}" ]; then
    set loaded_initrd="$*"
    save_env -f (hd0)/loaded loaded_linux loaded_initrd
    echo @@loaded@@
    sleep 600
  fi
}
"#;

/// In place of GRUB's library, where it would look at the host's disks.
const LIBRARY: &str = r#"
. /usr/share/grub/grub-mkconfig_lib
grub_probe=stub_probe
stub_probe() { case $1 in --target=fs) echo "${STUB_FS:-ext2}" ;; esac; }
prepare_grub_to_access_device() { echo true; }
make_system_path_relative_to_its_root() { :; }
grub_get_device_id() { echo abcd; }
"#;

/// As grub-mkconfig: the settings, then all scripts. In a mount namespace, because /boot is a fixed place for them.
const MKCONFIG: &str = r#"
work=$1 dist=$2
mount --bind "$work/disk" /boot
mount -t tmpfs tmpfs /etc/default
set -a
. "$work/settings"
. "$dist/health-checker.cfg"
set +a
cat "$work/commands"
for script in /etc/grub.d/00_header "$dist/07_health-checker" /etc/grub.d/10_linux "$dist/95_health-checker"; do "$script"; done
"#;

/// What was loaded.
#[derive(Debug)]
pub struct Booted {
    /// The kernel and its command line.
    pub linux: String,
    pub initrd: String,
    /// The count afterwards.
    pub left: Option<String>,
}

pub struct Grub {
    work: TempDir,
}

impl Grub {
    /// A disk with a kernel for the default entry and an older one, and an empty environment block.
    pub fn new(settings: &[&str]) -> Self {
        let grub = Grub {
            work: tempfile::tempdir().unwrap(),
        };
        let disk = grub.path("disk");
        for file in [
            "vmlinuz-6.1.0-test",
            "initrd.img-6.1.0-test",
            "vmlinuz-6.0.0-good",
            "initrd.img-6.0.0-good",
        ] {
            write_file(&disk, file, "kernel").unwrap();
        }
        for file in ["vmlinuz", "initrd"] {
            write_file(
                &disk,
                format!("@/.snapshots/3/snapshot/boot/{file}"),
                "kernel",
            )
            .unwrap();
        }
        for block in ["grub/grubenv", "loaded"] {
            fs::create_dir_all(disk.join("grub")).unwrap();
            must(
                Command::new("grub-editenv")
                    .arg(disk.join(block))
                    .arg("create"),
            );
        }
        write_file(grub.work.path(), "commands", COMMANDS).unwrap();
        write_file(grub.work.path(), "lib/grub-mkconfig_lib", LIBRARY).unwrap();
        write_file(
            grub.work.path(),
            "device.map",
            format!("(hd0) {}\n", grub.path("disk.img").display()),
        )
        .unwrap();
        grub.make_config(settings);
        grub
    }

    fn make_config(&self, settings: &[&str]) {
        let usual = [
            "GRUB_DEFAULT=0",
            "GRUB_TIMEOUT=1",
            "GRUB_CMDLINE_LINUX=net.ifnames=0",
            "GRUB_CMDLINE_LINUX_DEFAULT=quiet",
        ];
        let fixed = [
            "GRUB_TERMINAL_OUTPUT=console",
            "GRUB_DEVICE=/dev/vda1",
            "GRUB_DEVICE_BOOT=/dev/vda1",
            "GRUB_DEVICE_UUID=abcd",
            "GRUB_FS=ext2",
            "GRUB_DISTRIBUTOR=Test",
            "GRUB_DISABLE_LINUX_PARTUUID=true",
        ];
        let mut text = format!("pkgdatadir={}\n", self.path("lib").display());
        for setting in usual.iter().chain(&fixed).chain(settings) {
            let (name, value) = setting.split_once('=').unwrap();
            text += &format!("{name}='{value}'\n");
        }
        write_file(self.work.path(), "settings", text).unwrap();
        let output = Command::new("unshare")
            .args([
                "--mount",
                "--propagation=private",
                "sh",
                "-euc",
                MKCONFIG,
                "sh",
            ])
            .arg(self.work.path())
            .arg(source().join("dist/grub"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let config = String::from_utf8(output.stdout).unwrap();
        // The root of the default entry exists only here.
        let config = config.replace("root=/dev/vda1 ro", "root=UUID=abcd ro");
        write_file(&self.path("disk"), "grub/grub.cfg", config).unwrap();
        must(Command::new("grub-script-check").arg(self.path("disk/grub/grub.cfg")));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Sets variables as health-checker does.
    pub fn set(&self, variables: &[(&str, &str)]) {
        let block = self.path("disk/grub/grubenv");
        for (name, value) in variables {
            must(
                Command::new("grub-editenv")
                    .arg(&block)
                    .args(["set", &format!("{name}={value}")]),
            );
        }
    }

    pub fn unset(&self, name: &str) {
        must(
            Command::new("grub-editenv")
                .arg(self.path("disk/grub/grubenv"))
                .args(["unset", name]),
        );
    }

    pub fn get(&self, name: &str) -> Option<String> {
        variable(&self.path("disk/grub/grubenv"), name)
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path("disk").join(name)).unwrap();
    }

    /// Nobody is at the console.
    pub fn boot(&self) -> Booted {
        self.boot_by_hand("")
    }

    /// Somebody presses keys as soon as the menu is there.
    pub fn boot_by_hand(&self, keys: &str) -> Booted {
        let image = self.path("disk.img");
        let _ = fs::remove_file(&image);
        must(
            Command::new("mkfs.ext2")
                .args(["-q", "-d"])
                .arg(self.path("disk"))
                .arg(&image)
                .arg("16M"),
        );
        let mut emulator = Emulator::start(&self.path("device.map"));
        if !keys.is_empty() {
            emulator.wait("GNU GRUB");
            emulator.press(keys);
        }
        emulator.wait(END);
        drop(emulator);
        for block in ["grub/grubenv", "loaded"] {
            let copy = self.path("disk").join(block);
            if copy.exists() {
                let dump = format!("dump /{block} {}", copy.display());
                must(Command::new("debugfs").args(["-R", &dump]).arg(&image));
            }
        }
        let loaded = |name| variable(&self.path("disk/loaded"), name).unwrap();
        Booted {
            linux: loaded("loaded_linux"),
            initrd: loaded("loaded_initrd"),
            left: self.get("health_checker_left"),
        }
    }
}

/// grub-emu on a terminal of its own.
struct Emulator {
    child: Child,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Emulator {
    fn start(map: &Path) -> Self {
        // Without its terminal it would spin for ever where SIGHUP is ignored, as by nohup(1).
        let command = format!(
            "exec setpriv --pdeathsig KILL grub-emu -m '{}' -r hd0 -d /grub",
            map.display()
        );
        let mut child = Command::new("script")
            .args([
                "--quiet",
                "--flush",
                "--return",
                "--command",
                &command,
                "/dev/null",
            ])
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Emulator {
            child,
            output,
            seen: String::new(),
        }
    }

    /// Waits for a text on the screen.
    fn wait(&mut self, text: &str) {
        let start = Instant::now();
        while !self.seen.contains(text) {
            let left = LIMIT.saturating_sub(start.elapsed());
            let Ok(bytes) = self.output.recv_timeout(left) else {
                panic!("no '{text}' on the screen: {:?}", self.seen);
            };
            self.seen += &String::from_utf8_lossy(&bytes);
        }
    }

    fn press(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // The end of script(1) is that of grub-emu.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn variable(block: &Path, name: &str) -> Option<String> {
    if !block.exists() {
        return None;
    }
    let listed = must(Command::new("grub-editenv").arg(block).arg("list"));
    listed
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .map(str::to_owned)
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
