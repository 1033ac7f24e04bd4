//! command-output, container, clock.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Fakes, probe};

#[test]
fn command_output_compares_status_and_text() {
    probe(&["command-output", "--", "true"])
        .healthy(&["'true' to give exit status 0; found exit status 0"]);
    probe(&["command-output", "--timeout", "0", "--", "false"])
        .unhealthy(&["found exit status 1, saying nothing"]);
    probe(&["command-output", "--status", "1", "--", "false"]).healthy(&[]);
    probe(&[
        "command-output",
        "--contains",
        "b",
        "--",
        "printf",
        "a\\nb\\n",
    ])
    .healthy(&["printing 'a b'"]);
    probe(&["command-output", "--equals", "b", "--", "echo", "b"]).healthy(&[]);
    probe(&[
        "command-output",
        "--equals",
        "b",
        "--timeout",
        "0",
        "--",
        "echo",
        "bb",
    ])
    .unhealthy(&["printing 'bb'"]);
    let killed = [
        "command-output",
        "--timeout",
        "0",
        "--",
        "sh",
        "-c",
        "echo oh no >&2; kill -9 $$",
    ];
    probe(&killed).unhealthy(&["found signal 9, saying 'oh no'"]);
    probe(&["command-output", "--", "no-such-program"])
        .unhealthy(&["no program 'no-such-program'"])
        .took(0.0, 2.0);
    probe(&["command-output", "--", "/etc/passwd"])
        .unhealthy(&["'/etc/passwd' cannot be started: Permission"]);
}

#[test]
fn command_output_uses_no_shell() {
    let directory = tempfile::tempdir().unwrap();
    let trap = directory.path().join("trap");
    let argument = format!("$(touch {0}); touch {0}", trap.display());
    probe(&[
        "command-output",
        "--contains",
        "$(touch",
        "--",
        "echo",
        &argument,
    ])
    .healthy(&[]);
    assert!(!trap.exists());
}

#[test]
fn command_output_runs_it_again_until_it_fits() {
    let fakes = Fakes::new(&[(
        "third-time",
        "echo x >> $FAKES/count; test $(wc -l < $FAKES/count) -ge 3 && echo lucky",
    )]);
    fakes
        .probe(&["command-output", "--contains", "lucky", "--", "third-time"])
        .healthy(&["'lucky'"]);
    assert_eq!(
        fs::read_to_string(fakes.path().join("count")).unwrap(),
        "x\nx\nx\n"
    );
}

#[test]
fn command_output_runs_a_slow_starter_again() {
    let fakes = Fakes::new(&[(
        "slow",
        "test -e $FAKES/warm && echo ready; test -e $FAKES/warm || { touch $FAKES/warm; sleep 1.5; exit 1; }",
    )]);
    fakes
        .probe(&[
            "command-output",
            "--contains",
            "ready",
            "--timeout",
            "4s",
            "--",
            "slow",
        ])
        .healthy(&["'ready'"]);
}

#[test]
fn command_output_says_the_time_that_it_really_waited() {
    // Each run takes most of the time: the second one is cut short, and does not hide the first.
    let script = "sleep 0.7; echo starting; exit 3";
    let ran = probe(&[
        "command-output",
        "--timeout",
        "1s",
        "--",
        "sh",
        "-c",
        script,
    ]);
    ran.unhealthy(&["exit status 3, saying 'starting' (waited 1"])
        .took(0.9, 3.0);
}

#[test]
fn command_output_kills_the_whole_group_at_the_timeout() {
    let directory = tempfile::tempdir().unwrap();
    let pid = directory.path().join("pid");
    let script = format!(
        "trap '' TERM; sleep 300 & echo $! > {}; echo started; wait",
        pid.display()
    );
    probe(&[
        "command-output",
        "--timeout",
        "1s",
        "--",
        "sh",
        "-c",
        &script,
    ])
    .unhealthy(&["'sh' not finished within", "saying 'started'"])
    .took(0.8, 4.0);
    let pid = fs::read_to_string(pid).unwrap();
    // The signal is sent when the probe ends; the process may need a moment to die of it.
    let is_gone = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    let start = Instant::now();
    while !is_gone() {
        assert!(start.elapsed() < Duration::from_secs(10), "still there");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn command_output_does_not_drown() {
    // 300 MB, of which one MiB is kept; it ends by itself.
    let flood = [
        "command-output",
        "--contains",
        "y",
        "--",
        "sh",
        "-c",
        "yes | head -c 300000000",
    ];
    probe(&flood).healthy(&["'y y y", "…'"]);
    // A flood that never ends is ended by the timeout.
    probe(&["command-output", "--timeout", "1s", "--", "yes"])
        .unhealthy(&["not finished"])
        .took(0.8, 5.0);
}

#[test]
fn command_output_does_not_wait_for_what_was_left_behind() {
    let script = "sleep 6 & echo done";
    let ran = probe(&[
        "command-output",
        "--contains",
        "done",
        "--",
        "sh",
        "-c",
        script,
    ]);
    ran.healthy(&["'done'"]).took(0.0, 5.0);
}

#[test]
fn containers_must_run_and_be_healthy() {
    let fakes = Fakes::new(&[(
        "podman",
        r#"test "$*" = "inspect --type=container -- $4" || { echo "unexpected: $*" >&2; exit 125; }
case "$4" in
web) echo '[{"State":{"Status":"running","Health":{"Status":"healthy"}}}]' ;;
plain) echo '[{"State":{"Status":"running"}}]' ;;
ill) echo '[{"State":{"Status":"running","Health":{"Status":"unhealthy"}}}]' ;;
*) echo "Error: no such container $4" >&2; exit 125 ;;
esac"#,
    )]);
    fakes
        .probe(&["container", "web", "plain"])
        .healthy(&["'web' running and healthy, 'plain' running, without"]);
    fakes
        .probe(&["container", "web", "ill", "--timeout", "0"])
        .unhealthy(&["'ill' running, but unhealthy"]);
    fakes
        .probe(&["container", "gone", "--timeout", "0"])
        .unhealthy(&["no such container gone"]);
    Fakes::new(&[])
        .probe_alone(&["container", "web"])
        .unhealthy(&["no program 'podman'"])
        .took(0.0, 2.0);
}

#[test]
fn the_clock_is_what_the_kernel_says() {
    let fakes = Fakes::new(&[(
        "timedatectl",
        "echo x >> $FAKES/count; test $(wc -l < $FAKES/count) -ge 2 && echo NTPSynchronized=yes || echo NTPSynchronized=no",
    )]);
    fakes
        .probe(&["clock"])
        .healthy(&["a synchronised clock; found"]);
    let never = Fakes::new(&[("timedatectl", "echo NTPSynchronized=no")]);
    never
        .probe(&["clock", "--timeout", "0"])
        .unhealthy(&["says it is not"]);
    let broken = Fakes::new(&[("timedatectl", "echo 'Failed to connect to bus' >&2; exit 1")]);
    broken
        .probe(&["clock", "--timeout", "0"])
        .unhealthy(&["Failed to connect to bus"]);
}

#[test]
fn the_watchdog_of_this_machine_is_read() {
    let ran = probe(&["watchdog"]);
    assert!(
        ran.status == 0 || ran.stderr.contains("has reset the machine"),
        "{ran:?}"
    );
}
