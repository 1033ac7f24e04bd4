//! The files: `NAME.check` and `NAME.check.d/*.conf` of all directories, with systemd's precedence.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::files::directory::{entries, is_leftover};
use crate::files::name;
use crate::files::read::{FileContent, read};
use crate::files::root::Root;
use crate::files::stage::Stage;
use crate::files::trust::Trust;
use crate::finding::{Ignored, Warning};
use crate::search::step::Step;

/// Where `.check` files are; one of an earlier directory replaces one of the same name in a later one.
/// Not in /usr/local: generators cannot see it.
const DIRECTORIES: [&str; 3] = [
    "/etc/health-checker/checks.d",
    "/run/health-checker/checks.d",
    "/usr/lib/health-checker/checks.d",
];

const FILE: &[u8] = b".check";
const DROP_INS: &[u8] = b".check.d";
const DROP_IN: &[u8] = b".conf";

/// `NAME.check` with its drop-ins, as read.
pub(crate) struct CheckFile {
    /// NAME.
    pub(crate) name: OsString,
    /// The file that counts.
    pub(crate) source: PathBuf,
    /// It and its drop-ins, also those that could not be read.
    pub(crate) sources: Vec<PathBuf>,
    /// The texts of all that could be read, in the order in which they count.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// By what the check is masked.
    pub(crate) masked_by: Option<String>,
    /// What could not be read.
    pub(crate) problems: Vec<Warning>,
}

/// All `.check` files below a root. What is not one, or cannot be read as a directory, is told.
pub(crate) fn load(
    root: &Root,
    stage: Stage,
    trust: Trust,
    tell: &mut impl FnMut(Step<'_>),
) -> Vec<CheckFile> {
    let mut sources: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    let mut drop_ins: BTreeMap<OsString, Vec<PathBuf>> = BTreeMap::new();
    for directory in DIRECTORIES.map(Path::new) {
        for file_name in names(root, stage, trust, directory, tell) {
            let path = directory.join(&file_name);
            if let Some(name) = stem(&file_name, FILE) {
                sources.entry(name).or_insert(path);
            } else if let Some(name) = stem(&file_name, DROP_INS) {
                drop_ins.entry(name).or_default().push(path);
            } else {
                let reason = "is not called 'NAME.check'".to_owned();
                tell(Step::Ignored(Ignored { path, reason }));
            }
        }
    }
    let mut files = Vec::new();
    for (name, source) in sources {
        let mut file = CheckFile::new(name, source);
        let directories = drop_ins.remove(&file.name).unwrap_or_default();
        tell(Step::Look(&file.source));
        match read(root, stage, trust, &file.source) {
            FileContent::Text(text, problem) => {
                file.files.push((file.source.clone(), text));
                file.problems.extend(problem);
            }
            FileContent::Mask(how) => file.masked_by = Some(how),
            FileContent::Broken(text) => file.problem(file.source.clone(), text),
            FileContent::NotYet(reason) => {
                let path = file.source;
                tell(Step::Ignored(Ignored { path, reason }));
                continue;
            }
        }
        if file.masked_by.is_none() {
            file.read_drop_ins(root, trust, &directories, tell);
        }
        files.push(file);
    }
    for (name, directories) in drop_ins {
        let reason = format!(
            "there is no '{}.check' that it could belong to",
            name::readable(&name)
        );
        for path in directories {
            let reason = reason.clone();
            tell(Step::Ignored(Ignored { path, reason }));
        }
    }
    files
}

/// The names in one of the directories.
fn names(
    root: &Root,
    stage: Stage,
    trust: Trust,
    directory: &Path,
    tell: &mut impl FnMut(Step<'_>),
) -> Vec<OsString> {
    tell(Step::Look(directory));
    let mut warn = |text| {
        tell(Step::Warning(Warning::new(directory, text)));
    };
    let (names, problem) = entries(root, stage, directory);
    if let Some(error) = problem {
        warn(format!(
            "cannot read the directory: {error}; its check files are lost"
        ));
    }
    if let Some(text) = trust.problem(root, directory) {
        warn(text.replacen("is not run", "its check files are not run", 1));
    }
    names
}

impl CheckFile {
    /// One of which nothing was read yet.
    fn new(name: OsString, source: PathBuf) -> Self {
        Self {
            name,
            sources: vec![source.clone()],
            source,
            files: Vec::new(),
            masked_by: None,
            problems: Vec::new(),
        }
    }

    fn problem(&mut self, path: PathBuf, text: String) {
        self.problems.push(Warning::new(path, text));
    }

    /// Drop-ins are sorted by their file names, whatever directory they are in.
    fn read_drop_ins(
        &mut self,
        root: &Root,
        trust: Trust,
        directories: &[PathBuf],
        tell: &mut impl FnMut(Step<'_>),
    ) {
        let mut paths: BTreeMap<OsString, PathBuf> = BTreeMap::new();
        for directory in directories {
            tell(Step::Look(directory));
            // Also a link to nothing is told: the drop-ins in it would get lost.
            let (names, problem) = entries(root, Stage::Late, directory);
            if let Some(error) = problem {
                let text = format!("cannot read the directory: {error}; its drop-ins are lost");
                self.sources.push(directory.clone());
                self.problem(directory.clone(), text);
            }
            for file_name in names {
                let path = directory.join(&file_name);
                if file_name.as_bytes().ends_with(DROP_IN) {
                    paths.entry(file_name).or_insert(path);
                } else {
                    let reason = "is not called 'NAME.conf'".to_owned();
                    tell(Step::Ignored(Ignored { path, reason }));
                }
            }
        }
        for path in paths.into_values() {
            tell(Step::Look(&path));
            match read(root, Stage::Late, trust, &path) {
                FileContent::Text(text, problem) => {
                    self.sources.push(path.clone());
                    self.files.push((path, text));
                    self.problems.extend(problem);
                }
                FileContent::Mask(reason) => tell(Step::Ignored(Ignored { path, reason })),
                FileContent::Broken(text) | FileContent::NotYet(text) => {
                    self.sources.push(path.clone());
                    self.problem(path, text);
                }
            }
        }
    }
}

/// NAME of a file name with this ending.
fn stem(file_name: &OsStr, ending: &[u8]) -> Option<OsString> {
    let name = file_name.as_bytes().strip_suffix(ending)?;
    let name = OsStr::from_bytes(name).to_owned();
    (!name.is_empty() && !is_leftover(&name)).then_some(name)
}
