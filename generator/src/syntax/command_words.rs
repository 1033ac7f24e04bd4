//! Command lines as ExecStart= takes them (systemd.service(5)): whether systemd would refuse one.

use crate::syntax::parse::shown;

/// A command line that systemd would refuse leaves a unit without a reason that anybody finds.
pub(crate) fn check_command(value: &str) -> Result<(), String> {
    let command = value.trim_start_matches(['@', '-', ':', '+', '!', '|']);
    let first = command.split_whitespace().next().unwrap_or_default();
    let path = first.trim_start_matches(['"', '\'']);
    if path.is_empty() || (path.contains('/') && !path.starts_with(['/', '%'])) {
        return Err(format!(
            "'{}' does not begin with a program, as an absolute path",
            shown(value)
        ));
    }
    let mut quote = None;
    let mut chars = value.chars();
    let (mut begin, mut unfinished) = (true, false);
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => unfinished = chars.next().is_none(),
            ('"' | '\'', None) if begin => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        begin = quote.is_none() && c.is_whitespace();
    }
    if unfinished {
        return Err(format!("'{}' ends in a single backslash", shown(value)));
    }
    match quote {
        Some(open) => Err(format!("'{}' has no closing {open}", shown(value))),
        None => Ok(()),
    }
}

/// Whether a command line is more than one: a `;` of its own starts another one in ExecStart=.
pub(crate) fn has_semicolon(command: &str) -> bool {
    command.split_whitespace().any(|word| word == ";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        for good in [
            "/bin/true",
            "true --x",
            "-@/bin/sh sh -c 'a \"b'",
            "/bin/x it's \\; y",
            "\"/opt/two words/x\" y",
            "%h/x",
        ] {
            assert_eq!(check_command(good), Ok(()), "{good}");
        }
        for wrong in [
            "",
            "@",
            "bin/x",
            "./x",
            "/bin/x 'a",
            "/bin/x \"a",
            "/bin/x a\\",
        ] {
            assert!(check_command(wrong).is_err(), "{wrong}");
        }
        assert!(has_semicolon("/bin/a ; /bin/b"));
        assert!(!has_semicolon("/bin/a ';' x; \\;"));
    }
}
