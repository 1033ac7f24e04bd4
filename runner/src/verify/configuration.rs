//! `health-checker.conf` as `verify` sees it: everything that is wrong in it is an error, since nothing is acted on then.

use std::path::Path;

use health_checks::Root;

use super::finding::Finding;
use crate::config::{self, Config};

/// What is wrong with the installed configuration.
pub fn findings(root: &Root) -> Vec<Finding> {
    errors(Path::new(config::PATH), config::load(root))
}

/// What would be wrong with it, if `text` of the file at `path` were installed.
pub fn of_text(path: &Path, text: &str) -> Vec<Finding> {
    errors(path, config::parse(text))
}

fn errors(path: &Path, config: Config) -> Vec<Finding> {
    let finding = |error: String| {
        let begin = format!("'{}'", config::PATH);
        let text = error.strip_prefix(&begin).unwrap_or(&error);
        let with_line = text.strip_prefix(", line ").and_then(|rest| {
            let (line, text) = rest.split_once(": ")?;
            Some((line.parse().ok()?, text))
        });
        match with_line {
            Some((line, text)) => Finding::error(path, Some(line), text),
            None => Finding::error(path, None, text.trim_start_matches(": ")),
        }
    };
    config.errors.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_place() {
        let findings = of_text(Path::new("/x.conf"), "[Boot]\nActInContainer=maybe\n");
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 1);
        assert!(
            shown[0].starts_with("/x.conf:2: error: 'ActInContainer=maybe'"),
            "{shown:?}"
        );
    }
}
