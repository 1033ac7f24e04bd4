//! Owns a virtual machine: a disk of its own, edited while it is off, and booted by its boot loader.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::files::append;
use crate::image::Layout;
use crate::machine::Machine;
use crate::snapshots::default_snapshot;
use crate::status::Status;

use super::boot::{Ended, VmBoot};
use super::esp::Esp;
use super::loader::{Kernel, Loader};
use super::qemu::{FIRMWARE_VARIABLES, Hardware, Run};
use super::{direct, disk, grub, known_good, setup, systemd_boot};

/// Mounted by GRUB's and systemd-boot's machines: both keep what they count there.
const ESP_IN_FSTAB: &str = "/dev/vda2 /boot/efi vfat umask=0077 0 0\n";

/// A virtual machine that can be edited and booted. Clean-up is automatic.
pub struct Vm {
    machine: Machine,
    loader: Loader,
    esp: Esp,
}

impl Vm {
    /// A machine with health-checker installed and enabled.
    pub fn new(name: &str, loader: Loader) -> Result<Vm> {
        setup::check_host()?;
        let vm = Vm::copy_of(&disk::master()?, name, loader)?;
        if loader != Loader::Direct {
            vm.edit(|root| append(root, "/etc/fstab", ESP_IN_FSTAB))?;
        }
        vm.add_entry(1)?;
        Ok(vm)
    }

    /// A machine that was healthy once: snapshot 1 is known good. Its check `whole` fails where `/usr/broken` or
    /// `/etc/failing` is.
    pub fn known_good(name: &str, loader: Loader) -> Result<Vm> {
        setup::check_host()?;
        let vm = Vm::copy_of(&known_good::disk(loader)?, name, loader)?;
        if loader == Loader::Grub {
            // It looks for the file system by its identity, and a copy has another one.
            vm.add_entry(1)?;
        }
        Ok(vm)
    }

    fn copy_of(disk: &Path, name: &str, loader: Loader) -> Result<Vm> {
        let machine = Machine::copy_of(disk, Layout::Snapshots, name)?;
        let esp = Esp::new(machine.image());
        let vm = Vm {
            machine,
            loader,
            esp,
        };
        vm.forget_efi_variables()?;
        Ok(vm)
    }

    pub(crate) fn image(&self) -> &Path {
        self.machine.image()
    }

    /// The firmware forgets all variables: the boot loader is not told anything by anybody.
    pub fn forget_efi_variables(&self) -> Result<()> {
        if self.loader == Loader::SystemdBoot {
            let variables = self.machine.image().with_file_name("efi-variables");
            fs::copy(FIRMWARE_VARIABLES, &variables)
                .with_context(|| format!("cannot write '{}'", variables.display()))?;
        }
        Ok(())
    }

    /// Boots once, until it resets or powers off by itself.
    pub fn run_once(&self, limit: Duration) -> Result<VmBoot> {
        self.run(&Run::within(limit))
    }

    /// Boots once, as chosen.
    pub fn run(&self, run: &Run) -> Result<VmBoot> {
        let mut hardware = Hardware {
            loader: self.loader,
            disk: self.machine.image(),
            kernel: None,
        };
        let mut default = None;
        let arguments = run.arguments.join(" ");
        match self.loader {
            Loader::Direct => self.machine.look(|top| {
                let kernel = Kernel::of(top, default_snapshot(top)?);
                default = Some(kernel.number);
                let directory = hardware.disk.parent().unwrap_or(Path::new("/"));
                let files = direct::copy_out(&kernel, top, directory)?;
                hardware.kernel = Some((files, format!("{} {arguments}", kernel.options)));
                Ok(())
            })?,
            Loader::Grub => self.machine.look(|top| {
                let number = default_snapshot(top)?;
                default = Some(number);
                grub::take_config(&self.esp, top, number, &arguments)
            })?,
            Loader::SystemdBoot => {}
        }
        self.machine.must_be_off()?;
        let before = self.esp_entries()?;
        let mut boot = VmBoot::run(&hardware, run, default)?;
        boot.entries = self.esp_entries()?;
        // A boot that died before it could say anything has changed the counter of its entry.
        boot.snapshot = boot.snapshot.or_else(|| {
            let mut entries = boot.entries.iter();
            let counted = entries.find(|entry| !before.contains(entry))?;
            systemd_boot::number_of(counted)
        });
        Ok(boot)
    }

    /// Boots again and again, as a machine does that resets, until `done` or until it stays off.
    pub fn run_until(
        &self,
        mut done: impl FnMut(&VmBoot) -> bool,
        max: usize,
        limit: Duration,
    ) -> Result<Vec<VmBoot>> {
        let mut boots = Vec::new();
        while boots.len() < max {
            let boot = self.run_once(limit)?;
            let off = [Ended::PoweredOff, Ended::TimedOut].contains(&boot.ended);
            let last = done(&boot) || off;
            boots.push(boot);
            if last {
                break;
            }
        }
        Ok(boots)
    }

    /// Boots again and again until it stays up, which ends in switching it off; at most `max` times, 5 minutes each.
    pub fn run_until_off(&self, max: usize) -> Result<Vec<VmBoot>> {
        self.run_until(|_| false, max, Duration::from_secs(300))
    }

    /// Boots, and cuts the power when the console shows a text; fails if it ends before.
    pub fn kill_at(&self, marker: &str, limit: Duration) -> Result<VmBoot> {
        let mut run = Run::within(limit);
        run.kill_at = Some(marker);
        let boot = self.run(&run)?;
        ensure!(
            boot.ended == Ended::Killed,
            "machine '{}' ended ({:?}) before it said '{marker}'\n{}",
            self.machine.name(),
            boot.ended,
            boot.tail()
        );
        Ok(boot)
    }

    /// An update while it is off: a new snapshot of the default one, edited and made the default, with an entry of its
    /// own for the boot loader.
    pub fn update<T>(&self, edit: impl FnOnce(&Path) -> Result<T>) -> Result<u64> {
        let number = self.machine.update(edit)?;
        self.add_entry(number)?;
        Ok(number)
    }

    /// Does what an update does so that the boot loader knows of a snapshot; again, where its kernel was changed.
    pub fn add_entry(&self, number: u64) -> Result<()> {
        match self.loader {
            Loader::Direct => Ok(()),
            Loader::Grub => self.edit_snapshot(number, grub::make_config),
            Loader::SystemdBoot => self
                .machine
                .look(|top| systemd_boot::add_entry(&self.esp, &Kernel::of(top, number), top)),
        }
    }

    /// What health-checker said of the last boot that stayed up.
    pub fn status(&self) -> Result<Status> {
        let text = self.read("/var/lib/test-machine/status.json")?;
        let value: Value = serde_json::from_str(&text)
            .with_context(|| format!("'status --json' was not JSON: {text}"))?;
        Ok(Status(value))
    }

    /// The names of systemd-boot's entries.
    pub fn esp_entries(&self) -> Result<Vec<String>> {
        systemd_boot::entries(&self.esp)
    }

    /// Reads a file of the EFI system partition.
    pub fn esp_read(&self, path: &str) -> Result<Vec<u8>> {
        self.esp.read(path)
    }

    /// Writes a file of the EFI system partition.
    pub fn esp_write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        self.esp.write(path, content)
    }

    /// Removes a file of the EFI system partition.
    pub fn esp_remove(&self, path: &str) -> Result<()> {
        self.esp.remove(path)
    }

    /// GRUB's environment block: its variables.
    pub fn grubenv(&self) -> Result<Vec<(String, String)>> {
        Ok(grub::variables(&self.esp_read("grub/grubenv")?))
    }

    /// Edits what is the default; see [`Machine::edit`].
    pub fn edit<T>(&self, edit: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        self.machine.edit(edit)
    }

    /// Edits a certain snapshot.
    pub fn edit_snapshot<T>(
        &self,
        number: u64,
        edit: impl FnOnce(&Path) -> Result<T>,
    ) -> Result<T> {
        self.machine.edit_snapshot(number, edit)
    }

    /// Reads a file of the default snapshot, or of what is mounted in it.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<String> {
        self.machine.read(path)
    }

    /// The journal of all boots, with journalctl's arguments.
    pub fn journal(&self, arguments: &[&str]) -> Result<String> {
        self.machine.journal(arguments)
    }

    /// The number of the default snapshot.
    pub fn default_snapshot(&self) -> Result<u64> {
        self.machine.look(default_snapshot)
    }

    /// Makes a snapshot the default.
    pub fn set_default(&self, number: u64) -> Result<()> {
        self.machine.set_default(number)
    }

    /// The numbers of all snapshots, ascending.
    pub fn snapshots(&self) -> Result<Vec<u64>> {
        self.machine.snapshots()
    }

    /// Deletes a snapshot that is not the default.
    pub fn delete_snapshot(&self, number: u64) -> Result<()> {
        self.machine.delete_snapshot(number)
    }
}
