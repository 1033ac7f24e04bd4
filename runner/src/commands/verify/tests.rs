//! `verify` as a table: files below a fake root, and what it says of them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use health_checks::Root;

use super::{Chosen, Options, everything, ours};
use crate::checks::observe;

const SH: &str = "#!/bin/sh\nexit 0\n";
const ETC: &str = "/etc/health-checker/checks.d";

/// A file with mode, of which a link to something begins with '->'.
fn write(root: &Root, path: &str, text: &str) {
    let place = root.join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    if let Some(target) = text.strip_prefix("->") {
        return symlink(target, place).unwrap();
    }
    fs::write(&place, text).unwrap();
    let mode = if path.contains("/libexec/") || path.contains("/bin/") {
        0o755
    } else {
        0o644
    };
    fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
}

fn fake(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::at(dir.path());
    for (path, text) in [
        ("/bin/sh", ""),
        ("/usr/lib/systemd/system/nginx.service", "[Unit]\n"),
    ]
    .iter()
    .chain(files)
    {
        write(&root, path, text);
    }
    (dir, root)
}

/// Files, and a part of each thing that is said of them.
type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str]);

/// `everything`, sorted and printed.
fn said(root: &Root) -> Vec<String> {
    let mut findings = everything(root, &observe::find(root), false);
    findings.sort();
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn files_and_what_is_said_of_them() {
    let web = "/etc/health-checker/checks.d/web.check";
    let table: &[Case] = &[
        (&[(web, "[Check]\nUnitActive=nginx.service\n")], &[]),
        (
            &[(web, "[Check]\nHttpGett=http://localhost/\nSeverty=wanted\n")],
            &[
                "web.check:2: error: unknown key 'HttpGett=' in [Check]; did you mean 'HttpGet='?",
                "web.check:3: error: unknown key 'Severty='",
            ],
        ),
        (
            &[(
                web,
                "[Unit]\nAfter=ngnix.service\n[Check]\nExec=/bin/sh\nRestartUnits=nginx.service shop.service\n",
            )],
            &[
                "web.check:2: warning: 'After=': there is no unit 'ngnix.service'; did you mean 'nginx.service'?",
                "web.check:5: warning: 'RestartUnits=': there is no unit 'shop.service'",
            ],
        ),
        // Skipped where it is not installed: nothing to say.
        (
            &[(
                web,
                "[Unit]\nConditionPathExists=/x\n[Check]\nUnitActive=x.service\n",
            )],
            &[],
        ),
        (
            &[
                (
                    web,
                    "[Check]\nUnitActive=nginx.service data.mount *.timer\n",
                ),
                ("/etc/systemd/system/nginx.service", "->/dev/null"),
            ],
            &[
                "web.check:2: warning: 'UnitActive=': 'nginx.service' is masked by '/etc/systemd/system/nginx.service'",
            ],
        ),
        (
            &[
                (
                    web,
                    "[Unit]\nAfter=health-check@wob.service\n[Check]\nExec=/bin/sh\n",
                ),
                (
                    "/etc/health-checker/checks.d/web2.check",
                    "[Check]\nExec=/bin/sh\n",
                ),
            ],
            &[
                "web.check:2: warning: 'After=': there is no unit 'health-check@wob.service'; did you mean 'health-check@web.service'?",
            ],
        ),
        (
            &[
                (web, "[Check]\nExec=/bin/sh\n"),
                (
                    "/etc/health-checker/checks.d/web.check.d/x.conf",
                    "[Check]\nRetries=many\n",
                ),
            ],
            &["web.check.d/x.conf:2: error: 'Retries=': 'many' is not a number"],
        ),
        // Masks are meant.
        (
            &[
                (web, "->/dev/null"),
                ("/usr/libexec/health-checker/ok", SH),
                ("/etc/systemd/system/health-check@ok.service", "->/dev/null"),
            ],
            &[],
        ),
        (
            &[
                ("/usr/libexec/health-checker/a", "#!/bin/bash\n"),
                ("/usr/libexec/health-checker/b", "exit 0\n"),
                ("/usr/libexec/health-checker/c", "->/no/such"),
            ],
            &[
                "/a:1: error: its interpreter '/bin/bash' is not there",
                "/b:1: warning: has no '#!' line",
                "/c: error: points to '/no/such'",
            ],
        ),
        (
            &[("/etc/health-checker/checks.d/web.conf", "x")],
            &["web.conf: warning: is ignored: is not called 'NAME.check'"],
        ),
    ];
    for (files, expected) in table {
        let (_dir, root) = fake(files);
        let said = said(&root);
        assert_eq!(said.len(), expected.len(), "{files:?}: {said:#?}");
        for (said, expected) in said.iter().zip(*expected) {
            assert!(said.contains(expected), "{files:?}: {said}");
        }
    }
}

#[test]
fn who_may_write_to_it() {
    let (_dir, root) = fake(&[("/usr/libexec/health-checker/a", SH)]);
    let place = root.join("/usr/libexec/health-checker/a");
    fs::set_permissions(place, Permissions::from_mode(0o777)).unwrap();
    let said = said(&root);
    assert_eq!(said.len(), 1);
    assert!(
        said[0].contains("error: is not run: others than root may write"),
        "{said:?}"
    );
}

#[test]
fn a_file_before_it_is_installed() {
    let installed = format!("{ETC}/web.check");
    let (dir, root) = fake(&[
        (&installed, "[Check]\nExec=/bin/sh\nRetrys=2\n"),
        ("/usr/libexec/health-checker/plug", SH),
    ]);
    // Outside the fake root, as seen from it: the root is `/` when users call it.
    let home = dir.path().canonicalize().unwrap();
    let root_of_files = Root::system();
    let verify = |name: &str, text: &str| -> Vec<String> {
        let path = home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let options = Options {
            files: vec![path.clone()],
            ..Options::default()
        };
        let chosen = Chosen::new(&root_of_files, observe::find(&root), &options).unwrap();
        let about = everything(&root_of_files, &chosen.found, false);
        let findings = chosen.select(about);
        let begin = format!("{}/", home.display());
        let texts = findings.iter().map(ToString::to_string);
        texts.map(|text| text.replace(&begin, "")).collect()
    };
    assert_eq!(verify("web.check", "[Check]\nExec=/bin/sh\n"), [""; 0]);
    let typo = verify("web.check", "[Check]\nExec=/bin/sh\nRetrys=1\n");
    assert!(
        typo[0].starts_with("web.check:3: error: unknown key 'Retrys='"),
        "{typo:?}"
    );
    assert_eq!(typo.len(), 1, "the installed file is not meant: {typo:?}");
    assert_eq!(verify("plug.check", "[Check]\nRetries=1\n"), [""; 0]);
    assert!(verify("plug2.check", "[Check]\nRetries=1\n")[0].contains("no plugin 'plug2'"));
    assert!(verify("plug.check", "[Check]\nExec=/bin/sh\n")[0].contains("also the plugin"));
    let drop_in = verify("new.check.d/x.conf", "[Check]\nHttpStatus=200\n");
    assert!(
        drop_in.iter().any(|text| text.contains("x.conf:2: error")),
        "{drop_in:?}"
    );
    let configuration = verify("health-checker.conf", "[Boot]\nActInContainer=perhaps\n");
    assert!(
        configuration[0].starts_with("health-checker.conf:2: error:"),
        "{configuration:?}"
    );
    assert!(verify("script", "#!/bin/sh\n")[0].contains("chmod +x"));
    let missing = Options {
        files: vec![PathBuf::from("/no/such.check")],
        ..Options::default()
    };
    let missing = Chosen::new(&root_of_files, observe::find(&root), &missing).unwrap();
    let missing = missing.select(Vec::new());
    assert_eq!(missing[0].path, Path::new("/no/such.check"));
    assert!(missing[0].text.starts_with("cannot be read"), "{missing:?}");
}

#[test]
fn our_own_units() {
    const SYSTEM: &str = "/usr/lib/systemd/system";
    const ETC: &str = "/etc/systemd/system";
    let wants = format!("{ETC}/multi-user.target.wants/health-checker.service");
    let requires = format!("{ETC}/boot-complete.target.requires/health-checker.service");
    let mask = format!("{ETC}/health-checker.service");
    let target = "->/usr/lib/systemd/system/health-checker.service";
    let said = |remove: &[&str], add: &[(&str, &str)]| -> Vec<String> {
        let (_dir, root) = fake(&[]);
        for unit in [
            "health-checker.service",
            "health-check.target",
            "health-check-settle.service",
            "health-check-late.target",
            "health-check-finished.target",
            "health-checker-failsafe.service",
            "health-checker-rescue.service",
            "health-checker-arm.service",
            "health-checker-deadline.service",
            "health-checker-deadline.timer",
            "health-checker-emergency.service",
            "health-check@.service",
            "health-check-local@.service",
            "healthcheck.slice",
        ] {
            if !remove.contains(&unit) {
                write(&root, &format!("{SYSTEM}/{unit}"), "[Unit]\n");
            }
        }
        for (path, text) in add {
            write(&root, path, text);
        }
        ours::findings(&root)
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let hooks = [
        ("sysinit.target", "health-checker-arm.service"),
        ("sysinit.target", "health-checker-deadline.timer"),
        ("emergency.target", "health-checker-emergency.service"),
    ]
    .map(|(target, unit)| format!("{ETC}/{target}.wants/{unit}"));
    let [arm, deadline, emergency] = hooks.each_ref().map(|path| (path.as_str(), target));
    let links: &[(&str, &str)] = &[
        (&wants, target),
        (&requires, target),
        arm,
        deadline,
        emergency,
    ];
    let drop_in = format!("{ETC}/health-checker.service.d/x.conf");
    let arm_mask = format!("{ETC}/health-checker-arm.service");
    let runner = "health-checker.service";
    assert_eq!(said(&[], links), [""; 0]);
    for (remove, add, expected) in [
        (
            &[][..],
            vec![],
            "warning: is not enabled, no boot is judged: 'systemctl enable",
        ),
        (
            &[],
            vec![(wants.as_str(), target), arm, deadline, emergency],
            "error: is enabled by half",
        ),
        (
            &[],
            vec![(requires.as_str(), target)],
            "error: is enabled by half",
        ),
        (
            &[],
            [links, &[(&mask, "->/dev/null")]].concat(),
            "none is ever called good: 'systemctl unmask",
        ),
        (
            &[],
            vec![(mask.as_str(), "->/dev/null")],
            "error: no boot is judged: 'systemctl unmask",
        ),
        (
            &[runner],
            links.to_vec(),
            "error: is left of an installation that is gone",
        ),
        (
            &[],
            vec![(wants.as_str(), target), (&requires, target), arm, deadline],
            "emergency.service: warning: is not enabled, a boot that falls into emergency mode stays there",
        ),
        (
            &[],
            [links, &[(&arm_mask, "->/dev/null")]].concat(),
            "arm.service: warning: masks a part of health-checker, boots that die",
        ),
        (
            &[],
            [
                links,
                &[(&drop_in, "[Unit]\nConditionHost=a\nConditionHost=\n")],
            ]
            .concat(),
            "x.conf:2: warning: a boot in which this 'ConditionHost=' is not met is not judged",
        ),
        (
            &["healthcheck.slice"],
            links.to_vec(),
            "healthcheck.slice: error: a unit of health-checker is not there",
        ),
    ] {
        let said = said(remove, &add);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(expected), "{said:?}");
    }
    let settle = format!("{ETC}/health-check-settle.service");
    let template = format!("{ETC}/health-check@.service");
    let both = [
        links,
        &[(&settle, "->/dev/null"), (&template, "->/dev/null")],
    ]
    .concat();
    let both = said(&[], &both);
    assert!(
        both[0].contains("error: masks a part of health-checker"),
        "{both:?}"
    );
    assert!(both[1].contains("warning: masks all checks"), "{both:?}");
}
