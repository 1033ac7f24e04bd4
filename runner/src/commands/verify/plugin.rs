//! Lint of one plugin: can the kernel run it, and does it tell verbs apart?

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use health_checks::Root;

use super::finding::{Finding, Level};
use crate::sys::command;

/// Longest first line that is looked at; the kernel takes 256 bytes (execve(2)).
const HEAD: u64 = 512;
/// `PATH` of a systemd service (systemd.exec(5)), where `#!/usr/bin/env NAME` looks.
const PATH: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];
/// A verb that no plugin knows.
const UNKNOWN_VERB: &str = "no-such-verb";
/// To say that, no plugin needs longer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// What is wrong with the file at `path`, as a plugin. Runs nothing.
pub fn lint(root: &Root, path: &Path) -> Vec<Finding> {
    let error = |text: String| vec![Finding::error(path, None, text)];
    let place = root.resolve(path).map(|real| root.join(real));
    let (place, metadata) = match place.and_then(|place| Ok((place.metadata()?, place))) {
        Ok((metadata, place)) => (place, metadata),
        Err(problem) => return error(format!("cannot be looked at: {problem}")),
    };
    if !metadata.is_file() {
        return error("is not a regular file, so that it is no plugin".to_owned());
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        let text = format!(
            "is not executable, so that it is not run: 'chmod +x {}'",
            path.display()
        );
        return error(text);
    }
    let mut head = Vec::new();
    let read = File::open(&place).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    if let Err(problem) = read {
        return error(format!("cannot be read: {problem}"));
    }
    let finding = first_line(root, &head).map(|(level, text)| Finding {
        level,
        ..Finding::error(path, Some(1), text)
    });
    finding.into_iter().collect()
}

/// What is wrong with the way in which the kernel will run a file that begins like this.
fn first_line(root: &Root, head: &[u8]) -> Option<(Level, String)> {
    let error = |text: String| Some((Level::Error, text));
    if head.is_empty() {
        return error("is empty: it cannot be run".to_owned());
    }
    if head.starts_with(b"\x7fELF") || head.contains(&0) {
        return None;
    }
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(line) = line.strip_prefix(b"#!") else {
        let text = "has no '#!' line and runs under '/bin/sh'; write '#!/bin/sh' or what it is written for";
        return Some((Level::Warning, text.to_owned()));
    };
    let line = String::from_utf8_lossy(line);
    if line.ends_with('\r') {
        let text = "ends its lines as on DOS, so that its interpreter is not found; mend it with 'dos2unix'";
        return error(text.to_owned());
    }
    let mut words = line.split_whitespace();
    let Some(interpreter) = words.next() else {
        return error("has no interpreter behind '#!': write '#!/bin/sh'".to_owned());
    };
    if !interpreter.starts_with('/') {
        return error(format!(
            "'{interpreter}' behind '#!' is not an absolute path"
        ));
    }
    if !executable(root, Path::new(interpreter)) {
        return error(format!(
            "its interpreter '{interpreter}' is not there or not executable"
        ));
    }
    if !interpreter.ends_with("/env") {
        return None;
    }
    let program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    let places = PATH.map(|directory| Path::new(directory).join(program));
    if program.contains('/') || places.iter().any(|place| executable(root, place)) {
        return None;
    }
    error(format!(
        "its interpreter '{program}' is in none of the directories in which services look: {}",
        PATH.join(", ")
    ))
}

fn executable(root: &Root, path: &Path) -> bool {
    let metadata = root
        .resolve(path)
        .and_then(|real| root.join(real).metadata());
    metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// What a plugin answers to a verb that it cannot know. Runs it, so only on request.
pub fn ask(path: &Path) -> Option<Finding> {
    let warning = |text: String| Some(Finding::warning(path, None, text));
    let program = path.to_str()?;
    match command::run(&[program, UNKNOWN_VERB], ANSWER_LIMIT, &|| {}) {
        Err(error) => Some(Finding::error(path, None, format!("{error:#}"))),
        Ok(ended) if ended.status.is_none() => warning(format!(
            "does not answer the unknown verb '{UNKNOWN_VERB}' within {} s: it should know 'check' and 'stop', \
             and end with an error for anything else",
            ANSWER_LIMIT.as_secs()
        )),
        Ok(ended) if ended.success() => warning(format!(
            "answers the unknown verb '{UNKNOWN_VERB}' with success: it should know 'check' and 'stop', \
             and end with an error for anything else"
        )),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    fn write(root: &Root, path: &str, text: &str, mode: u32) {
        let place = root.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, text).unwrap();
        fs::set_permissions(place, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn first_lines() {
        use Level::{Error, Warning};
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        for program in ["/bin/sh", "/usr/bin/env", "/usr/bin/python3"] {
            write(&root, program, "", 0o755);
        }
        write(&root, "/bin/plain", "", 0o644);
        type Case<'c> = (&'c str, u32, Option<(Level, &'c str)>);
        let table: &[Case] = &[
            ("#!/bin/sh\nexit 0\n", 0o755, None),
            ("#! /bin/sh -e\n", 0o755, None),
            ("#!/usr/bin/env python3\n", 0o755, None),
            ("#!/usr/bin/env -S A=b python3 -u\n", 0o755, None),
            ("\x7fELF\x02", 0o755, None),
            (
                "#!/bin/sh\n",
                0o644,
                Some((Error, "chmod +x /usr/libexec/p")),
            ),
            (
                "#!/bin/bash\n",
                0o755,
                Some((Error, "'/bin/bash' is not there")),
            ),
            ("#!/bin/plain\n", 0o755, Some((Error, "not executable"))),
            ("#!/bin/sh\r\nexit 0\r\n", 0o755, Some((Error, "DOS"))),
            ("#!python3\n", 0o755, Some((Error, "absolute"))),
            ("#!\n", 0o755, Some((Error, "no interpreter"))),
            (
                "#!/usr/bin/env perl\n",
                0o755,
                Some((Error, "'perl' is in none")),
            ),
            ("", 0o755, Some((Error, "is empty"))),
            ("echo hello\n", 0o755, Some((Warning, "no '#!' line"))),
        ];
        for (text, mode, expected) in table {
            write(&root, "/usr/libexec/p", text, *mode);
            let findings = lint(&root, Path::new("/usr/libexec/p"));
            match (expected, findings.as_slice()) {
                (None, []) => {}
                (Some((level, part)), [finding]) => {
                    assert_eq!(finding.level, *level, "{text}: {finding}");
                    assert!(finding.text.contains(part), "{text}: {finding}");
                }
                _ => panic!("{text}: {findings:?}"),
            }
        }
    }

    #[test]
    fn unknown_verbs() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        let answer = |text: &str| {
            write(&root, "/p", text, 0o755);
            ask(&root.join("/p")).map(|finding| finding.text)
        };
        assert_eq!(answer("#!/bin/sh\n[ $1 = check ]\n"), None);
        let careless = answer("#!/bin/sh\nexit 0\n").unwrap();
        assert!(careless.contains("with success"), "{careless}");
    }
}
