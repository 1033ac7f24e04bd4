//! Owns the EFI system partition of a machine that is off: read and written with mtools, never mounted.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{output, run, text};

use super::disk::ESP;

/// The partition in a disk image.
#[derive(Clone, Debug)]
pub(crate) struct Esp {
    disk: PathBuf,
}

impl Esp {
    pub(crate) fn new(disk: &Path) -> Self {
        Esp {
            disk: disk.to_owned(),
        }
    }

    /// Makes an empty file system.
    pub(crate) fn format(disk: &Path, size: u64) -> Result<Self> {
        let esp = Esp::new(disk);
        // Clusters of 4 KiB: with smaller ones GRUB reads a kernel slowly.
        run(esp
            .tool("mformat")
            .args(["-c", "8", "-h", "64", "-s", "32", "-v", "ESP", "-T"])
            .arg((size / 512).to_string())
            .arg("::"))?;
        Ok(esp)
    }

    fn tool(&self, name: &str) -> Command {
        let mut image = OsString::from(&self.disk);
        image.push(format!("@@{ESP}"));
        let mut command = Command::new(name);
        command.env("MTOOLS_SKIP_CHECK", "1").arg("-i").arg(image);
        command
    }

    pub(crate) fn make_directory(&self, path: &str) -> Result<()> {
        run(self.tool("mmd").arg(place(path)))?;
        Ok(())
    }

    /// Copies a file or a directory of the host, over what was there.
    pub(crate) fn copy_in(&self, source: &Path, path: &str) -> Result<()> {
        run(self
            .tool("mcopy")
            .args(["-s", "-o"])
            .arg(source)
            .arg(place(path)))?;
        Ok(())
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let file = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
        std::fs::write(file.path(), content).context("cannot write a temporary file")?;
        self.copy_in(file.path(), path)
    }

    /// Reads a file.
    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>> {
        let answer = output(self.tool("mtype").arg(place(path)))?;
        anyhow::ensure!(
            answer.status.success(),
            "cannot read '{path}' of the EFI system partition: {}",
            text(&answer.stderr)
        );
        Ok(answer.stdout)
    }

    pub(crate) fn remove(&self, path: &str) -> Result<()> {
        run(self.tool("mdel").arg(place(path)))?;
        Ok(())
    }

    /// The names of the files in a directory, sorted.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<String>> {
        let answer = output(self.tool("mdir").args(["-b"]).arg(place(path)))?;
        // An empty directory is an error, 'File not found', for mdir.
        let mut names: Vec<_> = text(&answer.stdout)
            .lines()
            .filter_map(|line| Some(line.rsplit_once('/')?.1.to_owned()))
            .filter(|name| !name.is_empty())
            .collect();
        names.sort();
        Ok(names)
    }
}

fn place(path: &str) -> String {
    format!("::{}", path.trim_start_matches('/'))
}
