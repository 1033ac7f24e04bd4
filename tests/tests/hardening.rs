//! What systemd closes for our units, on both releases: their exposure, what is refused from inside and what must not
//! be, because a rollback needs it; and that all of them still do their work in systemd 252 (257 is everywhere else).
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod trouble;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use machine::{
    Boot, Ended, Machine, Release, VENDOR_PLUGINS, course, source, write_file, write_plugin,
    write_unit,
};
use trouble::{BROKEN, LIMIT, assert_good, known_good_of, mask};

/// Units that act: what they call is what a rollback needs, with the hooks of others.
const ACTING: [&str; 5] = [
    "health-checker-arm",
    "health-checker",
    "health-checker-failsafe",
    "health-checker-deadline",
    "health-checker-emergency",
];
/// Waits, and adds plugins: nothing else.
const SETTLE: &str = "health-check-settle";
/// What is left when a unit above cannot be started: nothing may keep this one from it.
const RESCUE: &str = "health-checker-rescue";

/// Tries what may be closed, in the sandbox of a unit, and leaves what came of it in /run.
const LOOK: &str = r#"#!/bin/sh
try() { if "$@" > /dev/null 2>&1; then echo "$what: yes"; else echo "$what: no"; fi; }
{
    what=personality try setarch --addr-no-randomize true
    what=realtime try chrt --fifo 1 true
    what=namespace try unshare --mount true
    what=mount try sh -c 'mount -t tmpfs none /mnt && umount /mnt'
    what=suid try sh -c 'touch /run/suid && chmod u+s /run/suid'
    what=internet try perl -MSocket -e 'socket(my $s, PF_INET, SOCK_DGRAM, 0) or exit 1'
    what=local try perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or exit 1'
    what=no-new-privileges try grep --quiet 'NoNewPrivs:.1' /proc/self/status
} > "/run/look.$1"
# Each is 'KIND:[NUMBER]'.
for kind in mnt uts net ipc pid user cgroup; do readlink /proc/self/ns/$kind; done > "/run/namespaces.$1"
"#;

/// The namespaces of all looks are those of PID 1.
const SAME_NAMESPACES: &str = "for kind in mnt uts net ipc pid user cgroup; do readlink /proc/1/ns/$kind; done > /run/one\n\
    for of in /run/namespaces.*; do cmp $of /run/one; done";

/// All that a look says, with 'yes' for what is in the list.
fn looks(yes: &[&str]) -> BTreeMap<String, bool> {
    let all = "personality realtime namespace mount suid internet local no-new-privileges";
    all.split_whitespace()
        .map(|what| (what.to_owned(), yes.contains(&what)))
        .collect()
}

fn look_of(boot: &Boot, unit: &str) -> BTreeMap<String, bool> {
    let text = boot.shell(&format!("cat /run/look.{unit}")).unwrap();
    text.lines()
        .map(|line| {
            let (what, answer) = line.split_once(": ").unwrap();
            (what.to_owned(), answer == "yes")
        })
        .collect()
}

/// The exposure of each unit as the page has it, in tenths.
fn page() -> BTreeMap<String, u32> {
    let text = fs::read_to_string(source().join("docs/THREATS.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let unit = cells.get(1)?.trim_matches('`').strip_suffix(".service")?;
        Some((unit.to_owned(), tenths(cells.get(3)?)))
    });
    rows.collect()
}

fn tenths(number: &str) -> u32 {
    number.replace('.', "").parse().unwrap()
}

fn exposure(boot: &Boot, unit: &str) -> u32 {
    let answer = boot
        .shell(&format!(
            "systemd-analyze security --no-pager {unit}.service"
        ))
        .unwrap();
    let (_, last) = answer.rsplit_once("exposure level for").unwrap();
    tenths(last.split_whitespace().nth(1).unwrap())
}

/// A healthy machine on which each of our units looks around before its work.
fn looking(release: Release) -> Boot {
    let machine = Machine::builder().release(release).build("look").unwrap();
    machine
        .edit(|root| {
            write_plugin(root, "/usr/lib/test", "look", LOOK)?;
            for unit in ACTING.into_iter().chain([SETTLE, RESCUE]) {
                let work = match unit {
                    // Its work would be a rollback.
                    RESCUE => "ExecStart=\nExecStart=/bin/true\n",
                    _ => "",
                };
                write_file(
                    root,
                    format!("/etc/systemd/system/{unit}.service.d/test.conf"),
                    format!("[Service]\nExecStartPre=/usr/lib/test/look {unit}\n{work}"),
                )?;
            }
            Ok(())
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    // After a verdict they go away at once.
    for unit in ["failsafe", "deadline", "emergency", "rescue"] {
        boot.shell(&format!("systemctl start health-checker-{unit}"))
            .unwrap();
    }
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot
}

#[test]
fn closed_is_what_the_page_says_and_open_what_a_rollback_needs() {
    let page = page();
    let units: Vec<&str> = page.keys().map(String::as_str).collect();
    let mut ours: Vec<String> = fs::read_dir(source().join("units"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".service").map(str::to_owned))
        .collect();
    ours.sort();
    assert_eq!(units, ours, "docs/THREATS.md has a row for each service");
    for release in [Release::Trixie, Release::Bookworm] {
        let boot = looking(release);
        for (unit, allowed) in &page {
            let instance = unit.replace('@', "@any");
            let now = exposure(&boot, &instance);
            assert!(now <= *allowed, "{release:?} {unit}: {now} > {allowed}");
        }
        let open = ["namespace", "mount", "suid", "internet", "local"];
        for unit in ACTING {
            assert_eq!(look_of(&boot, unit), looks(&open), "{release:?} {unit}");
        }
        let settle = look_of(&boot, SETTLE);
        assert_eq!(
            settle,
            looks(&["local", "no-new-privileges"]),
            "{release:?}"
        );
        // All of it works here, so that it is the units that refuse it.
        let rescue = look_of(&boot, RESCUE);
        let all = [&open[..], &["personality", "realtime"]].concat();
        assert_eq!(rescue, looks(&all), "{release:?}");
        // No namespace: a kernel or a container that refuses one would keep the unit from starting.
        boot.shell(SAME_NAMESPACES).unwrap();
        boot.poweroff().unwrap();
    }
}

/// A machine with systemd 252 whose update is taken back in one boot, by the unit that is named.
fn taken_back(by: &str, edit: impl FnOnce(&Path) -> anyhow::Result<()>) {
    let machine = known_good_of(Release::Bookworm, by);
    let bad = machine.update(edit).unwrap();
    if by == "health-checker-arm" {
        // The first boot dies before its verdict.
        let mut boot = machine.boot().unwrap();
        boot.wait("the check", LIMIT, |boot| {
            Ok(boot.state_of("health-check@slow.service")? == "activating")
        })
        .unwrap();
        boot.kill().unwrap();
    }
    let (boots, last) = machine.run_to_end(4).unwrap();
    let all = [(bad, Ended::Rebooted), (1, Ended::StayedUp)];
    assert_eq!(course(&boots), all, "{by}");
    assert_good(&last, bad);
    last.poweroff().unwrap();
    let said = machine.journal(&["-u", by, "-o", "cat"]).unwrap();
    let rolled_back = ["rollback to", "back from snapshot"];
    assert!(rolled_back.iter().any(|text| said.contains(text)), "{said}");
}

#[test]
fn the_runner_rolls_back() {
    taken_back("health-checker", |root| write_file(root, BROKEN, ""));
}

#[test]
fn the_fail_safe_rolls_back() {
    let crash = "[Service]\nExecStart=\nExecStart=/bin/false\n";
    taken_back("health-checker-failsafe", |root| {
        let drop_in = "/etc/systemd/system/health-checker.service.d/test.conf";
        write_file(root, drop_in, crash)
    });
}

#[test]
fn arm_rolls_back_early() {
    taken_back("health-checker-arm", |root| {
        write_plugin(root, VENDOR_PLUGINS, "slow", "#!/bin/sh\nexec sleep 80\n")
    });
}

#[test]
fn the_deadline_rolls_back() {
    let hangs = "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nType=oneshot\n\
        ExecStart=/bin/sleep infinity\nTimeoutStartSec=infinity\n[Install]\nWantedBy=sysinit.target\n";
    taken_back("health-checker-deadline", |root| {
        let settings = "/etc/health-checker/health-checker.conf.d/test.conf";
        write_file(root, settings, "[Boot]\nDeadlineSec=10s\n")?;
        write_unit(root, "hangs.service", hangs)
    });
}

#[test]
fn the_emergency_hook_rolls_back() {
    taken_back("health-checker-emergency", |root| {
        let fstab = fs::read_to_string(root.join("etc/fstab"))?;
        let line = "/nowhere /srv/data ext4 x-systemd.device-timeout=1s 0 0\n";
        write_file(root, "/etc/fstab", format!("{fstab}{line}"))?;
        // Its job fails with what it requires, and nobody comes because of that.
        mask(root, "health-checker-failsafe.service");
        let drop_in = "/etc/systemd/system/health-checker.service.d/test.conf";
        write_file(root, drop_in, "[Unit]\nRequires=local-fs.target\n")
    });
}

#[test]
fn the_rescue_program_rolls_back() {
    taken_back("health-checker-rescue", |root| {
        write_file(root, "/usr/sbin/health-checker", "no program\n")
    });
}

#[test]
fn with_nothing_to_go_back_to_services_are_stopped() {
    let machine = Machine::builder()
        .release(Release::Bookworm)
        .build("stop")
        .unwrap();
    let plugin = "#!/bin/sh\ncase $1 in check) exit 1 ;; stop) touch /run/stopped ;; esac\n";
    machine
        .edit(|root| write_plugin(root, VENDOR_PLUGINS, "bad", plugin))
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("unhealthy", "stop"));
    boot.shell("test -e /run/stopped").unwrap();
    boot.poweroff().unwrap();
}
