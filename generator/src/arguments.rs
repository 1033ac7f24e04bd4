//! The command line. Parsed by hand: a generator has 3 ms, and four options.

use std::ffi::OsString;
use std::path::PathBuf;

use health_checks::name;

/// What is asked of the program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Help,
    Version,
    DryRun {
        root: Option<PathBuf>,
    },
    Generate {
        root: Option<PathBuf>,
        normal: PathBuf,
    },
}

/// Understands the arguments after the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Request, String> {
    let mut arguments = arguments;
    let mut root = None;
    let mut dry_run = false;
    let mut directories = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Request::Help),
            Some("--version") => return Ok(Request::Version),
            Some("--dry-run") => dry_run = true,
            Some("--root") => match arguments.next() {
                Some(directory) => root = Some(PathBuf::from(directory)),
                None => return Err("'--root' needs a directory".to_owned()),
            },
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option '{}'", name::readable(&argument)));
            }
            _ => directories.push(PathBuf::from(argument)),
        }
    }
    // One directory stands for all three; of three, the normal one is the first.
    match (dry_run, directories.len()) {
        (true, 0) => Ok(Request::DryRun { root }),
        (true, _) => Err("'--dry-run' writes nothing and takes no directory".to_owned()),
        (false, 1 | 3) => Ok(Request::Generate {
            root,
            normal: directories.swap_remove(0),
        }),
        (false, count) => Err(format!("{count} directories given instead of one or three")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn requests() {
        let generate = |root: Option<&str>| {
            Ok(Request::Generate {
                root: root.map(PathBuf::from),
                normal: PathBuf::from("/n"),
            })
        };
        assert_eq!(of("/n"), generate(None));
        assert_eq!(of("/n /e /l"), generate(None));
        assert_eq!(of("--root /r /n /e /l"), generate(Some("/r")));
        assert_eq!(of("--dry-run"), Ok(Request::DryRun { root: None }));
        assert_eq!(
            of("--root /r --dry-run"),
            Ok(Request::DryRun {
                root: Some("/r".into())
            })
        );
        assert_eq!(
            of("--nonsense --help"),
            Err("unknown option '--nonsense'".to_owned())
        );
        assert_eq!(of("--help --nonsense"), Ok(Request::Help));
        assert_eq!(of("--version"), Ok(Request::Version));
        for wrong in ["", "/a /b", "/a /b /c /d", "--root", "--dry-run /a"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
