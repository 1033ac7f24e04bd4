//! GRUB's part: the pieces of `dist/grub` in a grub.cfg as Debian makes it, run by GRUB itself (grub-emu) with a real
//! environment block on a disk.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod emulated;

use emulated::{Booted, Grub};

const GOOD: [(&str, &str); 6] = [
    ("health_checker_tries", "1"),
    ("health_checker_good", "3"),
    ("health_checker_good_subvol", "@/.snapshots/3/snapshot"),
    ("health_checker_linux", "/vmlinuz-6.0.0-good"),
    ("health_checker_initrd", "/initrd.img-6.0.0-good"),
    ("health_checker_options", "root=LABEL=x quiet splash"),
];

const DEFAULT: &str = "/vmlinuz-6.1.0-test root=UUID=abcd ro net.ifnames=0";
const TRIAL: &str = " health-checker.boot=trial panic=60";
const FALLBACK: &str = "/vmlinuz-6.0.0-good root=LABEL=x quiet splash rootflags=subvol=@/.snapshots/3/snapshot \
    health-checker.boot=fallback panic=60";

fn good() -> Grub {
    let grub = Grub::new(&[]);
    grub.set(&GOOD);
    grub
}

/// It booted the default entry, as one that is counted.
fn assert_trial(booted: &Booted, left: &str) {
    assert_eq!(booted.linux, format!("{DEFAULT}{TRIAL} quiet"));
    assert_eq!(booted.left.as_deref(), Some(left));
}

/// It booted the default entry as if we were not there.
fn assert_plain(booted: &Booted, left: Option<&str>) {
    assert_eq!(booted.linux, format!("{DEFAULT} quiet"));
    assert_eq!(booted.left.as_deref(), left);
}

fn assert_fallback(booted: &Booted) {
    assert_eq!(booted.linux, FALLBACK);
    assert_eq!(booted.initrd, "/initrd.img-6.0.0-good");
    assert_eq!(booted.left.as_deref(), Some("0"));
}

#[test]
fn one_try_and_then_the_good_snapshot_until_it_was_judged() {
    let grub = good();
    assert_trial(&grub.boot(), "0");
    assert_fallback(&grub.boot());
    assert_fallback(&grub.boot());
    grub.unset("health_checker_left");
    assert_trial(&grub.boot(), "0");
}

#[test]
fn as_many_tries_as_granted() {
    let grub = good();
    grub.set(&[("health_checker_tries", "10")]);
    for left in (0..10).rev() {
        assert_trial(&grub.boot(), &left.to_string());
    }
    assert_fallback(&grub.boot());
}

#[test]
fn values_that_mean_nothing_are_one_try() {
    for (name, value) in [
        ("health_checker_tries", "eleven"),
        ("health_checker_left", "-1"),
    ] {
        let grub = good();
        grub.set(&[(name, value)]);
        assert_trial(&grub.boot(), "0");
    }
}

#[test]
fn without_a_good_snapshot_nothing_is_counted() {
    let grub = Grub::new(&[]);
    grub.set(&[("health_checker_tries", "1")]);
    assert_plain(&grub.boot(), None);
    grub.set(&[("health_checker_left", "0")]);
    assert_plain(&grub.boot(), Some("0"));
    // The good snapshot's kernel was removed meanwhile.
    grub.set(&GOOD);
    grub.remove("vmlinuz-6.0.0-good");
    assert_plain(&grub.boot(), Some("0"));
}

#[test]
fn without_a_block_to_write_to_nothing_is_counted() {
    let grub = good();
    grub.remove("grub/grubenv");
    assert_plain(&grub.boot(), None);
    let grub = Grub::new(&["STUB_FS=btrfs"]);
    grub.set(&GOOD);
    assert_plain(&grub.boot(), None);
}

#[test]
fn the_kernel_of_a_snapshot_comes_from_there() {
    let grub = good();
    grub.set(&[
        ("health_checker_linux", "/boot/vmlinuz"),
        ("health_checker_initrd", "/boot/initrd"),
        ("health_checker_left", "0"),
    ]);
    grub.unset("health_checker_options");
    let boot = grub.boot();
    let from = "/@/.snapshots/3/snapshot/boot";
    let rest = "root=UUID=abcd ro net.ifnames=0 rootflags=subvol=@/.snapshots/3/snapshot health-checker.boot=fallback panic=60";
    assert_eq!(boot.linux, format!("{from}/vmlinuz {rest}"));
    assert_eq!(boot.initrd, format!("{from}/initrd"));
}

#[test]
fn who_presses_a_key_is_left_alone() {
    let grub = good();
    // Down to the submenu, up again, and the same entry as by itself.
    let booted = grub.boot_by_hand("\x1b[B\x1b[A\r");
    assert_plain(&booted, None);
    // The good snapshot, while nothing is wrong: an old snapshot, not a fallback.
    let booted = grub.boot_by_hand("\x1b[F\r");
    let plain = FALLBACK.strip_suffix(" health-checker.boot=fallback panic=60");
    assert_eq!((Some(&*booted.linux), booted.left), (plain, None));
    // The default by hand, although GRUB would not.
    grub.set(&[("health_checker_left", "0")]);
    let booted = grub.boot_by_hand("\x1b[H\r");
    assert_plain(&booted, Some("0"));
}

#[test]
fn an_entry_asked_for_once_is_left_alone() {
    for left in ["1", "0"] {
        let grub = good();
        grub.set(&[("next_entry", "0"), ("health_checker_left", left)]);
        assert_plain(&grub.boot(), Some(left));
    }
}

#[test]
fn a_default_in_a_submenu_and_without_a_menu_counts_too() {
    for settings in [
        &["GRUB_DEFAULT=1>0"][..],
        &["GRUB_TIMEOUT=0"],
        &["GRUB_TIMEOUT_STYLE=hidden"],
    ] {
        let grub = Grub::new(settings);
        grub.set(&GOOD);
        assert_trial(&grub.boot(), "0");
        assert_fallback(&grub.boot());
    }
}

#[test]
fn what_the_administrator_wants_of_panic_and_savedefault_is_kept() {
    let grub = Grub::new(&[
        "GRUB_CMDLINE_LINUX_DEFAULT=panic=5",
        "GRUB_SAVEDEFAULT=true",
        "GRUB_DEFAULT=saved",
    ]);
    grub.set(&GOOD);
    let booted = grub.boot();
    assert_eq!(
        booted.linux,
        format!("{DEFAULT} health-checker.boot=trial panic=5")
    );
    assert!(
        grub.get("saved_entry")
            .unwrap()
            .starts_with("gnulinux-simple-")
    );
    assert_eq!(good().boot().linux, format!("{DEFAULT}{TRIAL} quiet"));
}
