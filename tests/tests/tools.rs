//! Scenario 13: the update broke what a rollback is made with. It happens nevertheless, and into the right snapshot.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod trouble;

use std::path::Path;

use machine::write_file;
use trouble::{
    broken_update, known_good, mask, mount_options, remove, replace, rollback_said, rolled_back,
};

const UPDATER: &str = "/usr/sbin/transactional-update";

/// What each tool said during the rollback of an update that broke some of them.
fn said(name: &str, edit: impl FnOnce(&Path)) -> Vec<String> {
    let machine = known_good(name);
    broken_update(&machine, edit);
    let last = rolled_back(&machine);
    let said = rollback_said(&last);
    last.poweroff().unwrap();
    println!("{name}: {said:?}");
    said
}

/// Which tool did it, if the ones before it failed.
fn tool(said: &[String]) -> &str {
    said.last().unwrap().split(':').next().unwrap()
}

#[test]
fn transactional_update_does_it_where_it_works() {
    let said = said("works", |_| {});
    assert_eq!((said.len(), tool(&said)), (1, "transactional-update"));
}

#[test]
fn transactional_update_missing() {
    let said = said("missing", |root| remove(root, UPDATER));
    assert_eq!((said.len(), tool(&said)), (2, "snapper without D-Bus"));
}

#[test]
fn transactional_update_failing() {
    let said = said("failing", |root| {
        replace(root, UPDATER, "#!/bin/sh\necho broken\nexit 1\n")
    });
    assert_eq!((said.len(), tool(&said)), (2, "snapper without D-Bus"));
    assert!(said[0].contains("broken"), "{said:?}");
}

#[test]
fn transactional_update_that_says_success_and_did_nothing() {
    let said = said("liar", |root| replace(root, UPDATER, "#!/bin/sh\nexit 0\n"));
    assert_eq!((said.len(), tool(&said)), (2, "snapper without D-Bus"));
}

#[test]
fn a_running_update_is_waited_for() {
    // The lock is held until the rollback was refused once: without waiting, another tool would have done it.
    let said = said("locked", |root| {
        let real = "/usr/sbin/transactional-update.real";
        std::fs::rename(root.join(&UPDATER[1..]), root.join(&real[1..])).unwrap();
        let wrapper = format!("#!/bin/sh\n{real} \"$@\" && exit\ntouch /run/refused\nexit 1\n");
        replace_new(root, UPDATER, &wrapper);
        let unit = "[Unit]\nBefore=health-checker.service\nDefaultDependencies=no\n[Service]\nType=notify\nNotifyAccess=all\n\
            ExecStart=/usr/bin/flock /run/transactional-update.pid sh -c 'systemd-notify --ready; until test -e /run/refused; do sleep 0.1; done'\n\
            [Install]\nWantedBy=multi-user.target\n";
        write_file(root, "/etc/systemd/system/update.service", unit).unwrap();
        let wants = root.join("etc/systemd/system/multi-user.target.wants/update.service");
        std::os::unix::fs::symlink("../update.service", wants).unwrap();
    });
    assert_eq!((said.len(), tool(&said)), (1, "transactional-update"));
}

fn replace_new(root: &Path, path: &str, script: &str) {
    write_file(root, path, "").unwrap();
    replace(root, path, script);
}

#[test]
fn snapperd_masked() {
    let said = said("masked", |root| mask(root, "snapperd.service"));
    assert_eq!((said.len(), tool(&said)), (2, "snapper without D-Bus"));
}

#[test]
fn dbus_does_not_know_snapper() {
    let service = "/usr/share/dbus-1/system-services/org.opensuse.Snapper.service";
    let said = said("unknown", |root| remove(root, service));
    assert_eq!((said.len(), tool(&said)), (2, "snapper without D-Bus"));
}

#[test]
fn snapper_removed() {
    let said = said("removed", |root| remove(root, "/usr/bin/snapper"));
    assert_eq!((said.len(), tool(&said)), (3, "btrfs"));
}

#[test]
fn snapshots_not_mounted() {
    let said = said("not-mounted", |root| mask(root, "\\x2esnapshots.mount"));
    assert_eq!((said.len(), tool(&said)), (3, "btrfs"));
}

#[test]
fn snapshots_mounted_read_only() {
    let said = said("read-only", |root| mount_options(root, "/.snapshots", "ro"));
    assert_eq!((said.len(), tool(&said)), (3, "btrfs"));
}

#[test]
fn no_tool_is_left_at_all() {
    // Not even mount(8), with which systemd mounts: the boot falls into emergency mode, without D-Bus and /var, so that
    // nothing can be written down either.
    let machine = known_good("nothing");
    broken_update(&machine, |root| {
        for tool in [
            UPDATER,
            "/usr/bin/snapper",
            "/usr/bin/btrfs",
            "/usr/bin/mount",
        ] {
            remove(root, tool);
        }
    });
    rolled_back(&machine).poweroff().unwrap();
}

#[test]
fn transactional_update_hanging() {
    let said = said("hanging", |root| {
        replace(root, UPDATER, "#!/bin/sh\ntrap '' TERM\nsleep 1000\n");
        // Its time limit is shorter in the program with fail points.
        trouble::install_fail_points(root);
    });
    assert_eq!((said.len(), tool(&said)), (2, "snapper without D-Bus"));
}
