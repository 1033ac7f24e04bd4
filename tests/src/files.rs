//! Owns writing files below a machine's root while it is off.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};

/// Where vendors put plugins.
pub const VENDOR_PLUGINS: &str = "/usr/libexec/health-checker";

/// Where administrators put plugins; on another subvolume than `/` in [`crate::Layout::Snapshots`].
pub const ADMIN_PLUGINS: &str = "/usr/local/libexec/health-checker";

/// Where administrators put `.check` files.
pub const CHECK_FILES: &str = "/etc/health-checker/checks.d";

/// Writes a file, and the directories it needs, below a root.
pub fn write_file(root: &Path, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<()> {
    write(root, path.as_ref(), content.as_ref(), 0o644)
}

/// Adds text to the end of a file below a root.
pub(crate) fn append(root: &Path, path: &str, text: &str) -> Result<()> {
    let place = root.join(path.trim_start_matches('/'));
    let before =
        fs::read_to_string(&place).with_context(|| format!("cannot read '{}'", place.display()))?;
    write_file(root, path, before + text)
}

/// Writes an executable plugin; any file name will do.
pub fn write_plugin(
    root: &Path,
    directory: &str,
    name: impl AsRef<OsStr>,
    script: impl AsRef<[u8]>,
) -> Result<()> {
    write(
        root,
        &Path::new(directory).join(name.as_ref()),
        script.as_ref(),
        0o755,
    )
}

/// Writes an administrator's `.check` file.
pub fn write_check(root: &Path, name: &str, content: &str) -> Result<()> {
    write_file(root, format!("{CHECK_FILES}/{name}.check"), content)
}

/// Writes a unit that is started at boot, or replaces its text.
pub fn write_unit(root: &Path, name: &str, content: &str) -> Result<()> {
    let units = root.join("etc/systemd/system");
    write_file(&units, name, content)?;
    let wants = units.join("multi-user.target.wants");
    fs::create_dir_all(&wants).with_context(|| format!("cannot create '{}'", wants.display()))?;
    let link = wants.join(name);
    if link.is_symlink() {
        return Ok(());
    }
    symlink(Path::new("..").join(name), &link)
        .with_context(|| format!("cannot create '{}'", link.display()))
}

/// Hangs a unit into the health target as an administrator would: `systemctl add-requires health-check.target UNIT`
/// or `add-wants`. It need not exist.
pub fn add_to_health_target(root: &Path, verb: &str, unit: &str) -> Result<()> {
    let kind = verb.trim_start_matches("add-");
    let directory = root.join(format!("etc/systemd/system/health-check.target.{kind}"));
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create '{}'", directory.display()))?;
    let link = directory.join(unit);
    symlink(Path::new("/etc/systemd/system").join(unit), &link)
        .with_context(|| format!("cannot create '{}'", link.display()))
}

fn write(root: &Path, path: &Path, content: &[u8], mode: u32) -> Result<()> {
    // 'join' with an absolute path would throw the root away.
    let target = root.join(path.strip_prefix("/").unwrap_or(path));
    let parent = target.parent().unwrap_or(root);
    fs::create_dir_all(parent).with_context(|| format!("cannot create '{}'", parent.display()))?;
    fs::write(&target, content).with_context(|| format!("cannot write '{}'", target.display()))?;
    fs::set_permissions(&target, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of '{}'", target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_executable_and_stay_below_the_root() {
        let root = tempfile::tempdir().unwrap();
        write_plugin(root.path(), ADMIN_PLUGINS, "two words", "#!/bin/sh\n").unwrap();
        let path = root
            .path()
            .join("usr/local/libexec/health-checker/two words");
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o755
        );
    }
}
