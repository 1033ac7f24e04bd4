//! Owns the QEMU process of one boot: its command line, its console, and what it says about its end.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::loader::{Loader, read_lossy};

/// UEFI itself.
pub(crate) const FIRMWARE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
/// The empty memory for its variables; each machine has its own copy.
pub(crate) const FIRMWARE_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// Choices for one boot.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// The machine is killed when it is over. A starved one is slow: at least 180 s.
    pub limit: Duration,
    /// More words on the kernel command line.
    pub arguments: Vec<&'a str>,
    /// More units, name and text, started in this boot by `multi-user.target`.
    pub units: Vec<(&'a str, &'a str)>,
    /// A hardware watchdog that resets the machine.
    pub watchdog: bool,
    /// The power is cut when the console shows this.
    pub kill_at: Option<&'a str>,
}

impl Run<'_> {
    /// A boot as it comes.
    pub fn within(limit: Duration) -> Self {
        Run {
            limit,
            arguments: Vec::new(),
            units: Vec::new(),
            watchdog: false,
            kill_at: None,
        }
    }
}

/// A machine that is on.
pub(crate) struct Qemu {
    child: Child,
    console: PathBuf,
    errors: PathBuf,
    events: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
}

/// What QEMU needs of a machine.
pub(crate) struct Hardware<'a> {
    pub(crate) loader: Loader,
    pub(crate) disk: &'a Path,
    /// Kernel, initrd and command line for [`Loader::Direct`].
    pub(crate) kernel: Option<([PathBuf; 2], String)>,
}

impl Qemu {
    /// Switches it on. The kernel kills QEMU when the thread that calls this ends.
    pub(crate) fn start(hardware: &Hardware, run: &Run) -> Result<Qemu> {
        let console = hardware.disk.with_file_name("console.log");
        let errors = hardware.disk.with_file_name("qemu.log");
        let log = |path: &Path| {
            File::create(path).with_context(|| format!("cannot create '{}'", path.display()))
        };
        log(&console)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
        command.args(arguments(hardware, run, &console)?);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log(&errors)?)
            .spawn()
            .context("cannot run 'setpriv'")?;
        let events = Arc::new(Mutex::new(Vec::new()));
        let reader = child.stdout.take().map(|answers| {
            let events = events.clone();
            thread::spawn(move || {
                for line in BufReader::new(answers).lines().map_while(Result::ok) {
                    if let Ok(event) = serde_json::from_str(&line) {
                        events
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(event);
                    }
                }
            })
        });
        // Without this, no events are sent. A QEMU that ended at once is noticed by who waits for it.
        if let Some(mut questions) = child.stdin.take() {
            let _ = questions.write_all(b"{\"execute\": \"qmp_capabilities\"}\n");
            // Kept open: the end of it is nothing that QEMU has to handle.
            child.stdin = Some(questions);
        }
        Ok(Qemu {
            child,
            console,
            errors,
            events,
            reader,
        })
    }

    /// What it wrote to its console until now.
    pub(crate) fn console(&self) -> String {
        read_lossy(&self.console).replace('\r', "")
    }

    /// Whether it ended by itself; fails if QEMU did not like something.
    pub(crate) fn ended(&mut self) -> Result<bool> {
        let Some(status) = self.child.try_wait().context("cannot wait for QEMU")? else {
            return Ok(false);
        };
        if !status.success() {
            bail!("QEMU failed with {status}: {}", read_lossy(&self.errors));
        }
        Ok(true)
    }

    /// Cuts the power.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("cannot kill QEMU")?;
        self.child.wait().context("cannot wait for QEMU")?;
        Ok(())
    }

    /// The events of the boot, once it ended: name and reason of each.
    pub(crate) fn events(&mut self) -> Vec<(String, String)> {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        events
            .iter()
            .filter(|event| event["event"].is_string())
            .map(|event| (word(&event["event"]), word(&event["data"]["reason"])))
            .collect()
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// QEMU's command line. KVM is not tried: where tests run, guests die on it, and a slow processor is always there.
fn arguments(hardware: &Hardware, run: &Run, console: &Path) -> Result<Vec<String>> {
    let mut words: Vec<String> = [
        "-accel",
        "tcg",
        "-cpu",
        // Without random numbers from it, the guest collects its own for a second.
        "qemu64,rdrand=on",
        "-m",
        "1024",
        "-smp",
        "1",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-qmp",
        "stdio",
        "-no-reboot",
        "-action",
        "watchdog=reset",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    let machine = match hardware.loader {
        Loader::Direct | Loader::Grub => "pc",
        Loader::SystemdBoot => "q35",
    };
    add("-machine", machine.to_owned());
    add("-serial", format!("file:{}", console.display()));
    add(
        "-drive",
        format!(
            "if=virtio,format=raw,cache=unsafe,file={}",
            hardware.disk.display()
        ),
    );
    if hardware.loader == Loader::SystemdBoot {
        let variables = hardware.disk.with_file_name("efi-variables");
        add(
            "-drive",
            format!("if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE}"),
        );
        add(
            "-drive",
            format!("if=pflash,format=raw,unit=1,file={}", variables.display()),
        );
    }
    if let Some(([kernel, initrd], command_line)) = &hardware.kernel {
        add("-kernel", kernel.display().to_string());
        add("-initrd", initrd.display().to_string());
        add("-append", command_line.clone());
    }
    if run.watchdog {
        // The firmware knows disks by their places, which must not depend on it.
        add("-device", "i6300esb,addr=0x10".to_owned());
    }
    for (name, content) in firmware_strings(hardware.loader, run) {
        let file = console.with_file_name(name);
        fs::write(&file, content).with_context(|| format!("cannot write '{}'", file.display()))?;
        add("-smbios", format!("type=11,path={}", file.display()));
    }
    Ok(words)
}

/// What systemd and systemd-boot read from the firmware, file name and content: units, and the command line for
/// an entry.
fn firmware_strings(loader: Loader, run: &Run) -> Vec<(String, String)> {
    let mut strings = Vec::new();
    let mut add = |content: String| {
        strings.push((format!("smbios-{}", strings.len()), content));
    };
    for (name, text) in &run.units {
        add(format!(
            "io.systemd.credential:systemd.extra-unit.{name}={text}"
        ));
    }
    if !run.units.is_empty() {
        let names: Vec<_> = run.units.iter().map(|(name, _)| *name).collect();
        add(format!(
            "io.systemd.credential:systemd.unit-dropin.multi-user.target~test-machine=[Unit]\nWants={}\n",
            names.join(" ")
        ));
    }
    if loader == Loader::SystemdBoot && !run.arguments.is_empty() {
        add(format!(
            "io.systemd.boot.kernel-cmdline-extra={}",
            run.arguments.join(" ")
        ));
    }
    strings
}
