//! From the texts of the files to the configuration. Whatever is wrong with one line, the others count.

use std::path::{Path, PathBuf};

use super::options::{Choice, OPTIONS, SECTIONS};
use super::{Config, Place};
use crate::finding::Warning;
use crate::syntax::parse::{Entry, parse, shown};
use crate::syntax::suggest::suggestion;

/// The configuration that these files give: their paths and texts, in the order in which they count. Pure: opens
/// nothing.
pub fn merge(files: &[(PathBuf, String)]) -> Config {
    let mut config = Config::default();
    for (path, text) in files {
        config.add(path, text);
    }
    config
}

impl Config {
    fn add(&mut self, path: &Path, text: &str) {
        self.files.push(path.to_owned());
        let parsed = parse(text);
        let problems = parsed.problems.into_iter();
        let mut errors: Vec<(u32, String)> = problems
            .map(|problem| (problem.line, problem.text))
            .collect();
        let unknown = |(section, _): &&(String, u32)| {
            !SECTIONS.contains(&section.as_str()) && !section.starts_with("X-")
        };
        for (section, line) in parsed.sections.iter().filter(unknown) {
            let bracketed = |known: &str| format!("[{known}]");
            let text = format!(
                "unknown section '[{}]'{}; [Checks], [Escalation], [Boot] and [Notify] are known",
                shown(section),
                suggestion(section, SECTIONS.into_iter(), bracketed)
            );
            errors.push((*line, text));
        }
        let ours = |entry: &Entry| SECTIONS.contains(&entry.section.as_str());
        for entry in parsed.entries.into_iter().filter(ours) {
            let place = Place {
                path: path.to_owned(),
                line: entry.line,
            };
            if let Err(text) = self.assign(&entry, place) {
                errors.push((entry.line, text));
            }
        }
        errors.sort_by_key(|(line, _)| *line);
        let errors = errors
            .into_iter()
            .map(|(line, text)| Warning::at(path, line, text));
        self.errors.extend(errors);
    }

    fn assign(&mut self, entry: &Entry, place: Place) -> Result<(), String> {
        let option = find(entry)?;
        let empty = entry.value.is_empty();
        let value = match empty && !option.may_be_empty {
            true => option.default,
            false => &entry.value,
        };
        (option.set)(self, value, &place).map_err(|text| format!("'{}=': {text}", option.name))?;
        let places = self.places.entry(option.name).or_default();
        if empty || !option.is_list {
            places.clear();
        }
        // An empty ladder is a choice; an empty list, and everything else that is empty, is as if nobody had said a word.
        if !empty || (option.may_be_empty && !option.is_list) {
            places.push(place);
        }
        Ok(())
    }
}

fn find(entry: &Entry) -> Result<&'static Choice, String> {
    let Entry { section, key, .. } = entry;
    let in_section = |option: &&Choice| option.section == *section;
    let called = |option: &&Choice| option.name == *key;
    if let Some(option) = OPTIONS.iter().filter(in_section).find(called) {
        return Ok(option);
    }
    if let Some(option) = OPTIONS.iter().find(called) {
        let right = option.section;
        return Err(format!("'{key}=' in [{section}] belongs into [{right}]"));
    }
    let names = || OPTIONS.iter().filter(in_section).map(|option| option.name);
    Err(format!(
        "unknown option '{}=' in [{section}]{}; known there: '{}='",
        shown(key),
        suggestion(key, names(), |known| format!("{known}=")),
        names().collect::<Vec<_>>().join("=', '")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Rung, Stop};

    fn config(texts: &[&str]) -> Config {
        let files: Vec<(PathBuf, String)> = (1..)
            .zip(texts)
            .map(|(number, text)| (PathBuf::from(format!("/{number}")), (*text).to_owned()))
            .collect();
        merge(&files)
    }

    /// Value and places of an option.
    fn effective(config: &Config, name: &str) -> (String, String) {
        let all = config.effective();
        let option = all.into_iter().find(|option| option.name == name).unwrap();
        let places: Vec<String> = option.places.iter().map(ToString::to_string).collect();
        (option.value, places.join(" "))
    }

    #[test]
    fn every_option_is_read() {
        let text = "[Checks]\nDefaultTimeoutSec=2min\nDefaultRetries=3\nDefaultRetrySec=500ms\nStableSec=0\n\
                    SettleTimeoutSec=1h\nDisable=a b*\n[Escalation]\nNewSnapshot=rollback\nKnownGoodSnapshot=\n\
                    Tries=3\nStop=emergency\n[Boot]\nActInContainer=yes\nDeadlineSec=0\n[Notify]\nLogin=off\n[X-Other]\nY=1\n";
        let config = config(&[text]);
        assert_eq!(config.errors, []);
        let values: Vec<String> = config.effective().into_iter().map(|o| o.value).collect();
        let expected = "2min|3|500ms|0s|60min|a b*|rollback||3|emergency|yes|0s|no";
        assert_eq!(values.join("|"), expected);
        assert!(config.effective().iter().all(|o| o.places.len() == 1));
        assert_eq!(config.escalation.new.0, [Rung::Rollback]);
        assert!(!config.escalation.known_good.has(Rung::Stop));
        assert_eq!(config.escalation.stop, Stop::Emergency);
        let settings = config.settings();
        assert_eq!((settings.retries, settings.retry.as_millis()), (3, 500));
        assert_eq!(settings.timeout.unwrap().as_secs(), 120);
    }

    #[test]
    fn later_files_win_and_an_empty_assignment_takes_back() {
        let both = config(&[
            "[Escalation]\nTries=2\nStop=rescue\n",
            "\n[Escalation]\nTries=4\nStop=\n",
        ]);
        assert_eq!(effective(&both, "Tries"), ("4".into(), "/2:3".into()));
        assert_eq!(effective(&both, "Stop"), ("stop".into(), String::new()));
        let empty = config(&["[Escalation]\nNewSnapshot=\n"]);
        assert_eq!(
            effective(&empty, "NewSnapshot"),
            (String::new(), "/1:2".into())
        );
    }

    #[test]
    fn what_is_disabled_adds_up_until_it_is_reset() {
        let all = config(&["[Checks]\nDisable=a b\nDisable=c", "[Checks]\nDisable=d?"]);
        let expected = ("a b c d?".into(), "/1:2 /1:3 /2:2".into());
        assert_eq!(effective(&all, "Disable"), expected);
        let by = |name, unit| all.disabled(name, unit).map(ToString::to_string);
        assert_eq!(by("b", "b.service").as_deref(), Some("/1:2"));
        assert_eq!(by("x", "d1").as_deref(), Some("/2:2"));
        assert_eq!(by("aa", "a.service"), None);
        let reset = config(&["[Checks]\nDisable=a\nDisable=\nDisable=c\n"]);
        assert_eq!(effective(&reset, "Disable"), ("c".into(), "/1:4".into()));
    }

    #[test]
    fn what_is_wrong_is_named_and_the_rest_counts() {
        for (line, what) in [
            ("Tries=11", "'11' is not a number from 1 to 10"),
            ("Tries=0", "from 1 to 10"),
            (
                "Trys=1",
                "unknown option 'Trys=' in [Escalation]; did you mean 'Tries='?",
            ),
            (
                "Foo=1",
                "known there: 'NewSnapshot=', 'KnownGoodSnapshot=', 'Tries=', 'Stop='",
            ),
            (
                "Login=yes",
                "'Login=' in [Escalation] belongs into [Notify]",
            ),
            (
                "Stop=halt",
                "'halt' is not one of 'stop', 'rescue', 'emergency', 'poweroff'",
            ),
            ("Stop=poweoff", "did you mean 'poweroff'?"),
            ("NewSnapshot=stop rollback", "'rollback' cannot come here"),
            (
                "[Bot]\nX=1",
                "unknown section '[Bot]'; did you mean '[Boot]'?; [Checks], ",
            ),
            (
                "[Boot]\nActInContainer=maybe",
                "'maybe' is not 'yes' or 'no'",
            ),
            ("[Boot", "does not end in ']'"),
            ("nonsense", "neither"),
            (
                "[Checks]\nDefaultTimeoutSec=infinity",
                "is not a time from 1 s to 1 h",
            ),
            ("[Checks]\nStableSec=2h", "is not a time from 0 s to 1 h"),
            (
                "[Checks]\nDefaultRetries=-1",
                "is not a number from 0 to 100",
            ),
        ] {
            let text = format!("[Escalation]\n{line}\n[Checks]\nDisable=x\n");
            let config = config(&[&text]);
            assert_eq!(config.errors.len(), 1, "{text}: {:?}", config.errors);
            let error = config.errors[0].to_string();
            assert!(error.contains(what), "{error}");
            let at = if line.contains("]\n") && !line.contains("Bot]") {
                3
            } else {
                2
            };
            assert!(error.starts_with(&format!("/1:{at}: ")), "{error}");
            assert!(config.disabled("x", "").is_some(), "{text}");
        }
        let before = config(&["Tries=1\n"]).errors;
        assert!(before[0].text.contains("is in no section"), "{before:?}");
    }
}
