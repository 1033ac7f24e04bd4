//! What somebody does who writes a check: new, verify, try, look, and be told of mistakes before the next boot is.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use machine::{ADMIN_PLUGINS, Boot, Machine, VENDOR_PLUGINS, write_file, write_plugin};

const LIMIT: Duration = Duration::from_secs(60);
const CHECKS: &str = "/etc/health-checker/checks.d";

fn booted(name: &str) -> (Machine, Boot) {
    let machine = Machine::new(name).unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    (machine, boot)
}

/// Runs a command that must end with this status.
fn said(boot: &Boot, status: i32, command: &str) -> String {
    let (code, text) = boot.try_shell(command).unwrap();
    assert_eq!(code, Some(status), "'{command}': {text}");
    text
}

#[test]
fn a_new_check_is_tried_changed_and_seen_in_the_next_boot() {
    let (machine, boot) = booted("new");
    assert!(said(&boot, 0, "health-checker verify --strict").contains("nothing is wrong"));
    let wrote = said(&boot, 0, "health-checker new bus --unit dbus --wanted");
    assert!(
        wrote.contains("'/etc/health-checker/checks.d/bus.check'"),
        "{wrote}"
    );
    // Word for word what it says.
    let try_it = wrote
        .lines()
        .find_map(|line| line.split_once("consequences:"))
        .unwrap()
        .1;
    let tried = said(&boot, 0, try_it);
    assert!(!tried.contains("daemon-reload"), "it was done: {tried}");
    assert!(tried.contains("bus passed"), "{tried}");
    assert!(
        tried.contains("dbus.service"),
        "the probe says what it found: {tried}"
    );
    said(
        &boot,
        0,
        &format!("health-checker verify --strict {CHECKS}/bus.check"),
    );

    let list = boot.json("health-checker list --json").unwrap();
    let check = &list["checks"][0];
    assert_eq!(check["name"], "bus", "{list}");
    assert_eq!(check["severity"], "wanted");
    assert_eq!(check["settings"]["units"][0], "dbus.service");
    assert_eq!(check["sources"][0], format!("{CHECKS}/bus.check"));
    let table = said(&boot, 0, "health-checker list");
    assert!(table.contains("RestartUnits=dbus.service"), "{table}");

    // Changed while it is loaded: first the old one with a warning, then what the file says.
    boot.shell(&format!("sed -i s/^UnitActive=.*/UnitActive=nothing.service/ {CHECKS}/bus.check; printf 'StableSec=1s\nTimeoutSec=7s\n' >> {CHECKS}/bus.check"))
        .unwrap();
    let old = said(&boot, 0, "health-checker check bus");
    assert!(old.contains("'systemctl daemon-reload'"), "{old}");
    let changed = said(
        &boot,
        1,
        "systemctl daemon-reload && health-checker check bus",
    );
    assert!(
        changed.contains("bus failed") && changed.contains("nothing.service"),
        "{changed}"
    );

    // Tried without a reload, changed and tried again: never the old one.
    said(
        &boot,
        0,
        "health-checker new quick --command '/bin/echo one' --wanted",
    );
    assert!(said(&boot, 0, "health-checker check quick").starts_with("one\n"));
    boot.shell(&format!(
        "sed -i 's/echo one/echo two/' {CHECKS}/quick.check"
    ))
    .unwrap();
    assert!(said(&boot, 0, "health-checker check quick").starts_with("two\n"));
    boot.shell(&format!(
        "sed -i 's/echo two/echo three/' {CHECKS}/quick.check; systemctl daemon-reload"
    ))
    .unwrap();
    assert!(said(&boot, 0, "health-checker check quick").starts_with("three\n"));
    boot.poweroff().unwrap();

    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    assert_eq!(boot.status().unwrap().verdict().0, "degraded");
    boot.poweroff().unwrap();
}

#[test]
fn output_is_shown_while_a_check_runs() {
    let (_machine, boot) = booted("live");
    let waits =
        "#!/bin/sh\\necho begun\\nwhile ! test -e /run/go; do sleep 0.1; done\\necho ended\\n";
    let write =
        format!("cd {ADMIN_PLUGINS}; printf '{waits}' > waits; chmod +x waits; cp waits again");
    boot.shell(&format!("mkdir -p {ADMIN_PLUGINS}; {write}"))
        .unwrap();
    // It ends only after its first line was read.
    let script = "health-checker check waits > /run/out & \
                  for i in $(seq 200); do grep -q begun /run/out && touch /run/go && break; sleep 0.1; done; \
                  wait $!; test -e /run/go; cat /run/out";
    let text = boot.shell(script).unwrap();
    assert!(text.starts_with("begun\nended\nwaits passed in "), "{text}");
    // Two at once are told apart, also when one is named twice.
    let text = said(&boot, 0, "health-checker check waits again waits");
    for part in [
        "waits: ended",
        "again: ended",
        "waits passed",
        "again passed",
    ] {
        assert_eq!(text.matches(part).count(), 1, "'{part}': {text}");
    }
    boot.poweroff().unwrap();
}

#[test]
fn mistakes_are_named_with_their_place() {
    let machine = Machine::new("verify").unwrap();
    machine
        .edit(|root| {
            write_file(
                root,
                format!("{CHECKS}/web.check"),
                "[Unit]\nAfter=shop.service\nWantz=x\n[Check]\nExec=/no/such/program\nSeverity=wanted\n",
            )?;
            write_file(root, "/root/typo.check", "[Check]\nHttpGett=http://localhost/\n")?;
            write_file(root, "/root/good.check", "[Check]\nExec=/bin/true\n")?;
            write_plugin(root, VENDOR_PLUGINS, "careless", "#!/bin/sh\n")?;
            write_plugin(root, VENDOR_PLUGINS, "broken", "#!/bin/bash5\n")
        })
        .unwrap();
    let boot = machine.boot_until_verdict(LIMIT).unwrap();
    // Before it is installed, by a relative path, without root.
    let typo = said(
        &boot,
        1,
        "cp /root/*.check /tmp; cd /tmp; setpriv --reuid=nobody --clear-groups health-checker verify ./typo.check good.check",
    );
    assert!(
        typo.starts_with("./typo.check:2: error: ") && typo.contains("did you mean 'HttpGet='?"),
        "{typo}"
    );
    assert!(!typo.contains("good.check:"), "{typo}");
    said(&boot, 0, "health-checker verify --strict /root/good.check");

    let web = said(
        &boot,
        2,
        &format!("health-checker verify --strict {CHECKS}/web.check"),
    );
    for (line, part) in [
        (2, "there is no unit 'shop.service'"),
        (3, "'Wantz'"),
        (5, "/no/such/program"),
    ] {
        let place = format!("{CHECKS}/web.check:{line}: warning: ");
        assert!(
            web.lines()
                .any(|line| line.starts_with(&place) && line.contains(part)),
            "'{place}{part}': {web}"
        );
    }
    said(
        &boot,
        0,
        &format!("health-checker verify {CHECKS}/web.check"),
    );

    let all = said(&boot, 1, "health-checker verify");
    let broken = format!("{VENDOR_PLUGINS}/broken:1: error: its interpreter '/bin/bash5'");
    assert!(all.contains(&broken), "{all}");
    assert!(
        !all.contains("careless") && !all.contains("health-checker.service"),
        "{all}"
    );
    let run = said(
        &boot,
        0,
        &format!("health-checker verify --run {VENDOR_PLUGINS}/careless"),
    );
    assert!(
        run.contains("careless: warning: answers the unknown verb"),
        "{run}"
    );

    // A check that is not disabled although somebody believes so.
    boot.shell("printf '[Checks]\\nDisable=broken\\nDisable=careles\\n' >> /etc/health-checker/health-checker.conf")
        .unwrap();
    let all = said(&boot, 1, "health-checker verify");
    let place = "/etc/health-checker/health-checker.conf:5: warning: 'Disable=': ";
    assert!(
        all.contains(&format!(
            "{place}there is no check 'careles'; did you mean 'careless'?"
        )) && !all.contains("no check 'broken'"),
        "{all}"
    );

    boot.shell("echo Nonsense=1 >> /etc/health-checker/health-checker.conf")
        .unwrap();
    let all = said(&boot, 1, "health-checker verify");
    assert!(
        all.contains("/etc/health-checker/health-checker.conf:6: error: "),
        "{all}"
    );
    boot.poweroff().unwrap();
}

#[test]
fn cycles_masks_and_half_enabled_units_are_found() {
    let (_machine, boot) = booted("verify-units");
    boot.shell(&format!(
        "printf '[Unit]\\nAfter=late.service\\n[Check]\\nExec=/bin/true\\n' > {CHECKS}/ring.check"
    ).replace("printf", &format!("mkdir -p {CHECKS}; printf")))
    .unwrap();
    let unit = "[Unit]\nAfter=health-check@ring.service\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";
    boot.shell(&format!(
        "printf '{unit}' > /etc/systemd/system/late.service; systemctl --quiet enable late.service"
    ))
    .unwrap();
    let cycle = said(&boot, 1, "health-checker verify");
    let place = format!("{CHECKS}/ring.check: error: ordering cycle of ");
    assert!(
        cycle.starts_with(&place) && cycle.contains("'late.service'"),
        "{cycle}"
    );
    // Also of a file that is not installed yet.
    boot.shell(&format!("mv {CHECKS}/ring.check /root/"))
        .unwrap();
    assert!(said(&boot, 0, "health-checker verify").contains("nothing is wrong"));
    let cycle = said(&boot, 1, "health-checker verify /root/ring.check");
    assert!(
        cycle.starts_with("/root/ring.check: error: ordering cycle"),
        "{cycle}"
    );
    boot.shell("systemctl --quiet disable late.service; rm /etc/systemd/system/late.service")
        .unwrap();

    for (before, status, part) in [
        (
            "systemctl mask health-check-settle.service",
            1,
            "'systemctl unmask health-check-settle.service'",
        ),
        (
            "systemctl unmask health-check-settle.service; systemctl disable health-checker",
            2,
            "'systemctl enable health-checker.service'",
        ),
        (
            "systemctl add-wants multi-user.target health-checker.service",
            1,
            "'systemctl reenable health-checker.service'",
        ),
        (
            "systemctl reenable health-checker.service; systemctl mask health-checker.service",
            1,
            "with boot counting none is ever called good: 'systemctl unmask",
        ),
    ] {
        boot.shell(&format!("{before} 2> /dev/null")).unwrap();
        let text = said(&boot, status, "health-checker verify --strict");
        assert!(text.contains(part), "after '{before}': {text}");
    }
    boot.shell("systemctl unmask health-checker.service")
        .unwrap();
    said(&boot, 0, "health-checker verify --strict");
    boot.poweroff().unwrap();
}

#[test]
fn wrong_input_is_answered_with_what_would_be_right() {
    let (_machine, boot) = booted("wrong-input");
    for (command, status, part) in [
        ("new two\\ words --unit dbus", 1, "how about 'two-words'?"),
        ("new nothing", 1, "There is no unit 'nothing.service'"),
        ("new a --tcp here", 1, "'here' is not HOST:PORT"),
        ("new a --command 'x | y'", 1, "use '--script'"),
        ("new a --unit b --tcp c:1", 2, "cannot be used with"),
        ("new", 2, "<NAME>"),
        (
            "verify /no/such.check",
            1,
            "/no/such.check: error: cannot be read",
        ),
        ("verify --strct", 2, "'--strict'"),
        ("check nobody", 1, "'health-checker list'"),
    ] {
        let text = said(&boot, status, &format!("health-checker {command}"));
        assert!(text.contains(part), "'{command}': {text}");
    }
    let left = boot.try_shell(&format!("ls -A {CHECKS}")).unwrap().1;
    assert!(!left.contains(".check\n"), "{left}");
    // Twice: the second one is told what to do.
    said(&boot, 0, "health-checker new mine --script");
    let twice = said(&boot, 1, "health-checker new mine --script");
    assert!(
        twice.contains("exists already") && twice.contains("'--force'"),
        "{twice}"
    );
    let tried = said(&boot, 0, "health-checker check mine");
    assert!(tried.contains("mine passed"), "{tried}");
    said(&boot, 0, "health-checker verify --run --strict");
    boot.poweroff().unwrap();
}
