//! Owns what is made once and used by many tests and runs: a directory outside the tree, each entry named by a hash
//! of its recipe and built under a lock, so that parallel test processes build it once.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// Entries of the same kind with another hash are kept this long: switching branches builds nothing anew.
const KEPT_UNUSED: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Where the cache is: `$HEALTH_CHECKER_CACHE`, else below `/var/cache`.
fn directory() -> Result<PathBuf> {
    let set = std::env::var_os("HEALTH_CHECKER_CACHE").map(PathBuf::from);
    let directory = set.unwrap_or_else(|| PathBuf::from("/var/cache/health-checker-tests"));
    fs::create_dir_all(&directory).with_context(|| {
        format!(
            "cannot create the cache '{}': set HEALTH_CHECKER_CACHE",
            directory.display()
        )
    })?;
    Ok(directory)
}

/// What an entry is made from; every byte that goes in changes its name.
pub(crate) struct Recipe {
    hasher: DefaultHasher,
}

impl Recipe {
    pub(crate) fn new() -> Self {
        // Fixed keys: the same bytes give the same hash in every process.
        Recipe {
            hasher: DefaultHasher::new(),
        }
    }

    pub(crate) fn add(mut self, bytes: impl AsRef<[u8]>) -> Self {
        bytes.as_ref().hash(&mut self.hasher);
        self
    }

    /// Adds a file, or all files below a directory, with their paths.
    pub(crate) fn add_path(mut self, path: &Path) -> Result<Self> {
        let reading = || format!("cannot read '{}'", path.display());
        if path.is_dir() {
            let entries = fs::read_dir(path)
                .with_context(reading)?
                .collect::<Result<Vec<_>, _>>();
            let mut entries: Vec<_> = entries
                .with_context(reading)?
                .iter()
                .map(fs::DirEntry::path)
                .collect();
            entries.sort();
            return entries
                .iter()
                .try_fold(self, |recipe, entry| recipe.add_path(entry));
        }
        path.hash(&mut self.hasher);
        Ok(self.add(fs::read(path).with_context(reading)?))
    }
}

/// The entry `kind` made by this recipe; `build` makes it at the path it is given if it is not there yet.
pub(crate) fn entry(
    kind: &str,
    recipe: &Recipe,
    build: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let directory = directory()?;
    let path = directory.join(format!("{kind}-{:016x}", recipe.hasher.finish()));
    if path.exists() {
        return Ok(path);
    }
    let lock_path = directory.join(format!("{kind}.lock"));
    let lock = File::create(&lock_path)
        .with_context(|| format!("cannot create '{}'", lock_path.display()))?;
    lock.lock()
        .with_context(|| format!("cannot lock '{}'", lock_path.display()))?;
    if path.exists() {
        return Ok(path);
    }
    remove_unused(&directory, kind);
    let unfinished = directory.join(format!("{kind}.unfinished"));
    let _ = fs::remove_file(&unfinished);
    build(&unfinished).with_context(|| format!("cannot make '{}'", path.display()))?;
    fs::rename(&unfinished, &path)
        .with_context(|| format!("cannot rename '{}'", unfinished.display()))?;
    Ok(path)
}

/// Removes old entries of a kind; a failure only costs space.
fn remove_unused(directory: &Path, kind: &str) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let hash = name
            .to_str()
            .and_then(|name| name.strip_prefix(kind)?.strip_prefix('-'));
        let age = entry
            .metadata()
            .and_then(|data| data.modified())
            .ok()
            .and_then(|time| time.elapsed().ok());
        if hash.is_some_and(|hash| hash.len() == 16) && age.is_some_and(|age| age > KEPT_UNUSED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_its_bytes_and_their_places() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sub/file");
        fs::create_dir(directory.path().join("sub")).unwrap();
        fs::write(&file, "one").unwrap();
        let hash = || {
            Recipe::new()
                .add_path(directory.path())
                .unwrap()
                .hasher
                .finish()
        };
        let first = hash();
        assert_eq!(first, hash());
        fs::write(&file, "two").unwrap();
        let second = hash();
        assert_ne!(first, second);
        fs::rename(&file, directory.path().join("file")).unwrap();
        assert_ne!(second, hash());
    }
}
