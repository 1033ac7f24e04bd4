//! State on disk: loaded so that nothing can crash it, written so that a power cut leaves the old or the new.

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use health_checks::Root;
use serde_json::Value;

use super::{State, VERSION, strict};
use crate::sys::durable;

/// Where our state is. It holds log lines of checks: for root only.
pub const DIRECTORY: &str = "/var/lib/health-checker";
const FILE: &str = "state.json";
/// Far above any real state; a file larger than this is not ours.
const SIZE_LIMIT: u64 = 16 * 1024 * 1024;

/// What is done about a state that cannot be used, or has lost what it knew.
pub const WHAT_IS_LEFT: &str = "; going on with what is marked as good elsewhere";

/// linux/magic.h
const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;
const RAMFS_MAGIC: rustix::fs::FsWord = 0x8584_58f6;

/// What was found on disk.
#[derive(Debug)]
pub struct Loaded {
    /// The state, or what is left of it.
    pub state: State,
    /// What was wrong with it, for the administrator.
    pub warnings: Vec<String>,
    /// There was one, and it could be used.
    pub is_whole: bool,
}

/// Makes a state of version 1 one of this version; what it does not understand it leaves as it is.
pub type Upgrade = fn(&mut Value);

/// The state directory below a root.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
    upgrade: Upgrade,
    /// There was no file when it was loaded.
    missing: Cell<bool>,
}

impl Store {
    /// The store of a system.
    pub fn new(root: &Root, upgrade: Upgrade) -> Self {
        Self {
            directory: root.join(DIRECTORY),
            upgrade,
            missing: Cell::new(false),
        }
    }

    /// Path of the state file.
    pub fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// Loads the state, empty where it is missing or cannot be used. Never an error: a damaged state is no reason to act,
    /// and none to stop.
    pub fn load(&self) -> Loaded {
        let path = self.path();
        self.missing.set(false);
        let found = match read(&path) {
            Ok(text) => {
                parse(&text, self.upgrade).map_err(|error| format!("'{}' {error}", path.display()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.missing.set(true);
                Ok(State::default())
            }
            Err(error) => Err(format!("'{}': {error}", path.display())),
        };
        let is_whole = found.is_ok() && !self.missing.get();
        let mut warnings = Vec::new();
        let state = found.unwrap_or_else(|error| {
            warnings.push(error + WHAT_IS_LEFT);
            State::default()
        });
        Loaded {
            state,
            warnings,
            is_whole,
        }
    }

    /// What is there and is no state of ours is kept for whoever wants to know what was in it: the next state must
    /// not overwrite it, and a directory would be in its way.
    fn put_aside(&self, path: &Path) {
        match read(path).map(|text| parse(&text, self.upgrade)) {
            Ok(Ok(_)) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Ok(Err(_)) | Err(_) => {}
        }
        let name = (1..100)
            .map(|n| path.with_extension(format!("json.damaged-{n}")))
            .find(|name| fs::symlink_metadata(name).is_err());
        let Some(name) = name else { return };
        match fs::rename(path, &name) {
            Ok(()) => log::warn!(
                "'{}' could not be used and is kept as '{}'",
                path.display(),
                name.display()
            ),
            // If it is really in the way, writing fails and says so.
            Err(error) => log::warn!("'{}' cannot be put aside: {error}", path.display()),
        }
    }

    /// Writes the state, durably: when this returns, a power cut cannot undo it.
    ///
    /// # Errors
    /// When it is not known to be on the disk. When there is a state that was not there when it was loaded: in emergency
    /// mode `/var` may be mounted later, and what is in it must not be lost.
    pub fn save(&self, state: &State) -> Result<()> {
        if self.missing.get()
            && read(&self.path()).is_ok_and(|text| parse(&text, self.upgrade).is_ok())
        {
            bail!(
                "'{}' was not there a moment ago (was '/var' mounted in between?): it is not overwritten",
                self.path().display()
            );
        }
        let mut text = serde_json::to_vec_pretty(state)?;
        text.push(b'\n');
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("cannot create '{}'", self.directory.display()))?;
        fs::set_permissions(&self.directory, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot protect '{}'", self.directory.display()))?;
        must_outlive_a_reboot(&self.directory)?;
        self.put_aside(&self.path());
        durable::write(&self.path(), &text, 0o600)?;
        self.missing.set(false);
        // The directory itself may be new.
        self.directory
            .parent()
            .map_or(Ok(()), durable::sync_directory)
    }
}

/// A state in memory is gone after the reboot that it was to limit: each boot would begin anew, for ever.
fn must_outlive_a_reboot(directory: &Path) -> Result<()> {
    let kind = rustix::fs::statfs(directory)
        .with_context(|| format!("cannot look at '{}'", directory.display()))?
        .f_type;
    if [TMPFS_MAGIC, RAMFS_MAGIC].contains(&kind) {
        bail!(
            "'{}' is in memory (tmpfs) and does not outlive a reboot: see 'findmnt --target {}'",
            directory.display(),
            directory.display()
        );
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > SIZE_LIMIT {
        return Err(io::Error::other("not a file that this program wrote"));
    }
    let bytes = fs::read(path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse(text: &str, upgrade: Upgrade) -> Result<State, String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    let mut value = strict::parse(text).map_err(|error| format!("is damaged: {error}"))?;
    match value.get("version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(1) => {
            upgrade(&mut value);
            value["version"] = VERSION.into();
        }
        Some(version) => {
            return Err(format!(
                "was written in format {version}, this program knows {VERSION}"
            ));
        }
        None => return Err("has no version that is a number".to_owned()),
    }
    serde_json::from_value(value).map_err(|error| format!("is damaged: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::deployment::{Deployment, Exists};
    use crate::state::KnownGood;

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir_in("/var/tmp").unwrap();
        let store = Store::new(&Root::at(directory.path()), |_| ());
        (directory, store)
    }

    #[test]
    fn what_is_saved_is_loaded_and_readable_for_root_only() {
        let (_directory, store) = store();
        let mut state = State::default();
        state.commit(
            KnownGood::new(&Deployment::numbered(1), true),
            &crate::model::facts::BootKey::default(),
            &|_| Exists::Yes,
        );
        store.save(&state).unwrap();
        let loaded = store.load();
        assert_eq!(loaded.state, state);
        assert!(loaded.warnings.is_empty());
        assert_eq!(
            fs::metadata(store.path()).unwrap().permissions().mode() & 0o777,
            0o600
        );
        // No temporary file is left behind.
        assert_eq!(
            fs::read_dir(store.path().parent().unwrap())
                .unwrap()
                .count(),
            1
        );
    }

    #[test]
    fn a_state_that_appears_later_is_not_overwritten() {
        let (_directory, early) = store();
        assert_eq!(early.load().state, State::default());
        // What is mounted over it, seen by somebody else.
        let later = early.clone();
        let mut state = State::default();
        later.load();
        state.begin(
            &crate::model::facts::BootKey::default(),
            &Deployment::numbered(1),
        );
        later.save(&state).unwrap();
        later.save(&state).unwrap();
        let refused = early.save(&State::default()).unwrap_err().to_string();
        assert!(refused.contains("is not overwritten"), "{refused}");
        assert_eq!(early.load().state, state);
        early.save(&state).unwrap();
    }

    #[test]
    fn damage_is_reported_kept_and_replaced_by_an_empty_state() {
        for damaged in [
            "",
            "\n",
            "{",
            "[]",
            "null",
            "{\"version\":2,\"known_good\":7}",
            "{\"version\":99}",
            "{\"version\":\"2\"}",
            "{\"version\":2.0}",
            "{\"version\":-1}",
            "{\"version\":2,\"version\":2}",
            "{\"version\":2,\"known_good\":null}",
            "{\"version\":2,\"attempts\":1e999}",
            "{\"version\":2,\"known_good\":[{\"deployment\":{\"id\":1,\"label\":\"a\"},\"settled\":true}]}",
            "{\"version\":2,\"known_good\":[{\"number\":1,\"id\":2,\"uuid\":\"u\",\"settled\":true}]}",
            "{\"version\":2,\"bad\":[{\"deployment\":\"snapper:1:2:u\",\"reason\":\"\"}]}",
            "{\"version\":2,\"unknown\":{\"a\":[{\"b\":1,\"b\":1}]}}",
            "\u{feff}{\"version\":2}",
            "\u{0}\u{0}",
        ] {
            let (_directory, store) = store();
            fs::create_dir_all(store.path().parent().unwrap()).unwrap();
            fs::write(store.path(), damaged).unwrap();
            let loaded = store.load();
            assert_eq!(loaded.state, State::default(), "{damaged:?}");
            assert_eq!(loaded.warnings.len(), 1, "{damaged:?}");
            // Looking changes nothing; the next state does not overwrite it.
            assert_eq!(fs::read_to_string(store.path()).unwrap(), damaged);
            store.save(&loaded.state).unwrap();
            let kept = store.path().with_extension("json.damaged-1");
            assert_eq!(fs::read_to_string(kept).unwrap(), damaged);
            assert!(store.load().warnings.is_empty());
        }
    }

    /// A later version may know more, and is understood as far as it says the same.
    #[test]
    fn what_is_not_known_is_no_damage() {
        let (_directory, store) = store();
        fs::create_dir_all(store.path().parent().unwrap()).unwrap();
        let text = "{\"version\":2,\"later\":{\"a\":-1.5},\"known_good\":[{\"deployment\":{\"id\":\"a:b\",\"label\":\"x\",\
            \"more\":1},\"settled\":true,\"more\":null}]}";
        fs::write(store.path(), text).unwrap();
        let Loaded {
            state, warnings, ..
        } = store.load();
        assert_eq!(warnings.len(), 0, "{warnings:?}");
        assert_eq!(state.known_good[0].deployment.id, "a:b");
    }

    #[test]
    fn every_truncated_state_is_damage_and_never_a_crash() {
        let (_directory, store) = store();
        let mut state = State::default();
        state.incident_for(&crate::model::facts::BootKey::default(), None);
        store.save(&state).unwrap();
        let whole = fs::read(store.path()).unwrap();
        for length in 0..whole.len() - 2 {
            fs::write(store.path(), &whole[..length]).unwrap();
            assert_eq!(store.load().state, State::default(), "{length}");
        }
    }

    #[test]
    fn a_directory_in_its_place_is_reported_and_put_aside() {
        let (_directory, store) = store();
        fs::create_dir_all(store.path()).unwrap();
        assert_eq!(store.load().warnings.len(), 1);
        store.save(&State::default()).unwrap();
        assert!(store.load().warnings.is_empty());
        assert!(store.path().with_extension("json.damaged-1").is_dir());
    }

    #[test]
    fn a_state_in_memory_is_not_written_down() {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let error = Store::new(&Root::at(directory.path()), |_| ())
            .save(&State::default())
            .unwrap_err();
        assert!(error.to_string().contains("in memory"), "{error:#}");
    }

    #[test]
    fn no_state_is_no_warning() {
        let (_directory, store) = store();
        let loaded = store.load();
        assert_eq!(loaded.state, State::default());
        assert!(loaded.warnings.is_empty());
    }
}
