//! Owns disks with more Debian packages than most tests need, for those whose checks are about real podman and
//! rpm, or compared with curl and nc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{self, Recipe};
use crate::command::run;
use crate::image::{Layout, apt_settings};
use crate::mounted::Root;

const PACKAGES: [&str; 5] = ["podman", "crun", "rpm", "curl", "netcat-openbsd"];

/// A plain disk with these packages added, downloaded and unpacked once.
pub(crate) fn disk(plain: &Path, layout: Layout) -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("image/add-packages.sh");
    let recipe = Recipe::new()
        .add(plain.as_os_str().as_encoded_bytes())
        .add(PACKAGES.join(" "));
    let kind = plain
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("disk");
    cache::entry(&format!("{kind}-more.img"), &recipe, |image| {
        run(Command::new("cp")
            .args(["--reflink=auto", "--sparse=always"])
            .arg(plain)
            .arg(image))?;
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let settings = directory.path().join("apt.conf");
        fs::write(&settings, apt_settings()?)
            .with_context(|| format!("cannot write '{}'", settings.display()))?;
        let root = Root::open(image, layout, None, &directory.path().join("root"))?;
        run(Command::new("unshare")
            .args(["--mount", "--propagation", "private"])
            .arg(&script)
            .arg(root.path())
            .arg(&settings)
            .args(PACKAGES))?;
        Ok(())
    })
}
