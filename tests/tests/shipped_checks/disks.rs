//! Disks that take nothing any more: read-only after an error, and full.

use std::fs;

use crate::{LIMIT, assert_failed, at_boot, clean, connect, hurry};

/// After an error the kernel makes a file system read-only, while its mounts still look writable.
#[test]
fn a_superblock_that_turned_read_only_is_seen() {
    let machine = clean("superblock");
    machine
        .edit(|root| {
            at_boot(
                root,
                "ip link set lo up\nip route add default dev lo\njournalctl --relinquish-var\n\
                 until mount -o remount,ro /opt; do sleep 0.1; done",
            )?;
            hurry(root, &["etc-writable", "var-writable"])
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    // Nothing can be written down, so nothing is done.
    assert_eq!(status.verdict(), ("unhealthy", "none"));
    assert_failed(
        &boot,
        &status,
        "superblocks",
        "found a read-only superblock below",
    );
    assert_failed(&boot, &status, "var-writable", "'/var'");
    assert_failed(&boot, &status, "etc-writable", "'/etc'");
    drop(boot);
}

/// The disk is full, as a runaway log fills it: a few bytes still find room beside the metadata, the state does not.
#[test]
fn a_full_disk_is_seen_in_var() {
    let machine = clean("full");
    machine
        .edit(|root| {
            at_boot(
                root,
                "ip link set lo up\nip route add default dev lo\n\
                 journalctl --relinquish-var\nnumber=0\n\
                 for round in 1 2 3; do\n\
                 for size in 512M 64M 8M 1M 64K 4K; do\n\
                 while fallocate -l $size /var/filler-$number; do number=$((number + 1)); done\n\
                 done\n\
                 sync\n\
                 done",
            )?;
            hurry(root, &["etc-writable", "var-writable"])
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    let status = boot.status().unwrap();
    let full = "writing fails: No space left on device";
    assert_failed(
        &boot,
        &status,
        "var-writable",
        &format!("'/var' writable; found {full}"),
    );
    // It is one file system, and nothing but its space is missing.
    assert_eq!(status.failed(), ["etc-writable", "var-writable"]);
    assert_eq!(status.verdict(), ("unhealthy", "none"));
    boot.poweroff().unwrap();

    // Whoever makes room has a healthy machine.
    machine
        .edit(|root| {
            for file in fs::read_dir(root.join("var"))? {
                let path = file?.path();
                if path.to_string_lossy().contains("/filler-") {
                    fs::remove_file(path)?;
                }
            }
            connect(root)
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict(), ("healthy", "none"));
    boot.poweroff().unwrap();
}

/// Any user can fill `/tmp`: that takes no update back. What nobody can write to does.
#[test]
fn a_full_tmp_is_no_failure_and_a_read_only_one_is() {
    for (options, fails) in [("size=1M", false), ("ro", true)] {
        let machine = clean("tmp");
        let script = format!(
            "mount -o remount,{options} /tmp\n\
             setpriv --reuid=nobody --clear-groups sh -c 'cat /dev/zero > /tmp/filler || :'\n\
             ip link set lo up\nip route add default dev lo"
        );
        machine
            .edit(|root| {
                at_boot(root, &script)?;
                hurry(root, &["tmp-writable"])
            })
            .unwrap();
        let boot = machine.boot_until_verdict(LIMIT).unwrap();
        let status = boot.status().unwrap();
        assert_eq!(
            status.failed().contains(&"tmp-writable"),
            fails,
            "{status:#?}"
        );
        let full = "systemctl show -P ExecMainStatus health-check@tmp-writable";
        assert_eq!(boot.shell(full).unwrap() != "0\n", fails);
        let said = boot
            .journal(&["-b", "-u", "health-check@tmp-writable", "-o", "cat"])
            .unwrap();
        assert_eq!(said.contains("writable but full"), !fails, "{said}");
        boot.poweroff().unwrap();
    }
}
