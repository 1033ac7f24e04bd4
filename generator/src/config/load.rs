//! The files: `health-checker.conf` and `health-checker.conf.d/*.conf` of all directories, with systemd's precedence.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Config, merge};
use crate::files::directory::entries;
use crate::files::read::{FileContent, read};
use crate::files::root::Root;
use crate::files::stage::Stage;
use crate::files::trust::Trust;
use crate::finding::{Ignored, Warning};

/// The first one with the file counts; of drop-ins of the same name that in the first one.
/// Not /usr/local: generators cannot see it.
const DIRECTORIES: [&str; 3] = [
    "/etc/health-checker",
    "/run/health-checker",
    "/usr/lib/health-checker",
];
const FILE: &str = "health-checker.conf";
const DROP_INS: &str = "health-checker.conf.d";
const DROP_IN: &[u8] = b".conf";

/// The configuration below a root. No file is no error.
pub fn load(root: &Root) -> Config {
    load_for(root, Stage::Late, Trust::of(root), &mut |_| {})
}

/// The same for a search of checks, telling which file is looked at next.
pub(crate) fn load_for(
    root: &Root,
    stage: Stage,
    trust: Trust,
    look: &mut impl FnMut(&Path),
) -> Config {
    let mut errors: Vec<Warning> = Vec::new();
    let mut ignored = Vec::new();
    let main = DIRECTORIES.map(|directory| Path::new(directory).join(FILE));
    let main = main
        .into_iter()
        .find(|path| root.join(path).symlink_metadata().is_ok());
    let drop_ins = drop_ins(root, stage, &mut errors, &mut ignored, look);
    let mut files = Vec::new();
    for path in main.into_iter().chain(drop_ins) {
        look(&path);
        match read(root, stage, trust, &path) {
            FileContent::Text(text, problem) => {
                files.push((path, text));
                errors.extend(problem);
            }
            FileContent::Mask(_) => {}
            FileContent::Broken(text) | FileContent::NotYet(text) => {
                let text = text.replacen("is not run", "does not count", 1);
                errors.push(Warning::new(path, text));
            }
        }
    }
    let mut config = merge(&files);
    config.errors.splice(0..0, errors);
    config.ignored = ignored;
    config
}

/// Sorted by their file names, whatever directory they are in.
fn drop_ins(
    root: &Root,
    stage: Stage,
    errors: &mut Vec<Warning>,
    ignored: &mut Vec<Ignored>,
    look: &mut impl FnMut(&Path),
) -> Vec<PathBuf> {
    let mut paths: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for directory in DIRECTORIES.map(|directory| Path::new(directory).join(DROP_INS)) {
        look(&directory);
        let (names, problem) = entries(root, stage, &directory);
        if let Some(error) = problem {
            let text = format!("cannot read the directory: {error}; its drop-ins are lost");
            errors.push(Warning::new(directory.clone(), text));
        }
        for file_name in names {
            let path = directory.join(&file_name);
            if file_name.as_bytes().ends_with(DROP_IN) {
                paths.entry(file_name).or_insert(path);
            } else {
                let reason = "is not called 'NAME.conf'".to_owned();
                ignored.push(Ignored { path, reason });
            }
        }
    }
    paths.into_values().collect()
}
