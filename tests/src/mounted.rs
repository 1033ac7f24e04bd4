//! Owns mounts of a machine's disk on the host: made while the machine is off, and gone when dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::run;
use crate::image::Layout;
use crate::vm::disk;

/// Subvolumes below `@` that are mounted into every snapshot at the same place, besides `.snapshots`.
pub(crate) const SUBVOLUMES: [&str; 6] = ["var", "root", "home", "opt", "srv", "usr/local"];

/// The kernel lets go of a loop device a moment after the unmount; more than this is a leaked mount.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(20);

/// Mounts below a directory, unmounted in reverse order.
pub(crate) struct Mounts {
    directory: PathBuf,
    mounted: Vec<PathBuf>,
    image: Option<PathBuf>,
}

impl Mounts {
    pub(crate) fn new(directory: &Path) -> Self {
        Mounts {
            directory: directory.to_owned(),
            mounted: Vec::new(),
            image: None,
        }
    }

    /// Mounts an image or device at a place below the directory.
    pub(crate) fn mount(
        &mut self,
        source: &Path,
        file_system: &str,
        options: &str,
        place: &Path,
    ) -> Result<()> {
        let target = self.directory.join(place);
        fs::create_dir_all(&target)
            .with_context(|| format!("cannot create '{}'", target.display()))?;
        run(Command::new("mount")
            .args(["-t", file_system, "-o", options])
            .arg(source)
            .arg(&target))?;
        if source.is_file() {
            self.image = Some(source.to_owned());
        }
        self.mounted.push(target);
        Ok(())
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        for target in self.mounted.iter().rev() {
            if let Err(error) = run(Command::new("umount").arg(target)) {
                eprintln!("{error:#}");
                let _ = run(Command::new("umount").arg("-l").arg(target));
            }
        }
        if let Some(image) = &self.image
            && let Err(error) = wait_released(image)
        {
            eprintln!("{error:#}");
        }
    }
}

/// Mount options for the file system of an image, which may be in a partition.
fn loop_options(image: &Path) -> Result<String> {
    let offset = disk::root_offset(image)?;
    Ok(offset.map_or("loop".to_owned(), |offset| format!("loop,offset={offset}")))
}

/// Gives the file system of an image to a program that wants one by itself: the image, or a device for its partition.
pub(crate) fn with_loop_device(image: &Path, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let Some(offset) = disk::root_offset(image)? else {
        return work(image);
    };
    let device = run(Command::new("losetup")
        .args(["--find", "--show", "--offset", &offset.to_string()])
        .arg(image))?;
    let device = Path::new(device.trim());
    let result = work(device);
    run(Command::new("losetup").arg("--detach").arg(device))?;
    wait_released(image)?;
    result
}

/// Mounts a btrfs at its top, with all its subvolumes below.
pub(crate) fn open_top(image: &Path, directory: &Path) -> Result<Mounts> {
    let mut mounts = Mounts::new(directory);
    let options = loop_options(image)? + ",subvolid=5";
    mounts.mount(image, "btrfs", &options, Path::new(""))?;
    Ok(mounts)
}

/// A machine's root file system with everything mounted where the machine has it.
pub(crate) struct Root {
    path: PathBuf,
    /// Read-only snapshot that was made writable for us.
    unlocked: bool,
    _mounts: Mounts,
}

impl Root {
    /// Mounts snapshot `number`, or what the next boot takes, at `directory`, writable.
    pub(crate) fn open(
        image: &Path,
        layout: Layout,
        number: Option<u64>,
        directory: &Path,
    ) -> Result<Self> {
        let mut mounts = Mounts::new(directory);
        let mut options = loop_options(image)?;
        if let Some(number) = number {
            options += &format!(",subvol=@/.snapshots/{number}/snapshot");
        }
        mounts.mount(image, layout.file_system(), &options, Path::new(""))?;
        let mut unlocked = false;
        if layout == Layout::Snapshots {
            let device = run(Command::new("findmnt")
                .args(["-n", "-v", "-o", "SOURCE"])
                .arg(directory))?;
            for place in SUBVOLUMES.iter().chain(&[".snapshots"]) {
                let options = format!("subvol=@/{place}");
                mounts.mount(
                    Path::new(device.trim()),
                    "btrfs",
                    &options,
                    Path::new(place),
                )?;
            }
            let read_only = run(Command::new("btrfs")
                .args(["property", "get"])
                .arg(directory)
                .arg("ro"))?;
            unlocked = read_only.trim() == "ro=true";
            if unlocked {
                set_read_only(directory, false)?;
            }
        }
        Ok(Root {
            path: directory.to_owned(),
            unlocked,
            _mounts: mounts,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if self.unlocked
            && let Err(error) = set_read_only(&self.path, true)
        {
            eprintln!("{error:#}");
        }
    }
}

/// Makes a snapshot read-only, as MicroOS has them, or writable.
pub(crate) fn set_read_only(subvolume: &Path, read_only: bool) -> Result<()> {
    run(Command::new("btrfs")
        .args(["property", "set", "-f"])
        .arg(subvolume)
        .args(["ro", &read_only.to_string()]))?;
    Ok(())
}

/// Waits until no loop device has the image any more: only then may it be mounted again.
pub(crate) fn wait_released(image: &Path) -> Result<()> {
    let start = Instant::now();
    while in_use(image)? {
        if start.elapsed() > RELEASE_TIMEOUT {
            bail!(
                "'{}' is still in use by a loop device: see 'losetup -a' and 'findmnt'",
                image.display()
            );
        }
        sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn in_use(image: &Path) -> Result<bool> {
    let devices = fs::read_dir("/sys/block").context("cannot read '/sys/block'")?;
    let files = devices
        .flatten()
        .map(|device| device.path().join("loop/backing_file"));
    // A device without a file has no 'loop' directory.
    Ok(files
        .filter_map(|file| fs::read_to_string(file).ok())
        .any(|file| Path::new(file.trim_end()) == image))
}
