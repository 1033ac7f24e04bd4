//! Owns disks with health-checker installed: made once for all tests of the same binaries and units.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::{self, Recipe};
use crate::command::run;
use crate::files::write_file;
use crate::image::Layout;
use crate::mounted::Root;

/// What is installed; all of it decides whether a prepared disk is still right.
const INSTALLED: [&str; 5] = ["Makefile", "units", "plugins", "docs", "dist"];

/// What a machine is booted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A container, in which the runner has to be allowed to act.
    Container,
    /// A whole machine, with the settings of a new installation.
    VirtualMachine,
}

/// The disk image of a machine in a layout, with health-checker installed and enabled.
pub(crate) fn disk(plain: &Path, layout: Layout, place: Place) -> Result<PathBuf> {
    let (source, programs) = (source(), programs());
    let mut recipe = Recipe::new()
        .add(plain.as_os_str().as_encoded_bytes())
        .add(include_str!("product.rs"));
    let paths = INSTALLED
        .map(|name| source.join(name))
        .into_iter()
        .filter(|path| path.exists());
    for path in binaries(&programs)?.into_iter().chain(paths) {
        recipe = recipe.add_path(&path)?;
    }
    let kind = plain
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("disk");
    cache::entry(&format!("{kind}-product.img"), &recipe, |image| {
        run(Command::new("cp")
            .args(["--reflink=auto", "--sparse=always"])
            .arg(plain)
            .arg(image))?;
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let root = Root::open(image, layout, None, directory.path())?;
        install(root.path(), source, &programs, place)
    })
}

/// The workspace that is tested.
pub fn source() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Where its programs are: `$HEALTH_CHECKER_BIN_DIR`, else the workspace's release build.
pub fn programs() -> PathBuf {
    std::env::var_os("HEALTH_CHECKER_BIN_DIR")
        .map_or_else(|| source().join("target/release"), PathBuf::from)
}

/// Our programs in the build directory: 'health-checker' and all that are named like it.
fn binaries(programs: &Path) -> Result<Vec<PathBuf>> {
    if !programs.join("health-checker").is_file() {
        bail!(
            "no 'health-checker' in '{}': run 'cargo build --release --workspace' first",
            programs.display()
        );
    }
    let entries =
        fs::read_dir(programs).with_context(|| format!("cannot read '{}'", programs.display()))?;
    let ours = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.starts_with("health-") && !name.contains('.') && path.is_file()
    };
    let mut binaries: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(ours)
        .collect();
    binaries.sort();
    Ok(binaries)
}

/// What only whole machines have: the pieces for their boot loaders and initrds.
const BOOT_PIECES: [&str; 4] = [
    "install-grub",
    "install-initramfs-tools",
    "install-dracut",
    "install-bls",
];

/// The targets of `make` for a machine; only those that the Makefile has.
fn targets(source: &Path, place: Place) -> Vec<&'static str> {
    let makefile = fs::read_to_string(source.join("Makefile")).unwrap_or_default();
    let there = |target: &&str| {
        let rule = format!("{target}:");
        place == Place::VirtualMachine && makefile.lines().any(|line| line.starts_with(&rule))
    };
    let pieces = BOOT_PIECES.into_iter().filter(there);
    ["install"].into_iter().chain(pieces).collect()
}

/// Installs as an administrator would, and lets the runner act in a container.
fn install(root: &Path, source: &Path, programs: &Path, place: Place) -> Result<()> {
    run(Command::new("make")
        .arg("--directory")
        .arg(source)
        .args(targets(source, place))
        .arg("PREFIX=/usr")
        .arg(format!("DESTDIR={}", root.display()))
        .arg(format!("HEALTH_CHECKER_BIN_DIR={}", programs.display()))
        // The flags of a 'make check' that calls us are not for this one.
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL"))?;
    run(Command::new("systemctl")
        .arg(format!("--root={}", root.display()))
        .args(["enable", "health-checker.service"]))?;
    if place == Place::Container {
        let settings = "[Boot]\nActInContainer=yes\n";
        write_file(root, "/etc/health-checker/health-checker.conf", settings)?;
    }
    let catalog = root.join("usr/lib/systemd/catalog");
    if fs::exists(&catalog).is_ok_and(|exists| exists) {
        run(Command::new("journalctl")
            .arg(format!("--root={}", root.display()))
            .arg("--update-catalog"))?;
    }
    if !root.join("usr/sbin/health-checker").exists() {
        bail!("'make install' did not install 'usr/sbin/health-checker'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str = "install:\n\
        \tinstall -D $(HEALTH_CHECKER_BIN_DIR)/health-checker $(DESTDIR)$(PREFIX)/sbin/health-checker\n\
        \tmkdir -p $(DESTDIR)$(PREFIX)/lib/systemd/system\n\
        \tprintf '[Install]\\nWantedBy=multi-user.target\\n' > $(DESTDIR)$(PREFIX)/lib/systemd/system/health-checker.service\n";

    #[test]
    fn installed_enabled_and_allowed_to_act() {
        let directory = tempfile::tempdir().unwrap();
        let (source, root) = (
            directory.path().join("source"),
            directory.path().join("root"),
        );
        write_file(&source, "Makefile", MAKEFILE).unwrap();
        write_file(&source, "health-checker", "program").unwrap();
        write_file(&source, "health-checker.d", "not a program").unwrap();
        assert_eq!(binaries(&source).unwrap(), [source.join("health-checker")]);
        install(&root, &source, &source, Place::Container).unwrap();
        let link = root.join("etc/systemd/system/multi-user.target.wants/health-checker.service");
        assert!(link.is_symlink());
        let settings =
            fs::read_to_string(root.join("etc/health-checker/health-checker.conf")).unwrap();
        assert_eq!(settings, "[Boot]\nActInContainer=yes\n");
    }

    #[test]
    fn missing_build_says_what_to_run() {
        let directory = tempfile::tempdir().unwrap();
        assert!(
            binaries(directory.path())
                .unwrap_err()
                .to_string()
                .contains("cargo build")
        );
    }
}
