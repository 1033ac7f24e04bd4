//! Owns the disk images of virtual machines: one for all boot loaders, made once for all tests of the same product.
//!
//! | partition | from | what |
//! |---|---|---|
//! | 1, BIOS boot | 1 MiB | the core of GRUB |
//! | 2, EFI system | 2 MiB | systemd-boot; GRUB's modules, configuration and environment block |
//! | 3 | 130 MiB | btrfs, as on the containers' disks |

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cache::{self, Recipe};
use crate::command::run;
use crate::image::{self, Layout, Release, apt_settings};
use crate::mounted::Root;
use crate::product::{self, Place};

use super::esp::Esp;
use super::grub;

const MIB: u64 = 1024 * 1024;
/// Where GRUB's core begins.
pub(crate) const BIOS_BOOT: u64 = MIB;
/// Where the EFI system partition begins.
pub(crate) const ESP: u64 = 2 * MIB;
/// Its size: kernels and initrds of five snapshots.
const ESP_SIZE: u64 = 128 * MIB;
/// Where the btrfs begins.
const ROOT: u64 = ESP + ESP_SIZE;
/// For the second partition table, at the end of the disk.
const TAIL: u64 = MIB;

/// What virtual machines have installed besides the containers' packages.
const PACKAGES: [&str; 10] = [
    "linux-image-cloud-amd64",
    "initramfs-tools",
    "dracut-core",
    "busybox",
    "zstd",
    "systemd-boot",
    "systemd-boot-efi",
    "grub-common",
    "grub-pc-bin",
    "efivar",
];

/// Where the root file system of an image begins if that is the image of a virtual machine.
pub(crate) fn root_offset(image: &Path) -> Result<Option<u64>> {
    let file = File::open(image).with_context(|| format!("cannot open '{}'", image.display()))?;
    let mut magic = [0; 8];
    file.read_exact_at(&mut magic, 512)
        .with_context(|| format!("cannot read '{}'", image.display()))?;
    Ok((&magic == b"EFI PART").then_some(ROOT))
}

/// The disk of a virtual machine with health-checker installed; machines work on copies of it.
pub(crate) fn master() -> Result<PathBuf> {
    let root = product::disk(&root()?, Layout::Snapshots, Place::VirtualMachine)?;
    let recipe = Recipe::new()
        .add(root.as_os_str().as_encoded_bytes())
        .add_path(&scripts().join("boot-files.sh"))?
        .add_path(&scripts().join("in-namespace.sh"))?
        .add(include_str!("disk.rs"))
        .add(include_str!("grub.rs"));
    cache::entry("vm.disk", &recipe, |disk| {
        partition(disk, &root)?;
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let files = directory.path().join("files");
        fs::create_dir(&files).with_context(|| format!("cannot create '{}'", files.display()))?;
        let root = Root::open(
            disk,
            Layout::Snapshots,
            None,
            &directory.path().join("root"),
        )?;
        in_namespace("boot-files.sh", root.path(), &[files.as_os_str()])?;
        drop(root);
        fill_esp(disk, &files)
    })
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("image-vm")
}

/// The containers' root file system made one of a virtual machine, still without partitions.
fn root() -> Result<PathBuf> {
    let plain = image::disk(Release::Trixie, Layout::Snapshots)?;
    let recipe = Recipe::new()
        .add(plain.as_os_str().as_encoded_bytes())
        .add(PACKAGES.join(" "))
        .add_path(&scripts())?;
    cache::entry("vm-snapshots.img", &recipe, |image| {
        run(Command::new("cp")
            .args(["--reflink=auto", "--sparse=always"])
            .arg(&plain)
            .arg(image))?;
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let settings = directory.path().join("apt.conf");
        fs::write(&settings, apt_settings()?)
            .with_context(|| format!("cannot write '{}'", settings.display()))?;
        let root = Root::open(
            image,
            Layout::Snapshots,
            None,
            &directory.path().join("root"),
        )?;
        let mut arguments = vec![settings.as_os_str()];
        arguments.extend(PACKAGES.map(OsStr::new));
        in_namespace("prepare-root.sh", root.path(), &arguments)
    })
}

/// Runs one of our scripts for a mounted root, with mounts of its own.
pub(crate) fn in_namespace(script: &str, root: &Path, arguments: &[&OsStr]) -> Result<()> {
    run(Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(scripts().join("in-namespace.sh"))
        .arg(script)
        .arg(root)
        .args(arguments))?;
    Ok(())
}

/// Makes a disk with three partitions, the last of them a copy of a root file system.
fn partition(disk: &Path, root: &Path) -> Result<()> {
    let writing = || format!("cannot write '{}'", disk.display());
    let size = fs::metadata(root)
        .with_context(|| format!("cannot read '{}'", root.display()))?
        .len();
    let file = File::create(disk).with_context(writing)?;
    file.set_len(ROOT + size + TAIL).with_context(writing)?;
    // The type of the last one is 'Linux': nothing but the kernel command line says that it is the root.
    let table = format!(
        "label: gpt\nunit: sectors\n\
         start={}, size={}, type=21686148-6449-6E6F-744E-656564454649, name=bios\n\
         start={}, size={}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp\n\
         start={}, size={}, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=root\n",
        BIOS_BOOT / 512,
        (ESP - BIOS_BOOT) / 512,
        ESP / 512,
        ESP_SIZE / 512,
        ROOT / 512,
        size / 512
    );
    let mut sfdisk = Command::new("sfdisk")
        .args(["--quiet", "--no-reread", "--no-tell-kernel"])
        .arg(disk)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run 'sfdisk'")?;
    if let Some(mut input) = sfdisk.stdin.take() {
        input
            .write_all(table.as_bytes())
            .context("cannot write to 'sfdisk'")?;
    }
    if !sfdisk.wait().context("cannot wait for 'sfdisk'")?.success() {
        bail!("'sfdisk {}' failed", disk.display());
    }
    run(Command::new("dd")
        .arg(format!("if={}", root.display()))
        .arg(format!("of={}", disk.display()))
        .args(["bs=1M", "conv=sparse,notrunc", "status=none"])
        .arg(format!("seek={}", ROOT / MIB)))?;
    Ok(())
}

/// Puts both boot loaders to their places. What they are to boot is the machine's own affair.
fn fill_esp(disk: &Path, files: &Path) -> Result<()> {
    let esp = Esp::format(disk, ESP_SIZE)?;
    for directory in [
        "EFI",
        "EFI/BOOT",
        "EFI/systemd",
        "loader",
        "loader/entries",
        "kernels",
    ] {
        esp.make_directory(directory)?;
    }
    let loader = files.join("systemd-bootx64.efi");
    esp.copy_in(&loader, "EFI/BOOT/BOOTX64.EFI")?;
    esp.copy_in(&loader, "EFI/systemd/systemd-bootx64.efi")?;
    esp.write("loader/loader.conf", "timeout 0\n")?;
    esp.make_directory("grub")?;
    esp.copy_in(&files.join("i386-pc"), "grub/i386-pc")?;
    esp.write("grub/grubenv", grub::empty_environment())?;
    let open = OpenOptions::new().read(true).write(true).open(disk);
    let open = open.with_context(|| format!("cannot open '{}'", disk.display()))?;
    grub::embed(&open, &files.join("boot.img"), &files.join("core.img"))
}
