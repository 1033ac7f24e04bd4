//! `health-checker.conf` as `verify` sees it: everything that is wrong in it is an error, since nothing is acted on then.
//! What it says about checks that are not there is a warning.

use std::collections::BTreeSet;
use std::path::Path;

use health_checks::config::{self, Config};
use health_checks::{Found, Root, TARGET};

use super::finding::Finding;
use crate::commands::suggest::nearest;
use health_checks::unit_files;

/// What is wrong with the installed configuration.
pub fn findings(root: &Root, found: &Found) -> Vec<Finding> {
    all(root, found, config::load(root))
}

/// What would be wrong with it, if `text` of the file at `path` were installed.
pub fn of_text(root: &Root, found: &Found, path: &Path, text: &str) -> Vec<Finding> {
    all(
        root,
        found,
        config::merge(&[(path.to_owned(), text.to_owned())]),
    )
}

fn all(root: &Root, found: &Found, config: Config) -> Vec<Finding> {
    let error =
        |error: &health_checks::Warning| Finding::error(&error.path, error.line, &error.text);
    let errors = config.errors.iter().map(error);
    errors.chain(useless(root, found, &config)).collect()
}

/// Words of `Disable=` that disable nothing: whoever wrote them believes that a check is off that is not.
fn useless(root: &Root, found: &Found, config: &Config) -> Vec<Finding> {
    let mut names = BTreeSet::new();
    for check in &found.checks {
        names.extend([check.name.clone(), check.unit.clone()]);
    }
    // Units of others that count as checks.
    for dependency in ["requires", "wants"] {
        names.extend(unit_files::linked(root, &format!("{TARGET}.{dependency}")));
    }
    let means_nothing = |disable: &&config::Disable| !names.iter().any(|name| disable.means(name));
    let finding = |disable: &config::Disable| {
        let near = nearest(&disable.pattern, names.iter().map(String::as_str));
        let hint = near.map_or_else(
            || "see 'health-checker list'".to_owned(),
            |near| format!("did you mean '{near}'?"),
        );
        let text = format!(
            "'Disable=': there is no check '{}'; {hint}",
            disable.pattern
        );
        Finding::warning(&disable.place.path, Some(disable.place.line), text)
    };
    let words = config.checks.disable.iter();
    words.filter(means_nothing).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn said(text: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        for file in [
            "usr/lib/health-checker/checks.d/web.check",
            "usr/lib/health-checker/checks.d/rebootmgr.check",
            "etc/systemd/system/health-check.target.wants/k3s.service",
        ] {
            let file = dir.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "[Check]\nUnitActive=a.service\n").unwrap();
        }
        let found = crate::checks::observe::find(&root);
        let findings = of_text(&root, &found, Path::new("/x.conf"), text);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn errors_have_their_place() {
        let said = said("[Boot]\nActInContainer=maybe\n");
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("/x.conf:2: error: "), "{said:?}");
    }

    #[test]
    fn what_disables_nothing_is_named() {
        let good = "[Checks]\nDisable=web reboot* k3s.service health-check@web.service health-check@web*\n";
        assert_eq!(said(good), [""; 0]);
        let expected = [
            "/x.conf:2: warning: 'Disable=': there is no check 'rebotmgr'; did you mean 'rebootmgr'?",
            "/x.conf:2: warning: 'Disable=': there is no check 'web.check'; did you mean 'web'?",
            "/x.conf:4: warning: 'Disable=': there is no check 'zzz*'; see 'health-checker list'",
        ];
        assert_eq!(
            said("[Checks]\nDisable=rebotmgr web.check\nDisable=web*\nDisable=zzz*\n"),
            expected
        );
        // Cleared again: not in effect.
        assert_eq!(said("[Checks]\nDisable=zzz\nDisable=\n"), [""; 0]);
    }
}
