//! Scenario 11: plugins and other files with every kind of name and content, in both directories, early and late.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use machine::{ADMIN_PLUGINS, Boot, Machine, Release, VENDOR_PLUGINS, write_file, write_plugin};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
const DIRECTORIES: [&str; 2] = [VENDOR_PLUGINS, ADMIN_PLUGINS];

/// Names that somebody may give to a plugin, some of them by accident.
fn names() -> Vec<OsString> {
    let mut names: Vec<OsString> = [
        "plain",
        "sshd.sh",
        "two words",
        " spaces around ",
        "many.dots..sh",
        "dash-es-",
        "-leading-dash",
        "--help",
        "prüfung",
        "検査",
        "it's",
        "\"quoted\"",
        "new\nline",
        "tab\tbed",
        "back\\slash",
        "ends\\",
        "$HOME",
        "100%i",
        "a@b",
        "semi;colon&|<>*?",
        "{braces}~[brackets]#",
        "\u{1b}[31mred",
        "check",
        "two\\x20words",
    ]
    .map(OsString::from)
    .to_vec();
    names.push(OsStr::from_bytes(b"not-utf8-\xff\xfe").to_owned());
    names.push(OsStr::from_bytes(b"not-utf8-\xff\xfd").to_owned());
    names.push("long".repeat(50).into());
    // 200 characters of two bytes would be too long for a file system: 120 of them are 240 bytes.
    names.push("ü".repeat(120).into());
    names
}

/// Every third plugin fails, so that a mix-up of two names is seen.
fn fails(index: usize) -> bool {
    index % 3 == 2
}

/// Each plugin writes down its call below /var, by a number that a shell can handle.
fn script(directory: &str, index: usize) -> String {
    let status = if fails(index) { 40 + index } else { 0 };
    let tag = if directory == VENDOR_PLUGINS {
        "vendor"
    } else {
        "local"
    };
    format!(
        "#!/bin/sh\necho $# \"$1\" >> /var/calls/{tag}-{index}\n[ \"$1\" = check ] || exit 0\nexit {status}\n"
    )
}

fn all_names(root: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(root.join("var/calls"))?;
    for directory in DIRECTORIES {
        for (index, name) in names().iter().enumerate() {
            write_plugin(root, directory, name, script(directory, index))?;
        }
    }
    Ok(())
}

/// Every unit is shown by systemd's own tools, and none has a name or description that breaks them.
fn systemd_is_well(boot: &Boot) {
    let units = boot
        .shell("systemctl list-units --all --plain --no-legend 'health-check*'; systemctl status --no-pager 'health-check*' > /dev/null || [ $? = 3 ]")
        .unwrap();
    assert!(!units.contains('\u{fffd}'.to_string().repeat(3).as_str()));
    boot.shell("systemctl list-units --all > /dev/null; busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager ListUnits > /dev/null").unwrap();
    assert!(
        units.lines().filter(|line| line.contains("@")).count() >= names().len() * 2,
        "{units}"
    );
}

fn units(list: &Value) -> BTreeSet<String> {
    let checks = list["checks"].as_array().unwrap();
    let units: BTreeSet<String> = checks
        .iter()
        .map(|check| check["unit"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(units.len(), checks.len(), "a unit is there twice: {list}");
    units
}

#[test]
fn plugins_of_any_name_run_and_stop() {
    for release in [Release::Trixie, Release::Bookworm] {
        let machine = Machine::builder().release(release).build("names").unwrap();
        machine.edit(all_names).unwrap();
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        let status = boot.status().unwrap();
        assert_eq!(status.verdict(), ("unhealthy", "stop"));
        let count = names().len();
        let checks = status.0["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 2 * count, "{status:?}");

        // Exactly those that fail have failed, each with its own exit status.
        for prefix in ["health-check@", "health-check-local@"] {
            let mut seen: Vec<i64> = checks
                .iter()
                .filter(|check| check["unit"].as_str().unwrap().starts_with(prefix))
                .map(|check| {
                    let result = if check["exit_status"] == 0 {
                        "passed"
                    } else {
                        "failed"
                    };
                    assert_eq!(check["result"], result, "{check}");
                    check["exit_status"].as_i64().unwrap()
                })
                .collect();
            seen.sort_unstable();
            let mut expected: Vec<i64> = (0..count)
                .map(|index| if fails(index) { 40 + index as i64 } else { 0 })
                .collect();
            expected.sort_unstable();
            assert_eq!(seen, expected, "{prefix}");
        }
        // Each was called once to check and once to stop, with one argument.
        let calls = boot
            .shell("cd /var/calls; for f in *; do echo $(cat $f); done | sort | uniq -c")
            .unwrap();
        assert_eq!(calls.trim(), format!("{} 1 check 1 stop", 2 * count));

        systemd_is_well(&boot);
        let list = boot.json("health-checker list --json").unwrap();
        let of_status: BTreeSet<String> = units(&status.0);
        assert_eq!(units(&list), of_status);
        // Tables are one line a check, whatever is in a name.
        for command in ["list", "status", "history"] {
            let text = boot.shell(&format!("health-checker {command}")).unwrap();
            assert!(!text.contains('\u{1b}') && !text.contains('\t'), "{text}");
        }
        let table = boot.shell("health-checker list").unwrap();
        assert_eq!(table.lines().count(), 1 + 2 * count, "{table}");
        // One is run by hand under its own name, too.
        for name in ["two words", "-- --help", "\"it's\"", "new\u{fffd}line"] {
            let quoted = if name.starts_with('"') || name.starts_with("--") {
                name.to_owned()
            } else {
                format!("'{name}'")
            };
            let (code, text) = boot
                .try_shell(&format!("health-checker check {quoted}"))
                .unwrap();
            assert!(code.is_some_and(|code| code < 2), "{text}");
            assert!(!text.contains("there is no check"), "{text}");
        }
        // A reload, at which the generator sees both directories, changes no result.
        boot.shell("systemctl daemon-reload").unwrap();
        systemd_is_well(&boot);
        assert_eq!(units(&boot.status().unwrap().0), of_status);
        boot.poweroff().unwrap();
    }
}

/// Of a terminal, of a text that runs from right to left, of lines, and of agetty's own language.
const TRICK: &str = "a\u{1b}[2J\u{202e}\u{2066}b\u{2028}\u{2029}\u{200f}\u{61c}c\\4{lo}\\n\u{7}";

#[test]
fn no_name_and_no_output_does_anything_to_whoever_reads_it() {
    let machine = Machine::new("tricks").unwrap();
    machine
        .edit(|root| {
            let plugin = format!("#!/bin/sh\nprintf '%s\\n' '{TRICK}' >&2\nexit 1\n");
            write_plugin(root, VENDOR_PLUGINS, TRICK, plugin)?;
            // A warning of the runner, a mistake, and a file that is no check.
            write_file(root, format!("{VENDOR_PLUGINS}/no{TRICK}"), "#!/bin/sh\n")?;
            write_file(
                root,
                format!("/etc/health-checker/checks.d/m{TRICK}.check"),
                format!("[Check]\nExec=/bin/false\nNo{TRICK}=1\n"),
            )
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("unhealthy", "stop"));
    let status = boot.shell("health-checker status").unwrap();
    assert!(status.contains("    | a\u{fffd}[2J"), "{status}");
    for command in [
        "health-checker status",
        "health-checker list",
        "health-checker history",
        "health-checker 2>&1 || true",
        "health-checker verify 2>&1 || true",
        "cat /run/motd.d/50-health-checker",
        "cat /run/issue.d/50-health-checker.issue",
        "journalctl -o cat -u health-checker",
        "journalctl -o cat _COMM=health-checker",
        "journalctl -o cat -t health-checker-generator",
        "systemctl show --property=StatusText health-checker",
    ] {
        let text = boot.shell(command).unwrap();
        let tricks: Vec<char> = text
            .chars()
            .filter(|c| TRICK.contains(*c) && !c.is_ascii_graphic())
            .collect();
        assert_eq!(tricks, [], "{command}: {text:?}");
        if !command.contains("history")
            && !command.contains("generator")
            && !command.contains("StatusText")
        {
            assert!(text.contains("\u{fffd}[2J"), "{command}: {text:?}");
        }
        if command.contains("issue") {
            assert!(!text.contains('\\'), "{text:?}");
        }
    }
    boot.poweroff().unwrap();
}

/// Files that are no ordinary scripts.
fn all_contents(root: &Path, directory: &str) -> anyhow::Result<()> {
    let at = |name: &str| root.join(directory.trim_start_matches('/')).join(name);
    write_plugin(root, directory, "no-shebang", "[ \"$1\" = check ]\n")?;
    write_plugin(root, directory, "no-shebang-fails", "exit 9\n")?;
    write_plugin(root, directory, "empty", "")?;
    write_plugin(
        root,
        directory,
        "no-interpreter",
        "#!/no/such/interpreter\n",
    )?;
    write_file(
        root,
        format!("{directory}/not-executable"),
        "#!/bin/sh\nexit 1\n",
    )?;
    write_plugin(root, "/var/lib/plugins", "real", "#!/bin/sh\nexit 0\n")?;
    symlink("/var/lib/plugins/real", at("link"))?;
    symlink("/usr/bin/true", at("link-to-binary"))?;
    symlink("/no/such/plugin", at("dangling"))?;
    symlink("/dev/null", at("off"))?;
    fs::create_dir(at("directory"))?;
    fs::set_permissions(at("directory"), fs::Permissions::from_mode(0o755))?;
    assert!(
        Command::new("mkfifo")
            .arg("-m755")
            .arg(at("fifo"))
            .status()?
            .success()
    );
    for leftover in [".hidden", "old~", "old.bak", "old.rpmnew", "old.dpkg-dist"] {
        write_plugin(root, directory, leftover, "#!/bin/sh\nexit 1\n")?;
    }
    Ok(())
}

#[test]
fn files_of_any_kind_are_checks_or_named_with_the_reason() {
    for release in [Release::Trixie, Release::Bookworm] {
        let machine = Machine::builder().release(release).build("kinds").unwrap();
        machine
            .edit(|root| {
                all_contents(root, VENDOR_PLUGINS)?;
                all_contents(root, ADMIN_PLUGINS)
            })
            .unwrap();
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        let status = boot.status().unwrap();
        assert_eq!(status.verdict().0, "unhealthy");
        for prefix in ["health-check@", "health-check-local@"] {
            for (name, result) in [
                ("no-shebang", "passed"),
                ("no-shebang-fails", "failed"),
                ("empty", "error"),
                ("no-interpreter", "error"),
                ("link", "passed"),
                ("link-to-binary", "passed"),
                ("dangling", "error"),
                ("off", "skipped"),
            ] {
                let check = status.of_unit(&format!("{prefix}{name}.service"));
                assert_eq!(check["result"], result, "{prefix}{name}: {check}");
            }
        }
        let count = status.0["checks"].as_array().unwrap().len();
        assert_eq!(count, 16, "{status:?}");
        let list = boot.json("health-checker list --json").unwrap();
        assert_eq!(units(&list).len(), 16);
        let ignored = list["ignored"].as_array().unwrap();
        for directory in DIRECTORIES {
            for (name, why) in [
                ("not-executable", "chmod +x"),
                ("directory", "a directory"),
                ("fifo", "a FIFO"),
            ] {
                let path = format!("{directory}/{name}");
                let reason = ignored.iter().find(|ignored| ignored["path"] == path);
                let reason = reason.unwrap()["reason"].as_str().unwrap();
                assert!(reason.contains(why), "{path}: {reason}");
            }
        }
        assert_eq!(ignored.len(), 6, "leftovers are not worth a word: {list}");
        boot.poweroff().unwrap();
    }
}
