//! `/run` is full when units are made: at each write of the generator, and when plugins are found late. What must not be
//! run is not run, and nothing that is missing passes.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;

use machine::{ADMIN_PLUGINS, Boot, Machine, VENDOR_PLUGINS, write_file, write_plugin, write_unit};

const LIMIT: Duration = Duration::from_secs(60);
/// Somebody's.
const USER: u32 = 1000;
/// Checks that must never run, each leaving a trace if it does.
const FORBIDDEN: [&str; 3] = ["foreign", "disabled", "no \"drop-in\""];

/// In the machine: makes the units on a file system that has room for so many files, or so many pages, and prints what
/// systemd would start without its drop-in, or with half of one.
const GENERATE: &str = r#"
generator=/usr/lib/systemd/system-generators/health-checker-generator
mkdir -p /tmp/full
$generator /tmp/full
mv /tmp/full /tmp/whole
mkdir /tmp/full
for room in $(seq -f nr_inodes=%g 36) $(seq -f size=%gk 4 4 40); do
    mount -t tmpfs -o "$room" tmpfs /tmp/full
    $generator /tmp/full 2> /dev/null || :
    cd /tmp/full
    for link in health-check.target.*/*; do
        [ -L "$link" ] || continue
        name=${link#*/}
        case $(readlink "$name") in /dev/null) continue ;; esac
        cmp -s "$name.d/50-health-checker.conf" "/tmp/whole/$name.d/50-health-checker.conf" ||
            echo "$room: $link without its drop-in"
    done
    cd /
    umount /tmp/full
done
"#;

/// The same by systemd itself, for which `/run` has room for so many files when it reads all units again. It prints how
/// often it was too little.
const RELOAD: &str = r#"
few=0
for room in $(seq 0 3 66); do
    # systemd would do it, and have their room.
    rm -rf /run/systemd/generator*
    mount -o remount,nr_inodes=$(($(stat -f -c '%c - %d' /run) + room)) /run
    systemctl daemon-reload
    [ -L /run/systemd/generator/health-check.target.requires/health-check-local@late.service ] || few=$((few + 1))
    systemctl start health-check.target 2> /dev/null || :
    systemctl stop health-check.target 'health-check@*' 'health-check-local@*'
    mount -o remount,nr_inodes=100000 /run
done
echo $few
"#;

fn trace(name: &str) -> String {
    format!("#!/bin/sh\necho '{name}' >> /var/ran\n")
}

fn furnish(root: &Path) -> anyhow::Result<()> {
    for name in FORBIDDEN {
        write_plugin(root, VENDOR_PLUGINS, name, trace(name))?;
    }
    for name in ["first", "an 'odd' one", "last"] {
        write_plugin(root, VENDOR_PLUGINS, name, "#!/bin/sh\n")?;
    }
    let directory = root.join(VENDOR_PLUGINS.trim_start_matches('/'));
    for name in ["foreign", "no \"drop-in\""] {
        chown(directory.join(name), Some(USER), None)?;
    }
    write_plugin(root, ADMIN_PLUGINS, "late", trace("late"))?;
    let late = root.join(ADMIN_PLUGINS.trim_start_matches('/'));
    chown(late.join("late"), Some(USER), None)?;
    write_file(
        root,
        "/etc/health-checker/health-checker.conf",
        "[Checks]\nDisable=disabled\n",
    )
}

fn nothing_forbidden_ran(boot: &Boot) {
    let ran = boot.shell("cat /var/ran 2> /dev/null || :").unwrap();
    assert_eq!(ran, "");
}

#[test]
fn nothing_is_started_whose_drop_in_could_not_be_written() {
    let machine = Machine::new("full").unwrap();
    machine.edit(furnish).unwrap();
    let mut boot = machine
        .boot_with(&["health-checker.action=report"])
        .unwrap();
    boot.wait_verdict(LIMIT).unwrap();
    nothing_forbidden_ran(&boot);
    assert_eq!(boot.shell(GENERATE).unwrap(), "");
    let few: u32 = boot.shell(RELOAD).unwrap().trim().parse().unwrap();
    assert!((5..22).contains(&few), "{few} of 23 times");
    nothing_forbidden_ran(&boot);
    boot.poweroff().unwrap();
}

/// There is no room for units that are made while the machine boots.
const FILL: &str = "[Unit]\nDefaultDependencies=no\nAfter=local-fs.target\n\
    Before=health-check-settle.service health-checker.service\n\
    [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=mkdir -p /run/systemd/system\n\
    ExecStart=mount -t tmpfs -o nr_inodes=1 tmpfs /run/systemd/system\n";

#[test]
fn plugins_found_late_fail_where_they_cannot_be_made_units() {
    let machine = Machine::new("late").unwrap();
    machine
        .edit(|root| {
            furnish(root)?;
            write_plugin(root, ADMIN_PLUGINS, "mine", trace("mine"))?;
            write_unit(root, "fill.service", FILL)
        })
        .unwrap();
    let mut boot = machine
        .boot_with(&["health-checker.action=report"])
        .unwrap();
    boot.wait_verdict(LIMIT).unwrap();
    nothing_forbidden_ran(&boot);
    let said = boot
        .journal(&["-b", "-o", "cat", "-u", "health-checker"])
        .unwrap();
    let verdict = said
        .lines()
        .find(|line| line.starts_with("Health check failed"));
    let verdict = verdict.unwrap_or_else(|| panic!("no verdict: {said}"));
    for name in ["foreign", "late", "mine"] {
        assert!(verdict.contains(name), "{said}");
    }
    boot.poweroff().unwrap();
}
