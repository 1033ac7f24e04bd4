//! unit and failed-units, with a systemctl that says what the test wants. (Real ones: the booted machines.)

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use crate::harness::Fakes;

/// A systemctl whose answers are files: the first argument behind `--` names it, a pattern by `glob`.
const SYSTEMCTL: &str = r#"
echo "$*" >> $FAKES/calls
case "$1" in
list-units) exec cat $FAKES/failed ;;
esac
while [ "$1" != -- ]; do shift; done
shift
for unit; do
    case "$unit" in *[*]*) unit=glob ;; esac
    test -x $FAKES/$unit && $FAKES/$unit || cat $FAKES/$unit
    echo
done
"#;

const RUNNING: &str =
    "LoadState=loaded\nActiveState=active\nSubState=running\nType=simple\nNRestarts=0\n";

fn systemd(units: &[(&str, &str)]) -> Fakes {
    let fakes = Fakes::new(&[("systemctl", SYSTEMCTL)]);
    for (unit, answer) in units {
        fs::write(fakes.path().join(unit), answer).unwrap();
    }
    fakes
}

fn calls(fakes: &Fakes) -> usize {
    fs::read_to_string(fakes.path().join("calls"))
        .unwrap()
        .lines()
        .count()
}

#[test]
fn a_unit_active_for_long_is_healthy_at_the_first_look() {
    let old = format!("Id=a.service\n{RUNNING}ActiveEnterTimestampMonotonic=1\n");
    let mount = "Id=b.mount\nLoadState=loaded\nActiveState=active\nSubState=mounted\n";
    let fakes = systemd(&[("a", &old), ("b.mount", mount)]);
    fakes.probe(&["unit", "a", "b.mount"]).healthy(&[
        "'a.service' active (running) for",
        "'b.mount' active (mounted)",
    ]);
    assert_eq!(calls(&fakes), 1);
}

#[test]
fn a_fresh_unit_is_looked_at_again_when_its_window_has_passed() {
    let fakes = systemd(&[]);
    // Started two seconds before the first look, whenever that is.
    let script = format!(
        "test -e $FAKES/start || echo $(( $(cut -d. -f1 /proc/uptime) - 2 ))000000 > $FAKES/start\n\
         printf 'Id=a.service\\n{}ActiveEnterTimestampMonotonic=%s\\n' $(cat $FAKES/start)",
        RUNNING.replace('\n', "\\n")
    );
    let unit = Fakes::new(&[("a", &script)]);
    fs::copy(unit.path().join("a"), fakes.path().join("a")).unwrap();
    let look_once = ["unit", "a", "--stable", "5s", "--timeout", "0"];
    fakes
        .probe(&look_once)
        .unhealthy(&["stable for 5s; found 'a.service' active (running) only for"]);
    fakes
        .probe(&["unit", "a", "--stable", "5s"])
        .healthy(&["active (running) for"])
        .took(1.0, 6.0);
    assert_eq!(
        calls(&fakes),
        3,
        "one look at the start, one at the end of the window"
    );
}

#[test]
fn what_cannot_get_better_fails_at_once() {
    let fakes = systemd(&[
        (
            "gone",
            "Id=gone.service\nLoadState=not-found\nActiveState=inactive\n",
        ),
        (
            "masked",
            "Id=masked.service\nLoadState=masked\nActiveState=inactive\n",
        ),
        (
            "failed",
            "Id=failed.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainCode=1\nExecMainStatus=3\nNRestarts=0\n",
        ),
    ]);
    fakes
        .probe(&["unit", "gone"])
        .unhealthy(&["unit 'gone' active", "'gone.service' does not exist"])
        .took(0.0, 3.0);
    fakes
        .probe(&["unit", "masked"])
        .unhealthy(&["is masked"])
        .took(0.0, 3.0);
    fakes
        .probe(&["unit", "failed", "gone"])
        .unhealthy(&["'failed.service' failed: exit-code, status 3, 'gone.service' does not exist"])
        .took(0.0, 3.0);
}

#[test]
fn what_may_get_better_is_waited_for() {
    let looping = "Id=loop.service\nLoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\nExecMainCode=1\nExecMainStatus=1\nNRestarts=7\n";
    let fakes = systemd(&[("loop", looping)]);
    fakes
        .probe(&["unit", "loop", "--stable", "0", "--timeout", "1s"])
        .unhealthy(&["in a crash loop: activating (auto-restart), exit-code, status 1, restarted 7 times (waited "])
        .took(0.5, 3.0);
    let slow = Fakes::new(&[(
        "slow",
        &format!(
            "echo x >> $FAKES/count; test $(wc -l < $FAKES/count) -ge 3 && printf 'Id=slow.service\\n{0}' || printf 'Id=slow.service\\n{1}'",
            RUNNING.replace('\n', "\\n"),
            RUNNING
                .replace('\n', "\\n")
                .replace("=active", "=activating")
                .replace("=running", "=start")
        ),
    )]);
    fs::copy(slow.path().join("slow"), fakes.path().join("slow")).unwrap();
    fakes
        .probe(&["unit", "slow"])
        .healthy(&["'slow.service' active (running)"]);
}

#[test]
fn patterns_need_a_match() {
    let fakes = systemd(&[("glob", "")]);
    fakes
        .probe(&["unit", "app@*", "--timeout", "0"])
        .unhealthy(&["no unit like 'app@*'"]);
    let unit = |name: &str| format!("Id={name}\n{RUNNING}ActiveEnterTimestampMonotonic=1\n");
    let fakes = systemd(&[(
        "glob",
        &[unit("app@1.service"), unit("app@2.service")].join("\n"),
    )]);
    fakes
        .probe(&["unit", "app@*"])
        .healthy(&["'app@1.service'", "'app@2.service'"]);
}

#[test]
fn the_window_must_fit_into_the_timeout() {
    let fakes = systemd(&[]);
    fakes
        .probe(&["unit", "a", "--stable", "1min"])
        .usage(&["'--stable 1min' does not fit into '--timeout 30s'"]);
}

#[test]
fn a_systemctl_that_fails_is_told() {
    let fakes = Fakes::new(&[("systemctl", "echo 'Failed to connect to bus' >&2; exit 1")]);
    fakes
        .probe(&["unit", "a", "--timeout", "0"])
        .unhealthy(&["'systemctl' with exit status 1", "Failed to connect"]);
    let silent = Fakes::new(&[("systemctl", "exit 0")]);
    silent
        .probe(&["unit", "a", "--timeout", "0"])
        .unhealthy(&["lacks units"]);
}

/// Whoever listens at systemd's own socket, and is not PID 1, is not asked; he could say what he likes.
#[test]
fn another_one_in_the_place_of_systemd_is_not_asked() {
    let old = format!("Id=a.service\n{RUNNING}ActiveEnterTimestampMonotonic=1\n");
    let fakes = systemd(&[("a", &old)]);
    let socket = fakes.path().join("private");
    let listener = UnixListener::bind(&socket).unwrap();
    let other = thread::spawn(move || {
        let mut said = Vec::new();
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"OK 0123456789abcdef\r\n");
        let _ = stream.read_to_end(&mut said);
        said
    });
    fakes
        .probe_with(&["unit", "a", "--timeout", "0"], socket.to_str().unwrap())
        .healthy(&["'a.service' active (running) for"]);
    assert_eq!(other.join().unwrap(), b"");
    assert_eq!(calls(&fakes), 1);
}

#[test]
fn failed_units_are_named() {
    let failed = "b.service loaded failed failed B\na.mount loaded failed failed A\nhealth-check@x.service loaded failed failed X\n";
    let fakes = systemd(&[("failed", failed)]);
    fakes
        .probe(&["failed-units", "--timeout", "0"])
        .unhealthy(&["no failed units; found 'a.mount', 'b.service'"]);
    fakes
        .probe(&["failed-units", "--timeout", "0", "--except", "*.mount"])
        .unhealthy(&["except '*.mount'; found 'b.service'"]);
    fakes
        .probe(&["failed-units", "--except", "b", "a.*"])
        .healthy(&["found only 'a.mount', 'b.service'"]);
    systemd(&[("failed", "")])
        .probe(&["failed-units"])
        .healthy(&["found none"]);
}
