//! rpmdb and dpkg.

use crate::harness::Fakes;

const GOOD_RPM: &str = "test \"$1\" = -q && echo rpm-4.20.1";

#[test]
fn rpmdb_must_verify_and_not_be_empty() {
    let good = Fakes::new(&[("rpmdb", "test \"$*\" = --verifydb"), ("rpm", GOOD_RPM)]);
    good.probe(&["rpmdb"])
        .healthy(&["consistent RPM database", "'rpm-4.20.1'"]);
    let damaged = Fakes::new(&[
        (
            "rpmdb",
            "echo 'database disk image is malformed' >&2; exit 1",
        ),
        ("rpm", GOOD_RPM),
    ]);
    damaged
        .probe(&["rpmdb", "--timeout", "0"])
        .unhealthy(&["'rpmdb --verifydb' with exit status 1", "malformed"]);
    let empty = Fakes::new(&[
        ("rpmdb", "exit 0"),
        ("rpm", "echo 'package rpm is not installed'; exit 1"),
    ]);
    empty
        .probe(&["rpmdb", "--timeout", "0"])
        .unhealthy(&["'rpm -q rpm'", "is not installed"]);
    Fakes::new(&[])
        .probe_alone(&["rpmdb"])
        .unhealthy(&["no program 'rpmdb'"]);
}

#[test]
fn rpmdb_waits_for_a_transaction_that_runs() {
    let busy = Fakes::new(&[
        (
            "rpmdb",
            "echo x >> $FAKES/count; test $(wc -l < $FAKES/count) -ge 3 || { echo locked >&2; exit 1; }",
        ),
        ("rpm", GOOD_RPM),
    ]);
    busy.probe(&["rpmdb"]).healthy(&[]);
}

#[test]
fn dpkg_must_have_nothing_half_installed() {
    let own = ("dpkg-query", "echo 'installed 1.21.22'");
    Fakes::new(&[("dpkg", "exit 0"), own])
        .probe(&["dpkg"])
        .healthy(&["'dpkg 1.21.22'"]);
    let half = Fakes::new(&[
        (
            "dpkg",
            "echo 'The following packages are only half configured:'; echo ' man-db'",
        ),
        own,
    ]);
    half.probe(&["dpkg", "--timeout", "0"]).unhealthy(&[
        "'dpkg --audit' with exit status 0",
        "half configured: man-db",
    ]);
    let damaged = Fakes::new(&[
        ("dpkg", "echo 'parsing file status: error' >&2; exit 2"),
        own,
    ]);
    damaged
        .probe(&["dpkg", "--timeout", "0"])
        .unhealthy(&["exit status 2", "parsing file"]);
    let lost = Fakes::new(&[
        ("dpkg", "exit 0"),
        ("dpkg-query", "echo 'no packages found' >&2; exit 1"),
    ]);
    lost.probe(&["dpkg", "--timeout", "0"])
        .unhealthy(&["no package 'dpkg'", "no packages found"]);
}
