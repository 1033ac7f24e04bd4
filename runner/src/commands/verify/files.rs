//! Plugins and `.check` files: what the search says of the installed ones, and the same for a file that is not installed yet.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use health_checks::{Check, Found, Kind, Origin, Root, Warning, define, name};

use super::finding::Finding;

/// As long as the generator takes it, in bytes.
const LENGTH_MAX: u64 = 65_536;

/// What the search says.
pub fn findings(root: &Root, found: &Found) -> Vec<Finding> {
    let warnings = found.warnings.iter().map(Finding::from);
    let ignored = found
        .ignored
        .iter()
        .filter(|ignored| !is_mask(root, &ignored.path))
        .map(|ignored| {
            Finding::warning(
                &ignored.path,
                None,
                format!("is ignored: {}", ignored.reason),
            )
        });
    warnings.chain(ignored).collect()
}

/// Somebody meant it: a link to /dev/null, or an empty file.
fn is_mask(root: &Root, path: &Path) -> bool {
    let Ok(real) = root.resolve(path) else {
        return false;
    };
    let empty = |metadata: std::fs::Metadata| metadata.is_file() && metadata.len() == 0;
    real == Path::new("/dev/null") || root.join(real).metadata().is_ok_and(empty)
}

/// The files of the checks to which `path` belongs, and itself, if it is installed.
pub fn belonging(found: &Found, path: &Path) -> Vec<PathBuf> {
    let of_check = |check: &&Check| check.sources.iter().any(|source| source == path);
    let mut files: Vec<PathBuf> = found
        .checks
        .iter()
        .filter(of_check)
        .flat_map(|check| check.sources.clone())
        .collect();
    let ignored = found.ignored.iter().map(|ignored| &ignored.path);
    let warnings = found.warnings.iter().map(|warning| &warning.path);
    let named = ignored.chain(warnings).filter(|known| *known == path);
    files.extend(named.cloned());
    files
}

/// A file that is not installed.
pub enum Outside {
    /// A check.
    Check(Box<Check>),
    /// Settings of a plugin, or a mistake.
    Settings(Box<Check>),
    /// A health-checker.conf.
    Configuration(String),
    /// Anything else.
    Plugin,
    /// It cannot be read.
    Broken(String),
}

/// What the file at `path` is, by its name.
pub fn outside(root: &Root, found: &Found, path: &Path) -> Outside {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let parent = directory.file_name().unwrap_or_default();
    let check = stem(path.file_name().unwrap_or_default(), ".check");
    let drop_in = stem(parent, ".check.d").filter(|_| path.extension() == Some("conf".as_ref()));
    let (check_name, before) = match (check, drop_in) {
        (Some(check_name), _) => (check_name, Vec::new()),
        (None, Some(check_name)) => {
            let beside = directory.with_extension("");
            let before = base(root, found, &beside, &check_name);
            (check_name, before)
        }
        (None, None) if path.extension() == Some("conf".as_ref()) => {
            return match text(root, path) {
                Ok(text) => Outside::Configuration(text),
                Err(text) => Outside::Broken(text),
            };
        }
        (None, None) => return Outside::Plugin,
    };
    let mut files = Vec::new();
    for path in before.iter().map(PathBuf::as_path).chain([path]) {
        match text(root, path) {
            Ok(text) => files.push((path.to_owned(), text)),
            Err(text) => return Outside::Broken(text),
        }
    }
    let mut check = define(&check_name, &files);
    let of_name = |known: &&Check| known.kind == Kind::Plugin && known.name == check.name;
    let plugin = found.checks.iter().find(of_name);
    let defect = match (&check.exec, plugin) {
        // With a defect, its command is probably what is misspelt.
        (None, None) if check.defects.is_empty() => Some(format!(
            "has neither 'Exec=' nor a probe, and there is no plugin '{}' that it could be the settings of",
            check.name
        )),
        (Some(_), Some(plugin)) if plugin.origin == Origin::Vendor => Some(format!(
            "has a command of its own, but there is also the plugin '{}' with the same unit; rename one of the two",
            name::readable(plugin.source.as_os_str())
        )),
        (None, _) | (Some(_), _) => None,
    };
    let path = path.to_owned();
    check
        .defects
        .extend(defect.map(|text| Warning::new(path, text)));
    match check.exec {
        Some(_) => Outside::Check(Box::new(check)),
        None => Outside::Settings(Box::new(check)),
    }
}

/// What a drop-in adds to: the file beside its directory, or the installed check.
fn base(root: &Root, found: &Found, beside: &Path, check_name: &OsStr) -> Vec<PathBuf> {
    if root.join(beside).exists() {
        return vec![beside.to_owned()];
    }
    let unit = Origin::Vendor.unit(&name::instance(check_name));
    let installed = found
        .checks
        .iter()
        .find(|check| check.unit == unit && check.kind == Kind::File);
    installed.map_or_else(Vec::new, |check| check.sources.clone())
}

fn stem(file_name: &OsStr, ending: &str) -> Option<OsString> {
    let stem = file_name.as_bytes().strip_suffix(ending.as_bytes())?;
    (!stem.is_empty()).then(|| OsStr::from_bytes(stem).to_owned())
}

fn text(root: &Root, path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let place = root.join(path);
    let metadata = place.metadata().map_err(cannot)?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    if metadata.len() > LENGTH_MAX {
        return Err(format!("is longer than {LENGTH_MAX} bytes"));
    }
    std::fs::read_to_string(place).map_err(cannot)
}
