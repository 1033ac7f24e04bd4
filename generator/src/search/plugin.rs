//! One entry of a plugin directory: is it a check, and how is it executed?

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::check::{Check, GENERATOR_DIRECTORY, Kind, Link, Origin, Severity};
use crate::files::directory::{head, kind};
use crate::files::name;
use crate::files::root::Root;
use crate::files::stage::Stage;
use crate::files::trust::Trust;
use crate::finding::Warning;
use crate::settings::Settings;

/// What shows an interpreter or a binary; a shell looks at no more either.
const HEAD: u64 = 80;

/// What an entry turned out to be.
pub(crate) enum Examined {
    /// A check, and what should be said about it.
    Check(Box<Check>, Option<String>),
    /// No check, because of this.
    Ignored(String),
}

/// How the file is to be executed.
enum Run {
    Directly,
    ByShell,
    Never,
}

/// Looks at the entry `file_name` of `origin`'s directory.
///
/// Nothing but a regular file is ever opened, since opening a FIFO or a device may hang the boot.
pub(crate) fn examine(
    root: &Root,
    stage: Stage,
    trust: Trust,
    origin: Origin,
    file_name: &OsStr,
) -> Examined {
    let source = Path::new(origin.directory()).join(file_name);
    let mut untrusted = trust.root_problem(root);
    let resolved = root.walk(&source, |path, metadata| {
        untrusted = untrusted.take().or_else(|| trust.see(path, metadata));
    });
    let check = |run, warning| {
        let mut check = new_check(origin, file_name, source.clone(), run);
        if let Some(text) = &untrusted {
            check.distrust(text.clone());
        }
        Examined::Check(Box::new(check), warning)
    };
    let unsure = |what: &str, error: &io::Error| {
        let text =
            format!("cannot {what}: {error}; it is a check all the same and will be executed");
        check(Run::Directly, Some(text))
    };
    let real = match resolved {
        Ok(real) if real == Path::new("/dev/null") => return check(Run::Never, None),
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return dangling(root, stage, &source, check);
        }
        Err(error) => return unsure("follow it", &error),
    };
    let metadata = match root.join(&real).symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) => return unsure("look at it", &error),
    };
    if !metadata.is_file() {
        return Examined::Ignored(format!(
            "is {}, not a regular file",
            kind(&metadata.file_type())
        ));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        let text = "is not executable; make it a check with 'chmod +x', or remove it";
        return Examined::Ignored(text.to_owned());
    }
    match head(&root.join(&real), HEAD) {
        Ok(head) if needs_shell(&head) => check(Run::ByShell, None),
        Ok(_) => check(Run::Directly, None),
        Err(error) => unsure("read it", &error),
    }
}

/// A link to nothing: at boot its target may be mounted later, afterwards it is a check that fails.
fn dangling(
    root: &Root,
    stage: Stage,
    source: &Path,
    check: impl Fn(Run, Option<String>) -> Examined,
) -> Examined {
    let target = root.join(source).read_link().unwrap_or_default();
    let target = name::readable(target.as_os_str());
    match stage {
        Stage::Early => Examined::Ignored(format!("points to '{target}', which is not there yet")),
        Stage::Late => {
            let text = format!("points to '{target}', which does not exist: the check will fail");
            check(Run::Directly, Some(text))
        }
    }
}

/// A script without `#!` runs under /bin/sh, as a shell would do it; systemd alone would refuse it.
/// Other binaries than ELF are left to the kernel (binfmt_misc), an empty file fails in it.
fn needs_shell(head: &[u8]) -> bool {
    !head.is_empty()
        && !head.starts_with(b"#!")
        && !head.starts_with(b"\x7fELF")
        && !head.contains(&0)
}

fn new_check(origin: Origin, file_name: &OsStr, source: PathBuf, run: Run) -> Check {
    let link = (!is_plain(source.as_os_str())).then(|| Link {
        name: name::hash(source.as_os_str()),
        target: source.clone(),
    });
    let executable = match &link {
        Some(link) => link.path(Path::new(GENERATOR_DIRECTORY)),
        None => source.clone(),
    };
    let executable = name::readable(executable.as_os_str());
    let command = match run {
        Run::Directly => vec![executable],
        Run::ByShell => vec!["/bin/sh".to_owned(), executable],
        Run::Never => Vec::new(),
    };
    let masked_by = command
        .is_empty()
        .then(|| format!("'{}' is a link to '/dev/null'", source.display()));
    Check {
        name: name::readable(file_name),
        unit: origin.unit(&name::instance(file_name)),
        sources: vec![source.clone()],
        source,
        origin,
        kind: Kind::Plugin,
        severity: Severity::Required,
        masked: masked_by.is_some(),
        disabled: false,
        masked_by,
        command,
        exec: None,
        link,
        settings: Settings::default(),
        unit_lines: Vec::new(),
        service_lines: Vec::new(),
        sandboxed: false,
        defects: Vec::new(),
    }
}

impl Check {
    /// Nothing of it is executed, neither now nor with `stop`; not even its being a mask counts.
    fn distrust(&mut self, text: String) {
        self.command.clear();
        self.link = None;
        self.masked = false;
        self.masked_by = None;
        self.defects.push(Warning::new(self.source.clone(), text));
    }
}

/// Whether systemd takes the path as an executable, written as it is, in every place.
///
/// It refuses quotes, backslashes and control characters (`string_is_safe()` in its source) even if
/// they are escaped, D-Bus carries only UTF-8, `%` and `$` mean something in one place but not in
/// the other, and trailing white space gets lost.
fn is_plain(path: &OsStr) -> bool {
    std::str::from_utf8(path.as_bytes()).is_ok_and(|path| {
        path.trim_end() == path && !path.contains(|c: char| c.is_control() || "\"'\\$%".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells() {
        for head in [&b"echo hi"[..], b"\n#!/bin/sh", b"#", b"\x7fEL"] {
            assert!(needs_shell(head));
        }
        for head in [
            &b""[..],
            b"#!/bin/sh\n",
            b"\x7fELF\x02",
            b"\xca\xfe\x00\x01",
        ] {
            assert!(!needs_shell(head));
        }
    }

    #[test]
    fn plain_paths() {
        for path in ["/a/b", "/a b", "/-a;*?#~", "/ü", "/a@b"] {
            assert!(is_plain(OsStr::new(path)), "{path}");
        }
        for path in [
            "/a'", "/a\"", "/a\\", "/a$b", "/a%b", "/a\nb", "/a\x7f", "/a ",
        ] {
            assert!(!is_plain(OsStr::new(path)), "{path}");
        }
        assert!(!is_plain(OsStr::from_bytes(b"/\xff")));
    }
}
