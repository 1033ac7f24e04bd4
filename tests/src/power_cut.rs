//! Owns power cuts: the disk keeps what had reached it, and nothing else.
//!
//! When the container is killed, the kernel still writes everything back at unmount. So the machine is frozen, the
//! disk image is copied as it is, and the copy is what the next boot gets. btrfs writes a superblock last: if that is
//! the same before and after copying, the copy is one state of the disk.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::boot::Boot;
use crate::command::run;
use crate::ending::Ended;
use crate::image::Layout;

/// Place and size of btrfs' first superblock.
const SUPERBLOCK: (u64, usize) = (64 * 1024, 4096);

/// The kernel commits every 30 s and the copy takes 0.2 s: a second try is rare.
const TRIES: usize = 5;

impl Boot {
    /// Cuts the power: unlike after [`Boot::kill`], what was not synced is lost. Needs btrfs.
    pub fn power_cut(mut self) -> Result<()> {
        let disk = self.disk.clone();
        if disk.layout == Layout::Ext4 {
            bail!("machine '{}': a power cut needs btrfs", disk.name);
        }
        let freezer = self.freezer()?;
        write(&freezer, "1")?;
        let copy = disk.image.with_extension("cut");
        copy_consistent(&disk.image, &copy)?;
        self.signal("KILL")?;
        write(&freezer, "0")?;
        self.must_end(Ended::Died)?;
        fs::rename(&copy, &disk.image)
            .with_context(|| format!("cannot rename '{}'", copy.display()))
    }

    /// The file that stops all processes at once. The cgroup tree is the container's own: seen through its parent's root.
    fn freezer(&self) -> Result<PathBuf> {
        let status = format!("/proc/{}/status", self.pid());
        let text =
            fs::read_to_string(&status).with_context(|| format!("cannot read '{status}'"))?;
        let parent = text
            .lines()
            .find_map(|line| line.strip_prefix("PPid:"))
            .map(str::trim);
        let parent = parent.with_context(|| format!("no parent in '{status}'"))?;
        Ok(PathBuf::from(format!(
            "/proc/{parent}/root/sys/fs/cgroup/{}/cgroup.freeze",
            self.disk.name
        )))
    }
}

fn write(file: &Path, content: &str) -> Result<()> {
    fs::write(file, content).with_context(|| format!("cannot write '{}'", file.display()))
}

fn copy_consistent(image: &Path, copy: &Path) -> Result<()> {
    for _ in 0..TRIES {
        let before = superblock(image)?;
        run(Command::new("cp")
            .args(["--reflink=auto", "--sparse=always"])
            .arg(image)
            .arg(copy))?;
        if superblock(image)? == before {
            return Ok(());
        }
    }
    bail!(
        "'{}' changed during each of {TRIES} copies of it",
        image.display()
    );
}

fn superblock(image: &Path) -> Result<Vec<u8>> {
    let mut bytes = vec![0; SUPERBLOCK.1];
    let file = File::open(image).with_context(|| format!("cannot open '{}'", image.display()))?;
    file.read_exact_at(&mut bytes, SUPERBLOCK.0)
        .with_context(|| format!("cannot read '{}'", image.display()))?;
    Ok(bytes)
}
