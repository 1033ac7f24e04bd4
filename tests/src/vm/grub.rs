//! Owns GRUB on the disk: its first sectors, its environment block, and its configuration.
//!
//! openSUSE's GRUB reads kernel and configuration from the default subvolume. Debian's cannot, so the configuration
//! lies on the EFI system partition and is written anew before each boot: its first entry boots the default snapshot.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::command::text;

use super::disk::BIOS_BOOT;
use super::esp::Esp;
use super::loader::Kernel;

/// Of an environment block, always.
const ENVIRONMENT_SIZE: usize = 1024;

/// An environment block without variables, as `grub-editenv create` makes it.
pub(crate) fn empty_environment() -> Vec<u8> {
    let mut block = b"# GRUB Environment Block\n".to_vec();
    block.resize(ENVIRONMENT_SIZE, b'#');
    block
}

/// The variables of an environment block.
pub(crate) fn variables(block: &[u8]) -> Vec<(String, String)> {
    text(block)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Installs GRUB as grub-bios-setup(8) does, which wants a block device: boot.img to the first sector, with the
/// place of core.img, and core.img to its partition, with the place of its own rest.
pub(crate) fn embed(disk: &File, boot: &Path, core: &Path) -> Result<()> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read '{}'", path.display()));
    let (mut boot, mut core) = (read(boot)?, read(core)?);
    ensure!(boot.len() == 512 && core.len() > 512, "no images of GRUB");
    let sector = BIOS_BOOT / 512;
    // 'kernel_sector' of boot.img, and its test for a floppy's drive number replaced by two 'nop'.
    boot[0x5c..0x64].copy_from_slice(&sector.to_le_bytes());
    boot[0x66..0x68].copy_from_slice(&[0x90, 0x90]);
    // The only block list of diskboot.img, at its end: begin, length in sectors, segment.
    let rest = u16::try_from(core.len().div_ceil(512) - 1).context("GRUB's core is too big")?;
    core[500..508].copy_from_slice(&(sector + 1).to_le_bytes());
    core[508..510].copy_from_slice(&rest.to_le_bytes());
    // Behind the boot code the first sector holds the disk's signature and the partition table.
    disk.write_all_at(&boot[..440], 0)
        .and_then(|()| disk.write_all_at(&core, BIOS_BOOT))
        .context("cannot write GRUB to the disk")
}

/// Writes the configuration for one boot: the default snapshot first, then all snapshots by number.
pub(crate) fn configure(
    esp: &Esp,
    default: u64,
    kernels: &[Kernel],
    arguments: &str,
) -> Result<()> {
    let head = "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n\
        load_env -f (hd0,gpt2)/grub/grubenv\nset timeout=0\nset default=0\n";
    let mut text = head.to_owned();
    if let Some(kernel) = kernels.iter().find(|kernel| kernel.number == default) {
        text += &entry("default", "", kernel, arguments);
    }
    for kernel in kernels {
        let number = kernel.number;
        let flags = format!(" rootflags=subvol=@/.snapshots/{number}/snapshot");
        text += &entry(&format!("snapshot-{number}"), &flags, kernel, arguments);
    }
    esp.write("grub/grub.cfg", text)
}

fn entry(id: &str, flags: &str, kernel: &Kernel, arguments: &str) -> String {
    let Kernel { number, options } = kernel;
    let boot = format!("(hd0,gpt3)/@/.snapshots/{number}/snapshot/boot");
    format!(
        "menuentry '{id}' --id '{id}' {{\n  echo 'test-machine: GRUB boots {id}, the kernel of snapshot {number}'\n  \
         linux {boot}/vmlinuz {options}{flags} {arguments}\n  initrd {boot}/initrd.img\n}}\n"
    )
}
