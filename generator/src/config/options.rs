//! The options as one table: where each belongs, what it takes, what is in effect.

use std::time::Duration;

use super::{Config, Disable, Ladder, Place, Rung, Stop};
use crate::syntax::number::{boolean, number};
use crate::syntax::parse::shown;
use crate::syntax::span;
use crate::syntax::suggest::suggestion;
use crate::syntax::value::Value;

/// One option.
pub(crate) struct Choice {
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
    /// As health-checker.conf(5) has it, and what an empty assignment means.
    pub(crate) default: &'static str,
    /// Whether an empty assignment means just that, and not the default.
    pub(crate) may_be_empty: bool,
    /// Whether each assignment adds to those before it.
    pub(crate) is_list: bool,
    pub(crate) set: fn(&mut Config, &str, &Place) -> Result<(), String>,
    pub(crate) show: fn(&Config) -> String,
}

/// More would hold back a rollback for longer than anybody waits.
const TRIES_MAX: u32 = 10;

/// As for a check of its own.
const RETRIES_MAX: u32 = 100;

/// All options, as health-checker.conf(5) lists them.
pub(crate) const OPTIONS: &[Choice] = &[
    Choice {
        set: |config, value, _| set(&mut config.checks.timeout, span(value, 1)),
        show: |config| show_span(config.checks.timeout),
        ..option("Checks", "DefaultTimeoutSec", "90s")
    },
    Choice {
        set: |config, value, _| set(&mut config.checks.retries, count(value, 0, RETRIES_MAX)),
        show: |config| config.checks.retries.to_string(),
        ..option("Checks", "DefaultRetries", "0")
    },
    Choice {
        set: |config, value, _| set(&mut config.checks.retry, span(value, 0)),
        show: |config| show_span(config.checks.retry),
        ..option("Checks", "DefaultRetrySec", "5s")
    },
    Choice {
        set: |config, value, _| set(&mut config.checks.stable, span(value, 0)),
        show: |config| show_span(config.checks.stable),
        ..option("Checks", "StableSec", "5s")
    },
    Choice {
        set: |config, value, _| set(&mut config.checks.settle, span(value, 1)),
        show: |config| show_span(config.checks.settle),
        ..option("Checks", "SettleTimeoutSec", "5min")
    },
    Choice {
        may_be_empty: true,
        is_list: true,
        set: disable,
        show: |config| words(config.checks.disable.iter().map(|word| &*word.pattern)),
        ..option("Checks", "Disable", "")
    },
    Choice {
        may_be_empty: true,
        set: |config, value, _| set(&mut config.escalation.new, ladder(value)),
        show: |config| words(config.escalation.new.0.iter().map(|rung| rung.as_str())),
        ..option("Escalation", "NewSnapshot", "rollback stop")
    },
    Choice {
        may_be_empty: true,
        set: |config, value, _| set(&mut config.escalation.known_good, ladder(value)),
        show: |config| {
            let rungs = config.escalation.known_good.0.iter();
            words(rungs.map(|rung| rung.as_str()))
        },
        ..option(
            "Escalation",
            "KnownGoodSnapshot",
            "restart reboot rollback stop",
        )
    },
    Choice {
        set: |config, value, _| set(&mut config.escalation.tries, count(value, 1, TRIES_MAX)),
        show: |config| config.escalation.tries.to_string(),
        ..option("Escalation", "Tries", "1")
    },
    Choice {
        set: |config, value, _| set(&mut config.escalation.stop, stop(value)),
        show: |config| config.escalation.stop.as_str().to_owned(),
        ..option("Escalation", "Stop", "stop")
    },
    Choice {
        set: |config, value, _| set(&mut config.boot.act_in_container, switch(value)),
        show: |config| yes_no(config.boot.act_in_container),
        ..option("Boot", "ActInContainer", "no")
    },
    Choice {
        set: |config, value, _| set(&mut config.boot.deadline, span(value, 0)),
        show: |config| show_span(config.boot.deadline),
        ..option("Boot", "DeadlineSec", "15min")
    },
    Choice {
        set: |config, value, _| set(&mut config.notify.login, switch(value)),
        show: |config| yes_no(config.notify.login),
        ..option("Notify", "Login", "yes")
    },
];

const fn option(section: &'static str, name: &'static str, default: &'static str) -> Choice {
    Choice {
        section,
        name,
        default,
        may_be_empty: false,
        is_list: false,
        set: |_, _, _| Ok(()),
        show: |_| String::new(),
    }
}

/// The sections, each once.
pub(crate) const SECTIONS: [&str; 4] = ["Checks", "Escalation", "Boot", "Notify"];

fn set<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

fn span(value: &str, at_least: u64) -> Result<Duration, String> {
    Value::Span(at_least).words(value)?;
    Ok(span::parse(value).unwrap_or_default())
}

fn count(value: &str, min: u32, max: u32) -> Result<u32, String> {
    number(value, max)
        .filter(|number| *number >= min)
        .ok_or_else(|| format!("'{}' is not a number from {min} to {max}", shown(value)))
}

fn switch(value: &str) -> Result<bool, String> {
    boolean(value).ok_or_else(|| format!("'{}' is not 'yes' or 'no'", shown(value)))
}

fn stop(value: &str) -> Result<Stop, String> {
    let all = Stop::ALL.into_iter();
    all.clone()
        .find(|stop| stop.as_str() == value)
        .ok_or_else(|| {
            let allowed = words(all.clone().map(Stop::as_str)).replace(' ', "', '");
            let meant = suggestion(value, all.map(Stop::as_str), str::to_owned);
            format!("'{}' is not one of '{allowed}'{meant}", shown(value))
        })
}

fn ladder(value: &str) -> Result<Ladder, String> {
    let all = words(Rung::ALL.into_iter().map(Rung::as_str));
    let mut rungs: Vec<Rung> = Vec::new();
    for word in value.split_whitespace() {
        let Some(rung) = Rung::ALL.into_iter().find(|rung| rung.as_str() == word) else {
            let meant = suggestion(word, Rung::ALL.into_iter().map(Rung::as_str), str::to_owned);
            return Err(format!("'{}' is not one of '{all}'{meant}", shown(word)));
        };
        if rungs.last().is_some_and(|last| *last >= rung) {
            return Err(format!(
                "'{word}' cannot come here: the order is '{all}', each at most once"
            ));
        }
        rungs.push(rung);
    }
    Ok(Ladder(rungs))
}

fn disable(config: &mut Config, value: &str, place: &Place) -> Result<(), String> {
    if value.is_empty() {
        config.checks.disable.clear();
    }
    let word = |pattern: &str| Disable {
        pattern: pattern.to_owned(),
        place: place.clone(),
    };
    let words = value.split_whitespace().map(word);
    config.checks.disable.extend(words);
    Ok(())
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// Minutes where they are even.
fn show_span(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds > 0 && seconds.is_multiple_of(60) && span.subsec_nanos() == 0 {
        format!("{}min", seconds / 60)
    } else {
        span::show(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        let config = Config::default();
        let place = Place {
            path: "/x".into(),
            line: 1,
        };
        for (index, option) in OPTIONS.iter().enumerate() {
            let Choice { name, default, .. } = option;
            assert!(OPTIONS[..index].iter().all(|other| other.name != *name));
            assert!(SECTIONS.contains(&option.section));
            assert_eq!((option.show)(&config), *default, "{name}");
            let mut changed = config.clone();
            (option.set)(&mut changed, default, &place).unwrap();
            assert_eq!(changed, config, "{name}");
        }
    }

    #[test]
    fn ladders_are_parts_of_the_whole_one_in_its_order() {
        for good in [
            "",
            "stop",
            "restart rollback",
            "restart reboot rollback stop",
        ] {
            let shown = ladder(good).map(|ladder| words(ladder.0.iter().map(|r| r.as_str())));
            assert_eq!(shown.as_deref(), Ok(good));
        }
        for (wrong, why) in [
            ("stop rollback", "'rollback' cannot come here"),
            ("reboot reboot", "at most once"),
            ("rolback", "did you mean 'rollback'?"),
            ("poweroff", "'restart reboot rollback stop'"),
        ] {
            let text = ladder(wrong).unwrap_err();
            assert!(text.contains(why), "{text}");
        }
    }

    #[test]
    fn the_manual_has_every_option_in_this_order_with_its_default() {
        let mut rest = include_str!("../../../docs/health-checker.conf.5");
        for section in SECTIONS {
            let (_, after) = rest
                .split_once(&format!("\n.SS [{section}]"))
                .unwrap_or_else(|| panic!("[{section}]"));
            rest = after;
            for option in OPTIONS.iter().filter(|option| option.section == section) {
                let heading = format!("\n.TP\n.B {}={}\n", option.name, option.default);
                rest = rest
                    .split_once(&heading)
                    .map(|(_, rest)| rest)
                    .unwrap_or_else(|| panic!("{heading}"));
            }
        }
    }
}
