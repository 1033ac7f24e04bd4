//! Owns a machine: a disk image of its own, edited while it is off, and switched on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::boot::Boot;
use crate::command::{output, run, text};
use crate::ending::Ended;
use crate::image::{self, Layout, Release};
use crate::mounted::{Root, open_top, wait_released, with_loop_device};
use crate::product::{self, Place};
use crate::{container, packages, scratch, setup};

/// As many journal lines of a failed test as one reads.
const REPORT_LINES: &str = "60";

/// A machine that can be edited and booted. Clean-up is automatic.
pub struct Machine {
    pub(crate) disk: Arc<Disk>,
}

/// What a machine and its boots share; the last of them removes it.
pub(crate) struct Disk {
    pub(crate) name: String,
    pub(crate) image: PathBuf,
    pub(crate) layout: Layout,
    directory: TempDir,
    running: AtomicBool,
}

/// Choices for a new machine.
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    release: Release,
    layout: Layout,
    product: bool,
    more_packages: bool,
}

impl Builder {
    /// Debian with systemd 252 instead of 257.
    pub fn release(self, release: Release) -> Self {
        Builder { release, ..self }
    }

    /// Another disk than the MicroOS-like one.
    pub fn layout(self, layout: Layout) -> Self {
        Builder { layout, ..self }
    }

    /// Without health-checker installed.
    pub fn bare(self) -> Self {
        Builder {
            product: false,
            ..self
        }
    }

    /// With podman, curl, netcat, and rpm with a database of it as on openSUSE.
    pub fn with_more_packages(self) -> Self {
        Builder {
            more_packages: true,
            ..self
        }
    }

    /// Makes the machine. The name is for humans: a few letters, digits and dashes.
    pub fn build(self, name: &str) -> Result<Machine> {
        setup::check_host()?;
        let mut master = image::disk(self.release, self.layout)?;
        if self.more_packages {
            master = packages::disk(&master, self.layout)?;
        }
        if self.product {
            master = product::disk(&master, self.layout, Place::Container)?;
        }
        Machine::copy_of(&master, self.layout, name)
    }
}

/// btrfstune(8) looks at all mounted devices first, and fails where one goes away meanwhile: another test's.
fn new_identity(image: &Path) -> Result<()> {
    with_loop_device(image, |device| {
        let tune = || run(Command::new("btrfstune").args(["-f", "-m"]).arg(device));
        tune().or_else(|_| tune()).or_else(|_| tune())?;
        Ok(())
    })
}

impl Machine {
    /// A machine with a copy of a disk. The name is for humans.
    pub(crate) fn copy_of(master: &Path, layout: Layout, name: &str) -> Result<Machine> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // A host name: short and unique on this host.
        let short: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(30)
            .collect();
        let directory = scratch::directory(&short)?;
        let image = directory.path().join("disk.img");
        run(Command::new("cp")
            .args(["--reflink=auto", "--sparse=always"])
            .arg(master)
            .arg(&image))?;
        if layout != Layout::Ext4 {
            // Kernels before 6.7 do not mount two file systems with the same identity.
            new_identity(&image)?;
        }
        let name = format!("hc-{short}-{}-{count}", std::process::id());
        Ok(Machine {
            disk: Arc::new(Disk {
                name,
                image,
                layout,
                directory,
                running: AtomicBool::new(false),
            }),
        })
    }

    /// Its disk image.
    pub(crate) fn image(&self) -> &Path {
        &self.disk.image
    }

    /// Fails while it is on.
    pub(crate) fn must_be_off(&self) -> Result<()> {
        self.disk.must_be_off()
    }

    /// Looks at the top of its btrfs, with all its subvolumes below.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        self.must_be_off()?;
        let directory = self.disk.directory.path().join("top");
        let _mounts = open_top(&self.disk.image, &directory)?;
        look(&directory)
    }

    /// A machine with snapshots, systemd 257 and health-checker installed.
    pub fn new(name: &str) -> Result<Machine> {
        Machine::builder().build(name)
    }

    /// A machine of another kind.
    pub fn builder() -> Builder {
        Builder {
            release: Release::Trixie,
            layout: Layout::Snapshots,
            product: true,
            more_packages: false,
        }
    }

    /// Its unique name.
    pub fn name(&self) -> &str {
        &self.disk.name
    }

    /// Edits what the next boot takes, with `/var`, `/usr/local` and the others mounted at their places.
    pub fn edit<T>(&self, edit: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        self.disk.edit(None, edit)
    }

    /// Edits a certain snapshot, everything else mounted as by [`Machine::edit`].
    pub fn edit_snapshot<T>(
        &self,
        number: u64,
        edit: impl FnOnce(&Path) -> Result<T>,
    ) -> Result<T> {
        self.disk.edit(Some(number), edit)
    }

    /// Reads a file as the next boot would.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<String> {
        let path = path.as_ref();
        self.edit(|root| {
            let place = root.join(path.strip_prefix("/").unwrap_or(path));
            let bytes =
                fs::read(&place).with_context(|| format!("cannot read '{}'", place.display()))?;
            Ok(text(&bytes))
        })
    }

    /// The journal of all boots, with journalctl's arguments.
    pub fn journal(&self, arguments: &[&str]) -> Result<String> {
        self.disk.journal(arguments)
    }

    /// Switches it on; returns when its PID 1 answers.
    pub fn boot(&self) -> Result<Boot> {
        self.boot_with(&[])
    }

    /// Switches it on with more words on the kernel command line.
    pub fn boot_with(&self, arguments: &[&str]) -> Result<Boot> {
        self.start(None, arguments)
    }

    /// Switches it on with a snapshot chosen by hand in the boot menu.
    pub fn boot_from(&self, number: u64) -> Result<Boot> {
        self.boot_from_with(number, &[])
    }

    /// The same, with more words on the kernel command line.
    pub fn boot_from_with(&self, number: u64, arguments: &[&str]) -> Result<Boot> {
        self.start(Some(number), arguments)
    }

    fn start(&self, number: Option<u64>, arguments: &[&str]) -> Result<Boot> {
        let mut boot = Boot::start(&self.disk, number, arguments)?;
        match boot.ended()? {
            None => Ok(boot),
            Some(ended) => bail!(
                "machine '{}' ended ({ended:?}) before its PID 1 answered\n{}",
                self.name(),
                self.disk.console_tail()
            ),
        }
    }

    /// Switches it on; returns when health checks are done and it stays up.
    pub fn boot_until_verdict(&self, limit: Duration) -> Result<Boot> {
        let mut boot = self.boot()?;
        match boot.wait_verdict(limit)? {
            Ended::StayedUp => Ok(boot),
            ended => bail!(
                "machine '{}' ended ({ended:?}) instead of staying up\n{}",
                self.name(),
                self.disk.console_tail()
            ),
        }
    }
}

impl Disk {
    pub(crate) fn must_be_off(&self) -> Result<()> {
        if self.running.load(Ordering::Relaxed) {
            bail!("machine '{}' is on: switch it off first", self.name);
        }
        Ok(())
    }

    pub(crate) fn set_running(&self, running: bool) {
        self.running.store(running, Ordering::Relaxed);
    }

    fn edit<T>(&self, number: Option<u64>, edit: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        self.must_be_off()?;
        let root = Root::open(
            &self.image,
            self.layout,
            number,
            &self.directory.path().join("edit"),
        )?;
        edit(root.path())
    }

    fn journal(&self, arguments: &[&str]) -> Result<String> {
        self.edit(None, |root| {
            let directory = root.join("var/log/journal");
            let mut command = Command::new("journalctl");
            let command = command
                .arg("-D")
                .arg(directory)
                .args(["--no-pager", "--quiet"])
                .args(arguments);
            // Nothing found is exit status 1.
            Ok(text(&output(command)?.stdout))
        })
    }

    /// The end of what the machine wrote to its console.
    pub(crate) fn console_tail(&self) -> String {
        let console = text(&fs::read(container::console(&self.image)).unwrap_or_default());
        let lines: Vec<_> = console.lines().collect();
        format!(
            "end of the console:\n{}",
            lines[lines.len().saturating_sub(25)..].join("\n")
        )
    }

    /// What one wants to see of a failed test.
    fn report(&self) -> String {
        let lines = ["-n", REPORT_LINES, "-o", "short-monotonic"];
        let warnings = self.journal(&[&lines[..], &["-p", "warning"]].concat());
        let ours = self.journal(&[&lines[..], &["-u", "health-check*"]].concat());
        let shown =
            |journal: Result<String>| journal.unwrap_or_else(|error| format!("{error:#}\n"));
        format!(
            "warnings:\n{}health checks:\n{}{}",
            shown(warnings),
            shown(ours),
            self.console_tail()
        )
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- machine '{}' ---\n{}\n---", self.name, self.report());
        }
        if let Err(error) = wait_released(&self.image) {
            eprintln!("{error:#}");
        }
    }
}
