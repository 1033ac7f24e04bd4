//! The search: all plugins and `.check` files below a root, whatever is wrong with one of them.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::check::{Check, Origin};
use crate::config::{self, Config};
use crate::file::define::{Definition, definition};
use crate::files::directory::entries;
use crate::files::name;
use crate::files::root::Root;
use crate::files::stage::Stage;
use crate::files::trust::Trust;
use crate::finding::{Ignored, Warning};
use crate::search::found::Found;
use crate::search::load;
use crate::search::order::{Node, cycles};
use crate::search::plugin::{self, Examined};
use crate::search::step::Step;
use crate::unit::mask::mask;

/// Finds all checks. A directory that does not exist is not worth a warning.
pub fn find(root: &Root, stage: Stage) -> Found {
    let mut found = Found::default();
    scan(root, stage, |step| match step {
        Step::Look(_) => {}
        Step::Configuration(config) => found.config = config.clone(),
        Step::Check(check) => found.checks.push(*check),
        Step::Ignored(ignored) => found.ignored.push(ignored),
        Step::Warning(warning) => found.warnings.push(warning),
    });
    found
        .checks
        .sort_by(|a, b| (&a.name, a.origin, &a.unit).cmp(&(&b.name, b.origin, &b.unit)));
    found
}

/// As [`find`], telling each thing as soon as it is known: one plugin that cannot be looked at without
/// hanging then does not hide those before it.
pub fn scan(root: &Root, stage: Stage, mut tell: impl FnMut(Step<'_>)) {
    let trust = Trust::of(root);
    let config = config::load_for(root, stage, trust, &mut |path| tell(Step::Look(path)));
    tell(Step::Configuration(&config));
    let vendor = Path::new(Origin::Vendor.directory());
    tell(Step::Look(vendor));
    let mut search = Search {
        root,
        stage,
        trust,
        config,
        vendor: root.resolve(vendor).ok(),
        units: HashMap::new(),
        settings: BTreeMap::new(),
    };
    // Files first: they may be settings of plugins.
    search.files(&mut tell);
    for origin in Origin::ALL {
        search.plugins(origin, &mut tell);
    }
    search.settings_without_plugin(&mut tell);
}

/// A file without a command, probably settings of a plugin, and whether there is one.
struct SettingsFile {
    check: Check,
    used: bool,
}

struct Search<'a> {
    root: &'a Root,
    stage: Stage,
    trust: Trust,
    config: Config,
    /// The directory of the vendor's plugins, links followed, if it is there.
    vendor: Option<PathBuf>,
    /// Units so far, with the file name of each.
    units: HashMap<String, OsString>,
    /// By the name of the plugin.
    settings: BTreeMap<OsString, SettingsFile>,
}

impl Search<'_> {
    fn files(&mut self, tell: &mut impl FnMut(Step<'_>)) {
        let defaults = self.config.settings();
        let mut found: Vec<(OsString, Definition)> = Vec::new();
        for file in load::load(self.root, self.stage, self.trust, tell) {
            let mut definition =
                definition(&file.name, file.source.clone(), &file.files, &defaults);
            let check = &mut definition.check;
            check.defects.splice(0..0, file.problems);
            check.masked = file.masked_by.is_some();
            check.masked_by = file.masked_by;
            check.sources = file.sources;
            found.push((file.name, definition));
        }
        fail_cycles(&mut found);
        for (file_name, definition) in found {
            self.file(file_name, definition, tell);
        }
    }

    fn file(
        &mut self,
        file_name: OsString,
        definition: Definition,
        tell: &mut impl FnMut(Step<'_>),
    ) {
        let Definition {
            mut check,
            has_command,
        } = definition;
        if !has_command {
            let used = false;
            self.settings
                .insert(file_name, SettingsFile { check, used });
            return;
        }
        // Only the vendor's are looked at: /usr/local may be a file system that hangs.
        if self.has_vendor_plugin(&file_name) {
            let text = format!(
                "has a command of its own, but there is also the plugin '{}/{}' with the same unit; rename \
                 one of the two",
                Origin::Vendor.directory(),
                check.name
            );
            check.defects.push(Warning::new(check.source.clone(), text));
        }
        self.tell_check(check, file_name, tell);
    }

    fn has_vendor_plugin(&self, file_name: &OsStr) -> bool {
        let exists = |directory: &PathBuf| {
            let path = self.root.join(directory.join(file_name));
            path.symlink_metadata().is_ok()
        };
        // Nothing at all would otherwise look like a link to nothing.
        self.vendor.as_ref().is_some_and(exists)
            && matches!(
                plugin::examine(self.root, self.stage, self.trust, Origin::Vendor, file_name),
                Examined::Check(..)
            )
    }

    fn plugins(&mut self, origin: Origin, tell: &mut impl FnMut(Step<'_>)) {
        let directory = Path::new(origin.directory());
        tell(Step::Look(directory));
        let (names, problem) = entries(self.root, self.stage, directory);
        if let Some(error) = problem {
            let text = format!("cannot read the directory: {error}; its plugins are not checked");
            tell(Step::Warning(Warning::new(directory.to_owned(), text)));
        }
        if let Some(text) = self.trust.problem(self.root, directory) {
            let text = text.replacen("is not run", "its plugins are not run", 1);
            tell(Step::Warning(Warning::new(directory.to_owned(), text)));
        }
        for file_name in names {
            let path = directory.join(&file_name);
            tell(Step::Look(&path));
            match plugin::examine(self.root, self.stage, self.trust, origin, &file_name) {
                Examined::Ignored(reason) => tell(Step::Ignored(Ignored { path, reason })),
                Examined::Check(mut check, problem) => {
                    if let Some(text) = problem {
                        tell(Step::Warning(Warning::new(path, text)));
                    }
                    check.settings = self.config.settings();
                    if let Some(settings) = self.settings.get_mut(&file_name) {
                        settings.used = true;
                        if !settings.check.masked {
                            check.set(&settings.check);
                        }
                    }
                    self.tell_check(*check, file_name, tell);
                }
            }
        }
    }

    /// What has neither a command nor a plugin: a mask, a mistake, or settings of a plugin that comes with
    /// /usr/local when it is mounted.
    fn settings_without_plugin(&mut self, tell: &mut impl FnMut(Step<'_>)) {
        for (file_name, SettingsFile { mut check, used }) in std::mem::take(&mut self.settings) {
            let missing = format!(
                "has neither 'Exec=' nor a probe, and there is no plugin '{}'",
                check.name
            );
            let ignored = match (used, self.stage) {
                (true, _) if check.masked => {
                    Some("is masked: the plugin of this name has no settings".to_owned())
                }
                (true, _) => continue,
                // With a defect, its command is probably what is misspelt.
                (false, Stage::Early) if !check.masked && check.defects.is_empty() => {
                    Some(format!("{missing} yet"))
                }
                (false, Stage::Early | Stage::Late) => None,
            };
            if let Some(reason) = ignored {
                let path = check.source;
                tell(Step::Ignored(Ignored { path, reason }));
                continue;
            }
            if !check.masked && check.defects.is_empty() {
                let text = format!("{missing} that it could be the settings of");
                check.defects.push(Warning::new(check.source.clone(), text));
            }
            self.tell_check(check, file_name, tell);
        }
    }

    fn tell_check(
        &mut self,
        mut check: Check,
        file_name: OsString,
        tell: &mut impl FnMut(Step<'_>),
    ) {
        if let Some(first) = self.units.get(&check.unit) {
            // A plugin with the name of a '.check' file: that one fails, and says why.
            if *first != file_name {
                let text = format!(
                    "is not checked: it has the same unit name as '{}'; rename one of the two",
                    name::readable(first)
                );
                tell(Step::Warning(Warning::new(check.source, text)));
            }
            return;
        }
        self.units.insert(check.unit.clone(), file_name);
        if let Some(how) = mask(self.root, &check.unit) {
            check.masked = true;
            check.masked_by.get_or_insert(how);
        }
        if let Some(place) = self.config.disabled(&check.name, &check.unit)
            && !check.masked
        {
            check.masked = true;
            check.disabled = true;
            check.masked_by = Some(format!("disabled in {place}"));
        }
        for defect in &check.defects {
            tell(Step::Warning(defect.clone()));
        }
        tell(Step::Check(Box::new(check)));
    }
}

impl Check {
    /// Takes over what the `.check` file of a plugin says.
    fn set(&mut self, file: &Check) {
        self.severity = file.severity;
        self.settings = file.settings.clone();
        self.unit_lines = file.unit_lines.clone();
        self.service_lines = file.service_lines.clone();
        self.sources.extend(file.sources.iter().cloned());
        self.defects.extend(file.defects.iter().cloned());
    }
}

/// systemd would break an ordering cycle by leaving out one of the checks, which nobody sees.
fn fail_cycles(found: &mut [(OsString, Definition)]) {
    let words = |check: &Check, key| check.ordering(key).map(str::to_owned).collect();
    let node = |(file_name, definition): &(OsString, Definition)| Node {
        units: match definition.has_command {
            true => vec![definition.check.unit.clone()],
            false => Origin::ALL
                .map(|origin| origin.unit(&name::instance(file_name)))
                .to_vec(),
        },
        after: words(&definition.check, "After"),
        before: words(&definition.check, "Before"),
    };
    let nodes: Vec<Node> = found.iter().map(node).collect();
    for ((_, definition), cycle) in found.iter_mut().zip(cycles(&nodes)) {
        if let Some(cycle) = cycle {
            let check = &mut definition.check;
            let text = format!("is part of an ordering cycle: {cycle}; take one of these back");
            check.defects.push(Warning::new(check.source.clone(), text));
        }
    }
}
