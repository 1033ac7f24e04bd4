//! `health-checker.conf` as `verify` sees it: everything that is wrong in it is an error, since nothing is acted on then.

use std::path::Path;

use health_checks::Root;
use health_checks::config::{self, Config};

use super::finding::Finding;

/// What is wrong with the installed configuration.
pub fn findings(root: &Root) -> Vec<Finding> {
    errors(config::load(root))
}

/// What would be wrong with it, if `text` of the file at `path` were installed.
pub fn of_text(path: &Path, text: &str) -> Vec<Finding> {
    errors(config::merge(&[(path.to_owned(), text.to_owned())]))
}

fn errors(config: Config) -> Vec<Finding> {
    let finding =
        |error: &health_checks::Warning| Finding::error(&error.path, error.line, &error.text);
    config.errors.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_place() {
        let findings = of_text(Path::new("/x.conf"), "[Boot]\nActInContainer=maybe\n");
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 1);
        assert!(shown[0].starts_with("/x.conf:2: error: "), "{shown:?}");
    }
}
