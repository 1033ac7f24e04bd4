//! Plugins of the kind that the field has had for years, unchanged: six for services and file systems, called with
//! `check` and `stop`, and two that know no arguments at all. Written for this test, to the same contract.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use machine::Ended::StayedUp;
use machine::{
    ADMIN_PLUGINS, Boot, Machine, VENDOR_PLUGINS, course, lines, write_file, write_plugin,
    write_unit,
};

const LIMIT: Duration = Duration::from_secs(100);

/// While it is there, everything is broken.
const BROKEN: &str = "var/broken";

/// The frame that such plugins have.
fn plugin(check: &str, stop: &str) -> String {
    format!(
        "#!/bin/bash\n\nrun_checks() {{\n    {check}\n}}\n\nstop_services() {{\n    {stop}\n    echo $(basename $0) >> /run/stopped\n}}\n\n\
         case \"$1\" in\n    check)\n        run_checks\n        ;;\n    stop)\n        stop_services\n        ;;\n    *)\n        \
         echo \"Usage: $0 {{check|stop}}\"\n        exit 1\n        ;;\nesac\n\nexit 0\n"
    )
}

/// Says nothing about what is not enabled, and fails with the service.
fn service_plugin(service: &str) -> String {
    let check = format!(
        "systemctl is-enabled -q {service} || return\n    systemctl is-failed -q {service}\n    test $? -ne 1 && exit 1"
    );
    plugin(&check, &format!("systemctl stop {service}"))
}

const SERVICES: [&str; 3] = ["crio", "kubelet", "rebootmgr"];

fn install(root: &Path) -> Result<()> {
    for service in SERVICES {
        let name = format!("{service}.sh");
        write_plugin(root, VENDOR_PLUGINS, name, service_plugin(service))?;
        let unit = "[Service]\nType=exec\nExecStart=/bin/sh -c 'test -e /var/broken && exit 1; exec sleep infinity'\n[Install]\nWantedBy=multi-user.target\n";
        write_unit(root, &format!("{service}.service"), unit)?;
    }
    let mounted = "for path in $(awk '$3 == \"btrfs\" { print $2 }' /etc/fstab); do\n        \
                   findmnt $path > /dev/null || exit 1\n    done";
    let written = |directory: &str| {
        format!("file=$(mktemp -p {directory} health.XXXXXX) || exit 1\n    rm -f $file")
    };
    let classic = [
        ("btrfs-subvolumes-mounted.sh", mounted.to_owned()),
        ("etc-overlayfs.sh", written("/etc")),
        ("tmp.sh", written("/tmp")),
    ];
    for (name, check) in classic {
        write_plugin(root, VENDOR_PLUGINS, name, plugin(&check, ":"))?;
    }
    // Two that run the same whatever they are called with.
    let dns = "#!/bin/bash\nset -eo pipefail\nfor host in $(awk '/^deb/ { split($2, part, \"/\"); print part[3] }' /etc/apt/sources.list); do\n    \
               getent hosts $host || { echo \"$host is unknown\"; exit 1; }\ndone\n";
    write_plugin(root, ADMIN_PLUGINS, "01_repository_dns_check.sh", dns)?;
    let watchdog = "#!/bin/bash\nset -eo pipefail\nstatus=/srv/watchdog/bootstatus\n[ -f $status ] || { echo 'no watchdog'; exit 0; }\n\
                    [ $(($(cat $status) & 32)) -eq 0 ] || { echo 'reset by the watchdog'; exit 1; }\n";
    write_plugin(root, ADMIN_PLUGINS, "02_watchdog.sh", watchdog)?;
    write_file(
        root,
        "/etc/apt/sources.list",
        "deb http://updates.example/debian stable main\n",
    )?;
    // What breaks the rest of it.
    let breaks = "[Unit]\nConditionPathExists=/var/broken\nAfter=systemd-tmpfiles-setup.service\n[Service]\nType=oneshot\nExecStart=/usr/libexec/break\n";
    write_unit(root, "break.service", breaks)?;
    let script = "#!/bin/sh -e\nmount --bind /etc /etc\nmount -o remount,bind,ro /etc\nmount -t tmpfs -o ro tmpfs /tmp\numount -l /opt\n";
    write_plugin(root, "/usr/libexec", "break", script)
}

fn set_hosts(root: &Path, hosts: &str) -> Result<()> {
    write_file(
        root,
        "/etc/hosts",
        format!("127.0.0.1 localhost machine {hosts}\n"),
    )
}

fn results(boot: &Boot) -> Vec<(String, String)> {
    let status = boot.status().unwrap();
    let checks = status.0["checks"].as_array().unwrap();
    let word = |check: &serde_json::Value, key: &str| check[key].as_str().unwrap().to_owned();
    checks
        .iter()
        .map(|check| (word(check, "name"), word(check, "result")))
        .collect()
}

#[test]
fn they_run_unchanged() {
    let machine = Machine::new("classic").unwrap();
    machine
        .edit(|root| {
            install(root)?;
            set_hosts(root, "")?;
            write_file(root, "/srv/watchdog/bootstatus", "32\n")?;
            write_file(root, BROKEN, "")
        })
        .unwrap();

    // All fail, and as nothing is known to be good, all are told to stop.
    let (boots, boot) = machine.run_to_end(2).unwrap();
    assert_eq!(course(&boots), [(1, StayedUp)]);
    let failed = results(&boot);
    assert_eq!(failed.len(), 8, "{failed:?}");
    for (name, result) in &failed {
        assert_eq!(result, "failed", "{name}");
    }
    let status = boot.status().unwrap();
    assert_eq!(status.verdict(), ("unhealthy", "stop"));
    let stopped = "btrfs-subvolumes-mounted.sh\ncrio.sh\netc-overlayfs.sh\nkubelet.sh\nrebootmgr.sh\ntmp.sh\n";
    assert_eq!(boot.shell("sort /run/stopped").unwrap(), stopped);
    let details = lines(&status.step("stop")["details"]);
    assert!(details.contains("02_watchdog.sh: stop failed"), "{details}");
    boot.poweroff().unwrap();

    // Nothing is broken any more: all pass.
    machine
        .edit(|root| {
            fs::remove_file(root.join(BROKEN))?;
            write_file(root, "/srv/watchdog/bootstatus", "0\n")?;
            set_hosts(root, "updates.example")
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let passed = results(&boot);
    assert_eq!(passed.len(), 8, "{passed:?}");
    for (name, result) in &passed {
        assert_eq!(result, "passed", "{name}");
    }
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.shell(
        "systemctl is-active crio kubelet rebootmgr boot-complete.target; ! test -e /run/stopped",
    )
    .unwrap();
    boot.poweroff().unwrap();
}
