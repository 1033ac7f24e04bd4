//! Unit files by name: is there one, and is it masked? Reads directories, asks nobody.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::files::root::Root;

/// Where systemd looks for unit files, the strongest first (systemd.unit(5)).
const DIRECTORIES: [&str; 12] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/generator.late",
];

/// What there is of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// A unit file.
    There(PathBuf),
    /// A file that says that there is none.
    Masked(PathBuf),
    /// Nothing.
    Missing,
}

/// What there is of `unit`, or of the template that it is an instance of.
pub fn presence(root: &Root, unit: &str) -> Presence {
    let names = std::iter::once(unit.to_owned()).chain(template(unit));
    let paths = names.flat_map(|name| DIRECTORIES.map(|dir| Path::new(dir).join(&name)));
    for path in paths {
        let Ok(real) = root.resolve(&path) else {
            continue;
        };
        let empty = || {
            let metadata = root.join(&real).metadata();
            metadata.is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
        };
        if real == Path::new("/dev/null") || empty() {
            return Presence::Masked(path);
        }
        return Presence::There(path);
    }
    Presence::Missing
}

/// The links by which `dependency` (such as `multi-user.target.wants`) gets `unit`.
pub fn links(root: &Root, dependency: &str, unit: &str) -> Vec<PathBuf> {
    let paths = DIRECTORIES.map(|directory| Path::new(directory).join(dependency).join(unit));
    let there = |path: &PathBuf| root.join(path).symlink_metadata().is_ok();
    paths.into_iter().filter(there).collect()
}

/// The units that `dependency` gets by links, wherever those are.
pub fn linked(root: &Root, dependency: &str) -> BTreeSet<String> {
    let directories =
        DIRECTORIES.map(|directory| fs::read_dir(root.join(directory).join(dependency)));
    let entries = directories.into_iter().flatten().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// The files that say what `unit` is: that of its name in every directory, and its drop-ins.
pub fn texts(root: &Root, unit: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for directory in DIRECTORIES.map(Path::new) {
        paths.push(directory.join(unit));
        let drop_ins = directory.join(format!("{unit}.d"));
        let entries = fs::read_dir(root.join(&drop_ins)).into_iter().flatten();
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        let texts = names.iter().map(|name| drop_ins.join(name));
        paths.extend(texts.filter(|path| path.extension() == Some("conf".as_ref())));
    }
    paths.retain(|path| root.join(path).is_file());
    paths
}

/// The names of all unit files.
pub fn names(root: &Root) -> BTreeSet<String> {
    let entries = DIRECTORIES.map(|directory| fs::read_dir(root.join(directory)));
    let entries = entries.into_iter().flatten().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn template(unit: &str) -> Option<String> {
    let (stem, kind) = unit.rsplit_once('.')?;
    let (prefix, _) = stem.split_once('@')?;
    Some(format!("{prefix}@.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_templates_masks_and_aliases() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        let (etc, usr) = ("/etc/systemd/system", "/usr/lib/systemd/system");
        fs::create_dir_all(root.join(etc)).unwrap();
        fs::create_dir_all(root.join(usr)).unwrap();
        for name in ["a.service", "b@.service", "c.service"] {
            fs::write(root.join(usr).join(name), "[Unit]\n").unwrap();
        }
        symlink("/dev/null", root.join(etc).join("c.service")).unwrap();
        fs::write(root.join(etc).join("b@off.service"), "").unwrap();
        symlink(
            "/usr/lib/systemd/system/a.service",
            root.join(etc).join("alias.service"),
        )
        .unwrap();
        symlink("/no/such", root.join(etc).join("dangling.service")).unwrap();
        let at = |directory, name| Path::new(directory).join(name);
        for (unit, presence) in [
            ("a.service", Presence::There(at(usr, "a.service"))),
            ("b@x.service", Presence::There(at(usr, "b@.service"))),
            ("b@off.service", Presence::Masked(at(etc, "b@off.service"))),
            ("c.service", Presence::Masked(at(etc, "c.service"))),
            ("alias.service", Presence::There(at(etc, "alias.service"))),
            ("dangling.service", Presence::Missing),
            ("d.service", Presence::Missing),
        ] {
            assert_eq!(super::presence(&root, unit), presence, "{unit}");
        }
        assert!(names(&root).contains("b@.service"));
    }
}
