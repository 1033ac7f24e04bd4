//! Owns GRUB on the disk: its first sectors, its environment block, and its configuration.
//!
//! openSUSE's GRUB reads its configuration from the default subvolume. Debian's reads it from the EFI system partition,
//! where that of the default snapshot is copied before each boot.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::command::text;

use super::disk::{BIOS_BOOT, in_namespace};
use super::esp::Esp;

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

/// Makes the configuration of a snapshot, as an update does; it lies in the snapshot.
pub(crate) fn make_config(root: &Path) -> Result<()> {
    in_namespace("grub-config.sh", root, &[])
}

/// Copies the configuration of the default snapshot to where GRUB reads it.
pub(crate) fn take_config(esp: &Esp, top: &Path, default: u64, arguments: &str) -> Result<()> {
    let path = top.join(format!("@/.snapshots/{default}/snapshot/boot/grub.cfg"));
    let config =
        fs::read_to_string(&path).with_context(|| format!("cannot read '{}'", path.display()))?;
    let words = format!("set test_machine='{arguments}'\nexport test_machine\n");
    esp.write("grub/grub.cfg", words + &config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_an_environment_block() {
        let mut block = empty_environment();
        assert_eq!((variables(&block), block.len()), (Vec::new(), 1024));
        let text = b"# GRUB Environment Block\nname=a=b\n#####";
        block[..text.len()].copy_from_slice(text);
        assert_eq!(variables(&block), [("name".to_owned(), "a=b".to_owned())]);
    }
}
