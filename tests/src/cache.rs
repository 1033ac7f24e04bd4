//! Owns what is made once and used by many tests and runs: a directory outside the tree, each entry named by a hash
//! of its recipe and built under a lock, so that parallel test processes build it once.

use std::cmp::Reverse;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// As many entries of a kind stay: every build of the product makes one, and somebody may be copying the last ones.
const KEPT: usize = 4;

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

    /// The name that it gives: 16 hexadecimal digits.
    pub(crate) fn name(&self) -> String {
        format!("{:016x}", self.hasher.finish())
    }

    /// Adds a file, or all files below a directory, with their names: where the tree is does not matter.
    pub(crate) fn add_path(mut self, path: &Path) -> Result<Self> {
        let reading = || format!("cannot read '{}'", path.display());
        path.file_name().hash(&mut self.hasher);
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
    let path = directory.join(format!("{kind}-{}", recipe.name()));
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
    remove_oldest(&directory, kind);
    let unfinished = directory.join(format!("{kind}.unfinished"));
    let _ = fs::remove_file(&unfinished);
    build(&unfinished).with_context(|| format!("cannot make '{}'", path.display()))?;
    fs::rename(&unfinished, &path)
        .with_context(|| format!("cannot rename '{}'", unfinished.display()))?;
    Ok(path)
}

/// Makes room for a new entry of a kind by removing the oldest ones; a failure only costs space.
fn remove_oldest(directory: &Path, kind: &str) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let made = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
    let mut of_kind: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_of(kind, path))
        .collect();
    of_kind.sort_by_cached_key(|path| Reverse(made(path)));
    for path in of_kind.iter().skip(KEPT - 1) {
        let _ = fs::remove_file(path);
    }
}

/// Whether a path is an entry of a kind: 'KIND-0123456789abcdef'.
fn is_of(kind: &str, path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let hash = name
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('-'));
    hash.is_some_and(|hash| hash.len() == 16)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

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

    #[test]
    fn the_newest_of_a_kind_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: String| directory.path().join(name);
        let old = SystemTime::now() - Duration::from_secs(1000);
        for number in 0..10 {
            let file = File::create(path(format!("disk.img-{number:016x}"))).unwrap();
            file.set_modified(old + Duration::from_secs(number))
                .unwrap();
        }
        for other in ["disk.img.lock", "disk.img-product-0000000000000001"] {
            File::create(path(other.to_owned())).unwrap();
        }
        remove_oldest(directory.path(), "disk.img");
        let left = |number: u64| path(format!("disk.img-{number:016x}")).exists();
        assert_eq!(
            (0..10).filter(|&number| left(number)).collect::<Vec<_>>(),
            [7, 8, 9]
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 5);
    }
}
